"""Motion and brightness of a clip, from its decoded pixels. Times are seconds from the clip's start."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from s2v_nb.media.video import VideoInfo, probe_video, read_frames

ANALYSIS_WIDTH = 320
CUT_CORRELATION = 0.3  # frames more unlike than this are a cut, even after motion is undone; a flash is not


@dataclass(frozen=True, eq=False)
class Signals:
    """Curves of shape (frame,).

    ``times`` (seconds) is when each frame is shown. ``motion`` is the mean length of the optical flow from the frame
    before, in frame heights per second; ``brightness`` the mean grey value, 0 to 1. Motion at a cut is 0 and marked in
    ``cuts`` (bool), and so at a seam that was named; motion at a key frame is at most that of the frames beside it.
    """

    times: np.ndarray
    motion: np.ndarray
    brightness: np.ndarray
    cuts: np.ndarray
    fps: float

    @property
    def duration(self) -> float:
        return len(self.times) / self.fps


def visual_signals(path: str | Path, seams: Sequence[float] = ()) -> Signals:
    """Decode a clip and measure its motion and brightness.

    Dense inverse search flow (Kroeger et al., "Fast optical flow using dense inverse search", 2016) on grey frames 320
    pixels wide.

    Parameters
    ----------
    path : path
    seams : seconds
        Where parts that were made apart meet: the jolt there, too small for a cut, says nothing of the music.

    Raises
    ------
    InputError
        If the file is no readable MP4.
    """
    info = probe_video(path)
    times, motion, brightness, cuts = [], [0.0], [], [False]
    for at, previous, frame in _pairs(path, info):
        times.append(at)
        brightness.append(float(frame.mean()) / 255)
        if previous is not None:
            length = motion_between(previous, frame)
            cuts.append(length is None)
            motion.append((length or 0.0) * info.fps)
    calm = without_refresh(np.array(motion), np.isin(times, _key_times(path)))
    masked = np.array(cuts) | _at_seams(np.array(times), seams, info.fps)
    return Signals(np.array(times), np.where(masked, 0.0, calm), np.array(brightness), masked, info.fps)


def _at_seams(times: np.ndarray, seams: Sequence[float], fps: float) -> np.ndarray:
    """The first frame of each part: the one shown at a seam, or next after it; bool of shape (frame,)."""
    first = np.searchsorted(times, np.asarray(seams, float) - 0.5 / fps)
    return np.isin(np.arange(len(times)), first)


def without_refresh(motion: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Motion with no peak of one frame at a key frame; both of shape (frame,), ``keys`` bool.

    An encoder that saves bits freezes grain and dark gradients until the next key frame draws them anew, which looks
    like a jolt of the whole picture at equal distances: at 120 BPM and a key frame every 15 of 30 a second, on each
    beat. What moves in truth moves before or after it too. Where key frames follow one another nothing is frozen.
    """
    alone = keys & ~np.append(keys[1:], False) & ~np.append(False, keys[:-1])
    beside = np.maximum(np.append(motion[1:], 0.0), np.append(0.0, motion[:-1]))
    return np.where(alone, np.minimum(motion, beside), motion)


def _key_times(path: str | Path) -> list[float]:
    """When the key frames are shown, seconds; the file has been read before, so it is known to be whole."""
    import av

    with av.open(str(path), format="mov", metadata_errors="replace") as container:
        stream = container.streams.video[0]
        keys = [each.pts for each in container.demux(stream) if each.is_keyframe and each.pts is not None]
        return [float(pts * (stream.time_base or 0)) for pts in keys]


def _pairs(path: str | Path, info: VideoInfo) -> Iterator[tuple[float, np.ndarray | None, np.ndarray]]:
    """(seconds, frame before or None, frame) of every frame, grey and small."""
    previous = None
    for at, frame in read_frames(path, size=analysis_size(info.width, info.height), gray=True):
        yield at, previous, frame
        previous = frame


def analysis_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the small copies that motion is measured on, for frames of ``width`` by ``height`` pixels."""
    return ANALYSIS_WIDTH, max(32, round(ANALYSIS_WIDTH * height / width / 2) * 2)


def motion_between(before: np.ndarray, after: np.ndarray) -> float | None:
    """Mean optical flow between two grey frames of `analysis_size`, in frame heights, or None across a cut."""
    flow = _flow_between(_texture(before), _texture(after))
    if _likeness(before, after) < CUT_CORRELATION and _likeness(before, _moved_back(after, flow)) < CUT_CORRELATION:
        return None
    return float(np.hypot(flow[..., 0], flow[..., 1]).mean()) / before.shape[0]


def _moved_back(after: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """``after`` as it would look had nothing moved."""
    y, x = np.mgrid[: after.shape[0], : after.shape[1]].astype(np.float32)
    return cv2.remap(after, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _texture(frame: np.ndarray) -> np.ndarray:
    """The frame's structure without its light: the difference from the local mean over the local contrast, as uint8.

    Brightness that pulses would else pass for motion.
    """
    deviation = frame.astype(np.float32)
    deviation -= cv2.blur(deviation, (31, 31))
    contrast = cv2.blur(np.abs(deviation), (31, 31))
    return cv2.convertScaleAbs(deviation * (40 / (contrast + 6)) + 128)


_own = threading.local()  # one for each thread: it keeps its pyramids inside


def _flow_between(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    if not hasattr(_own, "flow"):
        _own.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return _own.flow.calc(before, after, None)


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two small copies, -1 to 1; 1 where there is nothing to see."""
    a, b = (cv2.resize(f, (64, 36), interpolation=cv2.INTER_AREA).astype(np.float32) for f in (one, other))
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 64 * 36 * 4 else 1.0
