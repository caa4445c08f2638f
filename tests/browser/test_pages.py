"""How the studio looks, answers and takes what it is given: themes, widths, keys, languages, bad files, Voilà."""

import re
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from s2v_nb.jobs import worker_process
from tests.browser.lab import (
    WAIT,
    choose_file,
    faint_texts,
    kernel_eval,
    nameless,
    open_studio,
    open_voila,
    set_size,
    shot,
    switch_theme,
    wait_until,
    write_notebook,
)
from tests.widgets.runs import add_run

MAKING = 6 * WAIT
STUDIO = ".s2v-studio"
HOSTILE = "<img src=x onerror=alert(1)>.png"
PLAYLIST = "ffconcat version 1.0\nfile '/etc/passwd'\n"
KEY = re.compile(r"\b(studio|session|control|option|preset|stage|kind|failed|image|audio)\.[a-z_]+\b")
# what stays as it is: names of files, formats, units, engines and languages, and abbreviations
SAME_IN_CHINESE = re.compile(
    r"\S+\.(?:png|jpg|wav|mp3|ipynb)|English|JPG|PNG|WebP|GPU|MiB|MB|GB|BPM|kHz|Ctrl|Cmd|Mac|preview|runs|"
    r"wan-\w+-\d+b|NVIDIA|[\w.]*\d\w*"
)


@pytest.fixture
def folder(lab, request):
    """An empty folder for one test; its worker ends with it."""
    made = lab.folder / request.node.name
    made.mkdir()
    yield made
    worker_process.end(made / "runs" / "tasks")


@pytest.fixture
def filled(folder, cover, song, clip) -> Path:
    """A folder with a picture, a song and a clip."""
    for source in (cover, song):
        shutil.copy(source, folder)
    add_run(clip, folder / "runs", "a" * 12, when=time.time() - 100)
    return folder


def open_filled(page, lab, folder: Path) -> None:
    code = "from s2v_nb import studio\nstudio(image='cover.png', audio='song.wav')"
    open_studio(page, lab, f"{folder.name}/studio.ipynb", code)
    expect(page.locator(".s2v-waveform-whole")).to_be_visible(timeout=MAKING * 1000)


def workspace(lab, code: str) -> str:
    return kernel_eval(lab, f"workspace = Out[1].workspace; {code}")


def unnamed(page, *, sliders: bool = True) -> list[str]:
    """What has no name after a second; ipywidgets' own sliders have none where no front end gives it."""
    page.wait_for_timeout(1500)
    return [found for found in nameless(page, STUDIO) if sliders or not found.startswith("slider")]


def bad_files(folder: Path, cover: Path) -> list[Path]:
    """Files that are not what their names say, by what they are."""
    folder.mkdir()
    contents = {
        "text.mp3": b"la la la, this is no sound\n" * 400,
        "playlist.mp3": PLAYLIST.encode(),
        "half.png": cover.read_bytes()[:5000],
        "empty.png": b"",
        HOSTILE: b"no picture either",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def chosen(page) -> str:
    return page.locator(".s2v-imageupload select").evaluate("list => list.selectedOptions[0].textContent")


def test_bad_files_get_one_sentence_and_everything_speaks_chinese(folder, page, lab, cover, tmp_path):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    open_studio(page, lab, f"{folder.name}/studio.ipynb")
    browse = {kind: page.locator(f".s2v-{card} .s2v-upload-browse")
              for kind, card in ((".png", "imageupload"), (".mp3", "audioupload"))}  # fmt: skip
    choose_file(page, browse[".png"], cover)
    expect(page.get_by_text("cover.png, 1920 x 1280 pixels")).to_be_visible()
    alert = page.locator(".s2v-messagebar").get_by_role("alert")

    for path in bad_files(tmp_path / "bad", cover):
        choose_file(page, browse[path.suffix], path)
        shown = "img src=x onerror=alert(1).png" if path.name == HOSTILE else path.name
        expect(alert).to_contain_text(shown)
        said, *folded = alert.inner_text().splitlines()
        assert said.endswith(".")
        assert folded in ([], ["Details"])
        assert "Traceback" not in page.locator(STUDIO).inner_text()
        assert "cover.png" in chosen(page)
        assert sorted(file.name for file in (folder / "uploads").iterdir()) == ["cover.png"]
    assert not dialogs
    assert page.locator(f"{STUDIO} img[src='x']").count() == 0

    put_beside(page, folder, cover)
    speaks_chinese(page, alert)
    shot(page, "story_chinese")
    assert not dialogs


def put_beside(page, folder: Path, cover: Path) -> None:
    """A file that another program puts into the folder is listed by itself, and its name is text."""
    shutil.copy(cover, folder / HOSTILE)
    pictures = page.locator(".s2v-imageupload select")
    expect(pictures.locator("option", has_text="onerror")).to_have_count(1, timeout=10_000)  # 5 s and some load
    pictures.select_option(HOSTILE)
    expect(page.get_by_text(f"{HOSTILE}, 1920 x 1280 pixels")).to_be_visible()
    pictures.select_option("uploads/cover.png")
    expect(page.get_by_text("cover.png, 1920 x 1280 pixels", exact=True)).to_be_visible()
    (folder / HOSTILE).unlink()
    expect(pictures.locator("option", has_text="onerror")).to_have_count(0, timeout=10_000)


def speaks_chinese(page, alert) -> None:
    page.get_by_role("button", name=re.compile(r"^\W*Generate$")).click()
    expect(alert).to_contain_text(re.compile("song", re.IGNORECASE))
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("button", name="生成")).to_be_visible()
    expect(alert).to_contain_text(re.compile("[\u4e00-\u9fff]{4}"))
    expect(page.locator("[aria-label='提示词权重']")).to_have_count(1)  # named last, some time after its label
    page.wait_for_timeout(500)  # every label is a message of its own
    text = page.locator(STUDIO).inner_text()
    names = page.locator(f"{STUDIO} [title], {STUDIO} [aria-label], {STUDIO} [placeholder]").evaluate_all(
        "all => all.filter(one => one.offsetWidth > 1)"
        ".flatMap(one => ['title', 'aria-label', 'placeholder'].map(name => one.getAttribute(name) ?? ''))"
    )
    for shown in (*text.splitlines(), *names):
        assert not KEY.search(shown), shown
        assert not re.search("[A-Za-z]{3,}", SAME_IN_CHINESE.sub("", shown)), shown


def test_every_theme_and_width(filled, page, lab):
    open_filled(page, lab, filled)
    expect(page.locator(".s2v-clippanel video").first).to_be_visible()
    workspace(lab, "from s2v_nb.errors import InputError; workspace.report(InputError('studio.no_image'))")
    workspace(lab, "workspace.change(prompt='slow pan right, purple elephant')")
    expect(page.get_by_text(re.compile("without effect: purple elephant"))).to_be_visible()
    open_drawers(page)

    assert not unnamed(page)
    for dark in (False, True):
        switch_theme(page, dark=dark)
        page.wait_for_timeout(400)  # colours fade over
        assert not faint_texts(page, STUDIO)
    switch_theme(page, dark=False)
    lefts = card_lefts(page)
    assert len(set(lefts)) == 3
    assert overflow(page) <= 0

    set_size(page, 700, 2400)
    wait_until(lambda: len(set(card_lefts(page))) == 1, "one column")
    shot(page, "story_narrow")
    assert overflow(page) <= 0


def open_drawers(page) -> None:
    """Unfold what is folded away, so that it is looked at, too."""
    for title in page.locator(f"{STUDIO} :is(.jupyter-widget-Collapse-header, .s2v-fold)").all():
        title.click()
    page.locator(f"{STUDIO} details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    page.locator(f"{STUDIO} [aria-expanded=false]").evaluate_all("all => all.forEach(one => one.click())")


def card_lefts(page) -> list[int]:
    """The left edge of each card in pixels."""
    return page.locator(".s2v-card").evaluate_all("all => all.map(one => Math.round(one.getBoundingClientRect().left))")


def overflow(page) -> float:
    """By how many pixels anything of the studio reaches over the right edge of its cell's output."""
    return page.locator(".jp-OutputArea-output", has=page.locator(STUDIO)).last.evaluate(
        """area => {
            const edge = area.getBoundingClientRect().left + area.clientWidth;
            const over = [...area.querySelectorAll('.s2v-card, .s2v button, .s2v input, .s2v select, .s2v canvas')]
                .map(one => one.getBoundingClientRect()).filter(box => box.width).map(box => box.right - edge);
            return Math.max(area.scrollWidth - area.clientWidth, Math.floor(Math.max(...over)));
        }"""
    )


FOCUSED = """() => {
    const at = document.activeElement;
    const card = at.closest('.s2v-card .s2v');
    return [[...(card?.classList ?? [])].find((name) => /^s2v-.*(panel|upload)$/.test(name)) ?? '', at.tagName,
            at.getAttribute('role') ?? '', at.textContent.trim()];
}"""


def test_keys_alone_make_and_stop_a_clip(filled, page, lab):
    open_filled(page, lab, filled)
    workspace(lab, "workspace.change(resolution='720p', duration=15.0)")
    page.on("filechooser", lambda chooser: None)  # from now on; a key is faster than playwright's own request for it
    page.locator(".s2v-imageupload .s2v-upload-browse").focus()
    with page.expect_file_chooser():
        page.keyboard.press("Enter")

    order = [page.evaluate(FOCUSED)]
    while order[-1][3] != "Generate" and len(order) < 200:
        page.keyboard.press("Tab")
        order.append(page.evaluate(FOCUSED))
        if order[-1][0] == "s2v-audioupload" and order[-1][3] == "Choose a file":
            with page.expect_file_chooser():
                page.keyboard.press("Space")
    cards = list(dict.fromkeys(card for card, *_ in order if card))
    assert cards == [f"s2v-{name}" for name in
                     ("imageupload", "audioupload", "promptpanel", "settingspanel", "generatepanel")]  # fmt: skip
    there = {(card, tag, role) for card, tag, role, _ in order}
    assert ("s2v-promptpanel", "TEXTAREA", "") in there
    assert ("s2v-settingspanel", "DIV", "slider") in there

    page.keyboard.press("Enter")
    stop = page.locator(".s2v-progresspanel button")
    expect(stop).to_be_enabled()
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED)[0] == "s2v-progresspanel":
            break
    expect(stop).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_text("stopped: finished parts are kept")).to_be_visible()


def make_short_clip(page) -> None:
    """The sample picture and song, the quick preset, three seconds; press Generate."""
    for card, said in (("imageupload", "1920 x 1280"), ("audioupload", "112.0 BPM")):
        page.locator(f".s2v-{card}").get_by_role("button", name="Use the sample").click()
        expect(page.locator(f".s2v-{card}").get_by_text(re.compile(said))).to_be_visible(timeout=MAKING * 1000)
    page.get_by_role("button", name="Quick look").click()
    handle = page.locator(".s2v-settingspanel").get_by_role("slider").nth(1)
    handle.focus()
    handle.press("Home")
    page.locator(".s2v-generate").click()


def plays(page) -> None:
    """The clip is there, and goes on by itself."""
    video = page.locator(".s2v-clippanel video").first
    expect(video).to_be_visible(timeout=MAKING * 1000)
    video.scroll_into_view_if_needed()  # browsers start nothing by itself where nobody looks
    first = video.evaluate("video => video.currentTime")
    wait_until(lambda: video.evaluate("video => video.currentTime") not in (0, first), "the video moves")
    assert video.evaluate("v => [v.videoWidth, v.videoHeight, v.muted, v.paused]") == [854, 480, True, False]


@pytest.mark.slow
def test_without_front_ends_of_our_own_plain_widgets_stand_in(folder, page, lab, watch):
    page.route("**/anywidget/**", lambda route: route.abort())
    open_studio(page, lab, f"{folder.name}/studio.ipynb")
    expect(page.get_by_text("This notebook does not show our own controls")).to_be_visible()
    expect(page.locator(".s2v-card img:visible")).to_have_count(0)  # nothing broken is left

    make_short_clip(page)

    plays(page)
    assert unnamed(page, sliders=False) == []
    watch.forget()  # what JupyterLab says of the missing extension


@pytest.mark.slow  # tests/browser/test_harness.py has widgets in Voila, test_story.py a clip
def test_a_clip_is_made_in_voila(page, voila):
    folder = voila.folder / "studio"
    write_notebook(folder, "studio.ipynb", ["from s2v_nb import studio; studio()"])
    try:
        open_voila(page, voila, "studio/studio.ipynb")
        make_short_clip(page)
        plays(page)
        shot(page, "story_voila")
    finally:
        worker_process.end(folder / "runs" / "tasks")


def test_keys_in_a_panel_do_nothing_to_the_notebook(filled, page, lab):
    """In command mode "dd" deletes a cell and "m" makes it text: not from a button of ours."""
    open_filled(page, lab, filled)
    before = page.locator(".jp-CodeCell").count()
    page.locator(".s2v-settingspanel").get_by_role("button", name="high").focus()

    for key in ("d", "d", "m", "Enter"):
        page.keyboard.press(key)

    assert page.locator(".jp-CodeCell").count() == before
    expect(page.locator(".s2v-settingspanel").get_by_role("button", name="high")).to_have_class(
        re.compile("mod-active")
    )
    assert workspace(lab, "print(workspace.settings.motion)") == "high"
