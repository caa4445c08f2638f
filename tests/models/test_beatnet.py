"""The networks' weights: checked, kept as safetensors, missed in words."""

import subprocess
import zipfile

import numpy as np
import pytest
from safetensors import safe_open

from s2v_nb.models import beatnet
from s2v_nb.rhythm.activations import beat_activations, features, filterbank

needs_weights = pytest.mark.skipif(
    not beatnet.have_weights(), reason="needs BeatNet's weights: python -m s2v_nb.warm fetches them"
)


@needs_weights
def test_weights_carry_their_credit():
    with safe_open(beatnet.weights_path(), "pt") as file:
        assert "CC" in file.metadata()["credit"] or "Creative Commons" in file.metadata()["credit"]
        assert len(file.keys()) == 3 * 14
    assert "Heydari" in (beatnet.weights_path().parent / "CREDIT.txt").read_text()


@needs_weights
def test_a_changed_file_counts_as_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path / "other"))
    copy = beatnet.weights_path()
    monkeypatch.undo()
    content = bytearray(beatnet.weights_path().read_bytes())
    content[-1] ^= 1
    copy.parent.mkdir(parents=True)
    copy.write_bytes(content)
    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path / "other"))

    assert not beatnet.have_weights()


def test_offline_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(beatnet.WeightsMissing, match="HF_HUB_OFFLINE"):
        beatnet.fetch_weights()


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (subprocess.CalledProcessError(1, "pip", stderr="No module named pip"), "pip is missing"),
        (subprocess.CalledProcessError(1, "pip", stderr="Could not find a version"), "no network"),
        (subprocess.TimeoutExpired("pip", 180), "no network"),
        (zipfile.BadZipFile("x"), "x"),
        (OSError(28, "No space left on device"), "No space left"),
    ],
)
def test_what_stops_the_download_is_named(tmp_path, monkeypatch, failure, why):
    def fail(folder):
        raise failure

    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path))
    monkeypatch.setattr(beatnet, "_download", fail)

    with pytest.raises(beatnet.WeightsMissing, match=why):
        beatnet.fetch_weights()
    assert not list(tmp_path.rglob("*.safetensors"))


def test_filterbank_is_that_of_the_networks():
    bank = filterbank()

    assert bank.shape == (136, 705)
    assert np.allclose(bank.sum(axis=1), 1, atol=1e-5)
    peaks = bank.argmax(axis=1)
    assert (np.diff(peaks) > 0).all()


def test_features_rise_where_sound_begins():
    samples = np.zeros(22_050, np.float32)
    samples[11_025:] = np.sin(2 * np.pi * 440 * np.arange(11_025) / 22_050)

    table = features(samples)

    assert table.shape == (50, 272)
    assert abs(int(table[:, 136:].sum(axis=1).argmax()) - 25) <= 1
    assert not table[:20].any()


@needs_weights
def test_long_and_short_songs_are_heard_alike():
    """A song longer than a part gives at its start what the start alone gives."""
    rng = np.random.default_rng(0)
    hits = np.zeros(22_050 * 40, np.float32)
    for k in range(80):
        hits[k * 11_025 : k * 11_025 + 400] = rng.normal(size=400) * np.exp(-np.arange(400) / 80)

    long, short = beat_activations(hits)[0], beat_activations(hits[: 22_050 * 20])[0]

    assert len(long.beat) == 4000
    assert np.abs(long.beat[:1900] - short.beat[:1900]).max() < 1e-3
    assert long.beat.max() > 0.3
