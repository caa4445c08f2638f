"""Engines turn a picture, a song and settings into frames; all stand behind the `Engine` interface."""

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

from s2v_nb.engines.base import Engine, Notice, Plan, Request, Work
from s2v_nb.engines.choice import FALLBACK, RANKED, Chosen, Limits, choose
from s2v_nb.errors import InputError
from s2v_nb.settings import Settings

__all__ = [
    "ENGINES", "RANKED", "Chosen", "Engine", "EngineCard", "Limits", "Notice", "Plan", "Request", "Work",
    "choose_engine", "engine_cards", "get_engine",
]  # fmt: skip

ENGINES = {  # name -> module:class, imported when used
    "preview": "s2v_nb.engines.preview:PreviewEngine",
    "wan-ti2v-5b": "s2v_nb.engines.wan.ti2v:CoverArtEngine",
    "wan-s2v-14b": "s2v_nb.engines.wan.s2v:SingerEngine",
}


def get_engine(name: str, settings: Settings | None = None, limits: Limits | None = None) -> Engine:
    """The engine called ``name``; 'auto' is the best one that can run here, see `choose_engine`.

    Raises
    ------
    InputError
        If there is none of that name; whether it can run here is asked of its `refusal`.
    """
    return choose_engine((settings or Settings()).but(engine=name), limits).engine


def choose_engine(settings: Settings, limits: Limits | None = None) -> Chosen:
    """The engine that makes a clip of these settings; of 'auto' also why it is not a better one.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if settings.engine != "auto":
        return Chosen(_engine(settings.engine))
    ranked = [_engine(name) for name in RANKED]
    return choose(ranked, _engine(FALLBACK), settings, limits or Limits())


@lru_cache(maxsize=16)
def _engine(name: str) -> Engine:
    if name not in ENGINES:
        raise InputError("engine.unknown", value=name, allowed=", ".join(["auto", *ENGINES]))
    module, _, attribute = ENGINES[name].partition(":")
    return getattr(import_module(module), attribute)()


@dataclass(frozen=True)
class EngineCard:
    """An engine as a person chooses it: what it is for and what it needs here, in English and Chinese.

    ``refusal`` says why it cannot run on this machine; None where it can. ``controls`` says what the sliders do, where
    that is something of its own.
    """

    name: str
    about: tuple[str, str]
    refusal: Notice | None
    controls: tuple[str, str] | None = None


def engine_cards() -> list[EngineCard]:
    """All engines, those that cannot run here too."""
    return [_card(name) for name in ENGINES]


def _card(name: str) -> EngineCard:
    engine = _engine(name)
    return EngineCard(name, engine.about, engine.refusal(), getattr(engine, "controls", None))
