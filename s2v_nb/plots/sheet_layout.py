"""Where the tiles and labels of a contact sheet stand, and everything on it that does not move."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from s2v_nb.media.video import VideoInfo
from s2v_nb.plots.lettering import font_for, length_of, line_height, wrapped

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

    from s2v_nb.plots.sheet import Sheet, Tile

WIDTH, HEIGHT = 1920, 1080  # of the whole sheet, at most
GAP, PAD = 8, 12  # pixels between tiles, round texts
TEXT, SMALL_TEXT = 24, 16  # pixels; the small one in tiles that are narrow
NARROW = 240  # pixels
LABEL_WIDTH = 300  # of row labels, at most
MOST_LINES = 3  # of a label above a tile
GROUND, TILE_GROUND, MISSING, LABEL, QUIET = "#181818", "#000000", "#2e2e2e", "#f2f2f2", "#a8a8a8"


@dataclass(frozen=True)
class Box:
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Layout:
    """Pixels: ``tile`` is (width, height); ``left`` the margin of row labels, ``head`` the one above all rows,
    ``caption`` that above each, ``foot`` below all."""

    count: int
    columns: int
    tile: tuple[int, int]
    left: int
    head: int
    caption: int
    foot: int

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the sheet, both even as H.264 needs them."""
        width = self.left + GAP + self.columns * (self.tile[0] + GAP)
        height = self.head + GAP + self.rows * (self.caption + self.tile[1] + GAP) + self.foot
        return width + width % 2, height + height % 2

    def box(self, index: int) -> Box:
        """A tile's place."""
        row, column = divmod(index, self.columns)
        width, height = self.tile
        left = self.left + GAP + column * (width + GAP)
        top = self.head + GAP + row * (self.caption + height + GAP) + self.caption
        return Box(left, top, width, height)

    def inside(self, index: int, info: VideoInfo) -> Box:
        """Where a clip stands in its tile: whole, in the middle."""
        place = self.box(index)
        scale = min(place.width / info.width, place.height / info.height)
        width, height = _near(place.width, info.width * scale), _near(place.height, info.height * scale)
        left, top = place.left + (place.width - width) // 2, place.top + (place.height - height) // 2
        return Box(left, top, width, height)


def _near(side: int, length: float) -> int:
    """``length`` in whole pixels; all of ``side`` where only a hairline would stay dark."""
    return side if side - length < 2 else max(1, round(length))


def laid_out(sheet: "Sheet", infos: Sequence[VideoInfo]) -> Layout:
    """Tiles as large as they can be, never larger than the clips, under labels of as few lines as hold them."""
    # between the shapes of the clips, so that each leaves equally little of a tile unused
    shape = math.exp(np.mean(np.log([info.width / info.height for info in infos])))
    largest = min(max(info.width for info in infos), shape * max(info.height for info in infos))
    candidates = [sheet.columns] if sheet.columns else range(len(sheet.tiles), 0, -1)
    for lines in range(1, MOST_LINES + 1):
        layouts = [_fitted(sheet, columns, lines, shape, largest) for columns in candidates]
        best = max(layouts, key=lambda layout: layout.tile[0])
        if all(len(wrapped(label, TEXT, best.tile[0])) <= lines for label in sheet.labels_above):
            break
    return best


def _fitted(sheet: "Sheet", columns: int, lines: int, shape: float, largest: float) -> Layout:
    """The layout with so many ``columns`` and ``lines`` above tiles; ``largest`` is a tile's greatest width."""
    count, above = len(sheet.tiles), lines * line_height(TEXT)
    name = line_height(TEXT) if sheet.column_name else 0
    margins = {
        "left": _label_width([*sheet.row_labels, sheet.row_name]) if sheet.row_labels else 0,
        "head": name + above if sheet.columns else name,
        "caption": 0 if sheet.columns else above,
        "foot": line_height(TEXT) if sheet.note else 0,
    }
    empty = Layout(count, columns, (0, 0), **margins)
    free = WIDTH - empty.size[0], HEIGHT - empty.size[1]
    width = max(2.0, min(free[0] / columns, free[1] / empty.rows * shape, largest))
    return replace(empty, tile=(int(width), max(2, int(width / shape))))


def _label_width(labels: Sequence[str]) -> int:
    lines = [line for label in labels for line in wrapped(label, TEXT, LABEL_WIDTH - 2 * PAD)]
    return min(LABEL_WIDTH, 2 * PAD + round(max(length_of(line, TEXT) for line in lines)))


def background(sheet: "Sheet", layout: Layout) -> np.ndarray:
    """All that does not move, uint8 (height, width, 3): labels, empty tiles and what they say."""
    import PIL.Image
    import PIL.ImageDraw

    picture = PIL.Image.new("RGB", layout.size, GROUND)
    draw = PIL.ImageDraw.Draw(picture)
    for index, tile in enumerate(sheet.tiles):
        _draw_tile(draw, tile, layout.box(index))
    _draw_margins(draw, sheet, layout)
    return np.asarray(picture)


def _draw_tile(draw: "ImageDraw", tile: "Tile", box: Box) -> None:
    corners = (box.left, box.top, box.left + box.width - 1, box.top + box.height - 1)
    draw.rectangle(corners, fill=TILE_GROUND if tile.path else MISSING)
    if tile.path is None:
        _write(draw, tile.why, box, QUIET, size=TEXT if box.width > NARROW else SMALL_TEXT)


def _draw_margins(draw: "ImageDraw", sheet: "Sheet", layout: Layout) -> None:
    line, (width, height) = line_height(TEXT), layout.size
    first = layout.box(0)
    if sheet.column_name:
        _write(draw, sheet.column_name, Box(first.left, 0, width - first.left, line), QUIET, left=True)
    if sheet.row_name:
        _write(draw, sheet.row_name, Box(PAD, first.top - line, layout.left - PAD, line), QUIET, left=True)
    for row, label in enumerate(sheet.row_labels):
        box = layout.box(row * layout.columns)
        _write(draw, label, Box(PAD, box.top, layout.left - PAD, box.height), LABEL, left=True)
    for index, label in enumerate(sheet.labels_above):
        box = layout.box(index)
        above = layout.caption or layout.head - (line if sheet.column_name else 0)
        _write(draw, label, Box(box.left, box.top - above, box.width, above), LABEL)
    if sheet.note:
        _write(draw, sheet.note, Box(PAD, height - line, width - 2 * PAD, line), QUIET, left=True)


def _write(draw: "ImageDraw", text: str, box: Box, color: str, *, size: int = TEXT, left: bool = False) -> None:
    """Text in the middle of a box, or at its ``left``, in as many lines as it has room for."""
    height = line_height(size)
    lines = wrapped(text, size, box.width, most=max(1, box.height // height))
    x, anchor = (box.left, "lm") if left else (box.left + box.width / 2, "mm")
    first = box.top + (box.height - (len(lines) - 1) * height) / 2
    for row, line in enumerate(lines):
        draw.text((x, first + row * height), line, color, font_for(line, size), anchor=anchor)
