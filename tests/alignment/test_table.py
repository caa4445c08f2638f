"""Tables of draws give in each row what the row alone gives."""

import numpy as np
import pytest

from s2v_nb.alignment import table

BEATS = np.array([0.5, 1.0, 1.6, 2.1, 2.5])


@pytest.fixture(scope="module")
def draws():
    """Rows with 0 to 9 events, filled up with FAR."""
    rng = np.random.default_rng(2)
    rows = [np.sort(rng.uniform(0, 3, n)) for n in range(10)]
    return np.array([np.pad(row, (0, 9 - len(row)), constant_values=table.FAR) for row in rows])


def alone(row: np.ndarray) -> np.ndarray:
    return row[row < table.FAR]


def test_events_are_counted(draws):
    assert table.counts(draws).tolist() == list(range(10))


def test_near_keeps_what_is_half_a_beat_around_and_sorts():
    found = table.near(np.array([[2.71, 0.24, 1.5, 0.26, 2.69]]), BEATS)

    assert found[0, :3].tolist() == [0.26, 1.5, 2.69]
    assert (found[0, 3:] == table.FAR).all()


@pytest.mark.parametrize("window", [0.03, 0.07, 0.4])
def test_hits_of_a_row_are_hits_of_the_row_alone(draws, window):
    expected = [table.hits(alone(row)[None], BEATS, window)[0] if alone(row).size else 0 for row in draws]

    assert table.hits(draws, BEATS, window).tolist() == expected


def test_a_beat_is_taken_by_the_first_event_and_once():
    crowd = np.array([[0.45, 0.5, 0.55, 1.0, table.FAR]])

    assert table.hits(crowd, BEATS, 0.07).tolist() == [2]


def test_distances_are_those_of_a_search_of_all_pairs(draws):
    to_beat, to_event = table.to_nearest_beat(draws, BEATS), table.to_nearest_event(draws, BEATS)

    for k, row in enumerate(draws[1:], start=1):
        every = np.abs(alone(row)[:, None] - BEATS)
        assert np.allclose(to_beat[k, :k], every.min(axis=1))
        assert np.allclose(to_event[k], every.min(axis=0))
    assert to_event[0].min() > 3600  # no event of another row is taken for this one's


def test_phasors_are_nothing_where_there_is_no_event(draws):
    found = table.phasors(draws, BEATS)

    assert np.allclose(abs(found), draws < table.FAR)
    assert table.mean_of(found, draws)[0] == 0
    assert table.phasors(BEATS[None], BEATS)[0] == pytest.approx(np.ones(5))
