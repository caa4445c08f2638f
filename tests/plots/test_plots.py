"""Plots draw what they are given, on the axes they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from s2v_nb import analyze, load_audio, measure_alignment, plot_alignment, plot_beats
from s2v_nb.media.audio import audio_from_array
from s2v_nb.plots import save
from s2v_nb.plots.style import BAND_COLORS, BEAT, DOWNBEAT


@pytest.fixture(autouse=True)
def _no_figure_stays():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def heard(song):
    audio = load_audio(song)
    return audio, analyze(audio)


def lines_at(ax, color: str) -> list[float]:
    """Where vertical lines of a colour stand."""
    found = [c for c in ax.collections if hasattr(c, "get_segments") and len(c.get_segments())]
    from matplotlib.colors import same_color

    return [s[0][0] for c in found if same_color(c.get_color()[0], color) for s in c.get_segments()]


def test_beats_stand_where_they_were_heard(heard):
    audio, rhythm = heard

    axes = plot_beats(audio, rhythm, excerpt=(2.0, 10.0))

    assert len(axes) == 3
    for ax in axes:
        assert np.allclose(sorted([*lines_at(ax, BEAT), *lines_at(ax, DOWNBEAT)]), rhythm.beats, atol=1e-6)
        assert np.allclose(lines_at(ax, DOWNBEAT), rhythm.downbeats)
    assert axes[-1].get_xlabel() == "time (s)"
    assert all(ax.get_ylabel() for ax in axes)
    curves = {line.get_label() for line in axes[2].get_lines()}
    assert curves == set(BAND_COLORS)


def test_given_axes_are_used_and_counted(heard):
    _, axes = plt.subplots(3, 1)

    assert plot_beats(*heard, ax=axes) == list(axes)
    with pytest.raises(ValueError, match="ax has 1 axes, but this plot draws on 3"):
        plot_beats(*heard, ax=axes[0])


def test_the_alignment_plot_shows_signal_events_and_lags(clip):
    report = measure_alignment(clip.path)

    motion, light, lags = plot_alignment(report)

    curve, events = motion.get_lines()
    assert np.array_equal(curve.get_ydata(), report.signals.motion)
    assert np.array_equal(events.get_xdata(), report.events["stops"])
    assert sum(bar.get_height() for bar in lags.patches if bar.get_width() < 50) == report.scores["stops"].events
    assert "in time" in motion.get_title(loc="left")
    assert "ms" in lags.get_xlabel()
    assert light.get_ylabel() == "brightness (%)"


def test_silence_and_stillness_can_be_drawn(cover, song, tmp_path):
    from s2v_nb import generate

    silent = audio_from_array(np.zeros((2, 44_100 * 3)), 44_100)
    plot_beats(silent, analyze(silent))[0].figure.canvas.draw()
    still = generate(cover, song, motion="off", duration=3.0, resolution="480p", runs=tmp_path)
    axes = plot_alignment(measure_alignment(still.path))
    axes[0].figure.canvas.draw()

    assert "not enough evidence" in axes[0].get_title(loc="left")


def test_names_from_outside_are_only_text(heard, tmp_path):
    """Formulas, Chinese and emoji in a song's name neither fail nor warn."""
    from dataclasses import replace

    audio, rhythm = heard
    for name in (r"$\frac{1}{0}$ $x.mp3", "夜曲.mp3", "x" * 300):
        save(plot_beats(replace(audio, name=name), rhythm), tmp_path / "x.png")

    assert plt.imread(tmp_path / "x.png").shape[1] == 1170
