"""`Job`: one clip being made in the background, as an object that panels can watch."""

import time
from pathlib import Path
from typing import Any

from traitlets import Bool, Dict, Enum, Float, HasTraits, Instance, Unicode

from s2v_nb.errors import say
from s2v_nb.jobs import worker_process
from s2v_nb.jobs.tasks import FINISHED, Task
from s2v_nb.progress import STAGES, State

STOP_SECONDS = 1.2  # given to the worker to end by itself; then its process is ended


class Job(HasTraits):
    """A live view of a task: `refresh` reads its folder into the traits, which panels observe.

    ``state`` is 'waiting', 'running', 'done', 'failed' or 'stopped'; ``stages`` maps each stage that has begun to its
    `State`; ``measured`` says that the alignment of the finished clip is known. ``error`` is a sentence's (key,
    values), ``details`` the traceback.
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
        self.refresh()

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @property
    def elapsed(self) -> float:
        """Seconds since it was asked for."""
        return max(0.0, time.time() - float(self.task.asked.get("asked", time.time())))

    def sentence(self, lang: str | None = None) -> str:
        """Why it failed, in the person's language; '' if it did not."""
        return say(self.error[0], lang, **self.error[1]) if self.error else ""

    def refresh(self) -> None:
        """Read the task's folder; ends a worker that was asked to stop and did not."""
        if self.finished:
            return
        self._enforce_stop()
        result = self.task.result
        seen = {name: _state(values) for name, values in self.task.progress.get("stages", {}).items()}
        with self.hold_trait_notifications():
            self.stages = {name: seen[name] for name in STAGES if name in seen}
            self.stopping = self.task.stopping
            if result.get("state") == "done":
                self.clip, self.seconds = Path(result["clip"]), float(result["seconds"])
                self.notes = tuple((key, dict(values)) for key, values in result["notes"])
                self.cached = bool(result["cached"])
            elif result.get("state") == "failed":
                self.error, self.details = (result["key"], result["values"]), result.get("details", "")
            self.state = self.task.state

    def stop(self) -> None:
        """End the work within two seconds; finished parts are kept for the next attempt."""
        if not self.finished:
            self.task.stop()
            self._stop_asked = self._stop_asked or time.monotonic()
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
        if self._stop_asked is None or self.task.result:
            return
        if self.task.state == "waiting" or time.monotonic() - self._stop_asked > STOP_SECONDS:
            worker_process.end(self.task.folder.parent)
            if not self.task.result:
                self.task.end("stopped")
            worker_process.ensure(self.task.folder.parent)  # for whatever else was being done


def _state(values: dict[str, Any]) -> State:
    return State(**{name: values[name] for name in ("stage", "done", "total", "elapsed", "first")})
