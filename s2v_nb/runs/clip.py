"""`Clip`: an MP4 and everything needed to make it again."""

import html
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from s2v_nb.engines import Notice
from s2v_nb.errors import say
from s2v_nb.rhythm import Rhythm
from s2v_nb.runs.spec import Spec, find_spec
from s2v_nb.settings import Settings

if TYPE_CHECKING:
    from moviepy import VideoFileClip


@dataclass(frozen=True)
class Clip:
    """A finished clip. As the last line of a notebook cell it plays by itself (muted, as browsers ask).

    ``notes`` are what the person should know, ``seconds`` is the time it took, ``cached`` says that it was there
    already.
    """

    path: Path
    spec: Spec
    notes: tuple[Notice, ...] = ()
    seconds: float = 0.0
    cached: bool = False

    @classmethod
    def open(cls, path: str | Path) -> "Clip":
        """A clip made earlier; InputError if the file does not say how it was made."""
        path = Path(path)
        return cls(path, find_spec(path))

    @property
    def notices(self) -> tuple[str, ...]:
        """The notes as sentences in the person's language."""
        return tuple(say(note.key, **note.values) for note in self.notes)

    @property
    def settings(self) -> Settings:
        return self.spec.settings

    @property
    def rhythm(self) -> Rhythm:
        """The rhythm the clip follows, times from the clip's start."""
        return Rhythm.from_dict(self.spec.rhythm)

    def moviepy(self) -> "VideoFileClip":
        """The clip in moviepy, for further editing."""
        from moviepy import VideoFileClip

        return VideoFileClip(str(self.path))

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        width, height = self.settings.size
        return {
            "clip": str(self.path),
            "width": width,
            "height": height,
            "fps": self.settings.fps,
            "frames": self.spec.num_frames,
            "duration": self.spec.num_frames / self.settings.fps,
            "tempo": self.spec.rhythm["tempo"],
            "engine": self.spec.engine,
            "notices": list(self.notices),
            "seconds": round(self.seconds, 3),
            "cached": self.cached,
        }

    def _repr_html_(self) -> str:
        # a relative path plays in outputs, after a reload and in untrusted notebooks; an absolute one does not
        source = html.escape(quote(os.path.relpath(self.path).replace(os.sep, "/")), quote=True)
        notes = "".join(f"<p>{html.escape(notice)}</p>" for notice in self.notices)
        return f'<video src="{source}" controls autoplay muted loop playsinline style="max-width:100%"></video>{notes}'
