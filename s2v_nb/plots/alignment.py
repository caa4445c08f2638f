"""The alignment plots: music beats against visual events, over time, by lag, by phase and in figures."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from s2v_nb.alignment import AlignmentReport
from s2v_nb.alignment.measures import near_beats, signed_lags
from s2v_nb.alignment.report import NAMES, PLURALS, EventScores
from s2v_nb.plots.style import BLUE, GREEN, GREY, ORANGE, VERMILION, WIDTH, beat_lines, legend, stack, tidy
from s2v_nb.rhythm.types import beat_phase

HEARD_EARLY_MS, HEARD_LATE_MS = -125, 45  # ITU-R BT.1359: picture this early or late goes unnoticed
PETALS = 24  # of the phase rose: one is 20 ms at 125 BPM
MEASURE_NAMES = {
    "r": "phase locking R, beat",
    "r_half": "phase locking R, half beat",
    "r_bar": "phase locking R, bar",
    "precision": "events that meet a beat (70 ms)",
    "recall": "beats that are met (70 ms)",
    "f": "F of the two",
    "aist_motion": "AIST++ beat alignment",
    "aist_music": "the same, from the beats",
    "av_align": "AV-Align (one frame)",
}


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
    signals = report.signals
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
    plot_lags(report, ax=lags)
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


def plot_lags(report: AlignmentReport, *, ax: Axes | None = None) -> Axes:
    """Draw how far the headline's events are from their beats, in ms, between half a beat before and after.

    The shaded span is what goes unnoticed between sound and picture (ITU-R BT.1359).
    """
    ax = stack(None if ax is None else [ax], (2.4,))[0]
    tidy(ax)
    kind = report.headline
    if kind is None:
        return _empty(ax)
    beats = report.rhythm.beats
    lag_ms = signed_lags(near_beats(report.events[kind], beats), beats) * 1000
    half_beat = float(np.median(np.diff(beats))) * 500
    reach = min(half_beat, max(100.0, 1.2 * float(np.abs(lag_ms).max())))
    ax.axvspan(max(-reach, HEARD_EARLY_MS), min(reach, HEARD_LATE_MS), color=GREEN, alpha=0.13, zorder=0,
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
    return ax


def plot_phase_rose(report: AlignmentReport, *, ax: Axes | None = None) -> Axes:
    """Draw where in the beat the headline's events fall: a clock whose hand goes round once a beat, 0 at the top.

    The area of a petal is its share of the events. The arrow is the mean vector, whose length is R (the rim is 1); the
    dashed circle is the R that permuted motion has.

    Parameters
    ----------
    report : AlignmentReport
    ax : polar axes, optional

    Raises
    ------
    ValueError
        If ``ax`` is not polar.
    """
    ax = _new_axes((5.2, 4.2), projection="polar") if ax is None else ax
    if not isinstance(ax, PolarAxes):
        raise ValueError(f"ax is {ax.name}, but the rose needs plt.subplots(subplot_kw={{'projection': 'polar'}})")
    if report.headline is None:
        return _empty(ax)
    scores, beats = report.scores[report.headline], report.rhythm.beats
    phase = beat_phase(near_beats(report.events[report.headline], beats), beats)
    petal = np.bincount(np.round(phase * PETALS).astype(int) % PETALS, minlength=PETALS)
    angle = 2 * np.pi * np.arange(PETALS) / PETALS
    ax.bar(angle, np.sqrt(petal / petal.max()), 2 * np.pi / PETALS, color=BLUE, alpha=0.75, edgecolor="white",
           linewidth=0.6, label=PLURALS[report.headline])  # fmt: skip
    round_angle = np.linspace(0, 2 * np.pi, 181)
    ax.plot(round_angle, np.full(181, scores.chance_r), "--", color=GREY, linewidth=1.3,
            label=f"R by chance, {scores.chance_r:.2f}")  # fmt: skip
    mean = np.exp(2j * np.pi * phase).mean()
    ax.plot(
        [0, np.angle(mean)], [0, abs(mean)], color=VERMILION, linewidth=2.2, label=f"R of this clip, {scores.r:.2f}"
    )
    ax.plot(np.angle(mean), abs(mean), "o", color=VERMILION, markersize=6)
    _clock_face(ax)
    return ax


def _new_axes(size: tuple[float, float], **kind: str) -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained", subplot_kw=kind)[1]


def _clock_face(ax: PolarAxes) -> None:
    ax.set_theta_zero_location("N")
    ax.set_theta_direction(-1)
    ax.set_xticks(np.arange(4) * np.pi / 2, ["on the beat", "¼ after", "½ beat", "¼ before"], fontsize=9)
    for label, side in zip(ax.get_xticklabels(), ("center", "left", "center", "right"), strict=True):
        label.set(horizontalalignment=side)
    ax.tick_params(axis="x", pad=1)
    ax.set_yticks([0.5, 1.0], ["", ""])
    ax.set_ylim(0, 1.04)
    ax.grid(color="0.85", linewidth=0.7)
    ax.set_axisbelow(True)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False, fontsize=8,
              handlelength=1.4)  # fmt: skip


def plot_scores(report: AlignmentReport, *, ax: Axes | None = None) -> Axes:
    """Write a table of every measure of the headline's events: what it is, of this clip, by chance.

    By chance is the mean over permuted motion; the last rows are the shares of permutations and of other songs that
    fit as well.
    """
    ax = _new_axes((5.6, 3.8)) if ax is None else ax
    if report.headline is None:
        return _empty(ax)
    ax.set_axis_off()
    rows = _score_rows(report.scores[report.headline])
    heads = (f"{report.scores[report.headline].events} {PLURALS[report.headline]}", "this clip", "by chance")
    cells = ax.table(rows, colLabels=heads, colWidths=(0.54, 0.21, 0.25), cellLoc="right", colLoc="right",
                     edges="horizontal", bbox=Bbox.unit())  # fmt: skip
    cells.auto_set_font_size(False)
    cells.set_fontsize(9)
    for (row, column), cell in cells.get_celld().items():
        cell.set_edgecolor("0.85")
        if row == 0:
            cell.set_text_props(weight="bold")
        if column == 0:
            cell.PAD = 0.02
            cell.set_text_props(horizontalalignment="left")
        if column == 2:
            cell.set_text_props(color=GREY)
    return ax


def _score_rows(s: EventScores) -> list[tuple[str, str, str]]:
    def figure(name: str) -> str:
        value = getattr(s, name)
        return "-" if value is None else f"{value:.2f}"

    return [
        ("lag, median (ms)", f"{s.lag_ms:+.1f}", ""),
        ("lag, quartiles (ms)", f"{s.lag_low_ms:+.1f}, {s.lag_high_ms:+.1f}", ""),
        *((words, figure(name), figure(f"chance_{name}")) for name, words in MEASURE_NAMES.items()),
        ("p, of permutations", f"{s.p:.4f}", ""),
        ("p_songs, of other songs", f"{s.p_songs:.3f}", ""),
    ]


def plot_dashboard(report: AlignmentReport) -> list[Axes]:
    """Draw all there is to see of a report on one figure of a notebook's width.

    Returns
    -------
    list of five Axes
        Motion, brightness, lags, phase rose, table.
    """
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(WIDTH, 9.0), layout="constrained")
    grid = figure.add_gridspec(4, 9, height_ratios=(1.7, 1.3, 1.8, 3.8))
    light = figure.add_subplot(grid[1, :])
    motion = figure.add_subplot(grid[0, :], sharex=light)
    motion.tick_params(labelbottom=False)
    over_time = plot_alignment(report, ax=[motion, light, figure.add_subplot(grid[2, :])])
    figure.align_ylabels(over_time)
    rose = plot_phase_rose(report, ax=figure.add_subplot(grid[3, :4], projection="polar"))
    return [*over_time, rose, plot_scores(report, ax=figure.add_subplot(grid[3, 4:]))]


def _empty(ax: Axes) -> Axes:
    ax.text(0.5, 0.5, "too few visual events to measure", ha="center", va="center", color=GREY,
            transform=ax.transAxes)  # fmt: skip
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def _title(report: AlignmentReport) -> str:
    if report.headline is None:
        return f"{report.verdict}: too few visual events, or no beat in the music"
    s = report.scores[report.headline]
    return (
        f"{report.verdict}: {s.events} {PLURALS[report.headline]}, lag {s.lag_ms:+.1f} ms, "
        f"R {s.r:.2f} (chance {s.chance_r:.2f}), F {s.f:.2f} (chance {s.chance_f:.2f}), p {s.p:.4f}"
    )
