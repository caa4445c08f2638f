"""The tracker without networks: librosa's beats at several tempi, of which the evidence chooses.

librosa follows one tempo, and takes it from a prior around 120 BPM. Here the song's own periods propose tempi, with
their doubles, halves and thirds; each is tracked (Ellis, "Beat tracking by dynamic programming", 2007), also shifted by
half a beat, and the grid that fits onsets, bass and harmony best is taken.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from s2v_nb.rhythm.beat_pointer import FASTEST_BPM, SLOWEST_BPM
from s2v_nb.rhythm.evidence import Evidence
from s2v_nb.rhythm.features import Curve
from s2v_nb.rhythm.levels import CLOSE, REACH, USUAL_BPM, at_part, between, tempo_at, unequal
from s2v_nb.rhythm.refine import peak_offset

TIGHTNESS = 800.0
MOST_PERIODS, MOST_TEMPI = 8, 14
RATIOS = (1.0, 2.0, 0.5, 1.5, 2 / 3)
SAME_TEMPO = 0.03
FEWEST_BEATS = 6
# of `numbers`; fitted on music with known beats
WEIGHTS = np.array([2.115, -2.422, 0.658, 2.205, 4.667, 1.918, 3.172, 1.354])


def onset_beats(heard: Evidence) -> np.ndarray:
    """Beat times in seconds, shape (n,); empty where nothing repeats."""
    periods = autocorrelation(heard.onset)
    grids = [g for tempo in _tempi(periods, heard.onset.hop_seconds) for g in _grids(heard.onset, tempo)]
    if not grids:
        return np.zeros(0)
    return max(grids, key=lambda beats: float(numbers(beats, heard, periods) @ WEIGHTS))


def autocorrelation(curve: Curve) -> np.ndarray:
    """Of the curve about its mean, over the overlap, 1 at lag 0; shape (frame,)."""
    values = curve.values - curve.values.mean()
    size = 2 ** int(np.ceil(np.log2(2 * max(len(values), 2))))
    spectrum = np.fft.rfft(values, size)
    product_sum = np.fft.irfft(np.abs(spectrum) ** 2, size)[: len(values)]
    return product_sum / np.arange(len(values), 0, -1) / (product_sum[0] / len(values) + 1e-12)


def _tempi(periods: np.ndarray, hop_seconds: float) -> list[float]:
    """Tempi to try, in BPM: the strongest periods of the curve, and simple ratios of them."""
    low, high = (int(60 / bpm / hop_seconds) for bpm in (FASTEST_BPM, SLOWEST_BPM))
    inside = np.arange(max(low, 1), min(high + 1, len(periods) - 1))
    peaks = inside[(periods[inside] >= periods[inside - 1]) & (periods[inside] > periods[inside + 1])]
    strongest = sorted(peaks, key=lambda k: -periods[k])[:MOST_PERIODS]
    tempi: list[float] = []
    for lag, ratio in product(strongest, RATIOS):
        tempo = ratio * 60 / ((lag + peak_offset(periods, int(lag))) * hop_seconds)
        fresh = all(abs(np.log(tempo / known)) > SAME_TEMPO for known in tempi)
        if fresh and SLOWEST_BPM <= tempo <= FASTEST_BPM:
            tempi.append(float(tempo))
    return tempi[:MOST_TEMPI]


def _grids(onset: Curve, tempo: float) -> Iterator[np.ndarray]:
    """The beats at a tempo, and the points between them."""
    import librosa

    rate = 1 / onset.hop_seconds  # with hop 1 a "sample" is one frame
    _, frames = librosa.beat.beat_track(
        onset_envelope=onset.values, sr=rate, hop_length=1, bpm=tempo, tightness=TIGHTNESS, trim=False
    )
    if len(frames) >= FEWEST_BEATS:
        beats = frames * onset.hop_seconds
        yield from (beats, between(beats))


def numbers(beats: np.ndarray, heard: Evidence, periods: np.ndarray) -> np.ndarray:
    """What speaks for a grid: tempo, bass and harmony on the beat, onsets on, between and at quarters of the beats,
    how well the beat's period repeats, and how unequal each second beat is."""
    middle = between(beats)
    octaves = np.log2(tempo_at(beats) / USUAL_BPM)
    onset, bass, harmony = heard.onset.relative(), heard.bass.relative(), heard.harmony.relative()
    mean = heard.onset.values.mean() + 1e-9
    on, halfway = (np.log(heard.onset.near(at_part(beats, p), CLOSE).mean() / mean + 1e-3) for p in (0.0, 0.5))
    period = 60 / tempo_at(beats) / heard.onset.hop_seconds
    return np.array(
        [
            octaves,
            octaves**2,
            bass.near(beats, REACH).mean() - bass.near(middle, REACH).mean(),
            harmony.near(beats, REACH).mean() - harmony.near(middle, REACH).mean(),
            on,
            halfway,
            np.interp(period, np.arange(len(periods)), periods),
            unequal(onset.near(beats, REACH)),
        ]
    )
