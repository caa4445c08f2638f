"""Real Ray on this machine: workers killed, results sent back, the driver killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from s2v_nb import InputError, Settings, Sweep
from s2v_nb.sweeps import ray_runner
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.sweeps.ray_runner import RayRunner
from s2v_nb.sweeps.workshop import Workshop

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


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("there", "uses_gpu", "asked", "workers", "gpus"),
    [
        ({"CPU": 2}, False, None, 2, 0),
        ({"CPU": 64, "GPU": 4}, True, None, 4, 1),  # one a GPU
        ({"CPU": 64, "GPU": 4}, False, None, 64, 0),  # an engine without need for one leaves them to others
        ({"CPU": 64, "GPU": 4}, True, 2, 2, 1),
        ({"CPU": 8}, True, 1, 1, 0),  # no GPU in the cluster: the engine says itself whether it can do without
    ],
)
def test_one_worker_a_gpu_or_a_core(monkeypatch, there, uses_gpu, asked, workers, gpus):
    crew = ray_runner._RayCrew(RayRunner(workers=asked), Workshop((), (), Path(), uses_gpu=uses_gpu), SweepProgress())
    monkeypatch.setattr(crew, "_ray", SimpleNamespace(cluster_resources=lambda: there))
    options, wanted = crew._plan()

    assert (wanted, options["num_gpus"], options["num_cpus"]) == (workers, gpus, 1)


def test_more_workers_than_there_is_room_for(monkeypatch):
    crew = ray_runner._RayCrew(RayRunner(workers=5), Workshop((), (), Path(), uses_gpu=True), SweepProgress())
    monkeypatch.setattr(crew, "_ray", SimpleNamespace(cluster_resources=lambda: {"CPU": 64, "GPU": 4}))
    with pytest.raises(InputError, match="5 workers of 1 GPU were asked for, the cluster has room for 4"):
        crew._plan()
