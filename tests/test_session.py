"""What the machine has and what of it is used, on faked control groups and GPUs, each odd in its own way."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s2v_nb import session
from s2v_nb.errors import InputError
from s2v_nb.session import (
    Gpu,
    PriceMeter,
    clean_cache,
    disk,
    gpu_usage,
    gpus,
    machine_start,
    memory_limit,
    memory_used,
    models_on_disk,
)

MIB = 2**20
MEMINFO = "MemTotal:       8000 kB\nMemFree:         100 kB\nMemAvailable:   6000 kB\nHugePages_Total:       0\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without control groups; write files into it to change that."""
    (tmp_path / "cgroup").mkdir()
    write(tmp_path, {"proc/meminfo": MEMINFO})
    monkeypatch.setattr(session, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(session, "_PROC", tmp_path / "proc")
    return tmp_path


# --- memory


def test_used_memory_of_a_container_leaves_the_cache_out(machine):
    """cgroup v2; 100 of the 300 MiB are file cache that nobody needs."""
    write(machine / "cgroup", {"memory.max": f"{512 * MIB}\n", "memory.current": f"{300 * MIB}\n",
                               "memory.stat": f"anon 1\ninactive_file {100 * MIB}\nactive_file 7\n"})  # fmt: skip

    assert memory_limit() == 512 * MIB
    assert memory_used() == 200 * MIB


def test_used_memory_of_an_older_container(machine):
    """cgroup v1 counts the groups below only in the total_ values."""
    write(machine / "cgroup/memory", {"memory.limit_in_bytes": f"{512 * MIB}", "memory.usage_in_bytes": f"{300 * MIB}",
                                      "memory.stat": f"inactive_file 1\ntotal_inactive_file {50 * MIB}\n"})  # fmt: skip

    assert memory_limit() == 512 * MIB
    assert memory_used() == 250 * MIB


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"memory.max": "max", "memory.current": "5", "memory.stat": ""},
        {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "5"},
        {"memory.max": "100"},
    ],
    ids=["none", "v2 without limit", "v1 without limit", "half of the files"],
)
def test_without_a_limit_the_machines_memory_counts(machine, files):
    write(machine / "cgroup", files)

    assert memory_used() == 2000 * 1024
    assert memory_limit() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_the_memory_of_this_machine_is_within_its_limit():
    assert 0 < memory_used() < memory_limit()


# --- disk


def test_disk_of_a_folder_that_is_yet_to_be_made(tmp_path):
    found = disk(tmp_path / "not" / "here")

    assert found.total == disk(tmp_path).total
    assert 0 < found.free < found.total


def test_disk_honours_the_file_system_of_the_path():
    """/dev/shm, or /proc, is another file system than the root."""
    other = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/proc")

    assert disk(other).total == os.statvfs(other).f_blocks * os.statvfs(other).f_frsize
    assert disk(other).total != disk("/").total


# --- GPUs


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Call it with what nvidia-smi shall print and its exit status."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def fake(output: str, status: int = 0) -> Path:
        (folder / "answer").write_text(output)
        script = folder / "nvidia-smi"
        script.write_text(f'#!/bin/sh\necho "$@" > "{folder}/asked"\ncat "{folder}/answer"\nexit {status}\n')
        script.chmod(0o755)
        return folder / "asked"

    return fake


def test_gpu_usage_of_three_odd_gpus(nvidia_smi):
    asked = nvidia_smi(
        "NVIDIA H100 80GB HBM3, 81559, 1024, 37\n"
        "NVIDIA GB10, [N/A], [N/A], 0\n"  # shares the machine's memory
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb, 40960, 12, [N/A]\n"
        "Tesla, K80, 11441, ERR!, [Not Supported]\n"
    )

    assert gpu_usage() == [
        Gpu("NVIDIA H100 80GB HBM3", 81559 * MIB, 1024 * MIB, 0.37),
        Gpu("NVIDIA GB10", None, None, 0.0),
        Gpu("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 40960 * MIB, 12 * MIB, None),
        Gpu("Tesla, K80", 11441 * MIB, None, None),
    ]
    assert "--format=csv,noheader,nounits" in asked.read_text()


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("", 0),
        ("No devices were found\n", 0),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver, so it ends\n", 9),
        ("\n\n", 0),
    ],
)
def test_a_driver_without_gpu_is_no_gpu(nvidia_smi, output, status):
    nvidia_smi(output, status)

    assert gpu_usage() == []
    assert gpus() == []


def test_gpus_are_named_with_their_memory(nvidia_smi):
    nvidia_smi("NVIDIA H100 80GB HBM3, 81559 MiB\n")

    assert gpus() == ["NVIDIA H100 80GB HBM3, 81559 MiB"]


def test_a_machine_without_driver_has_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert gpu_usage() == []


# --- models and the cache


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Our models, Hugging Face's cache and our cache in a folder of their own."""
    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_models_of_both_kinds_the_biggest_first(places):
    write(places / "models", {"beatnet/weights.safetensors": "x" * 900, "beatnet/CREDIT.txt": "y" * 100})
    repo = places / "hf/hub/models--Wan-AI--Tiny"
    write(repo, {"blobs/abc": "z" * 5000, "refs/main": "c0ffee"})
    (repo / "snapshots/c0ffee").mkdir(parents=True)
    (repo / "snapshots/c0ffee/model.safetensors").symlink_to("../../blobs/abc")

    assert models_on_disk() == [("Wan-AI/Tiny", 5000), ("beatnet", 1000)]


def test_no_models_and_no_import_of_what_fixes_the_folders(places):
    code = (
        "import sys; from s2v_nb.session import models_on_disk\n"
        "print(models_on_disk(), 'huggingface_hub' in sys.modules)"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert found == "[] False\n"


def test_a_broken_hub_folder_is_no_model(places):
    write(places / "hf/hub", {"models--broken/snapshots": "not a folder", "notes.txt": "hello"})

    assert models_on_disk() == []


def test_cleaning_frees_only_what_can_be_made_again(places):
    folder = places / "cache/s2v_nb"
    remade = {"rhythm/abc.json": "x" * 100, "sample_song.wav": "y" * 50, "sample_cover.png": "z" * 25}
    stale = {"models/beatnet/net.partial-1-2.safetensors": "w" * 1000}
    stays = {
        "models/beatnet/net.safetensors": "weights",
        "rhythm/song.corrections": "hers",
        "uploads/song.wav": "hers",
        "runs/abc/clip.mp4": "hers",
        "s2v-nb.log": "log",
        "busy.partial-3-4.mp4": "another process writes",
    }
    write(folder, remade | stale | stays)
    long_ago = time.time() - 3600
    os.utime(folder / next(iter(stale)), (long_ago, long_ago))

    assert clean_cache() == 1175

    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == set(stays)
    assert clean_cache() == 0


def test_cleaning_where_nothing_is(places):
    assert clean_cache() == 0
    assert not (places / "cache").exists()


def test_what_was_heard_is_really_what_cleaning_removes(places, song):
    """The names in the cache are those that analysis and sample use."""
    from s2v_nb import analyze, load_audio, sample_audio, sample_image

    sample_audio(), sample_image()
    analyze(load_audio(song, 0.0, 4.0), tracker="librosa")
    assert list((places / "cache/s2v_nb/rhythm").glob("*.json"))

    freed = clean_cache()

    assert freed > 1_000_000
    assert not [path for path in (places / "cache/s2v_nb").rglob("*") if path.is_file()]


# --- price


def test_the_price_of_an_hour_and_a_half():
    meter = PriceMeter(2.0, start=1_000_000.0)

    assert meter.spent(now=1_000_000.0 + 5400) == pytest.approx(3.0)
    assert meter.spent(now=0.0) == 0.0


def test_the_meter_starts_with_the_machine(machine, monkeypatch):
    """Process 1 started 50 s after the boot; its name may hold blanks and brackets."""
    ticks = 50 * os.sysconf("SC_CLK_TCK")
    stat = f"1 (tini ) -- x) S {' '.join(['0'] * 18)} {ticks} 0 0\n"
    write(machine / "proc", {"stat": "cpu 1 2\nbtime 1700000000\n", "1/stat": stat})

    assert machine_start() == 1_700_000_050
    assert PriceMeter(3600.0 / 10).spent(now=1_700_000_150) == pytest.approx(10.0)


@pytest.mark.parametrize(
    "files", [{}, {"stat": "btime 99999999999\n", "1/stat": "1 (x) S"}, {"stat": "cpu 1\n", "1/stat": "junk"}]
)
def test_where_the_start_is_unknown_the_kernels_counts(machine, files):
    write(machine / "proc", files)

    assert machine_start() == session._IMPORTED


def test_the_start_of_this_machine_agrees_with_the_clock():
    """As psutil, which reads it its own way, says of process 1."""
    import psutil

    assert machine_start() == pytest.approx(psutil.Process(1).create_time(), abs=1.5)
    assert machine_start() < psutil.Process().create_time()


@pytest.mark.parametrize("price", [-1, 1001, float("nan"), "2", None, True])
def test_wrong_prices_are_refused(price):
    with pytest.raises(InputError, match="price"):
        PriceMeter(price)


def test_doctor_still_describes_the_machine():
    text = json.dumps(session.describe())

    assert "GiB here" in text
    assert "cores" in text


def test_memory_can_be_asked_for_while_another_thread_imports_torch():
    """As the worker does, which loads its networks ahead while the first clips of a sweep are made."""
    code = (
        "import threading, time; from s2v_nb.session import forget_peak, peak_memory\n"
        "importing = threading.Thread(target=__import__, args=['torch']); importing.start()\n"
        "while importing.is_alive(): forget_peak(); found = peak_memory(); time.sleep(0.001)\n"
        "print(found[1])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (found.stdout, found.stderr) == ("0\n", "")


def test_each_worker_has_cores_of_its_own(tmp_path):
    """Two processes that live at the same time share none; when one ends its cores are free."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # other tests' workers hold the machine's cores
    code = (
        "import os, sys; from s2v_nb.session import take_cores\n"
        "print(sorted(take_cores(1)), len(os.sched_getaffinity(0)), flush=True); sys.stdin.read()"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                env=environment) for _ in range(2)]  # fmt: skip
    told = [worker.stdout.readline().split() for worker in workers]
    for worker in workers:
        worker.communicate()
    if len(os.sched_getaffinity(0)) > 1:
        assert told[0][0] != told[1][0]
        assert [line[-1] for line in told] == ["1", "1"]
