"""Drift of colour from clip to clip, measured and taken back.

Each clip is made from the end of the one before, so a small error of colour or contrast grows with every clip. The map
is that of `s2v_nb.media.tone`; what is new here is where it is measured and how it sets in.
"""

from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from s2v_nb.media.tone import statistics, to_lab, to_rgb, transport
from s2v_nb.models.wan_s2v.clips import FPS

SAMPLED = 16  # frames that a clip is judged by, evenly spread


@dataclass(frozen=True)
class Drift:
    """How far frames are from a reference picture, in CIELAB (L 0 to 100).

    ``lightness``, ``a`` and ``b`` are the shift of the mean, positive where the frames are lighter, redder, yellower;
    ``contrast`` is the ratio of the spreads of L, above 1 where the frames have more.
    """

    lightness: float
    a: float
    b: float
    contrast: float

    @property
    def delta_e(self) -> float:
        """Delta E (CIE 1976) of the means; 2.3 is just noticed side by side."""
        return hypot(self.lightness, self.a, self.b)


def measure_drift(frames: np.ndarray, reference: np.ndarray) -> Drift:
    """How far a clip's colours are from the reference's.

    Parameters
    ----------
    frames : np.ndarray, uint8, shape (n, height, width, 3), RGB
    reference : np.ndarray, uint8, shape (height, width, 3), RGB
        As prepared for the clip, for its black bars count as they do in the frames.

    Returns
    -------
    Drift
        Of the median over at most 16 frames, so that a flash is not taken for drift.

    Raises
    ------
    ValueError
        If either is of another shape or type, or there is no frame.
    """
    _check(frames, reference)
    mean, spread = _typical(frames)
    wanted_mean, wanted_spread = statistics(reference)
    shift = mean - wanted_mean
    return Drift(float(shift[0]), float(shift[1]), float(shift[2]), sqrt(spread[0, 0] / wanted_spread[0, 0]))


def match_colours(frames: np.ndarray, reference: np.ndarray, strength: float = 1.0, *, fps: float = FPS) -> np.ndarray:
    """A clip whose colours have come back to the reference's by its end.

    The map is found from the clip's last second and sets in linearly, from nothing on the first frame, which follows
    the corrected end of the clip before, to ``strength`` on the last, from which the next clip is made. So no seam
    shows.

    Parameters
    ----------
    frames : np.ndarray, uint8, shape (n, height, width, 3), RGB
    reference : np.ndarray, uint8, shape (height, width, 3), RGB
        As prepared for the clip, with its black bars.
    strength : float, 0 to 1
        0 changes nothing; less than 1 leaves room for light that changes because the scene does.
    fps : float, hertz
        How many frames are a second.

    Returns
    -------
    np.ndarray, uint8, shape (n, height, width, 3)

    Raises
    ------
    ValueError
        If either is of another shape or type, there is no frame, or ``strength`` is not from 0 to 1.
    """
    _check(frames, reference)
    if not 0 <= strength <= 1:
        raise ValueError(f"strength={strength} must be from 0, no correction, to 1, all of it")
    mean, spread = _typical(frames[-max(1, round(fps)) :])
    wanted_mean, wanted_spread = statistics(reference)
    gain = transport(spread, wanted_spread)
    out = np.empty_like(frames)
    for k, share in enumerate(np.linspace(0, strength, len(frames))):
        out[k] = _moved(frames[k], mean, wanted_mean, gain, share) if share else frames[k]
    return out


def _moved(frame: np.ndarray, mean: np.ndarray, wanted_mean: np.ndarray, gain: np.ndarray, share: float) -> np.ndarray:
    """A frame that has gone ``share`` of the way that the linear map would take its colours."""
    partial = (np.eye(3) + share * (gain - np.eye(3))).T.astype(np.float32)
    lab = (to_lab(frame) - mean.astype(np.float32)) @ partial
    return to_rgb(lab + (mean + share * (wanted_mean - mean)).astype(np.float32))


def _typical(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, shape (3,), and covariance, shape (3, 3), of the colours in CIELAB, of most of the frames.

    Medians for the mean and for the spread of each frame: one that flashes or is black counts for nothing. A
    covariance is the mean over the half of the frames whose lightness spreads most like the median's.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, SAMPLED).round().astype(int))
    means, spreads = map(np.array, zip(*(statistics(frames[k]) for k in chosen), strict=True))
    contrast = spreads[:, 0, 0]
    usual = np.argsort(np.abs(contrast - np.median(contrast)), kind="stable")[: len(chosen) // 2 + 1]
    return np.median(means, axis=0), spreads[usual].mean(axis=0)


def _check(frames: np.ndarray, reference: np.ndarray) -> None:
    """Raise ValueError unless both hold uint8 RGB, and frames at least one."""
    for name, pixels, axes in (
        ("frames", frames, "(n, height, width, 3)"),
        ("reference", reference, "(height, width, 3)"),
    ):
        if pixels.dtype != np.uint8 or pixels.ndim != axes.count(",") + 1 or pixels.shape[-1] != 3:
            raise ValueError(f"{name} is {pixels.dtype} of shape {pixels.shape}, but must be uint8 RGB of shape {axes}")
        if not pixels.size:
            raise ValueError(f"{name} is empty, its shape is {pixels.shape}; at least one frame is needed")
