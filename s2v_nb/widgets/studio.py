"""`studio`: the whole page, from the picture to the finished clip, in one notebook cell."""

import importlib
import importlib.util
import threading
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from s2v_nb.widgets.audio_upload import AudioUpload
from s2v_nb.widgets.clip_panel import ClipPanel
from s2v_nb.widgets.generate_panel import GeneratePanel
from s2v_nb.widgets.history_panel import HistoryPanel
from s2v_nb.widgets.image_upload import ImageUpload
from s2v_nb.widgets.message_bar import MessageBar
from s2v_nb.widgets.panel import Panel
from s2v_nb.widgets.presence import Presence
from s2v_nb.widgets.progress_panel import ProgressPanel
from s2v_nb.widgets.prompt_panel import PromptPanel
from s2v_nb.widgets.session_strip import SessionStrip, cell_runs
from s2v_nb.widgets.settings_panel import SettingsPanel
from s2v_nb.widgets.sweep_panel import SweepPanel
from s2v_nb.workspace import Message, Workspace

COLUMNS: tuple[tuple[tuple[str, type[Panel]], ...], ...] = (
    (("image", ImageUpload), ("audio", AudioUpload), ("prompt", PromptPanel)),
    (("settings", SettingsPanel), ("generate", GeneratePanel)),
    (("progress", ProgressPanel), ("clip", ClipPanel), ("history", HistoryPanel)),
)
UNTITLED = ("generate", "sweep")
MOST_PAGES = 3  # kept alive in a kernel
ANSWER_SECONDS = 12.0  # a page that has shown nothing of ours by then cannot


class Studio(Panel):
    """All panels on one `Workspace`, in three columns, one below the other where the window is narrow; the sweep is
    below them, folded away.

    ``plain=True`` uses no front end of our own; by default plain widgets step in where a page cannot show ours.
    Each panel is there by its name in ``panels``.
    """

    def build(self) -> list[widgets.Widget]:
        self.panels: dict[str, Panel] = {}
        self._timer: threading.Timer | None = None
        self._presence = None if self.plain else Presence(self.workspace.report)
        self._columns = widgets.Box()
        self._columns.add_class("s2v-columns")
        self._top, self._bottom = widgets.VBox(), widgets.VBox()
        self._bottom.add_class("s2v-below")
        self._fill(self.plain)
        if self._presence is not None:
            self._presence.observe(lambda _: self._answered(), "answered")
        # hidden, for it shows a broken view where the page has no front ends
        presence = widgets.Box([self._presence] if self._presence else [], layout={"display": "none"})
        return [presence, self._top, self._columns, self._bottom]

    def use_plain(self, plain: bool) -> None:
        """Show plain widgets, or our own; everything a person has chosen stays."""
        if plain != self.panels["image"].plain:
            self._fill(plain)

    def retire(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for panel in self.panels.values():
            panel.retire()
        super().retire()

    def _fill(self, plain: bool) -> None:
        old = list(self.panels.values())
        workspace = self.workspace
        self._titles.clear()
        made: dict[str, Panel] = {"session": SessionStrip(workspace, plain=plain), "message": MessageBar(workspace)}
        columns = []
        for column in COLUMNS:
            cards = []
            for name, kind in column:
                made[name] = kind(workspace, plain=plain)
                cards.append(self._card(name, made[name]))
            columns.append(widgets.VBox(cards))
        made["sweep"] = SweepPanel(workspace, plain=plain)
        self.panels = made
        self._top.children = [made["session"], made["message"]]
        self._columns.children = columns
        self._bottom.children = [self._card("sweep", made["sweep"])]
        self.relabel()
        for panel in old:
            panel.retire()

    def _card(self, name: str, panel: Panel) -> widgets.Widget:
        """A panel under its title, unless it has its own or none."""
        title = [] if name in UNTITLED else [self.title(f"studio.title.{name}")]
        card = widgets.VBox([*title, panel])
        card.add_class("s2v-card")
        return card

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Called when it is shown: from then on the page has some seconds to answer."""
        if self._presence is not None and not self._presence.answered and self._timer is None:
            self._wait_for_answer()
        return super()._repr_mimebundle_(**kwargs)

    def _wait_for_answer(self) -> None:
        self._timer = threading.Timer(ANSWER_SECONDS, self._unanswered)
        self._timer.daemon = True
        self._timer.start()

    def _unanswered(self) -> None:
        if self._presence is None or self._presence.answered:
            return
        if cell_runs():  # the page may have answered; a busy kernel hears it later
            self._wait_for_answer()
        else:
            self.attempt(lambda: self.use_plain(True))
            self.workspace.message = self.workspace.message or Message("studio.plain", kind="note")

    def _answered(self) -> None:
        """Also a page that was opened much later."""
        if self._timer is not None:
            self._timer.cancel()
        self.use_plain(False)
        message = self.workspace.message
        if message is not None and message.key == "studio.plain":
            self.workspace.message = None


_workspaces: dict[Path, Workspace] = {}
_pages: list["Studio"] = []


def _workspace_of(folder: Path) -> Workspace:
    """One workspace a folder in a kernel: the cell that is run again shows what the person had chosen."""
    held = _workspaces.get(folder)
    if held is None or held.closed:
        _workspaces[folder] = held = Workspace(folder)
    return held


def _keep(page: "Studio") -> None:
    """Remember the pages shown, and give up those that were replaced long ago: a cell is run again and again."""
    _pages.append(page)
    for old in _pages[:-MOST_PAGES]:
        old.retire()
    del _pages[:-MOST_PAGES]


def studio(
    folder: str | Path = ".", *, workspace: Workspace | None = None, plain: bool = False, **things: Any
) -> Studio:
    """The studio on a folder: pictures and songs are found there, clips go to ``runs`` in it.

    A clip that is being made, by an earlier kernel or another page, is shown again; leaving the page, or restarting
    the kernel, does not stop it.

    Parameters
    ----------
    folder : path
    workspace : Workspace, optional
        Show this one instead of a new one.
    plain : bool
        Only widgets that any notebook can show.
    **things
        Set at once, as for any panel: ``studio(image="cover.jpg", audio="song.mp3", language="zh")``.

    Examples
    --------
    >>> studio()  # doctest: +SKIP
    """
    if importlib.util.find_spec("google") and importlib.util.find_spec("google.colab"):
        importlib.import_module("google.colab.output").enable_custom_widget_manager()
    workspace = workspace or _workspace_of(Path(folder).resolve())
    found = None
    with workspace.reporting():
        found = workspace.resume()
    if workspace.shown is None and workspace.history:
        workspace.shown = workspace.history[0]  # what an earlier kernel finished is looked at first
    page = Studio(workspace, plain=plain, **things)
    _keep(page)
    if found is not None and not found.finished:
        workspace.message = Message("studio.resumed", kind="note")
    elif workspace.sweep is not None and not workspace.sweep.finished:
        workspace.message = Message("studio.sweep.resumed", kind="note")
    return page
