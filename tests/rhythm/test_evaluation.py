"""Scores of a folder whose right answers are known."""

import json

import numpy as np
import pytest

from s2v_nb import InputError
from s2v_nb.rhythm.evaluation import evaluate, lag_ms, summary, table
from tests.conftest import write_song
from tests.rhythm.music import band, bar_lines

CLIP = '{"clips": [{"file": "a.wav", "beats": BEATS}]}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("annotated")
    clips = []
    for name, bpm in (("one.wav", 112.0), ("two.flac", 96.0)):
        audio = band("AABB", bpm=bpm)
        write_song(folder / name, audio.samples.T, audio.rate)
        beats = np.arange(16) * 60 / bpm
        clips.append({"file": name, "beats": beats.tolist(), "downbeats": bar_lines(4, bpm=bpm).tolist()})
    clips[1]["downbeats"] = None
    (folder / "annotations.json").write_text(json.dumps({"clips": clips}))
    return folder


def test_a_clear_band_scores_full_marks(folder):
    result = evaluate(folder, "annotations.json")

    assert result["songs"] == 2
    assert result["scores"]["f"][0] > 0.95
    assert result["scores"]["tempo_exact"][0] == 1.0
    assert abs(result["scores"]["lag_ms"][0]) < 10
    assert result["clips"][1]["downbeat_f"] is None
    assert "beat F" in table(result)


def test_intervals_hold_the_value():
    rows = [
        {
            "f": f,
            "cmlt": f,
            "amlt": f,
            "downbeat_f": None,
            "tempo": 1.0,
            "tempo_exact": 0.0,
            "lag_ms": None,
            "sureness": f,
        }
        for f in (0.2, 0.6, 1.0)
    ]

    found = summary(rows)

    value, low, high = found["f"]
    assert value == pytest.approx(0.6)
    assert 0.2 <= low < value < high <= 1.0
    assert found["downbeat_f"] is None
    assert found["lag_ms"] is None
    assert found["amlt_sure"][0] == 1.0  # one of three is the more confident half


def test_lag_has_a_sign():
    true = np.arange(10.0)

    assert lag_ms(true + 0.02, true) == pytest.approx(20.0)
    assert lag_ms(true - 0.02, true) == pytest.approx(-20.0)
    assert lag_ms(true + 0.3, true) is None


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"clips": []}',
        '{"clips": [{"file": "a.wav"}]}',
        *[
            CLIP.replace("BEATS", b)
            for b in ("[2, 1]", '"12"', "[[1, 2]]", "[1, 1e6]", "[NaN, 1]", "[-1, 0]", "[1e400]")
        ],
        '{"clips": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_damaged_annotations_are_refused(tmp_path, text):
    (tmp_path / "annotations.json").write_text(text)

    with pytest.raises(InputError, match="holds no annotations"):
        evaluate(tmp_path, "annotations.json")


def test_missing_annotations_are_named(tmp_path):
    with pytest.raises(InputError, match="was not found"):
        evaluate(tmp_path, "nothing.json")
    with pytest.raises(InputError):
        evaluate(tmp_path / "nowhere", "nothing.json")


def test_a_name_never_leads_out_of_the_folder(tmp_path):
    (tmp_path / "annotations.json").write_text(json.dumps({"clips": [{"file": "../../etc/passwd", "beats": [1, 2]}]}))

    with pytest.raises(InputError, match="'passwd' was not found"):
        evaluate(tmp_path, "annotations.json")
