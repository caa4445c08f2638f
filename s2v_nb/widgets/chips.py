"""`Chips`: the directions of a prompt as buttons in groups; a click adds one or takes it out."""

from collections.abc import Callable
from typing import Any

from traitlets import List

from s2v_nb.widgets.front import Front


class Chips(Front):
    """``groups`` is [{"name", "label", "chips": [{"name", "label", "on"}]}]; a click calls ``toggle(name)``."""

    name = "chips"
    groups: Any = List().tag(sync=True)

    def __init__(self, report: Callable[[Exception], None], toggle: Callable[[str], None], **values: Any) -> None:
        super().__init__(report, **values)
        self._toggle = toggle

    def on_toggle(self, content: dict[str, Any], _: list) -> None:
        known = {chip["name"] for group in self.groups for chip in group["chips"]}
        if content.get("name") in known:
            self._toggle(content["name"])
