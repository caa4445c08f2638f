"""`Gallery`: clips as cards with a thumbnail, in a grid that the keyboard walks through."""

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import PIL.Image
from traitlets import List, Unicode

from s2v_nb.widgets.front import Front

THUMBNAIL_PIXELS = 240  # longer side
WORDS = ("empty", "list", "use", "delete", "confirm", "keep", "no_poster")


class Gallery(Front):
    """Cards; what a person does with one goes to the three callables, with the card's id.

    Notes
    -----
    A card is a dict of 'id', 'title', 'line', 'verdict', 'when' (seconds since 1970) and 'poster', which names a
    state of the picture and is '' while there is none. The thumbnails are asked for one by one, as they come into view.
    """

    name = "gallery"
    cards: List = List().tag(sync=True)
    current = Unicode("").tag(sync=True)  # the id of the card that is shown elsewhere

    def __init__(
        self,
        report: Callable[[Exception], None],
        *,
        show: Callable[[str], None],
        use: Callable[[str], None],
        forget: Callable[[str], None],
        **values: Any,
    ) -> None:
        self._actions = {"show": show, "use": use, "forget": forget}
        self._posters: dict[str, Path] = {}
        super().__init__(report, **values)

    def put(self, cards: list[dict[str, Any]], posters: dict[str, Path]) -> None:
        """Show these cards; ``posters`` has the picture of each id that has one."""
        self._posters = posters
        self.cards = cards

    def speak(self, say: Callable[[str], str]) -> None:
        self.words = {word: say(f"studio.history.{word}") for word in WORDS}

    def on_poster(self, content: dict[str, Any], _: list) -> None:
        """Send the thumbnail of a card; nothing if it is gone."""
        path = self._posters.get(content.get("id", ""))
        if path is None:
            return
        try:
            picture = thumbnail(path, path.stat().st_mtime_ns)
        except OSError:
            return
        self.send({"do": "poster", "id": content["id"], "poster": content.get("poster")}, [picture])

    def on_act(self, content: dict[str, Any], _: list) -> None:
        """'show', 'use' or 'forget' a card."""
        self._actions[content["what"]](str(content["id"]))


@lru_cache(maxsize=120)
def thumbnail(path: Path, stamp: int) -> bytes:
    """A picture as a JPEG of `THUMBNAIL_PIXELS` at most; ``stamp`` tells its states apart."""
    with PIL.Image.open(path) as picture:
        picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        sink = io.BytesIO()
        picture.convert("RGB").save(sink, "JPEG", quality=80)
    return sink.getvalue()
