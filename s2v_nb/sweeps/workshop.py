"""`Workshop`: what all cells of a sweep share, and how one cell is made: rendered, measured, written down."""

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.alignment import AlignmentReport, measure_alignment
from s2v_nb.engines import Engine, get_engine
from s2v_nb.errors import Cancelled, GenerationError, InputError, SentenceError, told
from s2v_nb.log import sentence_of
from s2v_nb.media import Image, load_image
from s2v_nb.progress import Progress
from s2v_nb.runs import Clip
from s2v_nb.runs.generation import make_clip
from s2v_nb.runs.material import ImageLike, Material, Song
from s2v_nb.runs.poster import draw_poster
from s2v_nb.session import forget_peak, peak_memory
from s2v_nb.sweeps.cell import Attempts, Cell, write_result
from s2v_nb.sweeps.claim import claiming

logger = logging.getLogger(__name__)

CURVE_DIGITS = 4


@dataclass(frozen=True)
class FileBytes:
    """A picture's file as it travels to a machine that cannot see our disk."""

    name: str
    content: bytes


@dataclass(frozen=True, eq=False)
class Workshop:
    """What all cells share: pictures, songs that were heard and released, and the price of an hour of one worker.

    It can be pickled, and makes the same cell anywhere: whoever has it opens no song and hears nothing again.
    """

    images: tuple[ImageLike | FileBytes, ...]
    songs: tuple[Song, ...]
    runs: Path
    price_per_hour: float = 0.0
    uses_gpu: bool = False

    def make(self, cell: Cell, progress: Progress) -> bool:
        """Make a cell, or what is missing of it; False if another process is at it.

        Raises
        ------
        SentenceError
            If it failed; that is written down beside it, too.
        Cancelled
            If ``progress`` was cancelled; finished parts stay.
        """
        rendered = self.render(cell, progress)
        if rendered is not None:
            rendered.measure()
        return rendered is not None

    def render(self, cell: Cell, progress: Progress) -> "Rendered | None":
        """The first half of `make`: the clip; the cell is ours until the second half is done."""
        with ExitStack() as stack:
            try:
                claim = stack.enter_context(claiming(cell.folder))
                if claim is None:
                    return None
                attempts = cell.attempts if cell.is_done else cell.attempts.begun(claim.lost_seconds)
            except OSError as error:
                why = error.strerror or str(error)
                raise GenerationError("failed.disk", name=str(cell.folder), why=why) from error
            began = time.monotonic()
            with _noted(attempts, began):
                forget_peak()
                clip = None if cell.is_done else self._clip(cell, progress)
                peak = peak_memory()
            seconds = time.monotonic() - began
            return Rendered(cell, clip, attempts, seconds, peak, self.price_per_hour, stack.pop_all())

    def _clip(self, cell: Cell, progress: Progress) -> Clip:
        material = Material(_image(self.images, cell.image), self.songs[cell.audio])
        engine = engine_of(cell.settings.engine)
        if material.run_name(cell.settings, engine) != cell.name:  # it would be made in another folder
            raise InputError("sweep.changed", name=material.image.name)
        return make_clip(material, cell.settings, runs=cell.folder.parent, engine=engine, progress=progress)


@dataclass(frozen=True, eq=False)
class Rendered:
    """A cell whose clip is there and is yet to be measured; ``clip`` is None if nothing is missing."""

    cell: Cell
    clip: Clip | None
    attempts: Attempts
    seconds: float
    peak: tuple[int, int]
    price_per_hour: float
    claim: ExitStack

    def measure(self, *, beside: bool = False) -> None:
        """The second half of `Workshop.make`; the cell is nobody's any longer.

        ``beside`` says that another clip is rendered meanwhile, so that its time costs nothing.
        """
        began = time.monotonic()
        with self.claim, _noted(self.attempts, began - self.seconds):
            if self.clip is not None:
                measured = measured_clip(self.clip)
                write_result(self.cell.folder, {**self._took(self.clip, time.monotonic() - began, beside), **measured})

    def _took(self, clip: Clip, measuring: float, beside: bool) -> dict[str, Any]:
        before = self.attempts.seconds
        by_others = clip.cached and self.attempts.count < 2  # then it is not known
        seconds = None if by_others else before + self.seconds + (0.0 if beside else measuring)
        return {
            "seconds": seconds and round(seconds, 3),
            "render_seconds": round(clip.seconds, 3),
            "measure_seconds": round(measuring, 3),
            "money": round(seconds * self.price_per_hour / 3600, 6) if seconds and self.price_per_hour else None,
            "peak_memory_bytes": self.peak[0],
            "gpu_peak_bytes": self.peak[1],
            "file_bytes": clip.path.stat().st_size,
            "notes": [[note.key, note.values] for note in clip.notes],
        }


@contextmanager
def _noted(attempts: Attempts, began: float) -> Iterator[None]:
    """Write down what goes wrong in the block, and how long was worked for nothing since ``began``."""
    try:
        yield
    except (Cancelled, KeyboardInterrupt):
        with suppress(OSError):
            attempts.worked(time.monotonic() - began)
        raise
    except Exception as error:
        logger.exception("cell %s failed", attempts.folder.name)
        known = sentence_of(error)
        details = "" if isinstance(error, SentenceError) and not error.__cause__ else traceback.format_exc()
        with suppress(OSError):  # a full disk
            attempts.worked(time.monotonic() - began).failed(known, details)
        raise known from error


def measured_clip(clip: Clip) -> dict[str, Any]:
    """How a clip keeps time with the beats it follows, its motion and its curves; also draws its poster."""
    draw_poster(clip.path)
    try:
        report = measure_alignment(clip.path, rhythm=clip.rhythm)
    except InputError as error:  # anything else may pass, and counts as a failure
        return {"alignment": {"error": told(error)}, "motion_energy": None, "curves": {}}
    return {
        "alignment": report.to_dict(),
        "motion_energy": round(float(report.signals.motion.mean()), 6),
        "curves": _curves(report),
    }


def _curves(report: AlignmentReport) -> dict[str, Any]:
    """What the plots of a sweep draw: motion (frame heights a second) and brightness (0 to 1) of each frame, events
    and beats in seconds."""
    curves: dict[str, np.ndarray] = {
        "motion": report.signals.motion, "brightness": report.signals.brightness,
        **report.events, "beats": report.rhythm.beats, "downbeats": report.rhythm.downbeats,
    }  # fmt: skip
    rounded = {name: np.round(curve, CURVE_DIGITS).tolist() for name, curve in curves.items()}
    return {"fps": report.fps, **rounded}


@lru_cache(maxsize=8)
def engine_of(name: str) -> Engine:
    """One engine of each name in a process: what it has loaded stays loaded."""
    return get_engine(name)


_opened: dict[str, Any] = {}  # the picture that was used last, decoded: a sweep has one, a series one after the other


def _image(images: tuple[ImageLike | FileBytes, ...], index: int) -> Image:
    source = images[index]
    if _opened.get("source") is not source:
        _opened.clear()
        _opened.update(source=source, image=_load(source))
    return _opened["image"]


def _load(source: ImageLike | FileBytes) -> Image:
    if not isinstance(source, FileBytes):
        return load_image(source)
    return replace(load_image(source.content), name=source.name)


def sent(source: ImageLike | FileBytes) -> ImageLike | FileBytes:
    """A picture's file with its bytes, for a machine that does not see it; anything else travels as it is."""
    path = source.path if isinstance(source, Image) else source
    if isinstance(path, str | Path):
        return FileBytes(Path(path).name, Path(path).read_bytes())
    return source
