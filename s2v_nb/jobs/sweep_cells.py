"""The cells of a studio's sweep as the page sees them, without opening the song.

runs/sweeps/8d1f0a2b3c4d/    named by what is asked for
    cells.json               what was asked, and each cell's settings and run; written before the first is made
    sweep.json  table.csv    from `s2v_nb.sweeps`
runs/3f9a61c2d0b4/           the cells' runs, with all other clips
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from s2v_nb.errors import SentenceError
from s2v_nb.jobs.sweep_plan import AXES, NOWHERE
from s2v_nb.settings import Settings
from s2v_nb.storage import make_folder, read_json, write_json
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.table import Best, best_cells

FOLDER = "sweeps"
FORMAT = 1
MOST_BEST = 3
UNLINKED = "no link to the beat"  # a verdict; such a clip is never among the best
RUN = re.compile(r"[0-9a-f]{12}")

NowState = Literal["waiting", "running", "measuring", "done", "failed"]


@dataclass(frozen=True)
class CellNow:
    """How a cell stood at one moment.

    ``percent`` of its frames are made; ``rank`` is 1 to 3 for those that keep time best, with the reason in ``best``,
    else 0. ``error`` is the (key, values) of a sentence.
    """

    cell: Cell
    state: NowState
    percent: int = 0
    rank: int = 0
    best: Best | None = None
    error: tuple[str, dict[str, Any]] | None = None


def write_cells(folder: Path, what: dict[str, Any], cells: Sequence[Cell]) -> None:
    """Keep what was asked and which run each cell is."""
    found = [{"settings": asdict(cell.settings), "run": cell.name} for cell in cells]
    make_folder(folder)
    write_json(folder / "cells.json", {"s2v_nb_cells": FORMAT, "what": what, "cells": found})


def read_cells(folder: Path) -> tuple[Cell, ...]:
    """The cells of a sweep's folder; none while they are not known, or where they make no sense."""
    values = read_json(folder / "cells.json")
    with suppress(LookupError, TypeError, ValueError, AttributeError, SentenceError):
        if values["s2v_nb_cells"] == FORMAT:
            return tuple(_cell(index, one, folder.parent.parent) for index, one in enumerate(values["cells"]))
    return ()


def read_what(folder: Path) -> dict[str, Any]:
    """What was asked for, as `Workspace.start_sweep` submits it; empty where that cannot be read."""
    what = read_json(folder / "cells.json").get("what")
    return what if isinstance(what, dict) else {}


def tried_again(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells, those that failed as if they had never been begun: so the worker takes them."""
    return tuple(
        replace(cell, folder=cell.folder.parent / NOWHERE.format(index=cell.index)) if cell.state == "failed" else cell
        for cell in cells
    )


def look_at(cells: Sequence[Cell]) -> tuple[CellNow, ...]:
    """How all cells stand now."""
    linked = [best for best in best_cells(cells, MOST_BEST) if best.cell.result["alignment"]["verdict"] != UNLINKED]
    ranks = {best.cell.index: (rank, best) for rank, best in enumerate(linked, 1)}
    return tuple(_now(cell, *ranks.get(cell.index, (0, None))) for cell in cells)


def _now(cell: Cell, rank: int, best: Best | None) -> CellNow:
    state = cell.state
    if state == "done":
        return CellNow(cell, state, 100, rank, best)
    if state == "running":
        rendered = cell.is_rendered
        return CellNow(cell, "measuring" if rendered else "running", int(100 * cell.fraction))
    failures = cell.attempts.failures
    failed = bool(failures) and state == "failed"
    return CellNow(cell, state, error=(failures[-1]["key"], failures[-1]["values"]) if failed else None)


def _cell(index: int, one: dict[str, Any], runs: Path) -> Cell:
    if not RUN.fullmatch(one["run"]):  # it comes from a file: never let it lead elsewhere
        raise ValueError(one["run"])
    settings = Settings.from_dict(one["settings"])
    return Cell(index, {name: getattr(settings, name) for name in AXES}, settings, runs / one["run"])
