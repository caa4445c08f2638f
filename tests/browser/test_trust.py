"""Names, prompts and what a clip says of itself are shown as text wherever they stand, even if they are a page."""

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from s2v_nb import Settings, Sweep, generate
from s2v_nb.jobs import worker_process
from s2v_nb.plots.report import save_report
from s2v_nb.plots.sweep_page import save_sweep_page
from s2v_nb.runs import Clip
from s2v_nb.sweeps.progress import SweepProgress
from tests.browser.lab import kernel_eval, open_studio
from tests.jobs.studio import SMALL
from tests.widgets.runs import add_run, measure

OWN = "window.__owned=1"
PICTURE = f"<img src=x onerror={OWN}>.png"
SONG = f"'\"><img src=x onerror={OWN}>.wav"
PROMPT = f"<script>{OWN}</script><img src=x onerror='{OWN}'>{{{{constructor}}}}${{{OWN}}}"
FOLDER = f"<iframe srcdoc='<img src=x onerror=parent.{OWN}>'>"


def owned(page) -> bool:
    """Whether anything of it ran, now or within half a second."""
    page.wait_for_timeout(500)
    return page.evaluate("window.__owned !== undefined")


@pytest.fixture(scope="module")
def sources(cover, song, tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sources")
    return Path(shutil.copy(cover, folder / PICTURE)), Path(shutil.copy(song, folder / SONG))


@pytest.fixture(scope="module")
def hostile_clip(sources, tmp_path_factory) -> Clip:
    """A clip whose metadata, specification and run hold all of them."""
    return generate(*sources, runs=tmp_path_factory.mktemp("hostile"), prompt=PROMPT, **SMALL)


@pytest.mark.parametrize("text", [PICTURE, SONG, PROMPT, FOLDER])
def test_each_would_run_where_text_is_taken_for_a_page(page, watch, text):
    page.set_content("<body></body>")
    page.evaluate("text => { document.body.append(document.createRange().createContextualFragment(text)); }", text)

    assert owned(page)
    watch.forget()


def test_the_report(page, hostile_clip, tmp_path):
    folder = tmp_path / FOLDER.replace("/", "")
    folder.mkdir()
    film = Path(shutil.copy(hostile_clip.path, folder / f"<img src=x onerror={OWN}>.mp4"))
    page.goto(save_report(film, folder / "report.html").as_uri())

    expect(page.get_by_text(PROMPT.split("{")[0]).first).to_be_visible()
    assert not owned(page)
    assert page.locator("script:not([src])", has_text=OWN).count() == 0


def test_the_page_of_a_sweep(page, sources, tmp_path):
    base = Settings(**SMALL, prompt=PROMPT)
    sweep = Sweep(*sources, base, seed=[0], out=tmp_path / FOLDER).run(progress=SweepProgress())
    page.goto(save_sweep_page(sweep).as_uri())

    assert PICTURE in page.content().replace("&lt;", "<").replace("&gt;", ">") or PROMPT[:20] in page.inner_text("body")
    assert not owned(page)


def test_the_studio_and_its_history(page, lab, hostile_clip, sources, request):
    folder = lab.folder / "trust"
    folder.mkdir()
    for source in sources:
        shutil.copy(source, folder)
    measure(hostile_clip, sources[1])
    made = add_run(hostile_clip, folder / "runs", "a" * 12, when=1.7e9)
    request.addfinalizer(lambda: worker_process.end(folder / "runs" / "tasks"))
    code = f"from s2v_nb import studio\nstudio(image={PICTURE!r}, audio={SONG!r})"
    open_studio(page, lab, "trust/studio.ipynb", code)

    expect(page.get_by_text(f"{PICTURE}, 1920 x 1280 pixels")).to_be_visible()
    assert not owned(page)
    kernel_eval(lab, f"w = Out[1].workspace; w.change(prompt={PROMPT!r}); w.shown = w.history[0]")
    expect(page.locator(".s2v-studio video").first).to_be_visible()
    tell = "from s2v_nb.errors import InputError; w.report(InputError('file.missing', name=%r, what=%r, what_zh='x'))"
    kernel_eval(lab, tell % (PICTURE, PROMPT))
    expect(page.locator(".s2v-messagebar").get_by_role("alert")).to_contain_text("onerror")
    for tab in page.locator(".s2v-studio").get_by_role("tab").all():
        if tab.is_visible():
            tab.click()
    assert not owned(page)
    assert json.loads((made.path.parent / "spec.json").read_text())["settings"]["prompt"] == PROMPT
    assert page.locator(".s2v-studio [onerror], .s2v-studio [onload]").count() == 0
