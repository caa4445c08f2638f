"""Frames at any moments of a source."""

import threading

import numpy as np
import pytest

from s2v_nb.engines.overlay import resample
from s2v_nb.engines.overlay.ordered import AHEAD
from s2v_nb.engines.overlay.resample import intervals
from s2v_nb.models.wan_s2v.rate import frames_between

from .jerks import jerky_frames


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    return jerky_frames(np.array([0.3, 0.8]), 24, 20, (160, 96))


def test_at_the_sources_own_moments_its_frames_are_untouched(source):
    nearly = np.arange(20) / 24 + 0.9e-3 / 24

    for times in (np.arange(20) / 24, nearly, nearly[1:] - 1.8e-3 / 24):
        found = list(resample(source, 24, times))
        assert np.array_equal(found, source[20 - len(times) :])
        assert all(np.shares_memory(frame, source) for frame in found)


def test_in_between_frames_are_those_of_the_interpolation(source):
    found = list(resample(source, 24, np.array([2.0, 2.25, 2.75, 3.0, 3.5]) / 24))

    expected = frames_between(source[2], source[3], [0.25, 0.75])
    assert np.array_equal(found[1:3], expected)
    assert np.array_equal(found[4], frames_between(source[3], source[4], [0.5])[0])
    assert np.array_equal(found[0], source[2])


def test_moments_between_the_same_frames_are_made_together():
    found = intervals(np.array([0.0, 0.4, 0.9, 1.0, 1.2, 7.0, 9.0]), 1.0, 4)

    assert [(each.first, each.before, len(each.shares)) for each in found] == [(0, 0, 3), (3, 1, 2), (5, 3, 2)]
    assert found[0].shares == (0.0, 0.4, 0.9)
    assert found[2].shares == (0.0, 0.0)


def test_before_the_first_and_after_the_last_frame_these_are_shown(source):
    first, last = resample(source, 24, np.array([-5.0, 100.0]))

    assert np.array_equal(first, source[0])
    assert np.array_equal(last, source[-1])


def test_the_number_of_threads_changes_nothing(source):
    times = np.arange(22) / 30

    one, many = (list(resample(source, 24, times, threads=threads)) for threads in (1, 6))

    assert np.array_equal(one, many)


def test_it_runs_a_few_frames_ahead_and_leaving_early_ends_its_threads(source):
    asked = []

    class Watched(list):
        def __getitem__(self, k):
            asked.append(k)
            return super().__getitem__(k)

    frames = resample(Watched([source[0]] * 100), 24, np.arange(100) / 24, threads=2)
    next(frames)
    assert len(asked) <= 2 + AHEAD + 1
    del frames

    assert not [t for t in threading.enumerate() if t.name.startswith("overlay")]


def test_what_cannot_be_made_is_refused(source):
    with pytest.raises(ValueError, match="must not fall"):
        resample(source, 24, np.array([0.5, 0.4]))
    with pytest.raises(ValueError, match="is empty"):
        resample([], 24, np.array([0.5]))
