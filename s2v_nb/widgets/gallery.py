"""`Gallery`: clips as cards with a thumbnail, in a grid that the keyboard walks through."""

from collections.abc import Callable
from typing import Any

from s2v_nb.widgets.cards import Cards

WORDS = ("empty", "list", "use", "delete", "confirm", "keep", "no_poster")


class Gallery(Cards):
    """Cards of finished clips, to ``show``, to ``use`` the settings of, or to ``forget``.

    Notes
    -----
    A card also has 'title', 'line', 'verdict' and 'when' (seconds since 1970).
    """

    name = "gallery"

    def __init__(
        self,
        report: Callable[[Exception], None],
        *,
        show: Callable[[str], None],
        use: Callable[[str], None],
        forget: Callable[[str], None],
        **values: Any,
    ) -> None:
        super().__init__(report, {"show": show, "use": use, "forget": forget}, **values)

    def speak(self, say: Callable[[str], str]) -> None:
        self.words = {word: say(f"studio.history.{word}") for word in WORDS}
