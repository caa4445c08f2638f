"""The measures on events whose answer is known."""

import numpy as np
import pytest

from s2v_nb.alignment.measures import chance_level, match, near_beats, on_beat, phase_locking, signed_lags

BEATS = np.arange(0.25, 12, 0.5)


def test_events_on_the_beats_are_perfect():
    assert phase_locking(BEATS, BEATS) == pytest.approx(1.0)
    assert on_beat(BEATS, BEATS) == pytest.approx(1.0)
    assert (match(BEATS, BEATS).precision, match(BEATS, BEATS).recall, match(BEATS, BEATS).f) == (1.0, 1.0, 1.0)
    assert np.allclose(signed_lags(BEATS, BEATS), 0)


def test_a_late_event_has_a_positive_lag():
    assert np.allclose(signed_lags(BEATS + 0.04, BEATS), 0.04)
    assert np.allclose(signed_lags(BEATS - 0.04, BEATS), -0.04)


def test_constant_lag_keeps_locking_but_leaves_the_beat():
    late = BEATS[:-1] + 0.125

    assert phase_locking(late, BEATS) == pytest.approx(1.0)
    assert on_beat(late, BEATS) == pytest.approx(0.0, abs=1e-9)
    assert match(late, BEATS).f == 0.0


def test_half_beats_lock_only_at_their_own_level():
    half = np.arange(0.25, 11.5, 0.25)

    assert phase_locking(half, BEATS) < 0.03
    assert phase_locking(half, BEATS, per_beat=2) == pytest.approx(1.0)


def test_a_beat_is_met_once():
    """Twenty events in one beat's window do not meet twenty beats."""
    crowd = 0.75 + np.linspace(-0.05, 0.05, 20)

    found = match(crowd, BEATS)

    assert found.precision == 1 / 20
    assert found.recall == 1 / len(BEATS)


def test_only_events_near_the_beats_count():
    assert near_beats(np.array([-0.3, 0.1, 5.0, 12.2]), BEATS).tolist() == [0.1, 5.0]


def test_no_events_is_nothing_and_no_error():
    nothing = np.zeros(0)

    assert phase_locking(nothing, BEATS) == on_beat(nothing, BEATS) == match(nothing, BEATS).f == 0.0


def test_in_time_is_beyond_chance_and_chance_is_not():
    aligned = chance_level(BEATS, BEATS, 12.0)
    other_tempo = chance_level(np.arange(0.1, 12, 0.443), BEATS, 12.0)

    assert aligned.p < 0.001
    assert aligned.f < 0.45
    assert other_tempo.p > 0.05


def test_chance_is_fair_to_unrelated_motion():
    """Regular motion of another tempo and phase must be called aligned about as often as p says."""
    rng = np.random.default_rng(0)
    ps = []
    for _ in range(120):
        period = rng.uniform(0.35, 0.8)
        events = np.sort(np.arange(rng.uniform(0, period), 12, period) + rng.normal(0, 0.02))
        ps.append(chance_level(events, BEATS, 12.0, draws=150, seed=int(rng.integers(1e9))).p)

    assert 0.0 <= np.mean(np.array(ps) < 0.05) < 0.11
    assert np.mean(np.array(ps) < 0.5) == pytest.approx(0.5, abs=0.2)


def test_equal_input_gives_equal_p():
    events = np.arange(0.1, 12, 0.47)

    assert chance_level(events, BEATS, 12.0, draws=50) == chance_level(events, BEATS, 12.0, draws=50)
