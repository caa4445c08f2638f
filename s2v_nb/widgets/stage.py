"""`Stage`: a small copy of the picture with the part the clip shows, and a point on its subject to drag."""

from collections.abc import Callable
from typing import Any

import cv2
from traitlets import Bool, Dict, List, Unicode

from s2v_nb.errors import InputError
from s2v_nb.media.image import Image
from s2v_nb.widgets.front import Front

LONGEST_SIDE = 480  # pixels of the copy
JPEG_QUALITY = 85


class Stage(Front):
    """The picture as the clip will show it.

    Parameters
    ----------
    report : callable
        Takes what went wrong, as an exception.
    moved : callable
        Takes the point (x, y), each 0 to 1, that a person has put on the subject, or None for "find it".

    Notes
    -----
    ``picture`` is {} or {token, width, height}; the front end asks for the pixels of a token. ``frame`` is (left, top,
    right, bottom) of what the clip shows and ``subject`` (x, y), in parts of the picture; ``found`` says that nobody
    has chosen the point. ``caption`` and ``lines`` are shown below. ``words`` has the keys subject, auto, hint.
    """

    name = "stage"
    picture = Dict().tag(sync=True)
    frame = List([0.0, 0.0, 1.0, 1.0]).tag(sync=True)
    subject = List([0.5, 0.5]).tag(sync=True)
    found = Bool(True).tag(sync=True)
    caption = Unicode("").tag(sync=True)
    lines = List(Unicode()).tag(sync=True)

    def __init__(
        self, report: Callable[[Exception], None], *, moved: Callable[[tuple[float, float] | None], None]
    ) -> None:
        super().__init__(report)
        self._moved = moved
        self._token, self._jpeg = "", b""

    def show(self, image: Image | None) -> None:
        """Show a picture, or none."""
        if image is None:
            self._token, self._jpeg, self.picture = "", b"", {}
        elif image.sha256 != self._token:
            self._token, self._jpeg = image.sha256, small_jpeg(image)
            self.picture = {"token": image.sha256, "width": image.size[0], "height": image.size[1]}

    def on_fetch(self, content: dict[str, Any], buffers: list) -> None:
        if self._jpeg and content.get("token") == self._token:
            self.send({"do": "pixels", "token": self._token}, [self._jpeg])

    def on_subject(self, content: dict[str, Any], buffers: list) -> None:
        point = content.get("x"), content.get("y")
        if not all(isinstance(value, int | float) and 0 <= value <= 1 for value in point):
            raise InputError("settings.subject", value=point)
        self._moved((round(float(point[0]), 3), round(float(point[1]), 3)))  # type: ignore[arg-type]

    def on_auto(self, content: dict[str, Any], buffers: list) -> None:
        self._moved(None)


def small_jpeg(image: Image) -> bytes:
    """The picture as a JPEG file with at most 480 pixels on a side."""
    scale = min(1.0, LONGEST_SIDE / max(image.size))
    size = max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale))
    small = cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return jpeg.tobytes()
