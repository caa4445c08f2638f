"""A sweep as the worker's task: made, found again by another kernel, stopped, and behind single clips."""

import gc
import threading

import pytest

from s2v_nb.errors import Cancelled, say
from s2v_nb.jobs import Task, work
from s2v_nb.jobs.history import clips_in
from s2v_nb.jobs.sweep_work import _Report
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.workspace import Workspace
from tests.jobs.studio import LONG, PATIENCE, SMALL, shared_folder, until

NUMBERS = {"failed": 0, "running": 1, "total": 3, "remaining": None, "spent": 0.0}


@pytest.fixture
def kernel(cover, song):
    """Opens a workspace on the folder with the worker, as a kernel does."""
    opened = []

    def start(**sources) -> Workspace:
        opened.append(Workspace(shared_folder(), language="en", **sources))
        return opened[-1]

    yield start
    for workspace in opened:
        workspace.close()


def test_a_sweep_is_made_though_its_kernel_is_gone_and_stops_when_asked(kernel, cover, song):
    first = kernel(image=cover, audio=song)
    first.settings = first.settings.but(**SMALL, prompt="slow pan left")
    first.plan_sweep(motion=("low", "high"), count=1, draft=False)
    name = first.start_sweep().task.name
    first.close()
    del first
    gc.collect()

    second = kernel()
    second.resume()
    sweep = second.sweep
    assert sweep.task.name == name
    assert sweep.axes == {"motion": ["low", "high"], "prompt_weight": [1.0]}
    until(lambda: sweep.refresh() or sweep.finished or any(now.percent > 0 for now in sweep.cells))
    sweep.wait(PATIENCE)

    assert (sweep.state, sweep.details, sweep.is_whole, sweep.capped) == ("done", "", True, False)
    assert all(now.cell.poster.is_file() for now in sweep.cells)
    made = {one.path: one for one in clips_in(second.runs)}
    for now in sweep.cells:
        assert made[now.cell.path].scores == now.cell.result["alignment"]
        assert made[now.cell.path].measured
    assert {file.name for file in sweep.folder.iterdir()} == {"cells.json", "sweep.json", "table.csv"}

    stopped_within_two_seconds(second, cover, song)


def stopped_within_two_seconds(workspace, cover, song):
    """What is finished stays, the rest can be made later."""
    workspace.use(image=cover, audio=song)
    workspace.settings = workspace.settings.but(**LONG)
    workspace.plan_sweep(motion=("low", "medium", "high"), count=3, draft=False)
    sweep = workspace.start_sweep()
    until(lambda: sweep.refresh() or any(now.percent > 15 for now in sweep.cells))

    workspace.stop_sweep()

    assert until(lambda: sweep.refresh() or sweep.finished, 10.0) < 2.0
    assert (sweep.state, sweep.numbers["total"]) == ("stopped", 9)
    assert list(workspace.runs.glob("*/parts/part-0000.mp4"))
    assert workspace.go_on_with_sweep() is not sweep
    workspace.stop_sweep()
    until(lambda: workspace.sweep.refresh() or workspace.sweep.finished, 10.0)


# --- in this process


def test_single_clips_go_first_between_two_cells(tmp_path):
    """One that was asked for while a cell is made does not hold it up in the middle."""
    task, progress = Task.submit(tmp_path, "sweep"), SweepProgress()
    progress.views.append(_Report(task, progress))
    progress.update(done=0, **NUMBERS)
    clip = Task.submit(tmp_path, "clip")
    cell = progress.of_cell()
    cell.update("frames", 1, 2)
    cell.update("frames", 2, 2)
    cell.update("encoding", 0, 1)
    cell.update("encoding", 1, 1)

    waiting = threading.Thread(target=progress.update, kwargs={"done": 1, **NUMBERS})
    waiting.start()
    until(lambda: task.progress["paused"], 5.0)
    clip.end("done")
    waiting.join(5.0)

    assert not waiting.is_alive()
    assert task.progress["paused"] is False
    assert task.progress["stages"]["frames"] == {"done": 333, "total": 1000}


def test_after_a_cell_that_failed_clips_go_first_too(tmp_path):
    task, progress = Task.submit(tmp_path, "sweep"), SweepProgress()
    report = _Report(task, progress)
    progress.views.append(report)
    progress.of_cell().update("frames", 1, 2)  # and no further
    clip = Task.submit(tmp_path, "clip")

    waiting = threading.Thread(target=progress.update, kwargs={"done": 0, **NUMBERS})
    waiting.start()
    until(lambda: task.progress["paused"], 5.0)
    clip.end("failed", key="failed.died", values={"count": 2})
    waiting.join(5.0)

    assert not waiting.is_alive()


def test_a_sweep_that_is_stopped_ends_at_its_next_step_or_while_it_waits(tmp_path):
    for wait in (False, True):
        task, progress = Task.submit(tmp_path / str(wait), "sweep"), SweepProgress()
        progress.views.append(_Report(task, progress))
        if wait:
            Task.submit(tmp_path / str(wait), "clip")
            threading.Timer(0.3, task.stop).start()
        else:
            progress.update(done=0, **NUMBERS)
            task.stop()

        with pytest.raises(Cancelled):
            progress.update(done=1, **NUMBERS)
        assert task.state == "stopped"


def test_what_cannot_be_written_does_not_stop_the_work(tmp_path):
    task, progress = Task.submit(tmp_path, "sweep"), SweepProgress()
    (task.folder / "progress.json").mkdir()
    progress.views.append(_Report(task, progress))

    progress.update(done=1, **NUMBERS)

    assert task.progress == {}
    assert progress.state.done == 1


@pytest.mark.parametrize("what", ["{}", '{"runs": 5}', '{"runs": "r", "name": [1], "settings": 7, "axes": {}}'])
def test_hostile_values_end_the_task_with_a_sentence(tmp_path, what):
    folder = tmp_path / "0-sweep"
    folder.mkdir()
    (folder / "task.json").write_text(f'{{"kind": "sweep", "what": {what}}}')

    work.do(Task(folder))

    result = Task(folder).result
    assert result["state"] == "failed"
    assert say(result["key"], "zh", **result["values"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": "gone.png"}, "gone.png"),
        ({"axes": {"colour": ["red"]}}, "colour"),
        ({"axes": {"motion": ["wild"]}}, "wild"),
        ({"name": "../../up", "spend_cap": 1.0}, "cap"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(tmp_path, cover, song, change, said):
    what = {"image": str(cover), "audio": str(song), "runs": str(tmp_path / "runs"), "name": "a", "settings": SMALL,
            "axes": {"motion": ["low"]}, "price_per_hour": 0.0, "spend_cap": 0.0}  # fmt: skip
    task = Task.submit(tmp_path / "tasks", "sweep", **{**what, **change})

    work.do(task)

    assert task.state == "failed"
    assert said in say(task.result["key"], "en", **task.result["values"])
    assert not task.result["details"]
    assert {path.name for path in tmp_path.iterdir()} <= {"tasks", "runs"}
