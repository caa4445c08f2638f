"""How events meet beats: signed lag, phase locking, precision and recall, and the scores of the field.

All times are seconds from the clip's start. A number alone says little: `chance` has what chance gives.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from s2v_nb.alignment import table
from s2v_nb.rhythm.types import validate_times

WINDOW_SECONDS = 0.07  # MIREX and mir_eval's window
SIGMA_SECONDS = 0.05  # AIST++ has 3 frames of its 60 a second; seconds serve every frame rate


@dataclass(frozen=True)
class Match:
    """Share of events that meet a beat, of beats that are met, and their harmonic mean; each 0 to 1."""

    precision: float
    recall: float
    f: float


@dataclass(frozen=True)
class Measures:
    """All that is said of how events meet beats; each 0 to 1, ``r_bar`` None with fewer than two downbeats.

    ``precision``, ``recall`` and ``f`` as in `match`; ``r``, ``r_half`` and ``r_bar`` are `phase_locking` at the level
    of beats, half beats and bars; ``aist_motion`` and ``aist_music`` are `beat_alignment` seen from the motion events
    (the original) and from the beats; ``av_align`` is `av_align`.
    """

    precision: float
    recall: float
    f: float
    r: float
    r_half: float
    r_bar: float | None
    aist_motion: float
    aist_music: float
    av_align: float


MEASURES = tuple(each.name for each in fields(Measures))


def near_beats(events: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """The events that lie within the beats' span, half a beat beyond the ends included."""
    validate_times("beats", beats, at_least=2)
    inside = table.near(events[None], beats)[0]
    return inside[inside < table.FAR]


def signed_lags(events: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Seconds from the nearest beat to each event, positive = late; shape (n_events,)."""
    right = np.clip(np.searchsorted(beats, events), 1, len(beats) - 1)
    nearest = np.where(events - beats[right - 1] <= beats[right] - events, right - 1, right)
    return events - beats[nearest]


def phase_locking(events: np.ndarray, beats: np.ndarray, per_beat: int = 1) -> float:
    """R = |mean exp(2 pi i phase)|, 0 (spread evenly) to 1 (always at the same place of the beat); 0 without events.

    ``per_beat`` = 2 asks at the level of half beats. Mardia and Jupp, "Directional statistics", 2000.
    """
    return float(abs((table.phasors(events[None], beats) ** per_beat).mean())) if len(events) else 0.0


def on_beat(events: np.ndarray, beats: np.ndarray) -> float:
    """Mean cosine of the phase: like R, but only events *on* the beat count; -1 to 1, 0 by chance (the V statistic)."""
    return float(table.phasors(events[None], beats).real.mean()) if len(events) else 0.0


def match(events: np.ndarray, beats: np.ndarray, window: float = WINDOW_SECONDS) -> Match:
    """Precision, recall and F at +-``window`` seconds; each beat and each event is used once."""
    if not len(events) or not len(beats):
        return Match(0.0, 0.0, 0.0)
    hits = int(table.hits(np.sort(events)[None], beats, window)[0])
    return Match(hits / len(events), hits / len(beats), 2 * hits / (len(events) + len(beats)))


def beat_alignment(times: np.ndarray, others: np.ndarray, sigma: float = SIGMA_SECONDS) -> float:
    """Mean of exp(-d^2 / 2 sigma^2), d the seconds from each of ``times`` to the nearest of ``others``; 0 to 1.

    The beat alignment score of AIST++ (Li et al., "AI choreographer", arXiv 2101.08779) is
    ``beat_alignment(events, beats)``: from each event of the motion to its nearest beat, so that one single good event
    scores 1. Others (Siyao et al., "Bailando", CVPR 2022) use ``beat_alignment(beats, events)``: from each beat to its
    nearest event, so that motion without rest scores 1.

    Examples
    --------
    >>> beat_alignment(np.array([1.0]), np.array([0.0, 1.0]))
    1.0
    >>> beat_alignment(np.array([0.0, 1.0]), np.array([1.0]))
    0.5
    """
    if not len(times) or not len(others):
        return 0.0
    distance = table.to_nearest_event(np.sort(others)[None], times)[0]
    return float(np.exp(-(distance**2) / (2 * sigma**2)).mean())


def av_align(events: np.ndarray, beats: np.ndarray, frame: float) -> float:
    """AV-Align (Yariv et al., arXiv 2309.16429), here on beats: pairs within one frame over the union of both; 0 to 1.

    ``frame`` is how long a frame lasts in seconds. The original takes onsets of the sound for ``beats`` and peaks of
    the optical flow for ``events``.
    """
    if not len(events) or not len(beats):
        return 0.0
    hits = int(table.hits(np.sort(events)[None], beats, frame)[0])
    return hits / (len(events) + len(beats) - hits)


def measure(events: np.ndarray, beats: np.ndarray, downbeats: np.ndarray, frame: float) -> Measures:
    """All measures of ``events`` against ``beats``; ``frame`` is how long a frame lasts in seconds."""
    return as_measures(
        {name: row[0] for name, row in measure_table(np.sort(events)[None], beats, downbeats, frame).items()}
    )


def as_measures(values: dict[str, Any]) -> Measures:
    """The fields of `Measures` among ``values``; NaN, which stands for a level there is none of, becomes None."""
    kept: dict[str, Any] = {name: None if np.isnan(values[name]) else float(values[name]) for name in MEASURES}
    return Measures(**kept)


def measure_table(events: np.ndarray, beats: np.ndarray, downbeats: np.ndarray, frame: float) -> dict[str, np.ndarray]:
    """Every field of `Measures`, and ``on_beat``, for each row of a table of events (see `table`); shapes (draw,).

    ``r_bar`` is NaN with fewer than two downbeats.
    """
    number, span = table.counts(events), len(beats)
    met, framed = (table.hits(events, beats, window) for window in (WINDOW_SECONDS, frame))
    phasors = table.phasors(events, beats)
    in_bars = table.phasors(events, downbeats) if len(downbeats) >= 2 else np.full(events.shape, np.nan)
    mean = table.mean_of(phasors, events)
    return {
        "precision": met / np.maximum(number, 1),
        "recall": met / span,
        "f": 2 * met / (number + span),
        "r": np.abs(mean),
        "r_half": np.abs(table.mean_of(phasors**2, events)),
        "r_bar": np.abs(table.mean_of(in_bars, events)),
        "aist_motion": table.mean_of(_kernel(table.to_nearest_beat(events, beats)), events),
        "aist_music": _kernel(table.to_nearest_event(events, beats)).mean(axis=1),
        "av_align": framed / (number + span - framed),
        "on_beat": mean.real,
    }


def _kernel(distance: np.ndarray) -> np.ndarray:
    return np.exp(-(distance**2) / (2 * SIGMA_SECONDS**2))
