"""`ClipPanel`: the finished clip, what was measured of it, and what to do next."""

import html
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from s2v_nb.errors import InputError
from s2v_nb.jobs import Job
from s2v_nb.jobs.history import Made
from s2v_nb.widgets.made_words import comparison, file_name, sentence, settings_table, size_of
from s2v_nb.widgets.media import Media, PlainPicture, PlainVideo
from s2v_nb.widgets.panel import Panel

TABS = ("clip", "beats", "alignment", "settings")
SEEDS = 100_000  # short ones are drawn, they are easier to note down
_COLUMNS = {"flex_flow": "row wrap", "width": "100%", "overflow": "hidden"}


class ClipPanel(Panel):
    """Shows the workspace's ``shown`` clip: it plays, muted; plots and settings are on further tabs."""

    def build(self) -> list[widgets.Widget]:
        self.empty = widgets.HTML()
        self.player, self.other = self._video(), self._video(downloadable=False, sound=False, small=True)
        self.notes, self.verdict, self.difference = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.again = self.words(widgets.Button(icon="refresh", layout={"width": "auto"}), "studio.clip.again")
        self.again.on_click(lambda _: self.attempt(self.generate_again))
        self.compare = self.words(widgets.ToggleButton(icon="columns", layout={"width": "auto"}), "studio.clip.compare")
        self.compare.observe(self.draw, "value")
        self.plots = {name: _Plot(self._picture()) for name in ("beats", "alignment")}
        self.settings_table = widgets.HTML()
        self.tabs = widgets.Tab([self._first_tab(), *(plot.box for plot in self.plots.values()), self.settings_table])
        self.tabs.observe(self.draw, "selected_index")
        self._job: Job | None = None
        for name in ("shown", "history"):
            self.watch(name, self.draw)
        self.watch("job", self._follow)
        self._follow(self.workspace.job)
        return [self.empty, self.tabs]

    def relabel(self) -> None:
        super().relabel()
        self.tabs.titles = tuple(self.say(f"studio.clip.tab.{name}") for name in TABS)
        for media in (self.player, self.other, *(plot.picture for plot in self.plots.values())):
            media.speak(self.say)
        self.draw()

    @property
    def made(self) -> Made | None:
        """The clip that is shown, with the plots and scores that have appeared since."""
        return self._latest(self.workspace.shown)

    @property
    def last(self) -> Made | None:
        """The clip made before the one that is shown."""
        made = self.made
        return next((one for one in self.workspace.history if made and one.when < made.when), None)

    def generate_again(self) -> None:
        """Make the clip that is shown once more, with another seed.

        InputError, and nothing changed, if another picture or song is chosen now.
        """
        made, workspace = self.made, self.workspace
        if made is None:
            return
        sources = ((workspace.image, made.image, made.image_sha256), (workspace.audio, made.audio, made.audio_sha256))
        for held, name, sha256 in sources:
            if held is None or held.sha256 != sha256:
                raise InputError("studio.other_source", name=name)
        seed = (made.settings.seed + 1 + secrets.randbelow(SEEDS - 1)) % SEEDS  # never the same one
        self.workspace.change(**{**vars(made.settings), "seed": seed})
        self.workspace.generate()

    def draw(self, _: Any = None) -> None:
        """Show everything as it stands now."""
        made, last = self.made, self.last
        self.empty.value = "" if made else _paragraph(self.say("studio.clip.empty"), "opacity:.85;padding:24px 8px")
        self.empty.layout.display = "none" if made else ""
        self.tabs.layout.display = "" if made else "none"
        self.again.disabled = made is None or bool(self._job and not self._job.finished)
        self.compare.disabled = last is None
        self._draw_clip(made)
        self._draw_comparison(made, last if self.compare.value else None)
        for name, plot in self.plots.items():
            plot.draw(made, name, self.say, is_open=TABS[self.tabs.selected_index or 0] == name)
        self.settings_table.value = settings_table(made, self.say) if made else ""

    def _draw_clip(self, made: Made | None) -> None:
        _show(self.player, made, self.say)
        self.verdict.value = f'<div role="status">{_paragraph(sentence(made, self.say))}</div>' if made else ""
        notes = self._job.notes if self._job and made and self._job.clip == made.path else ()
        self.notes.value = "".join(_paragraph(self.say(key, **values)) for key, values in notes)

    def _draw_comparison(self, made: Made | None, last: Made | None) -> None:
        shown = made is not None and last is not None
        self.beside.layout.display = "" if shown else "none"
        self.player.group = self.other.group = self.model_id if shown else ""
        _show(self.other, last if shown else None, self.say)
        self.difference.value = comparison(made, last, self.say) if made and last else ""

    def _first_tab(self) -> widgets.VBox:
        self.beside = widgets.VBox([self.other, self.difference], layout={"flex": "1 1 220px", "min_width": "0"})
        main = widgets.VBox([self.player], layout={"flex": "2 1 300px", "min_width": "0"})
        players = widgets.HBox([main, self.beside], layout={**_COLUMNS, "grid_gap": "12px"})
        return widgets.VBox(
            [players, self.verdict, self.notes, widgets.HBox([self.again, self.compare], layout=_COLUMNS)]
        )

    def _video(self, **choices: Any) -> Any:
        return PlainVideo() if self.plain else Media(self.workspace.report, **choices)

    def _picture(self) -> Any:
        return PlainPicture() if self.plain else Media(self.workspace.report, downloadable=False)

    def _follow(self, job: Job | None) -> None:
        if self._job is not None:
            self._job.unobserve(self.draw, ["state", "notes"])
        self._job = job
        if job is not None:
            job.observe(self.draw, ["state", "notes"])
        self.draw()

    def _latest(self, made: Made | None) -> Made | None:
        return next((one for one in self.workspace.history if made and one.path == made.path), made)


class _Plot:
    """A tab with one plot, which is fetched only while the tab is open, and a line while it is being drawn."""

    def __init__(self, picture: Any) -> None:
        self.picture, self.line = picture, widgets.HTML()
        self.box = widgets.VBox([self.line, picture])

    def draw(self, made: Made | None, name: str, say: Callable[..., str], *, is_open: bool) -> None:
        path: Path | None = getattr(made, f"{name}_plot") if made else None
        told = made is not None and (path is None or name == "alignment")
        self.line.value = _paragraph(sentence(made, say)) if made and told else ""
        alt = f"{say(f'studio.clip.tab.{name}')}. {sentence(made, say)}" if made else ""
        self.picture.show(path if is_open else None, alt=alt)


def _show(player: Any, made: Made | None, say: Callable[..., str]) -> None:
    if made is None:
        player.show(None)
        return
    alt = say("studio.clip.alt", prompt=made.settings.prompt, size=size_of(made), seconds=made.seconds)
    player.show(made.path, alt=alt, name=file_name(made))


def _paragraph(text: str, style: str = "") -> str:
    return f'<p style="line-height:1.4;margin:4px 0;{style}">{html.escape(text)}</p>'
