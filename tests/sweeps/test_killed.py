"""kill -9 of a sweep, and two of them on one folder: nothing finished is lost, nothing is computed twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s2v_nb import Settings, Sweep
from s2v_nb.media.video import read_frames
from tests.sweeps.fakes import leave_dead_claim

BASE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24)
CELLS = [{"seed": seed} for seed in range(4)]
DRIVER = """
import sys
from s2v_nb import Settings, Sweep
from s2v_nb.sweeps.progress import SweepProgress
print("ready", flush=True)
Sweep(sys.argv[1], sys.argv[2], Settings(start=4.0, duration=3.0, resolution="480p", fps=24),
      cells=[{"seed": seed} for seed in range(4)], out=sys.argv[3]).run()
"""


def drive(cover, song, out) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", DRIVER, cover, song, out], stdout=subprocess.PIPE, text=True,
                               start_new_session=True)  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    return process


def finished(sweep: Sweep) -> dict[str, tuple[int, int]]:
    """Run to when its clip and its measures were written."""
    return {cell.name: tuple((cell.folder / name).stat().st_mtime_ns for name in ("clip.mp4", "cell.json"))
            for cell in sweep.cells if cell.is_done}  # fmt: skip


def frames(sweep: Sweep) -> list[bytes]:
    return [b"".join(frame.tobytes() for _, frame in read_frames(cell.path, size=(64, 36))) for cell in sweep.cells]


COLUMNS = ["seed", "state", "verdict", "events", "r", "lag_ms", "p", "motion_energy", "run"]


@pytest.fixture(scope="module")
def undisturbed(cover, song, tmp_path_factory) -> Sweep:
    return Sweep(cover, song, BASE, cells=CELLS, out=tmp_path_factory.mktemp("undisturbed")).run()


def test_killed_again_and_again_it_ends_as_if_it_had_not_been(cover, song, tmp_path, undisturbed):
    sweep, chance = Sweep(cover, song, BASE, cells=CELLS, out=tmp_path), random.Random(5)
    for _ in range(3):
        known = finished(sweep)
        process = drive(cover, song, tmp_path)
        time.sleep(chance.uniform(0.8, 3.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert known.items() <= finished(sweep).items()  # none lost, none written anew
    known = finished(sweep)
    sweep.run()

    assert known.items() <= finished(sweep).items()
    assert frames(sweep) == frames(undisturbed)
    assert sweep.table()[COLUMNS].equals(undisturbed.table()[COLUMNS])
    assert list(sweep.out.rglob("claim.json")) == []


def test_a_driver_that_is_killed_with_its_last_cell_done_leaves_no_claim(cover, song, undisturbed):
    cell = undisturbed.cells[-1]
    leave_dead_claim(cell.folder)
    known = finished(undisturbed)

    undisturbed.run()

    assert not (cell.folder / "claim.json").exists()
    assert finished(undisturbed) == known


def test_two_at_once_share_the_cells(cover, song, tmp_path, undisturbed):
    both = [drive(cover, song, tmp_path), drive(cover, song, tmp_path)]
    assert [process.wait(60) for process in both] == [0, 0]
    sweep = Sweep(cover, song, BASE, cells=CELLS, out=tmp_path)

    assert all(cell.state == "done" for cell in sweep.cells)
    assert [cell.attempts.count for cell in sweep.cells] == [1] * 4  # nobody began what another had
    assert frames(sweep) == frames(undisturbed)


def test_time_that_a_killed_driver_had_spent_is_paid_too(cover, song, tmp_path):
    sweep = Sweep(cover, song, BASE, cells=CELLS[:1], out=tmp_path)
    process = drive(cover, song, tmp_path)
    cell = sweep.cells[0]
    while cell.state != "running":
        time.sleep(0.02)
    os.utime(cell.folder / "claim.json", (time.time() + 30,) * 2)  # as if it had worked for half a minute
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    sweep.run()

    assert cell.result["seconds"] > 25
    assert Path(cell.path).exists()
