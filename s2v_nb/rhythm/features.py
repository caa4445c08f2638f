"""Spectral features, in blocks so that memory does not grow with the song."""

from dataclasses import dataclass

import numpy as np

HOP = 256
N_MELS = 128
_BLOCK = 4096  # frames a block: about 70 MiB of working memory


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A mel power spectrum: ``power`` float32 of shape (mel band, frame); ``frequencies`` the bands' centres in Hz.

    ``times`` (seconds) are the centres of the analysis windows, ``hop_seconds`` apart.
    """

    power: np.ndarray
    frequencies: np.ndarray
    times: np.ndarray
    hop_seconds: float


def mel_spectrum(samples: np.ndarray, rate: int, n_fft: int = 2048) -> Spectrum:
    """The mel power spectrum of mono ``samples`` (time,), with centred windows of ``n_fft`` every 256 samples."""
    import librosa

    bank = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=N_MELS * n_fft // 2048, fmin=30.0, fmax=rate / 2)
    padded = np.pad(samples, n_fft // 2)
    count = 1 + max(0, len(padded) - n_fft) // HOP
    parts = []
    for first in range(0, count, _BLOCK):
        block = padded[first * HOP : (min(first + _BLOCK, count) - 1) * HOP + n_fft]
        parts.append(bank @ np.abs(librosa.stft(block, n_fft=n_fft, hop_length=HOP, center=False)) ** 2)
    power = np.concatenate(parts, axis=1).astype(np.float32)
    frequencies = librosa.mel_frequencies(len(bank), fmin=30.0, fmax=rate / 2)
    return Spectrum(power, frequencies, np.arange(count) * HOP / rate, HOP / rate)


def onset_curve(spectrum: Spectrum) -> np.ndarray:
    """Onset strength, shape (frame,): the mean rise of all bands in dB (librosa), at the window's own time."""
    return _rise(spectrum.power)


def bass_onset(spectrum: Spectrum, below: float = 150.0) -> np.ndarray:
    """The same of the bands under ``below`` Hz: kicks and bass notes."""
    return _rise(spectrum.power[spectrum.frequencies < below])


def _rise(power: np.ndarray) -> np.ndarray:
    import librosa

    level = librosa.power_to_db(power, top_db=80.0)
    if level.shape[1] < 2:
        return np.zeros(level.shape[1])
    # center=False: librosa would shift the curve by half a window, which is most of its known lag
    return librosa.onset.onset_strength(S=level, lag=1, center=False, aggregate=np.mean).astype(float)
