"""A sweep or series as a notebook shows it: how it stands, and its pictures."""

import base64
import html
import io
from typing import TYPE_CHECKING

import PIL.Image

from s2v_nb.errors import say
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.table import headline

if TYPE_CHECKING:
    from s2v_nb.sweeps.batch import Batch

THUMBNAIL_WIDTH = 150
MOST_SHOWN = 48
_CELL = "padding:4px;text-align:center;font-size:11px;line-height:1.3;vertical-align:top"
_EMPTY = "display:inline-block;width:150px;height:84px;background:rgba(128,128,128,.18)"


def html_of(batch: "Batch") -> str:
    """What it takes or took, then every cell with a frame of it; rows are the first axis, columns the others."""
    rows = [f"<p>{html.escape(batch.estimate().sentence())}</p>"]
    if len(batch.cells) <= MOST_SHOWN:
        rows.append(f"<table>{''.join(_row(line) for line in _lines(batch))}</table>")
    return "".join(rows)


def _lines(batch: "Batch") -> list[list[Cell]]:
    """The cells as they are shown: as wide as the grid behind its first axis, else six in a row."""
    axes = list(batch.axes.values())
    width = len(batch.cells) // len(axes[0]) if len(axes) > 1 else min(6, len(batch.cells))
    cells = list(batch.cells)
    return [cells[start : start + width] for start in range(0, len(cells), width)]


def _row(cells: list[Cell]) -> str:
    return f"<tr>{''.join(f'<td style={_CELL!r}>{_picture(cell)}<br>{_words(cell)}</td>' for cell in cells)}</tr>"


def _words(cell: Cell) -> str:
    """Its values, its state, and how it keeps time."""
    state, scores = cell.state, headline(cell)
    parts = [", ".join(f"{name} {value}" for name, value in cell.values.items()), say(f"sweep.state.{state}")]
    if state == "done" and scores:
        parts[1] = f"R {scores['r']:.2f}"
    return "<br>".join(html.escape(part) for part in parts)


def _picture(cell: Cell) -> str:
    try:
        with PIL.Image.open(cell.poster) as poster:
            poster.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH))
            sink = io.BytesIO()
            poster.convert("RGB").save(sink, "JPEG", quality=78)
    except (OSError, ValueError):  # not there yet, or damaged
        return f'<span style="{_EMPTY}"></span>'
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(sink.getvalue()).decode()}">'
