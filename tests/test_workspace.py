"""The workspace: choices, hearing, making, and what survives a killed worker or kernel; with a real worker."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

from s2v_nb import Corrections, InputError, Settings, load_audio
from s2v_nb.jobs import Task, worker_process
from s2v_nb.jobs.tasks import tasks_in, unfinished
from s2v_nb.settings import PRESETS
from s2v_nb.workspace import Message, Workspace
from tests.jobs.studio import LONG, PATIENCE, SMALL, shared_folder, until, worker_pid


@pytest.fixture(scope="module")
def folder(cover, song) -> Path:
    """The shared runs, and the sample beside them."""
    folder = shared_folder()
    for path in (cover, song):
        shutil.copy(path, folder / path.name)
    return folder


@pytest.fixture
def here(folder):
    """A workspace of its own in the shared folder."""
    workspace = Workspace(folder)
    yield workspace
    if workspace.job and not workspace.job.finished:  # the test failed; the others' turn must come
        workspace.stop()
        workspace.job.wait(10)
    workspace.close()


@pytest.fixture
def alone(cover, song, tmp_path, monkeypatch):
    """A workspace whose tasks nobody does, unless the test does."""
    monkeypatch.setattr(worker_process, "ensure", lambda root: root.mkdir(parents=True, exist_ok=True))
    for path in (cover, song):
        shutil.copy(path, tmp_path / path.name)
    workspace = Workspace(tmp_path)
    yield workspace
    workspace.close()


def listens(workspace: Workspace) -> list[Task]:
    return [task for task in tasks_in(workspace.tasks) if task.kind == "listen"]


def answer(task: Task, rhythm, **values) -> None:
    """What the worker would have heard."""
    excerpt = {"start": 1.0, "duration": task.what["duration"], "score": 1.0, "parts": {}, "label": "", "times": 1}
    task.end("done", rhythm=rhythm.to_dict(), excerpts=[excerpt], peaks=[[-1, 0], [0, 1]], **values)


@pytest.fixture(scope="module")
def rhythm(song):
    from s2v_nb import analyze

    return analyze(song)


# --- choices


def test_a_change_is_seen_and_estimated(alone):
    seen = []
    alone.observe(lambda change: seen.append(change["new"].motion), "settings")
    before = alone.estimate.seconds

    alone.change(motion="high", duration=15.0)

    assert seen == ["high"]
    assert alone.estimate.seconds > before


def test_a_change_out_of_bounds_changes_nothing(alone):
    before = alone.settings
    with pytest.raises(InputError, match=r"3\.0 to 15\.0"):
        alone.change(motion="high", duration=99.0)
    with pytest.raises(InputError, match="motoin"):
        alone.change(motoin="high")

    assert alone.settings is before


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_changes_what_it_names(alone, name):
    alone.change(seed=5)

    alone.preset(name)

    assert {key: getattr(alone.settings, key) for key in PRESETS[name]} == PRESETS[name]
    assert alone.settings.seed == 5


def test_picture_and_song_by_name(alone):
    alone.use(image="cover.png", audio="song.wav", price_per_hour=2.0)

    assert alone.image.name == "cover.png"
    assert (alone.audio.name, alone.audio.samples.shape[1]) == ("song.wav", 0)
    assert alone.estimate.money > 0
    assert (alone.pictures, alone.songs) == (("cover.png",), ("song.wav",))
    with pytest.raises(AttributeError, match="imgae"):
        alone.use(imgae="cover.png")
    with pytest.raises(InputError, match="gone"):
        alone.use(image="gone.png")
    assert alone.image.name == "cover.png"


def test_an_error_is_a_sentence_and_nothing_is_lost(alone):
    with alone.reporting():
        alone.use(image="gone.png")
    assert "gone.png" in alone.message.sentence("en")
    assert not alone.message.details

    with alone.reporting():
        raise ZeroDivisionError("by zero")
    assert "by zero" in alone.message.sentence("zh")
    assert "Traceback" not in alone.message.sentence("en")
    assert "ZeroDivisionError" in alone.message.details


def test_nothing_is_made_without_picture_or_song(alone):
    with pytest.raises(InputError, match="picture"):
        alone.generate()
    alone.use(image="cover.png")
    with pytest.raises(InputError, match="song"):
        alone.generate()
    assert alone.job is None


# --- hearing


def test_what_was_heard_arrives(alone, rhythm):
    alone.use(audio="song.wav")
    assert alone.listening

    answer(listens(alone)[0], rhythm)
    alone.poll()

    assert not alone.listening
    assert np.allclose(alone.heard.rhythm.beats, rhythm.beats, atol=1e-3)
    assert alone.heard.peaks.shape == (2, 2)


def test_a_late_answer_for_another_song_is_ignored(alone, rhythm, song, tmp_path):
    shutil.copy(song, tmp_path / "other.wav")
    alone.use(audio="song.wav")
    alone.use(audio="other.wav")
    late, now = listens(alone)

    answer(late, rhythm)
    alone.poll()
    assert alone.heard is None
    assert alone.listening
    assert late.stopping  # if it waited still, it would not be heard at all
    answer(now, rhythm)
    alone.poll()
    assert alone.heard is not None

    alone.use(audio=None)
    assert (alone.heard, alone.listening) == (None, False)


def test_a_slider_on_the_move_asks_once(alone, rhythm):
    """While a song is heard nothing else is asked; then once, for where the slider stands."""
    alone.use(audio="song.wav")
    for duration in np.arange(3.0, 9.5, 0.5):
        alone.change(duration=duration)
        alone.poll()
    assert len(listens(alone)) == 1

    answer(listens(alone)[0], rhythm)
    alone.poll()
    assert [task.what["duration"] for task in listens(alone)] == [8.0, 9.0]
    answer(listens(alone)[1], rhythm)
    alone.poll()
    assert alone.heard.excerpts[0].duration == 9.0
    assert not alone.listening
    alone.change(motion="low")
    assert len(listens(alone)) == 2


def test_hearing_that_failed_is_told_and_can_be_asked_again(alone, rhythm):
    alone.use(audio="song.wav")
    alone.change(duration=5.0)
    listens(alone)[0].fail(InputError("studio.no_image"), "")
    alone.poll()
    assert alone.message == Message("studio.no_image")
    assert not alone.listening

    alone.listen()
    answer(listens(alone)[1], rhythm)
    alone.poll()
    assert alone.heard is not None


def test_a_hostile_answer_is_told_and_the_watching_goes_on(alone, rhythm):
    alone.use(audio="song.wav")
    listens(alone)[0].end("done", rhythm={"beats": "x"}, excerpts=5, peaks=None)

    until(lambda: alone.message, 5.0)

    assert not alone.listening
    alone.listen()
    answer(listens(alone)[1], rhythm)
    until(lambda: alone.heard, 10.0)


def test_corrections_hold_here_and_beside_the_song(alone, rhythm, tmp_path):
    alone.correct("double")  # nothing was heard yet
    alone.use(audio="song.wav")
    answer(listens(alone)[0], rhythm)
    alone.poll()
    count = len(alone.heard.raw.beats)

    alone.correct("halve")
    alone.correct("nudge", 10.0)
    assert len(alone.heard.rhythm.beats) <= count // 2 + 1
    assert [step.do for step in Corrections.of(alone.audio).steps] == ["halve", "nudge"]
    assert len(alone.heard.raw.beats) == count
    assert len(listens(alone)) == 2  # one is being heard, the other correction waits

    with pytest.raises(InputError):
        alone.correct("nudge", 1e9)
    with pytest.raises(InputError):
        alone.correct("dance")
    assert [step.do for step in alone.heard.corrections.steps] == ["halve", "nudge"]

    alone.correct("undo")
    assert [step.do for step in Corrections.of(load_audio(tmp_path / "song.wav")).steps] == ["halve"]
    alone.correct("reset")
    alone.correct("undo")  # nothing is left to undo
    assert np.array_equal(alone.heard.rhythm.beats, alone.heard.raw.beats)
    assert not list(tmp_path.glob("*.beats.json"))


# --- watching


def test_a_forgotten_workspace_ends_its_thread(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.watch()
    workspace.observe(lambda change: None, "settings")
    thread, ref = workspace._thread, weakref.ref(workspace)
    assert thread.is_alive()

    del workspace
    until(lambda: (gc.collect() and ref() is None) or not thread.is_alive(), 10.0)
    thread.join(5.0)

    assert not thread.is_alive()


def test_closed_it_watches_no_more_and_begins_again_when_asked(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.watch()
    thread = workspace._thread
    workspace.close()
    thread.join(5.0)
    assert not thread.is_alive()

    workspace.watch()
    assert workspace._thread.is_alive()
    workspace.close()


def test_looking_costs_little(alone, clip, tmp_path):
    """Sixty clips and two hundred files beside other ones; a watch over all of it five times a second."""
    for number in range(60):
        shutil.copytree(clip.path.parent, tmp_path / "runs" / f"{number:012x}", copy_function=os.link)
    for number in range(200):
        (tmp_path / f"{number}.jpg").touch()
        (tmp_path / f"{number}.txt").touch()
    alone.look_at_folder()
    assert (len(alone.history), len(alone.pictures), alone.songs) == (60, 200, ("song.wav",))

    def least(action) -> float:
        times = []
        for _ in range(20):
            began = time.perf_counter()
            action()
            times.append(time.perf_counter() - began)
        return min(times)

    assert least(alone.look_at_folder) < 0.03
    assert least(alone.poll) < 0.002


def test_names_that_are_no_text_are_left_out(alone, tmp_path):
    for name in (b"\xff\xfe.jpg", b"<b>.jpg", b".hidden.jpg", b"a.partial-1-2.jpg", b"line\nbreak.png", b"A.JPG"):
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).touch()
    (tmp_path / "to_nowhere.jpg").symlink_to(tmp_path / "none")
    (tmp_path / "folder.jpg").mkdir()

    alone.look_at_folder()

    assert set(alone.pictures) == {"<b>.jpg", "line\nbreak.png", "A.JPG", "cover.png"}


def test_many_threads_at_once(alone, rhythm):
    """A person turns knobs while the watch looks and answers arrive: no error, and the last choice stands."""
    alone.use(audio="song.wav")
    alone.watch()
    errors, over = [], threading.Event()

    def work(action):
        while not over.is_set():
            try:
                action()
            except Exception as error:
                errors.append(error)

    def respond():
        for task in unfinished(alone.tasks):
            answer(task, rhythm)
        time.sleep(0.01)

    numbers = iter(range(10**9))
    actions = (alone.poll, respond, lambda: alone.change(duration=3.0 + next(numbers) % 20 / 2),
               lambda: alone.correct("nudge", 1.0) or alone.correct("undo"))  # fmt: skip
    threads = [threading.Thread(target=work, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    over.set()
    for thread in threads:
        thread.join(10.0)
        assert not thread.is_alive()
    assert errors == []
    assert alone.message is None
    alone.change(duration=4.5)
    until(lambda: respond() or not alone.listening, 10.0)
    assert alone.heard.excerpts[0].duration == 4.5
    assert alone.heard.corrections.steps == ()


# --- making, with the real worker


def test_from_the_click_to_the_clip_that_is_shown(here, folder):
    """Also where the person's own wait sees the end before the watch does."""
    here.use(image="cover.png", audio="song.wav", settings=Settings(**SMALL))

    job = here.generate().wait(PATIENCE)

    assert job.state == "done"
    until(lambda: here.shown, 5.0)
    assert here.shown.path == job.clip
    assert here.shown in here.history
    until(lambda: here.shown.measured)
    until(lambda: here.heard)
    assert here.heard.peaks.shape[1] > 1000
    other = Workspace(folder)
    assert [made.path for made in other.history if made.path == job.clip]
    assert other.resume() is None


def test_a_killed_worker_is_replaced_and_goes_on(here, folder):
    """Another kernel sees the same job; the work continues from the last finished part; the second stop holds, too."""
    here.use(image="cover.png", audio="song.wav", settings=Settings(**LONG, seed=1))
    job = here.generate()
    until(lambda: job.stages.get("frames") and job.stages["frames"].done > 80)
    other = Workspace(folder)
    assert other.resume().task.name == job.task.name

    pid = worker_pid(here.tasks)
    os.kill(pid, signal.SIGKILL)

    until(lambda: worker_pid(here.tasks) != pid)
    until(lambda: job.stages.get("frames") and job.stages["frames"].first > 0)
    assert job.stages["frames"].first in (60, 120, 180, 240)
    first = job.stages["frames"].first
    until(lambda: "frames" in other.job.stages and other.job.stages["frames"].first == first, 10.0)
    assert not job.finished
    began = time.monotonic()
    other.stop()
    until(lambda: job.finished, 10.0)
    assert time.monotonic() - began < 2.2
    assert (job.state, here.message) == ("stopped", None)
    until(lambda: other.job.state == "stopped", 5.0)
    other.close()


def test_stopped_and_asked_again_it_is_finished(here):
    here.use(image="cover.png", audio="song.wav", settings=Settings(**SMALL, seed=2).but(duration=9.0))
    job = here.generate()
    until(lambda: job.stages.get("frames") and job.stages["frames"].done > 60)
    here.stop()
    until(lambda: job.finished, 3.0)

    again = here.generate().wait(PATIENCE)

    assert again.state == "done"
    assert again.stages["frames"].first >= 48
    assert not list(again.clip.parent.glob("parts"))


def test_a_kernel_that_is_killed_leaves_its_job_to_the_next(here, folder):
    code = (
        "import sys, time; from s2v_nb import Settings; from s2v_nb.workspace import Workspace;"
        "w = Workspace(sys.argv[1]);"
        f"w.use(image='cover.png', audio='song.wav', settings=Settings(**{SMALL}, seed=3).but(duration=8.0));"
        "w.generate(); print('asked', flush=True); time.sleep(99)"
    )
    kernel = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, start_new_session=True)
    assert kernel.stdout.readline() == b"asked\n"
    until(lambda: any(task.state == "running" and task.kind == "clip" for task in unfinished(here.tasks)))
    pid = worker_pid(here.tasks)

    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.wait()
    kernel.stdout.close()

    job = here.resume()
    assert job.task.what["settings"]["seed"] == 3
    job.wait(PATIENCE)
    assert job.state == "done"
    assert worker_pid(here.tasks) == pid
    until(lambda: here.shown and here.shown.path == job.clip, 5.0)


def test_a_picture_deleted_after_the_click_is_told(here, folder):
    shutil.copy(folder / "cover.png", folder / "brief.png")
    here.use(image="brief.png", audio="song.wav", settings=Settings(**SMALL))
    (folder / "brief.png").unlink()

    here.generate()

    until(lambda: here.message)
    assert "brief.png" in here.message.sentence("en")
    assert here.job.state == "failed"
    assert not here.message.details
