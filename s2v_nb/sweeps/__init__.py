"""Many clips as one object: sweeps over settings, series over pictures and songs; resumable, on one machine or many."""

from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.series import Series
from s2v_nb.sweeps.sweep import Sweep

__all__ = ["Cell", "Series", "Sweep"]
