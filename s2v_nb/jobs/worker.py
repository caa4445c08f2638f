"""The worker: a process that does the tasks of one folder, whoever asks, until nothing was asked for a while.

``python -m s2v_nb.jobs.worker runs/tasks``. It outlives the kernel and the page that asked. Clips are made one after
the other; hearing, measuring and sweeps have lanes of their own, so that another song can be heard meanwhile.
"""

import logging
import os
import queue
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

from s2v_nb.errors import GenerationError
from s2v_nb.jobs import work
from s2v_nb.jobs.tasks import Task, forget_old, unfinished
from s2v_nb.jobs.worker_process import hold_lock
from s2v_nb.log import start_log

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.08
IDLE_SECONDS = float(os.environ.get("S2V_NB_WORKER_IDLE", "1800"))
MOST_ATTEMPTS = 2  # a task whose process died this often is given up
NICENESS = 5  # the kernel and the browser's server answer first


class Worker:
    """The lanes, and which tasks were handed to them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seen: set[str] = set()
        self._at_work: set[str] = set()
        self._lanes: dict[str, queue.Queue[Task]] = {kind: queue.Queue() for kind in work.KINDS}
        for name, lane in self._lanes.items():
            threading.Thread(target=self._work, args=(lane,), daemon=True, name=f"s2v_nb-{name}").start()

    def run(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Hand tasks to their lanes until there were none for ``idle_seconds``, or their folder is gone."""
        busy = time.monotonic()
        while self.root.is_dir() and time.monotonic() - busy < idle_seconds:
            for task in unfinished(self.root):
                if task.name not in self._seen:
                    self._seen.add(task.name)
                    self._at_work.add(task.name)
                    self._lanes.get(task.kind, self._lanes["listen"]).put(task)
            if self._at_work:
                busy = time.monotonic()
            time.sleep(POLL_SECONDS)

    def _work(self, lane: "queue.Queue[Task]") -> None:
        while True:
            task = lane.get()
            try:
                self._attempt(task)
            except Exception as error:
                logger.exception("task %s could not be ended", task.name)
                _end_in_time(task, error)
            self._at_work.discard(task.name)
            forget_old(self.root)

    def _attempt(self, task: Task) -> None:
        if task.result:  # it was stopped while it waited here
            return
        if task.kind not in work.KINDS:
            task.fail(ValueError(f"unknown task {task.kind!r}"), "")
        elif not task.stopping and task.begin() > MOST_ATTEMPTS:
            work.give_up(task, GenerationError("failed.died", count=MOST_ATTEMPTS))
        else:
            self._wait_for_hearing(task)
            if task.stopping:
                task.end("stopped")
            else:
                work.do(task)

    def _wait_for_hearing(self, task: Task) -> None:
        """A song that is being heard in the other lane is not heard a second time."""
        if task.kind in ("clip", "sweep"):
            while not task.stopping and any(
                other.kind == "listen" and other.name < task.name and other.what.get("audio") == task.what.get("audio")
                for other in unfinished(self.root)
            ):
                time.sleep(POLL_SECONDS)


def _end_in_time(task: Task, error: Exception) -> None:
    """Tell how a task ended even where the disk takes nothing at first: whoever asked is waiting."""
    while task.folder.is_dir() and not task.result:
        with suppress(OSError):
            task.fail(error, "".join(traceback.format_exception(error)))
        time.sleep(POLL_SECONDS)


def load_ahead() -> None:
    """Import what the first task will need; a person is still choosing her song."""
    try:
        from s2v_nb.models.beatnet import have_weights, load_networks
        from s2v_nb.plots import beside  # noqa: F401

        if have_weights():
            load_networks()
    except Exception:
        logger.exception("loading ahead failed")


def main() -> None:
    root = Path(sys.argv[1])
    lock = hold_lock(root)
    if lock is None:
        return
    with lock:
        if os.getpgrp() != os.getpid():  # started by hand: it is ended with its group
            os.setpgrp()
        start_log()
        os.nice(NICENESS)
        forget_old(root)
        threading.Thread(target=load_ahead, daemon=True).start()
        Worker(root).run()


if __name__ == "__main__":
    main()
