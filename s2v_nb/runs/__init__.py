"""One clip's life on disk: a folder named by what it computes, finished parts kept, the clip last, in one rename."""

from s2v_nb.runs.clip import Clip
from s2v_nb.runs.generation import generate, replay

__all__ = ["Clip", "generate", "replay"]
