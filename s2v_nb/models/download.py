"""Bringing a model to the disk once, and only ever a whole one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from s2v_nb.models.catalog import Model
from s2v_nb.models.store import located

__all__ = ["fetch", "located"]


def fetch(model: Model, *, progress: Callable[..., Any] | None = None, accept_licence: bool = False) -> dict[str, Path]:
    """Role to folder, as `located`; downloads what is missing."""
    found = located(model)
    if found is None:
        raise NotImplementedError  # replaced within the hour
    return found
