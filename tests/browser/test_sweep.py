"""A sweep in the studio, from the drawer that was folded away to the best one in full quality."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from s2v_nb.jobs import worker_process
from s2v_nb.jobs.tasks import tasks_in
from tests.browser.lab import WAIT, faint_texts, kernel_eval, nameless, open_studio, shot, switch_theme, wait_until
from tests.jobs.studio import SMALL

MAKING = 6 * WAIT
CODE = "from s2v_nb import studio\nstudio(image='cover.png', audio='song.wav')"
PANEL = ".s2v-sweeppanel"
FINAL = re.compile("Make this one in full quality|以成片质量生成这一个")


@pytest.fixture
def folder(lab, cover, song) -> Path:
    """A picture and a song; its worker ends with it."""
    made = lab.folder / "sweep"
    made.mkdir()
    for source in (cover, song):
        shutil.copy(source, made)
    yield made
    worker_process.end(made / "runs" / "tasks")


def test_a_sweep_is_made_looked_at_and_its_best_made_in_full_quality(folder, page, lab):
    open_studio(page, lab, f"{folder.name}/studio.ipynb", CODE)
    kernel_eval(lab, f"workspace = Out[1].workspace; workspace.change(**{SMALL!r})")
    panel = page.locator(PANEL)
    start = panel.get_by_role("button", name="Start the sweep")
    expect(start).to_be_hidden()  # who does not want it is not bothered

    plan_two_clips(panel)
    start.click()
    expect(panel.locator("td[data-state=running]").first).to_be_visible(timeout=MAKING * 1000)
    expect(panel.get_by_text("done: 2 of 2 clips")).to_be_visible(timeout=MAKING * 1000)
    panel.locator("table").scroll_into_view_if_needed()  # pictures are sent once they can be seen
    expect(panel.locator("td[data-state=done] img:visible")).to_have_count(2)
    expect(panel.locator(".s2v-sweep-rank").first).to_be_visible()

    play_by_keys(page, panel)
    speaks_chinese_and_is_readable(page, panel)
    final = panel.get_by_role("button", name=FINAL).first
    final.click()

    task = wait_until(lambda: [task for task in tasks_in(folder / "runs" / "tasks") if task.kind == "clip"], "a job")[0]
    asked = task.what["settings"]
    assert (asked["resolution"], asked["fps"], asked["motion"], asked["start"]) == ("720p", 30, "low", 2.0)
    expect(final).to_be_disabled()
    page.locator(".s2v-progresspanel button").click()
    expect(final).to_be_enabled()


def plan_two_clips(panel) -> None:
    """Low and high motion, one weight, in the quality that is set."""
    panel.get_by_role("button", name="Sweep: compare").press("Enter")
    panel.get_by_label("medium").uncheck()
    count = panel.get_by_label("How many")
    count.fill("1")
    count.press("Enter")
    panel.get_by_role("button", name="As set above").click()
    expect(panel.get_by_text(re.compile("^2 of 2 clips to be made: about .* MB of disk"))).to_be_visible()


def play_by_keys(page, panel) -> None:
    """Arrow down to the second clip, Enter: it plays; its row and its column are told."""
    cells = panel.locator(".s2v-sweep-show")
    cells.first.focus()
    page.keyboard.press("ArrowDown")
    expect(cells.nth(1)).to_be_focused()
    expect(cells.nth(1)).to_have_attribute("aria-label", re.compile(r"^Play, Motion high, prompt weight 1, .*R \d"))
    page.keyboard.press("Enter")
    expect(panel.locator("[aria-current=true]")).to_have_count(1)
    video = page.locator(".s2v-clippanel video").first
    expect(video).to_be_visible()
    video.scroll_into_view_if_needed()
    first = video.evaluate("video => video.currentTime")
    wait_until(lambda: video.evaluate("video => video.currentTime") not in (0, first), "the video moves")
    cells.nth(1).focus()
    page.keyboard.press("Tab")
    expect(panel.get_by_role("button", name=FINAL).nth(1)).to_be_focused()


def speaks_chinese_and_is_readable(page, panel) -> None:
    page.get_by_role("button", name="中文").click()
    expect(panel.get_by_role("button", name="开始扫描")).to_be_visible()
    expect(panel.get_by_role("button", name="以成片质量生成这一个")).to_have_count(2)
    expect(panel.get_by_text("已完成：2/2 个片段")).to_be_visible()
    panel.locator("table").scroll_into_view_if_needed()
    expect(panel.locator("img:visible")).to_have_count(2)
    page.wait_for_timeout(1000)  # sliders are named some time after their labels
    assert nameless(page, PANEL) == []
    for dark in (True, False):
        switch_theme(page, dark=dark)
        page.wait_for_timeout(400)  # colours fade over
        assert faint_texts(page, PANEL) == []
    panel.scroll_into_view_if_needed()
    shot(page, "sweep")
