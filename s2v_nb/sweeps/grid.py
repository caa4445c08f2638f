"""The cells of a sweep: every combination of some values of settings, and the order in which they are made."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from s2v_nb.errors import InputError
from s2v_nb.settings import Settings, number_or_text

MOST_CELLS = 2000
SWEPT = tuple(field.name for field in fields(Settings))
Values = dict[str, Any]  # setting -> its value in one cell


def checked_axes(axes: Mapping[str, Any]) -> dict[str, tuple]:
    """The axes with their values as tuples, each value once.

    Raises
    ------
    InputError
        If a name is no setting, an axis has no value or is a single text, or there are too many cells.
    """
    found: dict[str, tuple] = {}
    for name, values in axes.items():
        _check_name(name)
        if isinstance(values, str | bytes) or not isinstance(values, Sequence | np.ndarray) or not len(values):
            raise InputError("sweep.axis", name=name, value=str(values))
        found[name] = tuple(dict.fromkeys(_plain(value) for value in values))
    count = int(np.prod([len(values) for values in found.values()], dtype=float))
    if count > MOST_CELLS:
        raise InputError("sweep.too_many", count=count, limit=MOST_CELLS)
    return found


def checked_list(cells: Sequence[Mapping[str, Any]]) -> tuple[Values, ...]:
    """An explicit list of cells, each with the same settings named.

    Raises
    ------
    InputError
        If it is empty, too long, a name is no setting, or two cells name different settings.
    """
    if not all(isinstance(cell, Mapping) for cell in cells):
        raise InputError("sweep.cells", found=str(list(cells))[:80], allowed='dicts such as {"motion": "low"}')
    found = tuple({name: _plain(value) for name, value in cell.items()} for cell in cells)
    if not found or len(found) > MOST_CELLS:
        raise InputError("sweep.too_many", count=len(found), limit=MOST_CELLS)
    for cell in found:
        for name in cell:
            _check_name(name)
        if set(cell) != set(found[0]):
            raise InputError("sweep.cells", found=", ".join(sorted(cell)), allowed=", ".join(sorted(found[0])))
    return found


def _plain(value: Any) -> Any:
    """A value as JSON knows it, and as it can be compared."""
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    return tuple(value) if isinstance(value, list) else value


def _check_name(name: str) -> None:
    if name not in SWEPT:
        raise InputError("sweep.name", name=name, allowed=", ".join(SWEPT))


def combinations(axes: Mapping[str, tuple]) -> tuple[Values, ...]:
    """Every combination, the last axis running fastest; one cell without a value if there is no axis."""
    return tuple(dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))


def corners_first(shape: Sequence[int]) -> list[int]:
    """The order in which cells of a grid are made: its corners, then always the cell farthest from all before.

    A sweep that is stopped has so shown the whole range, coarsely.

    Parameters
    ----------
    shape : ints
        How many values each axis has.

    Returns
    -------
    list of int
        Indices into `combinations`.

    Examples
    --------
    >>> corners_first([3, 3])
    [0, 8, 2, 6, 4, 1, 3, 5, 7]
    """
    sides = [np.linspace(0, 1, count) if count > 1 else np.zeros(1) for count in shape]
    if not sides:
        return [0]
    places = np.array(list(itertools.product(*sides)))
    inside = (np.minimum(places, 1 - places) > 1e-9).any(axis=1)
    nearest = np.full(len(places), np.inf)
    left = np.ones(len(places), bool)
    order: list[int] = []
    for _ in range(len(places)):
        at = int(np.lexsort((-nearest, inside, ~left))[0])  # by the last key first; ties go to the first cell
        order.append(at)
        left[at] = False
        nearest = np.minimum(nearest, np.linalg.norm(places - places[at], axis=1).round(9))
    return order


def parse_values(text: str) -> list[int | float | str]:
    """The values of one axis as a command line writes them: ``low,high`` or ``0.5:1.5:5`` (from, to, how many).

    Raises
    ------
    InputError
        If a range has fewer than two values, or too many.

    Examples
    --------
    >>> parse_values("0.5:1.5:5")
    [0.5, 0.75, 1.0, 1.25, 1.5]
    >>> parse_values("low,high")
    ['low', 'high']
    """
    parts = [number_or_text(word) for word in text.split(":")]
    numbers = [part for part in parts if not isinstance(part, str)]
    if len(numbers) != 3 or len(parts) != 3:  # "16:9" is a word
        return [number_or_text(word.strip()) for word in text.split(",") if word.strip()]
    low, high, count = numbers
    if not isinstance(count, int) or not 2 <= count <= MOST_CELLS:
        raise InputError("sweep.range", value=text, limit=MOST_CELLS)
    whole = isinstance(low, int) and isinstance(high, int) and (high - low) % (count - 1) == 0
    values = np.linspace(low, high, count).round(6).tolist()
    return [round(value) for value in values] if whole else values
