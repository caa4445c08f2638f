"""The studio's worker makes a clip with a video model: the real process, with tiny networks."""

from pathlib import Path

import pytest

from s2v_nb.jobs import Task, worker_process
from s2v_nb.media import probe_video
from s2v_nb.session import cache_folder
from s2v_nb.storage import read_json
from tests.engines.tiny_engines import SMALL
from tests.jobs.studio import until

# Python imports a module of this name as it starts. The engines are cut down just before the worker's own modules come.
SITE = """
import sys

class Shrink:
    def find_spec(self, name, path=None, target=None):
        if name == "s2v_nb.jobs.worker_process":
            sys.meta_path.remove(self)
            import pytest
            from tests.engines.tiny_engines import shrink
            shrink(pytest.MonkeyPatch())

sys.meta_path.insert(0, Shrink())
"""


@pytest.fixture
def tasks(tiny_models, tmp_path, monkeypatch) -> Path:
    """The tasks of a folder whose worker computes on the CPU with tiny models."""
    (tmp_path / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).resolve().parents[2]}")
    monkeypatch.setenv("S2V_NB_MODELS", str(tiny_models))
    monkeypatch.setenv("S2V_NB_DEVICE", "cpu")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tasks = tmp_path / "runs" / "tasks"
    yield tasks
    worker_process.end(tasks)


def test_the_worker_makes_clips_with_a_model_and_learns_what_they_take(tasks, cover, song):
    """Not from the first one, which waits for the model to be loaded."""
    speeds = cache_folder() / "speeds.json"
    for seed, learned in ((0, 0), (1, 1)):
        clip = Path(made(tasks, cover, song, seed)["clip"])

        assert probe_video(clip).seconds == pytest.approx(3.0, abs=0.01)
        assert not (clip.parent / "model").exists()
        assert len(read_json(speeds).get("wan-ti2v-5b", [])) == learned


def made(tasks: Path, cover: Path, song: Path, seed: int) -> dict:
    settings = {**SMALL, "engine": "wan-ti2v-5b", "seed": seed}
    what = {"image": str(cover), "audio": str(song), "runs": str(tasks.parent)}
    task = Task.submit(tasks, "clip", settings=settings, **what)
    worker_process.ensure(tasks)
    until(lambda: task.result)
    assert task.result["state"] == "done", (task.result, (tasks / "worker.log").read_text())
    return task.result
