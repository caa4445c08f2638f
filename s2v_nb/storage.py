"""Writing so that a power cut leaves either the old file or the new one, never half of one."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

STALE_SECONDS = 600


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a scratch path that becomes ``path`` only if the block succeeds; same suffix, since encoders read it."""
    own = f"{os.getpid()}-{threading.get_ident()}"  # two processes, or two threads, may make the same file
    scratch = path.with_name(f"{path.stem}.partial-{own}{path.suffix}")
    try:
        yield scratch
        sync(scratch)
        scratch.replace(path)
        sync(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


def clean_stale(folder: Path) -> None:
    """Remove scratch files that nobody has written to for ten minutes: their makers were killed."""
    for scratch in folder.glob("*.partial-*"):
        with suppress(FileNotFoundError):  # another process may clean up as well
            if time.time() - scratch.stat().st_mtime > STALE_SECONDS:
                scratch.unlink()


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; an empty one where there is none that can be read. NaN and infinity are no JSON."""
    with suppress(OSError, ValueError, RecursionError):
        values = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        if isinstance(values, dict):
            return values
    return {}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def write_json(path: Path, values: dict[str, Any], *, ascii_only: bool = False) -> None:
    """Write a JSON object; with ``ascii_only`` a path that is no Unicode can be in it and is read back the same."""
    with replacing(path) as scratch:
        text = json.dumps(values, ensure_ascii=ascii_only, indent=1, sort_keys=True)
        scratch.write_text(text + "\n", encoding="utf-8")
