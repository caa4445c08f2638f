"""Pictures as the model takes them: the clip's size, the reference and the frames of a pose video, from -1 to 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import PIL.Image
import torch
from torch.nn import functional

from s2v_nb.models.wan_s2v.clips import FPS

STEP = 64  # pixels: 8 of the VAE, 2 of the patches, 4 of the coarsest memory of motion
LEAST_SIDE = 16  # pixels of a picture's shorter side: less is no picture to bring to life
_SCALES = 100


def clip_size(height: int, width: int, max_area: int) -> tuple[int, int]:
    """The size of a clip of a picture's shape.

    Tries scales from large to small and takes the first whose sides, rounded up to multiples of 64, hold at most
    ``max_area`` pixels. Small pictures are not enlarged to fill the area.

    Parameters
    ----------
    height, width : int, pixels
        Of the picture.
    max_area : int, pixels
        At least 64 * 64, such as 480 * 832 or 720 * 1280.

    Returns
    -------
    height, width : int, pixels, multiples of 64

    Raises
    ------
    ValueError
        If the picture is smaller than 16 pixels a side or the area is smaller than one tile.
    """
    _check_side("the picture", height, width)
    if max_area < STEP * STEP:
        raise ValueError(f"max_area={max_area} must be at least {STEP * STEP}, one tile; 720p is {720 * 1280}")
    largest, smallest = _scale_bounds(height * width, height + width, max_area)
    for i in range(_SCALES):
        scale = largest - (largest - smallest) * i / _SCALES
        sides = _up(int(height * scale)), _up(int(width * scale))
        if sides[0] * sides[1] <= max_area:
            return sides
    return _fallback_size(height, width, max_area)


def _scale_bounds(area: int, half_perimeter: int, max_area: int) -> tuple[float, float]:
    """The largest and the smallest scale to try.

    The smaller one solves (h*s + 63)(w*s + 63) <= max_area as the reference does, where rounding up costs the most.
    """
    if area <= max_area:
        return 1.0, 0.1
    spare = STEP - 1
    b, c = spare * half_perimeter, spare**2 - max_area
    return sqrt(max_area / area), (-b + sqrt(b * b - 2 * area * c)) / (2 * area)


def _fallback_size(height: int, width: int, max_area: int) -> tuple[int, int]:
    """The largest size of the picture's shape, rounded down, for shapes so long that rounding up never fits."""
    shape = sqrt(max_area * height / width), sqrt(max_area * width / height)
    if shape[0] > height or shape[1] > width:
        shape = float(height), float(width)
    most = max_area / STEP  # of the longer side, where the shorter one is a single tile
    return _down(min(shape[0], most)), _down(min(shape[1], most))


def _up(side: int) -> int:
    """The next multiple of 64, and no less than one."""
    return max(STEP, -(-side // STEP) * STEP)


def _down(side: float) -> int:
    """The multiple of 64 below, and no less than one."""
    return max(STEP, int(side) // STEP * STEP)


def reference_pixels(image: PIL.Image.Image | np.ndarray, height: int, width: int) -> torch.Tensor:
    """The picture at the clip's size: its shorter side fitted, its middle kept, black where it does not reach.

    Parameters
    ----------
    image : PIL image of mode RGB, or uint8 array of shape (height, width, 3)
    height, width : int, pixels
        Of the clip, see `clip_size`.

    Returns
    -------
    torch.Tensor, float32, shape (1, 3, 1, height, width), -1 to 1

    Raises
    ------
    ValueError
        If the picture is of another kind or smaller than 16 pixels a side.
    """
    picture = as_picture(image)
    rows, columns = _fitted((picture.height, picture.width), min(height, width))
    small = picture.resize((columns, rows), PIL.Image.Resampling.BILINEAR)  # PIL averages where it shrinks
    unit = torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 255
    return _centred(unit, height, width)[None, :, None] * 2 - 1


def pose_pixels(
    pose_frames: np.ndarray | Sequence[np.ndarray],
    fps: float,
    clips: int,
    frames_per_clip: int,
    height: int,
    width: int,
) -> "PoseClips":
    """A pose video as what is encoded for each clip.

    Parameters
    ----------
    pose_frames : uint8 array of shape (n, rows, columns, 3), or a sequence of such frames
    fps : float, hertz
        Of the pose video; every round(fps / 16)-th frame is taken.
    clips, frames_per_clip : int
    height, width : int, pixels
        Of the clip.

    Returns
    -------
    PoseClips
        Item r holds the pixels for clip r; a clip is converted when it is asked for.

    Raises
    ------
    ValueError
        If the frames are none, of another kind or smaller than 16 pixels a side, or ``fps`` is not positive.
    """
    if not fps > 0:
        raise ValueError(f"fps={fps} must be above 0; take it from the pose video's file")
    if not len(pose_frames):
        raise ValueError("pose_frames holds no frame; leave the pose video out for a clip without one")
    for n, frame in enumerate(pose_frames if isinstance(pose_frames, Sequence) else pose_frames[:1]):
        _check_pixels(f"pose_frames[{n}]", frame)
    return PoseClips(pose_frames, max(1, round(fps / FPS)), clips, frames_per_clip, (height, width))


@dataclass(frozen=True, eq=False)
class PoseClips:
    """The frames of a pose video, of which every ``step``-th is taken, for ``clips`` clips of ``length`` frames.

    Item r is float32 of shape (1, 3, length + 1, height, width), -1 to 1: the clip's first frame twice, since the VAE
    gives the first frame a latent of its own, which is dropped. Frames after the video's end are -1; where the resized
    video does not reach the border, it is 0, a middle grey.
    """

    frames: np.ndarray | Sequence[np.ndarray]
    step: int
    clips: int
    length: int
    size: tuple[int, int]

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, clip: int) -> torch.Tensor:
        if not 0 <= clip < self.clips:  # IndexError, which also ends a loop over the clips
            raise IndexError(f"clip {clip} does not exist, there are {self.clips}, the first is 0")
        out = torch.full((1, 3, self.length + 1, *self.size), -1.0)
        for k in range(self.length):
            at = (clip * self.length + k) * self.step
            if at < len(self.frames):
                out[0, :, k + 1] = self._frame(at)
        out[:, :, 0] = out[:, :, 1]
        return out

    def _frame(self, at: int) -> torch.Tensor:
        """One frame at the clip's size, float32 of shape (3, height, width)."""
        frame = self.frames[at]
        pixels = torch.from_numpy(np.array(frame)).permute(2, 0, 1)[None].float() / 255 * 2 - 1
        size = _fitted((frame.shape[0], frame.shape[1]), min(self.size))
        return _centred(functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)[0], *self.size)


def _fitted(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    """(height, width) scaled so that the shorter side is ``shorter``."""
    height, width = size
    if height <= width:
        return shorter, int(shorter * width / height)
    return int(shorter * height / width), shorter


def _centred(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The middle of (3, rows, columns) at a size, zeros where it does not reach, the odd row or column at the end."""
    missing = max(0, height - pixels.shape[1]), max(0, width - pixels.shape[2])
    (top, left), (bottom, right) = ([m // 2 for m in missing], [(m + 1) // 2 for m in missing])
    padded = functional.pad(pixels, (left, right, top, bottom))
    top, left = round((padded.shape[1] - height) / 2), round((padded.shape[2] - width) / 2)
    return padded[:, top : top + height, left : left + width]


def as_picture(image: PIL.Image.Image | np.ndarray | torch.Tensor) -> PIL.Image.Image:
    """The reference as a PIL image of mode RGB, once checked."""
    if isinstance(image, PIL.Image.Image):
        if image.mode != "RGB":
            raise ValueError(f"image is of mode {image.mode}, but must be RGB; use image.convert('RGB')")
        _check_side("image", image.height, image.width)
        return image
    image = image.numpy(force=True) if isinstance(image, torch.Tensor) else image
    _check_pixels("image", image)
    return PIL.Image.fromarray(np.ascontiguousarray(image))


def _check_pixels(name: str, pixels: np.ndarray) -> None:
    """Raise ValueError unless ``pixels`` is a uint8 RGB picture of a useful size."""
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 3 or pixels.shape[2] != 3:
        found = f"of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else f"a {type(pixels).__name__}"
        raise ValueError(
            f"{name} is {found}, but must be an RGB array of shape (height, width, 3); "
            "repeat a grey picture three times, drop the alpha of RGBA, move channels to the end"
        )
    if pixels.dtype != np.uint8:
        raise ValueError(f"{name} is of type {pixels.dtype}, but must be uint8, 0 to 255; scale and round it first")
    _check_side(name, pixels.shape[0], pixels.shape[1])


def _check_side(name: str, height: int, width: int) -> None:
    """Raise ValueError where a side is too short."""
    if min(height, width) < LEAST_SIDE:
        raise ValueError(
            f"{name} is {width} x {height} pixels (width x height), but each side must be at least {LEAST_SIDE}; "
            "choose a larger picture"
        )
