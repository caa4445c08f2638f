"""Small disks of one's own, to be filled, made read-only and taken away."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from s2v_nb.media import video


@contextmanager
def small_disk(place: Path, mib: int) -> Iterator["Disk"]:
    """A file system of that size on the folder ``place``; the test is skipped where none can be mounted."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "s2v_nb-test", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs root and the right to mount, for a small disk")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def limit_files(patch: pytest.MonkeyPatch, size: Callable[[list[str]], int | None]) -> None:
    """Let an ffmpeg of this command write no file beyond ``size`` bytes, as `ulimit -f` sets it; None is no limit."""
    real = subprocess.Popen

    def limited(command, **kwargs):
        most = size(command)
        limit = resource.RLIM_INFINITY if most is None else most
        return real(command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)), **kwargs)

    patch.setattr(video.subprocess, "Popen", limited)


class Disk:
    def __init__(self, place: Path) -> None:
        self.place = place
        self._filling = place / "filling"

    @property
    def free(self) -> int:
        status = os.statvfs(self.place)
        return status.f_bavail * status.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all room but ``leave`` bytes."""
        with self._filling.open("ab") as file, suppress(OSError):
            while self.free > leave:
                file.write(b"\0" * min(65536, self.free - leave))
                file.flush()

    def empty(self) -> None:
        self._filling.unlink()

    def read_only(self, on: bool = True) -> None:
        subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.place)], check=True)
