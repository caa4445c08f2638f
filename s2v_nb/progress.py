"""One small object through which long work reports; a terminal bar, a widget and a JSON file are views of it."""

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from s2v_nb.errors import Cancelled, say
from s2v_nb.storage import replacing

STAGES = ("audio", "frames", "encoding")


@dataclass(frozen=True)
class State:
    """Where the work stands: ``done`` of ``total`` steps of ``stage``, ``elapsed`` seconds after the stage's start.

    ``first`` steps were done before, by an attempt that was interrupted.
    """

    stage: str
    done: int
    total: int
    elapsed: float
    first: int = 0

    @property
    def remaining(self) -> float | None:
        """Seconds left in this stage at the pace so far; None before the first step."""
        made = self.done - self.first
        return self.elapsed / made * (self.total - self.done) if made > 0 else None


View = Callable[[State], None]


class Progress:
    """What a job has done so far.

    A job calls `update` after each step; everybody in ``views`` is told. `cancel` may be called from any thread: the
    job's next `update` then raises `Cancelled`.
    """

    def __init__(self, *views: View) -> None:
        self.views = list(views)
        self.state = State(STAGES[0], 0, 1, 0.0)
        self._began: dict[str, tuple[float, int]] = {}  # stage -> when, and with how many steps already done
        self._cancelled = threading.Event()

    def update(self, stage: str, done: int, total: int) -> None:
        if self._cancelled.is_set():
            raise Cancelled("cancelled")
        if stage not in STAGES:
            raise ValueError(f"stage={stage!r} is not one of {STAGES}")
        began, first = self._began.setdefault(stage, (time.monotonic(), done))
        self.state = State(stage, done, total, time.monotonic() - began, first)
        for view in self.views:
            view(self.state)

    def cancel(self) -> None:
        self._cancelled.set()


class TerminalView:
    """A bar on a terminal, a plain line per stage in a pipe."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._bar: Any = None
        self._stage = ""

    def __call__(self, state: State) -> None:
        if self.stream.isatty():
            self._draw(state)
        elif state.done == state.total and state.stage != self._stage:
            self._stage = state.stage
            print(f"{say('stage.' + state.stage)}: {state.done}/{state.total}", file=self.stream, flush=True)

    def _draw(self, state: State) -> None:
        if state.stage != self._stage:
            self.close()
            self._stage = state.stage
            options = {"desc": say("stage." + state.stage), "file": self.stream, "leave": self._leave}
            self._bar = self._bars()(total=state.total, **options)
        if self._bar is not None:
            self._bar.update(state.done - self._bar.n)
            if state.done == state.total:
                self.close()

    def _bars(self) -> Any:
        from tqdm import tqdm

        return tqdm

    @property
    def _leave(self) -> bool:
        return True

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class NotebookView(TerminalView):
    """A bar in a notebook for each stage, which goes away when the work is done."""

    def __call__(self, state: State) -> None:
        self._draw(state)

    def _bars(self) -> Any:
        from tqdm.notebook import tqdm

        return tqdm

    @property
    def _leave(self) -> bool:
        return False


def usual_views() -> list[View]:
    """What shows progress where nobody said how: bars in a notebook, nothing elsewhere."""
    return [NotebookView()] if in_notebook() else []


def in_notebook() -> bool:
    """Whether what we show appears below a notebook's cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


class FileView:
    """The stages so far as JSON in a file, replaced in one move, at most every ``interval`` seconds."""

    def __init__(self, path: Path, interval: float = 0.5) -> None:
        self.path, self.interval = path, interval
        self._last = -1.0
        self._stages: dict[str, dict] = {}

    def __call__(self, state: State) -> None:
        self._stages[state.stage] = asdict(state)
        now = time.monotonic()
        if now - self._last < self.interval and state.done != state.total:
            return
        self._last = now
        # a bar that cannot be drawn must not stop the clip
        with suppress(OSError), replacing(self.path, durable=False) as scratch:
            scratch.write_text(json.dumps({**asdict(state), "stages": self._stages}))
