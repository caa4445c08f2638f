"""Real Ray on this machine: workers killed, results sent back, the driver killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s2v_nb import InputError, Settings, Sweep
from s2v_nb.sweeps import ray_runner
from s2v_nb.sweeps.ray_runner import RayRunner

STORY = Path(__file__).with_name("ray_story.py")


@pytest.fixture(scope="module")
def story(cover, song, tmp_path_factory) -> dict:
    command = [sys.executable, STORY, cover, song, tmp_path_factory.mktemp("ray")]
    root = str(STORY.parents[2])
    told = subprocess.run(command, capture_output=True, text=True, timeout=280, env={**os.environ, "PYTHONPATH": root})
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout.splitlines()[-1])


def test_a_killed_workers_cell_is_made_by_another(story):
    found = story["killed"]

    assert found["states"][1:] == ["done"] * 3
    assert found["failures"][1] == ["sweep.worker_died"]


def test_a_cell_whose_worker_dies_twice_is_marked_and_the_rest_goes_on(story):
    found = story["killed"]

    assert found["states"][0] == "failed"
    assert found["failures"][0] == ["sweep.worker_died"] * 2
    assert found["left"] == []  # neither claims nor probes


def test_without_a_shared_folder_results_are_sent_back(story):
    found = story["sent back"]

    assert found["states"] == ["done"]
    assert found["r"][0] > 0.9
    assert found["left"] == []


def test_a_killed_driver_leaves_all_that_is_finished(cover, song, tmp_path):
    """A private cluster, which ends with its driver; what is left is made by this process."""
    flags = "--start 4 --duration 3 --resolution 480p --fps 24 --seed 0:2:3 --runner ray --workers 2 --no-page".split()
    command = [sys.executable, "-m", "s2v_nb", "sweep", "--image", cover, "--audio", song, "--out", tmp_path, *flags]
    with (tmp_path / "log").open("w") as log:
        driver = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    sweep = Sweep(cover, song, Settings(start=4.0, duration=3.0, resolution="480p", fps=24), seed=[0, 1, 2],
                  out=tmp_path)  # fmt: skip
    began = time.monotonic()
    while not any(cell.is_done for cell in sweep.cells):
        assert driver.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() - began < 120
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    known = {cell.name: cell.path.stat().st_mtime_ns for cell in sweep.cells if cell.is_done}
    sweep.run()

    assert {cell.state for cell in sweep.cells} == {"done"}
    assert known.items() <= {cell.name: cell.path.stat().st_mtime_ns for cell in sweep.cells}.items()


def test_without_the_package_the_next_step_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match="pip install 's2v_nb\\[ray\\]'"):
        RayRunner()


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_workers_are_counted_in_whole_numbers(workers):
    with pytest.raises(InputError, match="workers"):
        RayRunner(workers=workers)


def test_names_that_a_worker_sends_lead_nowhere_else(tmp_path):
    files = {"clip.mp4": b"1", "../evil": b"2", "/tmp/evil": b"3", "claim.json": b"4"}
    (tmp_path / "run").mkdir()
    ray_runner._write_run(tmp_path / "run", files)

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["clip.mp4"]
