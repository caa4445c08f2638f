"""A process that is killed, or a machine whose power is cut, loses nothing that was finished and leaves nothing half.

A few moments of each kind; ``bench/trust.py`` takes a hundred.
"""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from s2v_nb.models.download import fetch
from s2v_nb.processes import started
from s2v_nb.storage import clean_stale, place, replacing, scratch_beside
from tests.models.hub import MODELS, Hub, places
from tests.trust import kills


@pytest.fixture
def chance() -> random.Random:
    return random.Random(8)


def test_a_clip_that_is_killed_again_and_again(cover, song, tmp_path, chance):
    found = kills.clips(cover, song, tmp_path, 2, chance)

    assert found.kills == 2
    assert found.faults == {}


@pytest.mark.slow  # tests/sweeps/test_killed.py does it, too
def test_a_sweep_that_is_killed_again_and_again(cover, song, tmp_path, chance):
    found = kills.sweeps(cover, song, tmp_path, 1, chance, cells=2)

    assert found.kills == 1
    assert found.faults == {}


def test_a_worker_that_is_killed(cover, song, tmp_path, chance):
    found = kills.jobs(cover, song, tmp_path, 1, chance)

    assert found.kills == 1
    assert found.faults == {}


def test_a_kernel_that_is_killed_while_it_takes_uploads(tmp_path, chance):
    found = kills.uploads(tmp_path, 2, chance)

    assert found.kills == 2
    assert found.faults == {}


def test_a_download_that_is_killed_again_and_again(tmp_path, chance):
    """Nothing broken is located, what is whole is not fetched again, no lock stays; in the end the model is whole."""
    found = kills.downloads(tmp_path, 3, chance)

    assert found.kills == 3
    assert found.faults == {}


def test_the_checks_of_downloads_see_what_is_broken(tmp_path, monkeypatch):
    with Hub() as server:
        for name, value in places(server, tmp_path).items():
            monkeypatch.setenv(name, value)
        fetch(MODELS["tiny"])
    assert kills.broken(tmp_path) == len(kills.half_files(tmp_path)) == 0
    whole = kills.brought(tmp_path)
    blob = next(path for path in tmp_path.rglob("blobs/*") if path.stat().st_size > 10_000)
    blob.write_bytes(bytes(blob.stat().st_size))

    assert kills.broken(tmp_path) == 2  # the file, and the component that is located with it
    assert kills.brought(tmp_path) != whole


def test_the_checks_see_what_is_half(clip, tmp_path):
    """Else the tests above would find nothing whatever happened."""
    whole = clip.path.read_bytes()
    for name, content in {"clip.mp4": whole[:-9], "part-0000.mp4": b"", "spec.json": b"{", "poster.jpg": b"\xff\xd8",
                          "table.csv": b"cell,", "upload": b""}.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
    (tmp_path / "clip.partial-1.mp4").write_bytes(b"")
    (tmp_path / "good.mp4").write_bytes(whole)

    assert {path.name for path in kills.half_files(tmp_path)} == {
        "clip.mp4", "part-0000.mp4", "spec.json", "poster.jpg", "table.csv", "upload"}  # fmt: skip


# --- scratch files


def test_scratch_files_of_the_dead_go_at_once_and_those_of_the_living_stay(tmp_path):
    """Whatever the clock says: a jump of ten minutes is no reason to take a file from under an encoder's hands."""
    code = ("import sys, time; from pathlib import Path; from s2v_nb.storage import scratch_beside\n"
            "scratch_beside(Path(sys.argv[1])).touch(); print('there', flush=True); time.sleep(60)")  # fmt: skip
    child = subprocess.Popen([sys.executable, "-c", code, tmp_path / "clip.mp4"], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "there\n"
    mine = scratch_beside(tmp_path / "mine.mp4")
    mine.touch()
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))  # by the clock they are half a century old
    clean_stale(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2

    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    clean_stale(tmp_path)

    assert list(tmp_path.iterdir()) == [mine]


def test_a_number_that_another_process_has_now_is_not_the_maker(tmp_path):
    """Process numbers come again; when a process was started does not."""
    mine = scratch_beside(tmp_path / "clip.mp4")
    old = tmp_path / mine.name.replace(f"-{started(os.getpid())}-", "-1-")
    old.touch()

    clean_stale(tmp_path)

    assert not old.exists()


def test_of_two_that_place_a_file_one_gets_the_name(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("first")
    second.write_text("second")

    assert [place(first, tmp_path / "song.wav"), place(second, tmp_path / "song.wav")] == [True, False]
    assert (tmp_path / "song.wav").read_text() == "first"
    assert not first.exists()
    assert second.exists()


# --- the order of a power cut

RECORDER = """
import json, os, shutil, sys

calls = []

def look(path):
    status = os.stat(path)
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]

def recorded(name, real):
    def call(*arguments, **more):
        entry = {"call": name, "paths": [os.fspath(a) for a in arguments if isinstance(a, (str, os.PathLike))]}
        if name in ("replace", "rename", "link"):
            entry["source"] = look(arguments[0])
        if name == "fsync":
            entry["source"] = look(arguments[0])
        result = real(*arguments, **more)
        if entry["paths"]:
            entry["folders"] = [look(os.path.dirname(os.path.abspath(p)) or ".")[:2] for p in entry["paths"][-1:]]
        calls.append(entry)
        return result
    return call

for name in ("fsync", "replace", "rename", "link", "mkdir"):
    setattr(os, name, recorded(name, getattr(os, name)))
real_rmtree = shutil.rmtree
def rmtree(path, *arguments, **more):
    calls.append({"call": "rmtree", "paths": [os.fspath(path)]})
    return real_rmtree(path, *arguments, **more)
shutil.rmtree = rmtree
"""
CLIP = """
from s2v_nb import generate
generate(sys.argv[1], sys.argv[2], runs=sys.argv[3] + "/deep/runs", out=sys.argv[3] + "/out/mine.mp4", **SMALL)
""".replace("SMALL", repr(kills.SMALL))
REST = """
from pathlib import Path
from s2v_nb import Settings, Sweep
from s2v_nb.jobs import Task
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.widgets.upload import keep_bytes
base = Path(sys.argv[3])
Sweep(sys.argv[1], sys.argv[2], Settings(**SMALL), seed=[1], out=base / "new" / "sweep").run(progress=SweepProgress())
keep_bytes(base / "new" / "uploads", "song.wav", b"a song")
Task.submit(base / "new" / "tasks", "clip", image="a").end("done")
""".replace("SMALL", repr(kills.SMALL))
MAY_BE_LOST = ("progress.json", "claim.json")  # written many times, or worth nothing without their process


def recorded(code: str, cover, song, folder) -> list[dict]:
    """Every call of fsync, rename, link and mkdir that the code makes below ``folder``, in order."""
    told = folder / "calls.json"
    ending = f"\nopen({str(told)!r}, 'w').write(json.dumps(calls))\n"
    subprocess.run([sys.executable, "-c", RECORDER + code + ending, cover, song, folder], check=True)
    return [call for call in json.loads(told.read_text())
            if call["call"] == "fsync" or call["paths"][-1].startswith(str(folder))]  # fmt: skip


def unordered(calls: list[dict]) -> list[str]:
    """What a power cut could lose although it has its final name: a file whose content was not on the disk before its
    name, and a name that nobody waited for."""
    faults = []
    for at, call in enumerate(calls):
        if call["call"] not in ("replace", "rename", "link", "mkdir"):
            continue
        name = call["paths"][-1]
        if name.endswith(MAY_BE_LOST):
            continue
        synced = [c["source"] for c in calls[:at] if c["call"] == "fsync"]
        if call["call"] != "mkdir" and call["source"] not in synced:  # in the state it had when it got its name
            faults.append(f"content of {name}")
        if not any(c["call"] == "fsync" and c["source"][:2] in call["folders"] for c in calls[at:]):
            faults.append(f"name of {name}")
    return faults


def test_content_is_on_the_disk_before_its_name_and_names_before_what_they_replace(cover, song, tmp_path):
    """The parts and the clip that ffmpeg writes, as well as JSON; parts go once the clip's name is on the disk."""
    calls = recorded(CLIP, cover, song, tmp_path)
    named = [Path(call["paths"][-1]).name for call in calls if call["call"] == "replace"]

    assert unordered(calls) == []
    assert {"spec.json", "part-0000.mp4", "part-0001.mp4", "clip.mp4", "mine.spec.json", "mine.mp4"} <= set(named)
    clip = next(at for at, call in enumerate(calls) if call["call"] == "replace" and
                call["paths"][-1].endswith("clip.mp4"))  # fmt: skip
    gone = next(at for at, call in enumerate(calls) if call["call"] == "rmtree" and call["paths"][0].endswith("parts"))
    assert any(call["call"] == "fsync" and call["source"][:2] in calls[clip]["folders"] for call in calls[clip:gone])


def test_the_same_of_sweeps_uploads_and_tasks(cover, song, tmp_path):
    calls = recorded(REST, cover, song, tmp_path)
    named = {Path(call["paths"][-1]).name for call in calls if call["call"] in ("replace", "link")}

    assert unordered(calls) == []
    assert {"sweep.json", "cell.json", "poster.jpg", "table.csv", "song.wav", "task.json", "result.json"} <= named


def test_the_order_is_really_looked_at(tmp_path):
    """A file that is written again after it was waited for, and a folder nobody waits for, are found."""
    code = (
        "base = sys.argv[3]\n"
        "with open(base + '/a.partial-1', 'w') as file: file.write('a'); file.flush(); os.fsync(file.fileno())\n"
        "with open(base + '/a.partial-1', 'a') as file: file.write('more')\n"
        "os.replace(base + '/a.partial-1', base + '/a.json')\n"
    )
    assert [fault.split(" of ")[0] for fault in unordered(recorded(code, "", "", tmp_path))] == ["content", "name"]


def test_without_durability_nothing_is_waited_for_and_it_is_whole_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("it waited for the disk"))
    with replacing(tmp_path / "progress.json", durable=False) as scratch:
        scratch.write_text("{}")

    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
