"""The time map of a part: which moment of the model's frames is shown when, so that its visual beats meet the music's.

What is interpolated is the *shift*, source time less output time, by a monotone cubic (Fritsch and Carlson 1980, in
SciPy) through the chosen pairs. It never leaves the range of the shifts on either side, so no frame is further from its
own time than the farthest pair, and a shift that is equal at two beats costs no change of speed between them. Its slope
is nowhere more than 3/2 of the steepest chord, so it is enough to hold the chords to 2/3 of what the speed may change.
Shift and slope are zero at both ends: parts that were made one after the other join without a jolt.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from s2v_nb.rhythm.types import validate_times

SIGMA_SECONDS = 0.05  # how fast the worth of a pair falls with the lag that is left; AIST++ has 3 frames of its 60
FAR_PENALTY = 0.5  # of a pair ``max_shift`` apart, against 1 for one that is met: the nearer pair is the likelier one
PARTS = (1.0, 0.75, 0.5, 0.25)  # how much of the way a visual beat may go where the speed forbids all of it
_STEEPEST = 1.5  # slope of the monotone cubic over the steepest chord, at most


@dataclass(frozen=True, eq=False)
class TimeMap:
    """From output time to source time, both in seconds from the start of a part of ``duration`` seconds.

    ``at`` (output time, strictly increasing) and ``shift`` (source time less output time) have shape (n_pairs,): a
    visual beat of source time ``at + shift`` is shown at ``at``.
    """

    at: np.ndarray
    shift: np.ndarray
    duration: float

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """Source times for output ``times``; beyond the part's ends time is left as it is."""
        return times + self._curve(np.clip(times, 0, self.duration))

    def speed(self, times: np.ndarray) -> np.ndarray:
        """How fast source time passes at output ``times``; 1 is the model's own speed."""
        return 1 + self._curve.derivative()(np.clip(times, 0, self.duration))

    @cached_property
    def _curve(self) -> Any:
        """The shift over output time; it is zero beyond the ends too, so that it has no slope there."""
        from scipy.interpolate import PchipInterpolator  # takes a second to import

        end = self.duration
        at = np.concatenate([[-1.0, 0.0], self.at, [end, end + 1.0]])
        return PchipInterpolator(at, np.concatenate([[0.0, 0.0], self.shift, [0.0, 0.0]]))


def time_map(
    visual: np.ndarray,
    beats: np.ndarray,
    duration: float,
    *,
    max_shift: float,
    slowest: float = 0.6,
    fastest: float = 1.6,
) -> TimeMap:
    """The map that moves visual beats onto the beats of the music that are near enough, over one part alone.

    Pairs keep their order and each beat is used once. Among all choices of pairs that keep the speed within its bounds,
    dynamic programming finds the one of greatest worth: a visual beat that will be on its beat counts 1, one that is
    left beside it less (a Gaussian of the lag), and pairs that are far apart less than near ones. Where the speed does
    not allow a visual beat to go all the way, as near the ends, it goes a part of it.

    Parameters
    ----------
    visual, beats : np.ndarray, seconds from the start of the part
        Strictly increasing; what lies outside the part has no effect. With none of either the map changes nothing.
    duration, max_shift : float, seconds
        No moment is shown further from its own time than ``max_shift``; 0 changes nothing.
    slowest, fastest : float
        Bounds of the speed everywhere.

    Raises
    ------
    ValueError
        If times are not strictly increasing, or a bound makes no sense.

    Examples
    --------
    >>> late = time_map(np.array([1.08]), np.array([1.0]), 2.0, max_shift=0.1)
    >>> late(np.array([0.0, 1.0, 2.0]))
    array([0.  , 1.08, 2.  ])
    """
    validate_times("visual", visual)
    validate_times("beats", beats)
    if not (duration > 0 and max_shift >= 0 and 0 < slowest <= 1 <= fastest):
        raise ValueError(
            f"duration={duration}, max_shift={max_shift}, slowest={slowest}, fastest={fastest}: a duration is above 0, "
            "a shift not negative, and the speeds are above 0 with 1 between them"
        )
    pairs = _pairs(visual, beats, duration, max_shift)
    chords = (slowest - 1) / _STEEPEST, (fastest - 1) / _STEEPEST
    chosen = pairs[_best_chain(pairs, duration, chords)]
    return TimeMap(chosen["at"], chosen["shift"], duration)


def _pairs(visual: np.ndarray, beats: np.ndarray, duration: float, max_shift: float) -> np.ndarray:
    """All that could be chosen, by output time: records of ``at``, ``shift``, ``beat`` (its number) and ``worth``."""
    v, b = np.meshgrid(visual, beats, indexing="ij")
    near = (np.abs(b - v) <= max_shift) & (np.minimum(b, v) > 0) & (np.maximum(b, v) < duration)
    number, way = np.nonzero(near)[1], (b - v)[near]
    part = np.array(PARTS)[:, None]
    left = (1 - part) * np.abs(way)
    penalty = FAR_PENALTY * (way / max_shift) ** 2 if max_shift else 0 * way
    pairs = np.empty((len(PARTS), len(way)), [("at", float), ("shift", float), ("beat", int), ("worth", float)])
    pairs["shift"], pairs["beat"] = -part * way, number
    # the whole way ends on the beat itself, without a rounding error
    pairs["at"] = np.where(part == 1, b[near], v[near] + part * way)
    pairs["worth"] = np.exp(-0.5 * (left / SIGMA_SECONDS) ** 2) - penalty
    return np.sort(pairs.ravel(), order=["at", "beat"])


def _best_chain(pairs: np.ndarray, duration: float, chords: tuple[float, float]) -> list[int]:
    """Indices of the pairs of greatest total worth, each reached from the one before it within ``chords``."""
    start = np.array([(0.0, 0.0, -1, 0.0)], pairs.dtype)
    end = np.array([(duration, 0.0, len(pairs) + 1, 0.0)], pairs.dtype)
    nodes = np.concatenate([start, pairs, end])
    total, before = np.zeros(len(nodes)), np.zeros(len(nodes), int)
    for k in range(1, len(nodes)):
        worth = np.where(_within(nodes[:k], nodes[k], chords), total[:k], -np.inf)
        before[k] = worth.argmax()
        total[k] = worth[before[k]] + nodes["worth"][k]
    chain = [int(before[-1])]
    while chain[-1] > 0:
        chain.append(int(before[chain[-1]]))
    return [k - 1 for k in reversed(chain[:-1])]


def _within(earlier: np.ndarray, later: np.ndarray, chords: tuple[float, float]) -> np.ndarray:
    """Which of the ``earlier`` pairs the ``later`` one may follow: in order, at a speed that is allowed."""
    since = later["at"] - earlier["at"]
    rise = later["shift"] - earlier["shift"]
    in_order = (since > 0) & (later["beat"] > earlier["beat"])
    return in_order & (rise >= chords[0] * since) & (rise <= chords[1] * since)
