"""Who works on a cell: a file in its folder, so that two processes never make the same one.

runs/3f9a61c2d0b4/claim.json     which process, and when it began; touched every two seconds while it lives

On one machine a dead owner is noticed at once. Of a process elsewhere (another machine or container on a shared
folder) only the touching can be seen: it counts as dead after `SILENT_SECONDS` without.
"""

import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from s2v_nb.processes import here, lives, started
from s2v_nb.storage import make_folder, parse_json, place, scratch_beside, silent_seconds

BEAT_SECONDS = 2.0
SILENT_SECONDS = 45.0
NAME = "claim.json"


@dataclass(frozen=True)
class Claim:
    """``where`` and ``process`` say whose it is; ``started`` tells two processes of one number apart, ``token`` two
    claims of one process. ``lost_seconds`` is how long an owner who died had worked on it."""

    where: str
    process: int
    started: str
    token: str
    began: float
    lost_seconds: float = 0.0


@contextmanager
def claiming(folder: Path) -> Iterator[Claim | None]:
    """Have the folder to oneself in the block; None if somebody else has it.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    claim = _take(folder)
    if claim is None:
        yield None
        return
    done = threading.Event()
    beat = threading.Thread(target=_beat, args=(folder / NAME, done), daemon=True, name="s2v_nb-claim")
    beat.start()
    try:
        yield claim
    finally:
        done.set()
        release(folder, claim.token)


def owner(folder: Path) -> Claim | None:
    """Who works on it now; None if nobody does, or who did is dead."""
    found = _read(folder / NAME)
    return found if found is not None and _is_live(found, folder / NAME) else None


def release(folder: Path, token: str) -> None:
    """Give the folder up, if it is still held under this ``token``."""
    found = _read(folder / NAME)
    if found is not None and found.token == token:
        (folder / NAME).unlink(missing_ok=True)


def bury(folder: Path, where: str, process: int) -> float:
    """Give up what a process held that is known to be dead, wherever it was; how long it had worked, seconds."""
    found = _read(folder / NAME)
    if found is None or (found.where, found.process) != (where, process):
        return 0.0
    seconds = _seconds_of(found, folder / NAME)
    release(folder, found.token)
    return seconds


def forget_dead(folder: Path) -> None:
    """Remove the claim of an owner who died when its work was done: nobody else would take it up.

    Raises
    ------
    OSError
        If nothing can be removed there.
    """
    path = folder / NAME
    if not _is_dead(path):
        return
    with _alone(folder):
        if _is_dead(path):
            path.unlink(missing_ok=True)


def _is_dead(path: Path) -> bool:
    found = _read(path)
    return found is not None and not _is_live(found, path)


def _take(folder: Path) -> Claim | None:
    make_folder(folder)
    path = folder / NAME
    if (found := _read(path)) is None:
        return _created(path, 0.0)
    if _is_live(found, path):
        return None
    with _alone(folder):  # or two could find the same owner dead, and one remove the other's new claim
        found = _read(path)
        if found is not None and _is_live(found, path):
            return None
        lost = 0.0 if found is None else found.lost_seconds + _seconds_of(found, path)
        path.unlink(missing_ok=True)
        return _created(path, lost)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process of this machine at a time; between machines only where the file system can lock."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _created(path: Path, lost: float) -> Claim | None:
    """A new claim of ours, unless there is one."""
    claim = Claim(here(), os.getpid(), started(os.getpid()), uuid.uuid4().hex, time.time(), lost)
    return claim if _create(path, json.dumps(asdict(claim))) else None


def _create(path: Path, text: str) -> bool:
    """Make the file with its text, unless it is there."""
    scratch = scratch_beside(path)
    try:
        scratch.write_text(text)
        return place(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def _beat(path: Path, done: threading.Event) -> None:
    while not done.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(path)


def _read(path: Path) -> Claim | None:
    """The claim; None if there is none. One that cannot be read is nobody's we know."""
    try:
        claim = Claim(**parse_json(path.read_text(encoding="utf-8")))
        numbers = (claim.process, claim.began, claim.lost_seconds)
        if all(isinstance(number, int | float) and 0 <= number < 1e12 for number in numbers):
            return claim
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        pass
    return Claim("", 0, "", "", 0.0)


def _is_live(claim: Claim, path: Path) -> bool:
    if claim.where == here():
        return lives(int(claim.process), claim.started)
    return silent_seconds(path) < SILENT_SECONDS


def _seconds_of(claim: Claim, path: Path) -> float:
    """How long its owner worked, as far as its touching shows."""
    with suppress(OSError):
        return min(max(0.0, path.stat().st_mtime - claim.began), 24 * 3600.0) if claim.began else 0.0
    return 0.0
