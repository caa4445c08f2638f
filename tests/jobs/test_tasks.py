"""Tasks as folders: their states, and that nothing in them can hurt."""

import json
import shutil

import pytest

from s2v_nb.errors import GenerationError, InputError, say
from s2v_nb.jobs.tasks import KEPT_TASKS, Task, forget_old, tasks_in, unfinished

HOSTILE = ["", "{", "[]", "null", "5", '"text"', "[" * 100_000, "\x00\xff", '{"state": 5}', '{"state": "burning"}',
           '{"state": "failed"}', '{"state": "failed", "key": "no.such", "values": {}}',
           '{"state": "failed", "key": "failed.died", "values": {}}',
           '{"state": "failed", "key": ["a"], "values": 7}']  # fmt: skip


def test_a_tasks_life(tmp_path):
    task = Task.submit(tmp_path, "listen", audio="a.mp3", duration=8.0)
    same = Task(task.folder)  # as another process sees it

    assert (same.state, same.kind, same.what) == ("waiting", "listen", {"audio": "a.mp3", "duration": 8.0})
    assert task.begin() == 1
    assert same.state == "running"
    same.stop()
    assert task.stopping
    task.end("done", peaks=[1, 2])
    assert same.state == "done"
    assert same.result["peaks"] == [1, 2]


def test_the_unfinished_are_found_the_oldest_first(tmp_path):
    tasks = [Task.submit(tmp_path, "clip", number=k) for k in range(4)]
    tasks[1].end("stopped")
    (tmp_path / "0000-empty").mkdir()
    (tmp_path / "a file").touch()

    assert [task.what["number"] for task in unfinished(tmp_path)] == [0, 2, 3]
    assert unfinished(tmp_path / "none") == []
    assert unfinished(tmp_path / "a file") == []


def test_each_attempt_counts_unless_it_is_forgiven(tmp_path):
    task = Task.submit(tmp_path, "clip")

    assert [task.begin(), task.begin()] == [1, 2]
    task.forgive()
    assert task.state == "waiting"
    assert task.begin() == 1


def test_a_failure_is_kept_as_a_sentence_in_both_languages(tmp_path):
    task = Task.submit(tmp_path, "clip")
    task.fail(InputError("studio.no_image"), "")
    assert say(task.result["key"], "zh", **task.result["values"]) == say("studio.no_image", "zh")

    task.fail(ZeroDivisionError("by zero\nsecond line"), "the traceback")
    assert "by zero" in say(task.result["key"], "en", **task.result["values"])
    assert "second line" not in say(task.result["key"], "en", **task.result["values"])
    assert task.result["details"] == "the traceback"

    task.fail(GenerationError("failed.died", count=2), "")
    assert "ended 2 times" in say(task.result["key"], "en", **task.result["values"])


@pytest.mark.parametrize("text", HOSTILE)
def test_a_damaged_result_is_a_failure_that_speaks(tmp_path, text):
    task = Task.submit(tmp_path, "clip")
    (task.folder / "result.json").write_text(text)

    assert task.state == "failed"
    assert "damaged" in say(task.result["key"], "en", **task.result["values"])
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize("text", [*HOSTILE, '{"kind": 5, "what": 7}', '{"kind": "clip", "what": [1]}'])
def test_a_damaged_task_or_progress_is_as_none(tmp_path, text):
    task = Task.submit(tmp_path, "clip")
    for name in ("task.json", "progress.json", "begun.json"):
        (task.folder / name).write_text(text)

    assert task.what == {}
    assert isinstance(task.kind, str)
    assert isinstance(task.progress, dict)
    assert task.state == "running"
    assert task.begin() == 1


def test_a_task_that_was_removed_is_stopped(tmp_path):
    task = Task.submit(tmp_path, "clip")
    shutil.rmtree(tmp_path)

    task.stop()

    assert task.state == "stopped"


def test_only_the_oldest_finished_are_forgotten(tmp_path):
    tasks = [Task.submit(tmp_path, "clip") for _ in range(KEPT_TASKS + 5)]
    for task in tasks[2:]:
        task.end("done")

    forget_old(tmp_path)

    left = [task.name for task in tasks_in(tmp_path)]
    assert left == [task.name for task in (*tasks[:2], *tasks[5:])]


def test_what_is_asked_is_plain_json(tmp_path):
    task = Task.submit(tmp_path, "clip", audio="歌.mp3", subject=(0.5, 0.5))

    assert json.loads((task.folder / "task.json").read_text())["what"] == {"audio": "歌.mp3", "subject": [0.5, 0.5]}
