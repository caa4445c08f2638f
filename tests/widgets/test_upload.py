"""Files come to the disk whole or not at all, whatever the page says."""

import hashlib
import os
import time

import pytest

from s2v_nb.errors import GenerationError, InputError
from s2v_nb.widgets import upload as module
from s2v_nb.widgets.upload import Incoming, Upload, keep_bytes, show_transfers, tidy_name
from s2v_nb.workspace import Workspace

MIB = 2**20


class Zone:
    """An `Upload` and what came of it; messages go through the same door as those of a page."""

    def __init__(self, folder, done=None):
        self.arrived, self.errors, self.sent = [], [], []
        self.upload = Upload(self.errors.append, folder=folder, accept="image/*", done=done or self.arrived.append)
        self.upload.send = lambda content, buffers=None: self.sent.append(content)

    def say(self, buffer=None, **content):
        self.upload._handle_custom_msg(content, [] if buffer is None else [memoryview(buffer)])

    def begin(self, name, size, key="a"):
        self.say(do="begin", id=key, name=name, size=size)

    def chunk(self, offset, piece, key="a", sha256=None):
        self.say(piece, do="chunk", id=key, offset=offset, sha256=sha256)

    def put(self, name, content, key="a", step=1000):
        """Upload as a well-behaved page does."""
        self.begin(name, len(content), key)
        for at in range(0, len(content), step):
            piece = content[at : at + step]
            self.chunk(at, piece, key, hashlib.sha256(piece).hexdigest())

    @property
    def error(self):
        return self.errors[-1].key


@pytest.fixture
def zone(tmp_path):
    return Zone(tmp_path / "uploads")


def files(zone):
    return {path.name: path.read_bytes() for path in zone.upload.folder.iterdir()}


def test_pieces_become_the_file(zone):
    """Nothing has the file's name before it is whole; each piece is confirmed."""
    content = os.urandom(2500)
    zone.begin("song.mp3", 2500)
    zone.chunk(0, content[:2000])
    assert [name for name in files(zone) if not name.startswith("upload.partial-")] == []
    assert zone.arrived == []

    zone.chunk(2000, content[2000:], sha256=hashlib.sha256(content[2000:]).hexdigest())

    assert files(zone) == {"song.mp3": content}
    assert zone.arrived == [zone.upload.folder / "song.mp3"]
    assert [(said["do"], said.get("received")) for said in zone.sent] == [
        ("go", None), ("have", 2000), ("have", 2500), ("done", None)
    ]  # fmt: skip
    assert zone.upload.progress == {}
    assert zone.errors == []


def test_same_content_is_kept_once_and_other_content_gets_a_number(zone):
    for content in (b"one", b"two", b"one", b"two", b"three"):
        zone.put("a.png", content)

    assert files(zone) == {"a.png": b"one", "a-2.png": b"two", "a-3.png": b"three"}
    assert [path.name for path in zone.arrived] == ["a.png", "a-2.png", "a.png", "a-2.png", "a-3.png"]


def test_names_of_files_in_use_are_never_followed(zone, tmp_path):
    """A link that stands under the name is left alone, and so is what it points to."""
    zone.upload.folder.mkdir()
    target = tmp_path / "precious"
    (zone.upload.folder / "a.png").symlink_to(target)

    zone.put("a.png", b"new")

    assert not target.exists()
    assert (zone.upload.folder / "a-2.png").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "tidy"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\song.mp3", "song.mp3"),
        ("a\x00b\nc\u202e.png", "abc.png"),
        ("..", "upload"),
        ("", "upload"),
        (".hidden", "hidden"),
        ("x.partial-1.png", "x-1.png"),
        ('<b>"?*|:.png', "b.png"),
        ("\ud800.png", "png"),
        ("月亮 之 歌.jpg", "月亮 之 歌.jpg"),
        ("cafe\u0301.png", "café.png"),
    ],
)
def test_names_are_made_safe(name, tidy):
    assert tidy_name(name) == tidy


@pytest.mark.parametrize("letter", ["a", "月"])
def test_long_names_are_cut_and_keep_their_suffix(zone, letter):
    zone.put(letter * 5000 + ".jpeg", b"x")

    (name,) = files(zone)
    assert name.endswith(letter + ".jpeg")
    assert 100 < len(name.encode()) <= 120


@pytest.mark.parametrize(
    ("size", "key"),
    [(0, "upload.empty"), (1024 * MIB + 1, "upload.too_big"), (-1, "upload.broken"), (2.5, "upload.broken"),
     (True, "upload.broken"), ("9", "upload.broken"), (None, "upload.broken")],
)  # fmt: skip
def test_sizes_that_cannot_be_are_refused_before_the_first_byte(zone, size, key):
    zone.begin("a.png", size)

    assert zone.error == key
    assert zone.sent == [{"do": "stop", "id": "a"}]
    assert not zone.upload.folder.exists()


def test_a_name_that_is_no_text_is_refused(zone):
    zone.begin({"not": "text"}, 5)

    assert zone.error == "upload.broken"


@pytest.mark.parametrize(
    ("offset", "piece"),
    [(0, b"again"), (6, b"gap"), (-5, b"x"), ("5", b"x"), (5, b"more than announced"), (5, b""), (5, None)],
)
def test_pieces_that_do_not_fit_end_the_upload(zone, offset, piece):
    """Repeated, skipped, empty, too long: nothing is left, and the page is told to stop."""
    zone.begin("a.png", 10)
    zone.chunk(0, b"12345")
    zone.chunk(offset, piece)

    assert zone.error == "upload.broken"
    assert files(zone) == {}
    assert zone.sent[-1] == {"do": "stop", "id": "a"}
    assert zone.upload.progress == {}
    zone.put("a.png", b"1234567890")
    assert files(zone) == {"a.png": b"1234567890"}


def test_a_piece_that_changed_on_its_way_is_noticed(zone):
    zone.begin("a.png", 10)
    zone.chunk(0, b"12345", sha256=hashlib.sha256(b"12x45").hexdigest())

    assert zone.error == "upload.differs"
    assert files(zone) == {}


def test_pieces_of_an_upload_that_ended_change_nothing(zone):
    zone.begin("a.png", 10)
    zone.say(do="cancel", id="a")
    zone.chunk(0, b"12345")

    assert files(zone) == {}
    assert zone.sent[-1] == {"do": "stop", "id": "a"}
    assert zone.errors == []


def test_cancelling_leaves_nothing_and_concerns_one_zone(zone):
    other = Zone(zone.upload.folder)
    other.begin("b.png", 4)
    other.chunk(0, b"12")
    zone.begin("a.png", 10)
    zone.chunk(0, b"12345")

    zone.say(do="cancel", id="nobody")
    assert zone.upload.progress["received"] in (0, 5)
    zone.say(do="cancel", id="a")
    assert zone.upload.progress == {}
    other.chunk(2, b"34")

    assert files(zone) == {"b.png": b"1234"}
    assert zone.arrived == []


def test_a_new_file_takes_the_place_of_one_that_is_coming(zone):
    zone.begin("a.png", 10, "a")
    zone.chunk(0, b"12345", "a")
    zone.put("b.png", b"whole", "b")

    assert files(zone) == {"b.png": b"whole"}


def test_a_closed_zone_leaves_nothing(zone):
    zone.begin("a.png", 10)
    zone.upload.close()

    assert files(zone) == {}


def test_what_a_dead_kernel_left_is_cleaned_after_ten_minutes(zone):
    zone.upload.folder.mkdir()
    old, young = (zone.upload.folder / f"upload.partial-{n}-ab" for n in (1, 2))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 700,) * 2)

    zone.put("a.png", b"x")

    assert set(files(zone)) == {"a.png", young.name}


def test_an_upload_that_stands_still_is_given_up_when_a_page_asks(zone, monkeypatch):
    zone.begin("a.png", 10)
    zone.say(do="idle", id="a")
    assert zone.upload.progress["id"] == "a"

    monkeypatch.setattr(module, "IDLE_SECONDS", -1.0)
    zone.say(do="idle", id="a")

    assert zone.upload.progress == {}
    assert files(zone) == {}


def test_content_that_cannot_be_used_is_removed_again(tmp_path):
    """The reason is reported; what was there before stays."""

    def refuse(path):
        raise InputError("image.damaged", name=path.name)

    zone = Zone(tmp_path / "uploads", refuse)
    zone.upload.folder.mkdir()
    (zone.upload.folder / "old.png").write_bytes(b"old")
    zone.put("new.png", b"new")
    zone.put("old.png", b"old", "b")

    assert [error.key for error in zone.errors] == ["image.damaged"] * 2
    assert files(zone) == {"old.png": b"old"}
    assert zone.sent[-1] == {"do": "stop", "id": "b"}


def test_free_disk_is_looked_at_first(zone, tmp_path, monkeypatch):
    usage = module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=65 * MIB))

    zone.begin("a.png", 2 * MIB)

    assert zone.error == "upload.disk"
    assert "only 1 MiB" in zone.errors[0].sentence("en")
    assert files(zone) == {}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")  # noqa: PTH110
def test_a_disk_that_fills_gets_a_sentence(zone):
    zone.begin("a.png", 10)
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        zone.upload._incoming._file.close()
        zone.upload._incoming._file = full
        zone.chunk(0, b"12345")

    assert isinstance(zone.errors[0], GenerationError)
    assert "No space left" in zone.errors[0].sentence("en")
    assert files(zone) == {}
    assert zone.upload.progress == {}


def test_what_the_browser_cannot_read_is_said(zone):
    zone.begin("folder", 10)
    zone.say(do="unreadable", id="a", name="folder")

    assert zone.error == "upload.unreadable"
    assert files(zone) == {}


def test_progress_is_told_ten_times_a_second(zone):
    """A thousand quick pieces change the trait a few times, the first and the last among them."""
    told = []
    zone.upload.observe(lambda change: told.append(change["new"]), "progress")
    started = time.monotonic()
    zone.put("a.png", bytes(1_000_000))
    seconds = time.monotonic() - started

    assert [told[0]["received"], told[-2]["received"], told[-1]] == [0, 1_000_000, {}]
    assert told[0] == {"id": "a", "name": "a.png", "received": 0, "total": 1_000_000}
    assert len(told) <= 4 + 10 * seconds


def test_the_workspace_sees_what_is_on_its_way(zone, tmp_path):
    workspace = Workspace(tmp_path)
    other = Zone(tmp_path / "uploads")
    show_transfers(zone.upload, workspace)
    show_transfers(other.upload, workspace)
    zone.begin("a.png", 10)
    other.begin("b.png", 20)
    assert workspace.transfers == {"a.png": (0, 10), "b.png": (0, 20)}

    zone.say(do="cancel", id="a")
    assert workspace.transfers == {"b.png": (0, 20)}


def test_nothing_of_the_file_is_a_trait(zone):
    """A notebook that keeps the state of its widgets keeps no content."""
    zone.begin("a.png", 10)
    zone.chunk(0, b"SECRET")

    assert "SECRET" not in str(zone.upload.get_state())
    assert zone.upload.get_state()["progress"]["name"] == "a.png"


def test_bytes_in_memory_go_the_same_way(tmp_path):
    assert keep_bytes(tmp_path, "../a.png", memoryview(b"abc")).read_bytes() == b"abc"
    assert keep_bytes(tmp_path, "a.png", b"abc").name == "a.png"
    with pytest.raises(InputError, match="empty"):
        keep_bytes(tmp_path, "a.png", b"")


def test_two_kernels_never_get_one_name(tmp_path):
    """Two uploads of one name that end at the same time are both kept."""
    first, second = (Incoming(tmp_path, "a.png", 3) for _ in range(2))
    first.take(0, b"one", None)
    second.take(0, b"two", None)

    assert [first.keep()[0].name, second.keep()[0].name] == ["a.png", "a-2.png"]
