"""The measures on events whose answer is known."""

import numpy as np
import pytest

from s2v_nb.alignment.measures import (
    MEASURES,
    av_align,
    beat_alignment,
    match,
    measure,
    near_beats,
    on_beat,
    phase_locking,
    signed_lags,
)

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


def test_as_many_pairs_as_possible_are_matched():
    """As mir_eval counts them, for beats closer than the window too; taking nearest pairs first would lose some."""
    import mir_eval

    rng = np.random.default_rng(1)
    for _ in range(40):
        events, beats = (np.sort(rng.uniform(0, 3, rng.integers(1, 25))) for _ in range(2))

        expected = len(mir_eval.util.match_events(beats, events, 0.07))

        assert match(events, beats).precision * len(events) == pytest.approx(expected)
    assert match(np.array([0.06, 0.13]), np.array([0.0, 0.07])).f == 1.0


def test_beat_alignment_of_one_late_event():
    """exp(-1/2) at one sigma; sigma is 50 ms whatever the frame rate."""
    assert beat_alignment(np.array([1.05]), BEATS - 0.25) == pytest.approx(np.exp(-0.5))
    assert beat_alignment(np.array([1.1]), BEATS - 0.25) == pytest.approx(np.exp(-2))


def test_beat_alignment_has_two_directions():
    """One good event satisfies the original; events everywhere satisfy the other."""
    single, many = BEATS[:1], np.arange(0, 12, 0.01)

    assert beat_alignment(single, BEATS) == 1.0
    assert beat_alignment(BEATS, single) == pytest.approx(1 / len(BEATS))
    assert beat_alignment(BEATS, many) > 0.99
    assert beat_alignment(many, BEATS) == pytest.approx(0.05 * np.sqrt(2 * np.pi) / 0.5, abs=0.01)


def test_av_align_is_pairs_over_the_union():
    """Twelve of twenty-four beats met within a frame, with two events more: 12 / (14 + 24 - 12)."""
    events = np.sort(np.append(BEATS[::2] + 0.03, [0.5, 1.0]))

    assert av_align(events, BEATS, 1 / 30) == pytest.approx(12 / 26)
    assert av_align(events, BEATS, 0.02) == 0.0


def test_all_measures_at_once_are_those_one_by_one():
    rng = np.random.default_rng(4)
    events = near_beats(np.sort(rng.uniform(0, 12, 20)), BEATS)

    found = measure(events, BEATS, BEATS[::4], 1 / 24)

    pairs = match(events, BEATS)
    assert (found.precision, found.recall, found.f) == pytest.approx((pairs.precision, pairs.recall, pairs.f))
    assert found.r == pytest.approx(phase_locking(events, BEATS))
    assert found.r_half == pytest.approx(phase_locking(events, BEATS, per_beat=2))
    assert found.r_bar == pytest.approx(phase_locking(events, BEATS[::4]))
    assert found.aist_motion == pytest.approx(beat_alignment(events, BEATS))
    assert found.aist_music == pytest.approx(beat_alignment(BEATS, events))
    assert found.av_align == pytest.approx(av_align(events, BEATS, 1 / 24))


def test_without_bars_there_is_no_bar_level():
    assert measure(BEATS, BEATS, BEATS[:1], 1 / 30).r_bar is None


@pytest.mark.parametrize("events", [np.zeros(0), np.array([0.26]), BEATS, np.sort(np.random.default_rng(0).random(60))])
def test_every_measure_lies_between_nothing_and_one(events):
    found = measure(events, BEATS, BEATS[::4], 1 / 30)

    assert all(-1e-12 <= getattr(found, name) <= 1 + 1e-12 for name in MEASURES)


def test_no_events_or_beats_score_nothing_in_the_scores_of_the_field():
    nothing = np.zeros(0)

    assert beat_alignment(nothing, BEATS) == beat_alignment(BEATS, nothing) == 0.0
    assert av_align(nothing, BEATS, 0.03) == av_align(BEATS, nothing, 0.03) == 0.0


def test_unsorted_beats_are_refused():
    with pytest.raises(ValueError, match="are the times sorted"):
        near_beats(BEATS, BEATS[::-1])
