"""A real browser, JupyterLab and Voilà, started once for this folder and gone before the tests of other folders."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page, expect, sync_playwright

from tests.browser.lab import (
    WAIT,
    Server,
    artefacts,
    how_work_stands,
    panel_texts,
    shot,
    shut_kernels,
    start_lab,
    start_voila,
    tail,
)

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
).split()  # autoplay stays as a musician's browser has it
# every other name is unknown at once: no look-up leaves this machine, and none is waited for
ARGUMENTS.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
# Voilà's own page template asks for two style sheets of icons, whatever the notebook shows
VOILA_ASKS_FOR = "https://cdn.jsdelivr.net/npm/@fortawesome/fontawesome-free@"
SIZE = {"width": 1440, "height": 1000}
HERE = {"127.0.0.1", "localhost", "::1"}
expect.set_options(timeout=WAIT * 1000)
_REPORT = pytest.StashKey[pytest.TestReport]()


def system_browser() -> str | None:
    """Debian's Chromium or Chrome, or None."""
    places = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
    return next((found for found in map(shutil.which, places) if found), None)


@dataclass
class Watch:
    """What a page did: errors that nobody caught, lines of its console, requests that left this machine."""

    errors: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    excused: tuple[str, ...] = ()

    @property
    def outside(self) -> list[str]:
        return [address for address in self.requests if _leaves(address) and not address.startswith(self.excused)]

    def forget(self) -> None:
        """Excuse what happened so far, for a test that provokes it."""
        self.errors.clear()
        self.requests.clear()

    def uncaught(self, error: str) -> None:
        """Take note of an error, unless it is JupyterLab's own alone.

        A timer of its removes the splash screen; on a busy machine two of them do, and the second finds none. Our own
        code would stand in the stack, which has that timer's function and no other.
        """
        frames = error.split("\n    at ")[1:]
        is_splash = "'removeChild'" in error and len(frames) == 1 and "/static/lab/jlab_core." in frames[0]
        (self.console if is_splash else self.errors).append(error)

    def follow(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.uncaught(f"{error.name}: {error.message}\n{error.stack or ''}"))
        page.on("console", lambda line: self.console.append(f"{line.type}: {line.text}"))
        page.on("websocket", lambda opened: self.requests.append(opened.url))
        page.on("request", lambda request: self.requests.append(request.url))


def _leaves(address: str) -> bool:
    parts = urlsplit(address.removeprefix("blob:"))
    return parts.scheme in ("http", "https", "ws", "wss", "ftp") and parts.hostname not in HERE


# The servers and the browser live as long as this folder's tests: playwright's loop would be in the way of others'.


@pytest.fixture(scope="package")
def browser():
    """Debian's Chromium or Chrome, else the browser that playwright has fetched, else these tests are skipped."""
    # tests/conftest.py moves the cache folder, where playwright would look
    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(Path.home() / ".cache" / "ms-playwright"))
    with sync_playwright() as playwright:
        executable = system_browser()
        if executable is None and not Path(playwright.chromium.executable_path).is_file():
            pytest.skip("needs Chromium: as root `env/browser.sh` installs Debian's")
        launched = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS, timeout=2 * WAIT * 1000)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def lab(browser, tmp_path_factory) -> Iterator[Server]:
    server = start_lab(tmp_path_factory.mktemp("lab"), artefacts() / "lab.log")
    yield server
    server.stop()


@pytest.fixture(scope="package")
def voila(browser, tmp_path_factory) -> Iterator[Server]:
    server = start_voila(tmp_path_factory.mktemp("voila"), artefacts() / "voila.log")
    yield server
    server.stop()


@pytest.fixture
def watch(request) -> Watch:
    """What the test's page did so far."""
    return Watch(excused=(VOILA_ASKS_FOR,) if "voila" in request.fixturenames else ())


@pytest.fixture
def page(browser, watch, request) -> Iterator[Page]:
    """A page of the test's own; its kernels are gone after it."""
    with _opened(browser, watch) as page:
        yield page
        _look_back(page, watch, request.node)
    for name in {"lab", "voila"} & set(request.fixturenames):
        shut_kernels(request.getfixturevalue(name))
    _judge(watch)


@pytest.fixture(scope="module")
def lasting(browser, lab) -> Iterator[tuple[Page, Watch]]:
    """One page and one kernel for the tests of a module: for `same_page`."""
    watch = Watch()
    with _opened(browser, watch) as page:
        yield page, watch
    shut_kernels(lab)


@pytest.fixture
def same_page(lasting, request) -> Iterator[Page]:
    """The module's page as the test before left it, for tests that run their notebook anew: opening takes seconds."""
    page, watch = lasting
    watch.forget()
    yield page
    _look_back(page, watch, request.node)
    _judge(watch)


@contextmanager
def _opened(browser, watch: Watch) -> Iterator[Page]:
    context = browser.new_context(viewport=SIZE, locale="en-US", reduced_motion="no-preference")
    context.set_default_timeout(WAIT * 1000)
    page = context.new_page()
    watch.follow(page)
    yield page
    context.close()


def _look_back(page: Page, watch: Watch, node: pytest.Item) -> None:
    """Keep what the page shows if something was wrong with it."""
    report = node.stash.get(_REPORT, None)
    if report is None or report.failed or watch.errors or watch.outside:
        _keep(page, watch, node.name)


def _judge(watch: Watch) -> None:
    assert not watch.errors, "uncaught in the page:\n" + "\n".join(watch.errors)
    assert not watch.outside, "requests that left this machine:\n" + "\n".join(watch.outside)


def _keep(page: Page, watch: Watch, name: str) -> None:
    """A picture and the console of a page whose test failed."""
    try:
        path = shot(page, name)
        path.with_suffix(".console.txt").write_text("\n".join([*watch.errors, *watch.console]))
    except Error as error:  # a crashed page has no picture; the test's own failure is what counts
        print(f"no picture: {error}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
        if report.failed:
            report.sections += told(item.funcargs)
    return report


def told(things: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a failed test's page said, how the work in its ``folder`` stood, and the log; for the test's report."""
    sections = []
    if isinstance(page := things.get("page"), Page):
        with suppress(Error):  # a crashed page says nothing
            sections.append(("what our panels said", "\n\n".join(panel_texts(page))))
    if isinstance(folder := things.get("folder"), Path):
        sections.append(("how the work stood", how_work_stands(folder / "runs")))
    for name in ("lab", "voila"):
        if isinstance(server := things.get(name), Server):
            sections.append((f"the log of {name}'s kernels and workers", tail(server.work_log, 8000)))
    return sections
