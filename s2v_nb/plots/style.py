"""Colours and helpers of all plots. The colours are Okabe and Ito's, told apart by all common kinds of colour sight."""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from s2v_nb.rhythm.types import Phrase

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#555555",
)
BEAT, DOWNBEAT = SKY, VERMILION
BAND_COLORS = {"bass": BLUE, "mid": GREEN, "high": ORANGE}
WIDTH = 9.0  # inches, the width of a notebook's output
SECTION_COLORS = (SKY, ORANGE, GREEN, PURPLE, "#F0E442", BLUE, VERMILION)  # pale, always with the section's letter
MOST_LINES, MOST_DOWNBEATS = 110, 64  # across a plot: more beats become a wall
MOST_POINTS = 1400  # of a curve: more become a blot
_CHINESE_FONTS = ("Noto Sans CJK SC", "WenQuanYi Micro Hei", "PingFang SC", "Microsoft YaHei", "Arial Unicode MS")
_CHINESE_FILES = ("cjk", "wqy", "pingfang", "msyh", "arial unicode")


def stack(
    ax: Sequence[Axes] | None, heights: Sequence[float], *, share_x: bool = True, spare: float = 0.0
) -> list[Axes]:
    """The axes given, checked, or new ones below one another; ``spare`` inches are left for what stands around them."""
    if ax is not None:
        given = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(given) != len(heights):
            raise ValueError(f"ax has {len(given)} axes, but this plot draws on {len(heights)}")
        return given
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(heights),
        1,
        figsize=(WIDTH, sum(heights) + spare),
        height_ratios=heights,
        sharex=share_x,
        layout="constrained",
    )
    figure.align_ylabels()
    return list(np.ravel(axes))


def beat_lines(ax: Axes, beats: np.ndarray, downbeats: np.ndarray, **line: Any) -> None:
    """A thin line a beat, a stronger one with its own colour and dashes a downbeat (not by colour alone)."""
    across = ax.get_xaxis_transform()
    weak = beats[~np.isclose(beats[:, None], downbeats[None, :], atol=1e-3).any(axis=1)] if len(downbeats) else beats
    if len(weak):
        ax.vlines(weak, 0, 1, transform=across, color=BEAT, linewidth=1.0, zorder=0, label="beat", **line)
    if len(downbeats):
        ax.vlines(
            downbeats,
            0,
            1,
            transform=across,
            color=DOWNBEAT,
            linewidth=1.8 if len(downbeats) <= MOST_DOWNBEATS // 2 else 0.9,
            linestyles="--",
            zorder=0,
            label="downbeat",
            **line,
        )


@lru_cache(maxsize=1)
def text_style() -> dict[str, Any]:
    """Keyword for text that may be Chinese, as song names are: the usual font, then one that has the characters."""
    from matplotlib.font_manager import get_font_names

    if not set(_CHINESE_FONTS) & set(get_font_names()):
        _learn_chinese_fonts()
    there = set(get_font_names())
    return {"fontfamily": ["DejaVu Sans", *[name for name in _CHINESE_FONTS if name in there][:1]]}


def _learn_chinese_fonts() -> None:
    """Fonts installed since matplotlib made its list, which it keeps for good."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    for path in sorted(findSystemFonts()):
        if any(part in Path(path).name.lower() for part in _CHINESE_FILES):
            with suppress(OSError, RuntimeError):  # a font that FreeType refuses is as good as none
                fontManager.addfont(path)


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    """The characters that the fonts of `text_style` have."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset().union(*(get_font(findfont(name)).get_charmap() for name in text_style()["fontfamily"]))


def plain(text: str, longest: int = 48) -> str:
    """Text from outside as one line of a plot, to be drawn in `text_style`.

    It is cut to length; a $, which matplotlib reads as a formula, is escaped, and for what the fonts lack stands a
    question mark, which says more than an empty box.
    """
    text = text if len(text) <= longest else text[: longest - 3] + "..."
    text = "".join(c if c.isprintable() and ord(c) in _drawable() else "?" for c in text)
    return text.replace("$", r"\$")


def tidy(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: Axes, note: str = "", top: float = 1.02) -> None:
    """A legend beside the axes, where it covers nothing; ``note`` is a line of its own, without a mark.

    ``top`` is its upper edge in heights of the axes.
    """
    handles, labels = ax.get_legend_handles_labels()
    if note:  # drawn nowhere: matplotlib would reserve space for an empty line in the figure's corner
        handles, labels = [*handles, Line2D([], [], linestyle="none")], [*labels, note]
    ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.005, top), frameon=False, fontsize=8,
              handlelength=1.4)  # fmt: skip


def legible_lines(ax: Axes, beats: np.ndarray, downbeats: np.ndarray, phrases: Sequence[Phrase] = ()) -> str:
    """`beat_lines` of what can be told apart: all, else only the downbeats, else only where phrases begin.

    Returns
    -------
    str
        What is missing, for the legend; '' if nothing is.
    """
    if len(beats) <= MOST_LINES and len(downbeats) <= MOST_DOWNBEATS:
        beat_lines(ax, beats, downbeats)
        return ""
    if len(downbeats) <= MOST_DOWNBEATS:
        ax.vlines(downbeats, 0, 1, transform=ax.get_xaxis_transform(), color=DOWNBEAT, linewidth=0.8,
                  linestyles="--", zorder=0, label="downbeat")  # fmt: skip
        return f"{len(beats)} beats\nnot drawn"
    if phrases:
        starts = [phrase.start for phrase in phrases]
        ax.vlines(starts, 0, 1, transform=ax.get_xaxis_transform(), color="black", linewidth=0.8, linestyles=":",
                  zorder=3, label="phrase")  # fmt: skip
    counts = [f"{len(times)} {name}" for times, name in ((beats, "beats"), (downbeats, "downbeats")) if len(times)]
    return ",\n".join(counts) + "\nnot drawn"


def beat_blocks(ax: Axes, beats: np.ndarray, height: np.ndarray, base: float = 0.0, **style: Any) -> PolyCollection:
    """A block a beat, from ``base`` up to its ``height``, halfway to its neighbours; ``beats`` in seconds.

    It reaches three quarters of the usual beat at most: where no beat was heard for long there is no block.
    """
    reach = 0.75 * (float(np.median(np.diff(beats))) if len(beats) > 1 else 0.5)
    between = (beats[1:] + beats[:-1]) / 2
    left = np.maximum(np.concatenate([[-np.inf], between]), beats - reach)
    right = np.minimum(np.concatenate([between, [np.inf]]), beats + reach)
    floor = np.full(len(beats), base)
    corners = np.stack([left, floor, left, height, right, height, right, floor], axis=1).reshape(-1, 4, 2)
    blocks = PolyCollection(list(corners), **{"linewidth": 0, "antialiased": False, **style})
    ax.add_collection(blocks, autolim=False)
    return blocks


def thinned(times: np.ndarray, curve: np.ndarray, take: Any = np.max) -> tuple[np.ndarray, np.ndarray]:
    """A long curve as ``take`` (the maximum) of equal stretches, at their middles, so that a song is no blot."""
    step = max(1, -(-len(curve) // MOST_POINTS))
    if step == 1:
        return times, curve
    step *= 2  # halfway to one point a pixel
    whole = len(curve) // step * step
    return times[:whole].reshape(-1, step).mean(axis=1), take(curve[:whole].reshape(-1, step), axis=1)


def section_color(label: str, labels: Sequence[str]) -> str:
    """The colour of a section among all ``labels`` of its song: one a letter, in order of first appearance."""
    return SECTION_COLORS[list(dict.fromkeys(labels)).index(label) % len(SECTION_COLORS)]


def strip(ax: Axes, bottom: float, height: float, name: str) -> Axes:
    """A named strip that shares the time of ``ax``, above it; ``bottom`` and ``height`` in heights of ``ax``."""
    above = ax.inset_axes((0.0, bottom, 1.0, height), sharex=ax)
    above.set(ylim=(0, 1), yticks=[])
    above.tick_params(bottom=False, labelbottom=False)
    above.spines[:].set_visible(False)
    above.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7.5)
    return above


def say_empty(ax: Axes, why: str) -> Axes:
    """Axes with one sentence instead of a plot."""
    ax.text(0.5, 0.5, why, ha="center", va="center", color=GREY, transform=ax.transAxes)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def save(axes: Axes | Sequence[Axes], path: str | Path, dpi: int = 130) -> Path:
    """Write the figure of ``axes`` to a PNG file and forget it."""
    first = axes if isinstance(axes, Axes) else axes[0]
    figure = first.figure
    assert isinstance(figure, Figure)
    path = Path(path)
    figure.savefig(path, dpi=dpi)
    import matplotlib.pyplot as plt

    plt.close(figure)
    return path
