"""Cells that need not be made: what lies on both sides of them is clearly worse than the best, and not cheaper."""

from typing import TYPE_CHECKING

from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.grid import Values
from s2v_nb.sweeps.table import score_of

if TYPE_CHECKING:
    from s2v_nb.sweeps.batch import Batch

CLEARLY = 0.15  # of phase locking beyond chance; cells that differ by seed alone differ by up to about 0.1
ORDERED = ("motion", "prompt_weight", "duration", "start", "fps")  # what lies between two values is between them
AS_DEAR = 0.9  # of the best cell's seconds


def is_dominated(cell: Cell, sweep: "Batch") -> bool:
    """Whether the nearest measured cells on both sides, along one axis of the grid, are worse than the best cell.

    Worse is to keep time less well by `CLEARLY`, without taking less time than `AS_DEAR` of it. Cells of a list have
    no neighbours and are never dominated.
    """
    measured = {other.index: score for other in sweep.cells if (score := score_of(other)) is not None}
    if not measured:
        return False
    best = max(measured, key=lambda index: measured[index])
    return any(
        len(sides) == 2 and all(_is_worse(sweep.cells[side], sweep.cells[best], measured) for side in sides)
        for sides in (_sides(cell, name, sweep, measured) for name in sweep.axes if name in ORDERED)
    )


def _sides(cell: Cell, axis: str, sweep: "Batch", measured: dict[int, float]) -> list[int]:
    """The nearest measured cells that differ along this axis only, one on each side at most."""
    values = sweep.axes[axis]
    at = values.index(cell.values[axis])
    line = {values.index(other.values[axis]): other.index for other in sweep.cells
            if _others(other.values, axis) == _others(cell.values, axis) and other.index in measured}  # fmt: skip
    below = [line[place] for place in sorted(line, reverse=True) if place < at][:1]
    above = [line[place] for place in sorted(line) if place > at][:1]
    return below + above


def _others(values: Values, axis: str) -> Values:
    return {name: value for name, value in values.items() if name != axis}


def _is_worse(cell: Cell, best: Cell, measured: dict[int, float]) -> bool:
    seconds, least = cell.result.get("seconds"), best.result.get("seconds")
    dear = seconds is None or least is None or seconds >= AS_DEAR * least
    return dear and measured[cell.index] < measured[best.index] - CLEARLY
