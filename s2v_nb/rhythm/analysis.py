"""`analyze`: from a song to its `Rhythm`."""

from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.media.audio import Audio, load_audio
from s2v_nb.media.loudness import integrated_loudness
from s2v_nb.rhythm import store
from s2v_nb.rhythm.confidence import beat_confidence
from s2v_nb.rhythm.corrections import Corrections
from s2v_nb.rhythm.features import RATE, Spectrum
from s2v_nb.rhythm.structure import bar_features, find_moments, find_phrases
from s2v_nb.rhythm.tempo import tempo_of
from s2v_nb.rhythm.trackers import choose_tracker, track
from s2v_nb.rhythm.types import BANDS, Rhythm
from s2v_nb.rhythm.version import RHYTHM_VERSION
from s2v_nb.rhythm.vocals import vocal_presence

BAND_EDGES = {"bass": (30.0, 150.0), "mid": (150.0, 2000.0), "high": (2000.0, 11025.0)}
MIN_BARS = 2  # for phrases


def analyze(audio: str | Path | Audio, *, tracker: str = "auto", corrections: Corrections | None = None) -> Rhythm:
    """Hear the rhythm of a song: tempo, beats, bars, phrases, key moments.

    Beats come from BeatNet's networks (Heydari et al., ISMIR 2021) and a bar pointer (Krebs et al., ISMIR 2015), or
    from librosa (Ellis, 2007) where the weights cannot be had; `s2v_nb.rhythm.trackers` names the others. What was
    heard once is kept in the cache folder.

    Parameters
    ----------
    audio : path or Audio
    tracker : 'auto', 'beatnet', 'librosa', 'beat_this' or 'madmom'
    corrections : Corrections, optional
        What the person changed; by default what is kept beside the song's file, if anything. They hold for the whole
        song, so that a part of a corrected song is cut from the analysis of the whole.

    Raises
    ------
    InputError
        If a path is given and the file cannot be used (see `load_audio`), or the tracker cannot.
    """
    audio = load_audio(audio)
    if corrections is None:
        corrections = Corrections.of(audio)
    chosen = choose_tracker(tracker)
    if corrections.steps and audio.path and not audio.is_whole:
        whole = load_audio(audio.path)
        rhythm = corrections.apply(_heard(whole, chosen))
        return rhythm.excerpt(audio.start, audio.duration)
    return corrections.apply(_heard(audio, chosen))


def ear(audio: Audio) -> list[Any]:
    """All that decides what `analyze` hears in this song, as JSON can hold it: part of the name of a run."""
    return [RHYTHM_VERSION, choose_tracker(), Corrections.of(audio).to_list()]


def _heard(audio: Audio, tracker: str) -> Rhythm:
    """From the cache, or heard now and kept there; equal to the last digit either way."""
    key = store.key(audio, tracker)
    rhythm = store.load(key)
    if rhythm is None:
        rhythm = Rhythm.from_dict(_listen(audio, tracker).to_dict())
        store.save(key, rhythm)
    return rhythm


def _listen(audio: Audio, tracker: str) -> Rhythm:
    samples = _at_full_level(_mono(audio))
    grid, heard = track(samples, tracker)
    bars = bar_features(grid.downbeats, heard) if len(grid.downbeats) >= MIN_BARS else None
    return Rhythm(
        duration=audio.duration,
        tempo=tempo_of(grid.beats),
        beats=grid.beats,
        downbeats=grid.downbeats,
        times=heard.spectrum.times,
        onset=_to_unit(heard.onset.values),
        bands={name: _band(heard.spectrum, *BAND_EDGES[name]) for name in BANDS},
        loudness=integrated_loudness(audio.samples, audio.rate),
        confidence=beat_confidence(grid.beats, heard),
        metre=grid.metre,
        moments=find_moments(bars, heard),
        phrases=find_phrases(bars) if bars else (),
        vocals=vocal_presence(samples),
        tracker=tracker,
    )


def _mono(audio: Audio) -> np.ndarray:
    """Mono at 22 050 Hz, float32 of shape (time,); mixed first, which takes half the memory."""
    import soxr

    return audio.mono if audio.rate == RATE else soxr.resample(audio.mono, audio.rate, RATE, quality="VHQ")


def _at_full_level(samples: np.ndarray) -> np.ndarray:
    """With a peak of 1: the networks were trained on mastered music, and a quiet song is heard as surely."""
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / peak if peak > 1e-4 else samples


def _to_unit(curve: np.ndarray) -> np.ndarray:
    """Scaled so that its 99.5th percentile is 1, cut to 0..1; all zeros stay zeros."""
    top = np.percentile(curve, 99.5) if len(curve) else 0.0
    return np.clip(curve / top, 0, 1) if top > 1e-9 else np.zeros_like(curve)


def _band(spectrum: Spectrum, low: float, high: float) -> np.ndarray:
    """Energy between two frequencies, as amplitude, 0..1."""
    return _to_unit(np.sqrt(spectrum.between(low, high).sum(axis=0)))
