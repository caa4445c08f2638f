"""Takes hostile files through the doors of the package, each in a process of its own, and tells what that took.

``python -m tests.trust.doors VISITS RESULTS``: VISITS is a JSON list of {case, door, path, folder}; RESULTS gets a list
of what `_visit` returns. The libraries are imported once; each visit is a fork with limits of its own.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_CPU, MOST_WALL = 40, 100  # seconds: a visit that goes on and on is ended, and counts as failed
MOST_ADDRESSES = 6 * 2**30  # bytes: a wild allocation fails instead of ending the machine
SILENT = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.", "ftplib.")


def load() -> dict[str, Callable[[Path], Any]]:
    """The doors by name; imported here, since only the worker needs them."""
    import av  # noqa: F401
    import PIL.Image
    import soundfile  # noqa: F401

    from s2v_nb import load_audio, load_image
    from s2v_nb.media.video import probe_video, read_frames

    PIL.Image.init()

    def image(path: Path) -> Any:
        found = load_image(path)
        assert found.pixels.dtype == "uint8"
        assert found.pixels.shape[2:] == (3,)
        assert min(found.size) >= 64
        assert found.size[0] * found.size[1] <= 60e6
        return {"size": found.size, "sha256": found.sha256}

    def content(path: Path) -> Any:
        return image_of(load_image(path.read_bytes()))

    def image_of(found: Any) -> Any:
        return {"size": found.size, "sha256": found.sha256}

    def sound_of(found: Any) -> Any:
        import numpy as np

        assert (found.samples.dtype, found.samples.shape[0]) == ("float32", 2)
        for at in range(0, found.samples.shape[1], 2**20):
            assert np.isfinite(found.samples[:, at : at + 2**20]).all()
        return {"rate": found.rate, "seconds": found.duration, "song": found.song_duration}

    def clip(path: Path) -> Any:
        info = probe_video(path)
        return {"size": [info.width, info.height], "frames": sum(1 for _ in read_frames(path, size=(64, 64)))}

    return {
        "image": image,
        "bytes": content,
        "song": lambda path: sound_of(load_audio(path)),
        "part": lambda path: sound_of(load_audio(path, 1.0, 2.0)),
        "heard": lambda path: sound_of(load_audio(path, 0.0, 600.0)),  # as `generate` and the studio do
        "clip": clip,
    }


def main() -> None:
    visits, results = json.loads(Path(sys.argv[1]).read_text()), []
    doors = load()
    for visit in visits:
        results.append({**visit, **_forked(doors[visit["door"]], visit)})
    Path(sys.argv[2]).write_text(json.dumps(results))


def _forked(door: Callable[[Path], Any], visit: dict[str, Any]) -> dict[str, Any]:
    """One visit in a child: what came of it, with the peak memory (bytes) and CPU seconds of that child alone."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            os.write(writing, json.dumps(_visit(door, visit)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    told = b""
    while part := os.read(reading, 65_536):
        told += part
    os.close(reading)
    _, status, used = os.wait4(child, 0)
    found = json.loads(told) if told else {"outcome": f"ended by signal {os.WTERMSIG(status)}"}
    return {"peak_bytes": used.ru_maxrss * 1024, **found}


def _visit(door: Callable[[Path], Any], visit: dict[str, Any]) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(MOST_WALL)
    path = Path(os.fsdecode(bytes.fromhex(visit["path"])))
    os.chdir(visit["folder"])
    opened, other = _watched()
    handles, began, used = _handles(), time.monotonic(), _cpu()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        outcome = _outcome(door, path)
    told = {"seconds": time.monotonic() - began, "cpu_seconds": _cpu() - used}
    return {
        **outcome,
        **told,
        "warned": sorted({str(each.message)[:200] for each in warned}),
        "opened": sorted(each for each in set(opened) if not _is_ours(each, path)),
        "other": sorted(set(other)),
        "handles": _handles() - handles,
    }


def _outcome(door: Callable[[Path], Any], path: Path) -> dict[str, Any]:
    from s2v_nb.errors import InputError

    try:
        return {"outcome": "good", "value": door(path)}
    except InputError as error:
        sentences = [error.sentence("en"), error.sentence("zh")]
        return {"outcome": error.key, "sentences": sentences}
    except BaseException as error:
        return {"outcome": f"{type(error).__name__}: {error}"[:200], "traceback": traceback.format_exc()[-3000:]}


def _watched() -> tuple[list[str], list[str]]:
    """What Python opens from now on, and what else it does that reading a file has no need of."""
    opened: list[str] = []
    other: list[str] = []

    def hook(event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            opened.append(os.fsdecode(arguments[0]))
        elif event.startswith(SILENT):
            other.append(event)

    sys.addaudithook(hook)
    return opened, other


def _is_ours(name: str, path: Path) -> bool:
    """The file itself, or Python's own code."""
    if name == str(path) or os.path.realpath(name) == os.path.realpath(path):
        return True
    roots = {*map(os.path.realpath, (sys.prefix, sys.base_prefix)), str(Path(__file__).parents[2] / "s2v_nb")}
    return any(os.path.realpath(name).startswith(root + os.sep) for root in roots)


def _handles() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _cpu() -> float:
    mine, of_children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + of_children.ru_utime + of_children.ru_stime


if __name__ == "__main__":
    main()
