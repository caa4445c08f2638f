"""What can go wrong for a person, as sentences in her language.

``InputError`` is for everything the person can mend (a wrong file, a value out of bounds): one plain sentence, exit
status 2. ``GenerationError`` is for what failed in spite of good input: exit status 1, with the details in the log.
"""

import os
from dataclasses import dataclass
from string import Formatter
from typing import Any

from s2v_nb.messages import MESSAGES

LANGUAGES = ("en", "zh")


def language() -> str:
    """The language of messages: ``S2V_NB_LANGUAGE``, else the locale's; 'en' or 'zh'."""
    for name in ("S2V_NB_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def say(key: str, lang: str | None = None, /, **values: object) -> str:
    """The sentence ``key`` of the table in `s2v_nb.messages`, filled with ``values``."""
    text = dict(zip(LANGUAGES, MESSAGES[key], strict=True))[lang or language()]
    return Formatter().vformat(text, (), {name: _printable(value) for name, value in values.items()})


def _printable(value: object) -> object:
    """Text from outside without control characters and cut to a readable length."""
    if not isinstance(value, str):
        return value
    clean = "".join(c if c.isprintable() else "?" for c in value)
    return clean if len(clean) <= 160 else clean[:157] + "..."


@dataclass(frozen=True)
class Notice:
    """Something the person should know: ``key`` into the table of messages, and what fills the sentence."""

    key: str
    values: dict[str, Any]


class SentenceError(Exception):
    """An error that speaks: ``str(error)`` is English, ``error.sentence('zh')`` Chinese."""

    def __init__(self, key: str, /, **values: object) -> None:
        self.key, self.values = key, values
        super().__init__(say(key, "en", **values))

    def sentence(self, lang: str | None = None) -> str:
        return say(self.key, lang, **self.values)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: the sentence."""
        return [self.sentence()]

    def __reduce__(self) -> tuple:  # the default one would call __init__ with the sentence as key
        return _rebuild, (type(self), self.key, self.values)


class InputError(SentenceError, ValueError):
    """A file or a value that cannot be used; the sentence names it, what is allowed and the next step."""


class GenerationError(SentenceError, RuntimeError):
    """Making the clip failed although the input was good."""


class Cancelled(SentenceError):
    """The person stopped the work; what was finished stays."""


def told(error: SentenceError) -> dict[str, Any]:
    """An error as JSON can hold it: 'key' and 'values', as `speaks` asks for."""
    plain = str | int | float | bool | None
    return {"key": error.key, "values": {n: v if isinstance(v, plain) else str(v) for n, v in error.values.items()}}


def speaks(kept: Any) -> bool:
    """Whether what was read from a file has the 'key' and the 'values' of a sentence in every language."""
    try:
        return all(say(kept["key"], lang, **kept["values"]) for lang in LANGUAGES)
    except (LookupError, TypeError, ValueError, AttributeError):
        return False


def _rebuild(kind: type[SentenceError], key: str, values: dict[str, object]) -> SentenceError:
    return kind(key, **values)
