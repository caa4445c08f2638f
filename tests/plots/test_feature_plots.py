"""Tempo, onset map and ribbons draw the numbers they are given."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color

from s2v_nb.plots.features import CELLS, LEAD, TALLEST, onset_map_height, plot_onset_map, plot_ribbons, plot_tempo
from s2v_nb.plots.style import BAND_COLORS, WIDTH
from tests.plots.songs import phrased, steady

PLOTS = (plot_tempo, plot_onset_map, plot_ribbons)


@pytest.fixture(autouse=True)
def _no_figure_stays():
    plt.close("all")
    yield
    plt.close("all")


def drawn(ax):
    ax.figure.canvas.draw()
    return ax


def rows_of(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


@pytest.mark.parametrize("plot", PLOTS)
def test_the_axes_given_are_drawn_on_and_returned(plot):
    _, given = plt.subplots()

    assert plot(phrased(48), ax=given) is given
    assert given.get_xlabel()
    assert given.get_ylabel()


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("beats", [0, 1, 2, 3])
def test_songs_with_hardly_a_beat_are_drawn(plot, beats):
    """A plot without data says so instead."""
    ax = drawn(plot(steady(beats)))

    expected = {plot_tempo: beats < 2, plot_onset_map: True, plot_ribbons: False}[plot]
    assert any("too few" in text.get_text() or "no whole bar" in text.get_text() for text in ax.texts) == expected


@pytest.mark.parametrize("plot", PLOTS)
def test_new_figures_fit_a_notebook(plot):
    assert plot(steady(600)).figure.get_size_inches()[0] == WIDTH


def test_the_tempo_is_a_step_a_beat():
    rhythm = steady(48)

    ax = drawn(plot_tempo(rhythm))

    curve, usual = ax.get_lines()
    assert np.allclose(curve.get_xdata(), rhythm.beats)
    assert np.allclose(curve.get_ydata(), 120.0)
    assert usual.get_label() == "120.0 BPM"
    assert ax.get_ylabel() == "tempo (BPM)"


def test_a_steady_tempo_looks_steady():
    """A change of a tenth of a BPM must not fill the plot."""
    low, high = plot_tempo(steady(48)).get_ylim()

    assert high - low >= 10


def test_the_fill_under_the_tempo_is_darker_where_the_beats_are_sure():
    rhythm = steady(48)

    (blocks,) = plot_tempo(rhythm).collections

    opacity = blocks.get_facecolor()[:, 3]
    assert len(opacity) == len(rhythm.beats)
    assert (np.diff(opacity) > 0).all()


def test_phrases_stand_behind_the_tempo():
    rhythm = phrased(48)
    ax = plot_tempo(rhythm)

    assert [text.get_text() for text in ax.texts] == ["A", "B", "A"]
    assert np.allclose([patch.get_x() for patch in ax.patches], [phrase.start for phrase in rhythm.phrases])


@pytest.mark.parametrize("metre", [3, 4])
def test_the_onset_map_has_a_row_a_bar_and_the_beats_in_columns(metre):
    """Onsets on the beats stand at the beats' places, in every row."""
    ax = drawn(plot_onset_map(steady(5 * metre, metre)))

    rows = rows_of(ax)
    assert rows.shape == (5, metre * CELLS)
    on_beat = np.round((LEAD + np.arange(metre)) * CELLS).astype(int)
    assert np.allclose(rows[:, on_beat], 1.0, atol=1e-6)
    assert rows.sum() < 3 * rows[:, on_beat].sum()
    assert list(ax.get_xticks()) == list(range(1, metre + 1))
    assert ax.get_ylim() == (5.5, 0.5)  # the first bar on top


def test_a_bar_with_other_beats_is_stretched_and_marked():
    """A bar of three among bars of four fills its row; its last beat is late in it."""
    rhythm = steady(15)
    rhythm = replace(rhythm, downbeats=rhythm.beats[[0, 4, 7, 11]])

    ax = plot_onset_map(rhythm)

    rows = rows_of(ax)
    assert len(rows) == 4
    thirds = np.round((LEAD + np.arange(3) * 4 / 3) * CELLS).astype(int)
    assert np.allclose(rows[1, thirds], 1.0, atol=0.15)
    (mark,) = ax.get_lines()[:1]
    assert list(mark.get_ydata()) == [2]
    assert "more or fewer than 4 beats" in ax.get_legend().get_texts()[0].get_text()


def test_a_missed_beat_shifts_nothing():
    """A bar in which one beat was not heard keeps its onsets in the columns of the others."""
    rhythm = steady(12)
    without = np.delete(np.arange(12), 6)
    missed = replace(rhythm, beats=rhythm.beats[without], confidence=rhythm.confidence[without])

    assert np.allclose(rows_of(plot_onset_map(missed)), rows_of(plot_onset_map(rhythm)))


def test_bars_follow_a_changing_tempo():
    """A bar that slows down still has its onsets on its beats."""
    rhythm = steady(8)
    beats = np.array([0.5, 0.9, 1.5, 2.3, 3.3, 3.8, 4.2, 4.6])
    onset = np.zeros(len(rhythm.times))
    onset[np.round(beats / 0.01).astype(int)] = 1.0
    rhythm = replace(rhythm, beats=beats, downbeats=beats[::4], onset=onset)

    on_beat = np.round((LEAD + np.arange(4)) * CELLS).astype(int)
    assert np.allclose(rows_of(plot_onset_map(rhythm))[:, on_beat], 1.0, atol=1e-6)


def test_an_unfinished_last_bar_is_left_out_and_what_the_song_has_not_is_blank():
    assert len(rows_of(plot_onset_map(steady(11)))) == 2
    blank = np.isnan(rows_of(plot_onset_map(steady(8).excerpt(0.0, 4.3))))  # the second bar would end at 4.5 s
    assert blank[1, -4:].all()
    assert blank.sum() == 4


def test_sections_stand_beside_their_rows():
    """Three phrases of four bars: letters in the middle of their rows, a line where each begins."""
    (beside,) = plot_onset_map(phrased(48)).child_axes

    assert [(text.get_text(), text.get_position()[1]) for text in beside.texts] == [("A", 2.5), ("B", 6.5), ("A", 10.5)]
    first, second, third = beside.patches
    assert same_color(first.get_facecolor(), third.get_facecolor())
    assert not same_color(first.get_facecolor(), second.get_facecolor())


def test_the_map_of_a_long_song_stays_on_the_screen():
    assert onset_map_height(steady(4 * 200)) == TALLEST
    assert onset_map_height(steady(32)) < 3


def test_ribbons_are_named_and_as_wide_as_their_energy():
    """Not by colour alone: each has its name at its side."""
    ax = drawn(plot_ribbons(steady(16)))

    widths = [np.ptp(band.get_paths()[0].vertices[:, 1]) for band in ax.collections[:3]]
    assert np.allclose(widths, [2 * 0.46, 0.46, 0.0])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["bass", "mid", "high"]
    for band, color in zip(ax.collections, BAND_COLORS.values(), strict=False):
        assert same_color(band.get_facecolor()[0], color)


def test_ribbons_carry_the_downbeats():
    rhythm = steady(16)

    lines = plot_ribbons(rhythm).collections[-1]

    assert np.allclose([segment[0][0] for segment in lines.get_segments()], rhythm.downbeats)
