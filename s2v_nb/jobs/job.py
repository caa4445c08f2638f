"""`Job`: one clip being made in the background, as an object that panels can watch."""

import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from traitlets import Bool, Dict, Enum, Float, HasTraits, Instance, Unicode

from s2v_nb.errors import say
from s2v_nb.jobs import worker_process
from s2v_nb.jobs.tasks import FINISHED, Task, damaged, unfinished
from s2v_nb.progress import STAGES, State

STOP_SECONDS = 1.2  # given to the worker to end by itself; then its process is ended


class Job(HasTraits):
    """A live view of a task: `refresh` reads its folder into the traits, which panels observe.

    ``state`` is 'waiting', 'running', 'done', 'failed' or 'stopped'; ``stages`` maps each stage that has begun to its
    `State`. ``error`` is a sentence's (key, values), ``details`` the traceback.
    """

    state = Enum(("waiting", "running", *FINISHED), default_value="waiting")
    stages = Dict()
    clip = Instance(Path, allow_none=True)
    notes = Instance(tuple, args=())
    seconds = Float(0.0)
    cached = Bool(False)
    error = Instance(tuple, allow_none=True)
    details = Unicode("")
    stopping = Bool(False)

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self._stop_asked: float | None = None
        self._refreshing = threading.RLock()
        self.refresh()

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @property
    def elapsed(self) -> float:
        """Seconds since it was asked for."""
        asked = self.task.asked.get("asked")
        return max(0.0, time.time() - asked) if isinstance(asked, int | float) else 0.0

    def sentence(self, lang: str | None = None) -> str:
        """Why it failed, in the person's language; '' if it did not."""
        return say(self.error[0], lang, **self.error[1]) if self.error else ""

    def refresh(self) -> None:
        """Read the task's folder; ends a worker that was asked to stop and did not."""
        if not self._refreshing.acquire(blocking=False):
            return  # another thread is at it; waiting for it could wait for ever, if it waits for this one
        try:
            if not self.finished:
                self._enforce_stop()
                self._read()
        finally:
            self._refreshing.release()

    def _read(self) -> None:
        state, result = self.task.state, self.task.result  # in this order: it may end in between
        state = result.get("state", state)
        try:
            values = _result_traits(result)
        except (LookupError, TypeError, ValueError):
            state, values = "failed", _result_traits(damaged())
        with self.hold_trait_notifications():
            self.stages = _with_time_passed(_stages(self.task.progress), self.task)
            self.stopping = self.task.stopping
            for name, value in values.items():
                setattr(self, name, value)
            self.state = state

    def stop(self) -> None:
        """End the work within two seconds; finished parts are kept for the next attempt."""
        if not self.finished:
            self._stop_asked = self._stop_asked or time.monotonic()  # first: it must end on a full disk, too
            self.task.stop()
            self.refresh()

    def wait(self, timeout: float | None = None) -> "Job":
        """Wait until it is finished; TimeoutError after ``timeout`` seconds."""
        began = time.monotonic()
        while not self.finished:
            if timeout is not None and time.monotonic() - began > timeout:
                raise TimeoutError(f"the job {self.task.name} was not finished within {timeout:g} s")
            time.sleep(0.05)
            self.refresh()
        return self

    def _enforce_stop(self) -> None:
        if self._stop_asked is None and self.task.stopping:  # asked by another page, or before a restart
            self._stop_asked = time.monotonic()
        if self._stop_asked is None or self.task.result:
            return
        if self.task.state == "waiting":
            self.task.end("stopped")  # the worker passes over it
        elif time.monotonic() - self._stop_asked > STOP_SECONDS:
            tasks = self.task.folder.parent
            worker_process.end(tasks)
            if not self.task.result:
                self.task.end("stopped")
            for other in unfinished(tasks):
                other.forgive()
            worker_process.ensure(tasks)


def _result_traits(result: dict[str, Any]) -> dict[str, Any]:
    """A job's traits from how its task ended; LookupError, TypeError or ValueError if the result makes no sense."""
    if result.get("state") == "done":
        notes = tuple((str(key), dict(values)) for key, values in result["notes"])
        return {"clip": Path(result["clip"]), "seconds": float(result["seconds"]), "notes": notes,
                "cached": bool(result["cached"])}  # fmt: skip
    if result.get("state") == "failed":
        return {"error": (result["key"], result["values"]), "details": str(result.get("details", ""))}
    return {}


def _with_time_passed(stages: dict[str, State], task: Task) -> dict[str, State]:
    """The stages with the time since the last step added to the one that is going on: a clock that runs."""
    going = next((name for name in reversed(stages) if stages[name].done < stages[name].total), None)
    with suppress(OSError):
        if going and not task.result:
            passed = max(0.0, time.time() - (task.folder / "progress.json").stat().st_mtime)
            return {**stages, going: replace(stages[going], elapsed=stages[going].elapsed + passed)}
    return stages


def _stages(progress: dict[str, Any]) -> dict[str, State]:
    """The stages that have begun, in their order; what makes no sense is left out."""
    found: dict[str, State] = {}
    for name in STAGES:
        with suppress(LookupError, TypeError, ValueError):
            values = progress["stages"][name]
            done, total, first = (int(values[key]) for key in ("done", "total", "first"))
            found[name] = State(name, done, total, float(values["elapsed"]), first)
    return found
