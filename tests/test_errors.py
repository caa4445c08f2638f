"""One table of sentences, whole in both languages."""

import pickle
import string

import pytest

from s2v_nb.errors import Cancelled, InputError, language, say
from s2v_nb.messages import MESSAGES

SAMPLE = dict.fromkeys(("size_mib", "limit_mib", "minutes", "limit", "seconds", "start", "low", "high"), 3.0)


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", MESSAGES)
def test_both_languages_say_something(key):
    english, chinese = MESSAGES[key]

    assert english.isascii()
    assert any("\u4e00" <= c <= "\u9fff" for c in chinese)
    # Chinese has its own words for a few names, but needs nothing that English callers do not give
    spare = {name + "_zh" for name in fields_of(english)}
    assert fields_of(chinese) <= fields_of(english) | spare


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"S2V_NB_LANGUAGE": "zh"}, "zh"),
        ({"S2V_NB_LANGUAGE": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_language_follows_the_environment(monkeypatch, variables, expected):
    for name in ("S2V_NB_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert language() == expected


def test_names_from_outside_cannot_steer_the_terminal():
    sentence = say("file.missing", "en", name="evil\x1b[2J\n.png", what="picture", what_zh="图片")

    assert "\x1b" not in sentence
    assert "\n" not in sentence


def test_errors_survive_a_trip_between_processes():
    error = InputError("settings.choice", name="fps", value=25, allowed="24, 30")

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), str(copy), copy.sentence("zh")) == (InputError, str(error), error.sentence("zh"))


def test_a_notebook_shows_the_sentence_and_no_traceback():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    with capture_output() as shown:
        InteractiveShell.instance().run_cell("from s2v_nb import Settings; Settings(duration=99)")

    assert shown.stdout.strip() == "duration=99 is outside 3.0 to 15.0 s; choose a value in that range."


def test_cancelled_is_no_value_error():
    """A wrong value and a stopped job are told apart by `except ValueError`."""
    assert not isinstance(Cancelled("cancelled"), ValueError)
