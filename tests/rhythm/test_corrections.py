"""What a person changes holds everywhere, and can be undone."""

import json

import numpy as np
import pytest

from s2v_nb import Corrections, InputError, analyze, generate, load_audio
from s2v_nb.rhythm.corrections import beside, corrected
from tests.conftest import write_song
from tests.rhythm.music import band


@pytest.fixture
def song(tmp_path):
    audio = band("AABB")
    return load_audio(write_song(tmp_path / "song.wav", audio.samples.T, audio.rate))


@pytest.fixture
def heard(song):
    return analyze(song)


def test_double_then_halve_is_nothing(heard):
    again = Corrections().double().halve().apply(heard)

    assert np.allclose(again.beats, heard.beats)
    assert np.allclose(again.downbeats, heard.downbeats)


def test_halving_keeps_the_downbeats(heard):
    half = Corrections().halve().apply(heard)

    assert half.tempo == pytest.approx(heard.tempo / 2, rel=0.01)
    assert np.isin(np.round(half.downbeats, 3), np.round(heard.downbeats, 3)).all()


def test_double_has_a_beat_between_the_beats(heard):
    double = Corrections().double().apply(heard)

    assert len(double.beats) == 2 * len(heard.beats) - 1
    assert double.tempo == pytest.approx(2 * heard.tempo, rel=0.01)


def test_shift_is_half_a_beat(heard):
    shifted = Corrections().shift().apply(heard)

    assert np.allclose(shifted.beats[:-1], (heard.beats[:-1] + heard.beats[1:]) / 2)


def test_rotating_a_whole_bar_changes_nothing_within(heard):
    once, four = Corrections().rotate(1).apply(heard), Corrections().rotate(4).apply(heard)

    assert once.downbeats[0] == pytest.approx(heard.beats[np.searchsorted(heard.beats, heard.downbeats[0] - 1e-6) + 1])
    assert np.isin(np.round(four.downbeats[1:], 3), np.round(heard.downbeats, 3)).all()


def test_nudge_and_back(heard):
    later = Corrections().nudge(12.5).apply(heard)

    assert np.allclose(later.beats[:5], heard.beats[:5] + 0.0125)
    assert np.allclose(Corrections().nudge(12.5).nudge(-12.5).apply(heard).beats, heard.beats)


def test_a_metre_of_three(heard):
    three = Corrections().metre(3).apply(heard)

    assert three.metre == 3
    assert np.allclose(np.diff(three.downbeats), 3 * 60 / heard.tempo, atol=0.03)


def test_sloppy_taps_give_the_grid_of_the_song(heard):
    """Eight taps, 20 ms unsure and 40 ms late, with one left out: the grid is that of the whole song."""
    true = np.arange(16) * 60 / 112
    taps = np.delete(true[2:11], 4) + 0.04 + np.random.default_rng(0).normal(0, 0.02, 8)

    tapped = Corrections().tap(taps).apply(heard)

    assert np.abs(true[:, None] - tapped.beats[None, :]).min(axis=1).max() < 0.045
    assert (tapped.confidence == 1).all()


def test_undo_takes_back_one_step():
    assert Corrections().double().rotate(2).undo() == Corrections().double()
    assert Corrections().undo() == Corrections()


def test_kept_beside_the_song_and_applied_everywhere(song, heard):
    path = Corrections().double().rotate(1).save(song)

    assert path.name == "song.wav.beats.json"
    assert Corrections.of(song) == Corrections().double().rotate(1)
    whole = analyze(song.path)
    assert whole.tempo == pytest.approx(2 * heard.tempo, rel=0.01)
    part = analyze(load_audio(song.path, 2.0, 4.0))  # a part is cut from the corrected whole
    assert np.allclose(part.beats, whole.excerpt(2.0, 4.0).beats)

    Corrections().save(song)
    assert not path.exists()
    assert np.allclose(analyze(song.path).beats, heard.beats)


def test_corrections_of_another_song_are_left_alone(song):
    path = Corrections().double().save(song)
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "song": "0" * 64}))

    assert Corrections.of(song) == Corrections()
    Corrections().halve().save(song)
    assert json.loads(path.with_name(path.name + ".bak").read_text())["steps"] == [["double", None]]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"song": 1}',
        '{"song": "x", "steps": [["dance", null]]}',
        '{"song": "x", "steps": [["nudge", 1e9]]}',
        '{"song": "x", "steps": [], "s2v_nb_corrections": 99}',
        '{"song": "x", "steps": [["tap", [0, 1, 2, 1%s]]]}' % ("0" * 400),
    ],
)
def test_a_damaged_file_is_not_dropped_in_silence(song, text):
    beside(song.path).write_text(text)

    with pytest.raises(InputError):
        analyze(song.path)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda c: c.double().double().double(), r"x 2\^3"),
        (lambda c: c.then("double", 3), "double=3"),
        (lambda c: Corrections(c.nudge(1).steps * 201), "steps=201"),
        (lambda c: c.rotate(0.5), "rotate=0.5"),
        (lambda c: c.metre(1), "metre=1"),
        (lambda c: c.nudge(900), "nudge=900"),
        (lambda c: c.tap([1.0, 2.0]), "2 taps"),
        (lambda c: c.tap([1.0, 2.0, 3.0, float("nan")]), "4 taps"),
        (lambda c: c.then("dance"), "'dance' is no correction"),
    ],
)
def test_impossible_corrections_are_refused(make, complaint):
    with pytest.raises(InputError, match=complaint):
        make(Corrections())


def test_steps_as_text(song):
    corrected(song, "double, rotate 1, nudge -12.5").save(song)

    assert corrected(song, "undo") == Corrections().double().rotate(1)
    assert corrected(song, "reset, halve") == Corrections().halve()
    with pytest.raises(InputError, match="dance"):
        corrected(song, "dance 3")


def test_a_song_without_a_file_cannot_keep_them():
    with pytest.raises(InputError, match="no file"):
        Corrections().double().save(band("A"))


@pytest.mark.parametrize("seed", range(8))
def test_hasty_taps_never_leave_nothing(heard, seed):
    """Bounces, gaps and 30 ms of jitter: still a grid at about the tempo that was tapped."""
    rng = np.random.default_rng(seed)
    taps = np.arange(14) * 60 / 112 + rng.normal(0, 0.03, 14) + 0.1
    taps = np.append(np.delete(taps, rng.integers(1, 12)), taps[5] + 0.2)

    tapped = Corrections().tap(np.abs(taps)).apply(heard)

    assert tapped.tempo == pytest.approx(112, rel=0.06)


def test_taps_far_outside_the_song_cost_nothing(heard):
    tapped = Corrections().tap([0.5, 1.0, 1.5, 2.0, 2.5, 1e9]).apply(heard)

    assert tapped.beats.max() < heard.duration


def test_a_name_as_long_as_names_can_be(tmp_path):
    audio = band("AB")
    path = write_song(tmp_path / "song.wav", audio.samples.T, audio.rate).rename(tmp_path / ("x" * 250 + ".wav"))

    assert analyze(path).tempo == pytest.approx(112, rel=0.02)
    with pytest.raises(InputError, match="cannot be kept"):
        Corrections().double().save(load_audio(path))


def test_a_part_of_a_corrected_song_follows_in_a_clip(song, cover, tmp_path):
    part = load_audio(song.path, 2.0, 6.0)
    plain = generate(cover, part, runs=tmp_path, duration=3.0, start=0.0, resolution="480p")

    Corrections().double().save(song)
    clip = generate(cover, part, runs=tmp_path, duration=3.0, start=0.0, resolution="480p")

    assert clip.path != plain.path
    assert len(clip.rhythm.beats) >= 2 * len(plain.rhythm.beats) - 1
