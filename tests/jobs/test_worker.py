"""The worker: one for a folder, whatever is asked of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from s2v_nb.errors import GenerationError, say
from s2v_nb.jobs import Task, work, worker_process
from s2v_nb.jobs.worker import MOST_ATTEMPTS, Worker
from tests.jobs.studio import SMALL, until, worker_pid


@pytest.fixture
def lanes(tmp_path) -> Path:
    """A tasks folder whose worker runs in this process."""
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    running = threading.Thread(target=Worker(tasks).run, args=(600.0,))
    running.start()
    yield tasks
    tasks.rename(tmp_path / "done")
    running.join(5.0)
    assert not running.is_alive()  # it ends when its folder is gone


def ended(task: Task) -> str:
    """The sentence, or the state, a task ends with."""
    until(lambda: task.result, 20.0)
    result = task.result
    return say(result["key"], "en", **result["values"]) if result["state"] == "failed" else result["state"]


def write_task(tasks: Path, name: str, text: str) -> Task:
    folder = tasks / name
    folder.mkdir()
    (folder / "task.json").write_text(text)
    return Task(folder)


def test_what_nobody_knows_is_refused(lanes):
    assert "unknown task 'dance'" in ended(Task.submit(lanes, "dance"))


@pytest.mark.parametrize("what", ["[1]", "7", "{}", '{"audio": 5}', '{"audio": {"a": 1}, "image": [2], "clip": 3}'])
def test_hostile_values_end_the_task_and_not_the_lane(lanes, what):
    for number, kind in enumerate(("listen", "clip", "measure")):
        task = write_task(lanes, f"{number}-{kind}", f'{{"kind": "{kind}", "what": {what}}}')
        assert ended(task) not in ("done", "stopped")
    assert "unknown task" in ended(Task.submit(lanes, "dance"))


def test_a_damaged_task_holds_up_nobody(lanes):
    write_task(lanes, "0-damaged", "{")
    (lanes / "1-empty").mkdir()

    assert "unknown task" in ended(Task.submit(lanes, "dance"))


def test_a_file_that_was_deleted_has_its_own_sentence(lanes, cover, song, tmp_path):
    what = {"runs": str(tmp_path / "runs"), "settings": SMALL}

    gone = Task.submit(lanes, "clip", image=str(tmp_path / "gone.jpg"), audio=str(song), **what)
    assert "gone.jpg" in ended(gone)
    assert "inside s2v-nb" not in ended(gone)
    assert "gone.mp3" in ended(Task.submit(lanes, "clip", image=str(cover), audio=str(tmp_path / "gone.mp3"), **what))
    assert "gone.mp3" in ended(Task.submit(lanes, "listen", audio=str(tmp_path / "gone.mp3"), duration=8.0))
    assert not gone.result["details"]  # the sentence says all


def test_a_traceback_is_in_the_details_and_nowhere_else(lanes, monkeypatch):
    def broken(task):
        raise ArithmeticError("lens fell off")

    monkeypatch.setitem(work.KINDS, "listen", broken)
    task = Task.submit(lanes, "listen")

    assert "lens fell off" in ended(task)
    assert "Traceback" not in ended(task)
    assert "Traceback" in task.result["details"]


def test_a_task_whose_process_died_twice_is_given_up(lanes, clip):
    task = Task(lanes.parent / "aside")
    task.folder.mkdir()
    for _ in range(MOST_ATTEMPTS):
        task.begin()
    (task.folder / "task.json").write_text(f'{{"kind": "measure", "what": {{"clip": "{lanes.parent}/clip.mp4"}}}}')
    (lanes.parent / "clip.mp4").write_bytes(b"")

    task.folder.rename(lanes / "0-measure")

    assert "ended 2 times" in ended(Task(lanes / "0-measure"))
    until((lanes.parent / "alignment.json").exists, 5.0)  # its page does not wait any longer
    assert "failed.died" in (lanes.parent / "alignment.json").read_text()


def test_one_stopped_in_the_queue_is_passed_over(lanes, monkeypatch):
    done = []
    go_on = threading.Event()
    monkeypatch.setitem(work.KINDS, "listen", lambda task: (done.append(task.name), go_on.wait(20), task.end("done")))
    first, second, third = (Task.submit(lanes, "listen") for _ in range(3))
    until(lambda: done)
    second.stop()
    third.end("stopped")
    go_on.set()

    assert [ended(task) for task in (first, second, third)] == ["done", "stopped", "stopped"]
    assert done == [first.name]


def test_a_clip_waits_for_its_song_to_be_heard_and_can_be_stopped_meanwhile(lanes, monkeypatch):
    go_on, made = threading.Event(), []
    monkeypatch.setitem(work.KINDS, "listen", lambda task: (go_on.wait(20), task.end("done")))
    monkeypatch.setitem(work.KINDS, "clip", lambda task: (made.append(task.name), task.end("done")))
    Task.submit(lanes, "listen", audio="a.mp3")
    stopped = Task.submit(lanes, "clip", audio="a.mp3")
    until((stopped.folder / "begun.json").exists)
    waiting, other = Task.submit(lanes, "clip", audio="a.mp3"), Task.submit(lanes, "clip", audio="b.mp3")

    stopped.stop()

    assert ended(stopped) == "stopped"
    assert waiting.state != "done"
    go_on.set()
    assert [ended(waiting), ended(other)] == ["done", "done"]
    assert made == [waiting.name, other.name]


def test_a_result_that_finds_no_room_is_written_later(lanes, monkeypatch):
    """The disk is full for a while: the task still ends with a sentence."""
    from s2v_nb.jobs import tasks

    full = time.monotonic() + 1.0
    write = tasks.write_json

    def write_json(path, values):
        if path.name != "task.json" and time.monotonic() < full:
            raise OSError(28, "No space left on device")
        write(path, values)

    monkeypatch.setattr(tasks, "write_json", write_json)

    assert "No space left" in ended(Task.submit(lanes, "listen", audio="a.mp3", duration=8.0))


def test_of_two_workers_one_lives_and_it_ends_when_idle(tmp_path):
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    command = [sys.executable, "-m", "s2v_nb.jobs.worker", str(tasks)]
    environment = {**os.environ, "S2V_NB_WORKER_IDLE": "3", "S2V_NB_MODELS": str(tmp_path)}  # nothing to load ahead
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]

    until(lambda: any(process.poll() is not None for process in both))
    (living,) = (process for process in both if process.poll() is None)

    assert worker_pid(tasks) == living.pid
    assert living.wait(60) == 0
    assert not worker_process.is_alive(tasks)
    assert [process.returncode for process in both] == [0, 0]


def test_asked_for_often_one_is_started(tmp_path, monkeypatch):
    """Before it holds its lock, too: the workspace asks five times a second."""
    monkeypatch.setenv("S2V_NB_WORKER_IDLE", "20")
    started, real = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(real(*a, **k)) or started[-1])
    tasks = tmp_path / "tasks"

    for _ in range(30):
        worker_process.ensure(tasks)
        time.sleep(0.02)

    assert len(started) == 1
    assert worker_pid(tasks) == started[0].pid
    worker_process.end(tasks)
    assert started[0].poll() == -signal.SIGKILL
    assert not worker_process.is_alive(tasks)


def test_a_worker_that_cannot_start_is_told_and_not_started_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    tasks = tmp_path / "tasks"
    for _ in range(worker_process.MOST_FAILURES):
        worker_process.ensure(tasks)
        until(lambda: not worker_process.is_starting(tasks.resolve()))

    with pytest.raises(GenerationError, match=r"does not start.*worker\.log"):
        worker_process.ensure(tasks)
