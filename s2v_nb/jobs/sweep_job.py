"""`SweepJob`: a sweep in the background as an object that panels can watch; of an old one, what is left of it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from traitlets import Bool, Dict, Tuple

from s2v_nb.errors import SentenceError
from s2v_nb.jobs.job import Job
from s2v_nb.jobs.sweep_cells import CellNow, look_at, read_cells, read_what
from s2v_nb.jobs.sweep_plan import checked_axes, unmade_cells
from s2v_nb.jobs.tasks import Task, tasks_in
from s2v_nb.settings import Settings
from s2v_nb.sweeps.cell import Cell


class SweepJob(Job):
    """A live view of a sweep's task and of its cells: `refresh` reads both from the disk into the traits.

    ``cells`` is a tuple of `CellNow`, rows first. ``numbers`` has 'done', 'failed' and 'total' cells, 'remaining'
    seconds (None while nobody knows), 'spent' money, and whether it is 'hearing' the song or 'paused' for a single
    clip. ``capped`` says that it ended because of its spend cap.
    """

    cells = Tuple()
    numbers = Dict()
    capped = Bool(False)

    def __init__(self, folder: Path, task: Task | None = None) -> None:
        self.folder = folder
        super().__init__(task or Task(folder / "no task"))  # a folder that is not there counts as stopped

    @property
    def what(self) -> dict[str, Any]:
        """What was asked for."""
        return self.task.what or read_what(self.folder)

    @property
    def axes(self) -> dict[str, list]:
        """Rows and columns with their values; empty where they cannot be read."""
        return checked_axes(self.what.get("axes"))

    @property
    def is_whole(self) -> bool:
        """Whether every cell is done."""
        return bool(self.cells) and all(now.state == "done" for now in self.cells)

    def cell(self, index: int) -> CellNow:
        """The cell of this number; LookupError if there is none."""
        return self.cells[index]

    def refresh(self) -> None:
        """Read the task and the cells; those of a sweep that has ended may still change: clips can be deleted."""
        super().refresh()
        if self.finished and self._refreshing.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._refreshing.release()

    def _read(self) -> None:
        state, result = self.task.state, self.task.result  # in this order: it may end in between
        state = result.get("state", state)
        with self.hold_trait_notifications():
            self._look()
            if not self.task.folder.exists() and self.is_whole:
                state = "done"
            self.stopping = self.task.stopping
            self.capped = bool(result.get("capped"))
            if state == "failed":
                self.error, self.details = (result["key"], result["values"]), str(result.get("details", ""))
            self.state = state

    def _look(self) -> None:
        self.cells = look_at(read_cells(self.folder) or self._unmade())
        states = [now.state for now in self.cells]
        told = self.task.progress
        self.numbers = {
            "done": states.count("done"),
            "failed": states.count("failed"),
            "total": len(states),
            "remaining": _number(told.get("remaining")),
            "spent": _number(told.get("spent")) or 0.0,
            "paused": bool(told.get("paused")),
            "hearing": not told,
        }

    def _unmade(self) -> tuple[Cell, ...]:
        """What will be there once the song was heard."""
        axes = self.axes
        with suppress(LookupError, TypeError, ValueError, AttributeError, SentenceError):
            base = Settings.from_dict(self.what["settings"])
            return unmade_cells(axes, base, self.folder.parent.parent) if axes else ()
        return ()


def last_sweep(tasks: Path, folder: Path) -> SweepJob | None:
    """The sweep that was asked for last, else the one that was written last; None if there was none."""
    asked = [task for task in tasks_in(tasks) if task.kind == "sweep" and isinstance(task.what.get("name"), str)]
    if asked:
        return SweepJob(folder / Path(asked[-1].what["name"]).name, asked[-1])
    written = sorted(folder.glob("*/cells.json"), key=_when)
    return SweepJob(written[-1].parent) if written else None


def _when(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value >= 0 else None
