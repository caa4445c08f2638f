"""The dashboard of a report draws what was measured."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from s2v_nb import measure_alignment
from s2v_nb.alignment import AlignmentReport
from s2v_nb.alignment.report import score_events, verdict
from s2v_nb.alignment.signals import Signals
from s2v_nb.plots import plot_alignment, save
from s2v_nb.plots.alignment import MEASURE_NAMES, PETALS, plot_dashboard, plot_lags, plot_phase_rose, plot_scores
from s2v_nb.rhythm import Rhythm

BEATS = np.arange(0.25, 12, 0.5)


@pytest.fixture(autouse=True)
def _no_figure_stays():
    plt.close("all")
    yield
    plt.close("all")


def report_of(events: np.ndarray, downbeats: np.ndarray = BEATS[::4]) -> AlignmentReport:
    """A report of visual stops at ``events`` in a clip of 12 s with a beat every half second."""
    times, nothing = np.arange(360) / 30, np.zeros(0)
    scores = score_events(events, BEATS, downbeats, 12.0, 1 / 30, draws=60)
    return AlignmentReport(
        clip="clip.mp4",
        verdict=verdict(scores, 12.0),
        headline=None if scores is None else "stops",
        duration=12.0,
        fps=30.0,
        tempo=120.0,
        beats=len(BEATS),
        scores={} if scores is None else {"stops": scores},
        signals=Signals(times, np.full(360, 0.1), np.full(360, 0.5), np.zeros(360, bool), 30.0),
        events={"stops": events, "flashes": nothing, "speed_maxima": nothing},
        rhythm=Rhythm(12.0, 120.0, BEATS, downbeats, nothing, nothing, {}, -20.0),
    )


def petals(ax) -> np.ndarray:
    return np.array([bar.get_height() for bar in ax.patches])


def test_the_rose_has_its_petal_where_the_events_are():
    """An eighth of a beat late is an eighth of the way round; the arrow points there, as long as R."""
    report = report_of(BEATS[:-1] + 0.0625)

    ax = plot_phase_rose(report)

    assert np.flatnonzero(petals(ax)).tolist() == [PETALS // 8]
    assert ax.patches[PETALS // 8].get_x() + ax.patches[0].get_width() / 2 == pytest.approx(np.pi / 4)
    angle, length = (each[-1] for each in ax.get_lines()[1].get_data())
    assert (angle, length) == pytest.approx((np.pi / 4, 1.0))
    circle = ax.get_lines()[0].get_ydata()
    assert np.allclose(circle, report.scores["stops"].chance_r)


def test_petals_show_shares_by_their_area():
    """Three events in four on the beat, one half way: areas of 3 to 1."""
    events = np.sort(np.append(BEATS[:12], BEATS[12:16] + 0.25))

    area = petals(plot_phase_rose(report_of(events))) ** 2

    assert area[0] == 1.0
    assert area[PETALS // 2] == pytest.approx(1 / 3)
    assert area.sum() == pytest.approx(4 / 3)


def test_an_event_just_before_the_beat_is_on_the_beat():
    """The last petal of the round is the first."""
    assert np.flatnonzero(petals(plot_phase_rose(report_of(BEATS - 0.002)))).tolist() == [0]


def test_the_rose_needs_round_axes():
    _, square = plt.subplots()

    with pytest.raises(ValueError, match="projection"):
        plot_phase_rose(report_of(BEATS), ax=square)
    _, polar = plt.subplots(subplot_kw={"projection": "polar"})
    assert plot_phase_rose(report_of(BEATS), ax=polar) is polar


def test_lags_show_every_event():
    ax = plot_lags(report_of(BEATS + 0.03))

    bars = [bar for bar in ax.patches if bar.get_height() > 0 and bar.get_width() < 50]
    assert sum(bar.get_height() for bar in bars) == len(BEATS)
    assert all(bar.get_x() <= 30.01 <= bar.get_x() + bar.get_width() + 0.01 for bar in bars)
    assert "ms" in ax.get_xlabel()
    _, own = plt.subplots()
    assert plot_lags(report_of(BEATS), ax=own) is own


def cells(ax) -> list[list[str]]:
    found = ax.tables[0].get_celld()
    return [[found[row, column].get_text().get_text() for column in range(3)] for row in range(len(found) // 3)]


def test_the_table_has_every_measure_and_its_chance_level():
    report = report_of(BEATS + 0.03)
    s = report.scores["stops"]

    head, *rows = cells(plot_scores(report))

    assert head == ["24 visual stops", "this clip", "by chance"]
    by_name = {row[0]: row[1:] for row in rows}
    for name, words in MEASURE_NAMES.items():
        assert by_name[words] == [f"{getattr(s, name):.2f}", f"{getattr(s, 'chance_' + name):.2f}"]
    assert by_name["lag, median (ms)"] == ["+30.0", ""]
    assert by_name["p, of permutations"][0] == f"{s.p:.4f}"
    assert by_name["p_songs, of other songs"][0] == f"{s.p_songs:.3f}"
    _, own = plt.subplots()
    assert plot_scores(report, ax=own) is own


def test_the_table_says_that_there_are_no_bars():
    rows = {row[0]: row[1:] for row in cells(plot_scores(report_of(BEATS, downbeats=BEATS[:1])))}

    assert rows[MEASURE_NAMES["r_bar"]] == ["-", "-"]


def overlaps(boxes) -> bool:
    return any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_no_text_of_the_table_covers_another(clip):
    """On the dashboard too, where it has half the width."""
    report = measure_alignment(clip.path)
    for axes in ([plot_scores(report)], plot_dashboard(report)):
        axes[0].figure.canvas.draw()
        table = axes[-1].tables[0]
        boxes = [
            cell.get_text().get_window_extent() for cell in table.get_celld().values() if cell.get_text().get_text()
        ]

        assert not overlaps(boxes)


def test_the_dashboard_is_a_notebook_wide_and_holds_all(clip, tmp_path):
    report = measure_alignment(clip.path)

    axes = plot_dashboard(report)

    motion, light, lags, rose, table = axes
    assert len({ax.figure for ax in axes}) == 1
    assert np.array_equal(motion.get_lines()[0].get_ydata(), report.signals.motion)
    assert light.get_ylabel() == "brightness (%)"
    assert "in time" in motion.get_title(loc="left")
    assert sum(bar.get_height() for bar in lags.patches if bar.get_width() < 50) == report.scores["stops"].events
    assert rose.name == "polar"
    assert table.tables
    assert plt.imread(save(axes, tmp_path / "dashboard.png", dpi=100)).shape[1] == 900


@pytest.mark.parametrize("plot", [plot_phase_rose, plot_lags, plot_scores])
def test_nothing_to_measure_is_said(plot):
    ax = plot(report_of(np.zeros(0)))
    ax.figure.canvas.draw()

    assert [text.get_text() for text in ax.texts] == ["too few visual events to measure"]


def test_a_still_clip_has_a_dashboard_and_a_plot():
    report = report_of(np.zeros(0))

    for axes in (plot_dashboard(report), plot_alignment(report)):
        axes[0].figure.canvas.draw()
        assert "not enough evidence" in axes[0].get_title(loc="left")
