"""Names and paths that mean something else to a shell, a terminal, a file system or a decoder; links and devices."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.trust.corpus import Case, World, content
from tests.trust.corpus_audio import sound
from tests.trust.corpus_images import saved

GOOD = "good"
SONG, PICTURE = ("song", "part"), ("image",)
NAMES = {  # of good files, asked for relative to their folder
    "leading-dash": "-rf.m4a",
    "long-option": "--help.m4a",
    "newline": "a\nb.m4a",
    "control": "a\x1b[31m\x07b.m4a",
    "direction-override": "a\u202egnp.m4a",
    "emoji": "🎵🔥🎵.m4a",
    "quotes": "a'\"`$(id);&|.m4a",
    "percent": "%s%n%d{name!r}.m4a",
    "markup": "<img src=x onerror=alert(1)>.m4a",
    "255-bytes": "a" * 251 + ".m4a",
    "255-bytes-of-emoji": "🎵" * 62 + ".m4a",
    "no-unicode": os.fsdecode(b"\xff\xfe\x80.m4a"),
    "pipe": "pipe:0",
    "concat": "concat:a.m4a|b.m4a",
    "data": "data:audio;base64,AAAA",
    "file": "file:x.m4a",
    "subfile": "subfile,,start,0,end,0,,:x.m4a",
    "crypto": "crypto:x.m4a",
    "spaces": "   ",
    "dots": "...",
}


def cases() -> list[Case]:
    return [*_names(), *_urls(), *_links(), *_devices(), *_impossible()]


def _names() -> Iterator[Case]:
    for name, file in NAMES.items():
        yield Case(f"name-{name}-song", "name", file, content(sound("m4a")), dict.fromkeys(SONG, GOOD))
        yield Case(f"name-{name}-picture", "name", file, content(saved("PNG")), dict.fromkeys(PICTURE, GOOD))


def _urls() -> Iterator[Case]:
    """Folders called as the beginning of an address."""
    for name, start in (("http", "http:/127.0.0.1:9"), ("tcp", "tcp:/127.0.0.1:9"), ("up", "a/../b")):

        def make(path: Path, _: World) -> None:
            for part in (path.parent, Path(os.path.normpath(path)).parent, path.parents[1] / "a"):
                part.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sound("m4a"))

        yield Case(f"name-address-{name}", "name", f"{start}/x.m4a", make, dict.fromkeys(SONG, GOOD))


def _links() -> Iterator[Case]:
    def to(target: Callable[[Path], str]) -> Callable[[Path, World], None]:
        def make(path: Path, _: World) -> None:
            (path.parent / "good.m4a").write_bytes(sound("m4a"))
            path.symlink_to(target(path))

        return make

    both = {
        "good": (lambda p: "good.m4a", GOOD),
        "itself": (lambda p: p.name, "file.missing"),
        "nothing": (lambda p: "nowhere.m4a", "file.missing"),
        "folder": (lambda p: ".", "file.not_regular"),
        "zero": (lambda p: "/dev/zero", "file.not_regular"),
        "text": (lambda p: "/etc/passwd", "audio.format"),
        "environment": (lambda p: "/proc/self/environ", "file.empty"),
    }
    for name, (target, expect) in both.items():
        yield Case(f"link-to-{name}", "path", "x.m4a", to(target), dict.fromkeys(SONG, expect))


def _devices() -> Iterator[Case]:
    def nothing(path: Path, world: World) -> None:
        pass

    for device in ("zero", "null", "random", "urandom", "full", "stdin", "tty", "fd/0"):
        doors = dict.fromkeys(("song", "image", "clip"), "file.not_regular")
        if Path(f"/dev/{device}").exists():
            yield Case(f"device-{device.replace('/', '-')}", "path", f"/dev/{device}", nothing, doors)
    for name, maker in (("pipe", lambda path, _: os.mkfifo(path)), ("socket", _socket), ("folder", _folder)):
        doors = dict.fromkeys(("song", "image", "clip"), "file.not_regular")
        yield Case(f"special-{name}", "path", "x.m4a", maker, doors)
    yield Case("process-memory", "path", "/proc/self/mem", nothing, dict.fromkeys(("song", "image"), "file.empty"))


def _socket(path: Path, _: World) -> None:
    """In a folder with a short name: the kernel takes 107 bytes."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "s"))
    shutil.move(folder / "s", path)
    folder.rmdir()


def _folder(path: Path, _: World) -> None:
    path.mkdir()


def _impossible() -> Iterator[Case]:
    def nothing(path: Path, world: World) -> None:
        pass

    for name, path in (("null-byte", "/tmp/a\0b.m4a"), ("5000-bytes", "/tmp/" + "a" * 5000), ("deep", "/a" * 3000),
                       ("through-a-file", "/etc/passwd/x.m4a"), ("empty", "")):  # fmt: skip
        expect = "file.not_regular" if name == "empty" else "file.missing"
        yield Case(f"path-{name}", "path", path, nothing, dict.fromkeys(("song", "image", "clip"), expect))
