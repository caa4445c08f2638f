"""`Media` gives a file's bytes to its front end, and no other file's."""

import base64
import os

import ipywidgets
import pytest

from s2v_nb.widgets.media import PART_BYTES, Media, PlainPicture, PlainVideo, token_of
from tests.widgets.runs import from_browser, outbox


@pytest.fixture
def media():
    errors = []
    made = Media(errors.append)
    made.errors = errors
    return made


def collect(media, sent, token, size) -> bytes:
    """Ask for all parts as the front end does."""
    found = b""
    while len(found) < size:
        from_browser(media, do="get", reader="a", token=token, at=len(found))
        content, buffers = sent.pop()
        assert content == {"do": "part", "reader": "a", "token": token, "at": len(found)}
        assert len(buffers[0]) <= PART_BYTES
        found += buffers[0]
    return found


def test_a_clip_arrives_byte_for_byte(media, clip):
    """The parts together are the file, and no trait holds any of them."""
    sent = outbox(media)

    media.show(clip.path, alt="a clip")

    assert media.file["kind"] == "video"
    assert media.file["type"] == "video/mp4"
    assert media.file["size"] == clip.path.stat().st_size
    assert collect(media, sent, media.file["token"], media.file["size"]) == clip.path.read_bytes()
    state = media.get_state()
    assert sum(len(str(value)) for key, value in state.items() if key not in ("_esm", "_css")) < 2000


def test_a_file_of_several_parts_arrives_whole(media, tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(2 * PART_BYTES + 17))
    sent = outbox(media)

    media.show(path)

    assert media.file["kind"] == ""
    assert collect(media, sent, media.file["token"], media.file["size"]) == path.read_bytes()


def test_only_files_that_are_shown_are_read(media, clip, tmp_path):
    """The token of another file, a path, and nonsense get nothing."""
    other = tmp_path / "secret.txt"
    other.write_text("secret")
    media.show(clip.path)
    sent = outbox(media)

    for token, at in [(token_of(other), 0), (str(other), 0), (None, 0), ([], 0), (media.file["token"], -1),
                      (media.file["token"], "0"), (media.file["token"], None)]:  # fmt: skip
        from_browser(media, do="get", reader="a", token=token, at=at)

    assert [content["do"] for content, _ in sent] == ["gone"] * 7
    assert not any(buffers for _, buffers in sent)
    assert not media.errors


def test_a_file_that_was_shown_before_is_not_read_any_more(media, clip, cover):
    media.show(cover)
    old = media.file["token"]
    media.show(clip.path)
    sent = outbox(media)

    from_browser(media, do="get", reader="a", token=old, at=0)

    assert sent == [({"do": "gone", "reader": "a", "token": old, "at": 0}, [])]


def test_a_file_that_vanished_is_said_to_be_gone(media, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"12345")
    media.show(path)
    sent = outbox(media)

    path.unlink()
    from_browser(media, do="get", reader="a", token=media.file["token"], at=0)
    assert sent[0][0]["do"] == "gone"

    media.show(path)
    assert media.file == {"gone": True}
    media.show(None)
    assert media.file == {}


def test_a_file_that_is_written_anew_is_shown_anew(media, tmp_path):
    """Parts of two states are never mixed: the old token gives nothing, and a new one follows."""
    path = tmp_path / "a.png"
    path.write_bytes(b"12345")
    media.show(path, alt="plot", name="plot.png")
    old = media.file["token"]
    path.write_bytes(b"123456789")
    sent = outbox(media)

    from_browser(media, do="get", reader="a", token=old, at=0)

    assert sent[0][0]["do"] == "gone"
    assert media.file["token"] != old
    assert (media.file["size"], media.file["name"], media.alt) == (9, "plot.png", "plot")


def test_any_file_can_be_offered_for_download(media, clip, cover):
    """The shown file stays, and the offered one can be read."""
    media.show(clip.path)
    sent = outbox(media)

    media.download(cover, "my cover.png")

    (content, _), *_ = sent
    assert content["do"] == "download"
    assert content["file"]["name"] == "my cover.png"
    sent.clear()
    assert collect(media, sent, content["file"]["token"], content["file"]["size"]) == cover.read_bytes()
    with pytest.raises(FileNotFoundError):
        media.download(cover.parent / "none.png")


def test_plain_widgets_show_the_same(clip, cover, monkeypatch):
    """A film in the page itself, a large one by its address relative to the notebook; a picture by its bytes."""
    monkeypatch.chdir(clip.path.parent.parent)
    video, picture = PlainVideo(), PlainPicture()
    video.speak(lambda key: key)

    video.show(clip.path, alt="<b>", name="clip.mp4")
    picture.show(cover, alt="cover")

    page = video.outputs[0]["data"]["text/html"]
    assert base64.b64encode(clip.path.read_bytes()).decode() in page
    monkeypatch.setattr("s2v_nb.widgets.media.MOST_PLAIN_BYTES", 10)
    video.show(clip.path)
    assert f'src="{clip.path.parent.name}/clip.mp4"' in video.outputs[0]["data"]["text/html"]
    assert "muted" in page
    assert "autoplay" in page
    assert "&lt;b&gt;" in page
    assert 'download="clip.mp4"' in page
    assert picture.value == cover.read_bytes()
    assert isinstance(picture, ipywidgets.Image)
    video.show(None)
    picture.show(None)
    assert (video.outputs, picture.value) == ((), b"")
