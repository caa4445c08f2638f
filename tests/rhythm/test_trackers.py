"""The trackers on songs with a known score, and what happens where one is missing."""

import numpy as np
import pytest
from mir_eval.beat import f_measure

from s2v_nb import InputError, analyze, generate
from s2v_nb.media.audio import audio_from_array
from s2v_nb.models import beatnet
from s2v_nb.rhythm import trackers
from tests.rhythm.music import band, bar_lines

SONG = "AAAABBBB"
SMALL = {"duration": 3.0, "resolution": "480p", "start": 0.0}


@pytest.fixture(params=["beatnet", "librosa"])
def tracker(request) -> str:
    if request.param == "beatnet" and not beatnet.have_weights():
        pytest.skip("needs BeatNet's weights: python -m s2v_nb.warm fetches them")
    return request.param


@pytest.mark.parametrize("bpm", [84, 112, 140])
def test_beats_and_bars_of_a_band(tracker, bpm):
    rhythm = analyze(band(SONG, bpm=bpm, lead=0.4), tracker=tracker)

    true = 0.4 + np.arange(32) * 60 / bpm
    assert rhythm.tracker == tracker
    assert f_measure(true, rhythm.beats[rhythm.beats < true[-1] + 0.1]) > 0.95
    lines = bar_lines(8, bpm=bpm, lead=0.4)
    assert f_measure(lines, rhythm.downbeats[rhythm.downbeats < lines[-1] + 0.1]) > 0.9
    assert rhythm.metre == 4


def test_a_waltz_has_three_beats_a_bar(tracker):
    rhythm = analyze(band("AABBAABB", bpm=126, metre=3), tracker=tracker)

    assert rhythm.metre == 3
    assert f_measure(bar_lines(8, bpm=126, metre=3), rhythm.downbeats) > 0.8


def test_a_quiet_song_is_heard_like_a_loud_one(tracker):
    loud = band(SONG)
    quiet = audio_from_array(loud.samples * 0.01, loud.rate)

    assert np.allclose(analyze(quiet, tracker=tracker).beats, analyze(loud, tracker=tracker).beats, atol=2e-3)


def test_a_clear_song_is_surer_than_noise():
    clear = analyze(band(SONG))
    noise = analyze(audio_from_array(0.1 * np.random.default_rng(0).normal(size=22_050 * 17), 22_050))

    assert clear.sureness > 0.85
    assert noise.sureness < 0.5
    assert clear.confidence.shape == clear.beats.shape


def test_an_unknown_tracker_is_named_with_the_known_ones():
    with pytest.raises(InputError, match="beatnet, librosa, beat_this, madmom"):
        analyze(band("A"), tracker="dancer")


def test_a_tracker_that_is_not_installed_names_its_package(monkeypatch):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(InputError, match="needs the package madmom"):
        analyze(band("A"), tracker="madmom")


def test_without_weights_and_network_librosa_hears(cover, tmp_path, monkeypatch):
    def refuse():
        raise beatnet.WeightsMissing("beatnet.missing", why="no network", why_zh="没有网络连接")

    monkeypatch.setattr(trackers, "fetch_weights", refuse)
    monkeypatch.setattr(trackers, "have_weights", lambda: False)
    monkeypatch.setattr(trackers, "_refused", [])

    assert analyze(band("AB")).tracker == "librosa"
    assert "no network" in str(trackers.missing_weights())
    assert any("no network" in notice for notice in generate(cover, band("AB"), runs=tmp_path, **SMALL).notices)
    with pytest.raises(InputError, match="no network"):
        analyze(band("AB"), tracker="beatnet")


def test_another_program_gives_beats_and_bars(monkeypatch):
    """What beat_this and madmom return becomes a grid whose downbeats are among its beats."""
    grid = trackers._given(np.array([0.1, 0.6, 1.1, 1.6, 2.1, 2.6, 3.1]), np.array([0.11, 1.59, 3.1]))

    assert grid.downbeats.tolist() == [0.1, 1.6, 3.1]
    assert grid.metre == 3
    assert len(trackers._given(np.zeros(0), np.zeros(0)).beats) == 0
