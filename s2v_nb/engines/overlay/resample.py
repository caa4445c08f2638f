"""Frames at any moments of a source, those in between made by motion-compensated interpolation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

import numpy as np

from s2v_nb.engines.overlay.ordered import ordered
from s2v_nb.models.wan_s2v.rate import frames_between

EXACT = 1e-3  # of the way from one frame to the next: nearer to a frame than this, it is shown untouched


@dataclass(frozen=True)
class Interval:
    """Moments that follow one another between two frames of the source, made together as they share their motion.

    ``first`` is the number of the first of them, ``before`` that of the source's frame before them, ``shares`` how far
    each is on the way to the next frame, 0 to below 1.
    """

    first: int
    before: int
    shares: tuple[float, ...]

    def frames(self, source: Sequence[np.ndarray] | np.ndarray) -> list[np.ndarray]:
        """The frames at these moments, uint8 (height, width, 3)."""
        here = np.asarray(source[self.before])
        moving = [share for share in self.shares if share > 0]
        made = iter(frames_between(here, np.asarray(source[self.before + 1]), moving) if moving else ())
        return [next(made) if share > 0 else here for share in self.shares]


def intervals(times: np.ndarray, fps: float, count: int) -> list[Interval]:
    """``times`` (seconds, not falling) sorted into the intervals of a source of ``count`` frames at ``fps`` hertz.

    Before the first frame that one is shown, after the last frame the last one.
    """
    if count < 1:
        raise ValueError("frames is empty, but there must be one to show")
    if (np.diff(times) < 0).any():
        raise ValueError("times must not fall: frames are made in time order")
    places = np.clip(np.asarray(times, float) * fps, 0, count - 1)
    nearest = np.round(places)
    places = np.where(np.abs(places - nearest) < EXACT, nearest, places)
    before = np.floor(places).astype(int)
    found, first = [], 0
    for number, group in groupby(zip(before.tolist(), (places - before).tolist(), strict=True), key=lambda p: p[0]):
        shares = tuple(share for _, share in group)
        found.append(Interval(first, number, shares))
        first += len(shares)
    return found


def resample(
    frames: Sequence[np.ndarray] | np.ndarray, source_fps: float, times: np.ndarray, *, threads: int | None = None
) -> Iterator[np.ndarray]:
    """Yield the frame at each of ``times``, in order, made as they are asked for and a few ahead.

    Parameters
    ----------
    frames : sequence of np.ndarray
        uint8 RGB (height, width, 3), such as a ``np.memmap`` (n, height, width, 3).
        Frame k shows second k / source_fps.
    source_fps : float, hertz
    times : np.ndarray, shape (n_times,), seconds
        Not falling. What is asked for before the first or after the last frame is that frame.
    threads : int, optional
        A core each by default. The result does not depend on it.

    Raises
    ------
    ValueError
        If there is no frame or the times fall.
    """
    found = intervals(times, source_fps, len(frames))
    return chain.from_iterable(ordered(lambda interval: interval.frames(frames), found, threads))
