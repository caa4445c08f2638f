"""Uploads and the picture's panel in a real JupyterLab, on its default limits."""

import hashlib
import os
import re
import time

import PIL.Image
import pytest
from playwright.sync_api import expect

from s2v_nb.media import load_image
from tests.browser.lab import (
    cell,
    kernel_eval,
    kernel_memory,
    kernel_process,
    open_notebook,
    run_all,
    set_size,
    write_notebook,
)

MIB = 2**20
ZONES = """
import ipywidgets
from pathlib import Path
from s2v_nb.widgets.upload import Upload

got, errors, folder = [], [], Path("{folder}")
zones = [Upload(errors.append, folder=folder, accept="image/*", done=got.append) for _ in range(2)]
for zone in zones:
    zone.words = {{word: word.title() for word in "drop browse paste cancel arrived cancelled failed".split()}}
ipywidgets.VBox(zones)
"""
PANEL = """
from s2v_nb.widgets.image_upload import ImageUpload
from s2v_nb.workspace import Workspace
workspace = Workspace("panel", language="en")
panel = ImageUpload(workspace)
panel
"""


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def made(path, mebibytes):
    path.write_bytes(os.urandom(mebibytes * MIB))
    return path


@pytest.fixture
def zones(page, lab, request):
    """Two zones, and the folder they fill."""
    folder = lab.folder / request.node.name
    write_notebook(lab.folder, "zones.ipynb", [ZONES.format(folder=folder)])
    open_notebook(page, lab, "zones.ipynb")
    run_all(page)
    shown = page.locator(".s2v-upload")
    expect(shown).to_have_count(2)
    return shown, folder


def send(zone, path):
    zone.locator("input").set_input_files(str(path))


def test_sixty_mebibytes_arrive_as_they_are(zones, lab, tmp_path):
    """Over the comm alone, no message above 10 MiB; the kernel never holds the file."""
    shown, folder = zones
    large = made(tmp_path / "large.bin", 60)
    process = kernel_process(lab)
    before = highest = kernel_memory(lab)
    started = time.monotonic()
    send(shown.first, large)
    while shown.first.get_by_text("Arrived").count() == 0 and time.monotonic() - started < 120:
        highest = max(highest, process.memory_info().rss)
        time.sleep(0.05)
    print(f"60 MiB in {time.monotonic() - started:.1f} s, memory +{(highest - before) / MIB:.0f} MiB")

    assert digest(folder / "large.bin") == digest(large)
    assert highest - before < 50 * MIB
    assert kernel_eval(lab, "print(errors, [path.name for path in got])") == "[] ['large.bin']"


# Clicks on the page itself, the moment both are on their way: on a busy machine a file may have arrived before a click
# from outside does.
CANCEL_THE_FIRST = """() => {
    const [first, second] = document.querySelectorAll(".s2v-upload");
    const watch = setInterval(() => {
        const cancel = [...first.querySelectorAll("button")].find((button) => button.textContent.trim() === "Cancel");
        if (cancel?.offsetParent && second.textContent.includes("/ 24.0 MiB")) {
            clearInterval(watch);
            cancel.click();
        }
    }, 5);
}"""


def test_two_zones_fill_at_once_and_cancelling_one_leaves_the_other(zones, page, lab, tmp_path):
    shown, folder = zones
    first, second = made(tmp_path / "a.bin", 160), made(tmp_path / "b.bin", 24)  # the first is long on its way
    page.evaluate(CANCEL_THE_FIRST)
    send(shown.nth(0), first)
    send(shown.nth(1), second)

    expect(shown.nth(0)).to_contain_text("Cancelled")
    expect(shown.nth(1)).to_contain_text("Arrived")
    assert {path.name: digest(path) for path in folder.iterdir()} == {"b.bin": digest(second)}
    assert kernel_eval(lab, "print(errors)") == "[]"


def test_a_page_that_goes_leaves_nothing(zones, page, lab, tmp_path):
    shown, folder = zones
    send(shown.first, made(tmp_path / "a.bin", 200))
    expect(shown.first.get_by_role("progressbar")).to_be_visible()
    page.goto("about:blank")
    kernel_eval(lab, "import s2v_nb.widgets.upload as module; module.IDLE_SECONDS = 0.5")
    time.sleep(1)
    kernel_eval(lab, "zones[0].on_idle({}, [])")  # as another page asks, where the parting word got lost

    assert list(folder.iterdir()) == []
    assert kernel_eval(lab, "print(zones[0].progress, got, errors)") == "{} [] []"


def test_a_dropped_file_and_a_pasted_picture_arrive(zones, page, lab, tmp_path):
    """Drop and paste as the browser gives them to the zone; a folder's name or markup in a name is only text."""
    shown, folder = zones
    page.evaluate("""() => {
        const zone = document.querySelectorAll(".s2v-upload")[0];
        const files = new DataTransfer();
        files.items.add(new File(["dropped"], "<b>x<\\/b>.txt"));
        zone.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
    }""")
    expect(shown.nth(0)).to_contain_text("Arrived")
    page.evaluate("""() => {
        const zone = document.querySelectorAll(".s2v-upload")[1];
        const files = new DataTransfer();
        files.items.add(new File(["pasted"], "image.png", { type: "image/png" }));
        zone.dispatchEvent(new ClipboardEvent("paste", { clipboardData: files, bubbles: true, cancelable: true }));
    }""")
    expect(shown.nth(1)).to_contain_text("Arrived")

    assert {path.name: path.read_text() for path in folder.iterdir()} == {"b.txt": "dropped", "image.png": "pasted"}


def test_the_paste_button_reads_the_clipboard(zones, page, lab):
    """And Ctrl+V in the zone is the zone's, not JupyterLab's."""
    shown, folder = zones
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("""async () => {
        const canvas = new OffscreenCanvas(80, 70);
        canvas.getContext("2d").fillRect(0, 0, 40, 40);
        const picture = await canvas.convertToBlob({ type: "image/png" });
        await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
    }""")
    shown.nth(0).get_by_role("button", name="Paste").click()
    expect(shown.nth(0)).to_contain_text("Arrived")
    shown.nth(1).focus()
    page.keyboard.press("Control+V")
    expect(shown.nth(1)).to_contain_text("Arrived")

    assert kernel_eval(lab, "print(errors, len(got))") == "[] 2"
    assert {load_image(path).size for path in folder.iterdir()} == {(80, 70)}


def test_the_picture_is_uploaded_framed_and_its_subject_moved(page, lab, tmp_path):
    (lab.folder / "panel").mkdir(exist_ok=True)
    PIL.Image.effect_noise((1920, 1280), 90).convert("RGB").save(tmp_path / "noise.png")
    (tmp_path / "bad.jpg").write_text("no picture")
    write_notebook(lab.folder, "panel.ipynb", [PANEL, "panel"])
    open_notebook(page, lab, "panel.ipynb")
    run_all(page)
    view, second = cell(page, 0), cell(page, 1)
    send(view.locator(".s2v-upload"), tmp_path / "noise.png")

    for each in (view, second):  # two views of one panel
        expect(each.locator(".s2v-stage-caption")).to_have_text("noise.png, 1920 x 1280 pixels")
        expect(each.locator(".s2v-stage-point")).to_have_class("s2v-stage-point s2v-stage-found")
        expect(each.locator(".s2v-stage-picture")).to_have_js_property("naturalWidth", 480)

    board, point = view.locator(".s2v-stage-board"), view.locator(".s2v-stage-point")
    point.scroll_into_view_if_needed()
    box = board.bounding_box()
    point.hover()
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"], steps=5)
    page.mouse.up()
    expect(second.locator(".s2v-stage-point")).to_have_attribute("aria-valuetext", "x 25 %, y 75 %")
    point.press("ArrowRight")
    point.press("Shift+ArrowUp")
    expect(second.locator(".s2v-stage-point")).to_have_attribute("aria-valuetext", "x 26 %, y 70 %")
    assert abs(float(kernel_eval(lab, "print(workspace.settings.subject[0])")) - 0.26) < 0.004

    view.get_by_role("button", name="Find the subject").click()
    expect(second.locator(".s2v-stage-point")).to_have_class("s2v-stage-point s2v-stage-found")
    assert kernel_eval(lab, "print(workspace.settings.subject)") == "None"

    kernel_eval(lab, "workspace.change(aspect='1:1')")
    left = float(kernel_eval(lab, "print(panel._stage.frame[0])"))
    assert 0.1 < left < 0.25
    expect(view.locator(".s2v-stage-frame")).to_have_attribute("style", re.compile(f"left: {100 * left:.2f}"))
    send(view.locator(".s2v-upload"), tmp_path / "bad.jpg")
    expect(view.locator(".s2v-upload")).to_contain_text("Not taken")
    assert kernel_eval(lab, "print(workspace.message.key, workspace.image.name)") == "image.format noise.png"
    kernel_eval(lab, "workspace.language = 'zh'")
    expect(view.get_by_role("button", name="自动寻找主体")).to_be_visible()


def test_the_panel_fits_a_narrow_page(page, lab):
    """Nothing of it is wider than its place."""
    (lab.folder / "panel").mkdir(exist_ok=True)
    PIL.Image.effect_noise((900, 600), 90).convert("RGB").save(lab.folder / "panel" / "narrow.png")
    write_notebook(
        lab.folder, "panel.ipynb", [PANEL.replace("panel = ", "workspace.use(image='narrow.png')\npanel = ")]
    )
    open_notebook(page, lab, "panel.ipynb")
    run_all(page)
    expect(page.locator(".s2v-stage-lines li").first).to_be_visible()
    set_size(page, 700, 1000)

    expect(page.locator(".s2v-stage-caption")).to_be_visible()
    wide = page.evaluate("""() => Array.from(document.querySelectorAll(".s2v-upload, .s2v-stage, .s2v-stage-board"),
        (node) => node.scrollWidth - node.clientWidth)""")
    assert max(wide) <= 1
