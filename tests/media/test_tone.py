"""Colours are brought to the reference's, shapes stay."""

import cv2
import numpy as np
import pytest

from s2v_nb import load_image
from s2v_nb.media.tone import LONGEST_SIDE, match_tone


def picture(seed: int, low: int = 20, high: int = 230, shape=(120, 160)):
    """Soft blobs in random colours."""
    small = np.random.default_rng(seed).integers(low, high, (8, 10, 3), np.uint8)
    return load_image(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC))


def lab(pixels) -> np.ndarray:
    return cv2.cvtColor(np.asarray(pixels, np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)


@pytest.mark.parametrize("seed", range(4))
def test_mean_and_spread_become_the_references(seed):
    """As far as no colour leaves the range of RGB."""
    image, reference = picture(seed, 90, 170), picture(seed + 50, 60, 160)
    out = lab(match_tone(image, reference))
    wanted, before = lab(reference.pixels), lab(image.pixels)

    assert np.abs(out.mean(0) - wanted.mean(0)).max() < 1.5
    assert np.linalg.norm(np.cov(out.T) - np.cov(wanted.T)) < 0.25 * np.linalg.norm(np.cov(wanted.T))
    assert np.linalg.norm(before.mean(0) - wanted.mean(0)) > 3  # there was something to do


def test_the_reference_itself_stays_as_it_is():
    image = picture(3)

    assert np.abs(match_tone(image, image).astype(int) - image.pixels).max() <= 1


def test_what_is_brighter_stays_brighter():
    """A grey ramp taken to a warm reference still rises, without a step back."""
    ramp = load_image(np.repeat(np.linspace(40, 210, 256).astype(np.uint8)[None, :, None], 100, 0).repeat(3, 2))
    out = lab(match_tone(ramp, picture(9))[:1])[:, 0]

    assert (np.diff(out) > -0.5).all()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_plain_picture_is_no_division_by_zero(value):
    plain = load_image(np.full((80, 80, 3), value, np.uint8))

    assert np.ptp(match_tone(plain, picture(1))) < 256
    assert match_tone(picture(1), plain).shape == (120, 160, 3)


def test_noise_is_not_blown_up():
    """A flat picture with a little noise, taken to one of strong colours."""
    rng = np.random.default_rng(0)
    noisy = load_image((128 + rng.normal(0, 1, (100, 100, 3))).astype(np.uint8))

    assert match_tone(noisy, picture(2, 0, 255)).std(axis=(0, 1)).max() < 4


def test_a_huge_picture_is_shrunk():
    out = match_tone(load_image(np.zeros((64, 5000, 3), np.uint8)), picture(1))

    assert out.shape == (52, LONGEST_SIDE, 3)
