"""What is asked of the worker, as folders on disk: whoever can read them sees the same work, in any process.

runs/tasks/18c1f0a2b3c4d5e6-clip/
    task.json       what is asked; written first
    begun.json      there once the worker has begun: which attempt it is
    progress.json   where it stands
    stop            the person wants it to end
    result.json     how it ended; written last
"""

import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from s2v_nb.errors import speaks, told
from s2v_nb.log import log_file, sentence_of
from s2v_nb.storage import make_folder, read_json, sync_folder, write_json

TaskState = Literal["waiting", "running", "done", "failed", "stopped"]
FINISHED = ("done", "failed", "stopped")
KEPT_TASKS = 60  # finished ones, so that the folder does not grow for ever


@dataclass(frozen=True)
class Task:
    """One piece of work; everything about it is read from its ``folder`` each time, nothing is remembered."""

    folder: Path

    @classmethod
    def submit(cls, root: Path, kind: str, **what: Any) -> "Task":
        """Ask for work under ``root``; it begins once a worker sees it."""
        make_folder(root)
        task = cls(root / f"{_next_number(root):016x}-{kind}")
        task.folder.mkdir()
        sync_folder(root)
        write_json(task.folder / "task.json", {"kind": kind, "what": what, "asked": time.time()})
        return task

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def asked(self) -> dict[str, Any]:
        """What `submit` wrote: 'kind', 'what' and 'asked' (seconds since 1970); it never changes."""
        return read_json(self.folder / "task.json")

    @property
    def kind(self) -> str:
        return str(self.asked.get("kind", ""))

    @property
    def what(self) -> dict[str, Any]:
        what = self.asked.get("what")
        return what if isinstance(what, dict) else {}

    @property
    def state(self) -> TaskState:
        if result := self.result:
            return result["state"]
        return "running" if (self.folder / "begun.json").exists() else "waiting"

    @property
    def progress(self) -> dict[str, Any]:
        """What `s2v_nb.progress.FileView` wrote last; empty before the work began."""
        return read_json(self.folder / "progress.json")

    @property
    def result(self) -> dict[str, Any]:
        """How it ended: 'state', and what that kind of work gives; empty before.

        One that failed has the 'key' and 'values' of a sentence; what cannot be read counts as failed, a folder that
        was removed as stopped.
        """
        path = self.folder / "result.json"
        if not path.exists():  # asked first: it may appear at any moment
            return {} if self.folder.exists() else {"state": "stopped"}
        values = read_json(path)
        good = values.get("state") in FINISHED and (values["state"] != "failed" or speaks(values))
        return values if good else damaged()

    @property
    def stopping(self) -> bool:
        return (self.folder / "stop").exists()

    def begin(self) -> int:
        """Mark that the work begins; which attempt it is, 1 for the first."""
        before, frames = read_json(self.folder / "begun.json"), self._frames_done()
        attempt, had = before.get("attempt"), before.get("frames")
        went_on = isinstance(had, int) and frames > had  # a machine that was stopped, not a clip that cannot be made
        attempt = attempt + 1 if isinstance(attempt, int) and not went_on else 1
        write_json(self.folder / "begun.json", {"attempt": attempt, "process": os.getpid(), "frames": frames})
        return attempt

    def _frames_done(self) -> int:
        with suppress(LookupError, TypeError, ValueError):
            return int(self.progress["stages"]["frames"]["done"])
        return 0

    def stop(self) -> None:
        """Ask it to end; finished parts are kept."""
        with suppress(FileNotFoundError):  # the whole task was removed
            (self.folder / "stop").touch()

    def forgive(self) -> None:
        """Its process was ended for another task's sake: the attempt does not count."""
        (self.folder / "begun.json").unlink(missing_ok=True)

    def end(self, state: TaskState, **result: Any) -> None:
        write_json(self.folder / "result.json", {"state": state, **result, "ended": time.time()})

    def fail(self, error: BaseException, details: str) -> None:
        """End with a sentence in the table's words and the traceback."""
        self.end("failed", **told(sentence_of(error)), details=details)


def _next_number(root: Path) -> int:
    """The time in nanoseconds, or more where the clock went back: names tell in which order tasks were asked for."""
    numbers = [int(found[1], 16) for task in tasks_in(root) if (found := re.match(r"([0-9a-f]{16})-", task.name))]
    return max([time.time_ns(), *(number + 1 for number in numbers)])


def tasks_in(root: Path) -> list[Task]:
    """All tasks under ``root``, the oldest first."""
    try:
        return [Task(Path(entry.path)) for entry in sorted(os.scandir(root), key=lambda e: e.name) if entry.is_dir()]
    except OSError:
        return []


def unfinished(root: Path) -> list[Task]:
    return [task for task in tasks_in(root) if not (task.folder / "result.json").exists() and task.kind]


def forget_old(root: Path) -> None:
    """Remove the oldest finished tasks; the clips they made stay."""
    done = [task for task in tasks_in(root) if (task.folder / "result.json").exists()]
    for task in done[:-KEPT_TASKS]:
        shutil.rmtree(task.folder, ignore_errors=True)


def damaged() -> dict[str, Any]:
    """The result of a task whose own one cannot be read."""
    why = "result.json is damaged"
    return {"state": "failed", "key": "failed.internal", "values": {"why": why, "log": str(log_file())}}
