"""The beats of other music are plausible, and always the same."""

import numpy as np

from s2v_nb.alignment.songs import GRIDS, TEMPO_RANGE, make_grid, phases_in_songs, song_grids
from s2v_nb.rhythm.types import beat_phase, validate_times


def test_there_are_enough_songs_and_they_cover_the_clip():
    grids = song_grids(20.0)

    assert len(grids) == GRIDS >= 200
    for grid in grids:
        validate_times("beats", grid.beats)
        assert grid.beats[0] < 0
        assert grid.beats[-1] > 20


def test_tempi_are_spread_as_in_popular_music():
    grids = song_grids(15.0)
    tempi = np.array([grid.tempo for grid in grids])
    played = np.array([60 / np.median(np.diff(grid.beats)) for grid in grids])

    assert TEMPO_RANGE[0] <= tempi.min()
    assert tempi.max() <= TEMPO_RANGE[1]
    assert abs(np.median(tempi) - 120) < 4
    assert 0.2 < np.log(tempi).std() < 0.3
    assert np.abs(np.log(played / tempi)).max() < np.log(1.3)


def test_half_are_steady_and_some_change():
    unsteady = np.array([np.diff(grid.beats).std() / np.diff(grid.beats).mean() for grid in song_grids(15.0)])

    assert 0.4 < np.mean(unsteady < 1e-9) < 0.6
    assert np.mean(unsteady > 0.03) > 0.1


def test_bars_have_three_or_four_beats():
    grids = song_grids(15.0)

    assert 0.1 < np.mean([grid.metre == 3 for grid in grids]) < 0.25
    for grid in grids:
        places = np.searchsorted(grid.beats, grid.downbeats)
        assert np.array_equal(grid.beats[places], grid.downbeats)
        assert (np.diff(places) == grid.metre).all()


def test_songs_start_anywhere():
    first = np.array([grid.beats[grid.beats >= 0][0] * grid.tempo / 60 for grid in song_grids(15.0)])

    assert np.histogram(first, bins=4, range=(0, 1))[0].min() > GRIDS / 4 * 0.7


def test_a_longer_song_begins_like_the_shorter():
    for k in range(60):
        short, long = (make_grid(np.random.default_rng(k), seconds) for seconds in (15, 60))

        assert np.array_equal(short.beats, long.beats[: len(short.beats)])
        assert np.array_equal(short.downbeats, long.downbeats[: len(short.downbeats)])


def test_the_same_songs_every_time():
    """A report made today and one made in a year are judged by the same songs."""
    first = song_grids(15.0)[0]

    assert first.beats[:3].round(4).tolist() == [-0.5091, -0.0259, 0.464]
    assert (round(first.tempo, 3), first.metre) == (122.391, 4)


def test_phases_in_all_songs_are_those_in_each():
    times = np.array([0.0, 0.4, 7.77, 11.99])

    found = phases_in_songs(times, 12.0)

    assert found.shape == (GRIDS, 4)
    for row, grid in zip(found, song_grids(12.0), strict=True):
        assert np.allclose(np.exp(2j * np.pi * row), np.exp(2j * np.pi * beat_phase(times, grid.beats)), atol=1e-6)
