"""The studio from an empty folder to the saved clip, as a musician uses it: real files, real worker, no shortcuts."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from playwright.sync_api import expect

from s2v_nb.jobs import worker_process
from s2v_nb.jobs.tasks import Task, tasks_in
from s2v_nb.samples import SAMPLE_BARS
from tests.browser.lab import (
    WAIT,
    choose_file,
    kernel_eval,
    open_notebook,
    open_studio,
    reload_notebook,
    restart_kernel,
    run_all,
    save_notebook,
    set_size,
    shot,
    switch_theme,
    wait_until,
)

MAKING = 6 * WAIT  # seconds that a clip may take on a loaded machine
LEAD = 0.02
BAR = 4 * 60 / 112
WAV_BYTES = 60e6
LONG = "workspace.change(resolution='720p', duration=15.0, motion='high')"  # work for long enough to interrupt it
PAGE = "workspace = Out[1].workspace"
WHOLE = ".s2v-waveform-whole"
MIB_FIGURES = re.compile(r"([\d.]+) / (5[7-9]|6\d)\.\d MiB")


@pytest.fixture
def folder(lab, request):
    """An empty folder for one test; its worker ends with it."""
    made = lab.folder / request.node.name
    made.mkdir()
    yield made
    worker_process.end(made / "runs" / "tasks")


@pytest.fixture(scope="module")
def long_song(song, tmp_path_factory) -> Path:
    """The sample again and again, bar after bar: a WAV of 60 MB, six minutes."""
    samples, rate = soundfile.read(song, dtype="int16", always_2d=True)
    turn = np.repeat(samples[: round(SAMPLE_BARS * BAR * rate)], 2 if samples.shape[1] == 1 else 1, axis=1)
    path = tmp_path_factory.mktemp("long") / "six minutes.wav"
    soundfile.write(path, np.tile(turn, (int(WAV_BYTES / turn.nbytes) + 1, 1)), rate, subtype="PCM_16")
    assert path.stat().st_size > WAV_BYTES
    return path


def name_in(folder: Path, notebook: str = "studio.ipynb") -> str:
    return f"{folder.name}/{notebook}"


def asked(lab, expression: str, notebook: str | None = None):
    return json.loads(kernel_eval(lab, f"import json; {PAGE}; print(json.dumps({expression}))", notebook))


def button(page, name: str):
    """The button of this name; its icon is a letter before it."""
    return page.get_by_role("button", name=re.compile(rf"^\W*{name}$"))


def clip_tasks(folder: Path) -> list[Task]:
    return [task for task in tasks_in(folder / "runs" / "tasks") if task.kind == "clip"]


def frames_of(task: Task) -> dict:
    """Where the frames stand: 'done', 'total', 'first'; empty before the first."""
    return task.progress.get("stages", {}).get("frames", {})


def wait_playing(video, timeout: float = WAIT) -> None:
    """Until the video has moved on without anybody's help."""
    expect(video).to_be_visible(timeout=timeout * 1000)
    first = video.evaluate("video => video.currentTime")
    wait_until(lambda: video.evaluate("video => video.currentTime") not in (0, first), "the video moves")
    assert not video.evaluate("video => video.paused")


def use_samples(page) -> None:
    """Press both sample buttons and wait until the song was heard."""
    for card, said in (("imageupload", "sample_cover.png, 1920 x 1280"), ("audioupload", "112.0 BPM")):
        page.locator(f".s2v-{card}").get_by_role("button", name="Use the sample").click()
        expect(page.locator(f".s2v-{card}").get_by_text(re.compile(said))).to_be_visible(timeout=MAKING * 1000)


def see_stages(page) -> list[list[int]]:
    """The percentages of the three stages, as often as they change, until all stand at 100."""
    bars = page.locator(".s2v-progresspanel").get_by_role("progressbar")
    expect(bars).to_have_count(3)
    seen: list[list[int]] = []
    end = time.monotonic() + MAKING
    while (not seen or min(seen[-1]) < 100) and time.monotonic() < end:
        now = bars.evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('aria-valuenow')))")
        if len(now) == 3 and (not seen or now != seen[-1]):
            seen.append(now)
        time.sleep(0.05)
    return seen


def choose_excerpt(page, lab) -> float:
    """Drag the excerpt with the mouse to the middle of the song; the start in seconds that the kernel then has."""
    row = page.locator(WHOLE)
    row.scroll_into_view_if_needed()
    box = row.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], y, steps=10)
    page.mouse.up()
    wait_until(lambda: asked(lab, "workspace.settings.start") is not None, "the start arrives")
    return asked(lab, "workspace.settings.start")


def set_controls(page, lab) -> None:
    """480p and much motion by clicks, three seconds by keys."""
    settings = page.locator(".s2v-settingspanel")
    for name in ("480p", "high"):
        settings.get_by_role("button", name=name).click()
    handle = settings.get_by_role("slider").nth(1)
    handle.focus()
    handle.press("Home")
    expected = {"resolution": "480p", "motion": "high", "duration": 3.0}
    wait_until(lambda: asked(lab, "vars(workspace.settings)").items() >= expected.items(), f"{expected}")


def test_from_an_empty_folder_to_the_saved_clip(folder, page, lab, cover, long_song, tmp_path):
    set_size(page, 1680, 1500)
    open_studio(page, lab, name_in(folder))

    choose_file(page, page.locator(".s2v-imageupload .s2v-upload-browse"), cover)
    expect(page.get_by_text("cover.png, 1920 x 1280 pixels")).to_be_visible()
    choose_file(page, page.locator(".s2v-audioupload .s2v-upload-browse"), long_song)
    expect(page.locator(".s2v-audioupload .s2v-upload-figures")).to_have_text(MIB_FIGURES)
    expect(page.locator(WHOLE)).to_be_visible(timeout=MAKING * 1000)
    assert (folder / "uploads" / long_song.name).read_bytes() == long_song.read_bytes()

    start = choose_excerpt(page, lab)
    downbeats = np.array(asked(lab, "workspace.heard.rhythm.downbeats.tolist()"))
    assert 120 < start < 240
    assert np.abs(downbeats - LEAD - start).min() < 2e-3
    set_controls(page, lab)
    shot(page, "story_wide_light")

    button(page, "Generate").click()
    stages = np.array(see_stages(page))
    assert stages[-1].tolist() == [100, 100, 100]
    assert (np.diff(stages[stages[:, 0].argmax() :], axis=0) >= 0).all()
    assert ((stages[:, 1] > 0) & (stages[:, 1] < 100)).any(), "frames were never seen on their way"

    video = page.locator(".s2v-clippanel video").first
    wait_playing(video)
    assert video.evaluate("v => [v.videoWidth, v.videoHeight, v.muted]") == [854, 480, True]
    button(page, "Sound on").click()
    expect(button(page, "Sound off")).to_be_visible()
    assert not video.evaluate("v => v.muted")
    [clip] = (folder / "runs").glob("*/clip.mp4")
    with page.expect_download() as saving:
        button(page, "Download").click()
    saving.value.save_as(tmp_path / "saved.mp4")
    assert (tmp_path / "saved.mp4").read_bytes() == clip.read_bytes()

    look_at_plots(page)
    expect(page.locator(".s2v-gallery-show")).to_have_count(1)
    expect(page.locator(".s2v-gallery-show")).to_contain_text("motion high, 3 s, 854x480")
    shot(page, "story_done")
    switch_theme(page, dark=True)
    page.get_by_role("tab", name="Clip").click()
    page.wait_for_timeout(500)  # colours fade over
    shot(page, "story_wide_dark")
    switch_theme(page, dark=False)

    save_notebook(page)
    assert (folder / "studio.ipynb").stat().st_size < 100_000


def look_at_plots(page) -> None:
    """Each plot in its tab, once it was measured and drawn."""
    for name in ("Beats", "Alignment"):
        page.get_by_role("tab", name=name).click()
        picture = page.locator(".s2v-clippanel .s2v-media img:visible")
        expect(picture).to_have_attribute("data-width", re.compile(r"\d{3,}"), timeout=MAKING * 1000)
    page.get_by_role("tab", name="Settings").last.click()
    expect(page.get_by_role("row", name=re.compile("Motion high"))).to_be_visible()


@contextmanager
def held_still(task: Task) -> Iterator[None]:
    """The worker stands still meanwhile, so that a quick machine is not done before the pages are there."""
    worker = psutil.Process(worker_of(task))
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def worker_of(task: Task) -> int:
    """The process that does the task, once it has begun."""
    wait_until((task.folder / "begun.json").exists, "the work begins", MAKING)
    return json.loads((task.folder / "begun.json").read_text())["process"]


def begin_long_clip(folder: Path, page, lab) -> Task:
    """Samples, 15 s of 720p, Generate; its task, once the first part is whole."""
    open_studio(page, lab, name_in(folder))
    use_samples(page)
    kernel_eval(lab, f"{PAGE}; {LONG}")
    button(page, "Generate").click()
    return wait_until(lambda: clip_tasks(folder), "the task")[0]


def parts_of(folder: Path) -> list[Path]:
    return sorted((folder / "runs").glob("*/parts/part-????.mp4"))


def clips_of(folder: Path) -> list[Path]:
    return list((folder / "runs").glob("*/clip.mp4"))


def frames_percent(page):
    return page.locator(".s2v-progresspanel").get_by_role("progressbar").nth(1)


@pytest.mark.slow  # tests/test_workspace.py and tests/jobs have it without a page
def test_a_run_outlives_reload_and_closed_page_and_shows_in_another_tab(folder, page, lab):
    task = begin_long_clip(folder, page, lab)
    wait_until(lambda: parts_of(folder), "the first part", MAKING)

    with held_still(task):
        assert not task.result
        percent = frames_percent(page).get_attribute("aria-valuenow")
        save_notebook(page)
        reload_notebook(page, name_in(folder))
        expect(button(page, "Stop")).to_be_enabled()  # the saved cell is live, nothing was run again
        expect(frames_percent(page)).to_have_attribute("aria-valuenow", re.compile(r"[1-9]\d?"))
        assert int(frames_percent(page).get_attribute("aria-valuenow")) >= int(percent)
        other = page.context.new_page()
        open_studio(other, lab, name_in(folder, "second.ipynb"))
        expect(button(other, "Stop")).to_be_enabled()
        expect(other.get_by_text("A clip that was begun before is still being made.")).to_be_visible()
    page.goto("about:blank")
    wait_playing(other.locator(".s2v-clippanel video").first, MAKING)
    other.close()

    assert clip_tasks(folder) == [task]  # the second kernel has begun nothing of its own
    assert task.state == "done"
    assert len(clips_of(folder)) == 1
    open_notebook(page, lab, name_in(folder))
    video = page.locator(".s2v-clippanel video").first
    wait_playing(video)
    assert video.evaluate("v => [v.videoWidth, v.videoHeight]") == [1280, 720]


@pytest.mark.slow
def test_a_run_outlives_kernel_and_worker_and_stops_and_goes_on(folder, page, lab):
    task = begin_long_clip(folder, page, lab)

    with held_still(task):
        restart_kernel(page)
        run_all(page, 2 * WAIT)
        expect(page.get_by_text("A clip that was begun before is still being made.")).to_be_visible()
        expect(button(page, "Stop")).to_be_enabled()
        assert clip_tasks(folder) == [task]

    wait_until(lambda: parts_of(folder), "the first part", MAKING)
    assert not task.result
    worker = worker_of(task)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker_of(task) != worker, "another worker", MAKING)
    wait_until(lambda: frames_of(task).get("first", 0) > 0, "it goes on after the finished parts", MAKING)

    began = time.monotonic()
    button(page, "Stop").click()
    wait_until(lambda: task.state == "stopped", "the stop")
    took = time.monotonic() - began
    print(f"stopped within {took:.2f} s")
    assert took < 4
    expect(page.get_by_text("stopped: finished parts are kept")).to_be_visible()
    kept = len(parts_of(folder))
    assert kept
    assert not clips_of(folder)

    for name in ("image", "audio"):  # the kernel is a new one
        assert asked(lab, f"workspace.{name} is None")
    use_samples(page)
    kernel_eval(lab, f"{PAGE}; {LONG}")
    button(page, "Generate").click()
    wait_playing(page.locator(".s2v-clippanel video").first, MAKING)
    assert frames_of(clip_tasks(folder)[-1])["first"] >= 60 * kept
    assert not parts_of(folder)
