"""Engines turn a picture, a song and settings into frames; all stand behind the `Engine` interface."""

from importlib import import_module

from s2v_nb.engines.base import Engine, Notice, Plan, Request
from s2v_nb.errors import InputError

__all__ = ["ENGINES", "Engine", "Notice", "Plan", "Request", "get_engine"]

ENGINES = {"preview": "s2v_nb.engines.preview:PreviewEngine"}  # name -> module:class, imported when used


def get_engine(name: str) -> Engine:
    """The engine called ``name``; 'auto' is the best one that can run here."""
    chosen = "preview" if name == "auto" else name
    if chosen not in ENGINES:
        raise InputError("engine.unknown", value=name, allowed=", ".join(["auto", *ENGINES]))
    module, _, attribute = ENGINES[chosen].partition(":")
    return getattr(import_module(module), attribute)()
