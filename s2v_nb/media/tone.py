"""Colours of one picture brought to those of another, so that clips of many pictures look like one series."""

import cv2
import numpy as np

from s2v_nb.media.framing import resize
from s2v_nb.media.image import Image

SAMPLE_SIDE = 256  # pixels that colours are counted on, longer side
LONGEST_SIDE = 4096  # more is never seen in a clip, and would take minutes to write
LEAST_GAIN, MOST_GAIN = 0.4, 2.5  # of contrast and colour: beyond, noise and compression show
_FLOOR = 4.0  # variance (CIELAB units squared) that a picture is taken to have at least: grey ones have no colour
_ROWS = 256  # at once, so that a large picture is never in memory as float


def match_tone(image: Image, reference: Image) -> np.ndarray:
    """The picture with the mean and the covariance of the reference's colours.

    The linear map between two Gaussians that moves colours least (Monge-Kantorovich; Pitie and Kokaram, "The linear
    Monge-Kantorovitch linear colour mapping for example-based colour transfer", CVMP 2007), in CIELAB, its gain
    limited to `LEAST_GAIN` to `MOST_GAIN`.

    Returns
    -------
    np.ndarray
        uint8 RGB of shape (height, width, 3), the longer side `LONGEST_SIDE` at most.
    """
    source_mean, source_spread = statistics(image.pixels)
    mean, spread = statistics(reference.pixels)
    gain = transport(source_spread, spread)
    pixels = _shrunk(image.pixels)
    out = np.empty_like(pixels)
    for top in range(0, len(pixels), _ROWS):
        lab = (to_lab(pixels[top : top + _ROWS]) - source_mean) @ gain.T + mean
        out[top : top + _ROWS] = to_rgb(lab.astype(np.float32))
    return out


def statistics(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, shape (3,), and covariance, shape (3, 3), of the colours in CIELAB."""
    scale = min(1.0, SAMPLE_SIDE / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    colors = to_lab(small).reshape(-1, 3).astype(np.float64)
    return colors.mean(axis=0), np.cov(colors, rowvar=False) + _FLOOR * np.eye(3)


def transport(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The symmetric matrix that turns one covariance into the other, its gains limited."""
    half = _power(source, 0.5)
    back = _power(source, -0.5)
    gains, axes = np.linalg.eigh(back @ _power(half @ target @ half, 0.5) @ back)
    return (axes * np.clip(gains, LEAST_GAIN, MOST_GAIN)) @ axes.T


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a symmetric positive matrix."""
    values, axes = np.linalg.eigh((matrix + matrix.T) / 2)
    return (axes * np.maximum(values, 1e-9) ** exponent) @ axes.T


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    return pixels if scale >= 1 else resize(pixels, (round(width * scale), round(height * scale)))


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of uint8 RGB: L 0 to 100."""
    return cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255 + 0.5, 0, 255).astype(np.uint8)
