"""From a person's taps to a beat grid over the whole song."""

import numpy as np

from s2v_nb.rhythm.refine import robust_line, smooth
from s2v_nb.rhythm.types import Rhythm

SAME_TAP_SECONDS = 0.15  # nearer taps are one finger bouncing
LATENCY_SECONDS = 0.08  # fingers and sound cards are late, anticipation is early: by at most this much
EARLY_SECONDS = 0.05  # a loop begins with a beat
FOLLOW, FOLLOW_SECONDS = 0.3, 0.05  # share of the way to an onset, and how far it may lie


def grid_from_taps(taps: np.ndarray, rhythm: Rhythm) -> np.ndarray:
    """Beat times in seconds over the whole of ``rhythm``, strictly increasing; taps after its end do not count.

    The taps give the tempo, the onset curve their common offset; from the tapped part outwards the grid follows the
    onsets, so that a song that was not played to a click is followed too.
    """
    taps = np.sort(taps[taps < rhythm.duration])
    taps = _without_bounces(taps)
    if len(taps) < 2:
        return taps
    steps = np.diff(taps)
    index = np.insert(np.cumsum(np.maximum(1, np.round(steps / np.median(steps)))), 0, 0)  # one left out is counted
    line = robust_line(index, taps)
    period = float((line[-1] - line[0]) / index[-1])
    start = float(line[0]) + _offset(line, rhythm)
    count = int(index[-1])
    tapped = start + period * np.arange(count + 1)
    after = _follow(tapped[-1], period, rhythm)
    before = _follow(tapped[0], -period, rhythm)[::-1]
    grid = smooth(np.concatenate([before, tapped, after]))
    return grid[grid >= -EARLY_SECONDS].clip(min=0)


def _without_bounces(taps: np.ndarray) -> np.ndarray:
    """Without taps that follow another by less than half of the usual step."""
    if len(taps) < 2:
        return taps
    least = max(SAME_TAP_SECONDS, 0.5 * float(np.median(np.diff(taps))))
    kept = [float(taps[0])]
    for tap in taps[1:]:
        if tap - kept[-1] >= least:
            kept.append(float(tap))
    return np.array(kept)


def _offset(grid: np.ndarray, rhythm: Rhythm) -> float:
    """How far the grid must move to meet the onsets best, in seconds."""
    if len(rhythm.times) < 2:
        return 0.0
    tries = np.arange(-LATENCY_SECONDS, LATENCY_SECONDS + 1e-9, 0.004)
    met = [np.interp(grid + by, rhythm.times, rhythm.onset).mean() - 0.5 * abs(by) for by in tries]
    return float(tries[int(np.argmax(met))])


def _follow(start: float, period: float, rhythm: Rhythm) -> np.ndarray:
    """Beats from ``start`` (left out) to the end of the song, or with a negative period to its beginning."""
    beats, at = [], start + period
    while -EARLY_SECONDS <= at < rhythm.duration:
        near = np.abs(rhythm.times - at) <= FOLLOW_SECONDS
        if near.any() and rhythm.onset[near].max() > 2 * np.median(rhythm.onset):
            onset = rhythm.times[near][int(rhythm.onset[near].argmax())]
            at += FOLLOW * (onset - at)
        beats.append(at)
        at += period
    return np.array(beats)
