"""Loudness against the standard's own example, and against another implementation."""

import numpy as np
import pyloudnorm
import pytest

from s2v_nb.media.loudness import integrated_loudness
from tests.rhythm.music import band


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_a_sine_of_the_standard(rate):
    """997 Hz at full scale in one channel reads -3.01 LUFS (BS.1770-4, annex 1)."""
    t = np.arange(5 * rate) / rate
    silent = np.zeros_like(t)

    assert integrated_loudness(np.stack([np.sin(2 * np.pi * 997 * t), silent]), rate) == pytest.approx(-3.01, abs=0.06)


@pytest.mark.parametrize("seed", [0, 1])
def test_music_and_noise_agree_with_another_meter(seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(2, 44_100 * 9)) * np.repeat(10 ** rng.uniform(-3, -0.5, 9), 44_100)
    for samples, rate in ((noise, 44_100), (band("AABB").samples.astype(float), 22_050)):
        other = pyloudnorm.Meter(rate).integrated_loudness(samples.T)
        assert integrated_loudness(samples, rate) == pytest.approx(other, abs=0.15)


def test_silence_and_moments_have_none():
    assert integrated_loudness(np.zeros((2, 48_000)), 48_000) == -np.inf
    assert integrated_loudness(np.ones((2, 1000)), 48_000) == -np.inf
