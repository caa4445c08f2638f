"""The visual beats of raw frames."""

import numpy as np
import pytest

from s2v_nb.engines.overlay import visual_beats
from s2v_nb.engines.overlay.ordered import AHEAD, ordered

from .jerks import jerky_frames

STOPS = np.array([0.5, 1.0, 1.45, 2.0, 2.6])


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return jerky_frames(STOPS, 24, 72)


def test_they_are_where_the_picture_stops(frames):
    found = visual_beats(frames, 24)

    assert len(found) == len(STOPS)
    assert np.abs(found - STOPS).max() < 0.5 / 24


def test_a_file_in_memory_a_list_and_a_generator_are_alike_and_so_is_any_number_of_threads(frames, tmp_path):
    stored = np.memmap(tmp_path / "frames", np.uint8, "w+", shape=frames.shape)
    stored[:] = frames
    expected = visual_beats(frames, 24, threads=1)

    for given in (stored, list(frames), (frame for frame in frames)):
        assert np.array_equal(visual_beats(given, 24, threads=5), expected)


def test_where_nothing_stops_there_are_none(frames):
    assert visual_beats([], 24).shape == (0,)
    assert visual_beats(frames[:1], 24).shape == (0,)
    assert visual_beats(frames[:1].repeat(48, axis=0), 24).shape == (0,)


def test_a_cut_is_no_beat(frames):
    """Two still pictures: all that happens is that one follows the other."""
    other = np.random.default_rng(1).integers(0, 255, frames[:1].shape, np.uint8)

    assert not len(visual_beats(np.concatenate([frames[:1].repeat(24, axis=0), other.repeat(24, axis=0)]), 24))


def test_work_comes_in_order_and_not_far_ahead():
    taken = []

    def items():
        for k in range(50):
            taken.append(k)
            yield k

    results = ordered(lambda k: k * k, items(), threads=3)

    assert next(results) == 0
    assert len(taken) <= 3 + AHEAD
    assert list(results) == [k * k for k in range(1, 50)]


def test_an_error_comes_out_in_its_place():
    results = ordered(lambda k: 1 / k, [2, 0, 1], threads=2)

    assert next(results) == 0.5
    with pytest.raises(ZeroDivisionError):
        next(results)
