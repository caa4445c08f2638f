"""A finished clip in words: what it was made with and how it keeps time, as every panel says it."""

import html
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from s2v_nb.jobs.history import Made

Say = Callable[..., str]
SETTINGS = tuple("prompt prompt_weight motion duration start resolution aspect fps fit subject seed".split())
VERDICTS = {"in time": "in_time", "no link to the beat": "no_link"}  # any other: not enough evidence
MEASURING_SECONDS = 600.0  # a clip that was not measured by then will not be


def file_name(made: Made) -> str:
    """The clip's name in downloads."""
    return f"{Path(made.audio).stem}-{made.name[:6]}.mp4"


def size_of(made: Made) -> str:
    width, height = made.settings.size
    return f"{width}x{height}"


def summary(made: Made, say: Say) -> str:
    """'motion high, 8 s, 854x480, 30 fps, seed 3'"""
    found = made.settings
    return say("studio.made.summary", motion=say(f"studio.motion_word.{found.motion}"), seconds=made.seconds,
               size=size_of(made), fps=found.fps, seed=found.seed)  # fmt: skip


def headline(made: Made) -> dict[str, Any] | None:
    """The numbers the verdict rests on; None if it was not measured, or nothing could be."""
    scores = made.scores or {}
    return scores.get("scores", {}).get(scores.get("headline"))


def verdict(made: Made, say: Say) -> str:
    """'in time', 'not enough evidence' ...; '' if it was not measured."""
    found = (made.scores or {}).get("verdict")
    return say(f"studio.verdict.{_known(found)}") if found else ""


def sentence(made: Made, say: Say) -> str:
    """How the clip keeps time, in one line."""
    if made.error:
        return say(made.error[0], **made.error[1])
    if not made.scores:
        return say(f"studio.verdict.{'measuring' if is_being_measured(made) else 'none'}")
    row = headline(made)
    if row is None:
        return say("studio.verdict.nothing")
    side = "late" if row["lag_ms"] >= 0 else "early"
    known = _known(made.scores["verdict"])
    key = f"studio.verdict.{side}_unsure" if known == "unsure" else f"studio.verdict.{side}"
    return say(key, verdict=say(f"studio.verdict.{known}"), lag=abs(row["lag_ms"]), r=row["r"], p=_p(row))


def _known(found: str) -> str:
    return VERDICTS.get(found, "unsure")


def is_being_measured(made: Made) -> bool:
    return not made.measured and time.time() - made.when < MEASURING_SECONDS


def setting_words(made: Made, name: str, say: Say) -> str:
    """The value of one setting for a table."""
    value = getattr(made.settings, name)
    if name == "motion":
        return say(f"studio.motion_word.{value}")
    if value is None or value == "auto":
        return say("studio.made.auto")
    if name == "fit":
        return say(f"option.{value}")
    if name in ("duration", "start"):
        return f"{value:g} s"
    if name == "subject":
        return f"{value[0]:.2f}, {value[1]:.2f}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_table(made: Made, say: Say) -> str:
    """All that made the clip, as HTML."""
    rows = [(say("studio.made.image"), made.image), (say("studio.made.audio"), made.audio)]
    rows += [(say(f"studio.made.{name}"), setting_words(made, name, say)) for name in SETTINGS]
    rows += [(say("studio.made.engine"), made.engine), (say("studio.made.folder"), made.path.parent.name)]
    return table(rows)


def comparison(made: Made, other: Made, say: Say) -> str:
    """What differs between two clips, and how each keeps time, as HTML."""
    rows: list[tuple[str, ...]] = [("", say("studio.compare.this"), say("studio.compare.last"))]
    for name in ("image", "audio", "engine"):
        rows.append((say(f"studio.made.{name}"), getattr(made, name), getattr(other, name)))
    for name in SETTINGS:
        rows.append((say(f"studio.made.{name}"), *(setting_words(one, name, say) for one in (made, other))))
    rows[1:] = [row for row in rows[1:] if row[1] != row[2]] or [(say("studio.compare.same"), "", "")]
    rows += [(say(f"studio.score.{name}"), _score(made, name, say), _score(other, name, say)) for name in _SCORES]
    return table(rows, head=True)


_SCORES = ("verdict", "r", "lag", "p")


def _score(made: Made, name: str, say: Say) -> str:
    if name == "verdict":
        return verdict(made, say) or "-"
    row = headline(made)
    if row is None:
        return "-"
    return {"r": f"{row['r']:.3f}", "lag": f"{row['lag_ms']:+.1f} ms", "p": _p(row)}[name]


def _p(row: dict[str, Any]) -> str:
    return f"{row['p']:.2g}"


def table(rows: Iterable[tuple[str, ...]], *, head: bool = False) -> str:
    """Rows of text as an HTML table; the first column names the row, with ``head`` the first row the columns."""
    text = ""
    for index, (name, *cells) in enumerate(rows):
        tag = 'th scope="col"' if head and index == 0 else "td"
        row = "".join(f"<{tag} style='{_CELL}'>{html.escape(cell)}</{tag[:2]}>" for cell in cells)
        text += f"<tr><th scope='row' style='{_CELL};font-weight:normal;opacity:.8'>{html.escape(name)}</th>{row}</tr>"
    return f"<table style='border-collapse:collapse;line-height:1.4;width:100%'>{text}</table>"


_CELL = (
    "text-align:left;vertical-align:top;padding:3px 10px 3px 0;overflow-wrap:anywhere;"
    "border-bottom:1px solid var(--jp-border-color2, #ddd)"
)
