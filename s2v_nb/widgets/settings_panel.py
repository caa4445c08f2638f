"""`SettingsPanel`: every choice of `Settings` with its bounds and one line of help, from one table."""

import html
import math
import random
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from s2v_nb.engines import RANKED, EngineCard, engine_cards
from s2v_nb.errors import LANGUAGES, say
from s2v_nb.messages import MESSAGES
from s2v_nb.settings import CONTROLS, PRESETS, Choice, Range
from s2v_nb.widgets.panel import Panel

_FULL = {"width": "100%", "margin": "0"}
_AUTO = {"width": "auto"}


class SettingsPanel(Panel):
    """Shows and edits the workspace's settings; presets change several at once."""

    def build(self) -> list[widgets.Widget]:
        self._headings: dict[str, widgets.HTML] = {}
        self.controls: dict[str, widgets.Widget] = {name: self._control(name) for name in CONTROLS if name != "start"}
        rows = [self._row(name, control) for name, control in self.controls.items()]
        self.presets = {name: self._preset(name) for name in PRESETS}
        self.watch("settings", lambda _: self._show())
        start = [self._start_row()]
        engine = [self._engine_row()]
        top = widgets.HBox(list(self.presets.values()), layout={"flex_flow": "row wrap"})
        return [top, *rows[:3], *start, *rows[3:], *engine]

    def relabel(self) -> None:
        super().relabel()
        for name, heading in self._headings.items():
            heading.value = self._heading_text(name)
        for name, control in self.controls.items():
            if isinstance(CONTROLS[name], Choice):
                self._set(control, options=[(self._option(o), o) for o in CONTROLS[name].options])  # type: ignore[union-attr]
        self._set(self._engine, options=self._engines())
        self._about.value = self._engine_lines()
        self._show()

    # --- its parts

    def _control(self, name: str) -> widgets.Widget:
        rule = CONTROLS[name]
        if isinstance(rule, Choice):
            made = widgets.ToggleButtons(options=rule.options, layout=_FULL, style={"button_width": "auto"})
        elif isinstance(rule.step, int):
            made = widgets.BoundedIntText(min=int(rule.low), max=int(rule.high), layout={"width": "12em"})
        else:
            readout = ".2f" if rule.step < 0.1 else ".1f"
            made = widgets.FloatSlider(
                min=rule.low, max=rule.high, step=rule.step, layout=_FULL, readout_format=readout
            )
        made.add_class("s2v-control")
        made.add_class("s2v-named")
        self.words(made, f"control.{name}")
        self.words(made, f"control.{name}", "tooltip")
        made.observe(lambda change: self._changed(name, change["new"]), "value")
        return made

    def _row(self, name: str, control: widgets.Widget) -> widgets.Widget:
        """A control under its name, with its help and bounds below."""
        head = self._heading(name)
        return widgets.VBox([head, self._with_dice(control) if name == "seed" else control], layout={"width": "100%"})

    def _with_dice(self, control: widgets.Widget) -> widgets.Widget:
        dice = self.words(widgets.Button(icon="random", layout=_AUTO), "studio.dice")
        dice.on_click(lambda _: self.attempt(lambda: self.workspace.change(seed=random.randrange(10_000))))  # noqa: S311
        return widgets.HBox([control, dice], layout={"flex_flow": "row wrap"})

    def _start_row(self) -> widgets.Widget:
        rule = CONTROLS["start"]
        assert isinstance(rule, Range)
        self._best = self.words(widgets.Checkbox(indent=False, layout=_AUTO), "studio.best_start")
        self._best.observe(lambda change: self._start_chosen(), "value")
        self._start = widgets.BoundedFloatText(min=rule.low, max=rule.high, step=0.5, layout={"width": "9em"})
        self._start.observe(lambda change: self._start_chosen(), "value")
        self._start.add_class("s2v-named")
        self.words(self._start, "control.start")
        self.words(self._start, "control.start", "tooltip")
        return widgets.VBox([self._heading("start"), widgets.HBox([self._best, self._start])], layout={"width": "100%"})

    def _engine_row(self) -> widgets.Widget:
        self._engine = widgets.Dropdown(options=["auto"], layout=_FULL)
        self._engine.add_class("s2v-named")
        self.words(self._engine, "control.engine")
        self.words(self._engine, "control.engine", "tooltip")
        self._engine.observe(lambda change: self._changed("engine", change["new"]), "value")
        self._about = widgets.HTML()
        parts = [self._heading("engine"), self._engine, self._limits_block(), self._about]
        return widgets.VBox(parts, layout={"width": "100%"})

    def _limits_block(self) -> widgets.Widget:
        """What 'auto' may take, and what it is within that."""
        self._minutes, self._money = (self._limit(name, most) for name, most in (("minutes", 1e4), ("money", 1e5)))
        row = widgets.HBox([self._minutes, self._money], layout={"flex_flow": "row wrap"})
        self._now = widgets.HTML()
        self._limits = widgets.VBox([row, self._now], layout={"width": "100%"})
        for name in ("limits", "price_per_hour", "estimate"):
            self.watch(name, lambda _: self._show_limits())
        return self._limits

    def _limit(self, name: str, most: float) -> widgets.BoundedFloatText:
        style = {"description_width": "initial"}
        made = widgets.BoundedFloatText(min=0, max=most, step=0.5, layout={"width": "18em"}, style=style)
        self.words(self.words(made, f"studio.limit_{name}"), f"studio.limit_{name}_tip", "tooltip")
        made.observe(lambda _: self._limits_chosen(), "value")
        return made

    def _preset(self, name: str) -> widgets.Button:
        button = self.words(widgets.Button(layout=_AUTO), f"preset.{name}")
        self.words(button, f"preset.{name}_tip", "tooltip")
        button.on_click(lambda _: self.attempt(lambda: self.workspace.preset(name)))
        return button

    def _heading(self, name: str) -> widgets.HTML:
        self._headings[name] = widgets.HTML()
        return self._headings[name]

    # --- words

    def _heading_text(self, name: str) -> str:
        """A control's name, with its help and bounds."""
        rule, lang = CONTROLS.get(name), self.workspace.language
        help_text = f"{rule.help[LANGUAGES.index(lang)]}{_bounds(rule, lang)}" if rule else ""
        label = html.escape(self.say(f"control.{name}"))
        return f'<div class="s2v-label">{label}<span class="s2v-help">{html.escape(help_text)}</span></div>'

    def _option(self, option: Any) -> str:
        return self.say(f"option.{option}") if f"option.{option}" in MESSAGES else str(option)

    def _engines(self) -> list[tuple[str, str]]:
        """Those that run here; the others are listed below with the reason."""
        usable = [(card.name, card.name) for card in engine_cards() if card.refusal is None]
        return [(self.say("studio.engine_auto"), "auto"), *usable]

    def _engine_lines(self) -> str:
        index = LANGUAGES.index(self.workspace.language)
        lines = []
        for card in engine_cards():
            refusal = card.refusal
            state = self.say("studio.engine_ready")
            if refusal:
                why = say(refusal.key, self.workspace.language, **refusal.values)
                state = self.say("studio.engine_refused", why=why)
            style = "s2v-help s2v-refused" if refusal else "s2v-help"
            lines.append(
                f'<div class="{style}"><b>{html.escape(card.name)}</b> ({html.escape(state)}): '
                f"{html.escape(card.about[index])}{html.escape(self._controls_line(card, index))}</div>"
            )
        return "".join(lines)

    def _controls_line(self, card: EngineCard, index: int) -> str:
        """What the sliders do, of the engine that is chosen."""
        chosen = card.controls is not None and card.name == self.workspace.settings.engine
        return f" {card.controls[index]}" if chosen and card.controls else ""

    # --- in step with the workspace

    def _changed(self, name: str, value: Any) -> None:
        if not self.is_settling and value is not None and value != getattr(self.workspace.settings, name):
            self.attempt(lambda: self.workspace.change(**{name: value}))

    def _start_chosen(self) -> None:
        if not self.is_settling:
            start = None if self._best.value else self._start.value
            self.attempt(lambda: self.workspace.change(start=start))

    def _limits_chosen(self) -> None:
        """0 leaves a limit open."""
        if not self.is_settling:
            seconds, money = self._minutes.value * 60 or math.inf, self._money.value or math.inf
            limits = replace(self.workspace.limits, seconds=seconds, money=money)
            self.attempt(lambda: setattr(self.workspace, "limits", limits))

    def _show_limits(self) -> None:
        """Only where there is something to choose from, the money where an hour has a price."""
        limits, priced = self.workspace.limits, self.workspace.price_per_hour or self.workspace.limits.price_per_hour
        self._set(self._minutes, value=limits.seconds / 60 if math.isfinite(limits.seconds) else 0.0)
        self._set(self._money, value=limits.money if math.isfinite(limits.money) else 0.0)
        self._money.layout.display = "" if priced else "none"
        usable = any(value in RANKED for _, value in self._engine.options)
        can_choose = usable and self.workspace.settings.engine == "auto"
        self._limits.layout.display = "" if can_choose else "none"
        self._now.value = f'<div class="s2v-help" role="status">{html.escape(self._now_line())}</div>'

    def _now_line(self) -> str:
        """Which engine 'auto' is, and why."""
        found = self.workspace.estimate
        if found is None:
            return ""
        why = " ".join(say(reason.key, self.workspace.language, **reason.values) for reason in found.passed_over)
        return self.say("studio.engine_now_why" if why else "studio.engine_now", engine=found.engine, why=why)

    def _show(self) -> None:
        """Put every control where the settings are."""
        settings = self.workspace.settings
        for name, control in self.controls.items():
            self._set(control, value=getattr(settings, name))
        self._set(self._best, value=settings.start is None)
        self._set(self._start, value=settings.start or 0.0, disabled=settings.start is None)
        if settings.engine in [value for _, value in self._engine.options if isinstance(_, str)]:
            self._set(self._engine, value=settings.engine)
        self._about.value = self._engine_lines()
        self._show_limits()
        for name, button in self.presets.items():
            chosen = all(getattr(settings, k) == v for k, v in PRESETS[name].items())
            button.button_style = "info" if chosen else ""

    def _set(self, control: widgets.Widget, **values: Any) -> None:
        """Set a control without taking that for a choice of the person."""
        with self.settling():
            for name, value in values.items():
                if getattr(control, name) != value:
                    setattr(control, name, value)


def _bounds(rule: Choice | Range, lang: str) -> str:
    if isinstance(rule, Choice):
        return ""
    low, high = (f"{value:,.0f}" if isinstance(rule.step, int) else f"{value:g}" for value in (rule.low, rule.high))
    words = say("studio.bounds", lang, low=low, high=high, unit=rule.unit)
    return f"（{words}）" if lang == "zh" else f" ({words})"
