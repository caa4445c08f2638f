"""Moments the eye takes for beats: sudden stops, speed maxima, jumps of brightness. Times in seconds."""

import numpy as np

from s2v_nb.alignment.signals import Signals

MIN_GAP_SECONDS = 0.2  # events closer than this are one; 300 a minute is more than any beat
RELATIVE_HEIGHT = 0.4  # of the usual height of the strongest peaks, one a second: smaller ones are unrest
MOTION_FLOOR = 0.045  # frame heights per second: coding noise and flashes make up to 0.042 of a still picture
LIGHT_FLOOR = 0.004  # of full brightness, from one frame to the next


def stops(signals: Signals) -> np.ndarray:
    """Sudden decelerations, what Davis and Agrawala ("Visual rhythm and beat", 2018) call visual beats.

    Flow at frame i is the way from frame i-1 to i, so the drop from i to i+1 happens as frame i is shown.
    """
    drop = np.append(signals.motion[:-1] - signals.motion[1:], 0.0)
    drop[_beside_cuts(signals.cuts)] = 0.0
    # a stop between two frames shows half in each; the speeding up before it is no part of it
    drop = np.convolve(np.maximum(drop, 0), (0.5, 1.0, 0.5), mode="same")
    return _peak_times(drop, signals, MOTION_FLOOR)


def speed_maxima(signals: Signals) -> np.ndarray:
    """Moments of greatest speed; flow at frame i is centred half a frame before it."""
    speed = np.where(_beside_cuts(signals.cuts), 0.0, signals.motion)
    rise = np.where(_beside_cuts(signals.cuts), 0.0, speed - _usual_speed(speed, signals))
    peaks = _peak_times(np.maximum(rise, 0), signals, MOTION_FLOOR) - 0.5 / signals.fps
    return peaks[peaks >= 0]


def flashes(signals: Signals) -> np.ndarray:
    """Sudden rises of brightness, at the frame that shows them."""
    rise = np.diff(signals.brightness, prepend=signals.brightness[:1])
    rise[signals.cuts] = 0.0
    return _peak_times(rise, signals, LIGHT_FLOOR)


def _usual_speed(speed: np.ndarray, signals: Signals) -> np.ndarray:
    """The median of the second around each frame, of its own shot alone: a pan that goes on is no event.

    Across a cut from a fast shot to a slow one the median would fall before the speed does, and fake a maximum.
    """
    reach, shot = round(signals.fps / 2), np.cumsum(signals.cuts)
    usable = np.where(_beside_cuts(signals.cuts), np.nan, speed)
    usual = np.zeros(len(speed))
    for i in range(len(speed)):
        around = slice(max(0, i - reach), i + reach + 1)
        same = usable[around][shot[around] == shot[i]]
        same = same[~np.isnan(same)]
        usual[i] = np.median(same) if len(same) else 0.0
    return usual


def _beside_cuts(cuts: np.ndarray) -> np.ndarray:
    """A cut has no motion of its own, so neither the step into it nor the step out of it means anything."""
    return cuts | np.append(cuts[1:], False) | np.append(False, cuts[:-1])


def _peak_times(curve: np.ndarray, signals: Signals, floor: float) -> np.ndarray:
    """Times of the local maxima over a floor and over a share of the usual height, strongest first within a gap."""
    inner = np.flatnonzero((curve[1:-1] > curve[:-2]) & (curve[1:-1] >= curve[2:])) + 1
    inner = inner[curve[inner] > floor]
    if not len(inner):
        return np.zeros(0)
    strongest = np.sort(curve[inner])[-max(4, round(signals.duration)) :]
    inner = inner[curve[inner] > RELATIVE_HEIGHT * np.median(strongest)]
    kept: list[int] = []
    for i in inner[np.argsort(-curve[inner], kind="stable")]:
        if all(abs(i - k) / signals.fps >= MIN_GAP_SECONDS for k in kept):
            kept.append(int(i))
    return np.array(sorted(signals.times[k] + _offset(curve, k) / signals.fps for k in kept))


def _offset(curve: np.ndarray, i: int) -> float:
    """Where the parabola through the peak and its neighbours has its top, in frames from the peak, -0.5 to 0.5."""
    before, here, after = np.maximum(curve[i - 1 : i + 2], 0)  # what falls below zero is no part of the event
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
