"""Rhythms made by hand for the plots: what is drawn can be known exactly."""

import numpy as np

from s2v_nb.media import Audio
from s2v_nb.media.audio import audio_from_array
from s2v_nb.rhythm import Moment, Phrase, Rhythm

STEP = 0.01  # seconds between the points of a curve


def steady(beats: int, metre: int = 4, **changes) -> Rhythm:
    """Two beats a second from 0.5 s on, the first a downbeat; an onset of 1 on each beat, 0 elsewhere."""
    times = 0.5 + 0.5 * np.arange(beats)
    duration = 1.0 + 0.5 * beats
    grid = STEP * np.arange(round(duration / STEP))
    onset = np.zeros(len(grid))
    onset[np.round(times / STEP).astype(int)] = 1.0
    bands = {"bass": np.full(len(grid), 1.0), "mid": np.full(len(grid), 0.5), "high": np.zeros(len(grid))}
    given = {"confidence": np.linspace(0, 1, beats), "metre": metre, **changes}
    return Rhythm(duration, 120.0 if beats else None, times, times[::metre], grid, onset, bands, -14.0, **given)


def quiet_audio(rhythm: Rhythm, name: str = "song.wav") -> Audio:
    return audio_from_array(np.full((1, round(rhythm.duration * 8000)), 0.25), 8000, name)


def phrased(beats: int) -> Rhythm:
    """With phrases A, B, A of equal length, a drop, a break and two silences."""
    end = 0.5 + 0.5 * beats
    edges = np.linspace(0.5, end, 4)
    phrases = tuple(Phrase(edges[k], edges[k + 1], beats // 12, label, 0.0) for k, label in enumerate("ABA"))
    moments = (Moment("drop", 2.0, 4.0, 8.0), Moment("break", 3.0, 5.0, 9.0), Moment("silence", 4.0, 4.5, 60.0),
               Moment("silence", 5.0, 5.5, 60.0))  # fmt: skip
    return steady(beats, phrases=phrases, moments=moments)
