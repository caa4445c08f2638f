"""`SweepPlan`: what a person wants to compare, and what that will take; told without hearing the song."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.engines import Limits, get_engine
from s2v_nb.errors import InputError
from s2v_nb.settings import CONTROLS, PRESETS, Settings
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.grid import combinations

MOST_WEIGHTS = 7
DRAFT = PRESETS["quick"]
AXES = ("motion", "prompt_weight")  # rows, columns
NOWHERE = "not made {index}"  # no run is called so: a cell whose start is not known yet has no name


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """Motion values and prompt weights to be compared, on top of a person's settings.

    Parameters
    ----------
    motion : tuple of str
        Values of `Settings.motion`; in the order of the control, whichever is chosen first.
    low, high : float, 0.5 to 1.5
        The range of prompt weights.
    count : int, 1 to 7
        How many weights; a single one lies in the middle of the range.
    draft : bool
        Make them in the quality of the preset 'quick'.
    spend_cap : float
        Money; 0 is no cap.

    Raises
    ------
    InputError
        If a value is out of its bounds. No motion at all is no error yet: a person may be changing her mind.
    """

    motion: tuple[str, ...] = ("low", "medium", "high")
    low: float = 0.5
    high: float = 1.5
    count: int = 3
    draft: bool = True
    spend_cap: float = 0.0

    def __post_init__(self) -> None:
        for value in self.motion:
            CONTROLS["motion"].check("motion", value)
        for weight in (self.low, self.high):
            CONTROLS["prompt_weight"].check("prompt_weight", weight)
        if self.low > self.high or not 1 <= self.count <= MOST_WEIGHTS:
            raise InputError("studio.sweep.weights", low=self.low, high=self.high, count=self.count, most=MOST_WEIGHTS)
        order = CONTROLS["motion"].options  # type: ignore[union-attr]
        object.__setattr__(self, "motion", tuple(value for value in order if value in self.motion))

    @property
    def weights(self) -> tuple[float, ...]:
        """The prompt weights, from low to high, each once.

        Examples
        --------
        >>> SweepPlan(low=0.5, high=1.5, count=3).weights
        (0.5, 1.0, 1.5)
        """
        if self.count == 1:
            return (round((self.low + self.high) / 2, 2),)
        return tuple(dict.fromkeys(np.linspace(self.low, self.high, self.count).round(2).tolist()))

    @property
    def axes(self) -> dict[str, tuple]:
        """As `Sweep` takes them: rows, then columns."""
        return {"motion": self.motion, "prompt_weight": self.weights}

    def base(self, settings: Settings) -> Settings:
        """What all cells share."""
        return settings.but(**DRAFT) if self.draft else settings

    def name(self, settings: Settings, *heard: Any) -> str:
        """12 hex digits over everything that is asked for; ``heard`` is what names picture, song and beat."""
        what = [asdict(self.base(settings)), self.axes, heard]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]

    def cells(self, settings: Settings, runs: Path, limits: Limits | None = None) -> tuple[Cell, ...]:
        """The cells, none of them made; empty if there is no motion. ``limits`` of each clip decide what 'auto' is."""
        base = self.base(settings)
        return unmade_cells(self.axes, base.but(engine=get_engine(base.engine, base, limits).name), runs)


def checked_axes(axes: Any) -> dict[str, list]:
    """Rows and columns as a file has them; empty if they are none."""
    with suppress(InputError, LookupError, TypeError):
        for name in AXES:
            for value in axes[name]:
                CONTROLS[name].check(name, value)
        return {name: list(axes[name]) for name in AXES}
    return {}


def unmade_cells(axes: Mapping[str, Sequence[Any]], base: Settings, runs: Path) -> tuple[Cell, ...]:
    """Every combination as a cell that waits."""
    return tuple(
        Cell(index, values, base.but(**values), runs / NOWHERE.format(index=index))
        for index, values in enumerate(combinations({name: tuple(some) for name, some in axes.items()}))
    )
