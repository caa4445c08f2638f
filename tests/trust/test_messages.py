"""Every error a person can meet: in both languages, with what was found, what is allowed, and the next step."""

import ast
import re
import string
from pathlib import Path

import pytest

from s2v_nb.errors import LANGUAGES, say
from s2v_nb.messages import MESSAGES

ROOT = Path(__file__).resolve().parents[2]
# how the source raises or shows an error; the key is the first argument
RAISES = re.compile(r"(Error|Cancelled|Missing|Refusal)$")
# keys that are put together while it runs, so that they are not found as a whole
COMPOSED = {"studio.no_image", "studio.no_audio", "image.format", "audio.format", "video.format"}

# what is out of bounds: (what was found, what is allowed); a number stands in the sentence itself
BOUNDS = {
    "settings.choice": ("value", "allowed"),
    "settings.range": ("value", "low high unit"),
    "settings.number": ("value", "low high unit"),
    "settings.integer": ("value", "low high"),
    "settings.prompt": ("length", "high"),
    "settings.unknown": ("name", "allowed"),
    "file.too_big": ("name size_mib", "limit_mib"),
    "image.too_large": ("name width height", "limit"),
    "image.too_small": ("name width height", "limit"),
    "image.array": ("shape dtype", "uint8"),
    "audio.array": ("shape", "1 8"),
    "audio.channels": ("name channels", "1 limit"),
    "audio.rate": ("name rate", "low high"),
    "audio.too_short": ("name seconds start", "low"),
    "audio.too_long": ("name minutes", "limit"),
    "audio.too_long_rate": ("name minutes rate", "limit"),
    "video.too_large": ("name width height seconds", "limit longest"),
    "out.name": ("name", ".mp4 limit"),
    "tracker.unknown": ("name", "allowed"),
    "engine.unknown": ("value", "allowed"),
    "replay.engine": ("engine", "allowed"),
    "replay.version": ("made", "here"),
    "corrections.unknown": ("name", "allowed"),
    "corrections.value": ("name value", "allowed"),
    "corrections.taps": ("count", "low"),
    "plot.name": ("name", "png svg pdf"),
    "upload.too_big": ("name size_mib", "limit_mib"),
    "upload.disk": ("size_mib", "free_mib"),
    "sweep.disk": ("needs", "has"),
    "sweep.range": ("value", "2 limit"),
    "sweep.too_many": ("count", "1 limit"),
    "sweep.cap": ("value price", "0"),
    "sweep.runner": ("value", "allowed"),
    "sweep.name": ("name", "allowed"),
    "sweep.which": ("count values", "allowed"),
    "sweep.cells": ("found", "allowed"),
    "sweep.ray_workers": ("wanted needs", "has"),
    "sweep.ray_version": ("there", "here"),
    "series.pairs": ("images audios", "limit"),
    "studio.sweep.weights": ("count low high", "1 most"),
    "models.space": ("needs has", "short"),
    "plan.nothing": ("needs has", "host_needs host_has"),
}
SPEAKS_OF_BOUNDS = re.compile(r"at most|at least|outside|not one of|or more|can be used|are allowed")
# of these nothing was found that could be shown
NOTHING_FOUND = {
    "cancelled", "idle.empty", "session.nothing", "studio.no_image", "studio.no_audio", "studio.sweep.busy",
    "studio.sweep.gone", "studio.sweep.no_motion", "sweep.no_ray", "platform.late", "models.no_modelscope",
    "models.offline_now", "models.no_peft", "failed.memory",
}  # fmt: skip
# "at least" without a bound that one could be beyond
NO_BOUND = {"series.empty", "studio.sweep.no_motion"}

STEPS = re.compile(
    r"\b(choose|give|check|try|run|write|free|make|save|install|open|use|set|stop|start|put|leave|delete|load|move|"
    r"export|cut|tap|shorten|ask|see|add|press|tick|upload|begin|bring|report|mend|generate|fetch|fetches|fetched|find|"
    r"unset|read|say|finish|remove|shows|lists|close|wait|download|restart|switch|accept|retry|update|name|tried|"
    r"goes on)\b",
    re.IGNORECASE,
)
STEPS_ZH = re.compile(r"请|可用|可运行|需要|即可|应为|或|再|先|会")
# a part of another sentence, or one whose end is another sentence
PARTS = {"engine.refused"}


def errors() -> dict[str, set[str]]:
    """Key to the names of the values that the source gives it."""
    found: dict[str, set[str]] = {key: set() for key in COMPOSED}
    for path in (ROOT / "s2v_nb").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and RAISES.search(ast.unparse(node.func)):
                key = node.args[0]
                if isinstance(key, ast.Constant) and key.value in MESSAGES:
                    names = {word.arg for word in node.keywords if word.arg}
                    found.setdefault(key.value, set()).update(names)
    return found


ERRORS = errors()


def fields(text: str) -> set[str]:
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in string.Formatter().parse(text) if name}


def filled(key: str) -> dict[str, object]:
    """A value for each place: numbers where the sentence formats one."""
    values: dict[str, object] = {}
    for text in MESSAGES[key]:
        for _, name, form, _ in string.Formatter().parse(text):
            if name:
                values[name] = 3.0 if form else values.get(name, f"<{name}>")
    return values


def test_the_table_is_about_errors_that_exist():
    assert len(ERRORS) > 90
    assert set(BOUNDS) - set(MESSAGES) == set()
    assert set(BOUNDS) - set(ERRORS) <= {"models.space", "plan.nothing"}  # raised with a key that is put together


@pytest.mark.parametrize("key", sorted(ERRORS))
def test_it_is_whole_in_both_languages(key):
    english, chinese = (say(key, language, **filled(key)) for language in LANGUAGES)

    assert english.endswith((".", "?")) or key in PARTS
    assert chinese.endswith(("。", "？")) or key in PARTS
    assert english.isascii()
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert len(english) < 320
    assert "Traceback" not in english
    assert "Error" not in english


@pytest.mark.parametrize("key", sorted(ERRORS))
def test_it_tells_what_was_found(key):
    """And every value that the source gives it is used: none is lost in a translation."""
    english, chinese = MESSAGES[key]
    given = {name for name in ERRORS[key] if not name.endswith("_zh")}

    assert fields(english) or key in NOTHING_FOUND
    assert {name for name in given if name not in fields(english) and name not in fields(chinese)} <= {"short"}
    told_in_chinese = {name.removesuffix("_zh") for name in fields(chinese)}
    assert fields(english) - told_in_chinese == set()


@pytest.mark.parametrize("key", sorted(BOUNDS))
def test_what_is_out_of_bounds_is_told_with_its_bounds(key):
    for text in MESSAGES[key]:
        for part in " ".join(BOUNDS[key]).split():
            assert part in fields(text) or part in re.sub(r"\{[^}]*\}", "", text), part


def test_every_sentence_with_a_bound_is_in_the_table():
    spoken = {key for key in ERRORS if SPEAKS_OF_BOUNDS.search(MESSAGES[key][0])}

    assert spoken - set(BOUNDS) - NO_BOUND == set()


@pytest.mark.parametrize("key", sorted(set(ERRORS) - PARTS))
def test_it_names_the_next_step(key):
    english, chinese = (re.sub(r"\{[^}]*\}", "", text) for text in MESSAGES[key])

    assert STEPS.search(re.split(r"[;:,.]\s", english, maxsplit=1)[-1] if re.search(r"[;:,.]\s", english) else english)
    assert STEPS_ZH.search(chinese)
