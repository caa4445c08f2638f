"""From a picture of any shape to a plate of the clip's shape: crop round the subject, or fit on a blurred surround."""

from dataclasses import dataclass

import cv2
import numpy as np
import PIL.Image

from s2v_nb.media.image import Image

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels

WORST_CROP = 0.5  # part of the picture that a crop must keep; below it the picture is shown whole on a blur
MAX_OVERSIZE = 1.5  # a plate is at most this much larger than the clip: what a push-in can use
PRIOR_Y = 0.42
FEATHER = 0.02  # of the shorter side: how softly the fitted picture melts into its surround


@dataclass(frozen=True, eq=False)
class Plate:
    """What the camera films: ``pixels`` uint8 (height, width, 3).

    ``window`` is the part that fills the clip at rest, (left, top, width, height) in plate pixels; the camera may
    wander over the rest. ``subject`` is (x, y) in plate pixels, ``lost`` the part of it that a crop loses,
    ``surround`` whether the picture is shown whole on a blur.
    """

    pixels: np.ndarray
    window: tuple[float, float, float, float]
    subject: tuple[float, float]
    lost: float
    surround: bool


def make_plate(image: Image, size: tuple[int, int], *, fit: str, subject: tuple[float, float] | None) -> Plate:
    """Scale the picture so that a window in it covers a clip of ``size`` (width, height), with room to move.

    ``fit`` is 'crop', 'blur' or 'auto' (crop unless it would lose more than half); ``subject`` (x, y), each 0 to 1, is
    the point the window keeps, found in the picture if None.
    """
    point = subject or find_subject(image.pixels)
    kept = kept_by_crop(image.size, size)
    if fit == "blur" or (fit == "auto" and kept < WORST_CROP):
        return _surrounded(image, size, point, kept)
    box = crop_box(image.size, size, point)
    around = _room_around(box, image.size)
    per_clip_pixel = (box[2] - box[0]) / size[0]
    scale = min(MAX_OVERSIZE, max(1.0, per_clip_pixel)) / per_clip_pixel
    width, height = (round((around[i + 2] - around[i]) * scale) for i in (0, 1))
    pixels = resize(image.pixels, (width, height), around)
    across, down = width / (around[2] - around[0]), height / (around[3] - around[1])
    window = (box[0] - around[0]) * across, (box[1] - around[1]) * down
    where = (point[0] * image.size[0] - around[0]) * across, (point[1] * image.size[1] - around[1]) * down
    return Plate(pixels, (*window, (box[2] - box[0]) * across, (box[3] - box[1]) * down), where, 1 - kept, False)


def _room_around(box: Box, image_size: tuple[int, int]) -> Box:
    """``box`` with the picture beyond it, as far as half its size on each side: what a pan can use."""
    reach = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    start = max(0.0, box[0] - reach[0]), max(0.0, box[1] - reach[1])
    end = min(float(image_size[0]), box[2] + reach[0]), min(float(image_size[1]), box[3] + reach[1])
    return start[0], start[1], end[0], end[1]


def kept_by_crop(image_size: tuple[int, int], size: tuple[int, int]) -> float:
    """The part of a picture's area that a crop to the shape of ``size`` keeps."""
    shapes = image_size[0] / image_size[1], size[0] / size[1]
    return min(shapes) / max(shapes)


def crop_box(image_size: tuple[int, int], size: tuple[int, int], point: tuple[float, float]) -> Box:
    """The largest (left, top, right, bottom) of the shape of ``size``, as near to centred on ``point`` as fits."""
    scale = min(image_size[0] / size[0], image_size[1] / size[1])
    box_width, box_height = size[0] * scale, size[1] * scale
    left = float(np.clip(point[0] * image_size[0] - box_width / 2, 0, image_size[0] - box_width))
    top = float(np.clip(point[1] * image_size[1] - box_height / 2, 0, image_size[1] - box_height))
    return left, top, left + box_width, top + box_height


def resize(pixels: np.ndarray, size: tuple[int, int], box: Box | None = None) -> np.ndarray:
    """Scale uint8 RGB with a Lanczos filter that averages when it shrinks, so that fine detail does not shimmer."""
    return np.asarray(PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.LANCZOS, box=box))


def _surrounded(image: Image, size: tuple[int, int], point: tuple[float, float], kept: float) -> Plate:
    """The whole picture on a blurred, darkened copy of itself that covers the clip."""
    factor = min(MAX_OVERSIZE, max(1.0, image.size[0] / size[0], image.size[1] / size[1]))
    width, height = round(size[0] * factor), round(size[1] * factor)
    small = (max(16, width // 8), max(16, height // 8))
    cover = resize(image.pixels, small, crop_box(image.size, size, (0.5, 0.5))).astype(np.float32)
    cover = cv2.GaussianBlur(cover, (0, 0), max(small) / 24) * 0.55
    ground = cv2.resize(cover, (width, height), interpolation=cv2.INTER_CUBIC)
    scale = min(width / image.size[0], height / image.size[1])
    inner = (max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale)))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    mask = _feathered(inner, round(FEATHER * min(width, height)), sides=(left > 0, top > 0))
    part = ground[top : top + inner[1], left : left + inner[0]]
    part += mask[..., None] * (resize(image.pixels, inner).astype(np.float32) - part)
    where = left + point[0] * inner[0], top + point[1] * inner[1]
    return Plate(np.clip(ground + 0.5, 0, 255).astype(np.uint8), (0.0, 0.0, width, height), where, 1 - kept, True)


def _feathered(size: tuple[int, int], feather: int, *, sides: tuple[bool, bool]) -> np.ndarray:
    """Float mask (height, width): 1 inside, falling smoothly to 0 at the left/right and top/bottom where asked."""

    def ramp(length: int, soft: bool) -> np.ndarray:
        if not soft:
            return np.ones(length, np.float32)
        distance = np.minimum(np.arange(length), np.arange(length)[::-1]).astype(np.float32)
        x = np.clip(distance / max(feather, 1), 0, 1)
        return x * x * (3 - 2 * x)

    return np.outer(ramp(size[1], sides[1]), ramp(size[0], sides[0]))


def find_subject(pixels: np.ndarray) -> tuple[float, float]:
    """The point (x, y), each 0 to 1, that the eye goes to first: what differs in colour and has fine structure.

    A plain centre-surround saliency (Itti, Koch, Niebur 1998: colour and detail contrast) with a bonus for the hues of
    skin, under a prior a little above the middle, where portraits have their faces; where nothing stands out it is
    that point.
    """
    small = cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    contrast = np.linalg.norm(cv2.GaussianBlur(lab, (0, 0), 1.5) - lab.mean(axis=(0, 1)), axis=2)
    detail = cv2.GaussianBlur(np.abs(cv2.Laplacian(lab[..., 0], cv2.CV_32F)), (0, 0), 3)
    grid = (np.arange(64, dtype=np.float32) + 0.5) / 64
    prior = np.outer(np.exp(-((grid - PRIOR_Y) ** 2) / (2 * 0.22**2)), np.exp(-((grid - 0.5) ** 2) / (2 * 0.25**2)))
    weight = (contrast / (contrast.max() + 1e-6)) * (detail / (detail.max() + 1e-6))
    weight = ((weight * (1 + 2 * _skin(small)) + 0.02) * prior) ** 2
    weight /= weight.sum()
    return float((weight.sum(axis=0) * grid).sum()), float((weight.sum(axis=1) * grid).sum())


def _skin(rgb: np.ndarray) -> np.ndarray:
    """How much each pixel has the chroma of skin, light or dark, 0 to 1 (Chai and Ngan 1999: Cr 133-173, Cb 77-127)."""
    ycc = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    near = np.exp(-(((ycc[..., 1] - 150) / 12) ** 2) - ((ycc[..., 2] - 107) / 14) ** 2)
    return cv2.GaussianBlur(near, (0, 0), 2)
