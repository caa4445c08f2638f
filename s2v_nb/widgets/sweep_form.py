"""`SweepForm`: what a sweep would compare, and what that will take."""

import html
from typing import Any

import ipywidgets as widgets

from s2v_nb.errors import InputError
from s2v_nb.jobs.sweep_plan import MOST_WEIGHTS
from s2v_nb.settings import CONTROLS, Choice, Range
from s2v_nb.sweeps.expected import SweepEstimate
from s2v_nb.widgets.panel import Panel

_AUTO = {"width": "auto"}
_WRAP = {"flex_flow": "row wrap", "align_items": "center", "overflow": "visible"}
_LONG_SECONDS = 90.0


class SweepForm(Panel):
    """Shows and edits the workspace's ``sweep_plan``, with clips, time, disk and money before the click."""

    def build(self) -> list[widgets.Widget]:
        self._headings: list[tuple[widgets.HTML, str]] = []
        self.expected = widgets.HTML()
        blocks = [self._motion(), self._weights(), self._quality(), self._cap()]
        form = widgets.HBox(blocks, layout={**_WRAP, "align_items": "flex-start", "grid_gap": "8px 32px"})
        for name in ("sweep_plan", "sweep_estimate", "price_per_hour"):
            self.watch(name, lambda _: self._show())
        return [form, self.expected]

    def relabel(self) -> None:
        super().relabel()
        for motion, box in self.motions.items():
            box.description = self.say(f"option.{motion}")
        options = [(self.say("studio.sweep.draft"), True), (self.say("studio.sweep.as_set"), False)]
        self._set(self.quality, options=options, tooltips=[self.say("preset.quick_tip"), ""])
        self._show()

    # --- its parts

    def _motion(self) -> widgets.Widget:
        rule = CONTROLS["motion"]
        assert isinstance(rule, Choice)
        self.motions = {str(value): widgets.Checkbox(indent=False, layout=_AUTO) for value in rule.options}
        for box in self.motions.values():
            box.observe(lambda _: self._choose(motion=tuple(m for m, b in self.motions.items() if b.value)), "value")
        return self._block("motion", widgets.HBox(list(self.motions.values()), layout={**_WRAP, "grid_gap": "0 14px"}))

    def _weights(self) -> widgets.Widget:
        rule = CONTROLS["prompt_weight"]
        assert isinstance(rule, Range)
        self.range = widgets.FloatRangeSlider(
            min=rule.low,
            max=rule.high,
            step=rule.step,
            readout_format=".2f",
            layout={"width": "250px", "margin": "0 0 0 8px"},
        )
        self.count = widgets.BoundedIntText(min=1, max=MOST_WEIGHTS, layout={"width": "4.5em"})
        self._named(self.range, "range").observe(lambda _: self._choose_range(), "value")
        self._named(self.count, "count").observe(lambda change: self._choose(count=change["new"]), "value")
        return self._block("weight", widgets.HBox([self.range, self.count], layout={**_WRAP, "grid_gap": "4px 8px"}))

    def _quality(self) -> widgets.Widget:
        self.quality = widgets.ToggleButtons(
            options=[("", True), ("", False)], layout={"margin": "0"}, style={"button_width": "auto"}
        )
        self._named(self.quality, "quality").observe(lambda change: self._choose(draft=change["new"]), "value")
        return self._block("quality", self.quality)

    def _cap(self) -> widgets.Widget:
        self.cap = widgets.BoundedFloatText(min=0, max=1e6, step=0.5, layout={"width": "8em"})
        self._named(self.cap, "cap").observe(lambda change: self._choose(spend_cap=change["new"]), "value")
        self._cap_block = self._block("cap", self.cap)
        return self._cap_block

    def _block(self, name: str, control: widgets.Widget) -> widgets.Widget:
        """Controls under their name and a line of help."""
        heading = widgets.HTML()
        self._headings.append((heading, name))
        return widgets.VBox([heading, control], layout={"max_width": "100%", "overflow": "visible"})

    def _named(self, control: widgets.Widget, name: str) -> widgets.Widget:
        """A name for screen readers, since the heading above shows it to the others."""
        control.add_class("s2v-named")
        self.words(control, f"studio.sweep.{name}")
        return self.words(control, f"studio.sweep.{name}", "tooltip")

    # --- in step with the workspace

    def _choose(self, **choices: Any) -> None:
        if not self.is_settling:
            self.attempt(lambda: self.workspace.plan_sweep(**choices))

    def _choose_range(self) -> None:
        low, high = (round(value, 2) for value in self.range.value)
        self._choose(low=low, high=high)

    def _show(self) -> None:
        """Put every control where the plan is, and tell what it will take."""
        plan = self.workspace.sweep_plan
        for motion, box in self.motions.items():
            self._set(box, value=motion in plan.motion)
        self._set(self.range, value=(plan.low, plan.high))
        self._set(self.count, value=plan.count)
        self._set(self.quality, value=plan.draft)
        self._set(self.cap, value=plan.spend_cap)
        self._cap_block.layout.display = "" if self.workspace.price_per_hour else "none"
        weights = ", ".join(f"{weight:g}" for weight in plan.weights)
        for heading, name in self._headings:
            words = self.say(f"studio.sweep.{name}"), self.say(f"studio.sweep.{name}_help", weights=weights)
            label, help_text = map(html.escape, words)
            heading.value = f'<div class="s2v-label">{label}<span class="s2v-help">{help_text}</span></div>'
        self._show_expected()

    def _set(self, control: widgets.Widget, **values: Any) -> None:
        """Set a control without taking that for a choice of the person."""
        with self.settling():
            for name, value in values.items():
                if getattr(control, name) != value:
                    setattr(control, name, value)

    def _show_expected(self) -> None:
        """What it will take, and why nothing can be begun."""
        found, warning = self.workspace.sweep_estimate, ""
        if found is None:
            text, warning = "", self.say("studio.sweep.no_motion")
        else:
            text = self._expected(found)
            try:
                found.check_disk(self.workspace.runs)
            except InputError as error:
                warning = error.sentence(self.workspace.language)
        self.expected.value = (
            f'<div class="s2v-help s2v-expected" role="status">{html.escape(text)}</div>'
            f'<div class="s2v-warning">{html.escape(warning)}</div>'
        )

    def _expected(self, found: SweepEstimate) -> str:
        if not found.missing:
            return self.say("studio.sweep.estimate_none", cells=found.cells)
        price, money = self.workspace.price_per_hour, ""
        if price:
            money = self.say("studio.estimate_money", money=f"{found.money:.2g}", price=price)
        return self.say(
            "studio.sweep.estimate",
            missing=found.missing,
            cells=found.cells,
            time=self._time(found.seconds),
            disk=max(1.0, found.disk_bytes / 1e6),
            free=found.free_bytes / 1e9,
            money=money,
            basis=self.say("studio.estimate_measured" if found.measured else "studio.estimate_guess"),
        )

    def _time(self, seconds: float) -> str:
        if seconds < _LONG_SECONDS:
            return self.say("studio.seconds", seconds=max(1.0, seconds))
        return self.say("studio.minutes", minutes=seconds / 60)
