"""The alignment plot: music beats against visual events."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from s2v_nb.alignment import AlignmentReport
from s2v_nb.alignment.measures import near_beats, signed_lags
from s2v_nb.alignment.report import NAMES, PLURALS
from s2v_nb.plots.style import BLUE, GREY, ORANGE, VERMILION, beat_lines, legend, stack, tidy

HEARD_EARLY_MS, HEARD_LATE_MS = -125, 45  # ITU-R BT.1359: picture this early or late goes unnoticed


def plot_alignment(report: AlignmentReport, *, ax: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw motion and brightness of a clip with its music's beats, and how far each event is from its beat.

    Parameters
    ----------
    report : AlignmentReport
    ax : three axes, optional
        For motion, brightness and lags.

    Returns
    -------
    list of three Axes
    """
    motion, light, lags = axes = _axes(ax)
    signals, kind = report.signals, report.headline or "stops"
    motion.plot(signals.times, signals.motion, color=BLUE, linewidth=1.2, label="motion")
    top = max(float(signals.motion.max(initial=0)), 0.05) * 1.18
    motion.set(ylabel="motion\n(heights/s)", ylim=(0, top), xlim=(0, signals.duration))
    light.plot(signals.times, signals.brightness * 100, color=ORANGE, linewidth=1.2, label="brightness")
    light.set(ylabel="brightness (%)", xlabel="time (s)", xlim=(0, signals.duration), ylim=_range(signals.brightness))
    _mark(motion, report.events["stops"], "visual stop", marker="v")
    _mark(light, report.events["flashes"], "flash", marker="|")
    for each in (motion, light):
        beat_lines(each, report.rhythm.beats, report.rhythm.downbeats)
        legend(each)
        tidy(each)
    _lag_histogram(lags, report, kind)
    motion.set_title(_title(report), loc="left", fontsize=10)
    return axes


def _axes(ax: Sequence[Axes] | None) -> list[Axes]:
    axes = stack(ax, (1.7, 1.3, 1.8), share_x=False)
    if ax is None:
        axes[0].sharex(axes[1])
        axes[0].tick_params(labelbottom=False)
    return axes


def _range(brightness: np.ndarray) -> tuple[float, float]:
    """Limits in percent, never under 4 % apart: what does not change must look so."""
    low, high = float(brightness.min()) * 100, float(brightness.max()) * 100
    spare = max(0.08 * (high - low), (4 - (high - low)) / 2)
    return low - spare, high + spare


def _mark(ax: Axes, events: np.ndarray, label: str, *, marker: str) -> None:
    """Marks along the top edge."""
    if not len(events):  # matplotlib would reserve space for an empty line in the figure's corner
        return
    ax.plot(events, np.full(len(events), 0.97), marker, color="black", markersize=5, label=label,
            transform=ax.get_xaxis_transform(), clip_on=False)  # fmt: skip


def _lag_histogram(ax: Axes, report: AlignmentReport, kind: str) -> None:
    """Signed lags of the headline events, between half a beat before and after."""
    tidy(ax)
    if kind not in report.scores:
        ax.text(0.5, 0.5, "too few visual events to measure", ha="center", va="center", color=GREY,
                transform=ax.transAxes)  # fmt: skip
        ax.set(xticks=[], yticks=[])
        return
    beats = report.rhythm.beats
    lag_ms = signed_lags(near_beats(report.events[kind], beats), beats) * 1000
    half_beat = float(np.median(np.diff(beats))) * 500
    reach = min(half_beat, max(100.0, 1.2 * float(np.abs(lag_ms).max())))
    ax.axvspan(max(-reach, HEARD_EARLY_MS), min(reach, HEARD_LATE_MS), color="#009E73", alpha=0.13, zorder=0,
               label="unnoticed\n(BT.1359)")  # fmt: skip
    ax.axvline(0, color=GREY, linewidth=1, zorder=1)
    ax.hist(
        lag_ms,
        bins=np.linspace(-reach, reach, 61).tolist(),
        color=BLUE,
        zorder=2,
        label=PLURALS[kind],
        edgecolor="white",
        linewidth=0.4,
    )
    ax.axvline(report.scores[kind].lag_ms, color=VERMILION, linestyle="--", linewidth=1.6, zorder=3, label="median")
    ax.set(xlabel=f"{NAMES[kind]} after its beat (ms; negative = before)", ylabel="events", xlim=(-reach, reach))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    legend(ax)


def _title(report: AlignmentReport) -> str:
    if report.headline is None:
        return f"{report.verdict}: too few visual events, or no beat in the music"
    s = report.scores[report.headline]
    return (
        f"{report.verdict}: {s.events} {PLURALS[report.headline]}, lag {s.lag_ms:+.0f} ms, "
        f"R {s.r:.2f} (chance {s.chance_r:.2f}), F {s.f:.2f} (chance {s.chance_f:.2f}), p {s.p:.4f}"
    )
