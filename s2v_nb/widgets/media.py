"""`Media`: shows a video or a picture that lies on the kernel's disk, and lets the person download files from there.

The bytes travel as messages in parts that the front end asks for, so that it works behind any proxy and needs no
address of a file, and so that no notebook can come to hold them.
"""

import base64
import hashlib
import html
import mimetypes
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ipywidgets as widgets
from traitlets import Bool, Dict, Unicode

from s2v_nb.widgets.front import Front

PART_BYTES = 2**20
MOST_PLAIN_BYTES = 25_000_000
KINDS = ("video", "image")  # what is shown; the rest is for download only
WORDS = ("sound_on", "sound_off", "download", "loading", "gone", "broken")


class Media(Front):
    """One file, shown.

    Parameters
    ----------
    report : callable
        Told of errors.
    downloadable : bool
        Whether there is a Download button below.
    group : str
        Videos of one group on a page start together.
    sound : bool
        Whether there is a Sound button below; videos start muted, because browsers play no others by themselves.
    small : bool
        For a video beside the one that matters.

    Notes
    -----
    ``file`` describes what is shown: 'token', 'kind' ('video' or 'image'), 'type', 'size' (bytes) and 'name' (for the
    download); it is empty while there is nothing, and only 'gone' for a file that is not there. The token names one
    state of one file: the front end sees from a new one that there is something new, and nothing without a known token
    is ever read.
    """

    name = "media"
    file = Dict().tag(sync=True)
    alt = Unicode("").tag(sync=True)  # what a screen reader says
    group = Unicode("").tag(sync=True)
    downloadable = Bool(True).tag(sync=True)
    sound = Bool(True).tag(sync=True)
    small = Bool(False).tag(sync=True)

    def __init__(self, report: Callable[[Exception], None], **values: Any) -> None:
        self._shown: Path | None = None
        self._offered: dict[str, Path] = {}  # token -> file
        super().__init__(report, **values)

    def show(self, path: str | Path | None, *, alt: str = "", name: str = "") -> None:
        """Show a file, under ``name`` in downloads; nothing with None. The same again is free."""
        self._shown = None if path is None else Path(path)
        described = _describe(self._shown, name)
        self._offered = {described["token"]: self._shown} if self._shown and described else {}
        self.alt = alt
        self.file = described or ({"gone": True} if self._shown else {})

    def speak(self, say: Callable[[str], str]) -> None:
        """Label the buttons with sentences of the table; ``say`` turns a key into one."""
        self.words = {word: say(f"studio.media.{word}") for word in WORDS}

    def download(self, path: str | Path, name: str = "") -> None:
        """Let the browser save a file; FileNotFoundError if it is gone."""
        path = Path(path)
        described = _describe(path, name)
        if not described:
            raise FileNotFoundError(f"{path} is not there")
        self._offered[described["token"]] = path
        self.send({"do": "download", "file": described})

    def on_get(self, content: dict[str, Any], _: list) -> None:
        """Send one part of a file that is shown or offered; ``reader`` tells pages apart."""
        token, at = content.get("token"), content.get("at")
        answer = {"do": "part", "reader": content.get("reader"), "token": token, "at": at}
        path = self._offered.get(token) if isinstance(token, str) else None
        part = _part(path, token, at)
        if part is None:
            self.send({**answer, "do": "gone"})
            self._look_again(path)
        else:
            self.send(answer, [part])

    def _look_again(self, path: Path | None) -> None:
        """A file that was written anew is shown anew."""
        if path is not None and path == self._shown and (described := _describe(path, self.file.get("name", ""))):
            self.show(path, alt=self.alt, name=described["name"])


def token_of(path: Path) -> str:
    """Names one state of one file; OSError if it is not there."""
    status = path.stat()
    text = f"{path.resolve()}|{status.st_mtime_ns}|{status.st_size}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]


def _describe(path: Path | None, name: str) -> dict[str, Any]:
    """What the front end needs to know; empty if there is no such file."""
    if path is None or not path.is_file():
        return {}
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    shown = kind.split("/")[0]
    try:
        token, size = token_of(path), path.stat().st_size
    except OSError:  # gone in this moment
        return {}
    return {
        "token": token, "kind": shown if shown in KINDS else "", "type": kind, "size": size, "name": name or path.name,
    }  # fmt: skip


def _part(path: Path | None, token: Any, at: Any) -> bytes | None:
    """The bytes from ``at`` on, `PART_BYTES` at most; None if the file is gone, changed, or was never offered."""
    if path is None or not isinstance(at, int) or at < 0:
        return None
    try:
        with path.open("rb") as file:
            file.seek(at)
            part = file.read(PART_BYTES)
        return part if token_of(path) == token else None
    except OSError:
        return None


class PlainVideo(widgets.Output):
    """The same without a front end of ours: a film in the page itself, and a link for the download.

    A film of more than `MOST_PLAIN_BYTES` is given by its address, which a notebook's own server knows.
    """

    group = ""
    _download = "download"

    def show(self, path: str | Path | None, *, alt: str = "", name: str = "") -> None:
        page = ""
        with suppress(FileNotFoundError):  # deleted meanwhile
            page = "" if path is None else _page(Path(path), alt, name, self._download)
        self.outputs = ({"output_type": "display_data", "data": {"text/html": page}, "metadata": {}},) if page else ()

    def speak(self, say: Callable[[str], str]) -> None:
        self._download = say("studio.media.download")


def _page(path: Path, alt: str, name: str, download: str) -> str:
    if path.stat().st_size <= MOST_PLAIN_BYTES:
        source = "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
    else:  # an output's addresses are relative to the notebook, which those of other widgets are not
        source = html.escape(quote(os.path.relpath(path).replace(os.sep, "/")), quote=True)
    return (
        f'<video src="{source}" aria-label="{html.escape(alt)}" controls autoplay muted loop playsinline '
        f'style="max-width:100%;max-height:70vh"></video>'
        f'<p><a href="{source}" download="{html.escape(name or path.name)}">{html.escape(download)}</a></p>'
    )


class PlainPicture(widgets.Image):
    """A picture without a front end of ours."""

    def show(self, path: str | Path | None, *, alt: str = "", name: str = "") -> None:
        try:
            value = b"" if path is None else Path(path).read_bytes()
        except OSError:
            value = b""
        self.layout.display = "" if value else "none"
        self.layout.max_width = "100%"
        self.value, self.tooltip = value, alt

    def speak(self, say: Callable[[str], str]) -> None:
        """There are no words on it."""
