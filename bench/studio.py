"""How quick the studio is in a real browser: `python bench/studio.py` -> results/studio.json.

The browser, JupyterLab and the helpers are those of the tests (tests/browser).
"""

import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from common import keep
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from s2v_nb.session import cache_folder

os.environ.setdefault("S2V_NB_MODELS", str(cache_folder() / "models"))
from tests.browser import lab as driver
from tests.browser.conftest import ARGUMENTS, system_browser

CELLS = ["import s2v_nb\nfrom s2v_nb import studio", "studio()", "page = studio(); page"]
UPLOAD_BYTES = 60 * 2**20
CLIPS = 5
SLIDES, ASKS = 20, 15
READY = "document.querySelectorAll('.s2v-generate').length > {seen} && document.querySelector('.s2v-upload button')"


def main() -> None:
    with TemporaryDirectory() as scratch, sync_playwright() as playwright:
        server = driver.start_lab(Path(scratch), Path(scratch) / "lab.log")
        browser = playwright.chromium.launch(executable_path=system_browser(), args=ARGUMENTS)
        try:
            page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            page.set_default_timeout(40_000)
            figures = measure(page, server, Path(scratch))
        finally:
            browser.close()
            server.stop()
    for name, values in figures.items():
        print(f"{name}: {values}")
    keep("studio", figures)


def measure(page: Page, server: driver.Server, scratch: Path) -> dict[str, dict]:
    driver.write_notebook(server.folder, "bench.ipynb", CELLS)
    driver.open_notebook(page, server, "bench.ipynb")
    driver.run_cell(page, 0)
    figures = {"cell to usable panels, s": {"first in the kernel": opened(page, 1, 0), "second": opened(page, 2, 1)}}
    figures["60 MiB upload"] = upload(page, server, scratch)
    figures["slider to expected cost, ms"] = slides(page, server)
    figures["empty cell while a clip is made, ms"] = answers(server)
    figures["notebook after five clips, KB"] = {"size": clips(page, server)}
    return figures


def opened(page: Page, cell: int, seen: int) -> float:
    """Seconds from running a cell to its panels."""
    began = time.perf_counter()
    driver.start_cell(page, cell)
    page.wait_for_function(READY.format(seen=seen), polling=20)
    seconds = time.perf_counter() - began
    driver.wait_idle(page)
    return round(seconds, 2)


def upload(page: Page, server: driver.Server, scratch: Path) -> dict:
    """Seconds from choosing a WAV of 60 MiB to the whole file on disk, and what the kernel's memory grew by."""
    song = scratch / "long.wav"
    samples = np.random.default_rng(0).integers(-9000, 9000, (UPLOAD_BYTES // 4, 2), dtype=np.int16)
    soundfile.write(song, samples, 44_100, subtype="PCM_16")
    driver.kernel_eval(server, "page.workspace.listen = lambda: None")  # the file is what is measured, not the ear
    target = server.folder / "uploads" / song.name
    button = page.locator(".s2v-audioupload").last.get_by_role("button", name="Choose a file")
    button.scroll_into_view_if_needed()
    with peak_of(server) as peak:
        before = driver.kernel_memory(server)
        with page.expect_file_chooser() as chooser:
            button.click()
        began = time.perf_counter()
        chooser.value.set_files(song)
        while not (target.exists() and target.stat().st_size == song.stat().st_size):
            page.wait_for_timeout(20)
        seconds = time.perf_counter() - began
        page.wait_for_timeout(500)
    return {
        "MiB": round(song.stat().st_size / 2**20, 1),
        "seconds": round(seconds, 2),
        "kernel memory growth, MB": round((peak[0] - before) / 1e6, 1),
    }


@contextmanager
def peak_of(server: driver.Server) -> Iterator[list[int]]:
    """The kernel's highest memory within the block, in bytes, sampled every 20 ms."""
    peak, done = [0], threading.Event()
    process = driver.kernel_process(server)

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    yield peak
    done.set()
    thread.join()


def slides(page: Page, server: driver.Server) -> dict:
    """Milliseconds from a key on the duration slider to another text of the expected cost."""
    driver.kernel_eval(server, "page.workspace.price_per_hour = 1000.0; page.workspace.change(duration=3.0)")
    handle = page.locator(".s2v-settingspanel .noUi-handle").last
    handle.focus()
    page.evaluate(
        """() => {
            window.times = [];
            const text = () => [...document.querySelectorAll('.s2v-expected')].at(-1).textContent;
            let began = 0, before = text();
            addEventListener('keydown', () => { began = performance.now(); before = text(); }, true);
            new MutationObserver(() => {
                if (began && text() !== before) { window.times.push(performance.now() - began); began = 0; }
            }).observe(document.body, {subtree: true, childList: true, characterData: true});
        }"""
    )
    for index in range(SLIDES):
        page.keyboard.press("ArrowLeft" if index % 2 else "ArrowRight")  # to and fro, so that each changes the cost
        page.wait_for_function(f"window.times.length > {index}")
    times = page.evaluate("window.times")
    return {"median": round(statistics.median(times), 1), "slowest": round(max(times), 1), "count": len(times)}


def answers(server: driver.Server) -> dict:
    """Milliseconds for an empty cell while 15 s of 720p are made, the connection's set-up included."""
    driver.kernel_eval(server, "del page.workspace.listen; page.image = s2v_nb.sample_image('uploads/c.png')")
    driver.kernel_eval(server, "page.audio = s2v_nb.sample_audio('uploads/s.wav')")
    driver.kernel_eval(server, "page.workspace.change(duration=15.0, resolution='720p', prompt='slow zoom in')")
    driver.kernel_eval(server, "page.workspace.generate()")
    driver.wait_until(
        lambda: driver.kernel_eval(server, "print('frames' in page.job.stages)") == "True", "frames", timeout=120
    )
    times = []
    for _ in range(ASKS):
        began = time.perf_counter()
        driver.kernel_eval(server, "")
        times.append(1000 * (time.perf_counter() - began))
    state = driver.kernel_eval(server, "print(page.job.state)")
    if state != "running":
        raise RuntimeError(f"the job was {state} before all answers were timed")
    driver.kernel_eval(server, "page.job.stop(); _ = page.job.wait(20)", timeout=30)
    return {"median": round(statistics.median(times), 1), "slowest": round(max(times), 1), "count": len(times)}


def clips(page: Page, server: driver.Server) -> float:
    """Kilobytes of the notebook after five clips were made and looked at in the page."""
    driver.kernel_eval(server, "page.workspace.preset('quick')")
    for seed in range(CLIPS):
        driver.kernel_eval(server, f"page.workspace.change(seed={seed}, duration=3.0); page.workspace.generate()")
        driver.kernel_eval(server, "_ = page.job.wait(120)", timeout=130)
        driver.wait_until(
            lambda: (
                driver.kernel_eval(server, "print(bool(page.workspace.shown and page.workspace.shown.measured))")
                == "True"
            ),
            "the clip is measured",
            timeout=120,
        )
        page.wait_for_timeout(500)
    driver.save_notebook(page)
    return round((server.folder / "bench.ipynb").stat().st_size / 1000, 1)


if __name__ == "__main__":
    main()
