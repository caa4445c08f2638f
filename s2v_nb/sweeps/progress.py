"""How a sweep tells where it stands, and how it is stopped."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TextIO

from s2v_nb.errors import Cancelled, say
from s2v_nb.progress import Progress, State, in_notebook


@dataclass(frozen=True)
class SweepState:
    """Cells of a sweep: ``done``, ``failed`` and ``running`` ones of ``total``.

    ``elapsed`` seconds after this run's start, ``remaining`` seconds expected (None before the first cell);
    ``spent`` is money so far, with what was spent before this run. ``current`` is how far the cell is that this process
    makes.
    """

    done: int
    failed: int
    running: int
    total: int
    elapsed: float
    remaining: float | None
    spent: float
    current: State | None = None
    rendered: int = 0  # cells that are yet to be measured

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1, with the frames of the current cell."""
        part = 0.0
        if self.current is not None and self.current.stage != "audio":
            part = self.current.done / max(1, self.current.total) if self.current.stage == "frames" else 1.0
        finished = self.done + self.failed + 0.95 * (part + self.rendered)
        return min(1.0, finished / max(1, self.total))


SweepView = Callable[[SweepState], None]


class SweepProgress:
    """What a sweep has done so far; everybody in ``views`` is told after each step.

    `cancel` may be called from any thread: the cell that is being made stops (in this process at its next frame; Ray's
    workers are ended), its finished parts are kept, and `Sweep.run` raises `Cancelled`.
    """

    def __init__(self, *views: SweepView) -> None:
        self.views = list(views)
        self.state = SweepState(0, 0, 0, 0, 0.0, None, 0.0)
        self._current: State | None = None
        self._rendered = 0
        self._cancelled = threading.Event()
        self._began = time.monotonic()

    def update(self, *, done: int, failed: int, running: int, total: int, remaining: float | None,
               spent: float) -> None:  # fmt: skip
        """Tell how the cells stand; Cancelled if somebody has called `cancel`."""
        self.check()
        self._rendered = max(0, self._rendered - max(0, done + failed - self.state.done - self.state.failed))
        elapsed = time.monotonic() - self._began
        self._tell(SweepState(done, failed, running, total, elapsed, remaining, spent, self._current, self._rendered))
        self.check()  # a view may have called it

    def of_cell(self) -> Progress:
        """A new `Progress` for a cell that is made in this process."""
        return Progress(self._step)

    def cancel(self) -> None:
        self._cancelled.set()

    def check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled("cancelled")

    def begin(self) -> None:
        """A run starts: its clock begins."""
        self._began, self._current, self._rendered = time.monotonic(), None, 0

    def _step(self, state: State) -> None:
        self.check()
        is_over = state.stage == "encoding" and state.done == state.total
        self._current = None if is_over else state
        self._rendered += is_over
        elapsed = time.monotonic() - self._began
        self._tell(replace(self.state, elapsed=elapsed, current=self._current, rendered=self._rendered))

    def _tell(self, state: SweepState) -> None:
        self.state = state
        for view in self.views:
            view(state)


class SweepBar:
    """One bar for the whole sweep, on a terminal or with ``notebook`` below a cell; in a pipe a line for each clip."""

    def __init__(self, stream: TextIO | None = None, *, notebook: bool = False) -> None:
        self.stream = stream or sys.stderr
        self.notebook = notebook
        self._bar: Any = None
        self._finished = -1

    def __call__(self, state: SweepState) -> None:
        finished = state.done + state.failed
        if self.notebook or self.stream.isatty():
            self._draw(state)
        elif finished != self._finished:
            self._finished = finished
            print(say("sweep.line", done=state.done, failed=state.failed, total=state.total), file=self.stream,
                  flush=True)  # fmt: skip

    def _draw(self, state: SweepState) -> None:
        if self._bar is None:
            if self.notebook:
                from tqdm.notebook import tqdm
            else:
                from tqdm import tqdm
            self._bar = tqdm(total=100, desc=say("sweep.bar"), file=self.stream, bar_format="{l_bar}{bar}{postfix}")
        self._bar.n = round(100 * state.fraction)
        parts = [say("sweep.cells_done", done=state.done, total=state.total)]
        if state.remaining is not None and has_more(state):
            parts.append(say("sweep.left", time=clock(state.remaining)))
        if state.spent > 0:
            parts.append(say("sweep.spent", money=state.spent))
        self._bar.set_postfix_str(", ".join(parts))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def has_more(state: SweepState) -> bool:
    """Whether there is anything left to do."""
    return state.done + state.failed < state.total


def clock(seconds: float) -> str:
    """'1:05', '2:10:00'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def usual_sweep_views() -> list[SweepBar]:
    """A bar in a notebook, nothing elsewhere."""
    return [SweepBar(notebook=True)] if in_notebook() else []
