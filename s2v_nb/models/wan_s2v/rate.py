"""From the model's 16 frames a second to those of a clip, with the duration kept: frames in between are made.

Motion is estimated both ways between two neighbours by dense inverse search (Kroeger et al., ECCV 2016, in OpenCV).
Either way gives a guess of what moves through each point at the time in between; the guess that finds the more similar
places in the two frames is kept, and both frames are brought there and blended. Where neither guess is any good, as
where something is uncovered and at cuts, the nearer frame is shown alone, for a blend would show two things at once.
"""

import threading
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from math import floor

import cv2
import numpy as np

Frame = np.ndarray  # uint8 (height, width, 3)
_UNLIKE = 24.0  # of 255: mean difference round a point, from which on the two frames do not show the same thing there
_CUT = 0.5  # part of the picture that may be unlike before it is taken for a cut
_ROUND = 9  # pixels: what counts as round a point
_PASSES = 4
_MEASURED = 640  # pixels, the longer side of the copies that motion is measured on
_LEAST = 32  # pixels a side that the flow needs


class Retimer:
    """Turns a stream of frames at one rate into one at another, holding two of its frames.

    Frame n of the result shows time n / target_fps. A frame that exists at that time is passed on as it is; after the
    last frame's time, the last frame is. A stream of N frames gives round(N * target_fps / source_fps), the same ones
    however it is cut into pushes.

    Parameters
    ----------
    source_fps, target_fps : float, hertz
        Such as 16 and 24; the target must be more than half the source.
    taken, last : int and frame
        Where a stream goes on that was begun elsewhere: the frames of the source before, and the last of them.

    Raises
    ------
    ValueError
        If a rate is not positive, the target is too low, or only one of ``taken`` and ``last`` is given.

    Examples
    --------
    >>> retimer = Retimer(16, 24)
    >>> black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    >>> len(retimer.push([black, white])), len(retimer.finish())
    (2, 1)
    """

    def __init__(self, source_fps: float, target_fps: float, *, taken: int = 0, last: Frame | None = None) -> None:
        for name, fps in (("source_fps", source_fps), ("target_fps", target_fps)):
            if not 0 < fps < float("inf"):
                raise ValueError(f"{name}={fps} must be above 0 and finite, such as 24")
        self._step = Fraction(source_fps).limit_denominator(1001) / Fraction(target_fps).limit_denominator(1001)
        if self._step >= 2:
            raise ValueError(
                f"target_fps={target_fps} must be more than half of source_fps={source_fps}; "
                "leave out every second frame first"
            )
        if (taken > 0) != (last is not None):
            raise ValueError(f"taken={taken}: frames were taken exactly if there is a last one; give both or neither")
        self._last = last
        self._taken = taken  # frames of the source so far
        self._made = floor((taken - 1) / self._step) + 1 if taken else 0  # frames of the result so far
        self._finished = False

    def push(self, frames: Iterable[Frame]) -> list[Frame]:
        """Take the next frames, uint8 of shape (height, width, 3); return those that can be made by now."""
        if self._finished:
            raise ValueError("push after finish: the stream has ended; use a new Retimer for another")
        out: list[Frame] = []
        for frame in frames:
            self._check(frame)
            out += self._due(self._last, frame)
            self._last = frame
        return out

    def finish(self) -> list[Frame]:
        """End the stream; return the frames that are left, which repeat the last one."""
        if self._finished:
            raise ValueError("finish was called before; use a new Retimer for another stream")
        self._finished = True
        left = round(self._taken / self._step) - self._made
        self._made += left
        return [] if self._last is None else [self._last] * left

    def _check(self, frame: Frame) -> None:
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(
                f"frames[{self._taken}] is {frame.dtype} of shape {frame.shape}, but must be uint8 RGB "
                "of shape (height, width, 3)"
            )
        if self._last is not None and frame.shape != self._last.shape:
            raise ValueError(
                f"frames[{self._taken}] has shape {frame.shape}, but the frames before it {self._last.shape}; "
                "all frames of a stream must be of one size"
            )

    def _due(self, before: Frame | None, after: Frame) -> list[Frame]:
        """The frames that lie after the last frame but one, up to the last."""
        self._taken += 1
        times: list[Fraction] = []  # 1 is the time of ``after``
        while (time := self._made * self._step - (self._taken - 2)) <= 1:
            times.append(time)
            self._made += 1
        between = [] if before is None else frames_between(before, after, [float(t) for t in times if t < 1])
        return between + [after] * (1 in times)


def frames_between(before: Frame, after: Frame, times: list[float]) -> list[Frame]:
    """Frames at ``times`` between two neighbours, each strictly from 0 (``before``) to 1 (``after``)."""
    if not times:
        return []
    small = _shrunk(before), _shrunk(after)
    flows = _flows(*small)
    return [_frame_at(before, after, *_motion_at(small, flows, t), t) for t in times]


def _frame_at(before: Frame, after: Frame, motion: np.ndarray, unlike: np.ndarray, t: float) -> Frame:
    """The frame at ``t``, from the motion and the unlikeness there, both measured on a smaller copy."""
    lost = np.clip(unlike / _UNLIKE - 1, 0, 1)  # 0 below the limit, 1 from twice of it
    if (lost > 0).mean() > _CUT:
        return before if t <= 0.5 else after
    height, width = before.shape[:2]
    scale = np.array([width / motion.shape[1], height / motion.shape[0]], np.float32)
    motion = cv2.resize(motion, (width, height)) * scale
    grid = _grid(height, width)
    early, late = _seen(before, grid - np.float32(t) * motion), _seen(after, grid + np.float32(1 - t) * motion)
    share = np.full(lost.shape, t, np.float32)  # of the later frame
    share += lost * (np.float32(t > 0.5) - share)
    share = cv2.resize(share, (width, height))
    return cv2.blendLinear(early, late, 1 - share, share)


def _motion_at(
    frames: tuple[Frame, Frame], flows: tuple[np.ndarray, np.ndarray], t: float
) -> tuple[np.ndarray, np.ndarray]:
    """What moves through each point at ``t``, (height, width, 2) from first to second frame, in pixels.

    Of three guesses, stillness and the flows of both ways, the one by which the two frames are most alike round the
    point; and how unlike they are by it, (height, width), of 255.
    """
    grid = _grid(*frames[0].shape[:2])
    forward, backward = flows
    motion = np.zeros_like(forward)
    least = _unlike(frames, motion, grid, t)
    for guess in (_followed(forward, t, grid), -_followed(backward, 1 - t, grid)):
        unlike = _unlike(frames, guess, grid, t)
        cv2.copyTo(guess, (unlike < least).astype(np.uint8), motion)
        least = np.minimum(unlike, least)
    return motion, least


def _unlike(frames: tuple[Frame, Frame], motion: np.ndarray, grid: np.ndarray, t: float) -> np.ndarray:
    """Mean difference, round each point, of two frames that were brought to ``t``."""
    early = _seen(frames[0], grid - np.float32(t) * motion)
    late = _seen(frames[1], grid + np.float32(1 - t) * motion)
    red, green, blue = cv2.split(cv2.absdiff(early, late))  # cv2 takes the largest of three several times as fast
    return cv2.blur(cv2.max(cv2.max(red, green), blue).astype(np.float32), (_ROUND, _ROUND))


def _followed(flow: np.ndarray, t: float, grid: np.ndarray) -> np.ndarray:
    """The motion of what is at each point at time ``t``, for a flow that is known at time 0.

    The motion m at x is that of the point it came from, flow(x - t m): solved by repeating.
    """
    motion = flow
    for _ in range(_PASSES):
        motion = _seen(flow, grid - np.float32(t) * motion)
    return motion


def _seen(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """``values`` at ``places`` (height, width, 2) of x and y; beyond the border, those at the border."""
    return cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=4)  # a stream asks for two sizes, for every frame
def _grid(height: int, width: int) -> np.ndarray:
    """x and y of every pixel, float32 of shape (height, width, 2), not to be written to."""
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)
    grid.flags.writeable = False
    return grid


def _shrunk(frame: Frame) -> Frame:
    """A copy on which motion is measured, its longer side `_MEASURED` at most."""
    height, width = frame.shape[:2]
    scale = min(1.0, _MEASURED / max(height, width))
    size = max(_LEAST, round(width * scale)), max(_LEAST, round(height * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


_own = threading.local()  # one for each thread: it keeps its pyramids inside


def _flows(before: Frame, after: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Optical flow from the first to the second and back, float32 of shape (height, width, 2), pixels."""
    if not hasattr(_own, "flow"):
        _own.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    one, other = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after))
    return _own.flow.calc(one, other, None), _own.flow.calc(other, one, None)
