"""Weights of networks: where they come from, how they are checked, where they are kept, how they fit in memory."""

from s2v_nb.models.cache import unload

__all__ = ["unload"]
