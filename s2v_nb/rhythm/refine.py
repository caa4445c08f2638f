"""From beats at the frames of a tracker to beats at the moment of the sound."""

import numpy as np

from s2v_nb.rhythm.features import Curve

SNAP_SECONDS = 0.04  # a beat moves at most this far to the onset it belongs to
CLEAR = 1.5  # medians of the curve, which an onset must reach to draw a beat
STEADY_SECONDS = 0.025  # beats nearer than this to a line are played to a click,
STEADY_SHARE = 0.7  # if so many of them are
LAG_SECONDS = -0.002  # measured on music with known beats: the window hears an onset before its centre passes it


def refine(beats: np.ndarray, sharp: Curve) -> np.ndarray:
    """Each beat at the onset nearby, without the jitter of single onsets; seconds, strictly increasing.

    ``sharp`` is onset strength by short windows.
    """
    return smooth(snap(beats, sharp) - LAG_SECONDS) if len(beats) > 1 else beats


def snap(beats: np.ndarray, onset: Curve) -> np.ndarray:
    """Each beat at the parabola's peak of the strongest onset near it; those without one stay where they are."""
    reach = round(SNAP_SECONDS / onset.hop_seconds)
    values, clear = onset.values, CLEAR * np.median(onset.values)
    moved = beats.copy()
    for i, beat in enumerate(beats):
        first = max(1, round(beat / onset.hop_seconds) - reach)
        part = values[first : first + 2 * reach + 1]
        if len(part) >= 3 and part.max() >= clear:
            peak = first + int(part.argmax())
            moved[i] = (peak + peak_offset(values, peak)) * onset.hop_seconds
    return moved


def peak_offset(curve: np.ndarray, index: int) -> float:
    """Where the parabola through three points peaks, in samples from ``index``, -0.5 to 0.5 (0 at the ends)."""
    if not 0 < index < len(curve) - 1:
        return 0.0
    before, here, after = curve[index - 1 : index + 2]
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < -1e-12 else 0.0


def smooth(beats: np.ndarray) -> np.ndarray:
    """Beats without the jitter of single onsets: a line where the tempo is steady, else a running line."""
    index = np.arange(len(beats))
    if len(beats) >= 6:
        line = robust_line(index, beats)
        for _ in range(3):  # refit without the beats that sit on a wrong onset
            good = np.abs(beats - line) < STEADY_SECONDS
            if good.mean() < STEADY_SHARE:
                break
            line = np.polyval(np.polyfit(index[good], beats[good], 1), index)
        else:
            return line
    return _strictly_increasing(np.array([_local(beats, i) for i in range(len(beats))]))


def robust_line(index: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """The line of median slope and median offset (Theil and Sen), which up to a quarter of wrong beats cannot bend."""
    far = np.arange(1, len(beats)) if len(beats) <= 200 else np.unique(np.geomspace(1, len(beats) - 1, 200).astype(int))
    slope = np.median(np.concatenate([(beats[k:] - beats[:-k]) / (index[k:] - index[:-k]) for k in far]))
    return slope * index + np.median(beats - slope * index)


def _local(beats: np.ndarray, i: int, reach: int = 2) -> float:
    """Beat ``i`` on the line through itself and its neighbours."""
    index = np.arange(max(0, i - reach), min(len(beats), i + reach + 1))
    if len(index) < 4:
        return float(beats[i])
    return float(np.polyval(np.polyfit(index - i, beats[index], 1), 0))


def _strictly_increasing(times: np.ndarray) -> np.ndarray:
    return times[np.concatenate([[True], np.diff(np.maximum.accumulate(times)) > 1e-3])]
