"""`analyze`: from a song to its `Rhythm`."""

import logging
from pathlib import Path

import numpy as np

from s2v_nb.media.audio import Audio, load_audio
from s2v_nb.rhythm.beats import bar_phase, track_beats
from s2v_nb.rhythm.features import Spectrum, bass_onset, mel_spectrum, onset_curve
from s2v_nb.rhythm.types import BANDS, Rhythm

logger = logging.getLogger(__name__)

RATE = 22_050
EARLIEST_SECONDS = 0.03  # a beat heard this little before the first sample is the first sample
BAND_EDGES = {"bass": (30.0, 150.0), "mid": (150.0, 2000.0), "high": (2000.0, 11025.0)}


def analyze(audio: str | Path | Audio) -> Rhythm:
    """Hear the rhythm of a song.

    Beats come from librosa's dynamic-programming tracker (Ellis, "Beat tracking by dynamic programming", 2007) on a
    log-mel onset envelope (Böck and Widmer, "Maximum filter vibrato suppression for onset detection", 2013), moved
    back by the tracker's measured lag and refined on the envelope to parts of a frame.

    Parameters
    ----------
    audio : path or Audio

    Raises
    ------
    InputError
        If a path is given and the file cannot be used; see `load_audio`.
    """
    audio = load_audio(audio)
    samples = audio.resampled(RATE).mono
    spectrum = mel_spectrum(samples, RATE)
    onset = onset_curve(spectrum)
    sharp = onset_curve(mel_spectrum(samples, RATE, n_fft=1024))  # long windows find the tempo, short ones the moment
    beats = track_beats(onset, sharp, bass_onset(spectrum), spectrum.hop_seconds)
    beats = beats[(beats > -EARLIEST_SECONDS) & (beats < audio.duration)].clip(min=0)
    downbeats = beats[bar_phase(beats, spectrum) :: 4] if len(beats) else beats
    return Rhythm(
        duration=audio.duration,
        tempo=tempo_of(beats),
        beats=beats,
        downbeats=downbeats,
        times=spectrum.times,
        onset=_to_unit(onset),
        bands={name: _band(spectrum, *BAND_EDGES[name]) for name in BANDS},
        loudness=_loudness(audio),
    )


def tempo_of(beats: np.ndarray) -> float | None:
    """Beats per minute: 60 over the slope of a robust line through the beats (Theil-Sen); None under two beats."""
    if len(beats) < 2:
        return None
    count = min(len(beats) - 1, 16)
    slopes = [np.median((beats[k:] - beats[:-k]) / k) for k in range(max(1, count // 2), count + 1)]
    return float(60 / np.median(slopes))


def _to_unit(curve: np.ndarray) -> np.ndarray:
    """Scaled so that its 99.5th percentile is 1, cut to 0..1; all zeros stay zeros."""
    top = np.percentile(curve, 99.5) if len(curve) else 0.0
    return np.clip(curve / top, 0, 1) if top > 1e-9 else np.zeros_like(curve)


def _band(spectrum: Spectrum, low: float, high: float) -> np.ndarray:
    """Energy between two frequencies, as amplitude, 0..1."""
    inside = (spectrum.frequencies >= low) & (spectrum.frequencies < high)
    return _to_unit(np.sqrt(spectrum.power[inside].sum(axis=0)))


def _loudness(audio: Audio) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4, by pyloudnorm); -inf for silence or under 0.4 s."""
    import pyloudnorm

    if audio.duration < 0.4 or not audio.samples.any():
        return -np.inf
    with np.errstate(divide="ignore"):
        return float(pyloudnorm.Meter(audio.rate).integrated_loudness(audio.samples.T.astype(np.float64)))
