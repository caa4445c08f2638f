"""Full, read-only and vanished folders, jumping clocks, two at work in one folder: a sentence, and nothing is lost."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s2v_nb import Progress, Settings, Sweep, generate
from s2v_nb.errors import GenerationError, InputError
from s2v_nb.jobs import Task, worker_process
from s2v_nb.jobs.tasks import tasks_in
from s2v_nb.processes import here, started
from s2v_nb.session import clean_cache
from s2v_nb.sweeps import claim
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.widgets.upload import keep_bytes
from s2v_nb.workspace import Workspace
from tests.jobs.studio import until
from tests.trust.disks import small_disk
from tests.trust.kills import PART, SMALL, frames, half_files, undisturbed


@pytest.fixture
def wanted(cover, song) -> str:
    """The frames of the clip that all of these make."""
    return undisturbed(cover, song)[0]


def at_frame(number: int, act) -> Progress:
    """A progress that does something once, when so many frames are made."""
    progress = Progress()
    progress.views.append(lambda state: act() if (state.stage, state.done) == ("frames", number) else None)
    return progress


def sound_is_done(folder: Path) -> None:
    """Wait until nothing of the sound, which is encoded beside the frames, is on its way any longer."""
    until(lambda: not list(folder.rglob("sound.partial-*")))


def first_frame(cover, song, runs) -> int:
    """Finish the clip; how many of its frames were there before."""
    seen = []
    generate(cover, song, runs=runs, progress=Progress(seen.append), **SMALL)
    return next(state.first for state in seen if state.stage == "frames")


def finished_part(runs: Path) -> None:
    until(lambda: list(runs.glob("*/parts/part-0000.mp4")))


# --- a full disk


def test_a_disk_that_fills_up_keeps_what_is_finished(cover, song, tmp_path, wanted):
    with small_disk(tmp_path / "disk", 8) as disk:
        runs = disk.place / "runs"

        def fill():
            finished_part(runs)
            sound_is_done(runs)
            disk.fill()

        with pytest.raises(GenerationError, match="free disk space") as failed:
            generate(cover, song, runs=runs, progress=at_frame(60, fill), **SMALL)
        assert "No space left" in str(failed.value)
        assert "磁盘空间" in failed.value.sentence("zh")
        assert [path.name for path in runs.rglob("*.mp4")] == ["part-0000.mp4"]
        assert half_files(runs) == []
        assert not list(runs.rglob("*.partial-*"))

        disk.empty()
        assert first_frame(cover, song, runs) == PART
        assert frames(next(runs.glob("*/clip.mp4"))) == wanted


def test_a_disk_without_any_room_is_a_sentence_for_all_that_writes(cover, song, tmp_path):
    """Nothing is left half; what is there can be seen all the same."""
    with small_disk(tmp_path / "disk", 8) as disk:
        place = disk.place
        made = generate(cover, song, runs=place / "runs", **SMALL)
        disk.fill()

        def try_all():
            generate(cover, song, runs=place / "runs", **SMALL)  # answered from the disk
            workspace = Workspace(place)
            assert [one.path for one in workspace.history] == [made.path]
            workspace.close()
            for act, sentence in {
                lambda: generate(cover, song, runs=place / "runs", seed=1, **SMALL): "free disk space",
                lambda: generate(cover, song, runs=place / "runs", out=place / "copy.mp4", **SMALL): "free disk space",
                lambda: keep_bytes(place / "uploads", "song.wav", bytes(9_000_000)): "free some space first",
                lambda: sweep(cover, song, place / "sweep").run(progress=SweepProgress()): "free some|free disk",
            }.items():
                with pytest.raises((InputError, GenerationError), match=sentence):
                    act()

        try_all()
        assert half_files(place / "runs") == []
        assert not list(place.rglob("*.partial-*"))
        assert not (place / "copy.mp4").exists()
        disk.empty()
        assert not generate(cover, song, runs=place / "runs", seed=1, **SMALL).cached


def sweep(cover, song, out) -> Sweep:
    return Sweep(cover, song, Settings(**SMALL), seed=[1, 2], out=out)


def test_the_studio_on_a_disk_that_fills_up(cover, song, tmp_path):
    with small_disk(tmp_path / "disk", 24) as disk:
        for path in (cover, song):
            shutil.copy(path, disk.place / path.name)
        workspace = Workspace(disk.place)
        workspace.use(image="cover.png", audio="song.wav", settings=Settings(**SMALL))
        disk.fill()
        with workspace.reporting():
            workspace.generate()
        assert workspace.message.key in ("failed.disk", "failed.encoder")
        assert "No space left" in workspace.message.sentence("en")

        disk.empty()
        try:
            workspace.touch()
            assert workspace.generate().wait(120).state == "done"
        finally:
            worker_process.end(workspace.tasks)
            workspace.close()


# --- a folder that may only be read


def test_in_a_read_only_folder_all_can_be_seen_and_nothing_made(cover, song, tmp_path):
    with small_disk(tmp_path / "disk", 400) as disk:  # a sweep wants 200 MiB to spare
        place = disk.place
        for path in (cover, song):
            shutil.copy(path, place / path.name)
        made = generate(cover, song, runs=place / "runs", **SMALL)
        done = Sweep(cover, song, Settings(**SMALL), seed=[0], out=place / "sweep").run(progress=SweepProgress())
        disk.read_only()

        assert generate(cover, song, runs=place / "runs", **SMALL).cached
        assert Sweep.open(place / "sweep").run(progress=SweepProgress()).rows() == done.rows()
        for act in (
            lambda: generate(cover, song, runs=place / "runs", seed=1, **SMALL),
            lambda: keep_bytes(place / "uploads", "song.wav", b"a song"),
            lambda: sweep(cover, song, place / "other").run(progress=SweepProgress()),
        ):
            with pytest.raises(GenerationError, match="Read-only file system"):
                act()
        with pytest.raises(InputError, match="not a folder that can be written to"):
            generate(cover, song, runs=tmp_path / "runs", out=place / "copy.mp4", **SMALL)
        workspace = Workspace(place)
        workspace.image = None
        with workspace.reporting():
            workspace.use(image="cover.png", audio="song.wav")
            workspace.generate()
        assert "Read-only file system" in workspace.message.sentence("en")
        assert [one.path for one in workspace.history] == [made.path]
        workspace.close()


# --- a folder that goes away


@pytest.mark.parametrize("level", ["runs", "run", "parts"])
def test_a_folder_that_goes_away_is_named_and_the_next_try_is_whole(cover, song, tmp_path, wanted, level):
    runs = tmp_path / "runs"

    def vanish():
        sound_is_done(runs)
        (run,) = runs.iterdir()
        shutil.rmtree({"runs": runs, "run": run, "parts": run / "parts"}[level])

    with pytest.raises(GenerationError, match="is no longer there"):
        generate(cover, song, runs=runs, progress=at_frame(20, vanish), **SMALL)
    clip = generate(cover, song, runs=runs, **SMALL)

    assert frames(clip.path) == wanted


def test_a_disk_that_is_taken_away(cover, song, tmp_path):
    with small_disk(tmp_path / "disk", 8) as disk:
        runs = disk.place / "runs"
        again = [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            "size=8m",
            "s2v_nb-test",
            str(disk.place),
        ]  # what is unmounted at the end

        def unmount():
            sound_is_done(runs)
            subprocess.run(["umount", "--lazy", str(disk.place)], check=True)

        try:
            with pytest.raises(GenerationError, match="is no longer there"):
                generate(cover, song, runs=runs, progress=at_frame(20, unmount), **SMALL)
        finally:
            subprocess.run(again, check=True)


def test_a_sweep_whose_folder_goes_away_ends_with_a_sentence(cover, song, tmp_path):
    progress = SweepProgress()
    out = tmp_path / "sweep"

    def vanish(state):
        if state.current and state.current.stage == "frames" and state.current.done == 20 and out.exists():
            sound_is_done(out)
            shutil.rmtree(out)

    progress.views.append(vanish)
    with pytest.raises(GenerationError, match="sweep' is no longer there"):
        sweep(cover, song, out).run(progress=progress)

    assert all(row["state"] == "done" for row in sweep(cover, song, out).run(progress=SweepProgress()).rows())


# --- a clock that jumps

JUMPING = """
import sys, time
real, jump = time.time, [0.0]
time.time = lambda: real() + jump[0]
time.time_ns = lambda: int(time.time() * 1e9)
from s2v_nb import Progress, Settings, Sweep, generate
from s2v_nb.sweeps.progress import SweepProgress
def leap(state):
    if (state.stage, state.done) == ("frames", 20):
        jump[0] = seconds
for seconds in map(float, sys.argv[4:]):
    place, jump[0] = f"{sys.argv[3]}/{seconds:.0f}", 0.0
    generate(sys.argv[1], sys.argv[2], runs=place + "/runs", progress=Progress(leap), **SMALL)
    jump[0] = 0.0
    progress = SweepProgress()
    progress.views.append(lambda state: state.current and leap(state.current))
    Sweep(sys.argv[1], sys.argv[2], Settings(**SMALL), seed=[0], out=place + "/sweep").run(progress=progress)
""".replace("SMALL", repr(SMALL))


@pytest.mark.slow  # the three tests that follow have what depends on the clock one by one
def test_a_clock_that_jumps_while_a_clip_and_a_sweep_are_made(cover, song, tmp_path, wanted):
    """A day forward, a day back."""
    command = [sys.executable, "-c", JUMPING, cover, song, tmp_path, 86_400, -86_400]
    subprocess.run([str(part) for part in command], check=True)

    for place in (tmp_path / "86400", tmp_path / "-86400"):
        made = Sweep.open(place / "sweep").cells[0]
        assert frames(next(place.glob("runs/*/clip.mp4"))) == frames(made.path) == wanted
        assert made.is_done
        assert 0 <= made.result["seconds"] < 60
        assert not (made.folder / "claim.json").exists()


@pytest.mark.parametrize("seconds", [86_400, -86_400])
def test_the_claim_of_a_living_process_holds_whatever_the_clock_says(tmp_path, seconds):
    with claim.claiming(tmp_path) as mine:
        os.utime(tmp_path / "claim.json", (time.time() + seconds,) * 2)

        assert claim.owner(tmp_path) == mine
        with claim.claiming(tmp_path) as other:
            assert other is None


def test_time_that_a_clock_made_up_is_bounded(tmp_path):
    """Of a dead owner whose claim began before a jump: it is paid for, but never more than a day, nor less than 0."""
    for jump, most in ((30 * 86_400, 86_400.0), (-30 * 86_400, 0.0)):
        dead = claim.Claim(here(), 2**22 - 1, "1", "dead", time.time())
        (tmp_path / "claim.json").write_text(__import__("json").dumps(vars(dead)))
        os.utime(tmp_path / "claim.json", (time.time() + jump,) * 2)
        with claim.claiming(tmp_path) as mine:
            assert mine.lost_seconds == most


def test_tasks_stay_in_their_order_when_the_clock_goes_back(tmp_path, monkeypatch):
    """By their names they are done, forgotten and found again."""
    now = time.time_ns()
    clock = iter((now, now - 86_400 * 10**9, now - 86_400 * 10**9, now + 10))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))

    asked = [Task.submit(tmp_path, "listen").name for _ in range(4)]

    assert [task.name for task in tasks_in(tmp_path)] == asked


def test_cleaning_after_a_jump_takes_nothing_from_a_living_process(tmp_path, monkeypatch):
    from s2v_nb.storage import scratch_beside

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "s2v_nb/models").mkdir(parents=True)
    scratch = scratch_beside(tmp_path / "s2v_nb/models/weights.safetensors")
    scratch.write_bytes(b"on its way")
    os.utime(scratch, (0, 0))

    assert started(os.getpid())
    assert clean_cache() == 0
    assert scratch.exists()


# --- two at once

GENERATE = """
import sys, time
from pathlib import Path
from s2v_nb import generate
import av, cv2, soundfile, s2v_nb.engines.preview.render, s2v_nb.rhythm.analysis
print("ready", flush=True)
for line in sys.stdin:
    print(generate(sys.argv[1], sys.argv[2], runs=line.strip(), **SMALL).path, flush=True)
""".replace("SMALL", repr(SMALL))


def kernel(cover, song) -> subprocess.Popen:
    """It makes the clip in each folder that it is told."""
    command = [sys.executable, "-c", GENERATE, cover, song]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_kernels_make_the_same_clip_in_one_folder(cover, song, tmp_path, wanted):
    """They begin at once, and one a little after the other."""
    both = [kernel(cover, song) for _ in range(2)]
    assert [each.stdout.readline() for each in both] == ["ready\n"] * 2
    for apart in (0.0, 0.4):
        for each in both:
            each.stdin.write(f"{tmp_path / str(apart)}\n")
            each.stdin.flush()
            time.sleep(apart)
        (path,) = {each.stdout.readline().strip() for each in both}
        assert frames(Path(path)) == wanted
        assert sorted(p.name for p in Path(path).parent.iterdir()) == ["clip.mp4", "progress.json", "spec.json"]
    for each in both:
        each.communicate(timeout=120)

    assert [each.returncode for each in both] == [0, 0]


@pytest.mark.slow
def test_two_tabs_on_one_job(cover, song, tmp_path):
    """Both see it, either stops it for both, and what both ask for is made once."""
    for path in (cover, song):
        shutil.copy(path, tmp_path / path.name)
    first, second = Workspace(tmp_path), Workspace(tmp_path)
    settings = Settings(**SMALL).but(duration=8.0)
    try:
        for tab in (first, second):
            tab.use(image="cover.png", audio="song.wav", settings=settings)
        job = first.generate()
        until(lambda: job.stages.get("frames") and job.stages["frames"].done > PART + 1)
        assert second.resume().task == job.task
        assert second.generate().task == job.task  # it is being made: a second press begins nothing
        second.stop()
        until(lambda: job.finished and second.job.finished)
        assert (job.state, second.job.state) == ("stopped", "stopped")

        both = [first.generate(), second.generate()]
        ended = [each.wait(120) for each in both]
        assert [each.state for each in ended] == ["done", "done"]
        assert len({each.clip for each in ended}) == 1
        assert sorted(each.cached for each in ended) == [False, True]
        assert ended[0].stages["frames"].first >= PART
    finally:
        worker_process.end(first.tasks)
        for tab in (first, second):
            tab.close()
