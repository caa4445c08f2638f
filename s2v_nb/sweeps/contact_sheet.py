"""Contact sheets: many clips playing side by side in one film, with the song; rows and columns say what differs.

`sheet_of` and `sheet_of_clips` say what stands where, `write_sheet` films it. Frames are never kept: each tile has one
open decoder and one picture of its own size.
"""

import hashlib
import json
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2v_nb.errors import InputError, language, say
from s2v_nb.media.audio import Audio, audio_from_array
from s2v_nb.media.video import VideoInfo, probe_video, read_frames, read_sound, write_video
from s2v_nb.messages import MESSAGES
from s2v_nb.settings import CONTROLS
from s2v_nb.storage import replacing
from s2v_nb.sweeps.cell import Cell

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from s2v_nb.sweeps.batch import Batch

logger = logging.getLogger(__name__)

FORMAT = 1
WIDTH, HEIGHT = 1920, 1080  # of the whole sheet, at most
MOST_TILES, MOST_ALONG = 64, 12  # tiles of a sheet, and of one row or column: more are too small to see
FASTEST_FPS = 60
GAP, PAD = 8, 12  # pixels between tiles, round texts
TEXT, SMALL_TEXT = 24, 16  # pixels; the small one in tiles that are narrow
NARROW = 240  # pixels
LABEL_WIDTH = 300  # of row labels, at most
MOST_LINES = 3  # of a label above a tile
LONGEST_LABEL = 200  # characters
WIDE = r"\u2e80-\u9fff\uff00-\uffef"  # Chinese characters and the marks between them
CLOSING = "，。、；：！？）》」』”"  # no line begins with these
PIECES = re.compile(rf"[{WIDE}][{CLOSING}]*|[^\s{WIDE}]+[{CLOSING}]*|\s+")  # what lines are not broken in
ROUNDING = 1e-3  # seconds that a frame's time may lie beside its true one, by the file's clock
GROUND, TILE_GROUND, MISSING, LABEL, QUIET = "#181818", "#000000", "#2e2e2e", "#f2f2f2", "#a8a8a8"


# --- in words


def drawn_language() -> str:
    """The person's language, if this machine has letters to draw it with, else English."""
    from s2v_nb.plots.style import plain

    return language() if plain("节拍") == "节拍" else "en"


def setting_word(name: str, lang: str | None = None) -> str:
    """A setting as part of a sentence: 'prompt weight'."""
    return say(f"studio.made.{name}", lang).lower()


def value_word(name: str, value: Any, lang: str | None = None) -> str:
    """A setting's value as a person reads it: '4 s', 'high', '(no prompt)'."""
    if value is None:
        return say("studio.made.auto", lang)
    if name == "prompt":
        return value or say("studio.history.no_prompt", lang)
    if name in CONTROLS and f"option.{value}" in MESSAGES:
        return say(f"option.{value}", lang)
    if isinstance(value, tuple | list):
        return ", ".join(value_word("", part, lang) for part in value)
    number = f"{value:g}" if isinstance(value, float) else str(value)
    return number + getattr(CONTROLS.get(name), "unit", "")


def values_words(values: Mapping[str, Any], lang: str | None = None) -> str:
    """'motion high, seed 2'"""
    return joined(
        (f"{setting_word(name, lang)} {value_word(name, value, lang)}" for name, value in values.items()), lang
    )


def joined(parts: Iterable[str], lang: str | None = None) -> str:
    """Parts of a label, those that say something."""
    return ("，" if (lang or language()) == "zh" else ", ").join(filter(None, parts))


def state_words(cell: Cell, lang: str | None = None) -> str:
    """Why there is nothing to see of a cell; '' of one that is done."""
    state = cell.state
    if state == "done":
        return ""
    why = [say(failure["key"], lang, **failure["values"]) for failure in cell.attempts.failures[-1:]]
    return ": ".join([say(f"view.state.{state}", lang), *(why if state == "failed" else ())])


# --- in rows and columns


@dataclass(frozen=True)
class Arrangement:
    """The cells of a sweep in rows, with a label for each row and each column and the names of what they vary.

    Where less than two settings vary there is one row, whose label and ``row_name`` are ''. ``total`` is how many
    cells the sweep has.
    """

    cells: tuple[tuple[Cell, ...], ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_name: str
    column_name: str
    total: int

    @property
    def is_grid(self) -> bool:
        return bool(self.row_name)

    @property
    def shown(self) -> int:
        return len(self.rows) * len(self.columns)

    def note(self, lang: str | None = None) -> str:
        """How many cells are left out; '' if none is."""
        return "" if self.shown == self.total else say("view.thinned", lang, shown=self.shown, total=self.total)

    def thinned(self) -> "Arrangement":
        """With as many rows and columns as can be seen at once, taken evenly, the first and the last among them."""
        shape = _seen(len(self.rows), len(self.columns)) if self.is_grid else (1, min(MOST_TILES, len(self.columns)))
        rows, columns = _evenly(len(self.rows), shape[0]), _evenly(len(self.columns), shape[1])
        return replace(
            self,
            cells=tuple(tuple(self.cells[row][column] for column in columns) for row in rows),
            rows=tuple(self.rows[row] for row in rows),
            columns=tuple(self.columns[column] for column in columns),
        )


def arranged(sweep: "Batch", lang: str | None = None) -> Arrangement:
    """The first setting that varies makes the rows, the second the columns; all others are joined to the rows."""
    axes = varied_axes(sweep)
    if len(axes) < 2:
        name = next(iter(axes), "")
        labels = tuple(_lone_labels(sweep, lang))
        return Arrangement((sweep.cells,), ("",), labels, "", name and setting_word(name, lang), len(labels))
    first, second, *others = axes
    shape = [len(values) for values in axes.values()]
    places = np.moveaxis(np.arange(len(sweep.cells)).reshape(shape), 1, -1).reshape(-1, shape[1])
    cells = tuple(tuple(sweep.cells[place] for place in row) for row in places)
    return Arrangement(
        cells,
        tuple(_row_label(row[0], first, others, lang) for row in cells),
        tuple(value_word(second, value, lang) for value in axes[second]),
        setting_word(first, lang),
        setting_word(second, lang),
        len(sweep.cells),
    )


def varied_axes(sweep: "Batch") -> dict[str, tuple]:
    """The axes that have more than one value."""
    return {name: values for name, values in sweep.axes.items() if len(values) > 1}


def _lone_labels(batch: "Batch", lang: str | None) -> Iterator[str]:
    """Labels of cells that are in no grid: what each alone has, after its number where nothing simpler names it."""
    first = batch.cells[0].values
    names = [name for name in first if any(cell.values[name] != first[name] for cell in batch.cells)]
    for cell in batch.cells:
        values = {name: cell.values[name] for name in names}
        if batch.axes or batch.kind == "series":
            yield joined((value_word(name, value, lang) for name, value in values.items()), lang) or str(cell.index)
        else:
            yield ": ".join(filter(None, [str(cell.index), values_words(values, lang)]))


def _row_label(cell: Cell, first: str, others: Sequence[str], lang: str | None) -> str:
    rest = values_words({name: cell.values[name] for name in others}, lang)
    return joined([value_word(first, cell.values[first], lang), rest], lang)


def _seen(rows: int, columns: int) -> tuple[int, int]:
    rows, columns = min(rows, MOST_ALONG), min(columns, MOST_ALONG)
    while rows * columns > MOST_TILES:
        rows, columns = (rows, columns - 1) if columns >= rows else (rows - 1, columns)
    return rows, columns


def _evenly(count: int, most: int) -> list[int]:
    return np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()


# --- as tiles


@dataclass(frozen=True)
class Tile:
    """One clip of a sheet: what it is called, and its file, or else why there is none."""

    label: str
    path: Path | None
    why: str = ""


@dataclass(frozen=True)
class Sheet:
    """What stands on a contact sheet, row by row.

    With ``columns`` it is a grid whose rows and columns have labels in the margins, and tiles none; without, as many
    tiles stand in a row as make them largest, each under its own label. ``note`` is a line below all.
    """

    tiles: tuple[Tile, ...]
    columns: int | None = None
    row_labels: tuple[str, ...] = ()
    column_labels: tuple[str, ...] = ()
    row_name: str = ""
    column_name: str = ""
    note: str = ""

    @property
    def labels_above(self) -> list[str]:
        """What stands above tiles: above the first row of a grid, or above each."""
        return list(self.column_labels) if self.columns else [tile.label for tile in self.tiles]


def sheet_of(sweep: "Batch") -> Sheet:
    """The sheet of a sweep: `arranged` and thinned to 64 tiles; cells that are not done say how they stand."""
    lang = drawn_language()
    shown = arranged(sweep, lang).thinned()
    cells = [cell for row in shown.cells for cell in row]
    whys = [state_words(cell, lang) for cell in cells]
    labels = [joined([row, column], lang) for row in shown.rows for column in shown.columns]
    tiles = tuple(
        Tile(label, None if why else cell.path, why) for label, cell, why in zip(labels, cells, whys, strict=True)
    )
    notes = [shown.note(lang), _sound_note([(t, c) for t, c in zip(tiles, cells, strict=True) if t.path], lang)]
    note = "   ".join(filter(None, notes))
    if not shown.is_grid:
        return Sheet(tiles, column_name=shown.column_name, note=note)
    return Sheet(tiles, len(shown.columns), shown.rows, shown.columns, shown.row_name, shown.column_name, note)


def sheet_of_clips(clips: Iterable[tuple[str, str | Path]]) -> Sheet:
    """The sheet of any clips, each with its label; the first 64 of them."""
    given = [Tile(label, Path(path)) for label, path in clips]
    tiles = tuple(given[:MOST_TILES])
    thinned = say("view.thinned", drawn_language(), shown=len(tiles), total=len(given))
    return Sheet(tiles, note=thinned if len(tiles) < len(given) else "")


def _sound_note(shown: Sequence[tuple[Tile, Cell]], lang: str) -> str:
    """Whose sound is heard, where clips are of different parts of the song."""
    if len({(cell.audio, cell.settings.start) for _, cell in shown}) < 2:
        return ""
    return say("view.sound", lang, label=shown[0][0].label)


def contact_sheet(sweep: "Batch", path: str | Path | None = None) -> Path:
    """Write all clips of a sweep into one film: a labelled grid of at most 1920 x 1080 pixels, with the song.

    Rows are the first setting that varies, columns the second, all others are joined to the rows. Clips are shown by
    time, the shorter ones hold their last frame, and the sound is the first clip's.

    Parameters
    ----------
    sweep : Sweep or Series
    path : path, optional
        By default ``sheet.mp4`` in the sweep's folder; an earlier file is replaced once the new one is whole, and kept
        if it shows the same.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If no clip is done.
    GenerationError
        If the film cannot be written.
    """
    return write_sheet(sheet_of(sweep), path or sweep.out / "sheet.mp4")


def write_sheet(sheet: Sheet, path: str | Path) -> Path:
    """Write a sheet as an H.264 MP4; see `contact_sheet`."""
    path, lang = Path(path), drawn_language()
    probed = [_probed(tile, lang) for tile in sheet.tiles]
    sheet = replace(sheet, tiles=tuple(tile for tile, _ in probed))
    infos = [info for _, info in probed if info]
    if not infos:
        raise InputError("view.nothing", name=path.name)
    comment = {"s2v_nb_sheet": FORMAT, "of": _fingerprint(sheet)}
    if _comment(path) == comment:
        return path
    layout = _laid_out(sheet, infos)
    fps = min(FASTEST_FPS, max(round(info.fps) for info in infos))
    num_frames = max(1, round(max(info.seconds for info in infos) * fps))
    sound = _sound([tile.path for tile, info in probed if tile.path and info and info.has_audio])
    players = [
        _Player(tile.path, layout.inside(index, info))
        for index, (tile, info) in enumerate(probed)
        if tile.path and info
    ]
    frames = _frames(_background(sheet, layout), players, fps, num_frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as scratch:
        write_video(scratch, frames, size=layout.size, fps=fps, num_frames=num_frames, audio=sound, comment=comment)
    return path


def _probed(tile: Tile, lang: str) -> tuple[Tile, VideoInfo | None]:
    """The tile with what its file holds; without a file if that cannot be read."""
    if tile.path is None:
        return tile, None
    try:
        return tile, probe_video(tile.path)
    except InputError as error:
        return replace(tile, path=None, why=error.sentence(lang)), None


def _fingerprint(sheet: Sheet) -> str:
    """All that decides a sheet: its words and the states of its files."""
    stats = [tile.path.stat() for tile in sheet.tiles if tile.path]
    what = [asdict(sheet), [(stat.st_size, stat.st_mtime_ns) for stat in stats]]
    return hashlib.sha256(json.dumps(what, default=str).encode("utf-8", "replace")).hexdigest()


def _comment(path: Path) -> Any:
    """What an earlier sheet says of itself; None if there is none."""
    with suppress(InputError, ValueError):
        return json.loads(probe_video(path).comment)
    return None


def _sound(paths: Sequence[Path]) -> Audio:
    """The sound of the first of these clips; silence if there is none."""
    return read_sound(paths[0]) if paths else audio_from_array(np.zeros((2, 44_100), np.float32), 44_100)


# --- as frames


@dataclass(frozen=True)
class _Box:
    left: int
    top: int
    width: int
    height: int


class _Player:
    """A clip as it plays in its ``box``; of its frames only the next is kept."""

    def __init__(self, path: Path, box: _Box) -> None:
        self.path, self.box = path, box
        self._frames = read_frames(path, size=(box.width, box.height))
        self._ahead = self._next()

    def at(self, seconds: float) -> np.ndarray | None:
        """The frame that is shown then; None if it is that of the last call. To be asked in time order."""
        found = None
        while self._ahead is not None and self._ahead[0] <= seconds + ROUNDING:
            found, self._ahead = self._ahead[1], self._next()
        return found

    def _next(self) -> tuple[float, np.ndarray] | None:
        try:
            return next(self._frames, None)
        except InputError as error:  # the others go on
            logger.warning("%s: %s", self.path, error)
            return None


def _frames(ground: np.ndarray, players: Sequence[_Player], fps: int, num_frames: int) -> Iterator[np.ndarray]:
    """The sheet's frames, all in one array that changes: whoever takes one must use it before the next."""
    picture = ground.copy()
    for k in range(num_frames):
        for player in players:
            if (frame := player.at(k / fps)) is not None:
                box = player.box
                picture[box.top : box.top + box.height, box.left : box.left + box.width] = frame
        yield picture


# --- where everything stands


@dataclass(frozen=True)
class _Layout:
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

    def box(self, index: int) -> _Box:
        """A tile's place."""
        row, column = divmod(index, self.columns)
        width, height = self.tile
        left = self.left + GAP + column * (width + GAP)
        top = self.head + GAP + row * (self.caption + height + GAP) + self.caption
        return _Box(left, top, width, height)

    def inside(self, index: int, info: VideoInfo) -> _Box:
        """Where a clip stands in its tile: whole, in the middle."""
        place = self.box(index)
        scale = min(place.width / info.width, place.height / info.height)
        width, height = _near(place.width, info.width * scale), _near(place.height, info.height * scale)
        left, top = place.left + (place.width - width) // 2, place.top + (place.height - height) // 2
        return _Box(left, top, width, height)


def _near(side: int, length: float) -> int:
    """``length`` in whole pixels; all of ``side`` where only a hairline would stay dark."""
    return side if side - length < 2 else max(1, round(length))


def _laid_out(sheet: Sheet, infos: Sequence[VideoInfo]) -> _Layout:
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


def _fitted(sheet: Sheet, columns: int, lines: int, shape: float, largest: float) -> _Layout:
    """The layout with so many ``columns`` and ``lines`` above tiles; ``largest`` is a tile's greatest width."""
    count, above = len(sheet.tiles), lines * _line_height(TEXT)
    name = _line_height(TEXT) if sheet.column_name else 0
    margins = {
        "left": _label_width([*sheet.row_labels, sheet.row_name]) if sheet.row_labels else 0,
        "head": name + above if sheet.columns else name,
        "caption": 0 if sheet.columns else above,
        "foot": _line_height(TEXT) if sheet.note else 0,
    }
    empty = _Layout(count, columns, (0, 0), **margins)
    free = WIDTH - empty.size[0], HEIGHT - empty.size[1]
    width = max(2.0, min(free[0] / columns, free[1] / empty.rows * shape, largest))
    return replace(empty, tile=(int(width), max(2, int(width / shape))))


def _label_width(labels: Sequence[str]) -> int:
    lines = [line for label in labels for line in wrapped(label, TEXT, LABEL_WIDTH - 2 * PAD)]
    return min(LABEL_WIDTH, 2 * PAD + round(max(_length(line, TEXT) for line in lines)))


# --- drawing


def _background(sheet: Sheet, layout: _Layout) -> np.ndarray:
    """All that does not move, uint8 (height, width, 3): labels, empty tiles and what they say."""
    import PIL.Image
    import PIL.ImageDraw

    picture = PIL.Image.new("RGB", layout.size, GROUND)
    draw = PIL.ImageDraw.Draw(picture)
    for index, tile in enumerate(sheet.tiles):
        _draw_tile(draw, tile, layout.box(index))
    _draw_margins(draw, sheet, layout)
    return np.asarray(picture)


def _draw_tile(draw: "ImageDraw", tile: Tile, box: _Box) -> None:
    corners = (box.left, box.top, box.left + box.width - 1, box.top + box.height - 1)
    draw.rectangle(corners, fill=TILE_GROUND if tile.path else MISSING)
    if tile.path is None:
        _write(draw, tile.why, box, QUIET, size=TEXT if box.width > NARROW else SMALL_TEXT)


def _draw_margins(draw: "ImageDraw", sheet: Sheet, layout: _Layout) -> None:
    line, (width, height) = _line_height(TEXT), layout.size
    first = layout.box(0)
    if sheet.column_name:
        _write(draw, sheet.column_name, _Box(first.left, 0, width - first.left, line), QUIET, left=True)
    if sheet.row_name:
        _write(draw, sheet.row_name, _Box(PAD, first.top - line, layout.left - PAD, line), QUIET, left=True)
    for row, label in enumerate(sheet.row_labels):
        box = layout.box(row * layout.columns)
        _write(draw, label, _Box(PAD, box.top, layout.left - PAD, box.height), LABEL, left=True)
    for index, label in enumerate(sheet.labels_above):
        box = layout.box(index)
        above = layout.caption or layout.head - (line if sheet.column_name else 0)
        _write(draw, label, _Box(box.left, box.top - above, box.width, above), LABEL)
    if sheet.note:
        _write(draw, sheet.note, _Box(PAD, height - line, width - 2 * PAD, line), QUIET, left=True)


def _write(draw: "ImageDraw", text: str, box: _Box, color: str, *, size: int = TEXT, left: bool = False) -> None:
    """Text in the middle of a box, or at its ``left``, in as many lines as it has room for."""
    height = _line_height(size)
    lines = wrapped(text, size, box.width, most=max(1, box.height // height))
    x, anchor = (box.left, "lm") if left else (box.left + box.width / 2, "mm")
    first = box.top + (box.height - (len(lines) - 1) * height) / 2
    for row, line in enumerate(lines):
        draw.text((x, first + row * height), line, color, _font(line, size), anchor=anchor)


def wrapped(text: str, size: int, width: float, most: int = LONGEST_LABEL) -> list[str]:
    """Text in at most so many lines of ``width`` pixels, broken between words, and anywhere in Chinese."""
    lines = [""]
    for piece in PIECES.findall(_plain(text)):
        if lines[-1] and _length((lines[-1] + piece).rstrip(), size) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    lines, left_out = lines[:most], lines[most:]
    if left_out:
        lines[-1] += "…"
    return [_cut(line.rstrip(), size, width) for line in lines]


def _cut(line: str, size: int, width: float) -> str:
    """A line that fits, with an ellipsis where something is missing."""
    while len(line) > 1 and _length(line, size) > width:
        line = line.rstrip("…")[:-1] + "…"
    return line


def _plain(text: str) -> str:
    """`plain` without its guard against formulas, which exist only in plots."""
    from s2v_nb.plots.style import plain

    return plain(text, LONGEST_LABEL).replace(r"\$", "$")


def _line_height(size: int) -> int:
    return round(1.34 * size)


def _length(text: str, size: int) -> float:
    return _font(text, size).getlength(text)


def _font(text: str, size: int) -> "FreeTypeFont":
    """The first of our fonts that has all characters, else the last, which has the most."""
    faces = _faces()
    return _loaded(*next((face for face, has in faces if has.issuperset(map(ord, text))), faces[-1][0]), size)


@lru_cache(maxsize=1)
def _faces() -> list[tuple[tuple[str, int], frozenset[int]]]:
    """Files of the fonts of plots, with the number of the face in the file and its characters."""
    from matplotlib.font_manager import findfont, get_font

    from s2v_nb.plots.style import text_style

    found = [findfont(name) for name in text_style()["fontfamily"]]
    return [((str(path), getattr(path, "face_index", 0)), frozenset(get_font(path).get_charmap())) for path in found]


@lru_cache(maxsize=8)
def _loaded(path: str, face: int, size: int) -> "FreeTypeFont":
    import PIL.ImageFont

    return PIL.ImageFont.truetype(path, size, face)
