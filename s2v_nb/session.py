"""What the rented machine has and what of it is used: limits of the container, not of the host; GPU, disk, price.

Sizes are bytes throughout.
"""

import csv
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from s2v_nb.errors import InputError
from s2v_nb.storage import clean_stale

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
_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")
# of cgroup v2 and v1: the limit, the use, and what of the use is only file cache that nobody needs
_MEMORY_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
_MIB = 2**20
HIGHEST_PRICE = 1000.0  # per hour


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
    limits += [limit for limit, _ in _container_memory()]
    return min(limits)


def memory_used() -> int:
    """Bytes of `memory_limit` that are taken: of the container's limit if it has one, else of the machine's memory.

    File cache that the system gives back when asked does not count, or a long download would look like a full memory.
    """
    if inside := _container_memory():
        return min(inside)[1]  # of the tighter limit
    known = _numbers(_PROC / "meminfo", scale=1024)
    return max(0, known.get("MemTotal", 0) - known.get("MemAvailable", known.get("MemFree", 0)))


def _container_memory() -> list[tuple[int, int]]:
    """(limit, used) of each kind of control group that sets a limit."""
    found = []
    for limit_file, used_file, statistics, idle in _MEMORY_FILES:
        try:
            limit, used = ((_CGROUP / name).read_text().strip() for name in (limit_file, used_file))
        except OSError:
            continue
        if limit.isdigit() and int(limit) < _UNLIMITED and used.isdigit():
            cache = _numbers(_CGROUP / statistics).get(idle, 0)
            found.append((int(limit), max(0, int(used) - cache)))
    return found


def _numbers(file: Path, scale: int = 1) -> dict[str, int]:
    """Lines such as ``inactive_file 4096`` or ``MemTotal:  16 kB``; empty where the file cannot be read."""
    try:
        lines = [line.replace(":", " ").split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) * scale for words in lines if len(words) > 1 and words[1].isdigit()}


def release_memory() -> None:
    """Give memory that is no longer used back to the system; glibc keeps what many threads have freed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def forget_peak() -> None:
    """Begin anew to watch this process's highest use of memory, and the GPU's; see `peak_memory`."""
    with suppress(OSError):
        (_PROC / "self/clear_refs").write_text("5")  # man 5 proc: resets the peak resident set size
    if torch := torch_on_gpu():
        torch.cuda.reset_peak_memory_stats()


def peak_memory() -> tuple[int, int]:
    """Bytes this process held at most since `forget_peak`, in the machine's memory and on the GPU (0 without one).

    Where the system does not let the peak be forgotten, it is that of the process's whole life.
    """
    here = _numbers(_PROC / "self/status", scale=1024).get("VmHWM") or _highest_ever()
    torch = torch_on_gpu()
    return here, int(torch.cuda.max_memory_allocated()) if torch else 0


def _highest_ever() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def torch_on_gpu() -> Any:
    """torch where it is loaded and uses a GPU; it is never imported for this.

    While another thread imports it, which takes seconds, it is listed already and has next to nothing in it.
    """
    is_initialized = getattr(sys.modules.get("torch.cuda"), "is_initialized", None)
    return sys.modules["torch"] if is_initialized is not None and is_initialized() else None


def take_cores(count: int) -> set[int]:
    """Keep this thread, and all that it starts, to ``count`` cores that no other worker of ours has.

    The cores of one process are free again when it ends. Where all are taken, or the system cannot do this, it may use
    what it could before.

    Returns
    -------
    set of int
        The numbers of its cores; empty where nothing was changed.
    """
    import cv2

    cv2.setNumThreads(count)
    if not hasattr(os, "sched_setaffinity"):
        return set()
    cores = sorted(os.sched_getaffinity(0))
    for first in range(0, len(cores) - count + 1, count):
        if _locked_for_life(f"core-{cores[first]}.lock"):
            mine = set(cores[first : first + count])
            os.sched_setaffinity(0, mine)
            return mine
    return set()


_kept_open: list[IO[str]] = []


def _locked_for_life(name: str) -> bool:
    """Lock a file in the machine's temporary folder until this process ends; False if another has it."""
    import fcntl

    file = (lock_folder() / name).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _kept_open.append(file)
    return True


def lock_folder() -> Path:
    """A folder for locks on this machine, which only this user may enter.

    Raises
    ------
    PermissionError
        If somebody else has made it, or opened it to others.
    """
    folder = Path(tempfile.gettempdir()) / f"s2v_nb-locks-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to somebody else or is open to others; remove it")
    return folder


def cpu_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Disk:
    """A file system as this user may fill it, bytes."""

    total: int
    free: int


def disk(path: str | Path = ".") -> Disk:
    """The file system that holds ``path``, or would hold it: a folder that is yet to be made counts as its parent."""
    place = Path(path).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    usage = shutil.disk_usage(place)
    return Disk(usage.total, usage.free)


@dataclass(frozen=True)
class Gpu:
    """One GPU: memory in bytes, ``utilisation`` 0 to 1. None where the driver does not say (shared memory, MIG)."""

    name: str
    memory_total: int | None
    memory_used: int | None
    utilisation: float | None


def gpus() -> list[str]:
    """'NVIDIA H100, 81559 MiB' for each GPU that nvidia-smi lists; empty without one."""
    return _nvidia_smi("name,memory.total", "csv,noheader")


def gpu_usage() -> list[Gpu]:
    """How full and how busy each GPU is; empty without one, or while the driver does not answer."""
    lines = _nvidia_smi("name,memory.total,memory.used,utilization.gpu", "csv,noheader,nounits", seconds=5)
    rows = [row for row in csv.reader(lines, skipinitialspace=True) if len(row) >= 4]
    return [
        Gpu(
            ", ".join(name),
            _whole(total, _MIB),
            _whole(used, _MIB),
            None if (busy := _whole(per)) is None else busy / 100,
        )
        for *name, total, used, per in rows
    ]


def _whole(text: str, unit: int = 1) -> int | None:
    """'81559' in units; None for '[N/A]', '[Not Supported]', 'ERR!' and whatever else is no number."""
    return int(text) * unit if text.strip().isdecimal() else None


def _nvidia_smi(fields: str, form: str, seconds: float = 20) -> list[str]:
    """The lines of its answer that are about a GPU."""
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", f"--query-gpu={fields}", f"--format={form}"]
    try:
        text = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, errors="replace", timeout=seconds, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in text.splitlines() if "," in line]  # not "No devices were found"


def models_folder() -> Path:
    """Where our own models are kept: ``$S2V_NB_MODELS``, by default ``models/`` in the cache folder.

    On a rented platform the default is the disk that survives a stop, whoever started us.
    """
    folder = os.environ.get("S2V_NB_MODELS") or _placed("S2V_NB_MODELS")
    return Path(folder) if folder else cache_folder() / "models"


def _placed(name: str) -> str | None:
    """What the platform's table says of a variable that nobody has set; None on a machine that it does not know."""
    return _defaults(tuple(os.environ.items())).get(name)


@lru_cache(maxsize=4)  # it is asked many times, and looks for files
def _defaults(environ: tuple[tuple[str, str], ...]) -> dict[str, str]:
    from s2v_nb.platforms import detect, environment

    return environment(detect(dict(environ)), dict(environ))


def models_on_disk() -> list[tuple[str, int]]:
    """(name, bytes) of every model that is kept here, the biggest first: our own, and Hugging Face's cache."""
    own = [(path.name, _size(path)) for path in _listed(models_folder()) if path.is_dir()]
    return sorted(own + _hugging_face(), key=lambda model: (-model[1], model[0]))


def _hugging_face() -> list[tuple[str, int]]:
    folder = hub_folder()
    if not folder.is_dir():  # also spares the import, which fixes the folders for good
        return []
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        return [(repo.repo_id, repo.size_on_disk) for repo in scan_cache_dir(folder).repos]
    except (CacheNotFound, OSError):  # went away, or may not be looked into
        return []


def hub_folder() -> Path:
    """Hugging Face's cache, as huggingface_hub finds it, which need not be imported for this; placed as our models."""
    if chosen := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or _placed("HF_HOME") or f"{base}/huggingface"
    return Path(home).expanduser() / "hub"


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links count as nothing."""
    total = 0
    for file in [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]:
        with suppress(OSError):  # may vanish meanwhile
            total += file.lstat().st_size if file.is_file() and not file.is_symlink() else 0
    return total


def clean_cache() -> int:
    """Remove what we can make again (what was heard, the sample, what a killed process left behind); bytes freed.

    Clips, uploads, corrections and weights stay.
    """
    sizes = remade_sizes()
    for path in _remade():
        with suppress(OSError):
            path.unlink()
    for place in {path.parent for path in sizes}:
        with suppress(OSError):
            clean_stale(place)
    return sum(size for path, size in sizes.items() if not path.exists())


def remade_sizes() -> dict[Path, int]:
    """What `clean_cache` looks at, with its bytes: of files that are being written only those left behind go."""
    folder = cache_folder()
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())]
    written = [path for place in places for path in place.glob("*.partial-*")]
    return {path: _size(path) for path in [*_remade(), *written] if path.exists()}


def _remade() -> list[Path]:
    folder = cache_folder()
    return [*folder.glob("rhythm/*.json"), folder / "sample_song.wav", folder / "sample_cover.png"]


def price_checked(per_hour: float) -> float:
    """A price per hour, in any currency; InputError unless it is a number from 0 to 1000."""
    if isinstance(per_hour, bool) or not isinstance(per_hour, int | float):
        raise InputError("settings.number", name="price", value=per_hour, low=0, high=HIGHEST_PRICE, unit="")
    if not 0 <= per_hour <= HIGHEST_PRICE:  # written so that NaN is refused too
        raise InputError("settings.range", name="price", value=per_hour, low=0, high=HIGHEST_PRICE, unit="")
    return per_hour


class PriceMeter:
    """What the machine has cost: ``per_hour``, in any currency, since ``start`` (seconds of the epoch).

    Without a start the machine's own counts (`machine_start`), which may be later than the platform's first charge.

    Raises
    ------
    InputError
        If the price is not 0 to 1000.
    """

    def __init__(self, per_hour: float, start: float | None = None) -> None:
        self.per_hour = price_checked(per_hour)
        self.start = machine_start() if start is None else start

    def spent(self, now: float | None = None) -> float:
        """The cost until ``now`` (seconds of the epoch; None: now)."""
        return self.per_hour * max(0.0, (time.time() if now is None else now) - self.start) / 3600


def machine_start() -> float:
    """When this machine or container started, seconds of the epoch: the start of its first process.

    Where that cannot be known, the start of this process, that is of the kernel.
    """
    for process in ("1", "self"):
        started = _process_start(process)
        if started is not None and started <= time.time():
            return started
    return _IMPORTED


def _process_start(process: str) -> float | None:
    boot = _numbers(_PROC / "stat").get("btime")
    try:
        text = (_PROC / process / "stat").read_text()
        ticks = int(text.rpartition(")")[2].split()[19])  # the name before ) may hold blanks; starttime is field 22
    except (OSError, ValueError, IndexError):
        return None
    return None if not boot else boot + ticks / os.sysconf("SC_CLK_TCK")


_IMPORTED = time.time()


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
        "engines": _engines(),
    }
    found["packages"] = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return found


def _engines() -> str:
    """Each engine and what it lacks here."""
    from s2v_nb.engines import engine_cards
    from s2v_nb.errors import say

    found = []
    for card in engine_cards():
        refusal = card.refusal
        state = say(refusal.key, "en", **refusal.values).rstrip(".") if refusal else "ready"
        found.append(f"{card.name}: {state}")
    return "; ".join(found)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
