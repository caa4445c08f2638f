"""One part of a clip: from the frames a model made of it to those that are shown."""

from collections.abc import Iterator
from itertools import chain
from math import ceil

import numpy as np

from s2v_nb.engines.base import Request
from s2v_nb.engines.overlay.layer import RhythmLayer
from s2v_nb.engines.overlay.ordered import ordered
from s2v_nb.engines.overlay.resample import Interval, intervals
from s2v_nb.engines.overlay.timemap import time_map
from s2v_nb.engines.overlay.visual import visual_beats


def finished_frames(
    request: Request,
    source: np.ndarray,
    source_fps: float,
    first: int,
    count: int,
    *,
    max_shift: float,
    skip: int = 0,
    subject: tuple[float, float] = (0.5, 0.5),
    threads: int | None = None,
) -> Iterator[np.ndarray]:
    """Yield the frames ``first`` to ``first + count`` of the clip, uint8 RGB, made from the model's frames of them.

    The visual beats of the source are moved onto the beats of the music (`time_map`), frames are made at the clip's
    rate (`resample`), and camera and light laid over them (`RhythmLayer`). At motion 'off' only rate and size change.
    Nothing depends on other parts, nor on the number of threads.

    Parameters
    ----------
    source : np.ndarray or np.memmap, uint8 (n, height, width, 3)
        Frame k shows second k / source_fps of the part. More than the part needs have no effect; where there are too
        few, the last one stands.
    source_fps : float, hertz
    first, count : int
        The frames of the clip that the part covers.
    max_shift : float, seconds
        How far a moment may be moved; lips that follow a voice bear less than 0.05, other motion about a quarter beat.
    skip : int
        How many frames at the start of the part are there already: they are not made, and the others are the same.
    subject : (float, float)
        The point that pulses of the camera act round, (x, y) in parts of the model's frame.
    threads : int, optional
        A core each by default. Each holds up to thirty times the bytes of a frame.

    Raises
    ------
    ValueError
        If the source is not as described, or the part does not lie in the clip.
    """
    if source.ndim != 4 or source.shape[3] != 3 or source.dtype != np.uint8 or not len(source):
        raise ValueError(f"source is {source.dtype} of shape {source.shape}, but must be uint8 (n, height, width, 3)")
    if first < 0 or not 0 <= skip <= count <= request.num_frames - first:
        raise ValueError(
            f"first={first}, count={count}, skip={skip}: the part must lie in the clip's {request.num_frames} frames"
        )
    times = source_times(request, source, source_fps, first, count, max_shift=max_shift, threads=threads)
    layer = RhythmLayer(request, (source.shape[2], source.shape[1]), subject=subject)
    start = first + skip

    def finish(interval: Interval) -> list[np.ndarray]:
        shown = enumerate(interval.frames(source), start + interval.first)
        return [layer.frame(index, pixels) for index, pixels in shown]

    found = intervals(times[skip:], source_fps, len(source))
    return chain.from_iterable(ordered(finish, found, threads))


def source_times(
    request: Request,
    source: np.ndarray,
    source_fps: float,
    first: int,
    count: int,
    *,
    max_shift: float,
    threads: int | None = None,
) -> np.ndarray:
    """Which second of the ``source`` each of ``count`` frames from ``first`` on shows; see `finished_frames`."""
    times = np.arange(count) / request.settings.fps
    if request.settings.motion == "off" or max_shift <= 0 or not count:
        return times
    start, duration = first / request.settings.fps, count / request.settings.fps
    beats = request.rhythm.beats - start
    beats = beats[(beats > 0) & (beats < duration)]
    if not len(beats):
        return times
    needed = ceil(duration * source_fps) + 1  # what else there is must not change what is found
    visual = visual_beats(source[:needed], source_fps, threads=threads)
    return time_map(visual, beats, duration, max_shift=max_shift)(times)
