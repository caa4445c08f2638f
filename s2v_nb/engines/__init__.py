"""Engines turn a picture, a song and settings into frames; all stand behind the `Engine` interface."""

from dataclasses import dataclass
from importlib import import_module

from s2v_nb.engines.base import Engine, Notice, Plan, Request
from s2v_nb.errors import InputError

__all__ = ["ENGINES", "Engine", "EngineCard", "Notice", "Plan", "Request", "engine_cards", "get_engine"]

ENGINES = {"preview": "s2v_nb.engines.preview:PreviewEngine"}  # name -> module:class, imported when used


def get_engine(name: str) -> Engine:
    """The engine called ``name``; 'auto' is the best one that can run here."""
    chosen = "preview" if name == "auto" else name
    if chosen not in ENGINES:
        raise InputError("engine.unknown", value=name, allowed=", ".join(["auto", *ENGINES]))
    module, _, attribute = ENGINES[chosen].partition(":")
    return getattr(import_module(module), attribute)()


@dataclass(frozen=True)
class EngineCard:
    """An engine as a person chooses it: what it is for and what it needs here, in English and Chinese.

    ``refusal`` says why it cannot run on this machine; None where it can.
    """

    name: str
    about: tuple[str, str]
    refusal: Notice | None


def engine_cards() -> list[EngineCard]:
    """All engines, those that cannot run here too."""
    return [EngineCard(name, engine.about, engine.refusal()) for name in ENGINES for engine in [get_engine(name)]]
