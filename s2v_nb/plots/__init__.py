"""Plots: each takes data and ``ax`` and returns the axes; `save` writes a figure without opening a window."""

from s2v_nb.plots.alignment import plot_alignment
from s2v_nb.plots.beats import plot_beats
from s2v_nb.plots.style import save

__all__ = ["plot_alignment", "plot_beats", "save"]
