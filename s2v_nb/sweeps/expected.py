"""What the missing cells of a sweep will take: from the engine's plan, corrected by the cells that are there."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s2v_nb.engines.estimate import estimate
from s2v_nb.errors import InputError, say
from s2v_nb.session import disk
from s2v_nb.settings import Settings
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.progress import clock

BYTES_PER_PIXEL = 0.03  # of a finished clip, measured over our prompts (grain at the top); corrected by what is there
SPARE_BYTES = 200 * 2**20  # a disk is never filled to its brim
PARTS_FACTOR = 2  # while a clip is joined its parts are still there


@dataclass(frozen=True)
class SweepEstimate:
    """What a sweep has and what is still to come.

    ``seconds`` are one worker's, ``money`` is 0 without a price; ``disk_bytes`` are needed, ``free_bytes`` there.
    ``measured`` says that the figures rest on cells of this sweep, or clips made on this machine.
    """

    cells: int
    done: int
    failed: int
    seconds: float
    money: float
    disk_bytes: int
    free_bytes: int
    measured: bool

    @property
    def missing(self) -> int:
        return self.cells - self.done - self.failed

    def sentence(self, lang: str | None = None) -> str:
        """All of it in plain words."""
        values = {
            "cells": self.cells, "done": self.done, "time": clock(self.seconds), "disk": self.disk_bytes / 2**20,
            "free": self.free_bytes / 2**30,
        }  # fmt: skip
        text = say("sweep.expected" if self.missing else "sweep.nothing_missing", lang, **values)
        text += say("sweep.expected_failed", lang, failed=self.failed) if self.failed else ""
        return text + (say("sweep.expected_money", lang, money=self.money) if self.money and self.missing else "")

    def __str__(self) -> str:
        return self.sentence()

    def check_disk(self, folder: Path) -> None:
        """InputError if the disk has too little room."""
        if self.missing and self.disk_bytes + SPARE_BYTES > self.free_bytes:
            needs, has = (self.disk_bytes + SPARE_BYTES) / 2**20, self.free_bytes / 2**20
            raise InputError("sweep.disk", name=str(folder), needs=needs, has=has)


def expected(cells: Sequence[Cell], price_per_hour: float, folder: Path, *, like: Sequence[Cell] = ()) -> SweepEstimate:
    """What the cells that are not there will take on this machine, one after the other.

    ``like`` are cells of other sweeps; what they took counts, too.
    """
    cells = list({cell.name: cell for cell in cells}.values())  # two that compute the same are made once
    states = [cell.state for cell in cells]
    missing = [cell for cell, state in zip(cells, states, strict=True) if state in ("waiting", "running")]
    pace = Pace([*cells, *like])
    seconds = sum(pace.seconds(cell.settings) * (1 - cell.fraction) for cell in missing)
    needed = sum(pace.bytes(cell.settings) for cell in missing) if missing else 0.0
    largest = max((pace.bytes(cell.settings) for cell in missing), default=0.0)
    return SweepEstimate(
        cells=len(cells),
        done=states.count("done"),
        failed=states.count("failed"),
        seconds=seconds,
        money=seconds * price_per_hour / 3600,
        disk_bytes=round(needed + (PARTS_FACTOR - 1) * largest),
        free_bytes=disk(folder).free,
        measured=pace.measured,
    )


class Pace:
    """How long cells take here and how large they are, as far as finished ones show."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._said: dict[Settings, float] = {}
        self._ratios: dict[str, list[float]] = {}
        self._densities: list[float] = []
        self._known = bool(cells) and estimate(cells[0].settings).measured
        for cell in cells:
            self.learn(cell)

    def learn(self, cell: Cell) -> None:
        """Take what a finished cell took into account."""
        result = cell.result
        if size := result.get("file_bytes"):
            self._densities.append(size / _pixels(cell.settings))
        if took := result.get("seconds"):
            ratio = took / self._engine_says(cell.settings)
            self._ratios.setdefault(cell.settings.engine, []).append(ratio)

    @property
    def measured(self) -> bool:
        return bool(self._ratios) or self._known

    def seconds(self, settings: Settings) -> float:
        """To make one cell, its measuring included."""
        ratios = self._ratios.get(settings.engine)
        return self._engine_says(settings) * (statistics.median(ratios) if ratios else 1.0)

    def bytes(self, settings: Settings) -> float:
        return _pixels(settings) * (statistics.median(self._densities) if self._densities else BYTES_PER_PIXEL)

    def _engine_says(self, settings: Settings) -> float:
        if settings not in self._said:
            self._said[settings] = estimate(settings).seconds
        return self._said[settings]


def _pixels(settings: Settings) -> float:
    width, height = settings.size
    return float(width * height * settings.num_frames)
