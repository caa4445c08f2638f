"""`Front`: what all small front ends of our own share: files, messages, words, and whether the browser has them.

A front end is one JavaScript module in ``static`` with a style sheet beside it, bundled in the package. Large content
travels as messages with binary buffers, never as a trait, so that no notebook file can ever come to hold it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bool, Dict

STATIC = Path(__file__).parent / "static"


class Front(anywidget.AnyWidget):
    """A widget drawn by ``static/<name>.js``.

    The front end sends ``{"do": "thing", ...}``; it arrives at ``on_thing(content, buffers)``. Its first message is
    ``{"do": "here"}``, which sets ``answered``: where that never comes (a notebook without anywidget) the panel shows
    plain widgets instead. ``shared`` names scripts in ``static`` that stand before its own.
    """

    name = ""
    shared: tuple[str, ...] = ()
    words = Dict().tag(sync=True)  # key -> text in the person's language, set by the panel
    answered = Bool(False)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if cls.__dict__.get("name"):  # not a class that ipywidgets derives to add traits
            scripts = (*cls.shared, cls.name)
            cls._esm = "\n".join((STATIC / f"{name}.js").read_text(encoding="utf-8") for name in scripts)
            cls._css = (STATIC / f"{cls.name}.css").read_text(encoding="utf-8")
        super().__init_subclass__(**kwargs)

    def __init__(self, report: Callable[[Exception], None], **values: Any) -> None:
        super().__init__(**values)
        self._report = report
        self.on_msg(self._received)

    def _received(self, _: Any, content: dict[str, Any], buffers: list) -> None:
        """Hand a message to its method; an error becomes a sentence on the page."""
        do = content.get("do") if isinstance(content, dict) else None
        if do == "here":
            self.answered = True
            return
        try:
            handler = getattr(self, f"on_{do}", None) if isinstance(do, str) else None
            if handler is None:
                raise ValueError(f"the front end {self.name!r} sent {do!r}, which nobody understands")
            handler(content, buffers)
        except Exception as error:
            self._report(error)
