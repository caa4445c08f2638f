"""Cells without rendering: a stand-in for the workers, which writes what a real one leaves on disk."""

import json
import time
from contextlib import AbstractContextManager
from pathlib import Path

from s2v_nb.errors import GenerationError
from s2v_nb.sweeps.cell import Cell, write_result
from s2v_nb.sweeps.claim import Claim, here
from s2v_nb.sweeps.runner import Outcome


def box(kind: bytes, payload: bytes = b"") -> bytes:
    """A box of an MP4 (ISO 14496-12, section 4.2)."""
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


TINY_MP4 = (
    box(b"ftyp", b"isom") + box(b"moov") + box(b"mdat", b"a picture that says nothing")
)  # whole by its boxes, though empty


def fill(cell: Cell, *, r: float = 0.9, seconds: float = 2.0, price: float = 0.0, lag: float = 3.0) -> None:
    """Leave a finished cell."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    cell.path.write_bytes(TINY_MP4)
    scores = {"r": r, "chance_r": 0.3, "lag_ms": lag, "f": 1.0, "p": 0.001, "events": 10, "precision": 0.9}
    write_result(cell.folder, {
        "seconds": seconds, "money": seconds * price / 3600, "peak_memory_bytes": 2**28, "gpu_peak_bytes": 0,
        "file_bytes": len(TINY_MP4), "motion_energy": 0.05, "curves": {}, "notes": [],
        "alignment": {"verdict": "in time", "headline": "stops", "scores": {"stops": scores}},
    })  # fmt: skip


def leave_dead_claim(folder: Path) -> None:
    """What a killed process leaves that had the folder."""
    dead = Claim(here(), 2**22 - 1, "1", "dead", time.time())  # no process has this number
    (folder / "claim.json").write_text(json.dumps(vars(dead)))


class FakeRunner:
    """Workers that do what ``act(cell)`` does: fill the cell, or raise; ``made`` keeps the order."""

    def __init__(self, act=fill, workers: int = 1, ahead: int = 0) -> None:
        self.act, self.workers, self.ahead = act, workers, ahead
        self.made: list[Cell] = []

    def open(self, workshop, progress) -> AbstractContextManager:
        return _FakeCrew(self)


class _FakeCrew(AbstractContextManager):
    def __init__(self, runner: FakeRunner) -> None:
        self.runner, self.workers, self.ahead = runner, runner.workers, runner.ahead
        self.given: list[Cell] = []

    def give(self, cell: Cell) -> None:
        self.given.append(cell)

    def wait(self) -> list[Outcome]:
        outcomes, given, self.given = [], self.given, []
        for cell in given:
            self.runner.made.append(cell)
            try:
                self.runner.act(cell)
                outcomes.append(Outcome(cell, made=True))
            except GenerationError as error:
                cell.attempts.begun(0.0).failed(error)
                outcomes.append(Outcome(cell, made=False, error=error))
        return outcomes

    def __exit__(self, *_: object) -> None:
        """Nobody is left behind."""


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
