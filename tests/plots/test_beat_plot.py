"""The beat plot shows phrases, confidence, moments and candidates, of an excerpt and of a whole song."""

from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.patches import Rectangle

from s2v_nb.plots import plot_beats, save
from s2v_nb.plots.style import BEAT, DOWNBEAT, MOST_DOWNBEATS, MOST_LINES, MOST_POINTS, thinned
from tests.plots.songs import phrased, quiet_audio, steady


@dataclass(frozen=True)
class Part:
    start: float
    duration: float
    score: float
    reason: str


@pytest.fixture(autouse=True)
def _no_figure_stays():
    plt.close("all")
    yield
    plt.close("all")


def draw(rhythm, **options):
    """The three axes, once everything was really drawn."""
    axes = plot_beats(quiet_audio(rhythm), rhythm, **options)
    axes[0].figure.canvas.draw()
    return axes


def strips(axes) -> dict:
    """The strips above the waveform by the first word of their name."""
    return {above.get_ylabel().split("\n")[0]: above for above in axes[0].child_axes}


def count_lines(ax, color) -> int:
    found = [c for c in ax.collections if hasattr(c, "get_segments") and len(c.get_segments())]
    return sum(len(c.get_segments()) for c in found if same_color(c.get_color()[0], color))


def legend_of(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_phrases_stand_above_the_waveform_with_their_letters():
    """One box a phrase; phrases of one letter have one colour."""
    rhythm = phrased(48)

    above = strips(draw(rhythm))["phrases"]

    boxes = [patch for patch in above.patches if isinstance(patch, Rectangle)]
    assert np.allclose([box.get_x() for box in boxes], [phrase.start for phrase in rhythm.phrases])
    assert [text.get_text() for text in above.texts] == ["A", "B", "A"]
    assert same_color(boxes[0].get_facecolor(), boxes[2].get_facecolor())
    assert not same_color(boxes[0].get_facecolor(), boxes[1].get_facecolor())


def test_a_phrase_too_short_for_its_letter_gets_none():
    rhythm = phrased(48)
    first = replace(rhythm.phrases[0], end=rhythm.phrases[0].start + 0.1)
    rhythm = replace(rhythm, phrases=(first, *rhythm.phrases[1:]))

    assert [text.get_text() for text in strips(draw(rhythm))["phrases"].texts] == ["B", "A"]


def test_each_beat_has_a_block_as_high_as_its_confidence():
    rhythm = steady(16)

    (blocks,) = strips(draw(rhythm))["confidence"].collections

    corners = np.array([path.vertices[:4] for path in blocks.get_paths()])
    assert np.allclose(corners[:, :, 1].max(axis=1), rhythm.confidence)
    assert np.allclose(corners[1:-1, :, 0].min(axis=1), rhythm.beats[1:-1] - 0.25)


def test_where_no_beat_was_heard_there_is_no_confidence():
    """A block ends three quarters of a beat from its beat, not halfway over a gap of ten seconds."""
    rhythm = steady(40)
    kept = (rhythm.beats < 5) | (rhythm.beats > 15)
    rhythm = replace(rhythm, beats=rhythm.beats[kept], confidence=rhythm.confidence[kept], downbeats=rhythm.beats[:1])

    (blocks,) = strips(draw(rhythm))["confidence"].collections

    assert max(np.ptp(path.vertices[:4, 0]) for path in blocks.get_paths()) == pytest.approx(0.625)


def test_moments_are_marked_by_shape_and_named_once():
    wave = draw(phrased(48))[0]

    marks = {line.get_label(): (line.get_marker(), list(line.get_xdata())) for line in wave.get_lines()}
    assert marks == {"drop": ("^", [2.0]), "break": ("v", [3.0])}
    hatched = [patch for patch in wave.patches if patch.get_hatch()]
    assert [(patch.get_x(), patch.get_width()) for patch in hatched] == [(4.0, 0.5), (5.0, 0.5)]
    assert legend_of(wave) == ["drop", "break", "silence", "beat", "downbeat"]


def test_candidates_are_numbered_boxes_with_their_reasons():
    """The best first, a box each; what a stranger's words hold is only text."""
    candidates = [Part(4.0, 8.0, 0.9, "副歌 $x$"), Part(6.0, 8.0, 0.5, "steady")]

    wave, _, bands = draw(steady(48), candidates=candidates, excerpt=(1.0, 9.0))

    boxes = [patch for patch in wave.patches if not patch.get_fill()]
    assert [(box.get_x(), box.get_width()) for box in boxes] == [(4.0, 8.0), (6.0, 8.0)]
    assert boxes[0].get_height() > boxes[1].get_height()
    assert [text.get_text() for text in wave.texts] == ["1", "2"]
    first, second = bands.texts[0].get_text().split("\n")
    assert first.startswith("1   4.0 to 12.0 s, score 0.90: ")
    assert first.endswith(r"\$x\$")
    assert second == "2   6.0 to 14.0 s, score 0.50: steady"
    assert legend_of(wave)[-1] == "excerpt"


def test_a_candidate_outside_what_is_shown_widens_nothing(tmp_path):
    rhythm = steady(16)
    box = draw(rhythm)[0].get_position()

    outside = draw(rhythm, candidates=[Part(100.0, 8.0, 0.9, "late")])[0]

    assert outside.get_xlim() == (0, pytest.approx(rhythm.duration))
    assert outside.get_position().width == pytest.approx(box.width, abs=0.01)


def test_an_excerpt_shows_every_beat_and_a_song_as_many_lines_as_can_be_told_apart():
    short, song, long = steady(MOST_LINES), steady(MOST_LINES + 1), phrased(4 * MOST_DOWNBEATS + 8)

    for rhythm, beats, downbeats, words in (
        (short, len(short.beats) - len(short.downbeats), len(short.downbeats), ["beat", "downbeat"]),
        (song, 0, len(song.downbeats), ["downbeat", f"{MOST_LINES + 1} beats\nnot drawn"]),
        (long, 0, 0, ["drop", "break", "silence", "phrase", "264 beats,\n66 downbeats\nnot drawn"]),
    ):
        axes = draw(rhythm)
        assert [(count_lines(ax, BEAT), count_lines(ax, DOWNBEAT)) for ax in axes] == [(beats, downbeats)] * 3
        assert legend_of(axes[0]) == words
    assert count_lines(axes[0], "black") == len(long.phrases)


def test_a_long_curve_keeps_its_peaks():
    """A song's curve is drawn with fewer points, none of which is lower than what it stands for."""
    times, curve = np.arange(20_000) / 100, np.zeros(20_000)
    curve[12_345] = 1.0

    few_times, few = thinned(times, curve)

    assert len(few) <= MOST_POINTS
    assert few.max() == 1.0
    assert few_times[few.argmax()] == pytest.approx(123.45, abs=0.2)
    short = curve[:MOST_POINTS]
    assert thinned(times[:MOST_POINTS], short)[1] is short


@pytest.mark.parametrize("beats", [0, 1, 2])
def test_songs_with_hardly_a_beat_are_drawn(beats):
    axes = draw(steady(beats))

    title = axes[0].get_title(loc="left")
    assert ("no beat found" in title) == (beats == 0)
    assert ("1 beat," in title) == (beats == 1)
    assert ("confidence" in strips(axes)) == (beats > 0)
    assert "phrases" not in strips(axes)


def test_the_strips_and_the_title_do_not_overlap():
    axes = draw(phrased(48))
    boxes = [ax.get_window_extent() for ax in (strips(axes)["phrases"], strips(axes)["confidence"], *axes)]
    title = axes[0]._left_title.get_window_extent()

    assert all(upper.y0 >= lower.y1 for upper, lower in zip([title, *boxes], boxes, strict=False))
    assert title.y1 <= axes[0].figure.bbox.y1
    assert axes[0].get_legend().get_window_extent().x1 <= axes[0].figure.bbox.x1


@pytest.mark.parametrize("name", ["夜曲 🎵 노래.mp3", "two\nlines", "\udcff.mp3", "$\\frac$.mp3", "\u202e3pm.x"])
def test_no_name_fails_or_warns(name, tmp_path):
    """Nor does an emoji, a line break, a turn of the writing, or a name that is not Unicode; it stays one line."""
    rhythm = steady(4)
    axes = plot_beats(replace(quiet_audio(rhythm), name=name), rhythm)

    assert axes[0].get_title(loc="left").isprintable()
    assert save(axes, tmp_path / "x.png").stat().st_size > 5000
