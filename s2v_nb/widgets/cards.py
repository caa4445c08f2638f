"""`Cards`: what front ends that show clips as cards share: thumbnails on demand, and what a person does with a card."""

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import PIL.Image
from traitlets import List, Unicode

from s2v_nb.widgets.front import Front

THUMBNAIL_PIXELS = 240  # longer side


class Cards(Front):
    """Cards; what a person does with one goes to the callable of that name in ``actions``, with the card's id.

    Notes
    -----
    A card is a dict with 'id', and 'poster', which names a state of the picture and is '' while there is none. The
    thumbnails are asked for one by one, as they come into view.
    """

    shared = ("cards",)
    cards: List = List().tag(sync=True)
    current = Unicode("").tag(sync=True)  # the id of the card that is shown elsewhere

    def __init__(
        self, report: Callable[[Exception], None], actions: dict[str, Callable[[str], None]], **values: Any
    ) -> None:
        self._actions = actions
        self._posters: dict[str, Path] = {}
        super().__init__(report, **values)

    def put(self, cards: list[dict[str, Any]], posters: dict[str, Path]) -> None:
        """Show these cards; ``posters`` has the picture of each id that has one."""
        self._posters = posters
        self.cards = cards

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
        """One of the actions with a card."""
        self._actions[content["what"]](str(content["id"]))


@lru_cache(maxsize=120)
def thumbnail(path: Path, stamp: int) -> bytes:
    """A picture as a JPEG of `THUMBNAIL_PIXELS` at most; ``stamp`` tells its states apart."""
    with PIL.Image.open(path) as picture:
        picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        sink = io.BytesIO()
        picture.convert("RGB").save(sink, "JPEG", quality=80)
    return sink.getvalue()
