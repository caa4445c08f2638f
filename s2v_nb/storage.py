"""Writing so that a power cut leaves either the old file or the new one, never half of one.

What is being written has a scratch name, ``clip.partial-MACHINE-PROCESS-STARTED-COUNT.mp4``. The name says whose it is,
so that what a killed process left behind is known as such at once, whatever the clock says.
"""

import errno
import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from s2v_nb.processes import here, lives, started

STALE_SECONDS = 600
_MOST = 2**64  # of numbers in JSON: nanoseconds since 1970, and any seed
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_count = itertools.count()
_MARK = re.compile(r"\.partial-(?P<machine>[0-9a-f]{6})-(?P<process>\d+)-(?P<started>\d*)-\d+(\.|$)")


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a scratch path that becomes ``path`` only if the block succeeds; same suffix, since encoders read it.

    ``durable`` waits for the disk twice: the content is there before the name, and the name before this returns. What
    is written many times a second and may be lost goes without.
    """
    scratch = scratch_beside(path)
    try:
        yield scratch
        if durable:
            sync(scratch)
        scratch.replace(path)
        if durable:
            sync_folder(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


def scratch_beside(path: Path) -> Path:
    """A new scratch name for what will be ``path``: two processes, or two threads, may make the same file."""
    own = f"{_machine()}-{os.getpid()}-{started(os.getpid())}-{next(_count)}"
    return path.with_name(f"{path.stem}.partial-{own}{path.suffix}")


def place(scratch: Path, path: Path) -> bool:
    """Give a finished scratch file its name, unless something has that name; whether it got it."""
    try:
        os.link(scratch, path)  # whole from its first moment on
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _place_unlinked(scratch, path)
    scratch.unlink()
    return True


def _place_unlinked(scratch: Path, path: Path) -> bool:
    """The same on a file system without links, where the file is empty for a moment."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        return False
    scratch.replace(path)
    return True


def clean_stale(folder: Path) -> None:
    """Remove the scratch files of killed processes: those of this machine at once, others after ten minutes."""
    for scratch in folder.glob("*.partial-*"):
        if _is_left_behind(scratch):
            with suppress(FileNotFoundError):  # another process may clean up as well
                scratch.unlink()


def _is_left_behind(scratch: Path) -> bool:
    mark = _MARK.search(scratch.name)
    if mark and mark["machine"] == _machine() and mark["started"]:
        return not lives(int(mark["process"]), mark["started"])
    return silent_seconds(scratch) > STALE_SECONDS


def _machine() -> str:
    return hashlib.sha256(here().encode()).hexdigest()[:6]


def silent_seconds(path: Path) -> float:
    """Seconds since a file was last written or touched, by the clock of the disk it is on; 0 if that is not known."""
    probe = scratch_beside(path.with_name("clock"))
    try:
        probe.touch()
        return abs(probe.stat().st_mtime - path.stat().st_mtime)  # a clock may have jumped either way
    except OSError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that it is still there after a power cut."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's list of names is on the disk, where the file system can say so."""
    try:
        sync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; an empty one where there is none that `parse_json` reads."""
    with suppress(OSError, ValueError):
        values = parse_json(path.read_text(encoding="utf-8"))
        if isinstance(values, dict):
            return values
    return {}


def parse_json(text: str) -> Any:
    """What a JSON text holds; it may be a stranger's.

    Raises
    ------
    ValueError
        If it is no JSON, is nested too deep, or holds NaN, infinity or a number that is none in double precision.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_real, parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant[:20]} is no number that can be used")


def _real(digits: str) -> float:
    value = float(digits)
    if abs(value) > _MOST:  # 1e999 is infinite, and 1e308 is so once it is doubled
        _refuse(digits)
    return value


def _whole(digits: str) -> int:
    value = int(digits) if len(digits) < 30 else _MOST + 1
    if abs(value) > _MOST:
        _refuse(digits)
    return value


def write_json(path: Path, values: dict[str, Any], *, ascii_only: bool = False) -> None:
    """Write a JSON object; with ``ascii_only`` a path that is no Unicode can be in it and is read back the same."""
    with replacing(path) as scratch:
        text = json.dumps(values, ensure_ascii=ascii_only, indent=1, sort_keys=True)
        scratch.write_text(text + "\n", encoding="utf-8")
