"""Downloads from a real server that misbehaves: each ends in a whole model or in one sentence, never in between."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from s2v_nb.errors import Cancelled, InputError
from s2v_nb.models import download, hub
from s2v_nb.models.catalog import Model
from s2v_nb.models.download import DownloadFailed, fetch, introduction, located
from s2v_nb.models.locks import alone
from s2v_nb.models.pins import lock_file
from s2v_nb.models.transfer import BarView, Meter, Transfer, line
from s2v_nb.models.upkeep import verify
from tests.models.hub import FIRST, MODELS, QUANT, ROOT, SECOND, WAN, Hub, places

TINY, QUANTISED = MODELS["tiny"], MODELS["tiny-q4"]
SHARD = "transformer/m-1.safetensors"


@pytest.fixture
def server():
    with Hub() as server:
        yield server


@pytest.fixture
def here(server, tmp_path, monkeypatch):
    """The folder that everything is downloaded to; patience is short."""
    for name, value in places(server, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setattr(hub, "PAUSES", (0.02, 0.02))
    return tmp_path


def start(*arguments: object, **environment: str) -> subprocess.Popen:
    """`s2v-nb` with the tiny models, as a process of its own."""
    command = [sys.executable, "-m", "tests.models.hub", *map(str, arguments)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, env={**os.environ, **environment}, **pipes)


def finish(process: subprocess.Popen) -> subprocess.CompletedProcess:
    out, error = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def assert_whole(model: Model = TINY, files: dict[str, bytes] = WAN) -> None:
    """Every file that the model needs is here to the last byte."""
    folders = located(model)
    assert folders is not None
    for role, component in model.components.items():
        names = [n for n in files if n.startswith(f"{component.folder}/" if component.folder else "")]
        wanted = [n for n in names if not n.endswith((".bin", ".pth"))]
        assert {n: (folders[role] / Path(n).name).read_bytes() == files[n] for n in wanted} == dict.fromkeys(
            wanted, True
        )


# --- all is well


def test_a_model_comes_whole_and_only_once(here, server):
    """No pickle is touched, and a second call asks nobody anything."""
    assert located(TINY) is None

    folders = fetch(TINY)
    asked = len(server.log)

    assert_whole()
    assert folders == located(TINY) == fetch(TINY)
    assert len(server.log) == asked
    assert not [path for path in server.fetched() if path.endswith((".bin", ".pth", ".md"))]


def test_the_cache_is_laid_out_as_huggingface_hub_does(here):
    """Its own functions find the files without a network, and its scan counts them."""
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    folders = fetch(TINY)

    found = try_to_load_from_cache("tiny/wan", SHARD, cache_dir=here / "hf/hub", revision=FIRST)
    assert Path(found) == folders["transformer"] / "m-1.safetensors"
    report = scan_cache_dir(here / "hf/hub")
    assert not report.warnings
    assert [repo.repo_id for repo in report.repos] == ["tiny/wan"]


def test_what_another_program_brought_is_checked_and_used(here, server):
    """A good file is not fetched again, a broken one is replaced."""
    from huggingface_hub import hf_hub_download

    paths = {name: Path(hf_hub_download("tiny/wan", name, revision=FIRST, endpoint=server.url,
             cache_dir=here / "hf/hub")) for name in (SHARD, "vae/v.safetensors")}  # fmt: skip
    blob = paths["vae/v.safetensors"].resolve()
    blob.write_bytes(bytes(blob.stat().st_size))
    assert located(TINY) is None
    server.log.clear()

    fetch(TINY)

    assert_whole()
    assert SHARD not in server.fetched()
    assert "vae/v.safetensors" in server.fetched()


def test_progress_ends_with_all_bytes(here):
    seen: list[Transfer] = []
    fetch(TINY, progress=seen.append)

    assert (
        seen[-1].done
        == seen[-1].total
        == sum(len(content) for name, content in WAN.items() if not name.endswith((".bin", ".pth", ".md")))
    )
    assert [t.done for t in seen] == sorted(t.done for t in seen)


def test_the_person_stops_it_and_goes_on_later(here, server):
    """What the view raises ends the download, whatever it was waiting for."""
    server.trouble["*"] = ["slow!"]

    def stop(transfer: Transfer) -> None:
        if transfer.done:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        fetch(TINY, progress=stop)

    assert located(TINY) is None
    server.trouble.clear()
    fetch(TINY)
    assert_whole()
    assert any(asked for _, _, asked in server.log)  # some file went on from where it was


# --- the server misbehaves, and it works all the same


@pytest.mark.parametrize(
    "trouble", [["cut"], ["cut", "cut", "cut", "cut"], ["429"], ["503", "429"], ["wrong"], ["slow"]]
)
def test_trouble_that_passes(here, server, trouble):
    server.trouble[SHARD] = list(trouble)

    fetch(TINY)

    assert_whole()


def test_a_cut_download_goes_on_where_it_was(here, server):
    """30 % came at first: the second request asks for the rest."""
    server.trouble[SHARD] = ["cut"]

    fetch(TINY)

    ranges = [asked for _, path, asked in server.log if path == SHARD]
    assert ranges == ["", f"bytes={int(0.3 * len(WAN[SHARD]))}-"]


def test_a_busy_list_is_asked_again(here, server):
    server.trouble["api"] = ["503", "429"]

    fetch(TINY)

    assert_whole()


# --- the server misbehaves for good


@pytest.mark.parametrize(
    ("where", "trouble", "key"),
    [
        (SHARD, "truncated!", "models.short"),
        (SHARD, "wrong!", "models.damaged"),
        (SHARD, "503!", "models.busy"),
        (SHARD, "429!", "models.busy"),
        (SHARD, "403!", "models.refused"),
        ("api", "401!", "models.refused"),
        ("api", "503!", "models.busy"),
    ],
)
def test_trouble_that_stays_ends_in_one_sentence(here, server, where, trouble, key):
    """Nothing is located, and when the trouble is over the next call brings the rest."""
    server.trouble[where] = [trouble]

    with pytest.raises(DownloadFailed) as caught:
        fetch(TINY)

    assert caught.value.key == key
    assert located(TINY) is None
    server.trouble.clear()
    fetch(TINY)
    assert_whole()


def test_nobody_answers(here, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1:9 cannot be reached"):
        fetch(TINY)

    assert located(TINY) is None


def test_a_repository_without_the_files_is_named(here, server):
    server.publish("tiny/wan", FIRST, {"README.md": b"moved"})

    with pytest.raises(DownloadFailed, match="tiny/wan does not have all of"):
        fetch(TINY)


def test_a_list_without_a_shard_makes_no_model(here, server):
    """The index is there and names it: what came is kept, but never located."""
    server.publish("tiny/wan", FIRST, {name: content for name, content in WAN.items() if name != SHARD})

    with pytest.raises(DownloadFailed, match="tiny/wan does not have all of"):
        fetch(TINY)

    assert located(TINY) is None


def test_files_without_a_hash_are_not_fetched(here, server, monkeypatch):
    """They could not be checked, and their name in the cache would be whatever the mirror says."""
    monkeypatch.setattr("tests.models.hub.git_or_sha", lambda content: "../../somewhere")

    with pytest.raises(DownloadFailed, match="without a hash"):
        fetch(TINY)

    assert server.fetched() == []


# --- processes


def test_a_killed_download_is_never_complete_and_goes_on(here, server):
    """kill -9 in the middle of the first shard; the next process asks for the rest of it alone."""
    server.trouble["*"] = ["slow!"]
    process = start("models", "get", "tiny")
    wait_until(lambda: any(path.stat().st_size for path in here.rglob("*.s2v_nb.incomplete")))
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert located(TINY) is None
    server.trouble.clear()
    server.log.clear()
    result = finish(start("models", "get", "tiny", "--json"))
    assert result.returncode == 0
    assert_whole()
    assert json.loads(result.stdout)["folders"] == {role: str(folder) for role, folder in located(TINY).items()}
    assert any(asked for _, _, asked in server.log)


def test_ctrl_c_keeps_what_came(here, server):
    server.trouble["*"] = ["slow!"]
    process = start("models", "get", "tiny")
    wait_until(lambda: any(path.stat().st_size for path in here.rglob("*.s2v_nb.incomplete")))
    process.send_signal(signal.SIGINT)

    result = finish(process)

    assert result.returncode == 130
    assert "Stopped; what has come of tiny is kept" in result.stderr
    assert list(here.rglob("*.s2v_nb.incomplete"))


def test_two_processes_download_once(here, server):
    """The first shard comes when both have read the list: every file is asked for once, and both end well."""
    server.trouble[SHARD] = ["held"]
    both = [start("models", "get", "tiny"), start("models", "get", "tiny")]
    wait_until(lambda: len(server.log) - len(server.fetched()) == 2 * len(TINY.components))
    server.gate.set()

    results = [finish(process) for process in both]

    assert [result.returncode for result in results] == [0, 0]
    assert_whole()
    assert sorted(server.fetched()) == sorted(set(server.fetched()))


def test_who_waits_is_told(here, server):
    """While somebody holds the lock of one component the view hears that, and the download ends when it is free."""
    seen: list[Transfer] = []
    with ThreadPoolExecutor() as pool:
        with alone(TINY.components["vae"], lambda: None):
            job = pool.submit(fetch, TINY, progress=seen.append)
            wait_until(lambda: any(transfer.waiting for transfer in seen))
            assert not job.done()
        assert job.result() == located(TINY)
    assert not seen[-1].waiting


def wait_until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- offline, platforms, licences, revisions


def test_offline_says_so_and_a_model_that_is_here_works(here, server):
    refused = finish(start("models", "get", "tiny", HF_HUB_OFFLINE="1"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "HF_HUB_OFFLINE is set" in refused.stderr
    assert not server.log

    fetch(TINY)
    found = finish(start("models", "get", "tiny", "--json", HF_HUB_OFFLINE="1"))
    assert found.returncode == 0


def test_models_go_to_the_disk_of_the_platform(here, server):
    """Nobody has set HF_HOME; the platform's table names the disk, here as $S2V_NB_DATA."""
    result = finish(
        start("models", "get", "tiny-q4", "--json", HF_HOME="", S2V_NB_MODELS="", S2V_NB_DATA=str(here / "d"))
    )

    folder = Path(json.loads(result.stdout)["folders"]["transformer"])
    assert folder.is_relative_to(here / "d/huggingface/hub")
    assert (here / "d/models/models.lock.json").is_file()


def test_a_licence_that_asks_needs_a_yes(here, server):
    with pytest.raises(InputError, match=r"OpenRAIL.*tiny/strict.*--yes"):
        fetch(MODELS["strict"])
    assert not server.log

    assert fetch(MODELS["strict"], accept_licence=True)
    assert fetch(MODELS["strict"])  # asked once


def test_the_licence_is_shown_before_the_download(here):
    assert introduction(MODELS["strict"]) == ["strict: 1.0 MB from tiny/strict, licence OpenRAIL"]


def test_a_repository_without_a_known_commit_is_pinned_at_its_first_download(here, server):
    """Later commits are not looked at, not even after the model was removed."""
    from s2v_nb.models.upkeep import _remove_component

    fetch(QUANTISED)
    assert json.loads(lock_file().read_text()) == {"tiny/quant": FIRST}
    server.publish("tiny/quant", SECOND, {"tiny-Q4.gguf": b"GGUF" + bytes(70_000)})

    _remove_component(QUANTISED.components["transformer"])
    assert located(QUANTISED) is None
    fetch(QUANTISED)

    assert (located(QUANTISED)["transformer"] / "tiny-Q4.gguf").read_bytes() == QUANT["tiny-Q4.gguf"]


def test_a_broken_folder_of_the_person_is_left_to_her(here, server):
    own = here / "own/tiny-vae"
    own.mkdir(parents=True)
    (own / "v.safetensors").write_bytes(WAN["vae/v.safetensors"][:-1])

    with pytest.raises(InputError, match="your own folder"):
        fetch(TINY)
    assert not server.log

    (own / "v.safetensors").write_bytes(WAN["vae/v.safetensors"])
    assert fetch(TINY)["vae"] == own
    assert "vae/v.safetensors" not in server.fetched()


def test_an_unknown_source_is_refused(here):
    with pytest.raises(InputError, match="auto, hub, modelscope"):
        fetch(TINY, source="disk")


def test_a_disk_without_links_works_too(here, monkeypatch):
    """As a mounted drive: the files themselves lie in the snapshot."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)

    folders = fetch(TINY)

    assert_whole()
    assert not (folders["vae"] / "v.safetensors").is_symlink()
    assert verify(TINY) == {}


def test_a_folder_that_cannot_be_written_is_named(here, monkeypatch):
    (here / "file").write_text("no folder")
    monkeypatch.setenv("HF_HOME", str(here / "file"))

    with pytest.raises(InputError, match=r"file.* cannot be written"):
        fetch(TINY)


def test_an_empty_file_is_a_file(here, server):
    server.publish("tiny/wan", FIRST, WAN | {"vae/empty.json": b""})
    vae = replace(TINY.components["vae"], files=("vae/*",))

    assert (fetch(Model("vae", ("", ""), {"vae": vae}))["vae"] / "empty.json").read_bytes() == b""


# --- a disk that is too small


@pytest.fixture
def small_disk(here, monkeypatch):
    """600 kB: less than the model needs."""
    disk = here / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"needs a small disk, and mount cannot be run: {error}")
    if done.returncode:
        pytest.skip(f"needs a small disk, which only root may mount: {done.stderr.strip()}")
    monkeypatch.setenv("HF_HOME", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_no_room_is_said_before_anything_is_fetched(small_disk, server):
    with pytest.raises(InputError, match=r"tiny needs 1\.0 MB more in .*disk.* which has .* kB: free .* kB"):
        fetch(TINY)

    assert server.fetched() == []


def test_a_disk_that_fills_up_meanwhile(small_disk, server, monkeypatch):
    """The rest of the disk went to somebody else; one sentence, nothing located, and with room it goes on."""
    big = small_disk / "somebody_else"
    monkeypatch.setattr(download, "_check_space", lambda *_: big.write_bytes(bytes(450_000)))
    vae = Model("vae", ("", ""), {"vae": TINY.components["vae"], "text": TINY.components["text_encoder"]})

    with pytest.raises(InputError, match=r"needs .* more in"):
        fetch(vae)

    assert located(vae) is None
    big.unlink()
    monkeypatch.setattr(download, "_check_space", lambda *_: None)
    fetch(vae)
    assert located(vae)


# --- ModelScope

STAND_IN = '''
"""Stands in for ModelScope's client, which needs its servers: the calls, not the transport."""
from pathlib import Path
from tests.models.hub import WAN, QUANT

FILES = {"tiny/wan": WAN, "tiny/quant": QUANT}

class HubApi:
    def get_model_files(self, model_id, revision=None, root=None, recursive=False):
        return [{"Path": path, "Size": len(content)} for path, content in FILES[model_id].items()]

def snapshot_download(model_id, local_dir=None, allow_patterns=None):
    for path in allow_patterns:
        target = Path(local_dir) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(FILES[model_id][path][:CUT])
    return local_dir
'''


@pytest.fixture
def modelscope(here, monkeypatch):
    """The stand-in can be imported; returns a function that writes it."""
    monkeypatch.syspath_prepend(here / "clients")

    def install(cut: str = "None") -> None:
        (here / "clients").mkdir(exist_ok=True)
        (here / "clients/modelscope.py").write_text(f"CUT = {cut}\n{STAND_IN}")

    yield install
    sys.modules.pop("modelscope", None)


def test_modelscope_helps_where_the_hub_cannot_be_reached(modelscope, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    modelscope()

    folders = fetch(TINY)

    assert_whole()
    assert folders["vae"].name == "tiny-vae"


def test_modelscope_alone(modelscope, server):
    modelscope()
    fetch(QUANTISED, source="modelscope")

    assert located(QUANTISED)
    assert not server.log


def test_what_comes_cut_from_modelscope_is_not_taken(modelscope):
    modelscope(cut="-1")

    with pytest.raises(DownloadFailed, match=r"modelscope\.cn"):
        fetch(TINY, source="modelscope")

    assert located(TINY) is None


def test_modelscope_needs_room_too(modelscope):
    modelscope()
    vast = replace(TINY.components["vae"], bytes=10**18)

    with pytest.raises(InputError, match=r"tiny-vae needs 1000000000\.0 GB more"):
        fetch(Model("vast", ("", ""), {"vae": vast}), source="modelscope")


def test_without_its_client_modelscope_is_refused(here):
    with pytest.raises(InputError, match="pip install modelscope"):
        fetch(TINY, source="modelscope")


# --- what is shown


def test_a_line_names_size_speed_and_time_left():
    transfer = Transfer("wan", 3_200_000_000, 24_200_000_000, 95e6)

    assert line(transfer) == "wan: 3.2 GB of 24.2 GB, 95.0 MB/s, 3:41 left"
    assert line(Transfer("wan", 5, 10, waiting=True)).endswith("(another process is downloading it)")


def test_speed_is_unknown_until_bytes_came():
    seen: list[Transfer] = []
    meter = Meter("wan", 100, seen.append)
    meter.tell(10)
    meter.tell(60)

    assert (seen[0].speed, seen[0].remaining) == (None, None)
    assert seen[1].speed > 0
    assert seen[1].remaining == pytest.approx(40 / seen[1].speed)


def test_a_terminal_gets_a_bar_with_speed_and_time_left():
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    view = BarView(terminal)
    view(Transfer("wan", 0, 4_000_000))
    view(Transfer("wan", 1_000_000, 4_000_000))
    view.close()

    assert re.search(r"wan: +25%.*1\.00M/4\.00M \[.*<.*B/s\]", terminal.getvalue())


def test_a_pipe_gets_a_line_for_every_tenth(capsys):
    view = BarView()
    for done in range(0, 101):
        view(Transfer("wan", done, 100))
    view.close()

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "wan: 100 B of 100 B"
