"""Colour: the look's grade, laid over a still plate once and not over every frame."""

import cv2
import numpy as np

from s2v_nb.engines.preview.directions import Look

_LUMA = np.array((0.2126, 0.7152, 0.0722), np.float32)  # ITU-R BT.709
_COLORS = ("saturation", "night", "mono", "sepia", "teal_orange", "magenta", "warmth", "fade")


def grade(pixels: np.ndarray, look: Look) -> np.ndarray:
    """The graded pixels as float32 RGB, 0 to 1, from uint8 (height, width, 3); display values, not linear light."""
    out = cv2.LUT(pixels, _tone_curve(look))
    if any(getattr(look, name) for name in _COLORS):
        for first in range(0, len(out), 128):  # in strips, to keep the working memory small
            _color_strip(out[first : first + 128], look)
    return np.clip(out, 0, 1, out=out)


def _tone_curve(look: Look) -> np.ndarray:
    """Exposure and contrast as a table of 256 float32: they treat every channel of every pixel alike."""
    tone = np.arange(256, dtype=np.float32) / 255
    if look.exposure:
        tone **= np.float32(2.0 ** (-0.9 * look.exposure))
    if look.contrast:
        _contrast(tone, look.contrast)
    return tone


def _color_strip(rgb: np.ndarray, look: Look) -> None:
    """Grade in place: colour first, then what lies over it."""
    _tint(rgb, (rgb @ _LUMA)[..., None], look)
    if warmth := look.warmth * (1 - min(1.0, look.mono)):  # black and white stays neutral; sepia is its warm sister
        rgb *= np.array((1 + 0.09 * warmth, 1 + 0.012 * warmth, 1 - 0.11 * warmth), np.float32)
    if look.night:
        _mix(rgb, rgb * np.array((0.42, 0.55, 0.82), np.float32), min(1.0, look.night))
    if look.fade:
        _mix(rgb, 0.09 + rgb * np.float32(0.83), min(1.3, look.fade))


def _tint(rgb: np.ndarray, luma: np.ndarray, look: Look) -> None:
    """Saturation and tints that depend on the brightness ``luma``, in place."""
    if look.saturation or look.night:
        rgb += (rgb - luma) * np.float32(max(-1.0, look.saturation - 0.55 * look.night))
    if look.mono:
        _mix(rgb, luma, min(1.0, look.mono))
    if look.sepia:
        _mix(rgb, luma * np.array((1.07, 0.93, 0.72), np.float32) + np.float32(0.02), min(1.0, look.sepia))
    if look.teal_orange:
        _split_tone(rgb, luma, shadows=(-0.05, 0.012, 0.055), lights=(0.06, 0.008, -0.06), amount=look.teal_orange)
    if look.magenta:
        _split_tone(rgb, luma, shadows=(0.01, -0.03, 0.09), lights=(0.09, -0.05, 0.05), amount=look.magenta)


def _mix(rgb: np.ndarray, other: np.ndarray, amount: float) -> None:
    rgb += (other - rgb) * np.float32(amount)


def _contrast(rgb: np.ndarray, amount: float) -> None:
    """An S-curve round the middle for positive amounts, flatter for negative; black and white stay."""
    curve = rgb * rgb * (3 - 2 * rgb)
    _mix(rgb, curve if amount > 0 else 0.5 + (rgb - 0.5) * np.float32(0.6), min(abs(amount), 1.3))


def _split_tone(rgb: np.ndarray, luma: np.ndarray, *, shadows: tuple, lights: tuple, amount: float) -> None:
    """Add one tint to the shadows and another to the lights; pure black and white stay neutral."""
    middle = 4 * luma * (1 - luma) * np.float32(amount)
    rgb += middle * ((1 - luma) * np.array(shadows, np.float32) + luma * np.array(lights, np.float32)) * 2
