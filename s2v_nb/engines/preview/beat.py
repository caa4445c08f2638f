"""The answer to the beat as curves over the frames: impacts that land on the beat, light that follows the onsets.

An impact is an ease-in that gathers speed and stops on the beat (what the eye takes for the hit, cf. Davis and
Agrawala, "Visual rhythm and beat", 2018), followed by a slow ease-out that is over before the next one gathers.
"""

from dataclasses import dataclass

import numpy as np

from s2v_nb.engines.preview.directions import Look
from s2v_nb.rhythm import Rhythm

MOTION = {"off": 0.0, "low": 0.35, "medium": 0.65, "high": 1.0}
ATTACK_SECONDS, RELEASE_SECONDS = 0.12, 0.42
ZOOM_ON_BEAT, ZOOM_ON_DOWNBEAT = 0.034, 0.030  # parts of the picture, at motion high
LIGHT_ATTACK_SECONDS, LIGHT_RELEASE_SECONDS = 0.03, 0.22
LIGHT_DEPTH = 0.09  # of the brightness, at motion high: seen as a pulse, not as a flash


@dataclass(frozen=True, eq=False)
class Beat:
    """Curves of shape (frame,): ``zoom`` (logarithm of scale), ``bounce`` and ``shake`` (parts of the frame's height,
    0 and up), ``light`` (0 to 1, how lit the moment is), ``depth`` of the light's pulse, a number.
    """

    zoom: np.ndarray
    bounce: np.ndarray
    shake: np.ndarray
    light: np.ndarray
    depth: float


def beat_curves(rhythm: Rhythm, times: np.ndarray, motion: str, look: Look) -> Beat:
    """The curves at ``times`` (seconds) for a level of ``motion`` and what the prompt adds."""
    level = MOTION[motion]
    hit = _impacts(times, rhythm.beats, _bass_at(rhythm))
    down = _impacts(times, rhythm.downbeats, np.ones(len(rhythm.downbeats)), release=1.4)
    zoom = level * (ZOOM_ON_BEAT * hit + ZOOM_ON_DOWNBEAT * down) * (1 + 0.8 * look.punch)
    return Beat(
        zoom=np.log1p(zoom),
        bounce=level * 0.025 * look.bounce * hit,
        shake=level * 0.012 * look.shake * np.maximum(hit, down),
        light=_light(rhythm, times),
        depth=level * min(LIGHT_DEPTH * (1 + look.flash), 0.16),
    )


def _bass_at(rhythm: Rhythm) -> np.ndarray:
    """How strong the bass is on each beat: 0.55 to 1, so that no beat is lost where the bass rests."""
    bass = rhythm.bands["bass"]
    edges = np.searchsorted(rhythm.times, np.stack([rhythm.beats - 0.03, rhythm.beats + 0.12]))
    peaks = [bass[a : max(b, a + 1)].max(initial=0.0) for a, b in edges.T]
    return 0.55 + 0.45 * np.array(peaks)


def _impacts(times: np.ndarray, beats: np.ndarray, heights: np.ndarray, release: float = 1.0) -> np.ndarray:
    """The sum of one impact a beat, shape (frame,); each peaks on its beat with its height."""
    total = np.zeros(len(times))
    if not len(beats):
        return total
    gaps = np.diff(beats)
    first, last = (gaps[0], gaps[-1]) if len(gaps) else (1.0, 1.0)
    before, after = np.append(first, gaps), np.append(gaps, last)
    for beat, height, gap_in, gap_out in zip(beats, heights, before, after, strict=True):
        attack = min(ATTACK_SECONDS, 0.35 * gap_in)
        fall = min(RELEASE_SECONDS * release, gap_out - min(ATTACK_SECONDS, 0.35 * gap_out))
        since = times - beat
        gather = np.clip(1 + since / attack, 0, 1) ** 2
        settle = np.clip(1 - since / fall, 0, 1)
        total += height * np.where(since < 0, gather, settle * settle * (3 - 2 * settle))
    return total


def _light(rhythm: Rhythm, times: np.ndarray) -> np.ndarray:
    """Onset strength with a quick rise and a slow fall, 0 to 1, at ``times``."""
    if len(rhythm.times) < 2:
        return np.zeros(len(times))
    step = rhythm.times[1] - rhythm.times[0]
    rise, fall = (1 - np.exp(-step / s) for s in (LIGHT_ATTACK_SECONDS, LIGHT_RELEASE_SECONDS))
    level, followed = 0.0, np.empty(len(rhythm.onset))
    for i, value in enumerate(np.sqrt(rhythm.onset)):  # the root lifts soft onsets above the threshold of seeing
        level += (rise if value > level else fall) * (value - level)
        followed[i] = level
    top = followed.max(initial=0.0)
    return np.interp(times, rhythm.times, followed / top) if top > 1e-6 else np.zeros(len(times))
