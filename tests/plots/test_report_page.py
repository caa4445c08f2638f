"""The report is one HTML file that needs nothing, runs nothing, and takes no name for markup."""

import base64
import io
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import imageio_ffmpeg
import matplotlib.pyplot as plt
import PIL.Image
import pytest

import s2v_nb.plots.report as page
from s2v_nb import InputError, measure_alignment
from s2v_nb.alignment import EventScores
from s2v_nb.engines import Notice
from s2v_nb.plots.report import KINDS, MEASURES, WORDS, save_report

NASTY = "<img src=x onerror=alert(1)>.mp4"
VOID = {"meta", "img"}


class Page(HTMLParser):
    """What a report holds: tags with their attributes, text by tag; every tag must be closed in order."""

    def __init__(self, path: Path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text: dict[str, list[str]] = {}
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and data.strip():
            self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(clip):
    return measure_alignment(clip)


@pytest.fixture
def written(clip, report, tmp_path) -> Page:
    return Page(save_report(clip, tmp_path / "report.html", report=report))


def film(path: Path, *, sound: bool) -> Path:
    """Three seconds by another programme."""
    heard = ["-f", "lavfi", "-i", "sine=220:duration=3"] if sound else []
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-f", "lavfi", "-i",
               "testsrc=size=160x96:rate=24:duration=3", *heard, "-pix_fmt", "yuv420p", path]  # fmt: skip
    subprocess.run(command, check=True)
    return path


def test_the_report_needs_nothing_beside_it(written):
    """All pictures and the film are inside; there is no address in it."""
    sources = [attributes["src"] for tag in ("img", "video") for attributes in written.all(tag)]

    assert len(sources) == 7
    assert all(source.startswith("data:") for source in sources)
    assert "://" not in written.source
    assert {tag for tag, _ in written.tags}.isdisjoint({"script", "link", "iframe", "object", "embed", "a", "form"})


def test_the_report_allows_no_script(written):
    policy = next(m["content"] for m in written.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(maxsplit=1) for rule in policy.split(";"))

    assert rules["default-src"] == "'none'"
    assert "script-src" not in rules
    assert rules["img-src"] == rules["media-src"] == "data:"
    assert not [name for _, attributes in written.tags for name in attributes if name.startswith("on")]


def test_the_film_and_every_picture_can_be_read(written, clip):
    (video,) = written.all("video")
    assert base64.b64decode(video["src"].split(",")[1]) == clip.path.read_bytes()
    for image in written.all("img"):
        with PIL.Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1]))) as picture:
            assert picture.width >= 600
        assert image["alt"]


def test_the_numbers_are_those_of_the_report(written, report):
    """A table for each kind of event, the headline's first, a row for each measure with its level by chance."""
    assert report.sentence in written.text["p"]
    assert written.text["caption"][0] == KINDS[report.headline][0]
    assert len(written.text["caption"]) == len(report.scores)
    values = written.text["td"]
    scores = report.scores[report.headline]
    assert values[0] == str(scores.events)
    assert f"{scores.chance_r:.2f}" in values[:20]
    assert written.text["th"].count(MEASURES["p_songs"][0]) == len(report.scores)


def test_the_settings_are_those_of_the_clip(written, clip):
    values = written.text["td"]

    assert clip.settings.prompt in values
    assert "854 × 480" in values
    assert f"{clip.spec.engine} {clip.spec.engine_version}" in values


def test_texts_from_outside_are_only_text(clip, report, tmp_path):
    """A name, a prompt and a notice with markup in them are shown as they are."""
    named = Path(shutil.copy(clip.path, tmp_path / NASTY))
    spec = replace(clip.spec, settings=clip.settings.but(prompt="<script>alert(2)</script>"))
    evil = replace(
        clip, path=named, spec=spec, notes=(Notice("notice.unknown_words", {"words": "</p><b onclick='x'>"}),)
    )

    written = Page(save_report(evil, tmp_path / "r.html", report=replace(report, clip=NASTY)))

    assert "<script" not in written.source
    assert written.all("b") == []
    assert len(written.all("img")) == 6
    assert written.text["h1"] == [f"Report of {NASTY}"]
    assert "<script>alert(2)</script>" in written.text["td"]
    assert any("</p><b onclick='x'>" in text for text in written.text["p"])


def test_a_name_that_is_no_unicode_is_written(clip, report, tmp_path):
    named = Path(shutil.copy(clip.path, tmp_path / "\udcff.mp4"))

    assert Page(save_report(named, tmp_path / "r.html", report=report)).text["h1"] == ["Report of ?.mp4"]


def test_a_large_film_is_named_instead_of_put_in(clip, report, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MAX_VIDEO_BYTES", clip.path.stat().st_size - 1)

    written = Page(save_report(clip, tmp_path / "r.html", report=report))

    assert written.all("video") == []
    assert any("clip.mp4" in text and "left out" in text for text in written.text["p"])


def test_any_film_has_a_report(tmp_path):
    """Of a film made elsewhere there are no settings; what cannot be measured is said."""
    written = Page(save_report(film(tmp_path / "other.mp4", sound=True), tmp_path / "r.html"))

    assert WORDS["settings"][0] not in written.text["h2"]
    assert "not enough evidence" in " ".join(written.text["p"])
    assert "caption" not in written.text
    assert len(written.all("img")) == 5  # no phase rose


def test_a_film_without_sound_has_a_report_that_says_so(tmp_path):
    written = Page(save_report(film(tmp_path / "mute.mp4", sound=False), tmp_path / "r.html"))

    assert len(written.all("video")) == 1
    assert written.all("img") == []
    assert [attributes.get("class") for attributes in written.all("p")] == ["notice"]


def test_what_is_no_film_is_refused_and_nothing_is_written(tmp_path):
    (tmp_path / "no.mp4").write_text("hello")

    with pytest.raises(InputError, match=r"no\.mp4"):
        save_report(tmp_path / "no.mp4", tmp_path / "r.html")
    assert [p.name for p in tmp_path.iterdir()] == ["no.mp4"]


def test_no_figure_is_opened(clip, report, tmp_path, monkeypatch):
    """Neither left open nor opened at all: pyplot, which may own windows, takes no part."""

    def refuse(*args, **kwargs):
        raise AssertionError("a figure was opened")

    monkeypatch.setattr(plt, "figure", refuse)
    before = plt.get_backend()
    save_report(clip, tmp_path / "r.html", report=report)

    assert plt.get_fignums() == []
    assert plt.get_backend() == before


def test_the_report_speaks_chinese(clip, report, tmp_path, monkeypatch):
    monkeypatch.setenv("S2V_NB_LANGUAGE", "zh")

    written = Page(save_report(clip, tmp_path / "r.html", report=report))

    assert written.all("html") == [{"lang": "zh-CN"}]
    assert written.text["h1"] == ["clip.mp4 的报告"]
    assert written.text["h2"] == [WORDS[key][1] for key in ("alignment", "music", "settings")]


def test_every_measure_has_a_name_in_both_languages():
    """A new measure must not show as the name of a variable."""
    names = {name for name in EventScores.__dataclass_fields__ if not name.startswith("chance_")}

    assert names == set(MEASURES)
    assert all(len(pair) == 2 and all(pair) for table in (WORDS, KINDS, MEASURES) for pair in table.values())
