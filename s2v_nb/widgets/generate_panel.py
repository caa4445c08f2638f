"""`GeneratePanel`: what the clip will take, and the button that begins it."""

import html

import ipywidgets as widgets

from s2v_nb.jobs import Job
from s2v_nb.session import memory_limit
from s2v_nb.widgets.panel import Panel


class GeneratePanel(Panel):
    """Expected seconds, memory and money for the workspace's settings, and *Generate*."""

    def build(self) -> list[widgets.Widget]:
        self.expected = widgets.HTML()
        self.button = widgets.Button(icon="magic", button_style="primary", layout={"width": "100%", "height": "40px"})
        self.button.add_class("s2v-generate")
        self.button.on_click(lambda _: self.attempt(self.workspace.generate))
        self._limit = memory_limit() / 1e9
        self._job: Job | None = None
        self.watch("estimate", lambda _: self._show_expected())
        self.watch("job", self._follow)
        self._follow(self.workspace.job)
        return [self.expected, self.button]

    def relabel(self) -> None:
        super().relabel()
        self._show_expected()
        self._show_button()

    def _follow(self, job: Job | None) -> None:
        """Watch the job that is being made now."""
        if self._job is not None:
            self._job.unobserve(self._show_button, "state")
        self._job = job
        if self._job is not None:
            self._job.observe(self._show_button, "state")
        self._show_button()

    def _show_button(self, _: object = None) -> None:
        busy = self._job is not None and not self._job.finished
        self.button.disabled = busy
        self.button.description = self.say("studio.generating" if busy else "studio.generate")

    def _show_expected(self) -> None:
        expected = self.workspace.estimate
        if expected is None:
            return
        price = self.workspace.price_per_hour
        money = ""
        if expected.money is not None:
            money = self.say("studio.estimate_money", money=f"{expected.money:.2g}", price=price)
        basis = self.say("studio.estimate_measured" if expected.measured else "studio.estimate_guess")
        text = self.say(
            "studio.estimate",
            time=self._time(expected.seconds),
            memory=expected.memory_bytes / 1e9,
            limit=self._limit,
            money=money,
            basis=basis,
        )
        warning = "" if expected.fits else self.say("studio.estimate_too_big")
        self.expected.value = (
            f'<div class="s2v-help s2v-expected" role="status">{html.escape(text)}</div>'
            f'<div class="s2v-warning">{html.escape(warning)}</div>'
        )

    def _time(self, seconds: float) -> str:
        if seconds < 90:
            return self.say("studio.seconds", seconds=max(1.0, seconds))
        return self.say("studio.minutes", minutes=seconds / 60)
