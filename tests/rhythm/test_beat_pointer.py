"""The pointer on curves whose beats are known."""

import numpy as np
import pytest

from s2v_nb.rhythm.beat_pointer import BeatPointer

FPS = 100.0


def curve(beats: np.ndarray, seconds: float, height: float = 0.9, noise: float = 0.02) -> np.ndarray:
    values = np.full(round(seconds * FPS), noise)
    width = max(3, round(0.1 * FPS * float(np.median(np.diff(beats)))))
    for beat in np.round(beats * FPS).astype(int):
        values[beat : beat + width] = height
    return values


@pytest.mark.parametrize("bpm", [58, 90, 120, 174, 210])
def test_a_steady_pulse_is_found_to_the_frame(bpm):
    true = np.arange(0.4, 19.5, 60 / bpm)

    found = BeatPointer(FPS).track(curve(true, 20.0)) / FPS

    inside = found[(found > true[0] - 0.1) & (found < true[-1] + 0.1)]
    assert len(inside) == len(true)
    assert np.abs(inside - true).max() < 0.04


def test_beats_missing_from_the_curve_are_filled_in():
    true = np.arange(0.5, 19.5, 0.5)

    found = BeatPointer(FPS).track(curve(np.delete(true, [9, 10, 20]), 20.0)) / FPS

    assert np.abs(true[:, None] - found[None, :]).min(axis=1).max() < 0.04


def test_a_ritardando_is_followed():
    steps = 0.45 * 1.012 ** np.arange(30)
    true = 0.5 + np.cumsum(steps)

    found = BeatPointer(FPS).track(curve(true, true[-1] + 0.5)) / FPS

    assert np.abs(true[:, None] - found[None, :]).min(axis=1).max() < 0.06


def test_the_path_is_the_best_of_all():
    """Against every steady grid, scored by the same likelihood, on a curve of noise."""
    pointer = BeatPointer(FPS)
    values = np.random.default_rng(0).uniform(0.01, 0.6, 600)
    beat, rest = pointer._evidence(values, int(pointer.lengths[-1]))
    ended, _ = pointer._forward(beat, rest, int(pointer.lengths[-1]))
    best = ended[int(pointer.lengths[-1]) + len(values) :].max()

    for length in pointer.lengths[::7]:
        row = int(length - pointer.lengths[0])
        stay = pointer.changes[pointer._reach, row]
        head = max(1, round(length / 10))
        for phase in range(0, length, 9):
            begins = np.arange(int(pointer.lengths[-1]) - phase, int(pointer.lengths[-1]) + len(values), length)
            score = sum(
                beat[b + head] - beat[b] + rest[min(b + length, len(rest) - 1)] - rest[b + head] for b in begins
            )
            assert score + stay * (len(begins) - 1) <= best + 1e-2


def test_a_curve_shorter_than_a_beat_has_none():
    assert len(BeatPointer(FPS).track(np.ones(10))) == 0
