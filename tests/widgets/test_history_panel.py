"""`HistoryPanel` lists the finished clips and does with them what a person asks."""

import io
import time

import PIL.Image
import pytest

from s2v_nb.widgets.history_panel import HistoryPanel
from s2v_nb.workspace import Workspace
from tests.widgets.runs import add_run, from_browser, measure, outbox

NAMES = ["c" * 12, "b" * 12, "a" * 12]


@pytest.fixture(scope="module")
def measured(clip, song):
    measure(clip, song)
    return clip


@pytest.fixture
def workspace(tmp_path, measured):
    """Three clips; the newest was not measured."""
    now = time.time()
    runs = tmp_path / "runs"
    add_run(measured, runs, NAMES[2], when=now - 500, motion="low", seed=3)
    add_run(measured, runs, NAMES[1], when=now - 300, prompt="<img src=x onerror=alert(1)>")
    add_run(measured, runs, NAMES[0], when=now - 100, prompt="", only=("clip.mp4", "spec.json"))
    made = Workspace(tmp_path, language="en")
    yield made
    made.close()


def test_cards_tell_what_each_clip_is(workspace):
    """The newest first; small, because they are traits."""
    panel = HistoryPanel(workspace)
    newest, _, oldest = panel.gallery.cards

    assert [card["id"] for card in panel.gallery.cards] == NAMES
    assert oldest["title"] == "slow pan right, subtle glow"
    assert oldest["line"] == "motion low, 8 s, 854x480, 30 fps, seed 3"
    scores = workspace.history[2].scores
    assert f"R {scores['scores'][scores['headline']]['r']:.2f}" in oldest["verdict"]
    assert oldest["poster"]
    assert (newest["title"], newest["verdict"], newest["poster"]) == ("(no prompt)", "", "")
    assert len(str(panel.gallery.cards)) < 2000


def test_thumbnails_are_small_and_sent_when_asked_for(workspace):
    gallery = HistoryPanel(workspace).gallery
    sent = outbox(gallery)
    poster = gallery.cards[2]["poster"]

    from_browser(gallery, do="poster", id=NAMES[2], poster=poster)
    from_browser(gallery, do="poster", id=NAMES[0], poster="")
    from_browser(gallery, do="poster", id="../../etc", poster="x")

    ((content, (picture,)),) = sent
    assert content == {"do": "poster", "id": NAMES[2], "poster": poster}
    opened = PIL.Image.open(io.BytesIO(picture))
    assert opened.format == "JPEG"
    assert max(opened.size) == 240


def test_a_card_that_is_chosen_is_shown(workspace):
    panel, other = HistoryPanel(workspace), HistoryPanel(workspace, plain=True)

    from_browser(panel.gallery, do="act", what="show", id=NAMES[1])

    assert workspace.shown == workspace.history[1]
    assert panel.gallery.current == other.gallery.current == NAMES[1]


def test_settings_of_a_card_can_be_used(workspace):
    panel = HistoryPanel(workspace)

    from_browser(panel.gallery, do="act", what="use", id=NAMES[2])

    assert workspace.settings == workspace.history[2].settings
    assert workspace.settings.seed == 3


def test_a_deleted_clip_is_gone_from_the_disk(workspace):
    """And from the page, if it was on show; the others stay."""
    panel = HistoryPanel(workspace)
    workspace.shown = workspace.history[1]
    folder = workspace.shown.path.parent

    from_browser(panel.gallery, do="act", what="forget", id=NAMES[1])

    assert not folder.exists()
    assert workspace.shown is None
    assert [card["id"] for card in panel.gallery.cards] == [NAMES[0], NAMES[2]]
    assert panel.gallery.current == ""


def test_a_clip_that_is_gone_gives_a_sentence(workspace):
    panel = HistoryPanel(workspace)

    from_browser(panel.gallery, do="act", what="forget", id="no such clip")

    assert workspace.message.key == "studio.history.gone"
    assert len(panel.gallery.cards) == 3


def test_the_language_can_be_switched(workspace):
    panel = HistoryPanel(workspace)

    workspace.language = "zh"

    assert panel.gallery.words["use"] == "使用这些设置"
    assert panel.gallery.cards[2]["line"] == "运动弱，8 秒，854x480，30 fps，种子 3"


def test_the_plain_list_does_the_same(workspace):
    """Choosing shows, deleting asks first, and a list that changes chooses nothing by itself."""
    panel = HistoryPanel(workspace, plain=True)
    plain = panel.gallery
    assert workspace.shown is None
    assert plain.list.value is None
    assert "slow pan right" in plain.list.options[2][0]

    plain.list.value = NAMES[2]
    assert workspace.shown == workspace.history[2]
    plain.use.click()
    assert workspace.settings.seed == 3

    plain.delete.click()
    assert plain.asking.layout.display == ""
    plain.keep.click()
    assert plain.asking.layout.display == "none"
    assert len(workspace.history) == 3
    plain.delete.click()
    plain.confirm.click()
    assert [made.name for made in workspace.history] == NAMES[:2]
    assert workspace.shown is None
    assert plain.list.value is None


def test_the_plain_list_grows_without_choosing(workspace, measured):
    panel = HistoryPanel(workspace, plain=True)
    workspace.shown = workspace.history[1]

    add_run(measured, workspace.runs, "d" * 12, when=time.time())
    workspace.look_at_folder()

    assert panel.gallery.list.value == NAMES[1]
    assert workspace.shown.name == NAMES[1]
