"""Curves over a song, computed in blocks so that only they grow with the song. Times are seconds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from s2v_nb.session import cpu_count

RATE = 22_050
HOP = 256
N_BANDS = 128
LOWEST_HZ = 30.0
BASS_HZ, BRIGHT_HZ = 150.0, 5000.0
DYNAMIC_RANGE_DB = 80.0
_BLOCK = 1024  # frames a block: some 30 MiB of working memory

CHROMA_WINDOW, CHROMA_HOP = 4096, 512
CHROMA_HZ = (80.0, 2000.0)
HARMONY_SECONDS = 0.25  # of sound compared before and after a moment


@dataclass(frozen=True, eq=False)
class Curve:
    """Values ``hop_seconds`` apart, the first at 0 s."""

    values: np.ndarray
    hop_seconds: float

    @property
    def times(self) -> np.ndarray:
        return np.arange(len(self.values)) * self.hop_seconds

    def near(self, times: np.ndarray, reach: float) -> np.ndarray:
        """The largest value within ``reach`` seconds of each time, shape (n_times,); 0 where the curve is empty."""
        if not len(self.values):
            return np.zeros(len(times))
        steps = max(1, round(reach / self.hop_seconds))
        index = np.round(np.asarray(times) / self.hop_seconds).astype(int)[:, None] + np.arange(-steps, steps + 1)
        return self.values[np.clip(index, 0, len(self.values) - 1)].max(axis=1)

    def relative(self) -> "Curve":
        """The logarithm of the values over their mean: how much more than usual."""
        return Curve(np.log(self.values / (self.values.mean() + 1e-9) + 0.1), self.hop_seconds)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A mel power spectrum: ``power`` float32 of shape (band, frame); ``frequencies`` the bands' centres in Hz.

    ``times`` (seconds) are the centres of the analysis windows, ``hop_seconds`` apart.
    """

    power: np.ndarray
    frequencies: np.ndarray
    times: np.ndarray
    hop_seconds: float

    def between(self, low: float, high: float = np.inf) -> np.ndarray:
        """The rows of ``power`` whose centre is from ``low`` to under ``high`` Hz."""
        return self.power[(self.frequencies >= low) & (self.frequencies < high)]


def mel_spectrum(samples: np.ndarray, n_fft: int = 2048) -> Spectrum:
    """The mel power spectrum of mono ``samples`` (time,) at 22 050 Hz, with centred windows every 256 samples."""
    bank, centres = mel_bank(n_fft)
    parts = [(np.abs(block) ** 2 @ bank.T).T for block in _stft(samples, n_fft, HOP)]
    power = np.concatenate(parts, axis=1)
    hop_seconds = HOP / RATE
    return Spectrum(power, centres, np.arange(power.shape[1]) * hop_seconds, hop_seconds)


def _stft(samples: np.ndarray, n_fft: int, hop: int) -> Iterator[np.ndarray]:
    """Blocks of shape (frame, bin) of the short-time Fourier transform with a Hann window."""
    padded = np.pad(samples, n_fft // 2).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    for first in range(0, len(frames), _BLOCK):
        yield rfft(frames[first : first + _BLOCK] * window)


def rfft(frames: np.ndarray) -> np.ndarray:
    """The Fourier transform of real ``frames`` (frame, time), complex64 of shape (frame, bin), on all cores."""
    from scipy import fft

    return fft.rfft(frames, axis=1, workers=cpu_count())


def mel_bank(n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangular bands of equal area, even on the mel scale, float32 (band, bin), and their centres in Hz.

    mel = 2595 log10(1 + f / 700) (O'Shaughnessy, "Speech communication", 1987). Half the bands for half the window.
    """
    count = N_BANDS * n_fft // 2048
    mel = np.linspace(_mel(LOWEST_HZ), _mel(RATE / 2), count + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.arange(n_fft // 2 + 1) * RATE / n_fft
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    bank = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return bank.astype(np.float32), edges[1:-1]


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def rise(power: np.ndarray) -> np.ndarray:
    """Onset strength, shape (frame,): the mean rise of all bands (band, frame) in dB since the frame before.

    Masri, "Computer modelling of sound for transformation and synthesis of musical signals", 1996, on a dB scale.
    """
    if power.shape[1] < 2 or not power.size:
        return np.zeros(power.shape[1])
    level = decibels(power)
    return np.maximum(0, np.diff(level, axis=1, prepend=level[:, :1])).mean(axis=0).astype(float)


def decibels(power: np.ndarray) -> np.ndarray:
    """10 log10 of ``power``, at most 80 dB under its largest value."""
    level = 10 * np.log10(np.maximum(power, 1e-10))
    return np.maximum(level, level.max(initial=-np.inf) - DYNAMIC_RANGE_DB)


def chroma(samples: np.ndarray) -> np.ndarray:
    """Strength of the twelve pitch classes (A first), float32 of shape (frame, 12), every 512 samples at 22 050 Hz."""
    bins = np.arange(CHROMA_WINDOW // 2 + 1) * RATE / CHROMA_WINDOW
    used = (bins > CHROMA_HZ[0]) & (bins < CHROMA_HZ[1])
    pitch = np.round(12 * np.log2(bins[used] / 440)).astype(int) % 12
    member = (pitch[:, None] == np.arange(12)).astype(np.float32)
    blocks = [np.sqrt(np.abs(b[:, used])) @ member for b in _stft(samples, CHROMA_WINDOW, CHROMA_HOP)]
    return np.concatenate(blocks)


def harmonic_change(classes: np.ndarray) -> Curve:
    """How much the harmony differs after each moment from before it: 0 the same, 1 nothing in common.

    The cosine distance between the mean `chroma` of a quarter second on either side (in the spirit of Harte, Sandler
    and Gasser, "Detecting harmonic change in musical audio", 2006).
    """
    hop = CHROMA_HOP / RATE
    width = round(HARMONY_SECONDS / hop)
    unit = classes / (np.linalg.norm(classes, axis=1, keepdims=True) + 1e-6)
    total = np.cumsum(np.pad(unit, ((width, width), (0, 0)), mode="edge"), axis=0)
    before, after = total[width:-width] - total[: -2 * width], total[2 * width :] - total[width:-width]
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return Curve(1 - (before * after).sum(axis=1) / (lengths + 1e-6), hop)
