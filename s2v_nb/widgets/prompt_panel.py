"""`PromptPanel`: the prompt, what was understood of it as it is typed, and its directions as chips."""

import html

import ipywidgets as widgets

from s2v_nb.engines.preview.directions import DIRECTIONS
from s2v_nb.engines.preview.prompt import Reading, read_prompt, with_direction, without_direction
from s2v_nb.widgets.chips import Chips
from s2v_nb.widgets.panel import Panel

KINDS = tuple(dict.fromkeys(direction.kind for direction in DIRECTIONS))
ZH_NAMES = {direction.name: direction.name_zh for direction in DIRECTIONS}


class PromptPanel(Panel):
    """Shows and edits the prompt of the workspace's settings."""

    def build(self) -> list[widgets.Widget]:
        self._prompt = widgets.Textarea(rows=3, layout={"width": "100%"})
        self._prompt.add_class("s2v-prompt")
        self._prompt.add_class("s2v-named")
        self.words(self._prompt, "studio.title.prompt")
        self.words(self._prompt, "studio.prompt_hint", "placeholder")
        self.words(self._prompt, "studio.title.prompt", "tooltip")
        self._prompt.observe(lambda change: self._typed(change["new"]), "value")
        self._read = widgets.HTML()
        self.watch("settings", lambda _: self._show())
        self._chips = None if self.plain else Chips(self.workspace.report, self.toggle)
        return [self._prompt, self._read, *([self._chips] if self._chips else [])]

    def relabel(self) -> None:
        super().relabel()
        self._show()

    def toggle(self, name: str) -> None:
        """Add a direction to the prompt, or take it out."""
        prompt = self.workspace.settings.prompt
        there = {term.direction.name for term in read_prompt(prompt).terms}
        lang = self.workspace.language
        word = ZH_NAMES[name] if lang == "zh" else name
        changed = without_direction(prompt, name) if name in there else with_direction(prompt, word)
        self.attempt(lambda: self.workspace.change(prompt=changed))

    def _typed(self, text: str) -> None:
        if text != self.workspace.settings.prompt:
            self.attempt(lambda: self.workspace.change(prompt=text))

    def _show(self) -> None:
        prompt = self.workspace.settings.prompt
        if self._prompt.value != prompt:
            self._prompt.value = prompt
        reading = read_prompt(prompt)
        self._read.value = self._words(reading)
        if self._chips:
            self._chips.groups = self._groups({term.direction.name for term in reading.terms})

    def _groups(self, used: set[str]) -> list[dict]:
        chinese = self.workspace.language == "zh"
        return [
            {
                "name": kind,
                "label": self.say(f"kind.{kind}"),
                "chips": [
                    {"name": d.name, "label": d.name_zh if chinese else d.name, "on": d.name in used}
                    for d in DIRECTIONS
                    if d.kind == kind
                ],
            }
            for kind in KINDS
        ]

    def _words(self, reading: Reading) -> str:
        """What was understood, and what was not, in a region that is read out when it changes."""
        chinese = self.workspace.language == "zh"
        lines = []
        if reading.terms:
            names = [term.direction.name_zh if chinese else term.direction.name for term in reading.terms]
            lines.append((self.say("studio.prompt_known", words=("，" if chinese else ", ").join(names)), "s2v-help"))
        if reading.unknown:
            words = ", ".join(reading.unknown)
            lines.append((self.say("studio.prompt_unknown", words=words), "s2v-warning"))
        if not lines:
            lines.append((self.say("studio.prompt_empty"), "s2v-help"))
        inner = "".join(f'<div class="{style}">{html.escape(text)}</div>' for text, style in lines)
        return f'<div role="status">{inner}</div>'
