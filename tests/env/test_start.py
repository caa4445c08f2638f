"""env/start.sh: what it would do on each platform, and a real start: token, loopback only, once, and its end."""

import asyncio
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from tornado.websocket import websocket_connect

from tests.env.test_dockerfile import of

ROOT = Path(__file__).resolve().parents[2]
START = ROOT / "env/start.sh"


def start(*arguments, folder: Path, **environ) -> subprocess.CompletedProcess:
    """Run it as a fresh login would, in a machine whose / is ``folder``."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "USER": "ada", "S2V_NB_ROOT": str(folder)}
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "MPL", "OMP_"))}
    return subprocess.run(
        [str(START), *arguments], env=kept | clean | environ, capture_output=True, text=True, cwd=folder, timeout=300
    )


@pytest.fixture
def machine(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path


def test_shellcheck_has_nothing_to_say():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    subprocess.run(["shellcheck", str(START)], check=True)


def test_it_is_valid_and_may_be_run():
    subprocess.run(["bash", "-n", str(START)], check=True)
    assert os.access(START, os.X_OK)
    assert "\nset -euo pipefail\n" in START.read_text()


@pytest.mark.parametrize(
    ("environ", "disk", "expected"),
    [
        (
            {"RUNPOD_POD_ID": "abc", "RUNPOD_PUBLIC_IP": "203.0.113.7", "RUNPOD_TCP_PORT_22": "22017"},
            "workspace",
            ["this is RunPod", "HF_XET_HIGH_PERFORMANCE=1", "ssh -p 22017 -L 8888:127.0.0.1:8888 root@203.0.113.7"],
        ),
        (
            {"VAST_CONTAINERLABEL": "C.12", "PUBLIC_IPADDR": "203.0.113.8", "VAST_TCP_PORT_22": "41022"},
            "",
            ["this is Vast.ai", "ssh -p 41022 -L 8888:127.0.0.1:8888 root@203.0.113.8"],
        ),
        (
            {},
            "root/autodl-tmp",
            ["this is AutoDL", "HF_ENDPOINT=https://hf-mirror.com", "HF_HUB_DISABLE_XET=1", "ssh -p PORT -L"],
        ),
        ({}, "lambda/nfs/songs", ["this is Lambda", "ssh -L 8888:127.0.0.1:8888 ubuntu@HOST"]),
    ],
    ids=["runpod", "vast", "autodl", "lambda"],
)
def test_dry_run_names_disk_settings_and_tunnel(machine, environ, disk, expected):
    (machine / disk).mkdir(parents=True, exist_ok=True)

    result = start("--dry-run", folder=machine, **environ)

    assert result.returncode == 0, result.stderr
    data = machine / disk / "s2v_nb-data"
    for part in [
        *expected,
        f"HF_HOME={data}/huggingface",
        f"S2V_NB_MODELS={data}/models",
        f"XDG_CACHE_HOME={data}/cache",
    ]:
        assert part in result.stdout
    assert "--config=" in result.stdout
    assert not data.exists()


def test_dry_run_on_an_own_machine_leaves_its_places(machine):
    result = start("--dry-run", folder=machine, PORT="9001")

    assert result.returncode == 0
    assert "HF_HOME=" not in result.stdout
    assert "ssh -L 9001:127.0.0.1:9001 ada@HOST" in result.stdout
    assert list((machine / "home").iterdir()) == []


def test_what_the_user_chose_is_used(machine):
    result = start("--dry-run", folder=machine, MIRROR="1", S2V_NB_DATA="/big", HF_HOME="/mine")

    assert "HF_HOME=/mine\n" in result.stdout
    assert "S2V_NB_MODELS=/big/models\n" in result.stdout
    assert "HF_ENDPOINT=https://hf-mirror.com\n" in result.stdout


def test_a_pod_without_volume_is_warned(machine):
    result = start("--dry-run", folder=machine, RUNPOD_POD_ID="abc")

    assert "no disk that survives a stop" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "environ", "complaint"),
    [
        ((), {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, "paste env/first_cell.ipy into a notebook"),
        (("--now",), {}, "unknown option --now"),
        ((), {"PORT": "80; id"}, "is not a number"),
        (("--dry-run",), {"PYTHON": "python-is-not-here"}, "python-is-not-here was not found"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(machine, arguments, environ, complaint):
    result = start(*arguments, folder=machine, **environ)

    assert result.returncode == 1
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


# --- a real server


def free_port() -> int:
    """Below those that the system hands out: kernels of tests beside these would take one before it is used."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 30_000)))
            return probe.getsockname()[1]


def status(url: str, token: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """(folder, environment, what start.sh said, port, token) of a server that start.sh really started."""
    if Path(sys.prefix) != ROOT / ".venv" or not (ROOT / ".venv/.s2v_nb-set-up").exists():
        pytest.skip("needs the environment that env/setup.sh makes")
    folder = tmp_path_factory.mktemp("machine")
    (folder / "home").mkdir()
    (folder / "workspace").mkdir()
    environ = {"RUNPOD_POD_ID": "abc", "PORT": str(free_port()), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
               "JUPYTER_TOKEN": "", "JUPYTER_CONFIG_DIR": str(folder / "config")}  # fmt: skip
    if chosen := os.environ.get("S2V_NB_MODELS"):
        environ["S2V_NB_MODELS"] = chosen
    result = start(folder=folder, **environ)
    try:
        found = re.search(r"(http://127\.0\.0\.1:(\d+)/)lab/tree/01_first_video\.ipynb\?token=(\w+)", result.stdout)
        assert found, result.stdout + result.stderr
        yield folder, environ, result, found[1], int(found[2]), found[3]
    finally:
        for file in (folder / "runtime").glob("jpserver-*.json"):
            os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)


def test_the_door_opens_with_the_token_only(server):
    *_, url, _, token = server

    assert len(token) >= 40
    assert status(url + "api/status") == 403
    assert status(url + "api/status", "wrong") == 403
    assert status(url + "api/status", token) == 200
    assert status(url + "api/terminals", token) == 200


def test_it_listens_on_loopback_only(server):
    """Linux lists listening sockets as hexadecimal address:port, state 0A."""
    *_, port, _ = server
    listening = []
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in Path("/proc/net", table).read_text().splitlines()[1:]]
        listening += [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]

    assert listening == [f"0100007F:{port:04X}"]


def test_it_says_how_to_get_there(server):
    _, environ, result, _, port, _ = server

    assert port == int(environ["PORT"])
    assert f"ssh -p PORT -L {port}:127.0.0.1:{port} root@HOST" in result.stdout
    assert "Terminate the pod" in result.stdout


def test_everything_is_on_the_disk_that_survives(server):
    folder, *_ = server
    data = folder / "workspace/s2v_nb-data"

    assert (data / "huggingface").is_dir()
    assert (data / "cache/s2v_nb/jupyter.log").stat().st_mode & 0o077 == 0  # it holds the token


def test_the_container_would_call_it_healthy(server):
    *_, port, _ = server
    probe = json.loads(re.search(r"\[.*\]", of("HEALTHCHECK")[0])[0])

    code = probe[2].replace(":8888/", f":{port}/")

    subprocess.run([sys.executable, "-c", code], check=True)
    dead = subprocess.run([sys.executable, "-c", code.replace(f":{port}/", f":{free_port()}/")], capture_output=True)
    assert dead.returncode != 0


def test_the_page_does_not_ask_about_news(server):
    """The popup of JupyterLab's announcements plugin; the setting for its feed alone does not silence it."""
    *_, url, _, token = server
    with urllib.request.urlopen(f"{url}lab?token={token}", timeout=20) as answer:
        page = answer.read().decode()

    config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])

    assert config["disabledExtensions"].count("@jupyterlab/apputils-extension:announcements") == 1


def test_a_message_of_twenty_megabytes_reaches_the_kernel(server):
    """tornado's own limit is 10 MiB: beyond it the connection is cut without a word."""
    *_, url, _, token = server
    request = urllib.request.Request(url + "api/kernels", data=b"{}", headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        kernel = json.load(answer)["id"]
    channel = f"{url.replace('http', 'ws')}api/kernels/{kernel}/channels?token={token}"

    assert asyncio.run(asyncio.wait_for(printed(channel, "x" * 20_000_000), 120)) == "here\n"


async def printed(address: str, load: str) -> str:
    """What the kernel prints when it is asked to in a message that carries ``load`` as well."""
    message = {
        "header": {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "", "version": "5.3"},
        "parent_header": {},
        "metadata": {"load": load},
        "content": {"code": "print('here')", "silent": False},
        "channel": "shell",
    }
    channel = await websocket_connect(address)
    await channel.write_message(json.dumps(message))
    while (answer := await channel.read_message()) is not None:
        said = json.loads(answer)
        if said["msg_type"] == "stream":
            channel.close()
            return said["content"]["text"]
    return "cut"


def test_a_second_start_finds_the_first(server):
    folder, environ, first, *_ = server

    again = start(folder=folder, **environ)

    assert again.returncode == 0
    assert again.stdout.splitlines()[-2:] == first.stdout.splitlines()[-2:]
    assert len(list((folder / "runtime").glob("jpserver-*.json"))) == 1


def test_it_stops_when_asked(server):
    """Last: the server of this module is gone after it."""
    folder, environ, _, url, *_ = server

    result = start("--stop", folder=folder, **environ)

    assert "stopped the server" in result.stdout
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url + "api", timeout=2).close()
        except OSError:
            break
        time.sleep(0.2)
    else:
        pytest.fail("it still answers")
    assert "no server of these notebooks" in start("--stop", folder=folder, **environ).stdout
