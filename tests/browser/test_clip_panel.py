"""The right column in a real browser: the clip plays, is saved as it is, and the history leads back to older ones."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.lab import (
    WAIT,
    cell,
    kernel_eval,
    open_notebook,
    open_voila,
    run_all,
    save_notebook,
    write_notebook,
)
from tests.widgets.runs import add_run, measure

NEW, OLD = "b" * 12, "a" * 12
HOSTILE = "<img src=x onerror=window.taken=1>"
SETUP = """
from s2v_nb.workspace import Workspace
from s2v_nb.widgets.clip_panel import ClipPanel
from s2v_nb.widgets.history_panel import HistoryPanel
workspace = Workspace(language="en")
workspace.shown = workspace.history[0]
"""
CLIP = SETUP + "ClipPanel(workspace)"
HISTORY = SETUP + "HistoryPanel(workspace)"


@pytest.fixture(scope="module")
def runs(clip, song, tmp_path_factory) -> Path:
    """Two clips; the older one has a prompt that would be markup."""
    measure(clip, song)
    folder = tmp_path_factory.mktemp("two")
    add_run(clip, folder, OLD, when=time.time() - 500, motion="low", prompt=HOSTILE)
    add_run(clip, folder, NEW, when=time.time() - 100)
    return folder


def open_panel(page, lab, runs: Path, code: str, name: str = "panel.ipynb") -> None:
    put_runs(lab, runs)
    write_notebook(lab.folder, name, [code])
    open_notebook(page, lab, name)
    run_all(page)


def put_runs(server, runs: Path) -> None:
    shutil.rmtree(server.folder / "runs", ignore_errors=True)
    shutil.copytree(runs, server.folder / "runs")


def wait_playing(video, seconds: float = 0.3) -> None:
    """The video plays by itself: nothing but looking is done before it does."""
    expect(video).to_have_js_property("paused", False, timeout=WAIT * 1000)
    video.page.wait_for_function(
        "([video, seconds]) => video.currentTime > seconds", arg=[video.element_handle(), seconds]
    )


def test_the_clip_plays_and_downloads_byte_for_byte(page, lab, runs, tmp_path):
    """Muted by itself, with sound at a click; the notebook stays small; a page loaded again shows it again."""
    open_panel(page, lab, runs, CLIP)
    video = page.locator("video")
    wait_playing(video)

    assert video.evaluate("v => [v.videoWidth, v.videoHeight, v.muted, v.loop]") == [854, 480, True, True]
    assert (video.get_attribute("data-width"), video.get_attribute("data-height")) == ("854", "480")
    assert video.get_attribute("src").startswith("blob:")
    page.get_by_role("button", name="Sound on").click()
    expect(page.get_by_role("button", name="Sound off")).to_have_attribute("aria-pressed", "true")
    assert not video.evaluate("v => v.muted")

    with page.expect_download() as saving:
        page.get_by_role("button", name="Download").click()
    saving.value.save_as(tmp_path / "saved.mp4")
    assert saving.value.suggested_filename == "song-bbbbbb.mp4"
    assert (tmp_path / "saved.mp4").read_bytes() == (runs / NEW / "clip.mp4").read_bytes()

    save_notebook(page)
    notebook = lab.folder / "panel.ipynb"
    assert notebook.stat().st_size < 20_000
    assert json.loads(notebook.read_text())["cells"][0]["outputs"]

    open_notebook(page, lab, "panel.ipynb")
    wait_playing(page.locator("video"))


def test_plots_come_when_their_tab_is_opened(page, lab, runs):
    open_panel(page, lab, runs, CLIP)
    wait_playing(page.locator("video"))
    assert page.locator(".s2v-media img").count() == 0

    page.get_by_role("tab", name="Beats").click()
    picture = page.locator(".s2v-media img:visible")
    expect(picture).to_have_attribute("data-width", re.compile(r"\d{3,}"))
    page.get_by_role("tab", name="Alignment").click()

    expect(page.get_by_role("img", name=re.compile("Alignment.*phase locking"))).to_be_visible()


def test_compared_clips_start_together(page, lab, runs):
    open_panel(page, lab, runs, CLIP)
    wait_playing(page.locator("video"), 1.0)

    page.get_by_role("button", name="Compare with last").click()
    expect(page.locator("video")).to_have_count(2)
    wait_playing(page.locator("video").nth(1))

    first, second = page.evaluate("() => [...document.querySelectorAll('video')].map(video => video.currentTime)")
    assert abs(first - second) < 0.15
    expect(page.get_by_role("row", name="Motion high low")).to_be_visible()
    assert page.locator("video").nth(1).bounding_box()["height"] < page.locator("video").first.bounding_box()["height"]


def test_another_clip_takes_the_place_of_the_first(page, lab, runs):
    """The browser gets its memory back, a missing file is one sentence, and names stay text; two views keep step."""
    open_panel(page, lab, runs, SETUP + "panel = ClipPanel(workspace)\ndisplay(panel, panel)")
    expect(page.locator("video")).to_have_count(2)
    wait_playing(page.locator("video").first)
    old = page.locator("video").first.get_attribute("src")
    assert page.locator("video").nth(1).get_attribute("src") == old

    kernel_eval(lab, "workspace.shown = workspace.history[1]")
    expect(page.locator("video").first).not_to_have_attribute("src", old)
    wait_playing(page.locator("video").first)
    assert page.evaluate("url => fetch(url).then(() => 'there', () => 'gone')", old) == "gone"
    assert HOSTILE in page.locator("video").first.get_attribute("aria-label")

    kernel_eval(
        lab,
        "workspace.look_at_folder = lambda: None\n"  # which would find out, too, and show nothing
        "import os; made = workspace.shown; workspace.shown = None; os.remove(made.path); workspace.shown = made",
    )
    expect(page.get_by_text("This file is no longer there").first).to_be_visible()
    expect(page.locator("video")).to_have_count(0)
    assert page.evaluate("() => window.taken") is None


def test_a_file_of_many_parts_is_saved_as_it_is(page, lab, runs, tmp_path):
    """More parts than are asked for at a time; Python offers, the browser saves."""
    code = "from pathlib import Path; import os\npath = Path('large.bin'); path.write_bytes(os.urandom(7_345_678))\n"
    code += "from s2v_nb.widgets.media import Media\nerrors = []\nmedia = Media(errors.append); media"
    write_notebook(lab.folder, "large.ipynb", [code])
    open_notebook(page, lab, "large.ipynb")
    run_all(page)
    expect(page.locator(".s2v-media")).to_have_count(1)

    with page.expect_download() as saving:
        kernel_eval(lab, "media.download(path, 'my own.bin')")

    saving.value.save_as(tmp_path / "saved.bin")
    assert saving.value.suggested_filename == "my own.bin"
    assert (tmp_path / "saved.bin").read_bytes() == (lab.folder / "large.bin").read_bytes()
    assert kernel_eval(lab, "print(errors)") == "[]"


def test_the_history_is_walked_with_the_keyboard(page, lab, runs):
    """Arrow and Enter show a clip; deleting asks first; what a prompt holds is text."""
    open_panel(page, lab, runs, HISTORY)
    cards = page.locator(".s2v-gallery-show")
    expect(cards).to_have_count(2)
    expect(page.locator(".s2v-gallery-picture:visible")).to_have_count(2)
    assert page.locator(".s2v-gallery-picture").first.evaluate("p => [p.naturalWidth, p.naturalHeight]") == [240, 135]
    expect(cards.nth(1)).to_contain_text(HOSTILE)
    expect(cards.first).to_have_attribute("aria-current", "true")

    cards.first.focus()
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(cards.nth(1)).to_have_attribute("aria-current", "true")
    assert kernel_eval(lab, "print(workspace.shown.name)") == OLD
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(cards.nth(1)).to_be_visible()
    assert kernel_eval(lab, "print(workspace.settings.motion)") == "low"

    cards.nth(1).focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(cards.nth(1)).to_be_focused()
    assert (lab.folder / "runs" / OLD).is_dir()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Delete for ever").click()
    expect(cards).to_have_count(1)
    expect(cards.first).to_be_focused()
    assert not (lab.folder / "runs" / OLD).exists()
    assert page.evaluate("() => window.taken") is None


@pytest.mark.slow  # its parts without a page are in tests/widgets
def test_without_our_front_ends_the_clip_plays_as_well(page, lab, runs):
    open_panel(page, lab, runs, SETUP + "ClipPanel(workspace, plain=True)")
    video = cell(page, 0).locator("video")

    wait_playing(video)

    assert video.evaluate("v => [v.videoWidth, v.videoHeight, v.muted]") == [854, 480, True]
    assert page.locator(".s2v-media").count() == 0


@pytest.mark.slow
def test_the_clip_plays_in_voila(page, voila, runs):
    put_runs(voila, runs)
    write_notebook(voila.folder, "panel.ipynb", [CLIP])

    open_voila(page, voila, "panel.ipynb")

    wait_playing(page.locator("video"))
    assert page.locator("video").evaluate("v => [v.videoWidth, v.videoHeight, v.muted]") == [854, 480, True]
