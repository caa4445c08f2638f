"""The beat plot: what was heard in a song."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from s2v_nb.media import Audio
from s2v_nb.plots.style import BAND_COLORS, GREY, PURPLE, beat_lines, legend, plain, stack, text_style, tidy
from s2v_nb.rhythm import Rhythm

MOST_COLUMNS = 2000  # points of a waveform: more than a notebook is wide


def plot_beats(
    audio: Audio,
    rhythm: Rhythm,
    *,
    excerpt: tuple[float, float] | None = None,
    ax: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw the waveform, the onset strength and the bands of a song with its beats and downbeats.

    Parameters
    ----------
    audio : Audio
        What ``rhythm`` was heard in; time 0 is its first sample.
    excerpt : (start, end), seconds, optional
        Shade what a clip uses.
    ax : three axes, optional
        Drawn on instead of new ones.

    Returns
    -------
    list of three Axes
    """
    wave, onset, bands = axes = stack(ax, (1.3, 1.3, 1.5))
    times, low, high = _envelope(audio)
    wave.fill_between(times, low, high, color=GREY, linewidth=0, alpha=0.85)
    wave.set(ylabel="waveform", ylim=(-1.05, 1.05))
    onset.plot(rhythm.times, rhythm.onset, color=PURPLE, linewidth=1.0, label="onset\nstrength")
    onset.set(ylabel="onset", ylim=(0, 1.08))
    for name, curve in rhythm.bands.items():
        bands.plot(rhythm.times, curve, color=BAND_COLORS[name], linewidth=1.0, label=name)
    bands.set(ylabel="energy", ylim=(0, 1.08), xlabel="time (s)", xlim=(0, audio.duration))
    for each in axes:
        beat_lines(each, rhythm.beats, rhythm.downbeats)
        if excerpt is not None:
            each.axvspan(*excerpt, color="#F0E442", alpha=0.22, zorder=-1, label="excerpt")
        tidy(each)
    legend(wave)
    for each, kept in ((onset, 1), (bands, len(rhythm.bands))):
        handles, labels = each.get_legend_handles_labels()
        each.legend(handles[:kept], labels[:kept], loc="upper left", bbox_to_anchor=(1.005, 1.02), frameon=False,
                    fontsize=8, handlelength=1.4)  # fmt: skip
    wave.set_title(_title(audio, rhythm), loc="left", fontsize=10, **text_style())
    return axes


def _title(audio: Audio, rhythm: Rhythm) -> str:
    tempo = f"{rhythm.tempo:.1f} BPM, {len(rhythm.beats)} beats" if rhythm.tempo else "no beat found"
    loudness = f", {rhythm.loudness:.1f} LUFS" if np.isfinite(rhythm.loudness) else ""
    return f"{plain(audio.name)}: {tempo}{loudness}"


def _envelope(audio: Audio) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(seconds, lowest, highest) of the mono waveform in at most 2000 columns."""
    mono = audio.mono
    step = max(1, -(-len(mono) // MOST_COLUMNS))
    blocks = np.pad(mono, (0, -len(mono) % step)).reshape(-1, step)
    return np.arange(len(blocks)) * step / audio.rate, blocks.min(axis=1), blocks.max(axis=1)
