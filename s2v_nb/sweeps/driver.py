"""`Driver`: which cell comes next, until all are made or it is time to stop. What is done is read from the disk."""

import logging
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from s2v_nb.errors import GenerationError, InputError
from s2v_nb.session import disk
from s2v_nb.storage import clean_stale
from s2v_nb.sweeps.cell import MOST_FAILURES, Cell
from s2v_nb.sweeps.claim import forget_dead
from s2v_nb.sweeps.dominated import is_dominated
from s2v_nb.sweeps.expected import SPARE_BYTES, Pace
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.sweeps.runner import RUNNERS, Crew, LocalRunner, Outcome, Runner
from s2v_nb.sweeps.table import spent_on

if TYPE_CHECKING:
    from s2v_nb.sweeps.batch import Batch

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.3
TABLE_SECONDS = 5.0  # between two rewritings of table.csv
HOPELESS_ATTEMPTS = 3  # a cell that was begun this often and never ended comes last: it may kill whoever makes it


class Driver:
    """One run of a sweep."""

    def __init__(
        self,
        sweep: "Batch",
        runner: "str | Runner",
        progress: SweepProgress,
        *,
        spend_cap: float | None,
        stop_dominated: bool,
        retry_failed: bool,
    ) -> None:
        if spend_cap is not None:
            check_cap(spend_cap, sweep.price_per_hour)
        self.sweep, self.progress = sweep, progress
        self.runner = make_runner(runner)
        self.spend_cap, self.stop_dominated, self.retry_failed = spend_cap, stop_dominated, retry_failed
        self.capped = False
        self._made: list[Cell] = []  # in this run
        self._began = time.monotonic()
        self._in_flight: dict[str, Cell] = {}
        self._done: set[str] = set()
        self._failed: set[str] = set()
        self._money: dict[str, float] = {}
        self._failures: dict[str, int] = {}  # in this run; the disk may not take note of them
        self.passed_over = 0
        self._tabled = 0.0

    def run(self) -> None:
        self.progress.begin()
        self._clean()
        self._names = {cell.name for cell in self.sweep.cells}
        self._waiting = deque(self._to_do())
        self._pace = Pace(self.sweep.cells)
        if not self._waiting:
            self._report()
            self._finish()
            return
        self.sweep.estimate().check_disk(self.sweep.runs)
        try:
            self.sweep.save()
        except OSError as error:
            why = error.strerror or str(error)
            raise GenerationError("failed.disk", name=str(self.sweep.out), why=why) from error
        self._report()
        try:
            with self.runner.open(self.sweep.workshop(), self.progress) as crew:
                self._work(crew)
        finally:
            self._finish()

    def _clean(self) -> None:
        """Remove what drivers that were killed were about to write."""
        for folder in {self.sweep.out, *(cell.folder for cell in self.sweep.cells)}:
            with suppress(OSError):  # a folder that may only be read
                clean_stale(folder)

    def _work(self, crew: Crew) -> None:
        self._began = time.monotonic()
        while True:
            # what a cell costs is known once it is measured, so with a cap none is begun before
            room = crew.workers + (crew.ahead if self.spend_cap is None else 0)
            while len(self._in_flight) < room and (cell := self._next()):
                self._in_flight[cell.name] = cell
                crew.give(cell)
            idle = not self._in_flight
            if idle and (self.capped or not self._waiting):
                return
            outcomes = crew.wait()
            for outcome in outcomes:
                self._take(outcome)
            if idle or any(
                not outcome.made and not outcome.error for outcome in outcomes
            ):  # others are at what is left: it is taken over if its makers die
                time.sleep(POLL_SECONDS)
            self._report()

    def _to_do(self) -> list[Cell]:
        """Every run that is to be made, once, in order."""
        found: dict[str, Cell] = {}
        for cell in self.sweep.order:
            if cell.name in found or cell.name in self._done | self._failed:
                continue
            state = cell.state
            if state == "failed" and self.retry_failed:
                cell.attempts.forgiven()
                state = "waiting"
            self._note(cell, state)
            if state in ("waiting", "running"):
                found[cell.name] = cell
        return sorted(found.values(), key=lambda cell: cell.attempts.count >= HOPELESS_ATTEMPTS)

    def _note(self, cell: Cell, state: str) -> None:
        """Remember how a cell has ended, and what was spent on it."""
        if state == "done":
            self._done.add(cell.name)
        elif state == "failed":
            self._failed.add(cell.name)
        if self.sweep.price_per_hour:
            self._money[cell.name] = spent_on([cell], self.sweep.price_per_hour)

    def _next(self) -> Cell | None:
        """A cell that is free to be made; None if there is none now."""
        if self._is_capped():
            return None
        for _ in range(len(self._waiting)):
            cell = self._waiting.popleft()
            state = cell.state
            self._note(cell, state)
            if state == "running":
                self._waiting.append(cell)
            elif state == "waiting" and self.stop_dominated and is_dominated(cell, self.sweep):
                self.passed_over += 1
            elif state == "waiting":
                return cell
        return None

    def _is_capped(self) -> bool:
        if self.spend_cap is None:
            return False
        for cell in self._waiting:  # another driver may have made some meanwhile
            if cell.is_done:
                self._note(cell, "done")
        self.capped = self.capped or (bool(self._waiting) and self._spent() >= self.spend_cap)
        return self.capped

    def _spent(self) -> float:
        """Money for this sweep's cells so far, failed and interrupted attempts included."""
        return sum(self._money.values())

    def _take(self, outcome: Outcome) -> None:
        cell = self._in_flight.pop(outcome.cell.name)
        if outcome.error is not None:
            self._stop_where_all_would_fail(outcome.error)
            logger.warning("cell %s: %s", cell.name, outcome.error)
        elif outcome.made and not cell.is_done:  # a disk that forgets: without this it would be made for ever
            cell.attempts.failed(GenerationError("sweep.vanished", name=str(cell.path)))
        state = cell.state
        if outcome.error is not None:
            self._failures[cell.name] = self._failures.get(cell.name, 0) + 1
            if state == "waiting" and self._failures[cell.name] >= MOST_FAILURES:
                state = "failed"
        self._note(cell, state)
        if state == "done":
            self._pace.learn(cell)
            self._made.append(cell)
        elif state != "failed":
            self._waiting.append(cell)  # after the others

    def _stop_where_all_would_fail(self, error: Exception) -> None:
        """On a full disk, and in a folder that went away, every other cell would fail the same way and be marked."""
        if isinstance(error, GenerationError) and not (self.sweep.out / "sweep.json").exists():
            raise GenerationError("failed.vanished", name=str(self.sweep.out)) from error
        with suppress(OSError):
            if isinstance(error, GenerationError) and disk(self.sweep.runs).free < SPARE_BYTES // 4:
                raise error

    def _report(self) -> None:
        self.progress.update(
            done=len(self._done),
            failed=len(self._failed),
            running=len(self._in_flight),
            total=len(self._names),
            remaining=self._remaining(),
            spent=self._spent(),
        )
        if time.monotonic() - self._tabled > TABLE_SECONDS:
            self._tabled = time.monotonic()
            with suppress(OSError):
                self.sweep.write_table()

    def _remaining(self) -> float | None:
        """Seconds left, at the pace of this run; before its first cell, as the engines and other cells say."""
        left = sum(self._pace.seconds(cell.settings) for cell in [*self._waiting, *self._in_flight.values()])
        made = sum(self._pace.seconds(cell.settings) for cell in self._made)
        if made:
            return left * (time.monotonic() - self._began) / made
        return left if self._pace.measured else None

    def _finish(self) -> None:
        for cell in self.sweep.cells:
            if cell.name in self._done:  # the others' claims tell how long their owners had worked
                with suppress(OSError):
                    forget_dead(cell.folder)
        with suppress(OSError):
            self.sweep.deliver()


def check_cap(spend_cap: float, price_per_hour: float) -> None:
    """InputError unless both are above 0: a cap without a price would never be reached."""
    if not (spend_cap > 0 and price_per_hour > 0):
        raise InputError("sweep.cap", value=spend_cap, price=price_per_hour)


def make_runner(runner: "str | Runner") -> Runner:
    """The runner of that name.

    Raises
    ------
    InputError
        If there is none, or it needs a package that is not installed.
    """
    if not isinstance(runner, str):
        return runner
    if runner == "local":
        return LocalRunner()
    if runner == "ray":
        from s2v_nb.sweeps.ray_runner import RayRunner

        return RayRunner()
    raise InputError("sweep.runner", value=runner, allowed=", ".join(RUNNERS))
