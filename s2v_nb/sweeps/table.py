"""How the cells of a sweep stand, as rows, and which of them keep time best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from s2v_nb.errors import say
from s2v_nb.sweeps.cell import Cell

MIB = 2**20
VERDICT_KEYS = {"in time": "studio.verdict.in_time", "no link to the beat": "studio.verdict.no_link"}


@dataclass(frozen=True)
class Best:
    """A cell and why it is among the best."""

    cell: Cell
    score: float
    key: str
    values: dict[str, Any]
    verdict: str

    def why(self, lang: str | None = None) -> str:
        verdict = VERDICT_KEYS.get(self.verdict, "studio.verdict.unsure")
        return say(self.key, lang, verdict=say(verdict, lang), **self.values)


def rows_of(cells: Sequence[Cell], price_per_hour: float = 0.0) -> list[dict[str, Any]]:
    """One dict a cell: number, swept values, state, what it took, how it keeps time, the clip's path.

    Seconds, money and memory are None where they are not known: while it is not done, or where somebody else made it.
    Money is what was paid at the price of the day; a clip that was made without a price counts at ``price_per_hour``.
    """
    return [_row(cell, price_per_hour) for cell in cells]


def money_of(cell: Cell, price_per_hour: float) -> float | None:
    """What a finished cell cost; None where that is not known."""
    result = cell.result
    paid, seconds = result.get("money"), result.get("seconds")
    if paid is not None or seconds is None or not price_per_hour:
        return paid
    return round(seconds * price_per_hour / 3600, 6)


def spent_on(cells: Sequence[Cell], price_per_hour: float) -> float:
    """Money for these cells so far, each run once, failed and interrupted attempts included."""
    return sum(_spent(cell, price_per_hour) for cell in {cell.name: cell for cell in cells}.values())


def _spent(cell: Cell, price_per_hour: float) -> float:
    if cell.is_done:
        return money_of(cell, price_per_hour) or 0.0
    return cell.attempts.seconds * price_per_hour / 3600


def _row(cell: Cell, price_per_hour: float) -> dict[str, Any]:
    state, result = cell.state, cell.result
    if state != "done":
        result = {}
    scores = headline(cell) if result else {}
    return {
        "cell": cell.index,
        **cell.values,
        "state": state,
        "seconds": result.get("seconds"),
        "peak_memory_mib": _mib(result.get("peak_memory_bytes")),
        "gpu_peak_mib": _mib(result.get("gpu_peak_bytes")),
        "money": money_of(cell, price_per_hour) if result else None,
        "verdict": result.get("alignment", {}).get("verdict"),
        "events": scores.get("events"),
        "r": scores.get("r"),
        "chance_r": scores.get("chance_r"),
        "lag_ms": scores.get("lag_ms"),
        "f": scores.get("f"),
        "p": scores.get("p"),
        "motion_energy": result.get("motion_energy"),
        "error": _error(cell, result),
        "run": cell.name,
        "clip": str(cell.path) if state == "done" else None,
    }


def _error(cell: Cell, result: dict[str, Any]) -> str | None:
    """Why it failed, or could not be measured."""
    told = result["alignment"].get("error") if result else next(reversed(cell.attempts.failures), None)
    return say(told["key"], **told["values"]) if told else None


def _mib(size: int | None) -> float | None:
    return None if size is None else round(size / MIB, 1)


def headline(cell: Cell) -> dict[str, Any]:
    """The scores a cell's verdict rests on, as `EventScores` names them; empty if it was not measured."""
    found = cell.result.get("alignment", {})
    scores = found.get("scores", {}).get(found.get("headline"))
    return scores if isinstance(scores, dict) else {}


def score_of(cell: Cell) -> float | None:
    """How well a cell keeps time, for comparing cells of one song: phase locking R beyond what chance gives.

    None where nothing could be measured, as in a still picture.
    """
    scores = headline(cell)
    return scores["r"] - scores["chance_r"] if scores else None


def best_cells(cells: Sequence[Cell], count: int) -> tuple[Best, ...]:
    """The ``count`` best: by `score_of`, then by their lag; those without a link to the beat come last."""
    ranked = []
    for cell in cells:
        score = score_of(cell)
        if score is not None and cell.is_done:
            scores, verdict = headline(cell), cell.result["alignment"]["verdict"]
            unlinked = verdict == "no link to the beat"
            ranked.append(((unlinked, -round(score, 2), abs(scores["lag_ms"]), cell.index), cell, score))
    ranked.sort(key=lambda entry: entry[0])
    return tuple(_reason(cell, score) for _, cell, score in ranked[:count])


def _reason(cell: Cell, score: float) -> Best:
    scores = headline(cell)
    met = round(scores["precision"] * scores["events"])
    key = "sweep.best_late" if scores["lag_ms"] >= 0 else "sweep.best_early"
    values = {"r": scores["r"], "chance": scores["chance_r"], "lag": abs(scores["lag_ms"]), "met": met,
              "events": scores["events"]}  # fmt: skip
    return Best(cell, score, key, values, cell.result["alignment"]["verdict"])
