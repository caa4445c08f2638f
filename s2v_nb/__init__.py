"""One picture and one song become a beat-synchronised cinematic clip.

The names below are the whole public API of a notebook. They are loaded on first use, so that
``import s2v_nb`` costs next to nothing and no audio, video or model library is imported before it is needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "AlignmentReport": "s2v_nb.alignment",
    "Audio": "s2v_nb.media",
    "Clip": "s2v_nb.runs",
    "Corrections": "s2v_nb.rhythm",
    "Image": "s2v_nb.media",
    "InputError": "s2v_nb.errors",
    "Progress": "s2v_nb.progress",
    "Rhythm": "s2v_nb.rhythm",
    "Series": "s2v_nb.sweeps",
    "Settings": "s2v_nb.settings",
    "Sweep": "s2v_nb.sweeps",
    "Workspace": "s2v_nb.workspace",
    "analyze": "s2v_nb.rhythm",
    "best_excerpts": "s2v_nb.rhythm",
    "click_track": "s2v_nb.rhythm",
    "contact_sheet": "s2v_nb.plots",
    "emphasised": "s2v_nb.media.preparation",
    "generate": "s2v_nb.runs",
    "load_audio": "s2v_nb.media",
    "load_image": "s2v_nb.media",
    "measure_alignment": "s2v_nb.alignment",
    "plot_alignment": "s2v_nb.plots",
    "plot_beats": "s2v_nb.plots",
    "plot_dashboard": "s2v_nb.plots",
    "plot_heat_maps": "s2v_nb.plots",
    "plot_lags": "s2v_nb.plots",
    "plot_onset_map": "s2v_nb.plots",
    "plot_phase_rose": "s2v_nb.plots",
    "plot_ribbons": "s2v_nb.plots",
    "plot_scores": "s2v_nb.plots",
    "plot_sweep_curves": "s2v_nb.plots",
    "plot_tempo": "s2v_nb.plots",
    "replay": "s2v_nb.runs",
    "sample_audio": "s2v_nb.samples",
    "sample_image": "s2v_nb.samples",
    "save_report": "s2v_nb.plots",
    "save_sweep_page": "s2v_nb.plots",
    "studio": "s2v_nb.widgets.studio",
    "suggest_durations": "s2v_nb.rhythm",
}
__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from s2v_nb.alignment import AlignmentReport, measure_alignment
    from s2v_nb.errors import InputError
    from s2v_nb.media import Audio, Image, load_audio, load_image
    from s2v_nb.media.preparation import emphasised
    from s2v_nb.plots import (
        contact_sheet,
        plot_alignment,
        plot_beats,
        plot_dashboard,
        plot_heat_maps,
        plot_lags,
        plot_onset_map,
        plot_phase_rose,
        plot_ribbons,
        plot_scores,
        plot_sweep_curves,
        plot_tempo,
        save_report,
        save_sweep_page,
    )
    from s2v_nb.progress import Progress
    from s2v_nb.rhythm import Corrections, Rhythm, analyze, best_excerpts, click_track, suggest_durations
    from s2v_nb.runs import Clip, generate, replay
    from s2v_nb.samples import sample_audio, sample_image
    from s2v_nb.settings import Settings
    from s2v_nb.sweeps import Series, Sweep
    from s2v_nb.widgets.studio import studio
    from s2v_nb.workspace import Workspace


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 's2v_nb' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
