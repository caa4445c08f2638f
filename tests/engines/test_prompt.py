"""A prompt is understood in both languages, and what is not is named."""

import pytest

from s2v_nb.engines.preview.directions import ADVERBS, DIRECTIONS, FILLERS, JOINERS, Look
from s2v_nb.engines.preview.prompt import look_of, read_prompt


def names(prompt: str) -> list[str]:
    return [term.direction.name for term in read_prompt(prompt).terms]


def test_there_are_forty_directions_and_each_says_one_thing():
    phrases = [phrase for d in DIRECTIONS for phrase in d.phrases]

    assert len(DIRECTIONS) >= 40
    assert len(phrases) == len(set(phrases))
    assert not set(phrases) & (set(ADVERBS) | FILLERS | JOINERS)


@pytest.mark.parametrize("direction", DIRECTIONS, ids=lambda d: d.name)
def test_every_phrase_of_a_direction_is_understood_alone_and_in_company(direction):
    for phrase in direction.phrases:
        assert names(phrase) == [direction.name], phrase
        reading = read_prompt(f"subtle {phrase.upper()}" if phrase.isascii() else f"轻微的{phrase}效果")
        assert [t.direction.name for t in reading.terms] == [direction.name], phrase
        assert reading.terms[0].strength == 0.45
        assert reading.unknown == ()


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("cinematic, slow pan right, subtle glow", ["cinematic", "pan right", "glow"]),
        ("电影感，缓慢向右平移，轻微辉光", ["cinematic", "pan right", "glow"]),
        ("Zoom In; black and white / film grain", ["zoom in", "monochrome", "film grain"]),
        ("slow zoom in and gentle handheld", ["zoom in", "handheld"]),
        ("推近和下雪", ["zoom in", "snow"]),
        ("", []),
        (" , ,, ", []),
    ],
)
def test_prompts(prompt, expected):
    reading = read_prompt(prompt)

    assert [t.direction.name for t in reading.terms] == expected
    assert reading.unknown == ()


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("purple elephant, glow", ("purple elephant",)),
        ("slow purple zoom in", ("purple",)),
        ("a majestic castle with rain", ("majestic castle",)),
        ("very slow", ("very slow",)),
        ("lights, zoom in", ("lights",)),
        ("no elephants", ("no elephants",)),
        ("紫色大象，推近", ("紫色大象",)),
        ("glow, <script>alert(1)</script>", ("< script > alert ( 1 ) <", "script >")),
    ],
)
def test_unknown_words_are_named_as_they_stood(prompt, unknown):
    assert read_prompt(prompt).unknown == unknown


def test_adverbs_act_on_their_own_part():
    slow, plain = read_prompt("slow pan right, zoom in").terms

    assert (slow.speed, plain.speed) == (0.5, 1.0)


def test_weight_scales_the_directions():
    reading = read_prompt("pan right, glow")

    weak, strong = look_of(reading, 0.5), look_of(reading, 1.5)

    assert strong.pan == pytest.approx(3 * weak.pan)
    assert strong.glow == pytest.approx(3 * weak.glow)


def test_without_camera_words_the_camera_breathes_unless_static():
    assert look_of(read_prompt("warm")).zoom > 0
    assert look_of(read_prompt("warm, static")).zoom == 0
    assert look_of(read_prompt("pan left")).zoom == 0


def test_a_hostile_prompt_stays_bounded():
    look = look_of(read_prompt(", ".join(["extreme very intense glow"] * 40)), 1.5)

    assert look.glow <= 1.6
    assert isinstance(look, Look)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("zoom in, no rain", ["zoom in"]),
        ("rain, snow, without rain", ["snow"]),
        ("推近，不要下雪", ["zoom in"]),
        ("no camera movement", ["static"]),
        ("glow, not too fast", ["glow"]),
    ],
)
def test_no_means_no(prompt, expected):
    assert names(prompt) == expected


def test_opposite_moves_do_not_become_the_default_one():
    assert look_of(read_prompt("zoom in, zoom out")).zoom == 0
