"""A job from the click to the measured clip, stopped in every stage, and seen from elsewhere, with a real worker."""

import json
import shutil
import time

import pytest

from s2v_nb.errors import say
from s2v_nb.jobs import Job, Task, worker_process
from s2v_nb.jobs.history import clips_in
from tests.jobs.studio import LONG, PATIENCE, ask_for_clip, shared_folder, until

GOOD = {"state": "done", "clip": "/a/clip.mp4", "seconds": 2.5, "notes": [["notice.motion_off", {"words": "rain"}]],
        "cached": False}  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    return shared_folder() / "runs"


def stop(job: Job) -> float:
    """Stop it and look at it as a workspace does; the seconds until it was stopped."""
    job.stop()
    taken = until(lambda: job.refresh() or job.finished, 10.0)
    assert job.state == "stopped"
    return taken


def test_a_job_from_the_click_to_the_measured_clip(runs, cover, song):
    job = ask_for_clip(cover, song, runs, prompt="slow zoom in, dancing unicorn")
    seen = []
    job.observe(lambda change: seen.append((change.name, change.new)), ["state", "stages", "clip"])
    assert job.state == "waiting"

    job.wait(PATIENCE)

    states = [new for name, new in seen if name == "state"]
    assert states == ["running", "done"]
    assert list(job.stages) == ["audio", "frames", "encoding"]
    assert (job.stages["frames"].done, job.stages["frames"].total) == (72, 72)
    assert any(0 < new["frames"].done < 72 for name, new in seen if name == "stages" and "frames" in new)
    assert job.clip.is_file()
    assert not job.cached
    assert 0 < job.seconds <= job.elapsed
    assert any(key == "notice.unknown_words" and "unicorn" in say(key, "zh", **values) for key, values in job.notes)
    assert [new for name, new in seen if name == "clip"] == [job.clip]
    until(lambda: clips_in(runs)[0].measured)
    made = clips_in(runs)[0]
    assert made.path == job.clip
    assert made.error is None
    assert all(path.is_file() for path in (made.poster, made.beats_plot, made.alignment_plot))
    assert "verdict" in made.scores


def test_the_same_again_is_there_at_once(runs, cover, song):
    job = ask_for_clip(cover, song, runs, prompt="slow zoom in, dancing unicorn").wait(PATIENCE)

    assert (job.state, job.cached) == ("done", True)


def test_a_job_that_waits_is_stopped_without_hurting_the_one_that_runs(runs, cover, song):
    first = ask_for_clip(cover, song, runs, **LONG)
    second = ask_for_clip(cover, song, runs, seed=7)
    until(lambda: first.refresh() or "frames" in first.stages)
    alive = worker_process._lock_file(runs / "tasks").read_text()

    assert stop(second) < 0.5

    first.refresh()
    assert first.state == "running"
    until(lambda: first.refresh() or first.stages["frames"].done > 70)
    assert stop(first) < 2.0
    assert worker_process._lock_file(runs / "tasks").read_text() == alive  # it ended by itself
    assert list((runs).glob("*/parts/part-0000.mp4"))


def test_what_was_finished_before_the_stop_is_not_made_again(runs, cover, song):
    job = ask_for_clip(cover, song, runs, **LONG)
    until(lambda: job.refresh() or "frames" in job.stages)

    assert job.stages["frames"].first >= 60
    assert stop(job) < 2.0


def test_a_worker_that_does_not_stop_is_ended_and_the_others_go_on(runs, cover, song):
    """Just started, it imports: nothing in it can be asked to stop. Hearing is asked for anew and not blamed."""
    worker_process.end(runs / "tasks")
    heard = Task.submit(runs / "tasks", "listen", audio=str(song), duration=4.0)
    job = ask_for_clip(cover, song, runs, seed=8)
    until(lambda: job.refresh() or job.state == "running")

    assert stop(job) < 2.0

    until(lambda: heard.result)
    assert heard.result["state"] == "done"
    assert len(heard.result["peaks"][0]) > 1000
    assert heard.result["excerpts"][0]["duration"] == pytest.approx(4.0, abs=0.5)


def test_an_ended_process_is_not_held_against_the_others(tmp_path):
    """Stopping kills the process of a task that does not react; the other lane's task has not failed thereby."""
    stuck, other = Task.submit(tmp_path, "clip"), Task.submit(tmp_path, "dance")
    stuck.begin()
    other.begin()
    job = Job(stuck)

    assert 1.0 < stop(job) < 2.0

    until(lambda: other.result)
    assert "unknown task" in other.result["values"]["why"]
    worker_process.end(tmp_path)


@pytest.mark.parametrize("change", [{"clip": 5}, {"seconds": "x"}, {"notes": 5}, {"notes": [[1]]}, {"clip": None}])
def test_a_hostile_result_is_a_failure_that_speaks(tmp_path, change):
    task = Task.submit(tmp_path, "clip")
    task.end(**{**GOOD, **change})

    job = Job(task)

    assert job.state == "failed"
    assert "damaged" in job.sentence("en")
    assert job.clip is None


def test_hostile_progress_is_left_out(tmp_path):
    task = Task.submit(tmp_path, "clip")
    good = {"stage": "frames", "done": 3, "total": 9, "elapsed": 0.5, "first": 0}
    for stages in (5, [1], {"frames": 7}, {"frames": {"done": "x"}}, {"frames": {**good, "elapsed": None}},
                   {"dance": good}):  # fmt: skip
        (task.folder / "progress.json").write_text(json.dumps({"stages": stages}))
        assert Job(task).stages == {}
    (task.folder / "progress.json").write_text(json.dumps({"stages": {"frames": good, "audio": 7}}))
    assert Job(task).stages["frames"].done == 3
    (task.folder / "task.json").write_text('{"kind": "clip", "asked": "now"}')
    assert Job(Task(task.folder)).elapsed == 0.0


def test_a_good_result_tells_everything_at_once(tmp_path):
    """Whoever sees the job done finds its clip, too."""
    task = Task.submit(tmp_path, "clip")
    job, seen = Job(task), []
    job.observe(lambda change: seen.append((job.state, job.clip, job.seconds, job.notes)), ["state"])
    task.end(**GOOD)

    job.refresh()

    ((state, clip, seconds, notes),) = seen
    assert (state, str(clip), seconds) == ("done", "/a/clip.mp4", 2.5)
    assert notes == (("notice.motion_off", {"words": "rain"}),)


def test_a_job_whose_folder_was_removed_is_stopped(tmp_path):
    job = Job(Task.submit(tmp_path, "clip"))
    shutil.rmtree(tmp_path)

    job.stop()

    assert job.state == "stopped"


def test_waiting_ends_with_its_time(tmp_path):
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"not finished within 0\.2 s"):
        Job(Task.submit(tmp_path, "clip")).wait(0.2)
    assert time.monotonic() - began < 5
