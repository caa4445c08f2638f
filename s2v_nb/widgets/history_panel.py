"""`HistoryPanel`: the clips made before, to look at, to take the settings of, or to delete."""

import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from s2v_nb.errors import InputError
from s2v_nb.jobs.history import Made, forget
from s2v_nb.widgets.gallery import Gallery
from s2v_nb.widgets.made_words import headline, summary, verdict
from s2v_nb.widgets.media import token_of
from s2v_nb.widgets.panel import Panel

MOST_CARDS = 60
TITLE_LENGTH = 120  # characters of a prompt


class HistoryPanel(Panel):
    """Shows the workspace's ``history``, the newest first."""

    def build(self) -> list[widgets.Widget]:
        actions = {"show": self._doing(self.show), "use": self._doing(self.use), "forget": self._doing(self.forget)}
        self.gallery: Any = _PlainGallery(**actions) if self.plain else Gallery(self.workspace.report, **actions)
        self.watch("history", self.draw)
        self.watch("shown", self.draw)
        return [self.gallery]

    def relabel(self) -> None:
        super().relabel()
        self.gallery.speak(self.say)
        if not self.plain:  # how the page writes dates
            locale = {"en": "en-GB", "zh": "zh-CN"}[self.workspace.language]
            self.gallery.words = {**self.gallery.words, "locale": locale}
        self.draw()

    def draw(self, _: Any = None) -> None:
        """Show the history as it stands now."""
        listed = self.workspace.history[:MOST_CARDS]
        posters = {made.name: made.poster for made in listed if made.poster}
        self.gallery.put([self._card(made) for made in listed], posters)
        self.gallery.current = self.workspace.shown.name if self.workspace.shown else ""

    def show(self, name: str) -> None:
        """Show the clip of this name."""
        self.workspace.shown = self._made(name)

    def use(self, name: str) -> None:
        """Take the settings of the clip of this name."""
        self.workspace.settings = self._made(name).settings

    def forget(self, name: str) -> None:
        """Delete the clip of this name from the disk."""
        made = self._made(name)
        forget(made)
        if self.workspace.shown and self.workspace.shown.path == made.path:
            self.workspace.shown = None
        self.workspace.look_at_folder()

    def _doing(self, action: Callable[[str], None]) -> Callable[[str], None]:
        return lambda name: self.attempt(lambda: action(name))

    def _made(self, name: str) -> Made:
        for made in self.workspace.history:
            if made.name == name:
                return made
        raise InputError("studio.history.gone", name=name)

    def _card(self, made: Made) -> dict[str, Any]:
        row = headline(made)
        known = [verdict(made, self.say), f"R {row['r']:.2f}" if row else ""]
        return {
            "id": made.name,
            "title": made.settings.prompt[:TITLE_LENGTH] or self.say("studio.history.no_prompt"),
            "line": summary(made, self.say),
            "verdict": ", ".join(part for part in known if part),
            "when": made.when,
            "poster": _poster(made),
        }


def _poster(made: Made) -> str:
    try:
        return token_of(made.poster) if made.poster else ""
    except OSError:
        return ""


class _PlainGallery(widgets.VBox):
    """The same as a list with buttons, without a front end of ours."""

    def __init__(
        self, *, show: Callable[[str], None], use: Callable[[str], None], forget: Callable[[str], None]
    ) -> None:
        self._show, self._forget = show, forget
        self._drawing = False
        self.list = widgets.Select(rows=8, layout={"width": "100%"}, tooltip="")
        self.list.add_class("s2v-named")
        self.use, self.delete, self.confirm, self.keep = (widgets.Button(layout={"width": "auto"}) for _ in range(4))
        self.confirm.button_style = "danger"
        self.asking = widgets.HBox([self.confirm, self.keep], layout={"display": "none"})
        super().__init__([self.list, widgets.HBox([self.use, self.delete]), self.asking])
        self.list.observe(self._chosen, "value")
        self.use.on_click(lambda _: self._act(use))
        self.delete.on_click(lambda _: self._ask(True))
        self.keep.on_click(lambda _: self._ask(False))
        self.confirm.on_click(lambda _: self._act(forget))

    @property
    def current(self) -> str:
        return self.list.value or ""

    @current.setter
    def current(self, name: str) -> None:
        self._quietly(value=name if name in dict(self.list.options).values() else None)

    def put(self, cards: list[dict[str, Any]], posters: dict[str, Any]) -> None:
        options = tuple((_line(card), card["id"]) for card in cards)
        if options != self.list.options:
            self._quietly(options=options)
            self._ask(False)

    def speak(self, say: Callable[[str], str]) -> None:
        self.list.description = say("studio.history.list")
        for button, word in (
            (self.use, "use"),
            (self.delete, "delete"),
            (self.confirm, "confirm"),
            (self.keep, "keep"),
        ):
            button.description = say(f"studio.history.{word}")

    def _quietly(self, **values: Any) -> None:
        """Set what the list shows, which is no choice of the person's."""
        self._drawing = True
        try:
            for name, value in values.items():
                setattr(self.list, name, value)
        finally:
            self._drawing = False

    def _chosen(self, change: Any) -> None:
        if change["new"] and not self._drawing:
            self._ask(False)
            self._show(change["new"])

    def _act(self, action: Callable[[str], None]) -> None:
        self._ask(False)
        if self.list.value:
            action(self.list.value)

    def _ask(self, asking: bool) -> None:
        self.asking.layout.display = "" if asking and self.list.value else "none"


def _line(card: dict[str, Any]) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(card["when"]))
    return " | ".join(part for part in (when, card["title"], card["line"], card["verdict"]) if part)
