"""What chance gives: known where it can be worked out, and fair to motion that has nothing to do with its music."""

import numpy as np
import pytest

from s2v_nb.alignment.chance import block_edges, chance_level, permuted, songs_level
from s2v_nb.alignment.songs import GRIDS

BEATS = np.arange(0.25, 12, 0.5)


def test_blocks_fill_the_clip():
    for duration in (0.9, 3.0, 12.0, 61.0):
        edges = block_edges(duration, np.random.default_rng(0))

        assert (edges[0], edges[-1]) == (0.0, duration)
        assert (np.diff(edges)[:-1] >= 2).all()
        assert duration < 2.5 or 0.5 <= np.diff(edges)[-1] <= 3.1


def test_permuted_motion_keeps_its_rhythm_within_a_block_and_its_place_in_the_clip():
    """Of events one block apart from all others, pairs stay pairs, and nothing is lost or leaves the clip."""
    edges = np.array([0.0, 2.1, 4.6, 7.0, 9.0])
    events = np.array([0.5, 0.8, 2.5, 2.9, 5.0, 5.5, 7.5, 8.1])

    found = permuted(events, edges, 500, np.random.default_rng(0))

    assert found.shape == (500, 8)
    assert found.min() >= 0
    assert found.max() < 9
    gaps = (found[:, 1::2] - found[:, ::2]) % 9
    assert np.allclose(gaps, [0.3, 0.4, 0.5, 0.6])
    assert len(np.unique(np.round(found[:, 0], 6))) == 500


def test_permuted_events_fall_anywhere():
    edges = block_edges(12.0, np.random.default_rng(1))

    found = permuted(BEATS, edges, 4000, np.random.default_rng(0))

    assert np.histogram(found[:, 3], bins=6, range=(0, 12))[0] == pytest.approx(4000 / 6, rel=0.12)


def test_chance_levels_are_those_that_can_be_worked_out():
    """A moment at random is within 70 ms of a beat at 120 BPM with 28 %; the kernel's mean is sigma sqrt(2 pi) / T."""
    mean = chance_level(BEATS, BEATS, 12.0, draws=2000).mean

    assert mean.precision == pytest.approx(0.28, abs=0.02)
    assert mean.aist_motion == pytest.approx(0.05 * np.sqrt(2 * np.pi) / 0.5, abs=0.02)
    assert mean.r_bar is None
    assert chance_level(BEATS, BEATS, 12.0, draws=50, downbeats=BEATS[::4]).mean.r_bar < 0.2


def test_a_wider_frame_gives_chance_more_pairs():
    fine, coarse = (chance_level(BEATS, BEATS, 12.0, draws=300, frame=1 / fps).mean.av_align for fps in (60, 16))

    assert fine < coarse / 2


def test_in_time_is_beyond_chance_and_another_tempo_is_not():
    aligned = chance_level(BEATS, BEATS, 12.0)
    other_tempo = chance_level(np.arange(0.1, 12, 0.443), BEATS, 12.0)

    assert aligned.p < 0.001
    assert aligned.mean.f < 0.45
    assert other_tempo.p > 0.05


def test_motion_off_the_beat_is_not_in_time():
    """Locked to the middle between beats: R is 1, but p asks for the beat."""
    assert chance_level(BEATS[:-1] + 0.25, BEATS, 12.0, draws=500).p > 0.9


def test_chance_is_fair_to_unrelated_motion():
    """Events at random must be called aligned as often as p says."""
    rng = np.random.default_rng(0)
    ps = []
    for _ in range(800):
        events = np.sort(rng.uniform(0, 12, rng.integers(8, 30)))
        ps.append(chance_level(events, BEATS, 12.0, draws=200, seed=int(rng.integers(1e9))).p)

    assert 0.03 <= np.mean(np.array(ps) < 0.05) <= 0.07
    assert np.mean(np.array(ps) < 0.5) == pytest.approx(0.5, abs=0.06)


def test_equal_input_gives_equal_chance():
    events = np.arange(0.1, 12, 0.47)

    assert chance_level(events, BEATS, 12.0, draws=50) == chance_level(events, BEATS, 12.0, draws=50)


def test_many_draws_of_many_events_are_counted_once(monkeypatch):
    """Draws that do not fit into one table are drawn in several, and p still counts all of them."""
    monkeypatch.setattr("s2v_nb.alignment.chance._AT_ONCE", 24 * 7)

    found = chance_level(BEATS, BEATS, 12.0, draws=100)

    assert found.p == pytest.approx(1 / 101)
    assert found.mean.precision == pytest.approx(0.28, abs=0.08)


def test_one_beat_is_refused():
    with pytest.raises(ValueError, match="at least 2 times"):
        chance_level(BEATS, BEATS[:1], 12.0)


def test_other_songs_do_not_fit_motion_that_is_in_time():
    rng = np.random.default_rng(0)

    assert songs_level(BEATS, BEATS, 12.0) == pytest.approx(1 / (GRIDS + 1), abs=0.01)
    assert songs_level(np.sort(BEATS + rng.normal(0, 0.04, 24)), BEATS, 12.0) < 0.05


def test_other_songs_fit_a_few_events_as_well():
    """Four events 2.5 s apart meet the beats of many a song: what p_songs is for."""
    sparse = np.array([1.25, 3.8, 6.2, 8.8])

    assert songs_level(sparse + 0.07, BEATS, 12.0) > 0.05


def test_other_songs_are_fair_to_unrelated_motion():
    rng = np.random.default_rng(3)
    shares = [songs_level(np.sort(rng.uniform(0, 12, 20)), BEATS, 12.0) for _ in range(300)]

    assert np.mean(np.array(shares) < 0.5) == pytest.approx(0.5, abs=0.1)
    assert 0.01 <= np.mean(np.array(shares) < 0.05) <= 0.1
