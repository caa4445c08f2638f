"""How likely each moment is a beat or a downbeat, by the BeatNet networks.

The networks hear the song at several speeds. What they hear at one speed they may miss at another, since each learned
the tempi of its own collection; the geometric mean keeps what they agree on.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from s2v_nb.models.beatnet import load_networks
from s2v_nb.rhythm.features import rfft
from s2v_nb.session import cpu_count

if TYPE_CHECKING:
    import torch

RATE = 22_050
WINDOW, HOP = 1411, 441  # samples: 64 ms, 50 frames a second
BANDS_PER_OCTAVE, LOWEST_HZ, HIGHEST_HZ, CONCERT_PITCH_HZ = 24, 30.0, 17_000.0, 440.0
FPS = 100  # of what is returned
SPEEDS = (0.75, 1.0, 1.19)
ALONE = (0.75,)  # fast and dense music is heard best when it is played slowly
PART, WARM_UP = 1500, 250  # frames: long songs are cut into parts, each heard from five seconds before
TOGETHER, MANY_PARTS = 4, 24  # parts that go through a network at once; half of them where a song has so many parts
THREADS, MANY_THREADS = 6, 4  # at most, since each holds what a network computes; the second for such a song
FLOOR = 1e-4


@dataclass(frozen=True, eq=False)
class Activations:
    """Probabilities of a beat that is no downbeat, and of a downbeat; each of shape (frame,), ``FPS`` a second."""

    beat: np.ndarray
    downbeat: np.ndarray


def beat_activations(samples: np.ndarray) -> list[Activations]:
    """Hear mono ``samples`` (time,) at 22 050 Hz with the three networks at each speed.

    Returns
    -------
    list of Activations
        What all speeds agree on, then what was heard at each speed of ``ALONE`` by itself.

    Raises
    ------
    WeightsMissing
        If the networks' weights are not in the cache.
    """
    import soxr

    frames = int(len(samples) / RATE * FPS)
    heard = [features(soxr.resample(samples, RATE * v, RATE) if v != 1 else samples) for v in SPEEDS]
    levels = {
        speed: np.log(_resampled(np.mean(each, axis=0), speed, frames) + FLOOR)
        for each, speed in zip(_run_networks(heard), SPEEDS, strict=True)
    }
    means = [np.mean(list(levels.values()), axis=0), *(levels[speed] for speed in ALONE)]
    return [Activations(beat=np.exp(mean[:, 0]), downbeat=np.exp(mean[:, 1])) for mean in means]


def _resampled(probabilities: np.ndarray, speed: float, frames: int) -> np.ndarray:
    """(frame, class) of the song played at ``speed``, at ``FPS`` frames a second of the song itself."""
    at = np.arange(frames) / FPS * (RATE / HOP) / speed
    known = np.arange(len(probabilities))
    return np.stack([np.interp(at, known, column) for column in probabilities.T], axis=1)


def features(samples: np.ndarray) -> np.ndarray:
    """Log filterbank levels and their rise since the frame before, float32 of shape (frame, 272).

    Frames are centred on multiples of 20 ms. log10(1 + magnitude) of 136 triangular bands, 24 an octave.
    """
    frames = -(-len(samples) // HOP)
    padded = np.pad(samples, (WINDOW // 2, WINDOW)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    shape = np.hanning(WINDOW).astype(np.float32)
    bank = filterbank().T
    level = np.empty((frames, bank.shape[1]), np.float32)
    for first in range(0, frames, PART):  # in parts: a spectrum takes five times the memory
        magnitude = np.abs(rfft(windows[first : first + PART] * shape)[:, : WINDOW // 2])
        level[first : first + PART] = np.log10(1 + magnitude @ bank)
    rise = np.diff(level, axis=0, prepend=level[:1]).clip(min=0)
    return np.concatenate([level, rise], axis=1)


@lru_cache(maxsize=1)
def filterbank() -> np.ndarray:
    """Triangular bands of equal sum, 24 an octave on the tempered scale, float32 of shape (band, bin).

    Where the bins are wider than the bands, at low frequencies, bands that would be equal are one.
    """
    bins = np.arange(WINDOW // 2) * RATE / WINDOW
    steps = np.arange(-200, 200) / BANDS_PER_OCTAVE
    wanted = CONCERT_PITCH_HZ * 2.0**steps
    wanted = wanted[(wanted >= LOWEST_HZ) & (wanted <= HIGHEST_HZ)]
    centres = np.unique(np.abs(bins[:, None] - wanted).argmin(axis=0))
    bank = np.zeros((len(centres) - 2, len(bins)), np.float32)
    for band, low, centre, high in zip(count(), centres, centres[1:], centres[2:]):
        if high - low < 2:
            centre, high = low, low + 1
        bank[band, low:centre] = np.linspace(0, 1, centre - low, endpoint=False)
        bank[band, centre:high] = np.linspace(1, 0, high - centre, endpoint=False)
    return bank / bank.sum(axis=1, keepdims=True)


def _run_networks(heard: list[np.ndarray]) -> list[np.ndarray]:
    """The networks' outputs for several recordings, each of shape (network, frame, class).

    Parts of all recordings go through each network together, a few at a time. Each call runs on one core, several at
    once: an LSTM's steps are too small to be shared, and waiting for one another costs more where cores are busy.
    """
    import torch

    pieces, places = [], []
    for index, levels in enumerate(heard):
        for first in range(0, len(levels), PART):
            begin = max(0, first - WARM_UP)
            pieces.append(torch.from_numpy(levels[begin : first + PART]))
            places.append((index, first - begin))
    is_long = len(pieces) > MANY_PARTS
    together, threads = (TOGETHER // 2, MANY_THREADS) if is_long else (TOGETHER, THREADS)
    groups = [pieces[k : k + together] for k in range(0, len(pieces), together)]
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(min(threads, cpu_count()), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            # all are begun before the first is waited for: one network's last group leaves no core idle
            running = [pool.map(partial(_run, network), groups) for network in load_networks()]
            outputs = [list(each) for each in running]
    finally:
        torch.set_num_threads(before)
    found: list[list[np.ndarray]] = [[] for _ in heard]
    for k, (index, warm) in enumerate(places):
        group, row = divmod(k, together)
        found[index].append(np.stack([of[group][row, warm : len(pieces[k])] for of in outputs]))
    return [np.concatenate(parts, axis=1) for parts in found]


def _run(network: "torch.nn.Module", pieces: "list[torch.Tensor]") -> np.ndarray:
    import torch

    with torch.inference_mode():
        return network(torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True)).numpy()
