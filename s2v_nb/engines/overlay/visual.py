"""The visual beats of frames that a model made, as seconds from the first of them."""

from collections.abc import Iterable
from itertools import pairwise

import cv2
import numpy as np

from s2v_nb.alignment.events import stops
from s2v_nb.alignment.signals import Signals, analysis_size, motion_between
from s2v_nb.engines.overlay.ordered import ordered


def visual_beats(frames: Iterable[np.ndarray], fps: float, *, threads: int | None = None) -> np.ndarray:
    """When the motion in ``frames`` stops suddenly, seconds, shape (n_beats,), strictly increasing.

    The same ear for motion as in `s2v_nb.alignment`: sudden decelerations of the mean optical flow (Davis and Agrawala,
    "Visual rhythm and beat", 2018). Frame k is shown at k / fps.

    Parameters
    ----------
    frames : iterable of np.ndarray
        uint8 RGB (height, width, 3), such as a list, a generator or a ``np.memmap`` (n, height, width, 3).
    fps : float, hertz
    threads : int, optional
        A core each by default. The result does not depend on it.
    """
    return stops(frame_signals(frames, fps, threads=threads))


def frame_signals(frames: Iterable[np.ndarray], fps: float, *, threads: int | None = None) -> Signals:
    """Motion and brightness of raw frames, as `s2v_nb.alignment.signals.visual_signals` has them of a file."""
    brightness: list[float] = []

    def noted(small: np.ndarray) -> np.ndarray:
        brightness.append(float(small.mean()) / 255)
        return small

    pairs = pairwise(noted(small) for small in ordered(_small, frames, threads))
    steps = list(ordered(lambda pair: motion_between(*pair), pairs, threads))
    motion = np.array([0.0, *(step or 0.0 for step in steps)])[: len(brightness)] * fps
    cuts = np.array([False, *(step is None for step in steps)])[: len(brightness)]
    return Signals(np.arange(len(brightness)) / fps, motion, np.array(brightness), cuts, fps)


def _small(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    small = cv2.resize(np.asarray(frame), analysis_size(width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
