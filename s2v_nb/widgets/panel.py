"""`Panel`: what all panels share: a workspace, its language, and settable things."""

import html
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from s2v_nb.errors import say
from s2v_nb.jobs import Job
from s2v_nb.workspace import Workspace

STATIC = Path(__file__).parent / "static"
_FORWARDED = ("image", "audio", "settings", "language", "job")


@lru_cache(maxsize=1)
def style() -> str:
    """The studio's style sheet; colours are those of JupyterLab's theme, with fallbacks elsewhere."""
    return (STATIC / "studio.css").read_text(encoding="utf-8")


class Panel(widgets.VBox):
    """A view of a `Workspace`; it keeps nothing of its own.

    Parameters
    ----------
    workspace : Workspace, optional
        Panels that are given the same one stay in step; by default a new one on the current folder.
    **things
        Set on the workspace: ``AudioUpload(audio="x.mp3")``.

    Notes
    -----
    ``image``, ``audio``, ``settings``, ``language`` and ``job`` are the workspace's and can be set here.
    """

    def __init__(self, workspace: Workspace | None = None, *, plain: bool = False, **things: Any) -> None:
        unknown = set(things) - {*_FORWARDED, *Workspace.class_trait_names()}
        if unknown:
            raise TypeError(f"{type(self).__name__} takes no {sorted(unknown)[0]!r}; it takes {', '.join(_FORWARDED)}")
        self.workspace = workspace or Workspace()
        self.plain = plain
        self._labels: list[tuple[Any, str, str]] = []
        self._settlers: list[int] = []
        self._titles: list[tuple[widgets.HTML, str]] = []
        self._watched: list[tuple[Callable[[Any], None], str]] = []
        super().__init__()
        self.add_class("s2v")
        self.add_class(f"s2v-{type(self).__name__.lower()}")
        self.children = [widgets.HTML(f"<style>{style()}</style>", layout={"display": "none"}), *self.build()]
        if workspace is None:  # nobody else shows what goes wrong
            self.children = [*self.children, *self._messages(), *self._presence_alone()]
        self.relabel()
        self.watch("language", lambda _: self.relabel())
        self.workspace.use(**things)
        self.workspace.watch()

    def build(self) -> list[widgets.Widget]:
        """The panel's widgets; also watches what they show."""
        raise NotImplementedError

    def _presence_alone(self) -> list[widgets.Widget]:
        """What the studio has for all its panels."""
        from s2v_nb.widgets.presence import Presence

        return [] if self.plain else [widgets.Box([Presence(self.workspace.report)], layout={"display": "none"})]

    def _messages(self) -> list[widgets.Widget]:
        from s2v_nb.widgets.message_bar import MessageBar

        return [] if isinstance(self, MessageBar) else [MessageBar(self.workspace)]

    def title(self, key: str) -> widgets.HTML:
        """A heading in the person's language."""
        heading = widgets.HTML()
        self._titles.append((heading, key))
        return heading

    def retire(self) -> None:
        """Watch nothing any longer, and give up all widgets; for a panel that is replaced."""
        for changed, name in self._watched:
            self.workspace.unobserve(changed, name)
        self._watched.clear()
        self._follow(None)
        close_all(self)

    def _follow(self, job: Job | None) -> None:
        """Watch this job instead of the last one; for panels that show one."""

    @contextmanager
    def settling(self) -> Iterator[None]:
        """Controls are set to what the workspace has; `is_settling` tells that this is no choice of the person's."""
        me = threading.get_ident()  # another thread's change may well be one
        self._settlers.append(me)
        try:
            yield
        finally:
            self._settlers.remove(me)

    @property
    def is_settling(self) -> bool:
        return threading.get_ident() in self._settlers

    def watch(self, name: str, action: Callable[[Any], None]) -> None:
        """Call ``action(value)`` after each change of a trait of the workspace; what it raises is shown, not lost."""

        def changed(change: Any) -> None:
            try:
                with self.workspace.lock:  # changes come from the person's thread and from the one that watches
                    action(change["new"])
            except Exception as error:
                self.workspace.report(error)

        self.workspace.observe(changed, name)
        self._watched.append((changed, name))

    def words(self, widget: Any, key: str, trait: str = "description") -> Any:
        """Let ``widget`` show the sentence ``key`` in the person's language, now and after a switch; the widget."""
        if trait == "description" and getattr(widget, "tooltip", "") is None:
            widget.tooltip = ""  # or the page shows "null"
        self._labels.append((widget, trait, key))
        return widget

    def say(self, key: str, **values: object) -> str:
        return say(key, self.workspace.language, **values)

    def folded(self, details: str) -> str:
        """A traceback as HTML, folded away; '' for none."""
        if not details:
            return ""
        head = html.escape(self.say("studio.details"))
        return f'<details><summary>{head}</summary><pre class="s2v-pre">{html.escape(details)}</pre></details>'

    def relabel(self) -> None:
        """Put every label in the person's language; panels with more to translate extend it."""
        for widget, trait, key in self._labels:
            setattr(widget, trait, self.say(key))
        for heading, key in self._titles:
            heading.value = f'<h2 class="s2v-title">{html.escape(self.say(key))}</h2>'

    def attempt(self, action: Callable[[], Any]) -> None:
        """Do what a person asked for; an error becomes the workspace's message."""
        with self.workspace.reporting():
            action()


def close_all(widget: widgets.Widget) -> None:
    """Close a widget with everything in it, in the page and in the kernel."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    widget.close()


def _forward(name: str) -> property:
    def get(panel: Panel) -> Any:
        return getattr(panel.workspace, name)

    def put(panel: Panel, value: Any) -> None:
        panel.workspace.use(**{name: value})

    return property(get, put, doc=f"The workspace's ``{name}``.")


for _name in _FORWARDED:
    setattr(Panel, _name, _forward(_name))
