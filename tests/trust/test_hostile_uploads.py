"""Files from strangers get what a good file gets, or one sentence; they reach nothing else and leave nothing behind.

The corpus is made by `tests.trust.corpus`; each file goes through the public doors in a process of its own, as
`tests.trust.doors` tells. The tests take every file through the doors that `chosen` names; all doors of every file, and
the figures in docs/trust.md, are `python -m tests.trust.test_hostile_uploads`.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from s2v_nb.widgets.upload import Upload
from tests.trust.corpus import World, all_cases
from tests.trust.corpus_audio import sound
from tests.trust.corpus_images import saved
from tests.trust.trap import Canary, Listener

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
MOST_BYTES = 2**30
MOST_CPU_SECONDS = 5.0
BUSY = 3.0  # a machine with other work counts more CPU seconds for the same: threads share a core and its caches


LOADERS = {"bytes": "image", "part": "song", "heard": "song"}  # the other doors have a loader of their own


def chosen(expect: dict[str, str]) -> list[str]:
    """Of a case's doors the first to each loader and each answer: the others run the same code to the same end."""
    first: dict[tuple[str, str], str] = {}
    for door, answer in expect.items():
        first.setdefault((LOADERS.get(door, door), answer), door)
    return list(first.values())


class Visits:
    """The whole corpus, written down once; each file is taken through the ``doors`` that are named for it."""

    def __init__(self, folder: Path, doors: Callable[[dict[str, str]], Iterable[str]] = chosen) -> None:
        self.folder, self.files, self.doors = folder, folder / "files", doors
        (folder / "canary").mkdir(parents=True)
        (folder / "canary" / "secret.wav").write_bytes(sound("wav"))
        self.listener = Listener()
        world = World(folder / "canary" / "secret.wav", self.listener.port)
        self.cases = {case.name: case for case in all_cases()}
        self.paths = {case.name: case.write(self.files, world) for case in all_cases()}
        before = self._listing()
        canary = Canary(folder / "canary")
        self.results = self._visit()
        self.touched, self.calls = canary.seen(), self.listener.calls
        canary.close()
        self.listener.close()
        self.changed = sorted(set(before) ^ set(self._listing()))
        self.left = [path for name in ("tmp", "cache", "home") for path in (folder / name).rglob("*")]

    def _listing(self) -> list[str]:
        return sorted(f"{entry} {entry.lstat().st_size}" for entry in self.files.rglob("*"))

    def _visit(self) -> list[dict[str, Any]]:
        """Costly and cheap ones are dealt out evenly to the workers."""
        visits = [
            {"case": name, "door": door, "path": os.fsencode(self.paths[name]).hex(), "folder": str(self.files / name)}
            for name, case in self.cases.items()
            for door in self.doors(case.expect)
        ]
        with ThreadPoolExecutor(WORKERS) as pool:
            parts = pool.map(self._work, range(WORKERS), [visits[n::WORKERS] for n in range(WORKERS)])
            return [result for part in parts for result in part]

    def _work(self, number: int, visits: list[dict[str, str]]) -> list[dict[str, Any]]:
        asked, answer = self.folder / f"visits-{number}.json", self.folder / f"results-{number}.json"
        asked.write_text(json.dumps(visits))
        places = {"TMPDIR": "tmp", "XDG_CACHE_HOME": "cache", "HOME": "home"}
        for place in places.values():
            (self.folder / place).mkdir(exist_ok=True)
        environment = {**os.environ, **{name: str(self.folder / place) for name, place in places.items()}}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "tests.trust.doors", asked, answer]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        return json.loads(answer.read_text())

    def wrong(self, judge: Any) -> list[str]:
        """The visits that ``judge`` finds fault with, in words."""
        return [f"{r['case']} by {r['door']}: {found}" for r in self.results if (found := judge(r))]


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    return Visits(tmp_path_factory.mktemp("hostile"))


def test_the_corpus_is_as_large_as_it_should_be():
    groups = Counter(case.group for case in all_cases())

    assert len(all_cases()) >= 80
    assert set(groups) == {"image", "audio", "playlist", "name", "path"}
    assert min(groups.values()) >= 14


def test_every_file_is_taken_through_a_door(visits):
    assert {result["case"] for result in visits.results} == visits.cases.keys()
    assert {result["door"] for result in visits.results} == {"image", "song", "part", "clip"}


def test_each_gets_what_a_good_file_gets_or_its_sentence(visits):
    def judge(result: dict[str, Any]) -> str:
        expected = visits.cases[result["case"]].expect[result["door"]]
        return "" if result["outcome"] == expected else f"{result['outcome']} instead of {expected}"

    assert visits.wrong(judge) == []


def test_sentences_are_whole_and_name_the_file(visits):
    """One line in each language, nothing that moves a terminal's cursor, no braces that were never filled."""

    def judge(result: dict[str, Any]) -> list[str]:
        return [text for text in result.get("sentences", ()) if not re.fullmatch(r"[^\n\r\x1b{}]{12,400}[.。]", text)]

    assert visits.wrong(judge) == []
    assert visits.wrong(lambda r: r["outcome"] != "good" and len(set(r["sentences"])) != 2) == []


def test_no_other_file_is_read_and_no_socket_opened(visits):
    """The kernel names who touches the canary, the listener counts who calls; Python's own opens are listed, too."""
    assert visits.touched == []
    assert visits.calls == 0
    assert visits.wrong(lambda r: r["opened"] + r["other"]) == []


def test_the_traps_work(tmp_path):
    """The same playlists in the hands of a player that follows them."""
    import av

    (tmp_path / "canary").mkdir()
    (tmp_path / "canary" / "secret.wav").write_bytes(sound("wav"))
    listener, canary = Listener(), Canary(tmp_path / "canary")
    world = World(tmp_path / "canary" / "secret.wav", listener.port)
    chosen = {case.name: case for case in all_cases()}
    for name in ("playlist-ffconcat-local", "playlist-ffconcat-url"):
        path = chosen[name].write(tmp_path, world)
        with contextlib.suppress(av.FFmpegError), av.open(
            str(tmp_path / name / path), format="concat", options={"safe": "0", "protocol_whitelist": "file,http,tcp"}
        ) as found:  # fmt: skip
            next(found.demux(), None)

    assert canary.seen() == ["secret.wav"]
    assert listener.calls > 0
    canary.close()
    listener.close()


def test_memory_stays_under_a_gibibyte(visits):
    assert visits.wrong(lambda r: f"{r['peak_bytes'] / 2**20:.0f} MiB" if r["peak_bytes"] >= MOST_BYTES else "") == []


def test_none_takes_long(visits):
    """CPU seconds, with room for a machine that has other work; docs/trust.md has what a free one takes."""
    most = MOST_CPU_SECONDS * BUSY
    assert visits.wrong(lambda r: f"{r['cpu_seconds']:.1f} s" if r["cpu_seconds"] > most else "") == []


def test_nothing_is_left_behind(visits):
    assert visits.changed == []
    assert visits.left == []
    assert visits.wrong(lambda r: r["handles"]) == []


COMMANDS = {
    "generate-image": (["generate", "--image", "{image-bomb-jpeg-2000-scans}", "--audio", "{audio-silence-wav}"],
                       "too much time or memory"),
    "generate-audio": (["generate", "--image", "{image-cmyk-jpeg}", "--audio", "{playlist-hls-local}"],
                       "points to other files"),
    "analyze-device": (["analyze", "/dev/zero"], "is not a file"),
    "analyze-playlist": (["analyze", "{playlist-ffconcat-url}"], "points to other files"),
    "analyze-dash": (["analyze", "-rf.mp3"], "required"),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_says_the_same(visits, tmp_path, name):
    """Exit status 2 and one sentence on the error stream; nothing is written."""
    words, expected = COMMANDS[name]
    asked = [re.sub(r"{(.*)}", lambda m: str(visits.files / m[1] / visits.paths[m[1]]), word) for word in words]
    environment = {**os.environ, "S2V_NB_LANGUAGE": "en"}
    done = subprocess.run([sys.executable, "-m", "s2v_nb", *asked], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip

    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


NAMES = (
    "../../x.png", "..\\..\\x.png", "/etc/passwd", "C:\\x.png", "a/../../b.png", "..", ".", "", " ", "....", "~/.ssh/x",
    "%2e%2e%2fx.png", "a\0b.png", "a\nb.png", "\x1b]0;x\x07.png", "a\u202egnp.exe", "x" * 300 + ".png",
    "🎵" * 100 + ".png", "界" * 300, "x.png" + "y" * 300, "-rf.png", "--help", "<img src=x onerror=alert(1)>.png",
    "'\";$(id).png", ".hidden", "a.partial-1-2.png", "CON", "nul.png", "a:b.png", "\ud800.png", "x.png.", "x.png ",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:24])
def test_a_name_never_leaves_the_upload_folder(tmp_path, name):
    """A good picture arrives under every name, as a plain file in that folder, printable and short."""
    errors: list[Exception] = []
    arrived: list[Path] = []
    folder = tmp_path / "deep" / "uploads"
    zone = Upload(errors.append, folder=folder, accept="image/*", done=arrived.append)
    zone.send = lambda content, buffers=None: None
    content = saved("PNG")
    zone._handle_custom_msg({"do": "begin", "id": "a", "name": name, "size": len(content)}, [])
    zone._handle_custom_msg({"do": "chunk", "id": "a", "offset": 0, "sha256": None}, [memoryview(content)])

    assert errors == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == arrived
    assert arrived[0].parent == folder
    assert arrived[0].read_bytes() == content
    assert arrived[0].name.isprintable()
    assert len(os.fsencode(arrived[0].name)) <= 130
    assert not arrived[0].name.startswith(".")


def figures() -> dict[str, Any]:
    """What docs/trust.md says of the corpus."""
    with tempfile.TemporaryDirectory() as folder:
        visits = Visits(Path(folder) / "hostile", doors=list)
    slowest = max(visits.results, key=lambda r: r["seconds"])
    largest = max(visits.results, key=lambda r: r["peak_bytes"])
    return {
        "files": dict(Counter(case.group for case in all_cases())),
        "visits": len(visits.results),
        "good": sum(r["outcome"] == "good" for r in visits.results),
        "slowest": [slowest["case"], slowest["door"], round(slowest["seconds"], 2), round(slowest["cpu_seconds"], 2)],
        "largest": [largest["case"], largest["door"], f"{largest['peak_bytes'] / 2**20:.0f} MiB"],
        "canary": visits.touched,
        "calls": visits.calls,
        "left": len(visits.left) + len(visits.changed),
    }


if __name__ == "__main__":
    print(json.dumps(figures(), indent=1))
