"""What the rented machine has: limits of the container, not of the host; GPU, disk, platform."""

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "librosa",
    "moviepy",
    "av",
    "jupyterlab",
    "ipywidgets",
    "torch",
    "diffusers",
)

_UNLIMITED = 2**60  # cgroup v1 writes a huge number where there is no limit


def cache_folder() -> Path:
    """Where the log and the sample live: ``$XDG_CACHE_HOME/s2v_nb``, by default ``~/.cache/s2v_nb``."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "s2v_nb"
    try:
        return Path.home() / ".cache" / "s2v_nb"
    except RuntimeError:  # a container may run us as a user that has no home
        return Path(tempfile.gettempdir()) / f"s2v_nb-{os.getuid()}"


def memory_limit() -> int:
    """Bytes this process may use: the container's limit (cgroup v2 or v1) or the machine's memory."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(file).read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _UNLIMITED:
            limits.append(int(text))
    return min(limits)


def release_memory() -> None:
    """Give memory that is no longer used back to the system; glibc keeps what many threads have freed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def cpu_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """'NVIDIA H100, 81559 MiB' for each GPU that nvidia-smi lists; empty without one."""
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def describe() -> dict[str, str]:
    """What `s2v-nb doctor` prints, name to value."""
    from s2v_nb.media.video import ffmpeg_version
    from s2v_nb.models.beatnet import have_weights

    free = shutil.disk_usage(Path.cwd()).free
    found = {
        "python": f"{platform.python_version()} ({sys.platform})",
        "cores": str(cpu_count()),
        "memory": f"{memory_limit() / 2**30:.1f} GiB",
        "free disk": f"{free / 2**30:.1f} GiB here"
        + ("" if free > 2**30 else ": too little for more than a few clips"),
        "gpu": "; ".join(gpus()) or "none: the preview engine needs none",
        "ffmpeg": ffmpeg_version() or "missing: pip install --force-reinstall imageio-ffmpeg",
        "beats": "BeatNet networks: ready"
        if have_weights()
        else "librosa; `python -m s2v_nb.warm` fetches the BeatNet networks (9 MB), which hear better",
        "engines": "preview: ready",
    }
    found["packages"] = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
