"""Starting, finding and ending the worker's process.

There is at most one for each tasks folder: it holds a lock as long as it lives. The lock lies in the machine's own
temporary folder, because a folder that survives a stop is often on a network file system that cannot lock.
"""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from s2v_nb.errors import GenerationError
from s2v_nb.session import lock_folder

MOST_FAILURES = 3  # starts in a row; then something is broken that another start will not mend

_started: dict[Path, subprocess.Popen] = {}  # the last worker this process started for each folder
_failures: dict[Path, int] = {}
_starting = threading.Lock()


def ensure(root: Path) -> None:
    """Start a worker for the tasks under ``root`` unless one lives.

    Raises
    ------
    GenerationError
        If the last few that were started ended with an error of their own.
    """
    root = root.resolve()
    with _starting:
        if is_starting(root) or is_alive(root):
            return
        last = _started.pop(root, None)
        _failures[root] = _failures.get(root, 0) + 1 if last and last.returncode > 0 else 0
        if _failures[root] >= MOST_FAILURES:
            _failures[root] = 0
            raise GenerationError("failed.worker", log=str(root / "worker.log"))
        root.mkdir(parents=True, exist_ok=True)
        _started[root] = _start(root)


def is_starting(root: Path) -> bool:
    """Whether the worker that this process started last lives; at first it does not hold its lock yet."""
    process = _started.get(root)
    return process is not None and process.poll() is None


def _start(root: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "s2v_nb.jobs.worker", str(root)]
    with (root / "worker.log").open("ab") as log:
        # a session of its own: the kernel's restart and the page's end do not reach it
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def is_alive(root: Path) -> bool:
    with _lock_file(root).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def end(root: Path) -> None:
    """End the worker at once, with all it has started; its unfinished tasks stay as they are."""
    with _lock_file(root).open() as file:
        text = file.read().strip()
    if text.isdigit() and is_alive(root):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int(text), signal.SIGKILL)
        began = time.monotonic()
        while is_alive(root) and time.monotonic() - began < 2:
            time.sleep(0.02)
    if process := _started.get(root.resolve()):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)


def hold_lock(root: Path) -> IO[str] | None:
    """The lock, to be kept open as long as the worker lives; None if another worker has it."""
    file = _lock_file(root).open("a+")
    for _ in range(20):  # `is_alive` of another process holds it for a moment
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.05)
            continue
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file
    file.close()
    return None


def _lock_file(root: Path) -> Path:
    """A file in a folder that only this user may enter."""
    file = lock_folder() / (hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16] + ".lock")
    file.touch()
    return file
