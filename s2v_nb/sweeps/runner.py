"""`Runner`: where the cells of a sweep are made. This process, one cell at a time; `s2v_nb.sweeps.ray_runner` others.

A runner makes what it is given and nothing else: which cell comes next, what a failure means and when to stop is
decided by `s2v_nb.sweeps.driver`.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from s2v_nb.errors import Cancelled, SentenceError
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.sweeps.workshop import Workshop

RUNNERS = ("local", "ray")


@dataclass(frozen=True)
class Outcome:
    """How the work on a cell ended: ``made`` unless it failed with ``error`` or somebody else is at it."""

    cell: Cell
    made: bool
    error: SentenceError | None = None


class Crew(Protocol):
    """The workers of a runner that was opened; ``ahead`` more cells may be given to them while others are measured."""

    workers: int
    ahead: int

    def give(self, cell: Cell) -> None:
        """Hand a cell to a worker that is free."""
        ...

    def wait(self) -> list[Outcome]:
        """What has ended since; may be empty, and returns within a second if the work is done elsewhere."""
        ...


class Runner(Protocol):
    def open(self, workshop: Workshop, progress: SweepProgress) -> AbstractContextManager[Crew]:
        """Get workers ready; on leaving they are ended, and the cells they were at keep their finished parts.

        ``progress`` is the sweep's own: a cell that is made in this process reports to it, and its `cancel` stops it.
        """
        ...


class LocalRunner:
    """This process, one cell after the other."""

    def open(self, workshop: Workshop, progress: SweepProgress) -> AbstractContextManager[Crew]:
        return _LocalCrew(workshop, progress)


class _LocalCrew(AbstractContextManager):
    """While one clip is rendered, the one before is measured."""

    workers = 1
    ahead = 2

    def __init__(self, workshop: Workshop, progress: SweepProgress) -> None:
        self._workshop, self._progress = workshop, progress
        self._given: list[Cell] = []
        self._measuring: tuple[Cell, Future[None]] | None = None
        self._pool = ThreadPoolExecutor(1, "s2v_nb-measure")

    def give(self, cell: Cell) -> None:
        self._given.append(cell)

    def wait(self) -> list[Outcome]:
        if not self._given:
            return self._measured()
        cell = self._given.pop(0)
        try:
            rendered = self._workshop.render(cell, self._progress.of_cell())
        except Cancelled:
            raise
        except SentenceError as error:
            return [*self._measured(), Outcome(cell, made=False, error=error)]
        if rendered is None:
            return [*self._measured(), Outcome(cell, made=False)]
        try:
            outcomes = self._measured()
        except BaseException:
            rendered.claim.close()  # or it would count as being made as long as this process lives
            raise
        # costs nothing if another clip is rendered meanwhile
        self._measuring = cell, self._pool.submit(rendered.measure, beside=bool(self._given))
        return outcomes

    def _measured(self) -> list[Outcome]:
        """Wait until the clip that is being measured is."""
        if self._measuring is None:
            return []
        (cell, future), self._measuring = self._measuring, None
        try:
            future.result()
        except SentenceError as error:
            return [Outcome(cell, made=False, error=error)]
        return [Outcome(cell, made=True)]

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
