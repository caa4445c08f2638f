"""Colours and helpers of all plots. The colours are Okabe and Ito's, told apart by all common kinds of colour sight."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
_CHINESE_FONTS = ("Noto Sans CJK SC", "WenQuanYi Micro Hei", "PingFang SC", "Microsoft YaHei", "Arial Unicode MS")


def stack(ax: Sequence[Axes] | None, heights: Sequence[float], *, share_x: bool = True) -> list[Axes]:
    """The axes given, checked, or new ones below one another."""
    if ax is not None:
        given = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(given) != len(heights):
            raise ValueError(f"ax has {len(given)} axes, but this plot draws on {len(heights)}")
        return given
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(heights),
        1,
        figsize=(WIDTH, sum(heights)),
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
    ax.vlines(weak, 0, 1, transform=across, color=BEAT, linewidth=1.0, zorder=0, label="beat", **line)
    if len(downbeats):
        ax.vlines(
            downbeats,
            0,
            1,
            transform=across,
            color=DOWNBEAT,
            linewidth=1.8,
            linestyles="--",
            zorder=0,
            label="downbeat",
            **line,
        )


@lru_cache(maxsize=1)
def text_style() -> dict[str, Any]:
    """Keyword for text that may be Chinese, as song names are: the usual font, then one that has the characters."""
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    return {"fontfamily": ["DejaVu Sans", *[name for name in _CHINESE_FONTS if name in there][:1]]}


def plain(text: str, longest: int = 48) -> str:
    """Text from outside as a title: cut to length, and without the $ that matplotlib reads as a formula."""
    text = text if len(text) <= longest else text[: longest - 3] + "..."
    if len(text_style()["fontfamily"]) == 1:  # no font for it: a question mark says more than an empty box
        text = "".join(c if ord(c) < 0x2E80 else "?" for c in text)
    return text.replace("$", r"\$")


def tidy(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: Axes) -> None:
    """A legend beside the axes, where it covers nothing."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.005, 1.02), frameon=False, fontsize=8, handlelength=1.4)


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
