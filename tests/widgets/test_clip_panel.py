"""`ClipPanel` shows the clip of the workspace with all that is known of it."""

import base64
import re
import time

import numpy as np
import pytest

from s2v_nb.errors import InputError
from s2v_nb.jobs import Job, Task
from s2v_nb.widgets import clip_panel
from s2v_nb.widgets.clip_panel import ClipPanel
from s2v_nb.widgets.media import Media
from s2v_nb.workspace import Workspace
from tests.widgets.runs import add_run, measure


@pytest.fixture(scope="module")
def measured(clip, song):
    measure(clip, song)
    return clip


@pytest.fixture
def workspace(tmp_path, measured):
    """Two clips, the newer one with more motion."""
    now = time.time()
    add_run(measured, tmp_path / "runs", "a" * 12, when=now - 500, motion="low", seed=3)
    add_run(measured, tmp_path / "runs", "b" * 12, when=now - 100)
    made = Workspace(tmp_path, language="en")
    yield made
    made.close()


def text(widget) -> str:
    return re.sub(r"<[^>]+>", " ", widget.value)


def test_without_a_clip_there_is_a_friendly_line(tmp_path):
    workspace = Workspace(tmp_path, language="en")
    panel = ClipPanel(workspace)
    workspace.close()

    assert "No clip yet" in text(panel.empty)
    assert panel.empty.layout.display == ""
    assert panel.tabs.layout.display == "none"
    assert panel.player.file == {}


def test_the_clip_is_shown_with_its_verdict(workspace):
    panel = ClipPanel(workspace)

    workspace.shown = workspace.history[0]

    assert panel.tabs.layout.display == ""
    assert panel.player.file["size"] == workspace.shown.path.stat().st_size
    assert panel.player.file["name"] == "song-bbbbbb.mp4"
    assert "854x480" in panel.player.alt
    scores = workspace.shown.scores
    row = scores["scores"][scores["headline"]]
    assert f"phase locking R {row['r']:.2f}" in text(panel.verdict)
    assert 'role="status"' in panel.verdict.value
    assert "slow pan right" in text(panel.settings_table)
    workspace.shown = None
    assert panel.player.file == {}


def test_plots_are_loaded_only_when_their_tab_is_open(workspace):
    panel = ClipPanel(workspace)
    workspace.shown = workspace.history[0]
    beats, alignment = (panel.plots[name].picture for name in ("beats", "alignment"))
    assert (beats.file, alignment.file) == ({}, {})

    panel.tabs.selected_index = 1
    assert beats.file["size"] == workspace.shown.beats_plot.stat().st_size
    assert alignment.file == {}
    panel.tabs.selected_index = 2
    assert alignment.file["name"] == "alignment.png"
    assert "phase locking" in alignment.alt


def test_what_is_measured_later_appears_by_itself(workspace, measured):
    """First the clip alone, then its plots and scores."""
    panel = ClipPanel(workspace)
    panel.tabs.selected_index = 1
    only = ("clip.mp4", "spec.json")
    made = add_run(measured, workspace.runs, "c" * 12, when=time.time(), only=only)
    workspace.look_at_folder()
    workspace.shown = made
    assert "measuring" in text(panel.verdict)
    assert "measuring" in text(panel.plots["beats"].line)
    assert panel.plots["beats"].picture.file == {}

    for name in ("beats.png", "alignment.png", "alignment.json"):
        (made.path.parent / name).write_bytes((measured.path.parent / name).read_bytes())
    workspace.look_at_folder()

    assert "measuring" not in text(panel.verdict)
    assert text(panel.plots["beats"].line).strip() == ""
    assert panel.plots["beats"].picture.file["name"] == "beats.png"


def test_a_clip_that_nobody_measured_says_so(workspace, measured):
    panel = ClipPanel(workspace)
    only = ("clip.mp4", "spec.json")
    workspace.shown = add_run(measured, workspace.runs, "c" * 12, when=time.time() - 5000, only=only)

    assert "was not measured" in text(panel.verdict)


def test_a_measuring_that_failed_says_why(workspace, measured):
    panel = ClipPanel(workspace)
    made = add_run(measured, workspace.runs, "c" * 12, when=time.time() - 50)
    (made.path.parent / "alignment.json").write_text('{"error": ["failed.encoder", {"why": "<i>"}]}')
    workspace.look_at_folder()

    workspace.shown = workspace.history[0]

    assert "Writing the video failed (&lt;i&gt;)" in panel.verdict.value


def test_generate_again_changes_the_seed_only(workspace, cover, song, monkeypatch):
    """The settings of the clip on show come back, whatever was chosen since."""
    panel = ClipPanel(workspace)
    workspace.shown = workspace.history[1]
    workspace.use(image=cover, audio=song)
    workspace.change(prompt="something else")
    asked = []
    monkeypatch.setattr(workspace, "generate", lambda: asked.append(workspace.settings))

    panel.again.click()

    assert asked[0].seed != 3
    assert asked[0].but(seed=3) == workspace.shown.settings


def test_generate_again_never_draws_the_same_seed(workspace, cover, song, monkeypatch):
    workspace.use(image=cover, audio=song)
    panel = ClipPanel(workspace)
    workspace.shown = workspace.history[1]
    monkeypatch.setattr(workspace, "generate", lambda: None)

    for drawn in (0, clip_panel.SEEDS - 2):
        monkeypatch.setattr(clip_panel.secrets, "randbelow", lambda high, drawn=drawn: drawn)
        panel.generate_again()
        assert workspace.settings.seed != 3
        assert 0 <= workspace.settings.seed < clip_panel.SEEDS


def test_generate_again_without_its_own_picture_changes_nothing_and_names_it(workspace, song):
    panel = ClipPanel(workspace)
    workspace.use(image=np.zeros((100, 200, 3), np.uint8), audio=song)
    workspace.shown = workspace.history[0]
    workspace.change(prompt="mine")

    panel.again.click()

    assert workspace.message.key == "studio.other_source"
    assert workspace.message.values["name"] == "cover.png"
    assert workspace.settings.prompt == "mine"
    with pytest.raises(InputError):
        panel.generate_again()


def test_compare_shows_the_clip_before_and_what_differs(workspace):
    panel = ClipPanel(workspace)
    newer, older = workspace.history
    workspace.shown = newer
    assert panel.beside.layout.display == "none"
    assert panel.other.file == {}

    panel.compare.value = True

    assert panel.beside.layout.display == ""
    assert panel.other.file["size"] == older.path.stat().st_size
    assert panel.player.group == panel.other.group != ""
    words = re.sub(r"\s+", " ", text(panel.difference))
    assert "Motion high low" in words
    assert "Seed 0 3" in words
    assert "Resolution" not in words
    assert "Phase locking R" in words
    panel.compare.value = False
    assert panel.other.file == {}
    workspace.shown = older
    assert panel.compare.disabled


def test_notes_of_the_job_are_shown_with_its_clip_only(workspace):
    panel = ClipPanel(workspace)
    newer, older = workspace.history
    task = Task.submit(workspace.tasks, "clip")
    notes = [["notice.unknown_words", {"words": "<u>flurb</u>"}]]
    task.end("done", clip=str(newer.path), seconds=1.0, notes=notes, cached=False)
    workspace.job = Job(task)

    workspace.shown = newer
    assert "not known and had no effect: &lt;u&gt;flurb" in panel.notes.value
    workspace.shown = older
    assert panel.notes.value == ""


def test_generate_again_waits_for_the_job_that_runs(workspace):
    panel = ClipPanel(workspace)
    workspace.shown = workspace.history[0]
    job = workspace.job = Job(Task.submit(workspace.tasks, "clip"))
    assert panel.again.disabled

    job.task.end("stopped")
    job.refresh()

    assert not panel.again.disabled


def test_the_language_can_be_switched(workspace):
    panel = ClipPanel(workspace)
    workspace.shown = workspace.history[0]

    workspace.language = "zh"

    assert panel.tabs.titles == ("片段", "节拍", "同步", "设置")
    assert panel.player.words["download"] == "下载"
    assert "相位锁定" in text(panel.verdict)
    assert panel.again.description == "再次生成"


def test_plain_panels_have_no_front_end(workspace, monkeypatch):
    monkeypatch.chdir(workspace.folder)
    panel = ClipPanel(workspace, plain=True)
    other = ClipPanel(workspace)
    workspace.shown = workspace.history[0]

    panel.tabs.selected_index = 1
    panel.compare.value = True

    assert not isinstance(panel.player, Media)
    for player, made in ((panel.player, workspace.shown), (panel.other, workspace.history[1])):
        assert base64.b64encode(made.path.read_bytes()).decode() in player.outputs[0]["data"]["text/html"]
    assert panel.plots["beats"].picture.value == workspace.shown.beats_plot.read_bytes()
    assert other.player.file["size"] == workspace.shown.path.stat().st_size
