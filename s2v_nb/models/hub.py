"""Files from the Hugging Face hub, or a mirror of it: what a repository holds, and its bytes, from where they ended.

Uses huggingface_hub for everything but the loop that reads the bytes: its own downloads throw away what came of a file
when they fail (version 2.4), and a model's shards have 5 GB each.
"""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from s2v_nb.errors import InputError, SentenceError
from s2v_nb.models.catalog import Component
from s2v_nb.models.pins import pin, pinned
from s2v_nb.models.store import Entry, matching

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before the next try; a server that asks for more gets it, to a minute
LONGEST_PAUSE = 60.0
LATER = (408, 425, 429, 500, 502, 503, 504)  # HTTP status: it may work in a moment
PUBLIC = "https://huggingface.co"
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # git's of small files, SHA-256 of LFS files

Result = TypeVar("Result")


class DownloadFailed(SentenceError):
    """The files could not be had although they exist and there is room; what came so far is kept."""


class Stopped(Exception):
    """Another part of the same download failed, or the person stopped it."""


def settle() -> None:
    """Set what huggingface_hub reads when it is imported: where its cache is, which mirror; the user's own win."""
    from s2v_nb.platforms import detect, environment

    wanted = environment(detect())
    for name in ("HF_HOME", "HF_ENDPOINT", "HF_HUB_DISABLE_XET"):
        if name in wanted:
            os.environ[name] = wanted[name]


def endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or PUBLIC).rstrip("/")


def host() -> str:
    return urlsplit(endpoint()).netloc or endpoint()


def is_offline() -> bool:
    """As huggingface_hub reads it."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in ("1", "ON", "YES", "TRUE")


# --- what a repository holds


def entries_of(component: Component) -> list[Entry]:
    """The component's files with their sizes and hashes; pins the repository where the catalogue names no commit.

    Raises
    ------
    DownloadFailed
        If the hub does not answer, refuses, or has no such files.
    """
    info = patiently(lambda: _asked_hub(component.repository, pinned(component) or "main"))
    if not pinned(component):
        pin(component, str(info.sha))
    elif info.sha != pinned(component):  # another process has pinned it meanwhile
        info = patiently(lambda: _asked_hub(component.repository, pinned(component)))
    wanted = set(matching(component, [file.rfilename for file in info.siblings or ()]))
    if not wanted:
        raise DownloadFailed("models.no_files", repository=component.repository, files=", ".join(component.files))
    return [_entry(file) for file in info.siblings if file.rfilename in wanted]


def _asked_hub(repository: str, revision: str) -> Any:
    from huggingface_hub import HfApi, constants

    api = HfApi(endpoint=endpoint())
    timeout = constants.HF_HUB_ETAG_TIMEOUT
    return api.model_info(repository, revision=revision, files_metadata=True, timeout=timeout)


def _entry(file: Any) -> Entry:
    """What the list says of a file; the hash becomes a file's name here, and a mirror may say anything."""
    entry = Entry(file.rfilename, file.size or 0, blob=file.blob_id or "")
    if file.lfs is not None:
        entry = Entry(file.rfilename, file.lfs.size, sha256=file.lfs.sha256)
    if not HASH.fullmatch(entry.hash):
        raise DownloadFailed("models.strange_list", host=host(), file=entry.path)
    return entry


# --- bytes


def bring(component: Component, entry: Entry, path: Path, stop: threading.Event) -> None:
    """Append to ``path`` until it has all bytes of the file. After a cut it goes on, while something new comes.

    Raises
    ------
    DownloadFailed
        If nothing came in several tries.
    Stopped
        If ``stop`` was set.
    OSError
        If the disk is full, or cannot be written.
    """
    from huggingface_hub import hf_hub_url

    path.touch()
    url = hf_hub_url(component.repository, entry.path, revision=pinned(component), endpoint=endpoint())
    while _size(path) != entry.size:
        patiently(lambda: _go_on(url, path, entry.size, stop), stop)


def _go_on(url: str, path: Path, size: int, stop: threading.Event) -> None:
    """One request. A cut is only a failure if nothing came before it: patience is for servers that give nothing."""
    had = _size(path)
    try:
        _append(url, path, size, stop)
    except _network_errors():
        if _size(path) <= had:
            raise
    if _size(path) <= had:
        raise _Silence


def _append(url: str, path: Path, size: int, stop: threading.Event) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    had = _size(path)
    if had > size:
        path.unlink()
        had = 0
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if had:
        headers["Range"] = f"bytes={had}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        if response.status_code == 416:  # the server's file is shorter than the hub says
            raise _Silence
        hf_raise_for_status(response)
        with path.open("ab" if had and response.status_code == 206 else "wb") as file:
            _write(file, response.iter_bytes(), size, stop)


def _write(file: Any, chunks: Iterator[bytes], size: int, stop: threading.Event) -> None:
    for chunk in chunks:
        if stop.is_set():
            raise Stopped
        file.write(chunk)
        if file.tell() > size:
            file.truncate(0)
            raise _Silence


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


class _Silence(OSError):
    """The server ended well, but what it sent is not the file."""


def patiently(action: Callable[[], Result], stop: threading.Event | None = None) -> Result:
    """Do something with the network, again after a while where that may help.

    Raises
    ------
    DownloadFailed
        If it does not work, with the reason.
    """
    stop = stop or threading.Event()
    failures = _network_errors()
    for pause in (*PAUSES, None):
        try:
            return action()
        except failures as error:
            if pause is None or not _may_pass(error):
                raise _sentence(error) from error
            if stop.wait(max(pause, _asked_for(error))):
                raise Stopped from error
    raise AssertionError("unreachable")


def _network_errors() -> tuple[type[BaseException], ...]:
    """Those of huggingface_hub, and of the HTTP library beneath it, whose name changed."""
    from huggingface_hub.errors import HfHubHTTPError

    return (HfHubHTTPError, HfHubHTTPError.__bases__[0], ConnectionError, _Silence)


def _status(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _may_pass(error: BaseException) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled

    status = _status(error)
    return not isinstance(error, OfflineModeIsEnabled) and (status is None or status in LATER)


def _asked_for(error: BaseException) -> float:
    """Seconds of the Retry-After header."""
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    asked = re.fullmatch(r"\d{1,6}", headers.get("Retry-After", ""))
    return min(LONGEST_PAUSE, float(asked[0])) if asked else 0.0


def _sentence(error: BaseException) -> SentenceError:
    from huggingface_hub.errors import OfflineModeIsEnabled

    status = _status(error)
    if isinstance(error, OfflineModeIsEnabled):
        return InputError("models.offline_now")
    if status in LATER:
        return DownloadFailed("models.busy", host=host(), status=status)
    if status is not None:
        return DownloadFailed("models.refused", host=host(), status=status)
    if isinstance(error, _Silence):
        return DownloadFailed("models.short", host=host())
    return DownloadFailed("models.unreachable", host=host(), why=str(error) or type(error).__name__)


# --- whether it is the file


def is_right(path: Path, entry: Entry) -> bool:
    """Whether a file has the size and the hash that the hub names."""
    try:
        if path.stat().st_size != entry.size:
            return False
        with path.open("rb") as file:
            if entry.sha256:
                return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
            # git's name of a blob, of small files only
            content = b"blob %d\0" % entry.size + file.read()
            return hashlib.sha1(content, usedforsecurity=False).hexdigest() == entry.blob
    except OSError:
        return False
