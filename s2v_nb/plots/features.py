"""Plots of single features of a song: its tempo, the onsets of its bars, its bands."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from s2v_nb.plots.style import (
    BAND_COLORS,
    BLUE,
    SKY,
    VERMILION,
    beat_blocks,
    legend,
    legible_lines,
    plain,
    say_empty,
    section_color,
    stack,
    thinned,
    tidy,
)
from s2v_nb.rhythm import Phrase, Rhythm

LEAD = 0.25  # beats of the bar before that a row of the onset map begins with
LETTER_HEIGHT = 0.02  # of the axes: a lower phrase gets no letter
CELLS = 24  # columns a beat of the onset map: 21 ms at 120 BPM, about two points of the onset curve
ROW_HEIGHT, TALLEST = 0.2, 7.5  # inches
LEAST_BPM = 5.0  # above and below the tempo that are shown at least: a steady tempo must look so
SHADES = {1.0: "sure", 0.0: "in doubt"}
RIBBON = 0.46  # half the height of the fullest ribbon, in distances between ribbons


def plot_tempo(rhythm: Rhythm, *, ax: Axes | None = None) -> Axes:
    """Draw the tempo over time, a step a beat; the fill is the darker the surer the beat is, phrases stand behind."""
    ax = stack(None if ax is None else [ax], (2.0,))[0]
    tidy(ax)
    if len(rhythm.beats) < 2:
        return say_empty(ax, "too few beats for a tempo")
    curve = rhythm.tempo_curve
    low, high = _tempo_range(curve, rhythm.tempo)
    _phrases_behind(ax, rhythm.phrases)
    beat_blocks(ax, rhythm.beats, curve, low, facecolor=[_shade(sure) for sure in rhythm.confidence])
    ax.step(rhythm.beats, curve, where="mid", color=BLUE, linewidth=1.5, label="tempo")
    if rhythm.tempo:
        ax.axhline(rhythm.tempo, color=VERMILION, linestyle="--", linewidth=1.2, label=f"{rhythm.tempo:.1f} BPM")
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.set(xlabel="time (s)", ylabel="tempo (BPM)", xlim=(0, rhythm.duration), ylim=(low, high))
    handles, _ = ax.get_legend_handles_labels()
    handles += [Patch(color=_shade(sure), label=name) for sure, name in SHADES.items()]
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.005, 1.02), frameon=False, fontsize=8,
              handlelength=1.4)  # fmt: skip
    return ax


def _shade(sure: float) -> tuple[float, ...]:
    return to_rgba(BLUE, 0.08 + 0.5 * float(sure))


def _tempo_range(curve: np.ndarray, tempo: float | None) -> tuple[float, float]:
    """Limits in BPM that hold the curve and the tempo."""
    values = np.append(curve, tempo or curve[:1])
    low, high = float(values.min()), float(values.max())
    spare = max(LEAST_BPM, 0.12 * (high - low))
    return max(0.0, low - spare), high + spare


def _phrases_behind(ax: Axes, phrases: tuple[Phrase, ...]) -> None:
    labels = [phrase.label for phrase in phrases]
    for phrase in phrases:
        ax.axvspan(phrase.start, phrase.end, color=section_color(phrase.label, labels), alpha=0.13, linewidth=0,
                   zorder=-1)  # fmt: skip
        ax.text((phrase.start + phrase.end) / 2, 0.97, plain(phrase.label, 4), ha="center", va="top", fontsize=8,
                transform=ax.get_xaxis_transform(), clip_on=True)  # fmt: skip


def plot_onset_map(rhythm: Rhythm, *, ax: Axes | None = None) -> Axes:
    """Draw the onset strength bar by bar: a row a bar, the first on top, the place in the bar across.

    What every bar repeats stands in columns. Rows begin a quarter of a beat early, so that the first beat is seen
    whole. A bar with more or fewer beats than the metre is stretched to the length of the others and marked.
    """
    bars = _bars(rhythm)
    if ax is None:
        ax = stack(None, (onset_map_height(rhythm),))[0]
    if not bars or not len(rhythm.times):
        return say_empty(ax, "no whole bar was found")
    metre, count = rhythm.metre, len(bars)
    at = np.arange(-LEAD, metre - LEAD, 1 / CELLS)
    rows = np.stack([_curve_at(rhythm, _seconds(bar, metre, at)) for bar in bars])
    left, right = 1 - LEAD, metre + 1 - LEAD
    image = ax.imshow(rows, cmap="magma", vmin=0, vmax=1, aspect="auto", interpolation="nearest",
                      extent=(left, right, count + 0.5, 0.5))  # fmt: skip
    ax.set_facecolor("0.8")  # shows where the song has not begun or is over
    ax.vlines(np.arange(metre) + 1, 0.5, count + 0.5, color="white", linewidth=0.8, alpha=0.55)
    odd = [row for row, bar in enumerate(bars, 1) if len(bar) - 1 != metre]
    if odd:
        ax.plot([left + 0.02] * len(odd), odd, ">", color=SKY, markersize=6, clip_on=False,
                label=f"bar of more or fewer than {metre} beats")  # fmt: skip
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8, handlelength=1.0)
    ax.set(xlabel="place in the bar (beats)", ylabel="bar", xticks=np.arange(metre) + 1, xlim=(left, right))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, steps=[1, 2, 4, 5, 8, 10]))
    ax.set_ylim(count + 0.5, 0.5)
    _sections_beside(ax, rhythm.phrases, np.array([bar[:-1].mean() for bar in bars]))
    ax.figure.colorbar(image, ax=ax, label="onset strength", shrink=max(0.3, min(1.0, 14 / count)), aspect=16, pad=0.02)
    return ax


def onset_map_height(rhythm: Rhythm) -> float:
    """Inches in which the rows of the onset map are easy to tell apart, or as many as a screen has."""
    return min(TALLEST, 1.1 + ROW_HEIGHT * max(4, len(_bars(rhythm))))


def _bars(rhythm: Rhythm) -> list[np.ndarray]:
    """The beats of every bar and the downbeat after it, in seconds; the last bar counts if it has all its beats."""
    places = np.searchsorted(rhythm.beats, rhythm.downbeats - 1e-3)
    bars = [rhythm.beats[a : b + 1] for a, b in pairwise(places)]
    last = rhythm.beats[places[-1] :] if len(places) else rhythm.beats[:0]
    if len(last) == rhythm.metre >= 2:
        bars.append(np.append(last, 2 * last[-1] - last[-2]))
    return bars


def _curve_at(rhythm: Rhythm, times: np.ndarray) -> np.ndarray:
    """The onset strength at ``times``; NaN before and after the song."""
    return np.interp(times, rhythm.times, rhythm.onset, left=np.nan, right=np.nan)


def _seconds(bar: np.ndarray, metre: int, at: np.ndarray) -> np.ndarray:
    """When a bar is ``at`` these places, in beats of a bar of ``metre``; before its first beat at the pace of that.

    A bar with all its beats is followed from beat to beat, another evenly from end to end.
    """
    marks = bar if len(bar) - 1 == metre else bar[[0, -1]]
    places = np.linspace(0, metre, len(marks))
    pace = (marks[1] - marks[0]) / places[1]
    return np.interp(at, np.append(-1, places), np.append(marks[0] - pace, marks))


def _sections_beside(ax: Axes, phrases: tuple[Phrase, ...], middles: np.ndarray) -> None:
    """The sections' letters at the right of the rows, whose bars lie around ``middles`` (seconds)."""
    if not phrases:
        return
    beside = ax.inset_axes((1.01, 0.0, 0.035, 1.0), sharey=ax)
    labels = [phrase.label for phrase in phrases]
    for phrase in phrases:
        rows = np.flatnonzero((middles >= phrase.start) & (middles < phrase.end))
        if not len(rows):
            continue
        top, count = rows[0] + 0.5, len(rows)
        color = section_color(phrase.label, labels)
        beside.add_patch(Rectangle((0, top), 1, count, facecolor=color, alpha=0.45, edgecolor="white", linewidth=1.2))
        if count >= LETTER_HEIGHT * len(middles):
            beside.text(0.5, top + count / 2, plain(phrase.label, 4), ha="center", va="center", fontsize=8)
        ax.axhline(top, color="white", linewidth=0.9, linestyle=":")
    beside.set(xlim=(0, 1), xticks=[])
    beside.tick_params(left=False, labelleft=False)
    beside.spines[:].set_visible(False)


def plot_ribbons(rhythm: Rhythm, *, ax: Axes | None = None) -> Axes:
    """Draw the energy of bass, mid and high as ribbons, the bass at the bottom; each is as wide as its energy."""
    ax = stack(None if ax is None else [ax], (2.4,))[0]
    names = list(rhythm.bands)
    for level, name in enumerate(names):
        times, curve = thinned(rhythm.times, rhythm.bands[name], np.mean)
        ax.fill_between(times, level - RIBBON * curve, level + RIBBON * curve, color=BAND_COLORS[name], linewidth=0.5,
                        zorder=2)  # fmt: skip
    note = legible_lines(ax, rhythm.beats[:0], rhythm.downbeats, rhythm.phrases)
    ax.set(xlabel="time (s)", ylabel="energy\n(of each one's maximum)", yticks=range(len(names)), yticklabels=names,
           xlim=(0, rhythm.duration), ylim=(-0.55, len(names) - 0.45))  # fmt: skip
    legend(ax, note)
    tidy(ax)
    return ax
