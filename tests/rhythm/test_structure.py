"""Phrases and key moments of songs whose form is known."""

import numpy as np
import pytest

from s2v_nb import analyze
from s2v_nb.media.audio import audio_from_array
from s2v_nb.rhythm.vocals import vocal_presence
from tests.rhythm.music import band, bar_lines


@pytest.fixture(scope="module")
def form():
    return analyze(band("AAAABBBBAAAABBBBCCCC"))


def test_phrases_begin_where_the_music_changes(form):
    lines = bar_lines(20)[::4]

    starts = np.array([p.start for p in form.phrases])
    for line in lines:
        assert np.abs(starts - line).min() < 0.1, f"no phrase begins at {line:.2f} s"


def test_sections_that_sound_alike_share_a_letter(form):
    def letter(bar: int) -> str:
        at = bar_lines(20)[bar] + 1.0
        return next(p.label for p in form.phrases if p.start <= at < p.end)

    assert letter(0) == letter(8)
    assert letter(4) == letter(12)
    assert len({letter(0), letter(4), letter(16)}) == 3


def test_phrases_follow_one_another(form):
    for one, other in zip(form.phrases, form.phrases[1:], strict=False):
        assert one.end == other.start
    assert sum(p.bars for p in form.phrases) == pytest.approx(20, abs=1)


def test_a_break_a_drop_and_a_silence_are_found():
    rhythm = analyze(band("AAAACCCC--AAAA", loud={"C": 0.12}))
    lines = bar_lines(14)

    kinds = {m.kind: m for m in rhythm.moments}
    assert kinds["break"].start == pytest.approx(lines[4], abs=0.6)
    assert kinds["silence"].start == pytest.approx(lines[8], abs=0.3)
    assert kinds["silence"].end == pytest.approx(lines[10], abs=0.3)
    drops = [m.start for m in rhythm.moments if m.kind == "drop"]
    assert min(abs(d - lines[10]) for d in drops) < 2.3


def test_a_song_of_one_bar_has_no_phrases():
    assert analyze(band("A")).phrases == ()


def test_moments_and_phrases_survive_an_excerpt(form):
    part = form.excerpt(form.phrases[1].start - 1.0, 8.0)

    assert part.phrases[0].start == 0.0
    assert part.phrases[1].start == pytest.approx(1.0)
    assert all(p.end <= 8.0 for p in part.phrases)


def voice(glide: float) -> np.ndarray:
    """A tone with six harmonics whose pitch trembles by ``glide`` semitones six times a second."""
    t = np.arange(22_050 * 6) / 22_050
    pitch = 260 * 2 ** (glide * np.sin(2 * np.pi * 5.5 * t) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / 22_050
    return sum(np.sin(h * phase) / h for h in range(1, 9)).astype(np.float32) * 0.2


def test_a_trembling_voice_is_a_voice_and_a_held_tone_is_none():
    assert vocal_presence(voice(0.9)) > 0.6
    assert vocal_presence(voice(0.0)) < 0.05
    assert vocal_presence(band("AABB").mono) < 0.15
    assert vocal_presence(np.zeros(22_050, np.float32)) == 0.0
    assert analyze(audio_from_array(voice(0.9), 22_050)).vocals > 0.6
