"""Axes become cells, corners first."""

import itertools

import numpy as np
import pytest

from s2v_nb import InputError
from s2v_nb.sweeps.grid import checked_axes, checked_list, combinations, corners_first, parse_values


def test_every_combination_once_rows_first():
    cells = combinations(checked_axes({"motion": ["low", "high"], "prompt_weight": [0.5, 1.0, 1.5]}))

    assert [tuple(cell.values()) for cell in cells] == list(itertools.product(["low", "high"], [0.5, 1.0, 1.5]))


def test_values_are_taken_once_and_from_arrays():
    axes = checked_axes({"prompt_weight": np.linspace(0.5, 1.5, 3), "seed": range(3), "motion": ["low", "low"]})

    assert axes == {"prompt_weight": (0.5, 1.0, 1.5), "seed": (0, 1, 2), "motion": ("low",)}
    assert type(axes["prompt_weight"][0]) is float


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (1, 1), (4,), (3, 4, 2), ()])
def test_the_order_has_every_cell_once_and_corners_first(shape):
    order = corners_first(shape)
    corners = {index for index, place in enumerate(itertools.product(*map(range, shape)))
               if all(p in (0, n - 1) for p, n in zip(place, shape, strict=True))}  # fmt: skip

    assert sorted(order) == list(range(int(np.prod(shape))))
    assert set(order[: len(corners)]) == corners


def test_after_the_corners_the_farthest_gap_is_filled():
    """A row of nine: both ends, the middle, then the quarters."""
    order = corners_first((9,))

    assert order[:3] == [0, 8, 4]
    assert set(order[3:5]) == {2, 6}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("low,high", ["low", "high"]),
        ("0.5:1.5:5", [0.5, 0.75, 1.0, 1.25, 1.5]),
        ("0:4:5", [0, 1, 2, 3, 4]),
        ("16:9,9:16", ["16:9", "9:16"]),
        ("24, 30", [24, 30]),
        ("1.0", [1.0]),
    ],
)
def test_values_on_a_command_line(text, values):
    assert parse_values(text) == values
    assert [type(value) for value in parse_values(text)] == [type(value) for value in values]


@pytest.mark.parametrize("text", ["0.5:1.5:1", "0:1:100000", "0.5:1.5:2.5"])
def test_a_range_that_makes_no_sense(text):
    with pytest.raises(InputError, match="FROM:TO:COUNT"):
        parse_values(text)


@pytest.mark.parametrize(
    ("axes", "complaint"),
    [
        ({"speed": [1]}, "'speed' is no setting"),
        ({"motion": "low"}, "no list of values"),
        ({"motion": []}, "no list of values"),
        ({"motion": 3}, "no list of values"),
        ({"seed": range(3000)}, "3000 cells"),
    ],
)
def test_bad_axes(axes, complaint):
    with pytest.raises(InputError, match=complaint):
        checked_axes(axes)


def test_bad_lists():
    with pytest.raises(InputError, match="0 cells"):
        checked_list([])
    with pytest.raises(InputError, match="names seed, the first one names motion"):
        checked_list([{"motion": "low"}, {"seed": 1}])
