"""The cells of a sweep or series in labelled rows and columns, as sheets and plots show them, and settings in words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from s2v_nb.errors import language, say
from s2v_nb.messages import MESSAGES
from s2v_nb.settings import CONTROLS
from s2v_nb.sweeps.batch import Batch
from s2v_nb.sweeps.cell import Cell

MOST_TILES, MOST_ALONG = 64, 12  # tiles of a sheet, and of one row or column: more are too small to see


def setting_word(name: str, lang: str | None = None) -> str:
    """A setting as part of a sentence: 'prompt weight'."""
    return say(f"studio.made.{name}", lang).lower()


def value_word(name: str, value: Any, lang: str | None = None) -> str:
    """A setting's value as a person reads it: '4 s', 'high', '(no prompt)'."""
    if value is None:
        return say("studio.made.auto", lang)
    if name == "prompt":
        return value or say("studio.history.no_prompt", lang)
    if name in CONTROLS and f"option.{value}" in MESSAGES:
        return say(f"option.{value}", lang)
    if isinstance(value, tuple | list):
        return ", ".join(value_word("", part, lang) for part in value)
    number = f"{value:g}" if isinstance(value, float) else str(value)
    return number + getattr(CONTROLS.get(name), "unit", "")


def values_words(values: Mapping[str, Any], lang: str | None = None) -> str:
    """'motion high, seed 2'"""
    return joined(
        (f"{setting_word(name, lang)} {value_word(name, value, lang)}" for name, value in values.items()), lang
    )


def joined(parts: Iterable[str], lang: str | None = None) -> str:
    """Parts of a label, those that say something."""
    return ("，" if (lang or language()) == "zh" else ", ").join(filter(None, parts))


def state_words(cell: Cell, lang: str | None = None) -> str:
    """Why there is nothing to see of a cell; '' of one that is done."""
    state = cell.state
    if state == "done":
        return ""
    why = [say(failure["key"], lang, **failure["values"]) for failure in cell.attempts.failures[-1:]]
    return ": ".join([say(f"view.state.{state}", lang), *(why if state == "failed" else ())])


@dataclass(frozen=True)
class Arrangement:
    """The cells of a sweep in rows, with a label for each row and each column and the names of what they vary.

    Where less than two settings vary there is one row, whose label and ``row_name`` are ''. ``total`` is how many
    cells the sweep has.
    """

    cells: tuple[tuple[Cell, ...], ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_name: str
    column_name: str
    total: int

    @property
    def is_grid(self) -> bool:
        return bool(self.row_name)

    @property
    def shown(self) -> int:
        return len(self.rows) * len(self.columns)

    def note(self, lang: str | None = None) -> str:
        """How many cells are left out; '' if none is."""
        return "" if self.shown == self.total else say("view.thinned", lang, shown=self.shown, total=self.total)

    def thinned(self) -> "Arrangement":
        """With as many rows and columns as can be seen at once, taken evenly, the first and the last among them."""
        shape = _seen(len(self.rows), len(self.columns)) if self.is_grid else (1, min(MOST_TILES, len(self.columns)))
        rows, columns = _evenly(len(self.rows), shape[0]), _evenly(len(self.columns), shape[1])
        return replace(
            self,
            cells=tuple(tuple(self.cells[row][column] for column in columns) for row in rows),
            rows=tuple(self.rows[row] for row in rows),
            columns=tuple(self.columns[column] for column in columns),
        )


def arranged(sweep: Batch, lang: str | None = None) -> Arrangement:
    """The first setting that varies makes the rows, the second the columns; all others are joined to the rows."""
    axes = varied_axes(sweep)
    if len(axes) < 2:
        name = next(iter(axes), "")
        labels = tuple(_lone_labels(sweep, lang))
        return Arrangement((sweep.cells,), ("",), labels, "", name and setting_word(name, lang), len(labels))
    first, second, *others = axes
    shape = [len(values) for values in axes.values()]
    places = np.moveaxis(np.arange(len(sweep.cells)).reshape(shape), 1, -1).reshape(-1, shape[1])
    cells = tuple(tuple(sweep.cells[place] for place in row) for row in places)
    return Arrangement(
        cells,
        tuple(_row_label(row[0], first, others, lang) for row in cells),
        tuple(value_word(second, value, lang) for value in axes[second]),
        setting_word(first, lang),
        setting_word(second, lang),
        len(sweep.cells),
    )


def varied_axes(sweep: Batch) -> dict[str, tuple]:
    """The axes that have more than one value."""
    return {name: values for name, values in sweep.axes.items() if len(values) > 1}


def _lone_labels(batch: Batch, lang: str | None) -> Iterator[str]:
    """Labels of cells that are in no grid: what each alone has, after its number where nothing simpler names it."""
    first = batch.cells[0].values
    names = [name for name in first if any(cell.values[name] != first[name] for cell in batch.cells)]
    for cell in batch.cells:
        values = {name: cell.values[name] for name in names}
        if batch.axes or batch.kind == "series":
            yield joined((value_word(name, value, lang) for name, value in values.items()), lang) or str(cell.index)
        else:
            yield ": ".join(filter(None, [str(cell.index), values_words(values, lang)]))


def _row_label(cell: Cell, first: str, others: Sequence[str], lang: str | None) -> str:
    rest = values_words({name: cell.values[name] for name in others}, lang)
    return joined([value_word(first, cell.values[first], lang), rest], lang)


def _seen(rows: int, columns: int) -> tuple[int, int]:
    rows, columns = min(rows, MOST_ALONG), min(columns, MOST_ALONG)
    while rows * columns > MOST_TILES:
        rows, columns = (rows, columns - 1) if columns >= rows else (rows - 1, columns)
    return rows, columns


def _evenly(count: int, most: int) -> list[int]:
    return np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
