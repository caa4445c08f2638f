"""How events meet beats: signed lag, phase locking, precision and recall, and what chance alone would give.

All times are seconds from the clip's start.
"""

from dataclasses import dataclass

import numpy as np

from s2v_nb.rhythm.types import beat_phase, validate_times

WINDOW_SECONDS = 0.07  # MIREX and mir_eval's window
BLOCK_SECONDS = (2.0, 2.6)
DRAWS = 5000  # for p, so that 0.001 is told apart from less
SCORED_DRAWS = 500  # of these, for the chance levels of F and R


@dataclass(frozen=True)
class Match:
    """Share of events that meet a beat, of beats that are met, and their harmonic mean; each 0 to 1."""

    precision: float
    recall: float
    f: float


@dataclass(frozen=True)
class Chance:
    """What motion with the same habits but no link to the music scores: mean F and R, and ``p``.

    ``p`` is the share of draws that lie as close to the beats as the clip does; at least 1 / (draws + 1).
    """

    f: float
    r: float
    p: float


def near_beats(events: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """The events that lie within the beats' span, half a beat beyond the ends included."""
    validate_times("beats", beats, at_least=2)
    first, last = (beats[1] - beats[0]) / 2, (beats[-1] - beats[-2]) / 2
    return events[(events >= beats[0] - first) & (events <= beats[-1] + last)]


def signed_lags(events: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Seconds from the nearest beat to each event, positive = late; shape (n_events,)."""
    right = np.clip(np.searchsorted(beats, events), 1, len(beats) - 1)
    nearest = np.where(events - beats[right - 1] <= beats[right] - events, right - 1, right)
    return events - beats[nearest]


def phase_locking(events: np.ndarray, beats: np.ndarray, per_beat: int = 1) -> float:
    """R = |mean exp(2 pi i phase)|, 0 (spread evenly) to 1 (always at the same place of the beat); 0 without events.

    ``per_beat`` = 2 asks at the level of half beats. Mardia and Jupp, "Directional statistics", 2000.
    """
    if not len(events):
        return 0.0
    return float(abs(np.exp(2j * np.pi * per_beat * beat_phase(events, beats)).mean()))


def on_beat(events: np.ndarray, beats: np.ndarray) -> float:
    """Mean cosine of the phase: like R, but only events *on* the beat count; -1 to 1, 0 by chance (the V statistic)."""
    return float(np.cos(2 * np.pi * beat_phase(events, beats)).mean()) if len(events) else 0.0


def match(events: np.ndarray, beats: np.ndarray, window: float = WINDOW_SECONDS) -> Match:
    """Precision, recall and F at +-``window`` seconds; each beat and each event is used once, nearest pairs first."""
    if not len(events) or not len(beats):
        return Match(0.0, 0.0, 0.0)
    reach = [np.searchsorted(beats, events - window, "left"), np.searchsorted(beats, events + window, "right")]
    pairs = [
        (abs(events[e] - beats[b]), e, b) for e, (lo, hi) in enumerate(zip(*reach, strict=True)) for b in range(lo, hi)
    ]
    used_events: set[int] = set()
    used_beats: set[int] = set()
    for _, e, b in sorted(pairs):
        if e not in used_events and b not in used_beats:
            used_events.add(e)
            used_beats.add(b)
    precision, recall = len(used_events) / len(events), len(used_beats) / len(beats)
    return Match(precision, recall, 2 * precision * recall / (precision + recall) if used_events else 0.0)


def chance_level(events: np.ndarray, beats: np.ndarray, duration: float, draws: int = DRAWS, seed: int = 0) -> Chance:
    """Permute blocks of the clip's motion and score each draw against the same beats.

    The clip is cut into blocks of 2 to 2.6 s at random places, which are put together in random order from a random
    start: motion keeps its own rhythm within a block and loses its link to the music. (Blocks of one fixed length
    would not do: at 120 BPM two seconds are four beats, and every permutation would still be in time.)
    """
    rng = np.random.default_rng(seed)
    observed = on_beat(near_beats(events, beats), beats)
    fs, rs, reached = [], [], 0
    for draw in range(draws):
        moved = near_beats(_permuted(events, duration, rng), beats)
        reached += on_beat(moved, beats) >= observed - 1e-12
        if draw < SCORED_DRAWS:
            fs.append(match(moved, beats).f)
            rs.append(phase_locking(moved, beats))
    return Chance(float(np.mean(fs)), float(np.mean(rs)), (1 + reached) / (draws + 1))


def _permuted(events: np.ndarray, duration: float, rng: np.random.Generator) -> np.ndarray:
    """The events of a clip whose blocks were shuffled, sorted."""
    turned = np.sort((events + rng.uniform(0, duration)) % duration)
    edges = np.append(0.0, np.cumsum(rng.uniform(*BLOCK_SECONDS, int(duration / BLOCK_SECONDS[0]) + 1)))
    edges = np.append(edges[edges < duration - 0.5], duration)
    lengths = np.diff(edges)
    order = rng.permutation(len(lengths))
    new_start = np.empty(len(lengths))
    new_start[order] = np.append(0.0, np.cumsum(lengths[order])[:-1])
    block = np.searchsorted(edges, turned, side="right") - 1
    return np.sort(turned - edges[block] + new_start[block])
