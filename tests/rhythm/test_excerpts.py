"""The best part of a song, and lengths that hold whole phrases."""

import numpy as np
import pytest

from s2v_nb import InputError, analyze, best_excerpts, suggest_durations
from s2v_nb.media.audio import audio_from_array
from tests.rhythm.music import band, bar_lines


@pytest.fixture(scope="module")
def song():
    """Verse, chorus, verse, chorus, quiet ending; the chorus is louder."""
    return band("AAAABBBBAAAABBBBCCCC", loud={"A": 0.5, "C": 0.2})


def test_the_loud_section_that_returns_comes_first(song):
    best = best_excerpts(song, 8.0)[0]

    lines = bar_lines(20)
    assert min(abs(best.start + 0.02 - lines[4]), abs(best.start + 0.02 - lines[12])) < 0.06
    assert "as a chorus does" in best.reason
    assert "begins with a phrase" in best.reason


def test_excerpts_are_ranked_and_apart(song):
    found = best_excerpts(song, 8.0, count=3)

    assert len(found) == 3
    assert [e.score for e in found] == sorted((e.score for e in found), reverse=True)
    starts = sorted(e.start for e in found)
    assert np.diff(starts).min() >= 6.0
    assert all(e.start >= 0 and e.end <= song.duration + 1e-6 for e in found)


def test_every_excerpt_begins_just_before_a_bar(song):
    rhythm = analyze(song)

    for excerpt in best_excerpts(song, 5.0, count=8, rhythm=rhythm):
        assert np.abs(rhythm.downbeats - excerpt.start - 0.02).min() < 0.021


def test_a_short_song_is_its_own_excerpt():
    (only,) = best_excerpts(band("AB"), 8.0)

    assert (only.start, only.reason) == (0.0, "the whole song")


def test_without_a_beat_there_still_is_an_excerpt():
    quiet = audio_from_array(np.zeros((2, 44_100 * 20)), 44_100)

    best = best_excerpts(quiet, 8.0)[0]

    assert 0 <= best.start <= 12.0


def test_the_reason_speaks_chinese(song, monkeypatch):
    monkeypatch.setenv("S2V_NB_LANGUAGE", "zh")

    assert "副歌" in best_excerpts(song, 8.0)[0].reason


def test_durations_hold_whole_phrases_first():
    hints = suggest_durations(120.0, near=8.0)

    assert (hints[0].seconds, hints[0].bars, hints[0].whole_phrases) == (8.0, 4.0, True)
    assert all(3 <= h.seconds <= 15 for h in hints)
    assert {4.0, 6.0, 8.0, 10.0, 12.0} >= {h.seconds for h in hints}


def test_an_engines_parts_are_not_wasted():
    hints = suggest_durations(112.0, near=10.0, part_seconds=5.0, count=10)

    full = [h for h in hints if h.waste == 0]
    assert {5.0, 10.0, 15.0} <= {h.seconds for h in full}
    assert next(h for h in hints if h.seconds == pytest.approx(8.571, abs=1e-3)).waste == pytest.approx(1.429, abs=1e-3)


@pytest.mark.parametrize("tempo", [0.0, -10.0, None, float("nan"), float("inf")])
def test_durations_need_a_tempo(tempo):
    with pytest.raises(InputError, match="tempo"):
        suggest_durations(tempo)


@pytest.mark.parametrize("choice", [{"metre": 0}, {"part_seconds": 1e-8}, {"part_seconds": 0.0}])
def test_impossible_bars_and_parts_are_refused(choice):
    with pytest.raises(InputError, match=next(iter(choice))):
        suggest_durations(120.0, **choice)


@pytest.mark.parametrize("choice", [{"duration": 0.0}, {"duration": float("nan")}, {"count": 0}])
def test_impossible_excerpts_are_refused(song, choice):
    with pytest.raises(InputError, match=next(iter(choice))):
        best_excerpts(song, **choice)


def test_an_excerpt_of_a_part_can_be_cut_from_it(song):
    part = song.excerpt(10.0, 20.0)
    best = best_excerpts(part, 4.0)[0]

    cut = best.of(part)

    assert cut.duration == pytest.approx(4.0, abs=1e-3)
    assert cut.start == pytest.approx(10.0 + best.start, abs=1e-3)
