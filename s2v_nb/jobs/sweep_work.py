"""What the worker does for a task of kind 'sweep': makes its cells, tells how they stand, lets clips go first."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from s2v_nb.jobs.sweep_cells import FOLDER, write_cells
from s2v_nb.jobs.tasks import Task, unfinished
from s2v_nb.progress import State
from s2v_nb.settings import Settings
from s2v_nb.storage import replacing
from s2v_nb.sweeps import Sweep
from s2v_nb.sweeps.progress import SweepProgress, SweepState

POLL_SECONDS = 0.1
WRITE_SECONDS = 0.15
WHOLE = 1000  # steps of a sweep, for `Task.begin`, which sees from them whether it went on


def make_sweep(task: Task) -> None:
    """Make every cell that is missing; those that had failed are tried again."""
    what = task.what
    runs = Path(what["runs"])
    sweep = Sweep(
        what["image"],
        what["audio"],
        Settings.from_dict(what["settings"]),
        out=runs / FOLDER / Path(what["name"]).name,
        runs=runs,
        price_per_hour=what["price_per_hour"],
        **what["axes"],
    )
    write_cells(sweep.out, what, sweep.cells)
    progress = SweepProgress()
    progress.views.append(_Report(task, progress))
    sweep.run(spend_cap=what["spend_cap"] or None, retry_failed=True, progress=progress)
    task.end("done", capped=sweep.capped)


class _Report:
    """Writes where the sweep stands into its task's folder, ends it when asked, and waits for single clips."""

    def __init__(self, task: Task, progress: SweepProgress) -> None:
        self.task, self.progress = task, progress
        self._current: State | None = None
        self._written, self._finished = 0.0, -1

    def __call__(self, state: SweepState) -> None:
        self._end_if_asked()
        between = state.current is self._current  # each step of a cell has a state of its own
        self._current = state.current
        finished = state.done + state.failed
        if finished != self._finished or time.monotonic() - self._written > WRITE_SECONDS:
            self._finished = finished
            self._write(state)
        if between and finished < state.total:
            self._let_clips_go_first(state)

    def _end_if_asked(self) -> None:
        if self.task.stopping:
            self.task.end("stopped")  # at once; the clip before may still be measured for a moment
            self.progress.cancel()
            self.progress.check()

    def _let_clips_go_first(self, state: SweepState) -> None:
        waited = False
        while any(other.kind == "clip" for other in unfinished(self.task.folder.parent)):
            if not waited:
                self._write(state, paused=True)
            waited = True
            time.sleep(POLL_SECONDS)
            self._end_if_asked()
        if waited:
            self._write(state)

    def _write(self, state: SweepState, paused: bool = False) -> None:
        self._written = time.monotonic()
        values: dict[str, Any] = {
            "remaining": state.remaining,
            "spent": state.spent,
            "paused": paused,
            "stages": {"frames": {"done": round(WHOLE * state.fraction), "total": WHOLE}},
        }
        # what cannot be told must not stop the work
        with suppress(OSError), replacing(self.task.folder / "progress.json", durable=False) as scratch:
            scratch.write_text(json.dumps(values))
