"""Which process on which machine somebody is, and whether it still lives: for claims and scratch files."""

import os
import platform
from contextlib import suppress
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def here() -> str:
    """This machine and its process numbers: containers on one machine count their own."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def started(process: int) -> str:
    """When a process began, in ticks since the machine did; '' where that cannot be known."""
    return _stat(process, 19)


def is_running(process: int) -> bool:
    """Whether a process of this machine has that number; one that was killed and not yet fetched has not."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return _stat(process, 0) not in ("Z", "X")


def lives(process: int, since: str) -> bool:
    """Whether the process of this machine that `started` then still runs: its number may be another one's by now."""
    return is_running(process) and started(process) == since


def _stat(process: int, field: int) -> str:
    """A field of /proc/PID/stat (man 5 proc), counted from the state, which follows the name in brackets."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[field]
    return ""
