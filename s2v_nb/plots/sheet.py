"""Contact sheets: many clips playing side by side in one film, with the song; rows and columns say what differs.

`sheet_of` and `sheet_of_clips` say what stands where, `write_sheet` films it. Frames are never kept: each tile has one
open decoder and one picture of its own size.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.errors import InputError, say
from s2v_nb.media.audio import Audio, audio_from_array
from s2v_nb.media.video import VideoInfo, probe_video, read_frames, read_sound, write_video
from s2v_nb.plots.arrangement import MOST_TILES, arranged, joined, state_words
from s2v_nb.plots.lettering import drawn_language
from s2v_nb.plots.sheet_layout import Box, background, laid_out
from s2v_nb.storage import replacing
from s2v_nb.sweeps.batch import Batch
from s2v_nb.sweeps.cell import Cell

logger = logging.getLogger(__name__)

FORMAT = 1
FASTEST_FPS = 60
ROUNDING = 1e-3  # seconds that a frame's time may lie beside its true one, by the file's clock


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


def sheet_of(sweep: Batch) -> Sheet:
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


def contact_sheet(sweep: Batch, path: str | Path | None = None) -> Path:
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
    layout = laid_out(sheet, infos)
    fps = min(FASTEST_FPS, max(round(info.fps) for info in infos))
    num_frames = max(1, round(max(info.seconds for info in infos) * fps))
    sound = _sound([tile.path for tile, info in probed if tile.path and info and info.has_audio])
    players = [
        _Player(tile.path, layout.inside(index, info))
        for index, (tile, info) in enumerate(probed)
        if tile.path and info
    ]
    frames = _frames(background(sheet, layout), players, fps, num_frames)
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


class _Player:
    """A clip as it plays in its ``box``; of its frames only the next is kept."""

    def __init__(self, path: Path, box: Box) -> None:
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
