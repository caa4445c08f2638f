"""Plots of a sweep: heat maps over what was swept, and the motion of every clip with its beats.

Words are in the person's language where this machine has the letters for it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from s2v_nb.errors import say
from s2v_nb.plots.arrangement import Arrangement, arranged, joined, setting_word, value_word, varied_axes
from s2v_nb.plots.lettering import drawn_language, wrapped
from s2v_nb.plots.style import BEAT, BLUE, DOWNBEAT, GREY, WIDTH, beat_lines, text_style, tidy
from s2v_nb.sweeps.batch import Batch
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.table import headline, score_of

MAP = "viridis"  # even to the eye, and safe for all common kinds of colour sight
LIKELY_SCORE = 0.5  # R beyond chance of a clip in perfect time, at usual event counts
WIDE = 6  # columns; wider maps stand below one another
MOST_NUMBERS = 22  # rows or columns whose squares hold a number
MOST_TICKS = 24
TALLEST_MAP = 4.5  # inches
MISSING: dict[str, Any] = {"facecolor": "0.96", "edgecolor": "0.7", "hatch": "////", "linewidth": 0}
UNMEASURED: dict[str, Any] = {"facecolor": "0.88", "linewidth": 0}
SMALL: dict[str, Any] = {"fontsize": 7}
CURVES_ACROSS = 4  # where nothing asks for rows and columns
HEADROOM = 1.45  # above the highest motion, for marks and R


@dataclass(frozen=True)
class Panels:
    """The axes a plot of a sweep draws on, in rows and columns, and the height of a figure for them in inches."""

    rows: int
    columns: int
    height: float


# --- heat maps


@dataclass(frozen=True, eq=False)
class HeatMap:
    """``values`` (row, column), NaN where there are none; ``made`` says where clips are."""

    key: str
    values: np.ndarray
    made: np.ndarray

    @property
    def limits(self) -> tuple[float, float]:
        """From 0, so that what hardly differs looks so."""
        found = self.values[np.isfinite(self.values)]
        usual = LIKELY_SCORE if self.key == "score" else 1e-9
        return min(0.0, found.min(initial=0.0)), max(usual, found.max(initial=0.0))

    def number(self, value: float) -> str:
        """With two digits of the largest value."""
        top = float(np.nanmax(np.abs(self.values)))
        decimals = 2 if self.key == "score" or top == 0 else max(0, 1 - math.floor(math.log10(top)))
        return f"{value:.{decimals}f}"


def plot_heat_maps(sweep: Batch, *, ax: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw how the clips of a sweep keep time, move, and what they took, over its first two settings that vary.

    Further settings are averaged, which the titles say. Squares without a clip are hatched; grey ones have a clip in
    which there is nothing to measure, such as a still picture.

    Parameters
    ----------
    ax : axes, optional
        As many as there are maps: alignment, motion energy, seconds and, where the sweep has a price, money.

    Returns
    -------
    list of Axes

    Raises
    ------
    ValueError
        If ``ax`` has another number of axes.
    """
    maps = heat_maps(sweep)
    axes = _axes(ax, _map_panels(maps))
    for each, found in zip(axes, maps, strict=True):
        _draw_map(each, found, sweep)
    if note := _explained(maps, drawn_language()):
        axes[-1].set_xlabel(f"{axes[-1].get_xlabel()}\n{note}")
    return axes


def heat_map_panels(sweep: Batch) -> Panels:
    """What `plot_heat_maps` draws on."""
    return _map_panels(heat_maps(sweep))


def _map_panels(maps: Sequence[HeatMap]) -> Panels:
    rows, columns = maps[0].values.shape
    across = 1 if columns > WIDE else (2 if len(maps) == 4 else len(maps))
    down = len(maps) // across
    each = min(TALLEST_MAP, max(0.4, 0.34 * rows)) + 0.35
    return Panels(down, across, down * each + 0.7)


def heat_maps(sweep: Batch) -> list[HeatMap]:
    """The numbers of `plot_heat_maps`: the first setting that varies down, the second across; one row if only one does.

    Of a list of cells each is a column.
    """
    shape = _map_shape(sweep)
    done = [cell.is_done for cell in sweep.cells]
    made = np.asarray(np.array(done).reshape(shape).any(axis=2))
    maps = []
    for key, measure in MEASURES.items():
        found = [measure(cell) if there else None for cell, there in zip(sweep.cells, done, strict=True)]
        maps.append(HeatMap(key, _mean(np.array(found, dtype=float).reshape(shape)), made))  # None becomes NaN
    return [each for each in maps if each.key != "money" or np.nansum(each.values) > 0]


def _result(name: str) -> Callable[[Cell], float | None]:
    return lambda cell: cell.result.get(name)


MEASURES: dict[str, Callable[[Cell], float | None]] = {
    "score": score_of,
    "motion_energy": _result("motion_energy"),
    "seconds": _result("seconds"),
    "money": _result("money"),
}


def _map_shape(sweep: Batch) -> tuple[int, int, int]:
    """Rows, columns, and how many cells are averaged in each square."""
    lengths = [len(values) for values in varied_axes(sweep).values()]
    if len(lengths) < 2:
        return 1, len(sweep.cells), 1
    return lengths[0], lengths[1], math.prod(lengths[2:])


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is there; NaN where nothing is."""
    count = np.isfinite(values).sum(axis=2)
    return np.where(count, np.nansum(values, axis=2) / np.maximum(count, 1), np.nan)


def _draw_map(ax: Axes, found: HeatMap, sweep: Batch) -> None:
    lang = drawn_language()
    low, high = found.limits
    image = ax.imshow(found.values, cmap=MAP, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    empty = np.argwhere(~np.isfinite(found.values))
    for row, column in empty:
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **(UNMEASURED if found.made[row, column] else MISSING)))
    if max(found.values.shape) <= MOST_NUMBERS:
        _write_numbers(ax, found, image)
    else:
        ax.figure.colorbar(image, ax=ax, pad=0.01, fraction=0.03)
    others = [setting_word(name, lang) for name in list(varied_axes(sweep))[2:]]
    mean = "\n" + say("view.mean", lang, names=", ".join(others)) if others else ""
    ax.set_title(say(f"view.map.{found.key}", lang) + mean, loc="left", fontsize=9, **text_style())
    _map_ticks(ax, sweep, lang)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.label_outer()


def _write_numbers(ax: Axes, found: HeatMap, image: AxesImage) -> None:
    for (row, column), value in np.ndenumerate(found.values):
        if np.isfinite(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5
            ax.text(column, row, found.number(value), ha="center", va="center", fontsize=7.5,
                    color="white" if dark else "black")  # fmt: skip


def _map_ticks(ax: Axes, sweep: Batch, lang: str) -> None:
    """The swept values along the sides, with the settings' names."""
    axes = list(varied_axes(sweep).items())[:2]
    if len(axes) == 2:
        _ticks(ax, "y", *axes[0], lang)
    else:
        ax.set_yticks([])
    if axes:
        _ticks(ax, "x", *axes[-1], lang)
    else:
        numbers = range(0, len(sweep.cells), -(-len(sweep.cells) // MOST_TICKS))
        ax.set_xticks(numbers, [str(number) for number in numbers], fontsize=8)
        ax.set_xlabel(say("view.clip_number", lang), fontsize=8, color=GREY, **text_style())


def _ticks(ax: Axes, side: str, name: str, values: Sequence, lang: str) -> None:
    inches = 1.5 if side == "y" else 0.85 * WIDTH / (2 if len(values) <= WIDE else 1) / len(values)
    places = np.arange(len(values))[:: -(-len(values) // MOST_TICKS)]
    labels = [shown(value_word(name, values[place], lang), max(inches, 0.4), 3) for place in places]
    getattr(ax, f"set_{side}ticks")(places, labels, fontsize=8, **text_style())
    getattr(ax, f"set_{side}label")(setting_word(name, lang), fontsize=8, color=GREY, **text_style())


def _explained(maps: Sequence[HeatMap], lang: str) -> str:
    """What hatched and grey squares mean, where there are any."""
    missing = not all(found.made.all() for found in maps)
    unmeasured = any((found.made & ~np.isfinite(found.values)).any() for found in maps)
    keys = [key for key, there in (("view.hatched", missing), ("view.grey", unmeasured)) if there]
    return joined([say(key, lang) for key in keys], lang)


# --- curves


def plot_sweep_curves(sweep: Batch, *, ax: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the motion of every clip of a sweep over time, with its music's beats and its visual stops.

    Rows and columns are those of the contact sheet, thinned in the same way; all axes have the same limits. The number
    in the corner is the phase locking R of the headline's events.

    Parameters
    ----------
    ax : axes, optional
        As many as `curve_panels` has rows times columns; those without a clip are left blank.

    Returns
    -------
    list of Axes
        One a clip, row by row.

    Raises
    ------
    ValueError
        If ``ax`` has another number of axes.
    """
    lang = drawn_language()
    shown_cells, panels = arranged(sweep, lang).thinned(), curve_panels(sweep)
    cells = [cell for row in shown_cells.cells for cell in row]
    axes = _axes(ax, panels)
    drawn = [cell.result.get("curves", {}) if cell.is_done else {} for cell in cells]
    longest = max((len(curves["motion"]) / curves["fps"] for curves in drawn if curves), default=1.0)
    top = max([0.05, *(max(curves["motion"], default=0.0) for curves in drawn if curves)]) * HEADROOM
    for each, cell, curves in zip(axes, cells, drawn, strict=False):
        _draw_curves(each, cell, curves, lang)
        each.set(xlim=(0, longest), ylim=(0, top))
    for each in axes[len(cells) :]:
        each.set_axis_off()
    _label_curves(axes, shown_cells, panels, lang)
    return axes[: len(cells)]


def curve_panels(sweep: Batch) -> Panels:
    """What `plot_sweep_curves` draws on."""
    found = arranged(sweep).thinned()
    count, columns = found.shown, len(found.columns)
    rows = len(found.rows)
    if not found.is_grid:
        columns = min(CURVES_ACROSS, count)
        rows = -(-count // columns)
    return Panels(rows, columns, rows * (0.95 if rows <= 6 else 0.7) + 0.8)


def _draw_curves(ax: Axes, cell: Cell, curves: dict, lang: str) -> None:
    tidy(ax)
    ax.tick_params(labelsize=7)
    if not curves:
        why = say("view.unmeasured" if cell.is_done else f"view.state.{cell.state}", lang)
        ax.text(0.5, 0.5, shown(why, 0.7, 3), ha="center", va="center", color=GREY, transform=ax.transAxes,
                **SMALL, **text_style())  # fmt: skip
        return
    motion = np.array(curves["motion"])
    ax.plot(np.arange(len(motion)) / curves["fps"], motion, color=BLUE, linewidth=0.9)
    beat_lines(ax, np.array(curves["beats"]), np.array(curves["downbeats"]), alpha=0.7)
    ax.plot(curves["stops"], np.full(len(curves["stops"]), 0.95), "v", color="black", markersize=3,
            transform=ax.get_xaxis_transform())  # fmt: skip
    score = headline(cell)
    ax.text(0.98, 0.84, f"R {score['r']:.2f}" if score else "R –", ha="right", va="top", transform=ax.transAxes,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}, **SMALL)  # fmt: skip


def _label_curves(axes: Sequence[Axes], found: Arrangement, panels: Panels, lang: str) -> None:
    """Rows and columns at the edges, or each clip for itself where they are none; the first has the setting's name."""
    room = 0.85 * (WIDTH - 2.5) / panels.columns
    small = {"fontsize": 8, **text_style()}
    for at, label in enumerate(_named(found.column_name, found.columns)):
        axes[at].set_title(shown(label, room, 3), **small)
    for row, label in enumerate(_named(found.row_name, found.rows) if found.is_grid else ()):
        axes[row * panels.columns].set_ylabel(shown(label, 1.3, 3), rotation=0, ha="right", va="center", **small)
    for at, each in enumerate(axes):
        each.tick_params(labelleft=at % panels.columns == 0, labelbottom=at + panels.columns >= found.shown)
    axes[(panels.rows - 1) * panels.columns].set_xlabel(say("view.time", lang), **small)
    note = [Line2D([], [], linestyle="none", label=found.note(lang))] if found.note(lang) else []
    axes[panels.columns - 1].legend(handles=[*_curve_marks(lang), *note], loc="upper left", bbox_to_anchor=(1.005, 1.1),
                                    frameon=False, handlelength=1.4, labelspacing=0.3,
                                    prop={"size": 7.5, "family": text_style()["fontfamily"]})  # fmt: skip


def _named(name: str, labels: Sequence[str]) -> list[str]:
    return [f"{name} {label}" if name and not at else label for at, label in enumerate(labels)]


def _curve_marks(lang: str) -> list[Line2D]:
    """For the legend, which must be whole even where a clip is missing."""
    return [
        Line2D([], [], color=BLUE, linewidth=1.2, label=say("view.motion", lang)),
        Line2D([], [], color="black", marker="v", markersize=4, linestyle="none", label=say("view.stop", lang)),
        Line2D([], [], color=BEAT, label=say("view.beat", lang)),
        Line2D([], [], color=DOWNBEAT, linestyle="--", label=say("view.downbeat", lang)),
    ]


# --- both


def _axes(ax: Sequence[Axes] | None, panels: Panels) -> list[Axes]:
    """The axes given, checked, or new ones."""
    count = panels.rows * panels.columns
    if ax is not None:
        given = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(given) != count:
            raise ValueError(f"ax has {len(given)} axes, but this plot draws on {count}")
        return given
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(
        panels.rows, panels.columns, figsize=(WIDTH, panels.height), layout="constrained", squeeze=False
    )
    return list(axes.ravel())


def shown(text: str, inches: float, lines: int) -> str:
    """A label of 8 points in lines of this width; a $, which matplotlib reads as a formula, is escaped."""
    return "\n".join(line.replace("$", r"\$") for line in wrapped(text, 8, inches * 72, lines))
