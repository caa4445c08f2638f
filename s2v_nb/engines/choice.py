"""Which engine 'auto' is: the best one that this machine can run within what the person wants to spend."""

import math
from dataclasses import dataclass

from s2v_nb.engines.base import Engine, Notice
from s2v_nb.errors import InputError
from s2v_nb.settings import Settings

# The best first. The singer is not among them: it is for pictures of somebody who sings, which only the person knows.
RANKED = ("wan-ti2v-5b",)
FALLBACK = "preview"


@dataclass(frozen=True)
class Limits:
    """What one clip may take: ``seconds`` of computing, ``money`` at ``price_per_hour``; infinite where it is open.

    Raises
    ------
    InputError
        If a limit is negative or no number.
    """

    seconds: float = math.inf
    money: float = math.inf
    price_per_hour: float = 0.0

    def __post_init__(self) -> None:
        for name in ("seconds", "money", "price_per_hour"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise InputError("settings.number", name=name, value=value, low=0, high="∞", unit="")

    def refusal(self, engine: str, seconds: float) -> Notice | None:
        """Why a clip that takes so long is too much, None where it is not."""
        if seconds > self.seconds:
            return Notice("engine.too_slow", {"engine": engine, "minutes": seconds / 60, "limit": self.seconds / 60})
        money = seconds * self.price_per_hour / 3600
        if money > self.money:
            return Notice("engine.too_dear", {"engine": engine, "money": money, "limit": self.money})
        return None


@dataclass(frozen=True)
class Chosen:
    """An engine, and what kept better ones from being it."""

    engine: Engine
    passed_over: tuple[Notice, ...] = ()


def choose(candidates: list[Engine], fallback: Engine, settings: Settings, limits: Limits) -> Chosen:
    """The first of the candidates that can make a clip of these settings within the limits, else the fallback."""
    reasons: list[Notice] = []
    for engine in candidates:
        reason = (
            engine.refusal()
            or _misfit(engine, settings)
            or _missing_weights(engine, settings)
            or _beyond(engine, settings, limits)
        )
        if reason is None:
            return Chosen(engine, tuple(reasons))
        reasons.append(reason)
    return Chosen(fallback, tuple(reasons))


def _misfit(engine: Engine, settings: Settings) -> Notice | None:
    misfit = getattr(engine, "misfit", lambda settings: None)
    return misfit(settings)


def _missing_weights(engine: Engine, settings: Settings) -> Notice | None:
    is_here = getattr(engine, "is_here", lambda settings: True)
    if is_here(settings):
        return None
    return Notice("engine.no_weights", {"engine": engine.name, "model": engine.model(settings).key})  # type: ignore[attr-defined]


def _beyond(engine: Engine, settings: Settings, limits: Limits) -> Notice | None:
    seconds, _ = engine.estimate(settings, (1920, 1080))
    return limits.refusal(engine.name, seconds)
