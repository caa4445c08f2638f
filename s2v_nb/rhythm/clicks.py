"""Beats made audible: a click on each, over the song."""

from dataclasses import replace

import numpy as np

from s2v_nb.media.audio import Audio, audio_from_array
from s2v_nb.rhythm.types import Rhythm

BEAT_HZ, DOWNBEAT_HZ = 1000.0, 1600.0
CLICK_SECONDS, DECAY_SECONDS = 0.05, 0.012
SONG_LEVEL, CLICK_LEVEL = 0.6, 0.7


def click_track(audio: Audio, rhythm: Rhythm, *, level: float = CLICK_LEVEL) -> Audio:
    """The song with a click on each beat, a higher one on each downbeat; as a cell's last line it can be played.

    Parameters
    ----------
    audio : Audio
        What ``rhythm`` was heard in; time 0 is its first sample.
    level : float, 0 to 1
        Of the clicks. The song is lowered to 0.6 of its peak, so that nothing clips.
    """
    samples = SONG_LEVEL * audio.samples / max(1.0, float(np.abs(audio.samples).max(initial=0.0)))
    for time in rhythm.beats:
        first = bool(len(rhythm.downbeats)) and bool(np.abs(rhythm.downbeats - time).min() < 1e-3)
        click = level * _click(DOWNBEAT_HZ if first else BEAT_HZ, audio.rate)
        at = round(time * audio.rate)
        part = samples[:, at : at + len(click)]
        part += click[: part.shape[1]]
    mixed = audio_from_array(np.clip(samples, -1, 1), audio.rate, f"{audio.name} with clicks")
    return replace(mixed, song_duration=mixed.duration)


def _click(hertz: float, rate: int) -> np.ndarray:
    t = np.arange(round(CLICK_SECONDS * rate)) / rate
    return (np.sin(2 * np.pi * hertz * t) * np.exp(-t / DECAY_SECONDS)).astype(np.float32)
