"""The page of a sweep is one HTML file that needs nothing, runs nothing, and takes no text for markup."""

import base64
import io

import matplotlib.pyplot as plt
import PIL.Image
import pytest

import s2v_nb.plots.report as report_page
from s2v_nb import Series, Settings, Sweep
from s2v_nb.media.video import probe_video
from s2v_nb.plots import save_sweep_page
from s2v_nb.plots.sweep_page import COLUMNS
from tests.plots.test_report_page import Page
from tests.plots.test_sweep_plots import leave

BASE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24)
NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def written(small_sweep, tmp_path_factory) -> Page:
    return Page(save_sweep_page(small_sweep, tmp_path_factory.mktemp("page") / "page.html"))


@pytest.fixture
def unmade(cover, song, tmp_path) -> Sweep:
    return Sweep(cover, song, BASE, out=tmp_path / "sweep", motion=["low", "high"], prompt=["", NASTY])


def words(page: Page) -> str:
    return " ".join(text for texts in page.text.values() for text in texts)


def test_the_page_needs_nothing_beside_it(written):
    """The film and all pictures are inside; there is no address and no script in it."""
    sources = [attributes["src"] for tag in ("img", "video") for attributes in written.all(tag)]
    policy = next(m["content"] for m in written.all("meta") if m.get("http-equiv") == "Content-Security-Policy")

    assert len(sources) == 1 + 2 + 2  # the sheet, the clips that could be ranked, the plots
    assert all(source.startswith("data:") for source in sources)
    assert "://" not in written.source
    assert policy == report_page.POLICY
    assert {tag for tag, _ in written.tags}.isdisjoint({"script", "link", "iframe", "object", "embed", "a", "form"})
    assert not [name for _, attributes in written.tags for name in attributes if name.startswith("on")]


def test_the_film_is_the_contact_sheet(written, small_sweep):
    (video,) = written.all("video")

    assert base64.b64decode(video["src"].split(",")[1]) == (small_sweep.out / "sheet.mp4").read_bytes()
    assert probe_video(small_sweep.out / "sheet.mp4").seconds == pytest.approx(3.0)


def test_every_picture_can_be_read(written):
    for image in written.all("img"):
        with PIL.Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1]))) as picture:
            assert picture.width >= 480
        assert image["alt"]


def test_the_best_are_shown_with_why(written, small_sweep):
    found = words(written)

    assert len(small_sweep.best()) == 2
    for best in small_sweep.best():
        assert best.why("en") in found
    assert "motion high, prompt weight 0.5" in found


def test_the_table_has_every_cell(written, small_sweep):
    rows, cells = small_sweep.rows(), written.text["td"]

    assert sum(tag == "tr" for tag, _ in written.tags) > len(rows) + 1
    for row in rows:
        assert row["run"] in cells
        assert f"{row['money']:.4f}" in cells
    assert f"{rows[3]['r']:.2f}" in cells
    heads = [text for text in written.text["th"] if text]
    assert heads[:5] == ["Clip", "Motion", "Prompt weight", "State", "Keeps time"]
    assert "Why it failed" not in heads  # nothing did


def test_what_all_cells_share_is_listed_once(written, cover, song):
    rows = len(written.text["th"]) - written.text["th"].index("Picture")
    shared = dict(zip(written.text["th"][-rows:], written.text["td"][-rows:], strict=True))

    assert shared["Picture"] == cover.name
    assert shared["Song"] == song.name
    assert (shared["Length"], shared["Shape"], shared["Prompt"]) == ("3 s", "1:1", "fast pan right")
    assert {"Motion", "Prompt weight"}.isdisjoint(shared)


def test_a_large_film_is_named_instead_of_put_in(small_sweep, tmp_path, monkeypatch):
    monkeypatch.setattr(report_page, "MAX_VIDEO_BYTES", 1000)

    page = Page(save_sweep_page(small_sweep, tmp_path / "page.html"))

    assert page.all("video") == []
    assert "it is in the file sheet.mp4" in words(page)


def test_no_figure_is_opened(small_sweep, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a figure was opened")

    monkeypatch.setattr(plt, "figure", refuse)
    save_sweep_page(small_sweep, tmp_path / "page.html")


def test_a_sweep_that_has_just_begun_has_a_page(unmade):
    """In its own folder, by default; texts in it are only text."""
    path = save_sweep_page(unmade)
    page = Page(path)

    assert path == unmade.out / "index.html"
    assert page.all("img") == page.all("video") == page.all("script") == []
    assert [p.get("class") for p in page.all("p")][:2] == ["result", "notice"]
    assert "no clip is done" in words(page)
    assert page.text["td"].count(NASTY) == 2
    assert page.text["td"].count("not made yet") == 4
    assert [file.name for file in unmade.out.iterdir()] == ["index.html"]


def test_a_failure_is_told_and_texts_are_only_text(unmade, monkeypatch):
    """Of clips that cannot be decoded, too: the table and the plots rest on what was measured before."""
    from s2v_nb.errors import GenerationError

    for cell in unmade.cells[:3]:
        leave(cell)
    bad = unmade.cells[3]
    bad.folder.mkdir(parents=True)
    for _ in range(2):
        bad.attempts.begun(0.0).failed(GenerationError("failed.disk", name=NASTY, why="full"))
    page = Page(save_sweep_page(unmade))

    assert page.all("script") == []
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert len(page.all("img")) == 2
    assert any(NASTY in text and "full" in text for text in page.text["td"])
    assert "failed" in page.text["td"]


def test_a_series_has_a_page(cover, song, tmp_path):
    """Its pictures are in the table, not among what all share."""
    other = tmp_path / "other.png"
    other.write_bytes(cover.read_bytes())
    series = Series([cover, other], [song], BASE, out=tmp_path / "mine")
    page = Page(save_sweep_page(series))

    assert page.text["h1"] == ["Series mine"]
    assert page.text["td"].count("other.png") == 1
    assert page.text["td"].count(song.name) == 3  # a cell each, and once for all
    assert page.text["th"].count("Picture") == 1


def test_the_page_speaks_chinese(unmade, monkeypatch):
    monkeypatch.setenv("S2V_NB_LANGUAGE", "zh")
    page = Page(save_sweep_page(unmade))

    assert page.all("html") == [{"lang": "zh-CN"}]
    assert page.text["h1"] == ["扫描 sweep"]
    assert page.text["td"].count("尚未生成") == 4
    assert "（无提示词）" in page.text["td"]


def test_every_column_has_a_name_and_is_one_of_the_table(small_sweep):
    from s2v_nb.errors import say

    assert set(COLUMNS) <= set(small_sweep.rows()[0])
    assert all(say(f"view.column.{name}", lang) for name in COLUMNS for lang in ("en", "zh"))
