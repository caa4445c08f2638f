"""Does somebody sing? An estimate from pitch that glides.

Strings, keys and drums hold a pitch or have none; a voice slides and trembles. Neighbouring spectra on a logarithmic
frequency axis are shifted against each other, and the shift that fits best is read (Sonnleitner, Niedermayer, Widmer
and Schlüter, "A simple and effective spectral feature for speech detection in mixed audio signals", DAFx 2012).
"""

import numpy as np

from s2v_nb.rhythm.features import RATE, rfft

WINDOW, HOP = 2048, 441
LOWEST_HZ, HIGHEST_HZ = 250.0, 3500.0
BINS_PER_OCTAVE = 60
APART = 3  # frames (60 ms) that are compared
LARGEST_SHIFT = 5  # bins: one semitone
SMOOTH_SECONDS = 1.0
GLIDING_SHARE = 0.5  # of a second that must glide
MIN_SIMILARITY = 0.75  # noise fits nowhere


def vocal_presence(samples: np.ndarray) -> float:
    """Share of the sounding time in which pitch glides as in a voice, 0 to 1; ``samples`` mono at 22 050 Hz.

    An estimate, not a detector: bent guitar strings glide too, and a choir far behind the band is missed.
    """
    level = _log_spectrum(samples)
    if len(level) <= APART + 1:
        return 0.0
    loudness = level.mean(axis=1)
    shift, fit = _best_shift(level)
    sounding = loudness[APART:] > 0.25 * np.quantile(loudness, 0.95)
    gliding = (np.abs(shift) >= 1) & (np.abs(shift) < LARGEST_SHIFT) & (fit > MIN_SIMILARITY) & sounding
    width = min(len(gliding), round(SMOOTH_SECONDS * RATE / HOP))
    share = np.convolve(gliding.astype(float), np.ones(width) / width, mode="same")
    return float((share[sounding] > GLIDING_SHARE).mean()) if sounding.any() else 0.0


def _log_spectrum(samples: np.ndarray) -> np.ndarray:
    """Compressed magnitude at 60 bins an octave, shape (frame, bin), without its smooth part."""
    padded = np.pad(samples, WINDOW // 2).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = np.hanning(WINDOW).astype(np.float32)
    count = int(BINS_PER_OCTAVE * np.log2(HIGHEST_HZ / LOWEST_HZ))
    wanted = LOWEST_HZ * 2 ** (np.arange(count) / BINS_PER_OCTAVE) * WINDOW / RATE
    low, part = np.floor(wanted).astype(int), (wanted % 1).astype(np.float32)
    blocks = []
    for first in range(0, len(frames), 2048):
        magnitude = np.abs(rfft(frames[first : first + 2048] * window))
        blocks.append(np.log1p(10 * (magnitude[:, low] * (1 - part) + magnitude[:, low + 1] * part)))
    return np.concatenate(blocks).astype(np.float32) if blocks else np.zeros((0, count), np.float32)


def _best_shift(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each frame the shift against the one 60 ms before that fits best, in bins, and how well (correlation)."""
    edge = LARGEST_SHIFT
    now = level[APART:, edge:-edge]
    now = now - now.mean(axis=1, keepdims=True)
    size = np.linalg.norm(now, axis=1) + 1e-9
    fits = []
    for shift in range(-edge, edge + 1):
        then = level[:-APART, edge - shift : level.shape[1] - edge - shift]
        then = then - then.mean(axis=1, keepdims=True)
        fits.append((now * then).sum(axis=1) / (size * (np.linalg.norm(then, axis=1) + 1e-9)))
    table = np.stack(fits)
    best = table.argmax(axis=0)
    return best - edge, table.max(axis=0)
