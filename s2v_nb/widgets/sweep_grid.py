"""`SweepGrid`: the clips of a sweep as a table: a row for each motion, a column for each prompt weight."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from traitlets import Bool, List

from s2v_nb.widgets.cards import Cards
from s2v_nb.widgets.panel import close_all

WORDS = ("grid", "play", "final")


class SweepGrid(Cards):
    """A table of cards, to ``show``, or to make in ``final`` quality.

    Notes
    -----
    ``cards`` has them rows first. Besides 'id' and 'poster' a card has 'state', 'percent', 'line' (how it stands, or
    how it keeps time), 'rank' (a word for the best ones, else ''), 'why' (it is one of them), 'about' (which
    cell it is) and 'tip' (what full quality means for it). ``busy`` says that a clip is being made, so that none can be
    begun.
    """

    name = "sweep_grid"
    rows: List = List().tag(sync=True)
    columns: List = List().tag(sync=True)
    busy = Bool(False).tag(sync=True)

    def __init__(
        self, report: Callable[[Exception], None], *, show: Callable[[str], None], final: Callable[[str], None]
    ) -> None:
        super().__init__(report, {"show": show, "final": final})

    def lay_out(self, rows: list[str], columns: list[str]) -> None:
        """Put these names to the rows and columns."""
        self.rows, self.columns = rows, columns

    def speak(self, say: Callable[..., str]) -> None:
        words = {word: say(f"studio.sweep.{word}") for word in WORDS}
        self.words = {**words, "rows": say("studio.sweep.motion"), "columns": say("studio.sweep.weight")}


class PlainGrid(widgets.VBox):
    """The same with buttons of ipywidgets and without pictures."""

    def __init__(self, *, show: Callable[[str], None], final: Callable[[str], None]) -> None:
        self._actions = (show, final)
        self._rows: list[str] = []
        self._columns: list[str] = []
        self._heads: list[widgets.HTML] = []
        self.cells: dict[str, PlainCell] = {}
        self._final = self._current = ""
        self._busy = False
        self.grid = widgets.GridBox()
        self.grid.add_class("s2v-sweep-plain")
        super().__init__([self.grid])

    @property
    def current(self) -> str:
        return self._current

    @current.setter
    def current(self, name: str) -> None:
        self._current = name
        self._mark()

    @property
    def busy(self) -> bool:
        return self._busy

    @busy.setter
    def busy(self, busy: bool) -> None:
        self._busy = busy
        self._mark()

    def lay_out(self, rows: list[str], columns: list[str]) -> None:
        self._rows, self._columns = rows, columns

    def put(self, cards: list[dict[str, Any]], posters: dict[str, Path]) -> None:
        if len(cards) != len(self._rows) * len(self._columns):
            return  # the cells of another sweep; its own names follow
        if list(self.cells) != [card["id"] for card in cards] or len(self._heads) != len(self._names):
            self._build([card["id"] for card in cards])
        for head, name in zip(self._heads, self._names, strict=True):
            head.value = f"<b>{html.escape(name)}</b>"
        for card in cards:
            self.cells[card["id"]].fill(card, self._final)
        self._mark()

    def speak(self, say: Callable[..., str]) -> None:
        self._final = say("studio.sweep.final")

    @property
    def _names(self) -> list[str]:
        return ["", *self._columns, *self._rows]

    def _build(self, ids: list[str]) -> None:
        """A head for each column, then each row after its head."""
        for old in self.grid.children:
            close_all(old)
        self._heads = [widgets.HTML() for _ in self._names]
        self.cells = {name: PlainCell(name, *self._actions) for name in ids}
        count = len(self._columns)
        boxes = [cell.box for cell in self.cells.values()]
        body: list[widgets.Widget] = []
        for at, side in enumerate(self._heads[count + 1 :]):
            body += [side, *boxes[at * count : (at + 1) * count]]
        self.grid.layout.grid_template_columns = f"auto repeat({max(1, count)}, minmax(112px, 1fr))"
        self.grid.children = [*self._heads[: count + 1], *body] if ids else []

    def _mark(self) -> None:
        for name, cell in self.cells.items():
            cell.show.button_style = "info" if name == self._current else ""
            cell.final.disabled = self._busy


class PlainCell:
    """How one clip stands, as a button that shows it, and the button that makes it in full quality."""

    def __init__(self, name: str, show: Callable[[str], None], final: Callable[[str], None]) -> None:
        self.show, self.final = (widgets.Button(layout={"width": "auto", "height": "auto"}) for _ in range(2))
        self.show.on_click(lambda _: show(name))
        self.final.on_click(lambda _: final(name))
        self.box = widgets.VBox([self.show, self.final])

    def fill(self, card: dict[str, Any], final: str) -> None:
        done = card["state"] == "done"
        self.show.description = f"{card['rank']}: {card['line']}" if card["rank"] else card["line"]
        self.show.tooltip = f"{card['about']}: {card['why'] or card['line']}"
        self.show.disabled = card["state"] not in ("done", "failed")
        self.final.description, self.final.tooltip = final, card["tip"]
        self.final.layout.display = "" if done else "none"
