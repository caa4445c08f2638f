"""`ImageUpload` shows the workspace's picture and sets it, with and without front ends."""

import io
import shutil
from datetime import UTC, datetime

import numpy as np
import PIL.Image
import pytest

from s2v_nb.media import load_image
from s2v_nb.samples import sample_image
from s2v_nb.widgets.image_upload import ImageUpload
from s2v_nb.widgets.stage import small_jpeg
from s2v_nb.workspace import Workspace


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return sample_image(tmp_path_factory.mktemp("sample") / "moon.png")


@pytest.fixture
def folder(tmp_path, sample):
    shutil.copy(sample, tmp_path / "moon.png")
    PIL.Image.effect_noise((400, 300), 90).convert("RGB").save(tmp_path / "noise.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    return tmp_path


@pytest.fixture
def workspace(folder):
    made = Workspace(folder, language="en")
    yield made
    made.close()


@pytest.fixture(params=[False, True], ids=["fronts", "plain"])
def panel(request, workspace):
    return ImageUpload(workspace, plain=request.param)


def stage_says(panel, **content):
    panel._stage._handle_custom_msg(content, [])


def lines(panel):
    return panel._about.value if panel.plain else " ".join([panel._stage.caption, *panel._stage.lines])


def point(panel):
    return (panel._x.value, panel._y.value) if panel.plain else tuple(panel._stage.subject)


def test_alone_it_shows_what_it_is_given(folder):
    panel = ImageUpload(image=folder / "moon.png", language="en")

    assert panel.image.size == (1920, 1280)
    assert "moon.png, 1920 x 1280 pixels" in lines(panel)
    panel.workspace.close()


def test_plain_has_no_front_end(workspace):
    panel = ImageUpload(workspace, plain=True)
    waiting, modules = list(panel.children), set()
    while waiting:
        widget = waiting.pop()
        modules.add(widget._view_module)
        waiting += getattr(widget, "children", ())

    assert "anywidget" not in modules


def test_the_list_holds_the_folders_pictures(panel, workspace, folder):
    """Files that come later appear by themselves."""
    assert set(dict(panel._pictures.options).values()) == {"", "moon.png", "noise.jpg", "broken.jpg"}

    (folder / "later.webp").write_bytes(b"x")
    workspace.look_at_folder()

    assert "later.webp" in dict(panel._pictures.options).values()
    assert workspace.image is None


def test_picking_one_loads_it_and_both_panels_show_it(panel, workspace):
    other = ImageUpload(workspace, plain=not panel.plain)
    panel._pictures.value = "noise.jpg"

    assert workspace.image.name == "noise.jpg"
    assert other._pictures.value == "noise.jpg"
    for each in (panel, other):
        assert "noise.jpg, 400 x 300 pixels" in lines(each)
        assert "enlarged 3.2 times" in lines(each)


def test_a_picture_that_cannot_be_used_is_a_message_and_the_old_one_stays(panel, workspace):
    panel._pictures.value = "moon.png"
    panel._pictures.value = "broken.jpg"

    assert workspace.message.key == "image.format"
    assert workspace.image.name == "moon.png"
    assert panel._pictures.value == "moon.png"

    panel._pictures.value = "noise.jpg"
    assert workspace.message is None


def test_the_sample_is_a_picture_of_the_folder(workspace):
    panel = ImageUpload(workspace)
    for _ in range(2):
        panel._sample.click()
        panel._drawing.join()

    assert workspace.image.size == (1920, 1280)
    assert workspace.pictures.count("uploads/sample_cover.png") == 1
    assert panel._pictures.value == "uploads/sample_cover.png"
    assert not panel._sample.disabled


def test_the_point_follows_the_settings(panel, workspace):
    workspace.use(image="moon.png")
    found = point(panel)
    assert abs(found[0] - 0.64) < 0.05  # the moon
    assert abs(found[1] - 0.32) < 0.05

    workspace.change(subject=(0.2, 0.9))
    assert point(panel) == (0.2, 0.9)
    assert "near the edge" in lines(panel)

    workspace.change(subject=None)
    assert point(panel) == found


def test_a_point_belongs_to_its_picture(panel, workspace):
    """Another picture finds its own subject; the same one keeps the point."""
    panel._pictures.value = "moon.png"
    workspace.change(subject=(0.2, 0.9))
    panel._pictures.value = ""
    assert workspace.settings.subject == (0.2, 0.9)

    panel._pictures.value = "noise.jpg"
    assert workspace.settings.subject is None


def test_dragging_and_finding_set_the_subject(workspace):
    panel = ImageUpload(workspace, image="moon.png")
    stage_says(panel, do="subject", x=0.25, y=0.74999)
    assert workspace.settings.subject == (0.25, 0.75)
    assert not panel._stage.found

    stage_says(panel, do="auto")
    assert workspace.settings.subject is None
    assert panel._stage.found


@pytest.mark.parametrize("x", [-0.1, 1.1, float("nan"), "0.5", None])
def test_points_outside_are_a_message(workspace, x):
    panel = ImageUpload(workspace, image="moon.png")
    stage_says(panel, do="subject", x=x, y=0.5)

    assert workspace.message.key == "settings.subject"
    assert workspace.settings.subject is None


def test_the_sliders_set_the_subject(workspace):
    panel = ImageUpload(workspace, plain=True, image="moon.png")
    assert workspace.settings.subject is None

    panel._x.value = 0.25
    assert workspace.settings.subject == (0.25, pytest.approx(panel._y.value))


def test_the_frame_follows_shape_and_fit(workspace):
    stage = ImageUpload(workspace, image="moon.png")._stage
    assert stage.frame == pytest.approx([0, 0, 1, 0.84375])

    workspace.change(subject=(0.5, 1.0))
    assert stage.frame == pytest.approx([0, 0.15625, 1, 1])
    workspace.change(aspect="1:1")
    assert stage.frame == pytest.approx([1 / 6, 0, 5 / 6, 1])
    workspace.change(aspect="9:16")
    assert stage.frame == [0, 0, 1, 1]
    workspace.change(fit="crop")
    assert stage.frame == pytest.approx([0.3125, 0, 0.6875, 1])


def test_the_small_copy_travels_when_asked_and_is_no_trait(workspace):
    panel = ImageUpload(workspace, image="moon.png")
    sent = []
    panel._stage.send = lambda content, buffers=None: sent.append((content, buffers))
    token = panel._stage.picture["token"]
    stage_says(panel, do="fetch", token="another")
    stage_says(panel, do="fetch", token=token)

    ((content, (jpeg,)),) = sent
    assert content == {"do": "pixels", "token": token}
    assert PIL.Image.open(io.BytesIO(jpeg)).size == (480, 320)
    state = panel._stage.get_state()
    assert sum(len(str(value)) for name, value in state.items() if name not in ("_esm", "_css")) < 3000


def test_the_small_copy_looks_like_the_picture(folder):
    image = load_image(folder / "moon.png")
    small = np.asarray(PIL.Image.open(io.BytesIO(small_jpeg(image)))).astype(float)
    expected = np.asarray(PIL.Image.fromarray(image.pixels).resize((480, 320), PIL.Image.Resampling.BOX)).astype(float)

    assert np.abs(small - expected).mean() < 4


def test_an_upload_becomes_the_picture(workspace, folder):
    """Through the front end's messages; the refused one is gone again."""
    panel = ImageUpload(workspace)
    for name in ("noise.jpg", "broken.jpg"):
        content = (folder / name).read_bytes()
        panel._upload._handle_custom_msg({"do": "begin", "id": name, "name": "up.jpg", "size": len(content)}, [])
        panel._upload._handle_custom_msg({"do": "chunk", "id": name, "offset": 0}, [memoryview(content)])

    assert workspace.image.path == folder / "uploads" / "up.jpg"
    assert panel._pictures.value == "uploads/up.jpg"
    assert workspace.message.key == "image.format"
    assert [path.name for path in (folder / "uploads").iterdir()] == ["up.jpg"]


def test_a_plain_upload_becomes_the_picture(workspace, folder):
    panel = ImageUpload(workspace, plain=True)
    content = (folder / "noise.jpg").read_bytes()
    sent = {"name": "../up.jpg", "type": "image/jpeg", "size": len(content), "content": memoryview(content)}
    sent["last_modified"] = datetime.now(UTC)
    panel._file.value = (sent,)

    assert workspace.image.path == folder / "uploads" / "up.jpg"
    assert panel._file.value == ()


def test_no_picture_any_more(panel, workspace):
    workspace.use(image="moon.png")
    workspace.use(image=None)

    assert "No picture yet." in lines(panel)
    assert panel._pictures.value == ""


def test_names_are_text(workspace, folder):
    (folder / "noise.jpg").rename(folder / "<img src=x onerror=1>.jpg")
    panel = ImageUpload(workspace, plain=True, image="<img src=x onerror=1>.jpg")

    assert "&lt;img" in panel._about.value
    assert "<img" not in panel._about.value


def test_the_language_can_change(panel, workspace):
    workspace.use(image="noise.jpg")
    workspace.language = "zh"

    assert "400 x 300 像素" in lines(panel)
    assert "放大" in lines(panel)
    assert panel._pictures.description == "图片"
    words = [panel._file.description] if panel.plain else [*panel._upload.words.values(), *panel._stage.words.values()]
    assert all(any(ord(c) > 0x2E80 for c in word) for word in words)
