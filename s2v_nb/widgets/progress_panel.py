"""`ProgressPanel`: how far the clip is, stage by stage, and the button that stops it."""

import html
from typing import Any

import ipywidgets as widgets

from s2v_nb.jobs import Job
from s2v_nb.progress import STAGES, State
from s2v_nb.widgets.panel import Panel

_WATCHED = ["state", "stages", "stopping", "error", "details", "seconds", "cached"]


class ProgressPanel(Panel):
    """Shows the workspace's job: three stages, each with its time, and one line on how it stands."""

    def build(self) -> list[widgets.Widget]:
        self.line = widgets.HTML()
        self.rows = {stage: _Row() for stage in STAGES}
        self.stop = widgets.Button(
            icon="stop", layout={"width": "auto", "min_width": "110px", "align_self": "flex-start"}
        )
        self.stop.on_click(lambda _: self.attempt(self._stop))
        self._job: Job | None = None
        self.watch("job", self._follow)
        self._follow(self.workspace.job)
        return [self.line, *(row.box for row in self.rows.values()), self.stop]

    def relabel(self) -> None:
        super().relabel()
        self.draw()

    def draw(self, _: Any = None) -> None:
        """Show the job as it stands now."""
        job = self._job
        for stage, row in self.rows.items():
            row.show(self.say(f"stage.{stage}"), job.stages.get(stage) if job else None, self.say)
        busy = bool(job and not job.finished)
        stopping = bool(job and job.stopping and busy)
        self.stop.disabled = not busy or stopping
        self.stop.description = self.say("studio.progress.stopping" if stopping else "studio.progress.stop")
        self.line.value = self._line()

    def _stop(self) -> None:
        self.stop.disabled = True
        self.stop.description = self.say("studio.progress.stopping")  # at once, whatever ending takes
        self.workspace.stop()

    def _follow(self, job: Job | None) -> None:
        if self._job is not None:
            self._job.unobserve(self.draw, _WATCHED)
        self._job = job
        if job is not None:
            job.observe(self.draw, _WATCHED)
        self.draw()

    def _line(self) -> str:
        """The state in words, announced when it changes; why it failed, with the traceback folded away."""
        job = self._job
        if job is None:
            return _status(self.say("studio.progress.none"))
        if job.state == "failed":
            return _status(job.sentence(self.workspace.language), "s2v-bad") + self.folded(job.details)
        state = "cached" if job.state == "done" and job.cached else job.state
        return _status(self.say(f"studio.progress.{state}", seconds=job.seconds))


class _Row:
    """One stage: its name, a bar, and percent, elapsed and remaining time."""

    def __init__(self) -> None:
        self.name = widgets.HTML(layout={"flex": "0 0 104px"})
        self.bar = widgets.FloatProgress(max=1.0, layout={"flex": "1 1 90px", "width": "auto", "min_width": "60px"})
        self.numbers = widgets.HTML(layout={"flex": "0 1 auto", "min_width": "60px"})
        layout = {"align_items": "center", "flex_flow": "row wrap", "width": "100%", "overflow": "hidden"}
        self.box = widgets.HBox([self.name, self.bar, self.numbers], layout=layout)

    def show(self, name: str, state: State | None, say: Any) -> None:
        part = min(1.0, state.done / state.total) if state and state.total else 0.0
        words = _words(state, part, say)
        self.name.value = html.escape(name)
        self.bar.value = part
        self.bar.bar_style = "success" if part >= 1 else "info"
        self.bar.tooltip = f"{name}: {words}"
        # the bar itself has no role a screen reader would know
        self.numbers.value = (
            f'<span role="progressbar" aria-label="{html.escape(name)}" aria-valuemin="0" aria-valuemax="100" '
            f'aria-valuenow="{100 * part:.0f}" aria-valuetext="{html.escape(words)}" '
            f'style="font-variant-numeric:tabular-nums;white-space:nowrap">{html.escape(words)}</span>'
        )


def _words(state: State | None, part: float, say: Any) -> str:
    """'45 %, 00:12, 00:15 left'"""
    if state is None:
        return "0 %"
    words = f"{100 * part:.0f} %, {clock(state.elapsed)}"
    left = state.remaining
    if part >= 1 or left is None:
        return words
    return f"{words}, {say('studio.progress.left', left=clock(left))}"


def clock(seconds: float) -> str:
    """'02:05' of 125 seconds."""
    whole = max(0, round(seconds))
    return f"{whole // 60:02d}:{whole % 60:02d}"


def _status(text: str, style: str = "") -> str:
    return f'<div role="status" class="s2v-state {style}" style="line-height:1.4">{html.escape(text)}</div>'
