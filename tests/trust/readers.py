"""Every place where the toolkit reads bytes that a stranger may have written, each as a function of these bytes.

A `Reader` returns what it read, or raises a `SentenceError`; whatever else it raises is a defect. The tests feed them
with a few hundred mutations, ``bench/fuzz.py`` with millions.
"""

import copy
import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from s2v_nb import Corrections, Series, Settings, Sweep, load_audio, load_image
from s2v_nb.engines.estimate import estimate
from s2v_nb.errors import SentenceError
from s2v_nb.jobs.history import made_of
from s2v_nb.jobs.job import Job
from s2v_nb.jobs.sweep_cells import look_at, read_cells, read_what
from s2v_nb.jobs.sweep_job import SweepJob
from s2v_nb.jobs.tasks import Task
from s2v_nb.media.video import probe_video, read_frames
from s2v_nb.rhythm import Rhythm, store
from s2v_nb.runs.spec import Source, Spec
from s2v_nb.session import cache_folder
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.table import best_cells, rows_of
from s2v_nb.widgets.upload import Upload

RUN = "0123456789ab"
HUGE: Any = int("9" * 400)  # is no float any more
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 12, 2**31, -(2**63), HUGE, 0.5, -0.0, 1e-300, 1e308, float("nan"), float("inf"), "",
    "x", "0", "../../x", "/dev/zero", "\0", "\ud800", "{name!r}", "a" * 5000, [], {}, [[]], [None], [0, 1], {"": {}},
    {"key": "file.empty", "values": {}}, [1, 2, 3] * 50,
)  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """``read`` takes the bytes; ``seeds`` are good ones. ``document`` is what the seed holds where it is JSON."""

    read: Callable[[bytes], Any]
    seeds: tuple[bytes, ...]
    document: Any = None

    def mutated(self, choices: bytes) -> bytes:
        """The JSON document with up to four places changed; the same for the same ``choices``."""
        return json.dumps(changed(self.document, choices)).encode()


class _Choices:
    """Whole numbers below a bound, made of bytes; zeros once these are used up."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def below(self, bound: int) -> int:
        pair = self._data[self._at : self._at + 2].ljust(2, b"\0")
        self._at += 2
        return int.from_bytes(pair, "big") % max(1, bound)


def changed(document: Any, data: bytes) -> Any:
    """A copy of a JSON document with some values replaced, removed, doubled or moved."""
    document, choices = json.loads(json.dumps(document)), _Choices(data)
    for _ in range(1 + choices.below(4)):
        document = _changed_once(document, choices)
    return document


def _changed_once(document: Any, choices: _Choices) -> Any:
    places = list(_places(document))
    if not places or not choices.below(60):
        return _odd(choices)
    inside, key = places[choices.below(len(places))]
    what = choices.below(8)
    if what == 0:
        del inside[key]
    elif what == 1:
        other, name = places[choices.below(len(places))]
        inside[key] = json.loads(json.dumps(other[name]))
    elif what == 2 and isinstance(inside[key], list):
        inside[key] = inside[key] * 2
    elif what == 3 and isinstance(inside[key], dict):
        inside[key]["more"] = _odd(choices)
    else:
        inside[key] = _odd(choices)
    return document


def _odd(choices: _Choices) -> Any:
    return copy.deepcopy(ODD[choices.below(len(ODD))])


def _places(value: Any) -> Any:
    """(list or dict, key) of every value inside, the outer first; of long lists the first few."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:6]) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


# --- the world they read in


class World:
    """A folder with a short song, a picture and a run, as the toolkit leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        time = np.arange(4 * 8000) / 8000
        self.song, self.image = folder / "song.wav", folder / "cover.png"
        soundfile.write(self.song, 0.3 * np.sin(2 * np.pi * 220 * time), 8000)
        import PIL.Image

        PIL.Image.new("RGB", (96, 64), (200, 30, 30)).save(self.image)
        self.audio = load_audio(self.song)
        self.settings = Settings(start=0.5, duration=3.0, resolution="480p")
        self.rhythm = Rhythm(
            4.0, 120.0, np.arange(8) / 2, np.array([0.0, 2.0]), np.arange(40) / 10, np.linspace(0, 1, 40),
            {name: np.zeros(40) for name in ("bass", "mid", "high")}, -14.0,
        )  # fmt: skip
        self.run = folder / "runs" / RUN
        self.run.mkdir(parents=True, exist_ok=True)
        self.clip = self.run / "clip.mp4"
        self.clip.write_bytes(
            struct.pack(">I4sI4s", 16, b"moov", 0, b"") + struct.pack(">I4s", 24, b"mdat") + bytes(16)
        )

    @property
    def spec(self) -> dict[str, Any]:
        sources = Source("cover.png", "0" * 64), Source("song.wav", "1" * 64)
        return Spec(*sources, self.settings, "preview", "1", 90, self.rhythm.to_dict()).to_dict()

    def put(self, path: Path, data: bytes | dict[str, Any]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        return path


SCORES = {"events": 9, "r": 0.8, "chance_r": 0.3, "lag_ms": 12.0, "f": 0.7, "p": 0.01, "precision": 0.9}
ALIGNMENT = {"verdict": "keeps time", "headline": "stops", "scores": {"stops": SCORES}}
CELL = {
    "s2v_nb_cell": 1, "seconds": 3.5, "money": None, "motion_energy": 0.4, "peak_memory_bytes": 10**8,
    "gpu_peak_bytes": None, "file_bytes": 40, "notes": [["notice.no_beats", {}]], "alignment": ALIGNMENT,
    "curves": {"fps": 30, "motion": [0.1, 0.2]},
}  # fmt: skip
FAILURE = {"key": "file.empty", "values": {"name": "x", "what": "song", "what_zh": "x"}, "details": "..."}
STAGES = {"stages": {"audio": {"done": 3, "total": 3, "first": 0, "elapsed": 1.5},
                     "frames": {"done": 5, "total": 90, "first": 0, "elapsed": 2.5}}}  # fmt: skip


def all_readers(folder: Path) -> dict[str, Reader]:
    """Every reader by name; ``folder`` is theirs to write in."""
    world = World(folder)
    return {**_of_runs(world), **_of_sweeps(world), **_of_tasks(world), **_of_songs(world), **_of_media(world)}


def _json(read: Callable[[bytes], Any], document: Any) -> Reader:
    return Reader(read, (json.dumps(document).encode(),), document)


def _of_runs(world: World) -> dict[str, Reader]:
    def spec(data: bytes) -> Any:
        found = Spec.from_json(data.decode("utf-8", "replace"), "clip.mp4")
        return json.dumps(found.to_dict()), found.settings.size, Rhythm.from_dict(found.rhythm).excerpt(0.0, 3.0)

    def beside(name: str) -> Callable[[bytes], Any]:
        def read(data: bytes) -> Any:
            for other in ("spec.json", "alignment.json", "cell.json"):
                (world.run / other).unlink(missing_ok=True)
            world.put(world.run / "spec.json", world.spec)
            world.put(world.run / name, data)
            made = made_of(world.clip)
            return made and (hash(made), made.measured, made.seconds)

        return read

    return {
        "spec": _json(spec, world.spec),
        "spec.json": _json(beside("spec.json"), world.spec),
        "alignment.json": _json(beside("alignment.json"), ALIGNMENT),
        "alignment.json, failed": _json(beside("alignment.json"), {"error": ["file.empty", FAILURE["values"]]}),
        "cell.json of a clip": _json(beside("cell.json"), CELL),
    }


def _of_sweeps(world: World) -> dict[str, Reader]:
    whole = Sweep(world.image, world.song, world.settings, seed=[1, 2], out=world.folder / "sweep", price_per_hour=2.0)
    many = Series([world.image], [world.song], world.settings.but(fit="crop"), out=world.folder / "series")
    cell = Cell(0, {"seed": 1}, world.settings, world.run)

    def batch(kind: type[Sweep] | type[Series], out: Path) -> Callable[[bytes], Any]:
        def read(data: bytes) -> Any:
            world.put(out / "sweep.json", data)
            found = kind.open(out)
            if all(wanted.settings.start is not None for wanted in found._wanted):  # else the song would be heard
                return len(found.cells), found.order, json.dumps(found.rows(), allow_nan=False), found.notices
            return None

        return read

    def of_cell(name: str) -> Callable[[bytes], Any]:
        def read(data: bytes) -> Any:
            for other in ("cell.json", "attempts.json", "claim.json", "progress.json"):
                (world.run / other).unlink(missing_ok=True)
            world.put(world.run / name, data)
            (world.run / "parts").mkdir(exist_ok=True)
            rows = json.dumps(rows_of([cell], 2.0), allow_nan=False)
            return cell.state, cell.attempts, cell.fraction, rows, [best.why("zh") for best in best_cells([cell], 3)]

        return read

    def cells(data: bytes) -> Any:
        folder = world.put(world.folder / "runs" / "sweeps" / RUN / "cells.json", data).parent
        return look_at(read_cells(folder)), read_what(folder), SweepJob(folder).axes

    asked = {"settings": asdict(world.settings), "axes": {"motion": ["low"], "prompt_weight": [0.5, 1.0]}}
    return {
        "sweep.json": _json(batch(Sweep, whole.out), json.loads(whole.save().read_text())),
        "sweep.json of a series": _json(batch(Series, many.out), json.loads(many.save().read_text())),
        "cell.json": _json(of_cell("cell.json"), CELL),
        "attempts.json": _json(of_cell("attempts.json"), {"count": 2, "seconds": 3.0, "failures": [FAILURE]}),
        "claim.json": _json(
            of_cell("claim.json"),
            {"where": "x", "process": 1, "started": "5", "token": "t", "began": 1.0, "lost_seconds": 0.0},
        ),
        "progress.json of a cell": _json(of_cell("progress.json"), STAGES),
        "cells.json": _json(
            cells, {"s2v_nb_cells": 1, "what": asked, "cells": [{"settings": asdict(world.settings), "run": RUN}]}
        ),
    }


def _of_tasks(world: World) -> dict[str, Reader]:
    asked = {"settings": asdict(world.settings), "axes": {"motion": ["low"], "prompt_weight": [0.5, 1.0]}}
    good = {"kind": "clip", "asked": 1.0, "what": {"image": "a", "audio": "b", "name": RUN, **asked}}

    def of_task(name: str, kind: str) -> Callable[[bytes], Any]:
        def read(data: bytes) -> Any:
            task = Task(world.folder / "runs" / "tasks" / "1-clip")
            for other in ("task.json", "begun.json", "progress.json", "result.json", "stop"):
                (task.folder / other).unlink(missing_ok=True)
            world.put(task.folder / "task.json", {**good, "kind": kind})
            world.put(task.folder / name, data)
            job = SweepJob(world.folder / "runs" / "sweeps" / "none", task) if kind == "sweep" else Job(task)
            job.refresh()
            told = job.state, job.elapsed, job.sentence("en"), job.sentence("zh"), dict(job.stages)
            return told, job.axes if isinstance(job, SweepJob) else None, task.begin()

        return read

    results = {
        "done": {"state": "done", "clip": "x", "notes": [["notice.no_beats", {}]], "seconds": 3.0, "cached": False},
        "failed": {"state": "failed", **FAILURE},
    }
    progress = {**STAGES, "remaining": 3.0, "spent": 0.5, "paused": False}
    return {
        "task.json": _json(of_task("task.json", "clip"), good),
        "task.json of a sweep": _json(of_task("task.json", "sweep"), {**good, "kind": "sweep"}),
        "begun.json": _json(of_task("begun.json", "clip"), {"attempt": 1, "process": 7, "frames": 4}),
        "progress.json": _json(of_task("progress.json", "clip"), progress),
        "progress.json of a sweep": _json(of_task("progress.json", "sweep"), progress),
        "result.json": _json(of_task("result.json", "clip"), results["done"]),
        "result.json, failed": _json(of_task("result.json", "clip"), results["failed"]),
        "result.json of a sweep": _json(of_task("result.json", "sweep"), results["failed"]),
        "upload": _json(
            _messages(world),
            [
                {"do": "begin", "id": "a", "name": "x.png", "size": 3},
                {"do": "chunk", "id": "a", "offset": 0, "sha256": None},
            ],
        ),
    }


def _messages(world: World) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        said = json.loads(data) if _is_json(data) else []
        errors: list[Exception] = []
        zone = Upload(errors.append, folder=world.folder / "uploads", accept="", done=lambda path: None)
        zone.send = lambda content, buffers=None: None
        for content in said if isinstance(said, list) else [said]:
            zone._handle_custom_msg(content, [memoryview(b"abc")])
        zone.close()
        outside = [path for path in (world.folder / "uploads").rglob("*") if path.parent != world.folder / "uploads"]
        assert outside == []
        for error in errors:
            if not isinstance(error, SentenceError) and "nobody understands" not in str(error):
                raise error

    return read


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _of_songs(world: World) -> dict[str, Reader]:
    def corrections(data: bytes) -> Any:
        world.put(world.song.with_name("song.wav.beats.json"), data)
        found = Corrections.of(world.audio)
        return found.apply(world.rhythm).to_dict(), json.dumps(found.to_list())

    def heard(data: bytes) -> Any:
        world.put(store.folder() / "fuzz.json", data)
        found = store.load("fuzz")
        return found and (json.dumps(found.to_dict()), found.excerpt(0.0, 3.0), found.tempo_curve, found.sureness)

    def speeds(data: bytes) -> Any:
        world.put(cache_folder() / "speeds.json", data)
        return estimate(world.settings, price_per_hour=2.0)

    steps = Corrections().double().rotate(1).nudge(-12.5).metre(3).tap([0.5, 1.0, 1.5, 2.0]).shift().halve()
    kept = {"s2v_nb_corrections": 1, "song": world.audio.sha256, "steps": steps.to_list()}
    return {
        "beats.json": _json(corrections, kept),
        "rhythm store": _json(heard, replace(world.rhythm, tracker="beatnet").to_dict()),
        "speeds.json": _json(speeds, {"preview": [1.0, 1.2], "other": [3.0]}),
    }


def _of_media(world: World) -> dict[str, Reader]:
    from tests.trust.corpus_audio import KINDS, encoded, sound
    from tests.trust.corpus_images import picture, saved

    def song(data: bytes) -> Any:
        path = world.put(world.folder / "fuzzed", data)
        return load_audio(path).duration, load_audio(path, 0.5, 1.0).duration

    def image(data: bytes) -> Any:
        return load_image(data).size

    def clip(data: bytes) -> Any:
        path = world.put(world.folder / "fuzzed.mp4", data)
        return probe_video(path), sum(1 for _ in read_frames(path, size=(64, 64)))

    pictures = tuple(saved(kind, picture(72, 66)) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"))
    more = saved("JPEG", picture(72, 66).convert("CMYK")), saved("PNG", picture(72, 66).quantize(9), transparency=1)
    film = encoded("testsrc=size=64x64:rate=10:d=0.5 -c:v libx264 -pix_fmt yuv420p -f mp4")
    return {
        "picture": Reader(image, pictures + more),
        "song": Reader(song, tuple(sound(kind) for kind in (*KINDS, "m4a", "aac"))),
        "clip": Reader(clip, (film,)),
    }


def complaint(reader: Reader, data: bytes) -> Exception | None:
    """What a reader raised that is no sentence in both languages; None if all is well."""
    try:
        reader.read(data)
    except SentenceError as error:
        both = error.sentence("en"), error.sentence("zh")
        return None if all(both) else error
    except Exception as error:
        return error
    return None
