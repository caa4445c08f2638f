"""The time map keeps every bound, whatever it is given, and moves visual beats onto the music's where they allow it."""

from itertools import chain, combinations

import numpy as np
import pytest

from s2v_nb.engines.overlay import TimeMap, time_map
from s2v_nb.engines.overlay.timemap import _best_chain, _pairs, _within


def some_times(rng, duration: float, number: int) -> np.ndarray:
    return np.unique(rng.uniform(0, duration, number))


def fine(duration: float) -> np.ndarray:
    return np.linspace(0, duration, 4001)


@pytest.mark.parametrize("seed", range(60))
def test_every_bound_is_kept(seed):
    rng = np.random.default_rng(seed)
    duration = float(rng.uniform(0.5, 6))
    slowest, fastest, max_shift = rng.uniform(0.3, 1), rng.uniform(1, 2.5), rng.uniform(0.01, 0.3)
    visual, beats = some_times(rng, duration, rng.integers(0, 25)), some_times(rng, duration, rng.integers(0, 25))

    found = time_map(visual, beats, duration, max_shift=max_shift, slowest=slowest, fastest=fastest)
    source = found(fine(duration))
    speed = found.speed(fine(duration))

    assert (source[0], source[-1]) == (0, pytest.approx(duration))
    assert (np.diff(source) > 0).all()
    assert speed.min() >= slowest - 1e-9
    assert speed.max() <= fastest + 1e-9
    assert np.abs(source - fine(duration)).max() <= max_shift + 1e-9
    assert (speed[0], speed[-1]) == (pytest.approx(1), pytest.approx(1))  # parts join without a jolt
    assert np.trapezoid(speed, fine(duration)) == pytest.approx(duration, abs=1e-3)


def test_late_visual_beats_land_on_the_beats_exactly():
    beats = np.arange(0.5, 7.6, 0.5)
    late = 0.08 + np.random.default_rng(3).uniform(-0.02, 0.02, len(beats))

    found = time_map(beats + late, beats, 8.0, max_shift=0.12)

    assert np.array_equal(found.at[:-1], beats[:-1])
    assert np.allclose(found(beats[:-1]), (beats + late)[:-1], atol=1e-12)


def test_an_equal_delay_costs_no_change_of_speed_between_beats():
    beats = np.arange(0.5, 7.6, 0.5)

    found = time_map(beats + 0.06, beats, 8.0, max_shift=0.12)

    assert np.allclose(found.speed(np.linspace(0.6, 7.4, 500)), 1)


def test_where_the_way_is_too_far_for_the_speed_it_goes_a_part_of_it():
    found = time_map(np.array([0.2]), np.array([0.1]), 4.0, max_shift=0.12)

    assert 0.1 < found.at[0] < 0.2
    assert found(found.at)[0] == pytest.approx(0.2)


def test_a_visual_beat_on_its_beat_is_held_there():
    """The late ones round it do not carry it away."""
    beats, visual = np.array([1.0, 2.0, 3.0]), np.array([1.08, 2.0, 3.08])

    assert np.allclose(time_map(visual, beats, 4.0, max_shift=0.1)(beats), visual)


def test_the_nearer_of_two_goes_to_the_beat():
    for visual, expected in (((0.95, 1.09), 0.95), ((0.91, 1.05), 1.05)):
        assert time_map(np.array(visual), np.array([1.0]), 2.0, max_shift=0.1)(np.array([1.0])) == pytest.approx(
            expected
        )


@pytest.mark.parametrize(
    ("visual", "beats", "max_shift"),
    [([], [0.5, 1.0], 0.1), ([0.5, 1.0], [], 0.1), ([0.5], [1.0], 0.1), ([0.52], [0.5], 0.0), ([2.5], [2.45], 0.1)],
)
def test_without_anything_near_enough_nothing_moves(visual, beats, max_shift):
    times = fine(2.0)

    assert np.array_equal(time_map(np.array(visual), np.array(beats), 2.0, max_shift=max_shift)(times), times)


@pytest.mark.parametrize("seed", range(12))
def test_no_other_choice_of_pairs_is_worth_more(seed):
    """Against every subset of what could be chosen."""
    rng = np.random.default_rng(seed)
    pairs = _pairs(some_times(rng, 1.5, 4), some_times(rng, 1.5, 4), 1.5, 0.2)[:11]
    chords = (-0.3, 0.4)

    def allowed(chosen) -> bool:
        ends = [np.array([(at, 0, beat, 0)], pairs.dtype) for at, beat in ((0, -1), (1.5, 99))]
        line = np.concatenate([ends[0], pairs[list(chosen)], ends[1]])
        return all(_within(line[k : k + 1], line[k + 1], chords)[0] for k in range(len(line) - 1))

    subsets = chain.from_iterable(combinations(range(len(pairs)), n) for n in range(5))
    best = max(pairs["worth"][list(chosen)].sum() for chosen in subsets if allowed(chosen))
    found = _best_chain(pairs, 1.5, chords)

    assert allowed(found)
    assert pairs["worth"][found].sum() == pytest.approx(best)


def test_beyond_the_part_time_is_left_alone():
    found = time_map(np.array([1.05]), np.array([1.0]), 2.0, max_shift=0.1)

    assert np.array_equal(found(np.array([-1.0, 3.0])), [-1.0, 3.0])
    assert isinstance(found, TimeMap)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"visual": np.array([1.0, 0.5])}, "sorted"),
        ({"beats": np.array([1.0, np.nan])}, "sorted"),
        ({"duration": 0.0}, "duration=0.0"),
        ({"max_shift": -0.1}, "max_shift=-0.1"),
        ({"slowest": 1.1}, "slowest=1.1"),
        ({"slowest": 0.0}, "slowest=0.0"),
        ({"fastest": 0.9}, "fastest=0.9"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, complaint):
    given = {"visual": np.array([0.5]), "beats": np.array([0.5]), "duration": 2.0, "max_shift": 0.1, **wrong}
    with pytest.raises(ValueError, match=complaint):
        time_map(**given)
