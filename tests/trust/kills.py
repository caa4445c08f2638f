"""kill -9 at random moments of real work, and what is found afterwards; for `test_crash` and for ``bench/trust.py``.

Each function takes the number of ``kills`` and a seeded `random.Random`, and gives a `Findings` whose faults are all 0
if nothing was lost. The moments are spread evenly over the time that undisturbed work takes.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from s2v_nb import Progress, Settings, Sweep, analyze, generate
from s2v_nb.jobs import Task, worker_process
from s2v_nb.media.video import is_whole, read_frames
from s2v_nb.models.locks import is_busy
from s2v_nb.models.store import PARTIAL, component_folder, located, matching
from s2v_nb.models.upkeep import verify
from s2v_nb.progress import State
from s2v_nb.sweeps.claim import owner
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.widgets.upload import Incoming
from tests.models.hub import MODELS, ROOT, WAN, Hub, git_or_sha, places

SMALL = {"duration": 3.0, "resolution": "480p", "aspect": "1:1", "fps": 24, "start": 4.0}
PART = 48  # frames of a finished part, two seconds
PATIENCE = 120.0

CLIP = """
import os, sys
import av, cv2, numpy, soundfile
import s2v_nb.engines.preview.render, s2v_nb.rhythm.analysis
from s2v_nb import Progress, generate
log = os.open(sys.argv[4], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def tell(state):
    if state.stage == "frames" and state.done > state.first:
        os.write(log, f"{state.done}\\n".encode())
print("ready", flush=True)
generate(sys.argv[1], sys.argv[2], runs=sys.argv[3], progress=Progress(tell), **SMALL)
""".replace("SMALL", repr(SMALL))
SWEEP = """
import sys
import av, cv2, numpy, soundfile
import s2v_nb.engines.preview.render, s2v_nb.rhythm.analysis, s2v_nb.alignment
from s2v_nb import Settings, Sweep
from s2v_nb.sweeps.progress import SweepProgress
print("ready", flush=True)
cells = [{"seed": seed} for seed in range(int(sys.argv[4]))]
Sweep(sys.argv[1], sys.argv[2], Settings(**SMALL), cells=cells, out=sys.argv[3]).run(progress=SweepProgress())
""".replace("SMALL", repr(SMALL))
UPLOAD = """
import sys
from pathlib import Path
from s2v_nb.widgets.upload import Incoming
print("ready", flush=True)
while True:
    for number in range(20):
        content = bytes([number]) * (number + 1) * 50_000
        incoming = Incoming(Path(sys.argv[1]), f"{number}.wav", len(content))
        for at in range(0, len(content), 50_000):
            incoming.take(at, content[at:at + 50_000], None)
        incoming.keep()
    for number in range(20):
        (Path(sys.argv[1]) / f"{number}.wav").unlink()
"""

DOWNLOAD = """
import huggingface_hub, huggingface_hub.utils
from s2v_nb.models.download import fetch
from s2v_nb.models.upkeep import verify
from tests.models.hub import MODELS
print("ready", flush=True)
fetch(MODELS["tiny"])
assert verify(MODELS["tiny"]) == {}
"""


@dataclass
class Findings:
    """What many kills did; every count but the first two is of faults."""

    kills: int = 0
    stories: int = 0  # results that were made in spite of them
    finished_lost: int = 0
    finished_written_again: int = 0
    finished_frames_rendered_again: int = 0
    half_files_by_a_final_name: int = 0
    results_that_differ: int = 0
    locks_left: int = 0
    scratch_files_left: int = 0

    @property
    def faults(self) -> dict[str, int]:
        return {name: count for name, count in asdict(self).items() if name not in ("kills", "stories") and count}


def start(code: str, *arguments: object) -> subprocess.Popen:
    """A child in a session of its own, once it is ready to begin."""
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                               cwd=ROOT, start_new_session=True)  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    return process


def killed(process: subprocess.Popen, after: float, chance: random.Random) -> bool:
    """kill -9 after so many seconds; False if it ended well before. As often as not its encoder outlives it."""
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        (os.killpg if chance.random() < 0.5 else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        return True
    assert process.returncode == 0
    return False


def duration(make: Callable[[], subprocess.Popen]) -> float:
    """Seconds that undisturbed work takes, once the child is ready."""
    process = make()
    began = time.monotonic()
    assert process.wait(PATIENCE) == 0
    return time.monotonic() - began


@cache
def undisturbed(cover: Path, song: Path) -> tuple[str, float]:
    """The frames of the clip that all of these make, and the seconds that it takes once the song was heard."""
    analyze(song)
    with TemporaryDirectory() as folder:
        began = time.monotonic()
        clip = generate(cover, song, runs=folder, **SMALL)
        seconds = time.monotonic() - began
        return frames(clip.path), seconds


def clips(cover: Path, song: Path, place: Path, kills: int, chance: random.Random) -> Findings:
    """Of `generate`: the same clip is begun again until it is there, then a new one in another folder."""
    (wanted, longest), found = undisturbed(cover, song), Findings()
    moments = spread(kills, longest, chance)
    while found.kills < kills:
        runs = place / f"story {found.stories}"
        while not list(runs.glob("*/clip.mp4")):
            before = parts_of(runs)
            log = place / "log"
            log.unlink(missing_ok=True)
            process = start(CLIP, cover, song, runs, log)
            found.kills += killed(process, next(moments) if found.kills < kills else PATIENCE, chance)
            check_parts(found, before, parts_of(runs), log)
            found.half_files_by_a_final_name += len(half_files(runs))
        kept = stamps(runs, "clip.mp4")
        rendered: list[State] = []
        generate(cover, song, runs=runs, progress=Progress(rendered.append), **SMALL)
        found.finished_written_again += stamps(runs, "clip.mp4") != kept
        found.finished_frames_rendered_again += any(state.stage == "frames" for state in rendered)
        found.results_that_differ += frames(next(runs.glob("*/clip.mp4"))) != wanted
        end(found, runs)
    return found


def parts_of(runs: Path) -> dict[str, tuple[int, int]]:
    return stamps(runs, "parts/part-????.mp4")


def check_parts(found: Findings, before: dict, after: dict, log: Path) -> None:
    """Parts that were finished before this attempt are the same files, and none of their frames was rendered again."""
    lost = before.keys() - after.keys() if after else set()  # a clip that is finished has none any more
    found.finished_lost += len(lost)
    found.finished_written_again += sum(after[name] != stamp for name, stamp in before.items() if name in after)
    rendered = [int(line) for line in log.read_text().split()]
    found.finished_frames_rendered_again += sum(number <= PART * len(before) for number in rendered)


def sweeps(cover: Path, song: Path, place: Path, kills: int, chance: random.Random, cells: int = 3) -> Findings:
    """Of a sweep's driver: the same sweep is begun again until it is done, then a new one."""
    analyze(song)
    longest, found = duration(lambda: start(SWEEP, cover, song, place / "calm", cells)), Findings()
    wanted = swept(Sweep.open(place / "calm"))
    moments = spread(kills, longest, chance)
    while found.kills < kills:
        out = place / f"story {found.stories}"
        sweep = Sweep(cover, song, Settings(**SMALL), cells=[{"seed": seed} for seed in range(cells)], out=out)
        while not all(cell.is_done for cell in sweep.cells):
            before = finished(sweep)
            process = start(SWEEP, cover, song, out, cells)
            found.kills += killed(process, next(moments) if found.kills < kills else PATIENCE, chance)
            check_cells(found, before, finished(sweep))
            found.half_files_by_a_final_name += len(half_files(out))
        kept = finished(sweep)
        Sweep.open(out).run(progress=SweepProgress())
        check_cells(found, kept, finished(sweep))
        found.results_that_differ += swept(Sweep.open(out)) != wanted
        found.locks_left += sum(owner(cell.folder) is not None for cell in sweep.cells)
        end(found, out)
    return found


def finished(sweep: Sweep) -> dict[str, tuple]:
    """What is done: the files of each finished cell, and when they were written."""
    return {cell.name: tuple(sorted({**stamps(cell.folder, "clip.mp4"), **stamps(cell.folder, "cell.json")}.items()))
            for cell in sweep.cells if cell.is_done}  # fmt: skip


def check_cells(found: Findings, before: dict, after: dict) -> None:
    found.finished_lost += len(before.keys() - after.keys())
    found.finished_written_again += sum(after[name] != stamp for name, stamp in before.items() if name in after)


def swept(sweep: Sweep) -> list[object]:
    """What a sweep is compared by: every cell's frames and how it was judged."""
    columns = ("seed", "state", "verdict", "events", "r", "lag_ms", "p", "motion_energy", "run")
    rows = [[row[name] for name in columns] for row in sweep.rows()]
    return [frames(cell.path) for cell in sweep.cells] + rows


def jobs(cover: Path, song: Path, place: Path, kills: int, chance: random.Random) -> Findings:
    """Of the studio's worker while it makes a clip; another worker goes on with the same task."""
    (wanted, longest), found = undisturbed(cover, song), Findings()
    for moment in islice(spread(kills, longest, chance), kills):
        tasks = place / f"runs {found.stories}" / "tasks"
        task = ask(cover, song, tasks)
        until((task.folder / "begun.json").exists)
        time.sleep(moment)
        found.kills += kill_worker(tasks)
        worker_process.ensure(tasks)
        until(lambda task=task: task.result)
        assert task.state == "done", task.result
        found.results_that_differ += frames(Path(task.result["clip"])) != wanted
        found.half_files_by_a_final_name += len(half_files(tasks.parent))
        kill_worker(tasks)
        found.locks_left += worker_process.is_alive(tasks)
        found.stories += 1
    return found


def ask(cover: Path, song: Path, tasks: Path) -> Task:
    what = {"image": str(cover), "audio": str(song), "runs": str(tasks.parent), "settings": SMALL}
    task = Task.submit(tasks, "clip", **what)
    worker_process.ensure(tasks)
    return task


def kill_worker(tasks: Path) -> bool:
    """kill -9 of the worker alone, not of what it has started."""
    process = worker_process._started[tasks.resolve()]
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def uploads(place: Path, kills: int, chance: random.Random) -> Findings:
    """Of a kernel that takes one upload after the other."""
    found = Findings()
    for moment in islice(spread(kills, 1.0, chance), kills):
        folder = place / f"uploads {found.kills}"
        found.kills += killed(start(UPLOAD, folder), 0.05 + moment, chance)
        for path in folder.glob("*.wav"):
            number = int(path.stem)
            found.half_files_by_a_final_name += path.read_bytes() != bytes([number]) * (number + 1) * 50_000
        incoming = Incoming(folder, "after.wav", 1)  # a restart cleans up with its first upload
        found.scratch_files_left += len(list(folder.glob("*.partial-*"))) - 1
        incoming.drop()
        found.stories += 1
    return found


def downloads(place: Path, kills: int, chance: random.Random) -> Findings:
    """Of a process that downloads a model in small pieces; the server's log says what it asked for."""
    found = Findings()
    with Hub(pause=0.01) as server:
        server.trouble["*"] = ["slow!"]
        with patch.dict(os.environ, places(server, place / "calm")):
            longest = duration(lambda: start(DOWNLOAD))
        moments = spread(kills, longest, chance)
        while found.kills < kills:
            folder = place / f"story {found.stories}"
            with patch.dict(os.environ, places(server, folder)):
                fetched_in_spite_of_kills(found, server, folder, kills, moments, chance)
    return found


def fetched_in_spite_of_kills(
    found: Findings, server: Hub, folder: Path, kills: int, moments: Iterator[float], chance: random.Random
) -> None:
    """The same download is begun again until it ends well."""
    was_killed = True
    while was_killed:
        before = brought(folder)
        server.log.clear()
        was_killed = killed(start(DOWNLOAD), next(moments) if found.kills < kills else PATIENCE, chance)
        found.kills += was_killed
        after = brought(folder)
        found.finished_lost += len(before.keys() - after.keys())
        found.finished_written_again += sum(after[path] != stamp for path, stamp in before.items() if path in after)
        found.finished_written_again += len({git_or_sha(WAN[path]) for path in server.fetched()} & before.keys())
        found.half_files_by_a_final_name += broken(folder) + len(half_files(folder))
        found.locks_left += sum(is_busy(component) for component in MODELS["tiny"].components.values())
    found.results_that_differ += located(MODELS["tiny"]) is None or verify(MODELS["tiny"]) != {}
    found.scratch_files_left += sum(PARTIAL in path.name or ".partial-" in path.name for path in folder.rglob("*"))
    found.stories += 1


def brought(folder: Path) -> dict[str, tuple[int, int]]:
    """The files that have their final name in the cache, by their hash."""
    return {Path(name).name: stamp for name, stamp in stamps(folder, "blobs/*").items() if not name.endswith(PARTIAL)}


def broken(folder: Path) -> int:
    """Files of the cache that are not what their name says, and files of located components that are not there."""
    blobs = [path for path in folder.rglob("blobs/*") if not path.name.endswith(PARTIAL)]
    wrong = sum(git_or_sha(path.read_bytes()) != path.name for path in blobs)
    for component in MODELS["tiny"].components.values():
        if (files := component_folder(component)) is not None:
            wanted = matching(component, list(WAN))
            wrong += sum((files / Path(name).name).read_bytes() != WAN[name] for name in wanted)
    return wrong


# --- looking


def spread(count: int, longest: float, chance: random.Random) -> Iterator[float]:
    """Moments without end: each ``count`` of them in random order, one at random in each ``count``-th of the time."""
    while True:
        moments = [(index + chance.random()) * longest / count for index in range(count)]
        chance.shuffle(moments)
        yield from moments


def stamps(folder: Path, pattern: str) -> dict[str, tuple[int, int]]:
    """Each file's number on the disk and when it was written."""
    found = {}
    for path in folder.rglob(pattern):
        status = path.stat()
        found[str(path.relative_to(folder))] = (status.st_ino, status.st_mtime_ns)
    return found


def frames(path: Path) -> str:
    """A digest of every decoded frame and its time."""
    digest = hashlib.sha256()
    for at, frame in read_frames(path):
        digest.update(f"{at:.6f}".encode() + frame.tobytes())
    return digest.hexdigest()


def half_files(folder: Path) -> list[Path]:
    """Files with a final name that are not whole."""
    return [path for path in folder.rglob("*") if path.is_file() and ".partial-" not in path.name and not _whole(path)]


def _whole(path: Path) -> bool:
    if path.suffix == ".mp4":
        return is_whole(path)
    if path.suffix == ".json":
        with suppress(ValueError):
            return isinstance(json.loads(path.read_text()), dict)
        return False
    if path.suffix == ".jpg":
        return path.read_bytes().endswith(b"\xff\xd9")  # the end of a JPEG
    if path.suffix == ".png":
        return path.read_bytes().endswith(b"IEND\xaeB`\x82")
    if path.suffix == ".csv":
        return path.read_text().endswith("\n")
    if path.parent.name == "blobs" or path.is_symlink():
        return True  # of a model: `broken` knows what they must hold
    return path.suffix in (".log", ".lock") or path.name in ("error.txt", "stop")  # they may be of any length


def end(found: Findings, folder: Path) -> None:
    """Count what is left at the end of a story."""
    left = [path.name for path in folder.rglob("*") if ".partial-" in path.name or path.name in ("parts", "claim.json")]
    found.locks_left += left.count("claim.json")
    found.scratch_files_left += len(left) - left.count("claim.json")
    found.stories += 1


def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s"
        time.sleep(0.01)
