"""A runs folder with one real worker, which all tests of the studio's background share: starting one takes seconds."""

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from s2v_nb.jobs import Job, Task, worker_process

SMALL = {"duration": 3.0, "resolution": "480p", "fps": 24, "start": 2.0}
LONG = {"duration": 15.0, "resolution": "720p", "fps": 30, "start": 2.0}
PATIENCE = 240.0  # seconds, for what takes ten on a computer of one's own


@lru_cache
def shared_folder() -> Path:
    """The folder; its worker is ended with the tests, and soon by itself if they are killed."""
    os.environ["S2V_NB_WORKER_IDLE"] = "20"
    folder = Path(tempfile.mkdtemp(prefix="s2v_nb-studio-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(worker_process.end, folder / "runs" / "tasks")
    return folder


def until(true: Callable[[], object], seconds: float = PATIENCE) -> float:
    """Wait until it is true; the seconds it took. AssertionError where it does not happen."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s"
        time.sleep(0.01)
    return time.monotonic() - began


def ask_for_clip(image: Path, audio: Path, runs: Path, **settings) -> Job:
    task = Task.submit(
        runs / "tasks", "clip", image=str(image), audio=str(audio), runs=str(runs), settings={**SMALL, **settings}
    )
    worker_process.ensure(runs / "tasks")
    return Job(task)


def worker_pid(tasks: Path) -> int:
    until(lambda: worker_process.is_alive(tasks))
    until(lambda: worker_process._lock_file(tasks).read_text())
    return int(worker_process._lock_file(tasks).read_text())
