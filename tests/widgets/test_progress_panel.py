"""`ProgressPanel` shows the job as its task's folder has it."""

import re

import pytest

from s2v_nb.jobs import Job, Task
from s2v_nb.progress import FileView, Progress
from s2v_nb.widgets.progress_panel import ProgressPanel, clock


def submit(workspace, kind="clip") -> Job:
    """A job whose work is done by the test."""
    return Job(Task.submit(workspace.tasks, kind))


def work(job) -> Progress:
    job.task.begin()
    return Progress(FileView(job.task.folder / "progress.json", interval=0.0))


def text(widget) -> str:
    return re.sub(r"<[^>]+>", "", widget.value)


@pytest.mark.parametrize("plain", [False, True])
def test_stages_fill_one_after_the_other(workspace, plain):
    panel = ProgressPanel(workspace, plain=plain)
    assert text(panel.line) == "nothing is being made"
    assert panel.stop.disabled

    job = workspace.job = submit(workspace)
    assert text(panel.line) == "waiting for the worker"
    assert not panel.stop.disabled

    progress = work(job)
    progress.update("audio", 1, 1)
    progress.update("frames", 0, 200)
    progress.update("frames", 50, 200)
    job.refresh()

    assert text(panel.line) == "running"
    assert [row.bar.value for row in panel.rows.values()] == [1.0, 0.25, 0.0]
    assert [text(row.name) for row in panel.rows.values()] == ["Audio features", "Frames", "Encoding"]
    assert re.fullmatch(r"25 %, 00:00, 00:0\d left", text(panel.rows["frames"].numbers))
    assert 'role="progressbar"' in panel.rows["frames"].numbers.value
    assert 'aria-valuenow="25"' in panel.rows["frames"].numbers.value


def test_the_end_is_said_in_words(workspace):
    panel = ProgressPanel(workspace)
    for result, said in [
        ({"cached": False}, "done in 5.2 s"),
        ({"cached": True}, "done: this very clip was there already"),
    ]:
        job = workspace.job = submit(workspace)
        job.task.end("done", clip=str(workspace.folder / "clip.mp4"), seconds=5.2, notes=[], **result)
        job.refresh()
        assert text(panel.line) == said
        assert panel.stop.disabled


def test_a_failure_is_a_sentence_with_folded_details(workspace):
    """Nothing from outside becomes markup."""
    panel = ProgressPanel(workspace)
    job = workspace.job = submit(workspace)
    job.task.end("failed", key="failed.encoder", values={"why": "<b>disk</b>"}, details="Traceback <script>")

    job.refresh()

    assert "Writing the video failed (&lt;b&gt;disk&lt;/b&gt;)" in panel.line.value
    assert "<details><summary>Details</summary>" in panel.line.value
    assert "Traceback &lt;script&gt;" in panel.line.value
    assert "<details open" not in panel.line.value


def test_stop_is_seen_at_once_and_once_only(workspace):
    panel = ProgressPanel(workspace)
    job = workspace.job = submit(workspace)
    work(job).update("frames", 1, 10)
    job.refresh()

    panel.stop.click()

    assert panel.stop.description == "stopping ..."
    assert panel.stop.disabled
    assert job.task.stopping
    job.task.end("stopped")
    job.refresh()
    assert text(panel.line) == "stopped: finished parts are kept"
    assert panel.stop.description == "Stop"


def test_a_new_job_takes_the_place_of_the_old_one(workspace):
    """What the old one does later is not shown."""
    panel = ProgressPanel(workspace)
    old = workspace.job = submit(workspace)
    workspace.job = submit(workspace)

    work(old).update("frames", 9, 10)
    old.refresh()

    assert text(panel.line) == "waiting for the worker"
    assert panel.rows["frames"].bar.value == 0
    workspace.job = None
    assert text(panel.line) == "nothing is being made"


def test_the_language_can_be_switched(workspace):
    panel = ProgressPanel(workspace)
    workspace.job = submit(workspace)

    workspace.language = "zh"

    assert text(panel.line) == "等待后台进程"
    assert panel.stop.description == "停止"
    assert text(panel.rows["frames"].name) == "画面生成"


def test_two_panels_show_one_job(workspace):
    one, other = ProgressPanel(workspace), ProgressPanel(workspace, plain=True)
    job = workspace.job = submit(workspace)
    work(job).update("frames", 5, 10)

    job.refresh()

    assert one.rows["frames"].bar.value == other.rows["frames"].bar.value == 0.5


def test_clock_counts_minutes_and_seconds():
    assert [clock(seconds) for seconds in (0, 59.6, 125, 3600)] == ["00:00", "01:00", "02:05", "60:00"]
