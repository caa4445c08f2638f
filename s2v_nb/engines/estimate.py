"""What a clip will take, told before the click: from the engine's plan, corrected by what clips really took here."""

import statistics
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from s2v_nb.engines import Limits, Notice, choose_engine, get_engine
from s2v_nb.session import cache_folder, memory_limit
from s2v_nb.settings import Settings
from s2v_nb.storage import parse_json, write_json

REMEMBERED = 7  # clips of an engine whose speed is remembered
DEFAULT_IMAGE = (1920, 1080)


@dataclass(frozen=True)
class Estimate:
    """Expected ``seconds``, peak ``memory_bytes`` and ``money`` (None without a price); ``fits`` in this machine.

    ``measured`` says that the seconds rest on clips that were made here. ``engine`` is the one that makes the clip,
    ``passed_over`` says why 'auto' is not a better one.
    """

    seconds: float
    memory_bytes: int
    money: float | None
    fits: bool
    measured: bool
    engine: str
    passed_over: tuple[Notice, ...] = ()


def estimate(
    settings: Settings,
    *,
    image_size: tuple[int, int] | None = None,
    price_per_hour: float = 0.0,
    limits: Limits | None = None,
) -> Estimate:
    """What a clip with these settings will take on this machine; fast, for it follows every slider.

    ``limits`` decides which engine 'auto' is.

    Raises
    ------
    InputError
        If the engine is unknown.
    """
    chosen = choose_engine(settings, limits)
    engine = chosen.engine
    seconds, memory = engine.estimate(settings, image_size or DEFAULT_IMAGE)
    ratios = _ratios().get(engine.name, [])
    seconds *= statistics.median(ratios) if ratios else 1.0
    money = seconds * price_per_hour / 3600 if price_per_hour > 0 else None
    fits = memory < memory_limit()
    return Estimate(seconds, memory, money, fits, bool(ratios), engine.name, chosen.passed_over)


def learn(settings: Settings, image_size: tuple[int, int], seconds: float) -> None:
    """Remember how long a clip really took, against what the engine had said."""
    engine = get_engine(settings.engine, settings)
    said, _ = engine.estimate(settings, image_size)
    ratios = _ratios()
    ratios[engine.name] = [*ratios.get(engine.name, []), round(seconds / said, 4)][-REMEMBERED:]
    with suppress(OSError):  # a guess that stays a guess must not fail a finished clip
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_json(_file(), ratios)


def _file() -> Path:
    return cache_folder() / "speeds.json"


def _ratios() -> dict[str, list[float]]:
    """Engine to measured seconds / said seconds of its last clips; what cannot be read counts as nothing."""
    with suppress(OSError, ValueError, AttributeError, TypeError):
        values = parse_json(_file().read_text(encoding="utf-8"))
        return {str(name): [float(r) for r in some if 0 < float(r) < 1000] for name, some in values.items()}
    return {}
