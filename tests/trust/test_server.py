"""The server of `make lab`: this machine only, behind its token, and no address leads out of the notebooks' folder."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.lab import free_port

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "env/jupyter_server_config.py"
SECRET = "a-secret-outside-the-folder"


@dataclass
class Lab:
    folder: Path  # what the server serves
    port: int
    token: str
    process: subprocess.Popen

    def get(self, path: str, *, token: str | None = None, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """The path goes out as it is, neither tidied nor encoded, as a hostile page would send it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            known = self.token if token is None else token
            sent = {"Authorization": f"token {known}"} if known else {}
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in {**sent, **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    """As ``make lab`` starts it, on a copy of the first notebook; nothing opens a browser here."""
    base = tmp_path_factory.mktemp("served")
    folder = base / "work" / "notebooks"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "notebooks/01_first_video.ipynb", folder)
    (folder / "inside.txt").write_text("inside")
    for place in (base, base / "work", folder / ".hidden"):
        place.mkdir(exist_ok=True)
        (place / "secret.txt").write_text(SECRET)
    (base / "work" / "notebooks-2").mkdir()  # a name that begins like the folder's
    (base / "work" / "notebooks-2" / "secret.txt").write_text(SECRET)
    places = "CONFIG_DIR DATA_DIR RUNTIME_DIR LAB_SETTINGS_DIR LAB_WORKSPACES_DIR".split()
    own = {f"JUPYTER{'' if name.startswith('LAB') else '_'}{name}": str(base / "jupyter" / name) for name in places}
    port = free_port()
    environment = {**os.environ, **own, "BROWSER": "true", "JUPYTER_PORT": str(port)}
    environment.pop("JUPYTER_TOKEN", None)
    log = base / "lab.log"
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "s2v_nb", "lab", str(folder / "01_first_video.ipynb")]
        silent = {"stdin": subprocess.DEVNULL, "stdout": sink, "stderr": sink}
        process = subprocess.Popen(command, env=environment, cwd=base, start_new_session=True, **silent)
    try:
        found = None
        began = time.monotonic()
        while found is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() - began < 120, log.read_text()
            time.sleep(0.1)
            found = re.search(r"http://127\.0\.0\.1:(\d+)/lab\S*\?token=(\w+)", log.read_text())
        lab = Lab(folder, int(found[1]), found[2], process)
        answered = False
        while not answered:  # it prints its address before it listens
            with suppress(OSError):
                answered = lab.get("/api/status")[0] == 200
            assert time.monotonic() - began < 120, log.read_text()
        yield lab
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_make_lab_starts_it_that_way():
    text = (ROOT / "Makefile").read_text()

    assert "\nlab: setup\n\t@$(BIN)/s2v-nb lab $(NOTEBOOK)\n" in text


def test_it_listens_on_loopback_alone(lab):
    """Linux lists listening sockets as hexadecimal address:port, state 0A; kernels' own are on loopback, too."""
    listening = []
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in Path("/proc/net", table).read_text().splitlines()[1:]]
        listening += [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{lab.port:04X}")]

    assert listening == [f"0100007F:{lab.port:04X}"]


@pytest.mark.parametrize(
    "path", ["/api/contents", "/api/kernels", "/api/terminals", "/api/sessions", "/files/inside.txt", "/api/config/x"]
)
def test_without_the_token_there_is_nothing(lab, path):
    assert len(lab.token) >= 40
    for wrong in ("", "wrong", lab.token[:-1]):
        status, content = lab.get(path, token=wrong)
        assert status in (302, 403)
        assert b"inside" not in content.replace(b"inside.txt", b"")


def test_neither_kernel_nor_terminal_without_the_token(lab):
    for path in ("/api/kernels", "/api/terminals"):
        assert lab.get(path, token="", method="POST", **{"Content-Length": "0"})[0] == 403
    assert json.loads(lab.get("/api/kernels")[1]) == []


def test_a_page_of_another_site_is_refused(lab):
    """It may know the address, and the browser would send the cookie with its requests."""
    status, _ = lab.get(
        "/api/kernels", token="", method="POST", Origin="http://evil.example", **{"Content-Length": "0"}
    )
    assert status in (403, 404)
    status, content = lab.get("/api/contents/inside.txt", token="", Origin="http://evil.example")
    assert status in (403, 404)
    assert b"inside" not in content.replace(b"inside.txt", b"")


WAYS_OUT = [
    f"{door}{way}"
    for door in ("/files/", "/api/contents/", "/static/", "/lab/api/", "/nbconvert/html/", "/view/", "/edit/", "/tree/",
                 "/lab/tree/", "/lab/extensions/", "/nbextensions/", "/kernelspecs/", "/files/x/")
    for way in (
        "../secret.txt", "../../secret.txt", "../notebooks-2/secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt", "..%5csecret.txt", "..\\secret.txt", "%252e%252e%252fsecret.txt", "....//secret.txt",
        "./../secret.txt", "inside.txt/../../secret.txt", "%c0%ae%c0%ae/secret.txt", "..;/secret.txt", "/secret.txt",
        "..%00/secret.txt", "{outside}", "/{outside}", "%2f{outside}", "file://{outside}", ".hidden/secret.txt",
    )
]  # fmt: skip


def test_no_address_leads_out_of_the_folder(lab):
    """Dots, encoded once and twice, backslashes, absolute paths, a folder whose name begins alike, a hidden one."""
    outside = str(lab.folder.parent / "secret.txt")
    assert lab.get("/files/inside.txt") == (200, b"inside")
    assert json.loads(lab.get("/api/contents/inside.txt?content=1")[1])["content"] == "inside"

    leaks, broken = [], []
    for way in WAYS_OUT:
        status, content = lab.get(way.format(outside=outside))
        if SECRET.encode() in content:
            leaks.append(way)
        if status >= 500 and "%00" not in way:  # Jupyter's own words for a name that no disk can hold
            broken.append((way, status))

    assert len(WAYS_OUT) > 250
    assert leaks == []
    assert broken == []


@pytest.mark.parametrize("name", ["../made.txt", "..%2fmade.txt", "%2e%2e/made.txt", ".hidden/made.txt"])
def test_nothing_is_written_outside(lab, name):
    body = json.dumps({"type": "file", "format": "text", "content": "made"}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)
    connection.request("PUT", f"/api/contents/{name}", body, {"Authorization": f"token {lab.token}"})
    status = connection.getresponse().status
    connection.close()

    assert status in (400, 403, 404)
    assert not list(lab.folder.parent.rglob("made.txt"))


def test_a_clip_may_not_run_scripts_of_the_server(lab):
    """What /files gives is in a sandbox of its own: an HTML file from a stranger cannot use the cookie."""
    (lab.folder / "page.html").write_text("<script>1</script>")
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)
    connection.request("GET", "/files/page.html", headers={"Authorization": f"token {lab.token}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()

    assert "sandbox allow-scripts" in answer.headers["Content-Security-Policy"]
    assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]


def test_links_out_are_made_by_hand_alone(lab):
    """File links do not follow one. Jupyter's own browser of files does, without a switch, for a person who links her
    folder of songs into the notebooks'; but nothing that a page can do makes one, and no archive is unpacked."""
    (lab.folder / "songs").symlink_to(lab.folder.parent)
    try:
        status, content = lab.get("/files/songs/secret.txt")
        assert status == 403
        assert SECRET.encode() not in content
    finally:
        (lab.folder / "songs").unlink()
    body = json.dumps({"type": "symlink", "target": "/etc"}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)
    connection.request("PUT", "/api/contents/songs", body, {"Authorization": f"token {lab.token}"})
    connection.getresponse().read()
    connection.close()
    assert not (lab.folder / "songs").is_symlink()
    (lab.folder / "songs").unlink(missing_ok=True)
    sources = "".join(path.read_text() for path in (ROOT / "s2v_nb").rglob("*.py"))
    assert "unpack_archive" not in sources
    assert ".extractall(" not in sources


# --- what the settings change

ASK = """
import json, sys
from jupyter_server.serverapp import ServerApp
app = ServerApp()
app.initialize(sys.argv[2:] + ["--ServerApp.root_dir=" + sys.argv[1]], find_extensions=False, new_httpserver=False)
plain = (str, int, float, bool, type(None))
traits = {name: value for name, value in app.trait_values().items() if isinstance(value, plain)}
settings = {str(k): v if isinstance(v, plain) else type(v).__name__ for k, v in app.web_app.settings.items()}
manager = {name: v for name, v in app.contents_manager.trait_values().items() if isinstance(v, plain)}
kind = app.kernel_websocket_connection_class
own = app.config.get(kind.__name__, {})
limits = {name: own.get(name, trait.default_value) for name, trait in kind.class_traits().items()
          if isinstance(trait.default_value, plain)}
print("FOUND" + json.dumps({"server": traits, "tornado": settings, "contents": manager, "channels": limits}))
"""
CHANGES = {  # every run makes its own of these
    "cookie_secret", "token", "_token_set", "login_handler_class", "server_extensions_token", "config_file", "port",
    "started", "config_file_name", "browser_open_file", "browser_open_file_to_run", "info_file",
}  # fmt: skip


def asked(folder: Path, *arguments: str) -> dict[str, dict]:
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder),
        "JUPYTER_TOKEN": "t",
    }
    command = [sys.executable, "-c", ASK, str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout.partition("FOUND")[2])


def test_the_settings_change_what_they_say_and_nothing_else(tmp_path):
    """Compared with a server without them, trait by trait; passwords, origins and the token stay Jupyter's own."""
    usual, ours = asked(tmp_path, "--allow-root"), asked(tmp_path, f"--config={CONFIG}")

    changed = {
        f"{part}.{name}": ours[part].get(name)
        for part in usual
        for name in {*usual[part], *ours[part]} - CHANGES
        if usual[part].get(name) != ours[part].get(name)
    }
    assert changed == {
        "server.ip": "127.0.0.1",
        "tornado.websocket_max_message_size": 512 * 2**20,
        "tornado.page_config_hook": "function",
        "channels.iopub_data_rate_limit": 1e9,
    }
