"""`Upload`: files of up to 1 GiB from the browser to the disk, in pieces, on Jupyter's default limits.

One message to a kernel may hold 10 MiB. The front end therefore sends pieces of 2 MiB with their SHA-256, at most four
ahead of what the kernel has confirmed, so that neither side ever holds the whole file::

    page   begin (id, name, size)              chunk (id, offset, sha256) + bytes ...
    kernel                        go (id)                                         have (id, received) ... done (id)

Either side may end it: the page with ``cancel (id)``, the kernel with ``stop (id)``. What the page says is not trusted.
"""

import hashlib
import os
import shutil
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from traitlets import Dict, Unicode

from s2v_nb.errors import GenerationError, InputError
from s2v_nb.media.files import sha256_of
from s2v_nb.storage import clean_stale, make_folder, place, replacing, scratch_beside, sync_folder
from s2v_nb.widgets.front import Front
from s2v_nb.workspace import Workspace

MIB = 2**20
LIMIT_BYTES = 1024 * MIB
RESERVE_BYTES = 64 * MIB  # what an upload leaves free on the disk
LONGEST_NAME = 120  # bytes of UTF-8; file systems allow 255, and names get suffixes
LONGEST_SUFFIX = 12  # characters
TELL_SECONDS = 0.1
IDLE_SECONDS = 60.0  # without a piece, after which an upload whose page may be gone is given up
_RESERVED = '<>:"|?*'  # by some file system or other


class Upload(Front):
    """A zone to drop a file on, with a button to browse and one to paste.

    Parameters
    ----------
    report : callable
        Takes what went wrong, as an exception.
    folder : path
        Where files go; made with the first one.
    accept : str
        What the browser's dialog offers, as in HTML (``"image/*,.avif"``). Content decides later, not the name.
    done : callable
        Takes the path of each file that has arrived whole. Raises `InputError` where the content cannot be used; the
        file is then removed again.

    Notes
    -----
    ``words`` has the keys drop, browse, paste, cancel, and optionally arrived, cancelled, failed (how it ended), press
    (what to press where the page may not read the clipboard) and nothing (no picture on it). ``progress`` is {} or
    {id, name, received, total} in bytes, told ten times a second. A zone takes one file at a time; a new one takes the
    place of one that is still coming.
    """

    name = "upload"
    accept = Unicode("").tag(sync=True)
    progress = Dict().tag(sync=True)
    _incoming: "Incoming | None" = None

    def __init__(
        self, report: Callable[[Exception], None], *, folder: Path, accept: str, done: Callable[[Path], None]
    ) -> None:
        super().__init__(report, accept=accept)
        self.folder = Path(folder)
        self._done = done
        self._id = ""
        self._told = 0.0

    # --- what the page says

    def on_begin(self, content: dict[str, Any], buffers: list) -> None:
        self._drop()
        self._id = str(content.get("id"))[:64]
        with self._stopping():
            self._incoming = Incoming(self.folder, content.get("name"), content.get("size"))
            self._tell()
            self.send({"do": "go", "id": self._id})

    def on_chunk(self, content: dict[str, Any], buffers: list) -> None:
        incoming = self._incoming
        if incoming is None or content.get("id") != self._id:
            self.send({"do": "stop", "id": content.get("id")})  # it was on its way when the upload ended
            return
        with self._stopping():
            incoming.take(content.get("offset"), buffers[0] if buffers else b"", content.get("sha256"))
            self.send({"do": "have", "id": self._id, "received": incoming.received})
            self._tell()
            if incoming.received == incoming.size:
                self._finish(incoming)

    def on_cancel(self, content: dict[str, Any], buffers: list) -> None:
        if content.get("id") == self._id:
            self._drop()

    def on_idle(self, content: dict[str, Any], buffers: list) -> None:
        """A page sees that nothing moves; the page that sent the file may be gone."""
        if self._incoming and time.monotonic() - self._incoming.moved > IDLE_SECONDS:
            self._drop()

    def on_unreadable(self, content: dict[str, Any], buffers: list) -> None:
        """The browser cannot read what was dropped: a folder, or a file that has changed or gone."""
        self.on_cancel(content, buffers)
        raise InputError("upload.unreadable", name=str(content.get("name")))

    # --- inside

    def _finish(self, incoming: "Incoming") -> None:
        path, new = incoming.keep()
        try:
            self._done(path)
        except InputError:
            if new:
                path.unlink(missing_ok=True)
            raise
        self._incoming = None
        self.progress = {}
        self.send({"do": "done", "id": self._id})

    def _drop(self) -> None:
        """End what is coming, and leave nothing of it."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.drop()
            self.send({"do": "stop", "id": self._id})
        self.progress = {}

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """An error ends the upload on both sides before it is reported; a full disk gets its sentence."""
        try:
            yield
        except Exception as error:
            name = self._incoming.name if self._incoming else str(self.folder)
            self._drop()
            self.send({"do": "stop", "id": self._id})  # also where it never began
            if isinstance(error, OSError):
                raise GenerationError("failed.disk", name=name, why=error.strerror or str(error)) from error
            raise

    def _tell(self) -> None:
        incoming, now = self._incoming, time.monotonic()
        if incoming and (incoming.received in (0, incoming.size) or now - self._told >= TELL_SECONDS):
            self._told = now
            numbers = {"received": incoming.received, "total": incoming.size}
            self.progress = {"id": self._id, "name": incoming.name, **numbers}

    def close(self) -> None:
        self._drop()
        super().close()


class Incoming:
    """A file that comes in pieces: checked, hashed and written to a scratch file in ``folder`` as they come.

    Raises InputError if it is empty, over 1 GiB or larger than the free disk, and where the pieces do not fit.
    """

    def __init__(self, folder: Path, name: Any, size: Any) -> None:
        if not isinstance(name, str) or type(size) is not int or not 0 <= size < 2**53:  # a page's numbers
            raise InputError("upload.broken", name=str(name))
        self.name, self.size, self.received = tidy_name(name), size, 0
        if size == 0:
            raise InputError("upload.empty", name=self.name)
        if size > LIMIT_BYTES:
            raise InputError("upload.too_big", name=self.name, size_mib=size / MIB, limit_mib=LIMIT_BYTES / MIB)
        make_folder(folder)
        clean_stale(folder)
        free = shutil.disk_usage(folder).free - RESERVE_BYTES
        if size > free:
            raise InputError("upload.disk", name=self.name, size_mib=size / MIB, free_mib=max(0, free) / MIB)
        self.moved = time.monotonic()
        self._hash = hashlib.sha256()
        self._scratch = scratch_beside(folder / "upload")
        self._file = self._scratch.open("xb", buffering=0)

    def take(self, offset: Any, piece: "bytes | memoryview", sha256: Any) -> None:
        """Append one piece; ``sha256`` is its digest in hex, or None where the browser cannot compute one."""
        view = memoryview(piece).cast("B")
        if type(offset) is not int or offset != self.received or not 0 < len(view) <= self.size - self.received:
            raise InputError("upload.broken", name=self.name)
        if sha256 is not None and hashlib.sha256(view).hexdigest() != sha256:
            raise InputError("upload.differs", name=self.name)
        self._hash.update(view)
        written = 0
        while written < len(view):  # an unbuffered write may take a part
            written += self._file.write(view[written:])
        self.received += len(view)
        self.moved = time.monotonic()

    def keep(self) -> tuple[Path, bool]:
        """Give the whole file its name; its path, and False where the same content was already there by that name."""
        os.fsync(self._file.fileno())
        self._file.close()
        folder, wanted = self._scratch.parent, Path(self.name)
        number = 1
        while True:
            path = folder / (self.name if number == 1 else f"{wanted.stem}-{number}{wanted.suffix}")
            if self._is(path):
                self._scratch.unlink()
                return path, False
            if place(self._scratch, path):
                sync_folder(folder)
                return path, True
            number += 1

    def drop(self) -> None:
        """Leave nothing."""
        self._file.close()
        self._scratch.unlink(missing_ok=True)

    def _is(self, path: Path) -> bool:
        try:
            return path.is_file() and path.stat().st_size == self.size and sha256_of(path) == self._hash.hexdigest()
        except OSError:
            return False


def keep_bytes(folder: Path, name: str, content: "bytes | memoryview") -> Path:
    """Put a file that is in memory into ``folder`` as `Upload` would; its path."""
    try:
        incoming = Incoming(folder, name, memoryview(content).nbytes)
        try:
            incoming.take(0, content, None)
            return incoming.keep()[0]
        finally:
            incoming.drop()
    except OSError as error:
        raise GenerationError("failed.disk", name=tidy_name(name), why=error.strerror or str(error)) from error


def kept_sample(folder: Path, name: str, make: Callable[[Path], Any]) -> Path:
    """The sample ``name`` in ``folder``, made there by ``make(path)`` unless it is there already."""
    path = folder / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as scratch:
            make(scratch)
    return path


def tidy_name(name: str) -> str:
    """A file name from outside as one that is safe on every disk: no folders, no control characters, not too long.

    >>> tidy_name("../../my\\tsong?.mp3")
    'mysong.mp3'
    """
    last = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    clean = "".join(c for c in last if c.isprintable() and c not in _RESERVED).strip(" .")
    clean = clean.replace(".partial-", "-")  # that is how scratch files are told
    stem, suffix = Path(clean).stem, Path(clean).suffix
    if len(suffix) > LONGEST_SUFFIX:
        stem, suffix = stem + suffix, ""
    room = LONGEST_NAME - len(suffix.encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .")
    return (stem or "upload") + suffix


def show_transfers(upload: Upload, workspace: Workspace) -> None:
    """Keep ``workspace.transfers`` in step with an upload's progress."""

    def changed(change: Any) -> None:
        old, new = change["old"] or {}, change["new"]
        others = {name: count for name, count in workspace.transfers.items() if name != old.get("name")}
        workspace.transfers = {**others, new["name"]: (new["received"], new["total"])} if new else others

    upload.observe(changed, "progress")
