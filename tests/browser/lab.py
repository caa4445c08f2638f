"""Driving a real JupyterLab and Voilà in a real browser.

How to use it::

    def test_panel(page, lab):                             # fixtures of conftest.py: page, lab, voila, watch
        write_notebook(lab.folder, "panel.ipynb", ["from s2v_nb import *", "panel()"])
        open_notebook(page, lab, "panel.ipynb")            # returns when the kernel is idle
        run_all(page)                                      # or run_cell(page, 1); a cell's error is raised here
        expect(page.get_by_role("button", name="Generate")).to_be_visible()
        assert kernel_eval(lab, "print(1 + 1)") == "2"     # the kernel of the page, asked from outside
        kernel_memory(lab)                                 # bytes; answers while a cell runs, too
        restart_kernel(page); save_notebook(page); switch_theme(page, dark=True); shot(page, "panel")

``page`` fails its test on errors that nobody caught in the page and on any request that leaves this machine, keeps a
picture and the console of a failed test in `artefacts()`, and ends the test's kernels. The report of a failed test has
what our panels said, how the work in its ``folder`` stood, and the log. Waits are WAIT seconds, those of
`expect` too. Voilà: ``write_notebook(voila.folder, ...)``, ``open_voila(page, voila, name)``, ``kernel_memory(voila)``;
it runs no code that is sent from outside, so there is no `kernel_eval`.

Playwright's `evaluate` and `wait_for_function` count as a gesture of the user, after which sound may start. What shall
start without a gesture has to be muted, or has to be looked at with `expect` first.
"""

import itertools
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
import websocket

WAIT = 60.0  # seconds; a loaded machine of two cores needs most of it now and then
REPOSITORY = Path(__file__).resolve().parents[2]
THEMES = {False: "JupyterLab Light", True: "JupyterLab Dark"}

_NOTEBOOK = "window.jupyterapp.shell.currentWidget"  # the panel in front, as JupyterLab's own commands see it
_tickets = itertools.count()


# --- servers


@dataclass
class Server:
    """A running JupyterLab or Voilà that shows the notebooks in ``folder``."""

    url: str
    token: str
    folder: Path
    settings: Path
    log: Path
    process: subprocess.Popen = field(repr=False)

    def address(self, path: str, **query: str) -> str:
        """The full address of ``path``, token included."""
        return f"{self.url}/{urllib.parse.quote(path)}?{urllib.parse.urlencode({'token': self.token, **query})}"

    @property
    def work_log(self) -> Path:
        """The log of all kernels and workers, with tracebacks."""
        return self.settings.parent / "cache" / "s2v_nb" / "s2v-nb.log"

    def api(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask the server's REST API; the answer's JSON, or None where it has no body."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def stop(self) -> None:
        """End the server and every kernel it started."""
        try:
            family = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for process in psutil.wait_procs(family, timeout=5)[1]:
            process.kill()


def start_lab(base: Path, log: Path) -> Server:
    """JupyterLab as a stranger finds it: its own folders below ``base``, no settings but ours, token on."""
    token, port = uuid.uuid4().hex, free_port()
    server = _start(
        base, log, token, port, ["jupyterlab", "--no-browser", "--allow-root", "--LabApp.expose_app_in_browser=True"]
    )
    save_setting(
        server, "@jupyterlab/apputils-extension:notification", {"fetchNews": "false", "checkForUpdates": False}
    )
    _wait_for_answer(server, f"{server.url}/api/status?token={token}")
    return server


def start_voila(base: Path, log: Path) -> Server:
    """Voilà on every notebook in ``base/root``, with a token; what a cell raises is shown on the page."""
    token, port = uuid.uuid4().hex, free_port()
    server = _start(base, log, token, port, ["voila", "--no-browser", "--show_tracebacks=True"])
    _wait_for_answer(server, server.address(""))
    return server


def _start(base: Path, log: Path, token: str, port: int, command: Sequence[str]) -> Server:
    root = base / "root"
    root.mkdir(parents=True)
    module, *options = command
    if module == "voila":
        options = [str(root), *options, "--Voila.ip=127.0.0.1", f"--port={port}", f"--token={token}"]
    else:
        options += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
        options += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            env=_environment(base), cwd=root, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is pytest's, which stops the server in order
        )  # fmt: skip
    return Server(f"http://127.0.0.1:{port}", token, root, base / "settings", log, process)


def _environment(base: Path) -> dict[str, str]:
    """Folders of its own for all that Jupyter keeps; the kernel is that of the Python that runs the tests."""
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "XDG_CACHE_HOME": "cache",
    }
    environment = {**os.environ, **{name: str(base / folder) for name, folder in own.items()}}
    environment["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    environment["S2V_NB_WORKER_IDLE"] = "20"  # seconds; no worker outlives the tests for long
    environment["S2V_NB_MODELS"] = os.environ["S2V_NB_MODELS"]  # set by tests/conftest.py
    environment.pop("MPLBACKEND", None)  # as in a notebook: plots inline
    return environment


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_answer(server: Server, address: str) -> None:
    end = time.monotonic() + 2 * WAIT
    while time.monotonic() < end and server.process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    server.stop()
    raise RuntimeError(f"no server at {server.url}; its log ends:\n{server.log.read_text(errors='replace')[-3000:]}")


def save_setting(lab: Server, plugin: str, values: dict[str, Any]) -> None:
    """Store a JupyterLab setting as the settings editor does; pages that are loaded afterwards follow it.

    plugin: '@jupyterlab/apputils-extension:themes'
    """
    package, name = plugin.split(":")
    file = lab.settings / package / f"{name}.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(values))


# --- notebooks


def write_notebook(folder: Path, name: str, cells: Sequence[str]) -> Path:
    """A notebook of code cells, as JupyterLab would have written it; a cell that starts with '# %% md' is markdown."""
    made = []
    for source in cells:
        head, _, rest = source.partition("\n")
        markdown = head.strip() == "# %% md"
        made.append(nbformat.v4.new_markdown_cell(rest) if markdown else nbformat.v4.new_code_cell(source))
    notebook = nbformat.v4.new_notebook(cells=made)
    # without a kernelspec JupyterLab asks which kernel to take, and waits
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def open_notebook(page, lab: Server, name: str) -> None:
    """Show a notebook alone in a fresh workspace, and wait until its kernel is idle."""
    page.goto(lab.address(f"lab/tree/{name}", reset=""), timeout=WAIT * 1000)
    _wait_ready(page, name)


def _wait_ready(page, name: str) -> None:
    """Until the notebook is in front with an idle kernel."""
    shown = f"{_NOTEBOOK}?.context?.path === {json.dumps(name)} && {_NOTEBOOK}.context.isReady"
    _wait(page, f"window.jupyterapp && {shown}")
    wait_idle(page)


def open_voila(page, voila: Server, name: str) -> None:
    """Show a notebook in Voilà, and wait until every cell has run and the page is there."""
    page.goto(voila.address(f"voila/render/{name}"), timeout=2 * WAIT * 1000)
    page.locator("#rendered_cells").wait_for(timeout=WAIT * 1000)
    page.locator("#loading").wait_for(state="hidden", timeout=WAIT * 1000)


def wait_idle(page, timeout: float = WAIT) -> None:
    """Wait until the kernel of the notebook in front is idle."""
    context = f"{_NOTEBOOK}?.sessionContext"
    _wait(page, f"{context}?.isReady && {context}.session?.kernel?.status === 'idle'", timeout)


def command(page, name: str, timeout: float = WAIT, **arguments: Any) -> None:
    """Run a JupyterLab command, such as 'application:toggle-left-area', and wait for its end."""
    ticket = f"ticket{next(_tickets)}"
    # not awaited inside the page: an evaluation has no time limit of its own
    page.evaluate(
        """([name, given, ticket]) => {
            const done = (window.s2vDone ??= {});
            window.jupyterapp.commands.execute(name, given).then(
                () => { done[ticket] = 'done'; }, error => { done[ticket] = String(error); });
        }""",
        [name, arguments, ticket],
    )
    _wait(page, f"window.s2vDone[{json.dumps(ticket)}]", timeout)
    assert (said := page.evaluate(f"window.s2vDone[{json.dumps(ticket)}]")) == "done", f"{name}: {said}"


def run_all(page, timeout: float = WAIT, *, errors: bool = False) -> None:
    """Run every cell and wait for the last; AssertionError with the traceback if one raised, unless ``errors``."""
    command(page, "notebook:run-all-cells", timeout)
    _finish(page, timeout, errors)


def run_cell(page, i: int, timeout: float = WAIT, *, errors: bool = False) -> None:
    """Run cell ``i``, counted from 0, and wait for it."""
    page.evaluate(f"{_NOTEBOOK}.content.deselectAll(); {_NOTEBOOK}.content.activeCellIndex = {int(i)}")
    command(page, "notebook:run-cell", timeout)
    _finish(page, timeout, errors)


def _finish(page, timeout: float, errors: bool) -> None:
    wait_idle(page, timeout)
    if not errors and (found := cell_errors(page)):
        raise AssertionError("\n\n".join(found))


def cell_errors(page) -> list[str]:
    """The tracebacks that the notebook shows, without colours."""
    found = page.evaluate(
        f"{_NOTEBOOK}.model.toJSON().cells.flatMap(cell => cell.outputs ?? [])"
        ".filter(output => output.output_type === 'error').map(output => output.traceback.join('\\n'))"
    )
    return [re.sub(r"\x1b\[[0-9;]*m", "", text) for text in found]


def start_cell(page, i: int) -> None:
    """Run cell ``i`` without waiting for its end, for what must happen while it runs."""
    page.evaluate(
        f"{_NOTEBOOK}.content.deselectAll(); {_NOTEBOOK}.content.activeCellIndex = {int(i)};"
        "window.jupyterapp.commands.execute('notebook:run-cell'); undefined"
    )


def cell(page, i: int):
    """Locator of cell ``i`` of the notebook in front, its outputs included."""
    return page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-windowed-list-index='{int(i)}']")


def restart_kernel(page) -> None:
    """Restart the kernel; outputs stay on the page, and widgets in them are without a kernel then."""
    page.evaluate(
        f"window.s2vRestarted = false; {_NOTEBOOK}.sessionContext.session.kernel.restart()"
        ".then(() => { window.s2vRestarted = true; }); undefined"
    )
    _wait(page, "window.s2vRestarted")
    wait_idle(page)


def save_notebook(page) -> None:
    """Save the notebook with its outputs, as Ctrl-S does."""
    command(page, "docmanager:save")
    _wait(page, f"!{_NOTEBOOK}.model.dirty")


def set_theme(page, lab: Server, dark: bool = True) -> None:
    """Choose the theme of pages loaded from now on; a page that shows JupyterLab is loaded again."""
    save_setting(lab, "@jupyterlab/apputils-extension:themes", {"theme": THEMES[dark]})
    if page.url.startswith(lab.url):
        page.reload()


def switch_theme(page, dark: bool = True) -> None:
    """Change the theme while the page is open, as the Settings menu does."""
    command(page, "apputils:change-theme", theme=THEMES[dark])
    _wait(page, f"document.body.dataset.jpThemeName === {json.dumps(THEMES[dark])}")


def set_size(page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})


def shot(page, name: str) -> Path:
    """Keep a picture of the page in the artefacts folder."""
    path = artefacts() / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name).removesuffix('.png')}.png"
    page.screenshot(path=path, timeout=WAIT * 1000)
    return path


def artefacts() -> Path:
    """Where pictures and logs go: ``$S2V_NB_ARTEFACTS``, by default build/browser in the repository."""
    folder = Path(os.environ.get("S2V_NB_ARTEFACTS") or REPOSITORY / "build" / "browser")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def brightness(page, selector: str) -> float:
    """Mean of red, green and blue, 0 to 1, of the background that one sees behind the first ``selector``."""
    colour = page.locator(selector).first.evaluate(
        """element => {
            for (let at = element; at; at = at.parentElement) {
                const colour = getComputedStyle(at).backgroundColor;
                if (!/, 0\\)$/.test(colour)) return colour;
            }
            return 'rgb(255, 255, 255)';
        }"""
    )
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3 / 255


def _wait(page, expression: str, timeout: float = WAIT) -> None:
    page.wait_for_function(f"() => Boolean({expression})", timeout=timeout * 1000)


# --- the kernel, asked from outside


def kernels(server: Server) -> dict[str, psutil.Process]:
    """The kernels that the server runs, by their id, as the system's table of processes has them."""
    found = {}
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if match := re.search(r"kernel-([0-9a-f-]{36})\.json", " ".join(process.cmdline())):
                found[match[1]] = process
    return found


def kernel_id(server: Server, name: str | None = None) -> str:
    """The kernel of JupyterLab's notebook ``name``, by default the only kernel that runs."""
    if name is None:
        found = list(kernels(server))
    else:
        found = [session["kernel"]["id"] for session in server.api("sessions") if session["path"] == name]
    assert len(found) == 1, f"{len(found)} kernels for {name or 'any notebook'}"
    return found[0]


def kernel_eval(lab: Server, code: str, name: str | None = None, timeout: float = WAIT) -> str:
    """Run ``code`` in the notebook's kernel, beside the page; what it printed, stripped.

    It waits for the cell that runs, as a second cell would. AssertionError with the traceback if it raises,
    TimeoutError if there is no answer within ``timeout`` seconds.
    """
    kernel = kernel_id(lab, name)
    session, message = uuid.uuid4().hex, uuid.uuid4().hex
    address = f"{lab.url.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels?session_id={session}"
    header = {"msg_id": message, "msg_type": "execute_request", "session": session, "username": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket_ = websocket.create_connection(address, timeout=timeout, header=[f"Authorization: token {lab.token}"])
    try:
        socket_.send(json.dumps(request))
        return _printed(socket_, message, timeout)
    except websocket.WebSocketTimeoutException as error:
        raise TimeoutError(f"no answer from the kernel within {timeout:g} s") from error
    finally:
        socket_.close()


def _printed(socket_: websocket.WebSocket, message: str, timeout: float) -> str:
    """What the request printed: read until both its reply and its idle status have come, in whichever order."""
    printed, missing = [], {"execute_reply", "idle"}
    end = time.monotonic() + timeout
    while missing:
        if (left := end - time.monotonic()) <= 0:
            raise websocket.WebSocketTimeoutException
        socket_.settimeout(left)
        # the server's pings are returned, too: waiting for data alone would begin its time anew at each of them
        kind, frame = socket_.recv_data_frame(control_frame=True)
        if kind != websocket.ABNF.OPCODE_TEXT:
            continue  # messages with buffers are other people's
        answer = json.loads(frame.data)
        if answer["parent_header"].get("msg_id") != message:
            continue
        kind, content = answer["msg_type"], answer["content"]
        if kind == "stream" and content["name"] == "stdout":
            printed.append(content["text"])
        elif kind == "error":
            raise AssertionError("\n".join(re.sub(r"\x1b\[[0-9;]*m", "", line) for line in content["traceback"]))
        missing -= {kind, content.get("execution_state")}
    return "".join(printed).strip()


def kernel_process(server: Server, name: str | None = None) -> psutil.Process:
    """The kernel's process, for its memory and CPU time while it works."""
    return kernels(server)[kernel_id(server, name)]


def kernel_memory(server: Server, name: str | None = None) -> int:
    """Resident bytes of the notebook's kernel, measured from outside, so a busy kernel can be measured."""
    return kernel_process(server, name).memory_info().rss


def shut_kernels(server: Server) -> None:
    """End all kernels, so that the next test starts without the memory and the load of this one."""
    running = kernels(server)
    for kernel in running:
        try:
            server.api(f"kernels/{kernel}", "DELETE")
        except urllib.error.HTTPError as error:  # Voilà ends kernels by itself when their page is gone
            error.close()
    _, alive = psutil.wait_procs(list(running.values()), timeout=WAIT)
    assert not alive, f"kernels that would not end: {alive}"


# --- what a person does in the studio


def open_studio(page, lab: Server, name: str, code: str = "from s2v_nb import studio; studio()") -> None:
    """A fresh notebook with one cell, run; the folder of ``name`` is that of the studio."""
    write_notebook(lab.folder, name, [code])
    open_notebook(page, lab, name)
    run_all(page, 2 * WAIT)
    page.locator(".s2v-generate").first.wait_for()


def reload_notebook(page, name: str) -> None:
    """Load the page again as the browser's button does, whatever was not saved, and wait for the notebook."""
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload(timeout=WAIT * 1000)
    _wait_ready(page, name)


def choose_file(page, button, *paths: Path) -> None:
    """Click a button that opens the system's dialog, and choose files in it."""
    with page.expect_file_chooser() as opened:
        button.click()
    opened.value.set_files(list(paths))


def wait_until(asked: Callable[[], Any], what: str, timeout: float = WAIT) -> Any:
    """Ask again and again until the answer is true; the answer."""
    end = time.monotonic() + timeout
    while not (answer := asked()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        time.sleep(0.1)
    return answer


def panel_texts(page) -> list[str]:
    """What each of our panels that lies in no other shows."""
    return page.evaluate(
        "[...document.querySelectorAll('.s2v')].filter(node => !node.parentElement.closest('.s2v'))"
        ".map(node => node.innerText)"
    )


def how_work_stands(runs: Path) -> str:
    """The ends of all that tells of tasks, and of cells of sweeps, the oldest task first."""
    files = [*sorted((runs / "tasks").glob("*/*.json")), *sorted(runs.glob("*/attempts.json"))]
    files += sorted(runs.glob("*/claim.json"))
    lines = [f"{file.relative_to(runs)}: {' '.join(tail(file, 1000).split())}" for file in files]
    return "\n".join([*lines, f"worker.log: {tail(runs / 'tasks' / 'worker.log', 3000)}"])


def tail(file: Path, most: int) -> str:
    """The last characters of a text file; of one that is not there, why."""
    try:
        return file.read_text(errors="replace")[-most:]
    except OSError as error:
        return str(error.strerror)


_VISIBLE = """
    const seen = (node) => {
        const box = node.getBoundingClientRect();
        const style = getComputedStyle(node);
        return box.width > 1 && box.height > 1 && style.visibility !== 'hidden' && style.opacity !== '0'
            && !node.closest('[aria-hidden=true]');
    };
"""


def faint_texts(page, root: str) -> list[str]:
    """Visible texts below ``root`` with less contrast than WCAG 2 AA asks for, each with its contrast and colours.

    What is disabled is exempt, as it is there.
    """
    return page.evaluate(
        """(root) => {"""
        + _VISIBLE
        + """
        const channels = (text) => {
            const found = text.match(/[\\d.]+/g).map(Number);
            const scale = text.startsWith('color(') ? 255 : 1;
            return [...found.slice(0, 3).map((part) => part * scale), found[3] ?? 1];
        };
        const over = ([r, g, b, a], below) => [r, g, b].map((part, k) => a * part + (1 - a) * below[k]);
        const ground = (node) => {
            const above = [];
            for (let at = node; at; at = at.parentElement) {
                const style = getComputedStyle(at);
                above.push([channels(style.backgroundColor), Number(style.opacity)]);
                if (above.at(-1)[0][3] === 1) break;
            }
            return above.reverse().reduce((below, [colour]) => over(colour, below), [255, 255, 255]);
        };
        const opacity = (node) => node ? Number(getComputedStyle(node).opacity) * opacity(node.parentElement) : 1;
        const light = (colour) => {
            const [r, g, b] = colour.map((part) => part / 255)
                .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const disabled = (node) => node.closest(':disabled, [aria-disabled=true], .jp-mod-disabled');
        const faint = [];
        for (const node of document.querySelectorAll(`${root} *`)) {
            const own = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data.trim());
            const typed = node.matches('input, textarea') ? node.value || node.placeholder : '';
            const text = own.join(' ').trim() || typed;
            if (!text || !seen(node) || disabled(node) || node.matches('style, script, option')) continue;
            const style = getComputedStyle(node);
            const below = ground(node);
            const colour = channels(style.color);
            const shown = over([...colour.slice(0, 3), colour[3] * opacity(node)], below);
            const [low, high] = [light(shown), light(below)].sort((a, b) => a - b);
            const contrast = (high + 0.05) / (low + 0.05);
            const size = parseFloat(style.fontSize);
            const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
            if (contrast < (large ? 3 : 4.5))
                faint.push(`${contrast.toFixed(2)} ${style.color} on ${below.map(Math.round)}: ${text.slice(0, 50)}`);
        }
        return faint;
    }""",
        root,
    )


def nameless(page, root: str) -> list[str]:
    """What below ``root`` can be operated and tells no screen reader what it is, as Chromium computes names."""
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    session.send("DOM.enable")
    document = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    found = session.send("DOM.querySelectorAll", {"nodeId": document, "selector": f"{root} :is({_OPERATED})"})
    bad = []
    for node in found["nodeIds"]:
        [seen] = session.send("Accessibility.getPartialAXTree", {"nodeId": node, "fetchRelatives": False})["nodes"]
        if not seen.get("ignored") and not seen.get("name", {}).get("value", "").strip():
            html = session.send("DOM.getOuterHTML", {"nodeId": node})["outerHTML"]
            bad.append(f"{seen['role']['value']}: {html[:160]}")
    session.detach()
    return bad


_OPERATED = "button, select, textarea, input, summary, video, [role=slider], [role=button], [role=tab], [tabindex='0']"
