"""What an engine hears; the song itself is never changed."""

import numpy as np
import pytest

from s2v_nb import InputError
from s2v_nb.media.audio import audio_from_array
from s2v_nb.media.loudness import integrated_loudness
from s2v_nb.media.preparation import at_loudness, emphasised, prepare, with_silence
from tests.rhythm.music import band


@pytest.fixture(scope="module")
def song():
    return band("AB")


def test_silence_is_put_around(song):
    wider = with_silence(song, 0.5)

    pad = round(0.5 * song.rate)
    assert wider.duration == pytest.approx(song.duration + 1.0)
    assert not wider.samples[:, :pad].any()
    assert not wider.samples[:, -pad:].any()
    assert np.array_equal(wider.samples[:, pad:-pad], song.samples)


def test_loudness_is_reached_or_the_ceiling(song):
    assert integrated_loudness(at_loudness(song, -23.0).samples, song.rate) == pytest.approx(-23.0, abs=0.05)
    assert np.abs(at_loudness(song, 0.0).samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)


def test_emphasis_brings_its_part_forward():
    rate = 22_050
    t = np.arange(rate * 4) / rate
    tone = 0.3 * np.sin(2 * np.pi * 440 * t)
    clicks = np.zeros_like(tone)
    clicks[::2205] = 0.9
    both = audio_from_array(tone + clicks, rate)

    def tonal(audio):
        """The tone's share of the energy."""
        spectrum = np.abs(np.fft.rfft(audio.mono)) ** 2
        return spectrum[440 * 4 - 8 : 440 * 4 + 9].sum() / spectrum.sum()

    assert tonal(emphasised(both, "harmonic", 1.0)) > tonal(both)
    assert tonal(emphasised(both, "percussive", 1.0)) < 0.5 * tonal(both)
    assert np.allclose(emphasised(both, "percussive", 0.0).samples, both.samples, atol=1e-6)


def test_the_song_stays_as_it_was(song):
    before = song.samples.copy()
    heard = prepare(song, silence=0.5, loudness=-30.0, emphasis="percussive")

    assert np.array_equal(song.samples, before)
    assert not np.array_equal(heard.samples[:, : song.samples.shape[1]], song.samples)


def test_silence_stays_silence():
    quiet = audio_from_array(np.zeros((2, 44_100)), 44_100)

    assert not prepare(quiet).samples.any()


@pytest.mark.parametrize(
    "choice",
    [
        {"silence": -1.0},
        {"silence": 60.0},
        {"loudness": float("nan")},
        {"emphasis": "vocals"},
        {"emphasis": "harmonic", "amount": 2},
    ],
)
def test_impossible_choices_are_refused(song, choice):
    with pytest.raises(InputError):
        emphasised(song, choice["emphasis"], choice["amount"]) if "amount" in choice else prepare(song, **choice)
