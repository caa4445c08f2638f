"""Plots of a sweep draw the numbers its cells were left with."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.patches import Rectangle

from s2v_nb import Settings, Sweep
from s2v_nb.plots import plot_heat_maps, plot_sweep_curves, save
from s2v_nb.plots.style import BEAT, BLUE, DOWNBEAT
from s2v_nb.plots.sweep import curve_panels, heat_map_panels, heat_maps
from s2v_nb.sweeps.cell import Cell, write_result
from tests.sweeps.fakes import TINY_MP4

BASE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24)
BEATS = [0.1, 0.6, 1.1, 1.6, 2.1, 2.6]


@pytest.fixture(autouse=True)
def _no_figure_stays():
    plt.close("all")
    yield
    plt.close("all")


def leave(cell: Cell, *, r: float | None = 0.9, seconds: float | None = 2.0, money: float | None = 0.0) -> None:
    """A finished cell with curves; nothing moves in one whose ``r`` is None."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    cell.path.write_bytes(TINY_MP4)
    scores = {"r": r, "chance_r": 0.3, "lag_ms": 3.0, "f": 1.0, "p": 0.001, "events": 5, "precision": 1.0}
    moves = 0.0 if r is None else 0.02 * (1 + cell.index)
    curves = {
        "fps": 24, "motion": [moves * (k % 12 == 2) for k in range(72)], "brightness": [0.5] * 72,
        "stops": [] if r is None else BEATS[1:], "speed_maxima": [], "flashes": [], "beats": BEATS,
        "downbeats": [BEATS[0], BEATS[4]],
    }  # fmt: skip
    alignment = {"verdict": "not enough evidence", "headline": None, "scores": {}}
    if r is not None:
        alignment = {"verdict": "in time", "headline": "stops", "scores": {"stops": scores}}
    write_result(cell.folder, {"seconds": seconds, "money": money, "peak_memory_bytes": 2**28, "gpu_peak_bytes": 0,
                               "file_bytes": len(TINY_MP4), "notes": [], "motion_energy": moves, "curves": curves,
                               "alignment": alignment})  # fmt: skip


@pytest.fixture
def make(cover, song, tmp_path):
    """A sweep of which the cells that ``made`` picks are finished; R falls by 0.01 a cell."""

    def made(made=lambda cell: True, *, price: float = 0.0, **choices) -> Sweep:
        sweep = Sweep(cover, song, BASE, out=tmp_path / "sweep", **choices)
        for cell in filter(made, sweep.cells):
            still = cell.settings.motion == "off"
            leave(cell, r=None if still else 0.9 - 0.01 * cell.index, seconds=1.0 + cell.index,
                  money=(1.0 + cell.index) * price)  # fmt: skip
        return sweep

    return made


GRID = {"motion": ["off", "low", "high"], "prompt_weight": [0.5, 0.75, 1.0, 1.5]}


def squares(ax, *, hatched: bool) -> list[tuple[int, int]]:
    """(row, column) of the patches for what has no number."""
    found = [patch for patch in ax.patches if isinstance(patch, Rectangle) and bool(patch.get_hatch()) == hatched]
    return [(round(patch.get_y() + 0.5), round(patch.get_x() + 0.5)) for patch in found]


def test_every_number_stands_in_its_square(make):
    axes = plot_heat_maps(make(price=0.001, **GRID))

    assert [ax.get_title(loc="left").split(":")[0].split(" (")[0] for ax in axes] == [
        "keeps time", "motion energy", "time to make", "money",
    ]  # fmt: skip
    score, energy, seconds, money = ({t.get_position()[::-1]: t.get_text() for t in ax.texts} for ax in axes)
    assert set(score) == {(row, column) for row in (1, 2) for column in range(4)}
    assert score[1, 0] == f"{0.9 - 0.04 - 0.3:.2f}"
    assert (energy[0, 0], energy[2, 3]) == ("0.00", "0.24")
    assert (seconds[0, 0], seconds[2, 3]) == ("1", "12")
    assert money[2, 3] == "0.012"


def test_rows_and_columns_are_named_once(make):
    sweep = make(price=1.0, **GRID)
    score, energy, seconds, money = plot_heat_maps(sweep)

    assert [t.get_text() for t in score.get_yticklabels()] == ["off", "low", "high"]
    assert [t.get_text() for t in seconds.get_xticklabels()] == ["0.5", "0.75", "1", "1.5"]
    assert (seconds.get_ylabel(), seconds.get_xlabel()) == ("motion", "prompt weight")
    assert not any(label.get_visible() and label.get_text() for label in energy.get_yticklabels())
    assert "(heights/s)" in energy.get_title(loc="left")
    assert "(s)" in seconds.get_title(loc="left")
    assert money.get_images()[0].get_cmap().name == "viridis"


def test_numbers_can_be_read_on_their_square(make):
    """Black on bright, white on dark: 3 to 1 or better (WCAG 2, for what is not body text)."""
    for ax in plot_heat_maps(make(price=1.0, **GRID)):
        image = ax.get_images()[0]
        for text in ax.texts:
            column, row = text.get_position()
            ground = luminance(image.cmap(image.norm(image.get_array()[row, column]))[:3])
            letters = luminance(plt.matplotlib.colors.to_rgb(text.get_color()))
            assert (max(ground, letters) + 0.05) / (min(ground, letters) + 0.05) > 3


def luminance(color) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_missing_and_still_cells_look_different(make):
    """Hatched where there is no clip, grey where one has nothing to measure, which is said below."""
    axes = plot_heat_maps(make(lambda cell: cell.index not in (1, 6), **GRID))
    score, energy, _ = axes

    assert sorted(squares(score, hatched=True)) == [(0, 1), (1, 2)]
    assert sorted(squares(score, hatched=False)) == [(0, 0), (0, 2), (0, 3)]
    assert squares(energy, hatched=False) == []
    assert axes[-1].get_xlabel().endswith("hatched: no clip, grey: nothing to measure")


def test_without_a_price_there_is_no_money(make):
    sweep = make(**GRID)

    assert len(plot_heat_maps(sweep)) == 3
    assert (heat_map_panels(sweep).rows, heat_map_panels(sweep).columns) == (1, 3)


def test_further_settings_are_averaged_and_it_is_said(make):
    """Over what is there: of the pair that lacks a cell the other one counts."""
    sweep = make(lambda cell: cell.index != 0, motion=["low", "high"], seed=[1, 2, 3], fps=[24, 30])
    seconds = next(found for found in heat_maps(sweep) if found.key == "seconds")

    assert seconds.values == pytest.approx(np.array([[2.0, 3.5, 5.5], [7.5, 9.5, 11.5]]))
    assert all("mean over frames per second" in ax.get_title(loc="left") for ax in plot_heat_maps(sweep))


def test_one_setting_is_one_row(make):
    axes = plot_heat_maps(make(motion=["low", "high"], seed=[7]))

    assert [ax.get_images()[0].get_array().shape for ax in axes] == [(1, 2)] * 3
    assert [t.get_text() for t in axes[0].get_xticklabels()] == ["low", "high"]
    assert [ax.get_xlabel() for ax in axes] == ["motion"] * 3


def test_a_list_has_a_column_a_clip(make):
    axes = plot_heat_maps(make(cells=[{"motion": "low", "seed": k} for k in range(3)]))

    assert axes[0].get_images()[0].get_array().shape == (1, 3)
    assert axes[0].get_xlabel() == "number of the clip"


def test_what_hardly_differs_looks_so(make):
    """Colours begin at zero and reach to the largest value, or half of what R can be."""
    score, energy, seconds = (ax.get_images()[0].norm for ax in plot_heat_maps(make(**GRID)))

    assert (score.vmin, score.vmax) == (0.0, pytest.approx(0.9 - 0.04 - 0.3))
    assert (energy.vmin, energy.vmax) == (0.0, pytest.approx(0.24))
    assert (seconds.vmin, seconds.vmax) == (0.0, 12.0)


def test_a_wide_sweep_has_bars_instead_of_numbers(make):
    axes = plot_heat_maps(make(motion=["low", "high"], seed=list(range(30))))

    assert not any(ax.texts for ax in axes)
    assert len(axes[0].figure.axes) == 2 * len(axes)
    assert heat_map_panels(make(motion=["low", "high"], seed=list(range(30)))).columns == 1


# --- curves


def test_each_clip_has_its_motion_beats_and_stops(make):
    sweep = make(**GRID)
    axes = plot_sweep_curves(sweep)

    assert len(axes) == 12
    for ax, cell in zip(axes, sweep.cells, strict=True):
        motion, stops = ax.get_lines()
        assert np.allclose(motion.get_ydata(), cell.result["curves"]["motion"])
        assert np.allclose(np.diff(motion.get_xdata()), 1 / 24)
        assert list(stops.get_xdata()) == cell.result["curves"]["stops"]
        lines = {color: [s[0][0] for c in ax.collections if same_color(c.get_color()[0][:3], color)
                         for s in c.get_segments()] for color in (BEAT, DOWNBEAT)}  # fmt: skip
        assert lines[DOWNBEAT] == [BEATS[0], BEATS[4]]
        assert sorted(lines[BEAT] + lines[DOWNBEAT]) == BEATS
        assert (ax.get_xlim(), ax.get_ylim()) == (axes[0].get_xlim(), axes[0].get_ylim())
    assert [ax.texts[0].get_text() for ax in axes[::4]] == ["R –", "R 0.86", "R 0.82"]
    assert axes[0].get_xlim() == (0, 3.0)


def test_rows_and_columns_of_curves_are_labelled_at_the_edges(make):
    axes = plot_sweep_curves(make(**GRID))

    assert [ax.get_title() for ax in axes] == ["prompt weight 0.5", "0.75", "1", "1.5", *[""] * 8]
    assert [ax.get_ylabel() for ax in axes[::4]] == ["motion off", "low", "high"]
    assert not any(ax.get_ylabel() for k, ax in enumerate(axes) if k % 4)
    names = [text.get_text() for text in axes[3].get_legend().get_texts()]
    assert names == ["motion (heights/s)", "visual stop", "beat", "downbeat"]
    assert axes[8].get_xlabel() == "time (s)"


def test_cells_without_a_clip_say_so(make):
    axes = plot_sweep_curves(make(lambda cell: cell.index, motion=["low", "high"], prompt_weight=[0.5, 1.0]))

    assert axes[0].texts[0].get_text().split() == ["not", "made", "yet"]
    assert list(axes[0].get_lines()) == []
    assert axes[0].get_ylabel() == "motion low"


def test_nothing_made_can_be_drawn(make):
    sweep = make(lambda cell: False, **GRID)
    for axes in (plot_heat_maps(sweep), plot_sweep_curves(sweep)):
        axes[0].figure.canvas.draw()

    assert len(heat_maps(sweep)) == 3


def test_one_setting_wraps_and_blanks_what_is_over(make):
    sweep = make(prompt_weight=[0.5, 0.75, 1.0, 1.25, 1.5])
    axes = plot_sweep_curves(sweep)

    assert (curve_panels(sweep).rows, curve_panels(sweep).columns) == (2, 4)
    assert [ax.get_title() for ax in axes] == ["prompt weight 0.5", "0.75", "1", "1.25", "1.5"]
    others = [ax for ax in axes[0].figure.axes if ax not in axes]
    assert [ax.axison for ax in others] == [False] * 3
    shown = [ax.xaxis.get_tick_params()["labelbottom"] for ax in axes]
    assert shown == [False, True, True, True, True]  # where no axes are below


def test_many_curves_are_thinned_as_the_sheet_is(make):
    axes = plot_sweep_curves(make(lambda cell: cell.index < 3, prompt_weight=np.linspace(0.5, 1.5, 10).round(2),
                                  seed=list(range(20))))  # fmt: skip

    assert len(axes) == 64
    assert axes[7].get_legend().get_texts()[-1].get_text() == "64 of 200 clips are shown"


@pytest.mark.parametrize(("plot", "panels"), [(plot_heat_maps, heat_map_panels), (plot_sweep_curves, curve_panels)])
def test_given_axes_are_used_and_counted(make, plot, panels):
    sweep = make(**GRID)
    _, axes = plt.subplots(panels(sweep).rows, panels(sweep).columns, squeeze=False)

    assert plot(sweep, ax=axes) == list(axes.flat)
    with pytest.raises(ValueError, match="ax has 1 axes, but this plot draws on"):
        plot(sweep, ax=[axes[0, 0]])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_any_words_can_be_drawn(make, tmp_path, monkeypatch, lang):
    """Formulas, Chinese and long prompts neither fail nor warn, in either language."""
    monkeypatch.setenv("S2V_NB_LANGUAGE", lang)
    sweep = make(lambda cell: cell.index != 2, prompt=["缓慢向右移动镜头，柔和的光晕", r"$\frac{1}{0}$", "x" * 200, ""],
                 motion=["off", "high"], seed=[1, 2])  # fmt: skip
    for plot in (plot_heat_maps, plot_sweep_curves):
        save(plot(sweep), tmp_path / "x.png")

    assert plt.imread(tmp_path / "x.png").shape[1] == 1170


def test_the_real_thing_can_be_drawn(small_sweep):
    axes = plot_sweep_curves(small_sweep)
    motion, _ = axes[3].get_lines()

    assert same_color(motion.get_color(), BLUE)
    assert motion.get_ydata().max() > 0.05
    assert [ax.texts[0].get_text() for ax in axes[:2]] == ["R –", "R –"]  # still pictures
    assert len(plot_heat_maps(small_sweep)) == 4
