"""Plots: each takes data and ``ax`` and returns the axes; `save` writes a figure without opening a window."""

from s2v_nb.plots.alignment import plot_alignment, plot_dashboard, plot_lags, plot_phase_rose, plot_scores
from s2v_nb.plots.beats import plot_beats
from s2v_nb.plots.features import plot_onset_map, plot_ribbons, plot_tempo
from s2v_nb.plots.report import save_report
from s2v_nb.plots.sheet import contact_sheet
from s2v_nb.plots.style import save
from s2v_nb.plots.sweep import plot_heat_maps, plot_sweep_curves
from s2v_nb.plots.sweep_page import save_sweep_page

__all__ = [
    "contact_sheet",
    "plot_alignment",
    "plot_beats",
    "plot_dashboard",
    "plot_heat_maps",
    "plot_lags",
    "plot_onset_map",
    "plot_phase_rose",
    "plot_ribbons",
    "plot_scores",
    "plot_sweep_curves",
    "plot_tempo",
    "save",
    "save_report",
    "save_sweep_page",
]
