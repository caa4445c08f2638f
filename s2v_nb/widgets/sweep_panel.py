"""`SweepPanel`: the same clip with several motions and prompt weights, side by side, to choose the best one from."""

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from s2v_nb.errors import InputError
from s2v_nb.jobs import Job
from s2v_nb.jobs.history import made_of
from s2v_nb.jobs.sweep_cells import CellNow
from s2v_nb.jobs.sweep_job import SweepJob
from s2v_nb.messages import MESSAGES
from s2v_nb.sweeps.cell import Cell
from s2v_nb.widgets.made_words import headline, verdict
from s2v_nb.widgets.media import token_of
from s2v_nb.widgets.panel import Panel
from s2v_nb.widgets.progress_panel import clock
from s2v_nb.widgets.sweep_form import SweepForm
from s2v_nb.widgets.sweep_grid import PlainGrid, SweepGrid

_WATCHED = ["state", "cells", "numbers", "stopping", "error", "details", "capped"]


class SweepPanel(Panel):
    """Shows and edits the workspace's ``sweep_plan``, and shows its ``sweep``; folded away until there is one."""

    def build(self) -> list[widgets.Widget]:
        workspace = self.workspace
        self._sweep: SweepJob | None = None
        self._job: Job | None = None
        self.form = SweepForm(workspace, plain=self.plain)
        self.line, self.left = widgets.HTML(), widgets.HTML()
        self.bar = widgets.FloatProgress(max=1.0, layout={"width": "100%", "max_width": "560px"})
        actions = {"show": self._doing(workspace.show_cell), "final": self._doing(workspace.make_final)}
        self.grid: Any = PlainGrid(**actions) if self.plain else SweepGrid(workspace.report, **actions)
        rows = [self.form, self._buttons(), self.line, self.bar, self.left, self.grid]
        self.drawer = widgets.VBox(rows, layout={"overflow": "visible"})
        self.fold = widgets.ToggleButton(False, tooltip="")  # an accordion's head cannot be reached with keys
        self.fold.add_class("s2v-fold")
        self.fold.observe(lambda _: self._unfold(), "value")
        self._unfold()
        for name, action in (("sweep", self._follow_sweep), ("job", self._follow), ("shown", self._mark)):
            self.watch(name, action)
        self._follow_sweep(workspace.sweep)
        self._follow(workspace.job)
        return [self.fold, self.drawer]

    def retire(self) -> None:
        self._follow_sweep(None)
        self.form.retire()
        super().retire()

    def relabel(self) -> None:
        super().relabel()
        self.grid.speak(self.say)
        self.draw()

    def draw(self, _: Any = None) -> None:
        """Show the sweep as it stands now."""
        sweep = self._sweep
        busy = bool(sweep and not sweep.finished)
        stopping = bool(sweep and busy and sweep.stopping)
        self.start.disabled = busy
        self.stop.disabled = not busy or stopping
        self.stop.description = self.say("studio.progress.stopping" if stopping else "studio.progress.stop")
        self.go_on.layout.display = "" if sweep and sweep.finished and not sweep.is_whole and sweep.what else "none"
        title = self.say("studio.title.sweep")
        if sweep and busy:
            title = self.say("studio.sweep.title_running", **_counted(sweep))
        self.fold.description = title
        self.line.value = self._line()
        self._draw_bar(sweep if busy else None)
        self._draw_grid()

    def _unfold(self) -> None:
        self.drawer.layout.display = "" if self.fold.value else "none"
        self.fold.icon = "caret-down" if self.fold.value else "caret-right"

    # --- its buttons

    def _buttons(self) -> widgets.Widget:
        self.start = self._button("th", self.workspace.start_sweep, button_style="primary")
        self.stop = self._button("stop", self._stop)
        self.go_on = self._button("forward", self.workspace.go_on_with_sweep)
        self.words(self.start, "studio.sweep.start")
        self.words(self.words(self.go_on, "studio.sweep.go_on"), "studio.sweep.go_on_tip", "tooltip")
        return widgets.HBox([self.start, self.stop, self.go_on], layout={"flex_flow": "row wrap"})

    def _button(self, icon: str, action: Callable[[], Any], **looks: Any) -> widgets.Button:
        button = widgets.Button(icon=icon, layout={"width": "auto"}, tooltip="", **looks)
        button.on_click(lambda _: self.attempt(action))
        return button

    def _stop(self) -> None:
        self.stop.disabled = True
        self.stop.description = self.say("studio.progress.stopping")  # at once, whatever ending takes
        self.workspace.stop_sweep()

    # --- the sweep

    def _follow_sweep(self, sweep: SweepJob | None) -> None:
        """Watch the sweep that is shown now, and unfold what was folded."""
        if self._sweep is not None:
            self._sweep.unobserve(self.draw, _WATCHED)
        self._sweep = sweep
        if sweep is not None:
            sweep.observe(self.draw, _WATCHED)
            self.fold.value = True
        self.draw()

    def _follow(self, job: Job | None) -> None:
        """Watch the single clip that is made now: while it is, no other can be begun."""
        if self._job is not None:
            self._job.unobserve(self._mark, "state")
        self._job = job
        if job is not None:
            job.observe(self._mark, "state")
        self._mark()

    def _mark(self, _: Any = None) -> None:
        self.grid.busy = bool(self._job and not self._job.finished)
        shown = self.workspace.shown
        cells = self._sweep.cells if self._sweep else ()
        found = [str(now.cell.index) for now in cells if shown and now.cell.path == shown.path]
        self.grid.current = found[0] if found else ""

    def _line(self) -> str:
        """The state in words, announced when it changes; why it failed, with the traceback folded away."""
        sweep = self._sweep
        if sweep is None:
            return _status("")
        if sweep.state == "failed":
            return _status(sweep.sentence(self.workspace.language), "s2v-bad") + self.folded(sweep.details)
        state = "capped" if sweep.capped else sweep.state
        if state == "running":
            state = next((now for now in ("hearing", "paused") if sweep.numbers[now]), state)
        failed = sweep.numbers["failed"]
        some = self.say("studio.sweep.some_failed", failed=failed) if failed else ""
        return _status(self.say(f"studio.sweep.{state}", **_counted(sweep), failed=some))

    def _draw_bar(self, sweep: SweepJob | None) -> None:
        """How much is made, and the time that is left; these change too often to be announced."""
        self.bar.layout.display = self.left.layout.display = "" if sweep else "none"
        if sweep is None:
            return
        made = sum(now.percent for now in sweep.cells) / max(1, len(sweep.cells))
        words = [f"{made:.0f} %", clock(sweep.elapsed)]
        if (remaining := sweep.numbers["remaining"]) is not None:
            words.append(self.say("studio.sweep.left", time=clock(remaining)))
        if self.workspace.price_per_hour:
            words.append(self.say("studio.sweep.spent", money=f"{sweep.numbers['spent']:.2g}"))
        self.bar.value = made / 100
        name, text = html.escape(self.say("studio.title.sweep")), html.escape(", ".join(words))
        self.left.value = (
            f'<span role="progressbar" aria-label="{name}" aria-valuemin="0" aria-valuemax="100" '
            f'aria-valuenow="{made:.0f}" style="font-variant-numeric:tabular-nums">{text}</span>'
        )

    def _draw_grid(self) -> None:
        axes = self._sweep.axes if self._sweep else {}
        cells = self._sweep.cells if self._sweep else ()
        rows = [self._option(value) for value in axes.get("motion", [])]
        columns = [f"{value:g}" for value in axes.get("prompt_weight", [])]
        cards = [self._card(now) for now in cells] if len(cells) == len(rows) * len(columns) else []
        posters = {str(now.cell.index): now.cell.poster for now in cells}
        with self.grid.hold_sync():  # a page never sees half of a change
            self.grid.lay_out(rows if cards else [], columns if cards else [])
            self.grid.put(cards, posters)
        self._mark()

    def _card(self, now: CellNow) -> dict[str, Any]:
        cell = now.cell
        weight, motion = cell.values["prompt_weight"], self._option(cell.values["motion"])
        about = self.say("studio.sweep.cell", motion=motion, weight=f"{weight:g}")
        final = cell.final()
        tip = {"height": min(final.size), "fps": final.fps, "seconds": final.duration}
        return {
            "id": str(cell.index),
            "state": now.state,
            "percent": now.percent,
            "line": self._how(now),
            "why": now.best.why(self.workspace.language) if now.best else "",
            "rank": self.say(f"studio.sweep.rank_{now.rank}") if now.rank else "",
            "poster": _poster(cell),
            "about": about,
            "tip": self.say("studio.sweep.final_tip", cell=about, **tip),
        }

    def _how(self, now: CellNow) -> str:
        """How a cell stands, or how it keeps time."""
        if now.state == "done":
            return self._keeps_time(now.cell)
        over = self._sweep is not None and self._sweep.finished
        state = "missing" if over and now.state == "waiting" else now.state
        why = self.say(now.error[0], **now.error[1]) if now.error else ""
        return self.say(f"studio.sweep.state_{state}", percent=now.percent, why=why)

    def _keeps_time(self, cell: Cell) -> str:
        """'in time, R 0.91'"""
        made = made_of(cell.path)
        if made is None or made.scores is None:
            return self.say("studio.sweep.state_done")
        row = headline(made)
        return f"{verdict(made, self.say)}, R {row['r']:.2f}" if row else self.say("studio.sweep.still")

    def _option(self, value: Any) -> str:
        return self.say(f"option.{value}") if f"option.{value}" in MESSAGES else str(value)

    def _doing(self, action: Callable[[Cell], Any]) -> Callable[[str], None]:
        return lambda name: self.attempt(lambda: action(self._cell(name)))

    def _cell(self, name: str) -> Cell:
        """The finished cell of this number; InputError with the reason if it failed."""
        for now in self._sweep.cells if self._sweep else ():
            if str(now.cell.index) == name and now.state == "done":
                return now.cell
            if str(now.cell.index) == name and now.error:
                raise InputError(now.error[0], **now.error[1])
        raise InputError("studio.sweep.gone")


def _counted(sweep: SweepJob) -> dict[str, Any]:
    return {"done": sweep.numbers["done"], "total": sweep.numbers["total"]}


def _poster(cell: Cell) -> str:
    try:
        return token_of(cell.poster)
    except OSError:
        return ""


def _status(text: str, style: str = "") -> str:
    return f'<div role="status" class="s2v-state {style}">{html.escape(text)}</div>'
