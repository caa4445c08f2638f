"""What a picture's pixels say about the clip it will make: sentences with what was measured and what to do.

Everything is measured on a small copy, so that it takes a tenth of a second for any picture.
"""

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from s2v_nb.errors import say
from s2v_nb.media.framing import WORST_CROP, Box, crop_box, find_subject, kept_by_crop
from s2v_nb.media.image import Image
from s2v_nb.settings import Settings

COPY_SIDE = 800  # longest side of the small copy, pixels
ENLARGED = 1.15  # times, from where a clip looks soft
MOVE_IN = 1.3  # how far the camera moves in where it finds no room beside its window
LEAST_ROOM = 0.1  # beside the window, in parts of it
NEAR_EDGE = 0.25  # of the window: nearer to its edge a subject is off-centre
LEAST_SPAN = 0.35  # of the range from black to white, spanned by 99 % of the pixels
MOST_TEXT = 0.04  # of the picture's area
LEAST_LETTERS = 5  # in a row
LIVELY = 0.2  # spread of the ground behind letters, in parts of their contrast
LEAST_BAR = 0.03  # of the picture's height or width

_subjects: "WeakKeyDictionary[Image, tuple[float, float]]" = WeakKeyDictionary()  # found once a picture
_measured: "WeakKeyDictionary[Image, list[Advice]]" = WeakKeyDictionary()


@dataclass(frozen=True)
class Advice:
    """One sentence: a ``key`` of the table and its ``values``."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)

    def sentence(self, lang: str | None = None) -> str:
        return say(self.key, lang, **self.values)


def advise(image: Image, settings: Settings) -> list[Advice]:
    """What to know about this picture before a clip is made of it, the weightiest first; empty if all is well."""
    found = [*_of_size(image, settings), _of_crop(image, settings), _of_subject(image, settings)]
    return [advice for advice in found if advice] + _of_pixels(image)


def subject_of(image: Image, settings: Settings) -> tuple[float, float]:
    """The point (x, y), each 0 to 1, that the clip keeps: the chosen one, else the one that is found."""
    if settings.subject:
        return settings.subject
    if image not in _subjects:
        _subjects[image] = find_subject(image.pixels)
    return _subjects[image]


def window_of(image: Image, settings: Settings, point: tuple[float, float]) -> Box:
    """The part of the picture that a clip shows at rest: (left, top, right, bottom), each 0 to 1."""
    width, height = image.size
    if surrounded(image, settings):
        return 0.0, 0.0, 1.0, 1.0
    left, top, right, bottom = crop_box(image.size, settings.size, point)
    return left / width, top / height, right / width, bottom / height


def surrounded(image: Image, settings: Settings) -> bool:
    """Whether the picture is shown whole on a blurred copy of itself, as `make_plate` decides."""
    kept = kept_by_crop(image.size, settings.size)
    return settings.fit == "blur" or (settings.fit == "auto" and kept < WORST_CROP)


# --- the picture and the clip's shape


def _of_size(image: Image, settings: Settings) -> list[Advice | None]:
    """Picture pixels for each pixel of the clip, at rest and when the camera moves in."""
    across, down = image.size[0] / settings.size[0], image.size[1] / settings.size[1]
    whole = surrounded(image, settings)
    detail = max(across, down) if whole else min(across, down)
    values = {"width": image.size[0], "height": image.size[1], "resolution": settings.resolution}
    if detail < 1 / ENLARGED:
        return [Advice("advice.small", {**values, "times": 1 / detail})]
    room = max(across, down) / detail - 1
    if whole or room >= LEAST_ROOM or detail >= MOVE_IN / ENLARGED:
        return []
    needed = {"needed_width": round(MOVE_IN * settings.size[0]), "needed_height": round(MOVE_IN * settings.size[1])}
    return [Advice("advice.margin", {**values, **needed, "times": MOVE_IN / detail, "room": room})]


def _of_crop(image: Image, settings: Settings) -> Advice | None:
    kept = kept_by_crop(image.size, settings.size)
    if kept >= WORST_CROP:
        return None
    key = "advice.whole" if settings.fit == "auto" else "advice.crop" if settings.fit == "crop" else None
    return Advice(key, {"aspect": settings.aspect, "lost": 1 - kept}) if key else None


def _of_subject(image: Image, settings: Settings) -> Advice | None:
    point = subject_of(image, settings)
    left, top, right, bottom = window_of(image, settings, point)
    x, y = (point[0] - left) / (right - left), (point[1] - top) / (bottom - top)
    if min(x, 1 - x, y, 1 - y) >= NEAR_EDGE:
        return None
    return Advice("advice.subject", {"x": min(1.0, max(0.0, x)), "y": min(1.0, max(0.0, y))})


# --- the pixels


def _of_pixels(image: Image) -> list[Advice]:
    """What holds for every clip of this picture; measured once."""
    if image not in _measured:
        scale = min(1.0, COPY_SIDE / max(image.size))
        size = (max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale)))
        small = cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else image.pixels
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        _measured[image] = [advice for advice in (_of_contrast(grey), _of_bars(grey), _of_text(grey)) if advice]
    return _measured[image]


def _of_contrast(grey: np.ndarray) -> Advice | None:
    low, high = np.percentile(grey[::2, ::2], (0.5, 99.5))
    span = float(high - low) / 255
    return Advice("advice.contrast", {"span": span}) if span < LEAST_SPAN else None


def _of_bars(grey: np.ndarray) -> Advice | None:
    """Plain bars at two opposite edges, as of a film in another format."""
    part = max(_bars(grey), _bars(grey.T))
    return Advice("advice.bars", {"part": part}) if part else None


def _bars(grey: np.ndarray) -> float:
    """The part of the height that plain bars of one colour at top and bottom take; 0.0 if there are no such bars."""
    plain = grey.astype(np.float32).std(axis=1) < 4
    if plain.all():
        return 0.0
    heights = int(plain.argmin()), int(plain[::-1].argmin())
    if min(heights) < LEAST_BAR * len(grey):
        return 0.0
    picture = grey[heights[0] : len(grey) - heights[1]]
    bars = grey[0], grey[-1]
    if abs(float(bars[0].mean()) - float(bars[1].mean())) > 8:
        return 0.0
    ends = picture[min(2, len(picture) - 1)], picture[max(-3, -len(picture))]
    steps = [np.abs(bar.astype(int) - end).astype(float) > 16 for bar, end in zip(bars, ends, strict=True)]
    return sum(heights) / len(grey) if min(step.mean() for step in steps) > 0.4 else 0.0  # else a sky or a studio wall


def _of_text(grey: np.ndarray) -> Advice | None:
    part = text_part(grey)
    return Advice("advice.text", {"part": part}) if part > MOST_TEXT else None


def text_part(grey: np.ndarray) -> float:
    """The part of a picture's area that lines of print take, 0 to 1; ``grey`` is uint8 (height, width).

    Letters are dark or light blobs, alike in height, that stand side by side on one line; five or more on a calm ground
    make print. Handwriting, slanted and very large letters, and print on a lively ground are not found.
    """
    area = 0
    for ink in (grey, 255 - grey):  # dark letters, then light ones
        dark = cv2.adaptiveThreshold(ink, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 41, 24)
        area += sum(ink[box].size for box in _lines(_letters(dark)) if _is_print(ink[box], dark[box]))
    return min(1.0, area / grey.size)


def _letters(dark: np.ndarray) -> np.ndarray:
    """Blobs that may be letters, at most 900: float32 rows of (left, top, width, height)."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    _, _, width, height, area = stats.T
    fits = (height >= 6) & (height <= dark.shape[0] / 5) & (width >= 2) & (width <= 4 * height)
    fits &= (area > 0.12 * width * height) & (area < 0.95 * width * height)
    fits[0] = False  # the ground
    boxes = stats[fits, :4].astype(np.float32)
    return boxes[np.argsort(-boxes[:, 3], kind="stable")][:900]


def _lines(boxes: np.ndarray) -> list[tuple[slice, slice]]:
    """Where five or more letters stand in a row: (rows, columns) of the picture."""
    left, top, width, height = boxes.T
    right, foot = left + width, top + height
    lower, higher = np.minimum(height[:, None], height), np.maximum(height[:, None], height)
    gap = left - right[:, None]
    beside = (lower > 0.5 * higher) & (np.abs(foot[:, None] - foot) < 0.2 * lower)
    beside &= (gap > -0.2 * lower) & (gap < 1.2 * lower) & (left > left[:, None])
    line = _connected(beside)
    rows = [np.flatnonzero(line == k) for k in np.flatnonzero(np.bincount(line, minlength=1) >= LEAST_LETTERS)]
    return [
        (slice(int(top[row].min()), int(foot[row].max())), slice(int(left[row].min()), int(right[row].max())))
        for row in rows
        if width[row].std() > 0.06 * width[row].mean()  # else a pattern: windows, tiles, a fence
    ]


def _is_print(grey: np.ndarray, dark: np.ndarray) -> bool:
    """Whether the ground between the letters is calm, beside how much darker they are, as foliage is not."""
    ground = cv2.dilate(dark, np.ones((3, 3), np.uint8)) == 0  # without the soft edges of the letters
    if np.count_nonzero(ground) < 20:
        return False
    depth = float(grey[ground].mean()) - float(grey[dark > 0].mean())
    return float(grey[ground].std()) < LIVELY * depth


def _connected(pairs: np.ndarray) -> np.ndarray:
    """A number for each item, the same for items that a chain of pairs connects; ``pairs`` is bool (n, n)."""
    number = np.arange(len(pairs))
    first, second = np.nonzero(pairs | pairs.T)
    while True:
        lowest = number.copy()
        np.minimum.at(lowest, first, number[second])
        lowest = lowest[lowest]
        if np.array_equal(lowest, number):
            return number
        number = lowest
