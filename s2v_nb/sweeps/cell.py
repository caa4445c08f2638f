"""`Cell`: one clip of a sweep; what is known of it is read from its run's folder each time.

runs/3f9a61c2d0b4/     the run, as `s2v_nb.runs.generation` draws it, and beside the clip
    poster.jpg         a frame of it
    cell.json          what it took and how it keeps time; written last: once it exists, the cell is done
    attempts.json      how often it was begun, for how long, and what failed
    claim.json         who works on it now
"""

import math
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from s2v_nb.errors import SentenceError, speaks, told
from s2v_nb.media.video import is_whole
from s2v_nb.runs import Clip
from s2v_nb.settings import PRESETS, Settings
from s2v_nb.storage import make_folder, read_json, write_json
from s2v_nb.sweeps.claim import owner
from s2v_nb.sweeps.grid import Values

CellState = Literal["waiting", "running", "done", "failed"]
FORMAT = 1
MOST_FAILURES = 2  # a cell that failed this often is marked, and the rest goes on
MAX_JSON = 2**21
MOST = 1e15  # seconds, bytes or money of one clip
SCORES = ("events", "r", "chance_r", "lag_ms", "f", "p", "precision")  # of `s2v_nb.alignment`, that we show


@dataclass(frozen=True)
class Cell:
    """One clip of a sweep.

    ``values`` are what this cell has of the swept settings, ``settings`` all of them, with start and engine resolved;
    ``folder`` is its run. ``image`` and ``audio`` count the sources, where there are several.
    """

    index: int
    values: Values
    settings: Settings
    folder: Path
    image: int = 0
    audio: int = 0

    @property
    def name(self) -> str:
        """The run's name: 12 hex digits."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """The clip; it is there once the cell is done."""
        return self.folder / "clip.mp4"

    @property
    def poster(self) -> Path:
        return self.folder / "poster.jpg"

    @property
    def state(self) -> CellState:
        """'done' once the clip and its measures are there, 'running' while a living process works on it, 'failed' if
        it failed twice, else 'waiting'."""
        if self.is_done:
            return "done"
        if owner(self.folder):
            return "running"
        return "failed" if len(self.attempts.failures) >= MOST_FAILURES else "waiting"

    @property
    def is_done(self) -> bool:
        return bool(self.result) and _whole(self.path)

    @property
    def is_rendered(self) -> bool:
        """Whether the clip is there, measured or not."""
        return _whole(self.path)

    @property
    def result(self) -> dict[str, Any]:
        """What it took and how it keeps time, as `s2v_nb.sweeps.workshop` wrote it; empty before."""
        try:
            stamp = (self.folder / "cell.json").stat()
        except OSError:
            return {}
        return _result(self.folder / "cell.json", stamp.st_mtime_ns, stamp.st_size)

    @property
    def attempts(self) -> "Attempts":
        return Attempts.of(self.folder)

    @property
    def fraction(self) -> float:
        """How much of its frames are made, 0 to 1."""
        if self.is_rendered:
            return 1.0
        if not (self.folder / "parts").is_dir():  # what is told beside a clip that was deleted is old
            return 0.0
        frames = read_json(self.folder / "progress.json").get("stages", {})
        with suppress(AttributeError, LookupError, TypeError, ValueError, ZeroDivisionError):
            return min(1.0, frames["frames"]["done"] / frames["frames"]["total"])
        return 0.0

    @property
    def clip(self) -> Clip:
        """The finished clip; InputError if there is none."""
        return Clip.open(self.path)

    def final(self) -> Settings:
        """The same settings in full quality, start and seed unchanged."""
        return self.settings.but(**PRESETS["final"])


@dataclass(frozen=True)
class Attempts:
    """What became of a cell so far: ``count`` beginnings, ``seconds`` of work by those that did not finish it, and
    ``failures``, each with the 'key' and 'values' of a sentence and the traceback as 'details'."""

    folder: Path
    count: int = 0
    seconds: float = 0.0
    failures: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, folder: Path) -> "Attempts":
        values = read_json(folder / "attempts.json")
        with suppress(LookupError, TypeError, ValueError):
            failures = tuple(failure for failure in values["failures"] if speaks(failure))
            return cls(folder, max(0, int(values["count"])), max(0.0, float(values["seconds"])), failures)
        return cls(folder)

    def begun(self, lost_seconds: float) -> "Attempts":
        return self._kept(self.count + 1, self.seconds + lost_seconds, self.failures)

    def worked(self, seconds: float) -> "Attempts":
        return self._kept(self.count, self.seconds + seconds, self.failures)

    def failed(self, error: SentenceError, details: str = "") -> "Attempts":
        return self._kept(self.count, self.seconds, (*self.failures, {**told(error), "details": details}))

    def forgiven(self) -> "Attempts":
        """Without failures: it is tried again."""
        return self._kept(self.count, self.seconds, ())

    def _kept(self, count: int, seconds: float, failures: tuple[dict[str, Any], ...]) -> "Attempts":
        make_folder(self.folder)
        what = {"count": count, "seconds": round(seconds, 3), "failures": list(failures)}
        write_json(self.folder / "attempts.json", what)
        return Attempts(self.folder, count, seconds, failures)


def write_result(folder: Path, values: dict[str, Any]) -> None:
    write_json(folder / "cell.json", {"s2v_nb_cell": FORMAT, **values})


@lru_cache(maxsize=4096)
def _result(path: Path, stamp: int, size: int) -> dict[str, Any]:
    """The same while the file is: ``stamp`` and ``size`` tell its states apart."""
    values = read_json(path) if size <= MAX_JSON else {}
    with suppress(LookupError, TypeError, ValueError, AttributeError):
        if values["s2v_nb_cell"] == FORMAT and _makes_sense(values):
            return values
    return {}


def _makes_sense(values: dict[str, Any]) -> bool:
    """Whether the result has all that tables and plots ask for; an error of many kinds where it has not."""
    numbers = [values[name] for name in ("seconds", "money", "motion_energy", "peak_memory_bytes", "gpu_peak_bytes")]
    good = all(number is None or _is_amount(number) for number in numbers) and int(values["file_bytes"]) > 0
    good = good and all(isinstance(key, str) and isinstance(filling, dict) for key, filling in values["notes"])
    alignment, curves = values["alignment"], values["curves"]
    if "error" in alignment:
        return good and speaks(alignment["error"])
    for scores in alignment["scores"].values():
        if not all(_is_amount(abs(scores[name])) for name in SCORES):
            return False
    known = alignment["headline"] is None or alignment["headline"] in alignment["scores"]
    lines = all(math.isfinite(sum(curve)) for name, curve in curves.items() if name != "fps")
    return good and known and lines and isinstance(alignment["verdict"], str) and (not curves or curves["fps"] > 0)


def _is_amount(number: Any) -> bool:
    """Whether it is a number that can be rounded, added up and drawn."""
    return isinstance(number, int | float) and 0 <= number < MOST


def _whole(path: Path) -> bool:
    try:
        return is_whole(path)
    except OSError:
        return False
