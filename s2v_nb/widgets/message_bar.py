"""`MessageBar`: the one sentence that matters now, with the details folded away."""

import html

import ipywidgets as widgets

from s2v_nb.widgets.panel import Panel
from s2v_nb.workspace import Message


class MessageBar(Panel):
    """Shows the workspace's message until the person dismisses it."""

    def build(self) -> list[widgets.Widget]:
        self.text = widgets.HTML(layout={"width": "100%"})
        self._dismiss = self.words(widgets.Button(icon="times", layout={"width": "auto"}), "studio.dismiss")
        self._dismiss.on_click(lambda _: self.attempt(self._clear))
        self._row = widgets.HBox([self.text, self._dismiss], layout={"align_items": "flex-start"})
        self.watch("message", lambda _: self._show())
        return [self._row]

    def relabel(self) -> None:
        super().relabel()
        self._show()

    def _clear(self) -> None:
        self.workspace.message = None

    def _show(self) -> None:
        message = self.workspace.message
        # the region itself stays, empty, since a screen reader only follows one that was there before
        self._dismiss.layout.display = "none" if message is None else ""
        self.text.value = f'<div role="alert">{self._html(message) if message else ""}</div>'

    def _html(self, message: Message) -> str:
        sentence = html.escape(message.sentence(self.workspace.language))
        return f'<div class="s2v-message s2v-{message.kind}">{sentence}{self.folded(message.details)}</div>'
