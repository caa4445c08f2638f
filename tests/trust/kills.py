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
from itertools import islice
from pathlib import Path

from s2v_nb import Progress, Settings, Sweep, generate
from s2v_nb.jobs import Task, worker_process
from s2v_nb.media.video import is_whole, read_frames
from s2v_nb.progress import State
from s2v_nb.sweeps.claim import owner
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.widgets.upload import Incoming

SMALL = {"duration": 3.0, "resolution": "480p", "aspect": "1:1", "fps": 24, "start": 4.0}
PART = 48  # frames of a finished part, two seconds
CELLS = [{"seed": seed} for seed in range(3)]
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
Sweep(sys.argv[1], sys.argv[2], Settings(**SMALL), cells=CELLS, out=sys.argv[3]).run(progress=SweepProgress())
""".replace("SMALL", repr(SMALL)).replace("CELLS", repr(CELLS))
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
                               start_new_session=True)  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    return process


def killed(process: subprocess.Popen, after: float, chance: random.Random) -> bool:
    """kill -9 after so many seconds; False if it was finished before. As often as not its encoder outlives it."""
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        (os.killpg if chance.random() < 0.5 else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def duration(make: Callable[[], subprocess.Popen]) -> float:
    """Seconds that undisturbed work takes, once the child is ready."""
    process = make()
    began = time.monotonic()
    assert process.wait(PATIENCE) == 0
    return time.monotonic() - began


def clips(cover: Path, song: Path, place: Path, kills: int, chance: random.Random) -> Findings:
    """Of `generate`: the same clip is begun again until it is there, then a new one in another folder."""
    wanted = frames(generate(cover, song, runs=place / "calm", **SMALL).path)  # what was heard is kept from here on
    longest, found = duration(lambda: start(CLIP, cover, song, place / "calm again", place / "log")), Findings()
    moments = spread(kills, longest, chance)
    while found.kills < kills:
        runs = place / f"story {found.stories}"
        while not list(runs.glob("*/clip.mp4")):
            before = parts_of(runs)
            log = place / "log"
            log.unlink(missing_ok=True)
            process = start(CLIP, cover, song, runs, log)
            found.kills += killed(process, next(moments), chance)
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


def sweeps(cover: Path, song: Path, place: Path, kills: int, chance: random.Random) -> Findings:
    """Of a sweep's driver: the same sweep is begun again until it is done, then a new one."""
    wanted = swept(Sweep(cover, song, Settings(**SMALL), cells=CELLS, out=place / "calm").run(progress=SweepProgress()))
    longest, found = duration(lambda: start(SWEEP, cover, song, place / "calm again")), Findings()
    moments = spread(kills, longest, chance)
    while found.kills < kills:
        out = place / f"story {found.stories}"
        sweep = Sweep(cover, song, Settings(**SMALL), cells=CELLS, out=out)
        while not all(cell.is_done for cell in sweep.cells):
            before = finished(sweep)
            found.kills += killed(start(SWEEP, cover, song, out), next(moments), chance)
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
    found, longest, wanted = Findings(), 0.0, ""
    moments: Iterator[float] = iter(())
    for number in range(kills + 1):
        tasks = place / f"runs {number}" / "tasks"
        task = ask(cover, song, tasks)
        until(lambda task=task: (task.folder / "begun.json").exists())
        began = time.monotonic()
        if number:  # the first is the undisturbed one
            time.sleep(next(moments))
            found.kills += kill_worker(tasks)
            worker_process.ensure(tasks)
        until(lambda task=task: task.result)
        assert task.state == "done", task.result
        longest = longest or time.monotonic() - began
        moments = moments if number else spread(kills, longest, chance)
        wanted = wanted or frames(Path(task.result["clip"]))
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
    return path.suffix == ".log" or path.name in ("error.txt", "stop")  # they may be of any length


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
