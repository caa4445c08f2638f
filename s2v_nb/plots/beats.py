"""The beat plot: what was heard in a song, as a whole or in an excerpt."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from s2v_nb.media import Audio
from s2v_nb.plots.style import (
    BAND_COLORS,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    VERMILION,
    beat_blocks,
    legend,
    legible_lines,
    plain,
    section_color,
    stack,
    strip,
    text_style,
    thinned,
    tidy,
)
from s2v_nb.rhythm import Moment, Phrase, Rhythm

MOST_COLUMNS = 2000  # points of a waveform: more than a notebook is wide
LETTER_WIDTH = 0.012  # of the axes: a narrower phrase gets no letter
MOMENT_MARKS = {"drop": ("^", VERMILION), "break": ("v", BLUE)}  # up: it comes in; down: it goes away


class Candidate(Protocol):
    """An excerpt worth taking: ``start`` and ``duration`` in seconds, a score, and the reason in words."""

    @property
    def start(self) -> float: ...

    @property
    def duration(self) -> float: ...

    @property
    def score(self) -> float: ...

    @property
    def reason(self) -> str: ...


def plot_beats(
    audio: Audio,
    rhythm: Rhythm,
    *,
    excerpt: tuple[float, float] | None = None,
    candidates: Sequence[Candidate] = (),
    ax: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw the waveform, the onset strength and the bands of a song with its beats, phrases and key moments.

    Above the waveform stand how surely each beat is followed and the phrases. Of a song with more beats than can be
    told apart only the downbeats are drawn, or only where phrases begin; the legend says so.

    Parameters
    ----------
    audio : Audio
        What ``rhythm`` was heard in; time 0 is its first sample.
    excerpt : (start, end), seconds, optional
        Shade what a clip uses.
    candidates : excerpts, best first
        Drawn as numbered boxes, their reasons below.
    ax : three axes, optional
        Drawn on instead of new ones.

    Returns
    -------
    list of three Axes
    """
    above = 0.3 * bool(rhythm.phrases) + 0.25 * bool(len(rhythm.beats))
    wave, onset, bands = axes = stack(ax, (1.3, 1.2, 1.4), spare=0.3 + above + 0.17 * len(candidates))
    _draw_wave(wave, audio)
    _draw_moments(wave, rhythm.moments)
    _draw_candidates(wave, candidates)
    top = _draw_strips(wave, rhythm)
    onset.fill_between(*thinned(rhythm.times, rhythm.onset), color=PURPLE, linewidth=0.6, label="onset\nstrength")
    onset.set(ylabel="onset", ylim=(0, 1.08))
    for name, curve in rhythm.bands.items():
        bands.plot(*thinned(rhythm.times, curve, np.mean), color=BAND_COLORS[name], linewidth=1.0, label=name)
    bands.set(ylabel="energy", ylim=(0, 1.08), xlabel="time (s)")
    _list_candidates(bands, candidates)
    legend(onset)
    legend(bands)
    for each in axes:
        note = legible_lines(each, rhythm.beats, rhythm.downbeats, rhythm.phrases)
        if excerpt is not None:
            each.axvspan(*excerpt, color="#F0E442", alpha=0.22, zorder=-1, label="excerpt")
        each.set_xlim(0, audio.duration)
        tidy(each)
    legend(wave, note, top)
    wave.set_title(_title(audio, rhythm), loc="left", fontsize=10, **text_style())
    return axes


def _draw_wave(ax: Axes, audio: Audio) -> None:
    times, low, high = _envelope(audio)
    ax.fill_between(times, low, high, color=GREY, linewidth=0, alpha=0.85)
    ax.set(ylabel="waveform", ylim=(-1.05, 1.05), yticks=[-1, 0, 1])


def _draw_moments(ax: Axes, moments: Sequence[Moment]) -> None:
    """Triangles over the waveform where the music comes in or goes away; hatching where it is silent."""
    if not moments:
        return
    ax.set_ylim(-1.05, 1.5)
    for kind, (marker, color) in MOMENT_MARKS.items():
        if starts := [moment.start for moment in moments if moment.kind == kind]:
            ax.plot(starts, [1.27] * len(starts), marker, color=color, markersize=6.5, label=kind, clip_on=False)
    for index, moment in enumerate(m for m in moments if m.kind == "silence"):
        ax.axvspan(moment.start, moment.end, facecolor="none", edgecolor=GREY, hatch="////", linewidth=0, zorder=0.5,
                   label="_" if index else "silence")  # fmt: skip


def _draw_candidates(ax: Axes, candidates: Sequence[Candidate]) -> None:
    for rank, candidate in enumerate(candidates, 1):
        top = max(0.4, 1.1 - 0.1 * rank)  # so that boxes that overlap can be told apart
        box = Rectangle((candidate.start, -top), candidate.duration, 2 * top, fill=False, edgecolor="black",
                        linewidth=1.8 if rank == 1 else 1.1, zorder=4)  # fmt: skip
        ax.add_patch(box)
        ax.annotate(str(rank), (candidate.start, top), (3, -2), textcoords="offset points", ha="left", va="top",
                    fontsize=8, fontweight="bold", color="white", zorder=5,
                    bbox={"boxstyle": "square,pad=0.15", "facecolor": "black", "edgecolor": "none"})  # fmt: skip


def _list_candidates(ax: Axes, candidates: Sequence[Candidate]) -> None:
    """Below the time axis, a line each."""
    lines = [
        f"{rank}   {c.start:.1f} to {c.start + c.duration:.1f} s, score {c.score:.2f}: {plain(c.reason, 90)}"
        for rank, c in enumerate(candidates, 1)
    ]
    if lines:
        ax.annotate("\n".join(lines), (0, 0), (0, -34), xycoords="axes fraction", textcoords="offset points",
                    ha="left", va="top", fontsize=8, linespacing=1.4, **text_style())  # fmt: skip


def _draw_strips(wave: Axes, rhythm: Rhythm) -> float:
    """Confidence and phrases above the waveform; the upper edge of what was drawn, in heights of ``wave``."""
    top = 1.04
    if len(rhythm.beats):
        sure = strip(wave, top + 0.03, 0.2, "confidence\n(0 to 1)")
        sure.axhline(0.5, color="0.8", linewidth=0.6, zorder=0)
        beat_blocks(sure, rhythm.beats, rhythm.confidence, facecolor=GREEN)
        top += 0.25
    if rhythm.phrases:
        _draw_phrases(strip(wave, top + 0.03, 0.2, "phrases"), rhythm.phrases, wave)
        top += 0.25
    return top


def _draw_phrases(ax: Axes, phrases: Sequence[Phrase], wave: Axes) -> None:
    labels = [phrase.label for phrase in phrases]
    shown = max(phrase.end for phrase in phrases) - min(phrase.start for phrase in phrases)
    for phrase in phrases:
        span = Rectangle((phrase.start, 0), phrase.end - phrase.start, 1, facecolor=section_color(phrase.label, labels),
                         alpha=0.45, edgecolor="white", linewidth=1.2)  # fmt: skip
        ax.add_patch(span)
        if phrase.end - phrase.start >= LETTER_WIDTH * shown:
            ax.text((phrase.start + phrase.end) / 2, 0.46, plain(phrase.label, 4), ha="center", va="center", fontsize=8,
                    clip_on=True)  # fmt: skip


def _title(audio: Audio, rhythm: Rhythm) -> str:
    count = f"{len(rhythm.beats)} beat{'s' * (len(rhythm.beats) != 1)}"
    tempo = f"{rhythm.tempo:.1f} BPM, {count}" if rhythm.tempo else "no beat found"
    loudness = f", {rhythm.loudness:.1f} LUFS" if np.isfinite(rhythm.loudness) else ""
    return f"{plain(audio.name)}: {tempo}{loudness}"


def _envelope(audio: Audio) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(seconds, lowest, highest) of the mono waveform in at most 2000 columns."""
    mono = audio.mono
    step = max(1, -(-len(mono) // MOST_COLUMNS))
    blocks = np.pad(mono, (0, -len(mono) % step)).reshape(-1, step)
    return np.arange(len(blocks)) * step / audio.rate, blocks.min(axis=1), blocks.max(axis=1)
