"""What the engines on video models share: which weights, where they run, parts made ahead while others are finished.

One thread lets the model make part after part and keeps each on the disk; meanwhile the frames of the parts before it
are retimed, lit and handed on, so that the encoder works while the GPU does.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from s2v_nb.engines.base import Notice, Plan, Request
from s2v_nb.engines.overlay import finished_frames
from s2v_nb.engines.wan.raw import RawParts
from s2v_nb.engines.wan.spans import Piece, Span, pieces
from s2v_nb.errors import Cancelled, GenerationError, InputError
from s2v_nb.media.framing import make_plate, resize
from s2v_nb.models.cache import CACHE
from s2v_nb.models.catalog import Model, get_model
from s2v_nb.models.devices import chosen_device, known_device, measured_device
from s2v_nb.models.download import fetch, located
from s2v_nb.models.memory import MemoryPlan, Shape, fits, on_cpu, plan, plan_within
from s2v_nb.session import disk
from s2v_nb.settings import Settings

logger = logging.getLogger(__name__)

NEEDED_PACKAGES = ("diffusers", "transformers", "accelerate", "ftfy")
PART_SECONDS = 2.0  # of the finished clip: what is encoded at once
TELL_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class Job:
    """One clip on its way: the request, its parts, the picture as the model gets it."""

    request: Request
    spans: list[Span]
    picture: np.ndarray  # uint8 (height, width, 3), of the model's size
    subject: tuple[float, float]
    model: Model
    raw: RawParts

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.shape[1], self.picture.shape[0]


class WanEngine(ABC):
    """See `s2v_nb.engines.base.Engine`."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    about: ClassVar[tuple[str, str]]
    controls: ClassVar[tuple[str, str]]
    uses_gpu: ClassVar[bool] = True
    models: ClassVar[dict[str, str]]  # quality -> model
    source_fps: ClassVar[int]
    max_shift: ClassVar[float]  # seconds that a moment may be moved towards a beat

    # --- what each engine says

    @abstractmethod
    def spans(self, num_frames: int, fps: int) -> list[Span]:
        """The parts of a clip."""

    @abstractmethod
    def size(self, settings: Settings) -> tuple[int, int]:
        """(width, height) that the model makes."""

    @abstractmethod
    def source_frames(self, span: Span) -> int:
        """How many frames the model makes for a part."""

    @abstractmethod
    def passes(self, settings: Settings) -> int:
        """How often the network runs for a part."""

    @abstractmethod
    def load(self, folders: dict[str, Path], plan: MemoryPlan, device: str, model: Model) -> Any:
        """The model in memory."""

    @abstractmethod
    def make(self, loaded: Any, job: Job, first: int, done: "Made") -> None:
        """Make part ``first`` and all after it, telling ``done`` of every step and every part."""

    @abstractmethod
    def can_follow(self, job: Job, index: int) -> bool:
        """Whether what part ``index``, which is not the first, needs of those before it is on the disk."""

    # --- the interface of engines

    def refusal(self) -> Notice | None:
        missing = [name for name in NEEDED_PACKAGES if find_spec(name) is None]
        if missing:
            return Notice("engine.packages", {"packages": ", ".join(missing)})
        if chosen_device() is None:
            return Notice("engine.no_gpu", {})
        return None

    def misfit(self, settings: Settings) -> Notice | None:
        """Why no way of running the model fits this machine's memory, None where one does."""
        device = known_device()
        if device is None:
            return None
        spans = self.spans(settings.num_frames, settings.fps)
        try:
            plan(self.model(settings), self._shape(settings, spans), device)
        except InputError as error:
            return Notice("engine.too_big", {**error.values, "engine": self.name})
        return None

    def is_here(self, settings: Settings) -> bool:
        """Whether the weights for these settings are on the disk."""
        return located(self.model(settings)) is not None

    def model(self, settings: Settings) -> Model:
        return get_model(self.models[settings.quality])

    def estimate(self, settings: Settings, image_size: tuple[int, int]) -> tuple[float, int]:
        found = self._rough_plan(settings, settings.num_frames)
        return found.seconds, int(found.host_bytes + 3e9)

    def plan(self, request: Request) -> Plan:
        settings, spans = request.settings, self.spans(request.num_frames, request.settings.fps)
        found, why = self._memory_plan(settings, spans)
        return Plan(
            size=settings.size,
            fps=settings.fps,
            num_frames=request.num_frames,
            memory_bytes=int(found.host_bytes + 3e9),
            seconds=found.seconds,
            seams=tuple(span.first / settings.fps for span in spans[1:]),
            notices=(why,) if why else (),
            part_frames=round(PART_SECONDS * settings.fps),
        )

    def frames(self, request: Request, first: int = 0) -> Iterator[np.ndarray]:
        with ExitStack() as stack:
            folder = request.work.folder or Path(stack.enter_context(TemporaryDirectory()))
            job = self._job(request, folder)
            parts = stack.enter_context(_made_ahead(self, job, first))
            for span in job.spans:
                if span.first + span.count <= first:
                    continue
                for piece in pieces(span, self.source_frames(span), request.settings.fps, self.source_fps):
                    if piece.first + piece.count > first:
                        frames = parts.wait_for(span, piece)
                        yield from finished_frames(
                            request, frames, self.source_fps, piece.first, piece.count,
                            max_shift=self.max_shift, skip=max(0, first - piece.first), subject=job.subject,
                        )  # fmt: skip

    # --- inside

    def _job(self, request: Request, folder: Path) -> Job:
        settings, size = request.settings, self.size(request.settings)
        plate = make_plate(request.image, size, fit=settings.fit, subject=settings.subject)
        left, top, width, height = plate.window
        picture = resize(plate.pixels, size, (left, top, left + width, top + height))
        subject = (plate.subject[0] - left) / width, (plate.subject[1] - top) / height
        spans = self.spans(request.num_frames, settings.fps)
        return Job(request, spans, picture, _inside(subject), self.model(settings), RawParts(folder))

    def _shape(self, settings: Settings, spans: list[Span]) -> Shape:
        return Shape(*self.size(settings), max(self.source_frames(span) for span in spans))

    def _given(self, settings: Settings, spans: list[Span]) -> dict[str, Any]:
        return {"passes": self.passes(settings), "parts": len(spans)}

    def _memory_plan(self, settings: Settings, spans: list[Span]) -> tuple[MemoryPlan, Notice | None]:
        model, shape = self.model(settings), self._shape(settings, spans)
        given = self._given(settings, spans)
        if chosen_device() == "cpu":
            return on_cpu(model, shape, **given), None
        device = measured_device()
        found = plan(model, shape, device, **given)
        return found, found.why(device)

    def _rough_plan(self, settings: Settings, num_frames: int) -> MemoryPlan:
        """The same from what the driver says, without torch: it follows every slider."""
        spans = self.spans(num_frames, settings.fps)
        model, shape = self.model(settings), self._shape(settings, spans)
        given = self._given(settings, spans)
        device = known_device()
        return on_cpu(model, shape, **given) if device is None else plan_within(model, shape, device, **given)

    def made_before(self, job: Job, span: Span) -> np.ndarray | None:
        """The model's frames of a part, None unless they are on the disk."""
        return job.raw.read(span.index, job.size, self.source_frames(span))

    def run(self, job: Job, made: "Made") -> None:
        """Make the parts that are missing; where the GPU's memory is too small, in a way that takes less."""
        settings = job.request.settings
        self._check_disk(job)
        found, _ = self._memory_plan(settings, job.spans)
        folders = fetch(job.model, progress=lambda _: made.check())
        while True:
            try:
                with self._loaded(job.model, folders, found, made) as loaded:
                    self.make(loaded, job, made.next, made)
                return
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
                logger.warning("out of memory with %s", found, exc_info=error)
                found = self._smaller_plan(job, found, error)
                job.request.work.tell(Notice("plan.stepped_down", {"way": found.way, "part": made.next + 1}))
            CACHE.unload()  # here, where no traceback holds tensors any longer

    def _check_disk(self, job: Job) -> None:
        """InputError unless the frames of all missing parts have room on the disk."""
        missing = [span for span in job.spans if self.made_before(job, span) is None]
        needs = sum(self.source_frames(span) for span in missing) * job.picture.nbytes
        has = disk(job.raw.folder).free
        if has < needs:
            where = str(job.raw.folder.parent)
            raise InputError("sweep.disk", name=where, needs=needs / 2**20, has=has / 2**20)

    def _smaller_plan(self, job: Job, found: MemoryPlan, error: Exception) -> MemoryPlan:
        if chosen_device() == "cpu":  # there is one way only
            raise GenerationError("failed.memory") from error
        device, spans = measured_device(), job.spans
        settings = job.request.settings
        shape, given = self._shape(settings, spans), self._given(settings, spans)
        try:
            return plan(job.model, shape, device, below=found, **given)
        except InputError:
            raise GenerationError("failed.gpu_memory", gpu=device.name, has=device.gpu_free / 1e9) from error

    @contextmanager
    def _loaded(self, model: Model, folders: dict[str, Path], found: MemoryPlan, made: "Made") -> Iterator[Any]:
        device = chosen_device()
        assert device is not None
        places = tuple(sorted((role, str(folder)) for role, folder in folders.items()))
        key = (model.key, places, found.way, device)  # what else a plan says does not move the weights

        def has_room() -> bool:
            return device == "cpu" or fits(found, measured_device(reclaim=False))

        use = CACHE.use(key, lambda: self.load(folders, found, device, model), has_room=has_room)
        with use as loaded, _alone(loaded, made):
            loaded.follow(found)
            yield loaded


@contextmanager
def _alone(loaded: Any, made: "Made") -> Iterator[None]:
    """One clip at a time is at a model; those that wait for it can be stopped, too."""
    while not loaded.lock.acquire(timeout=TELL_SECONDS):
        made.check()
    try:
        loaded.stopping(made.check)
        yield
    finally:
        loaded.stopping(lambda: None)
        loaded.rest()
        loaded.lock.release()


class Made:
    """What the thread at the model has made so far, and whether it is to stop; told by it, asked by the other."""

    def __init__(self, job: Job, first: int) -> None:
        self.job, self.next = job, first
        self.reached = 0.0  # frames of the clip that are as good as made
        self.error: BaseException | None = None
        self._news = threading.Condition()
        self._stop = threading.Event()

    def check(self) -> None:
        """Raise `Cancelled` if the work is to stop."""
        if self._stop.is_set():
            raise Cancelled("cancelled")

    def step(self, step: int, steps: int) -> None:
        """So many steps of the part at work are done."""
        self.check()
        span = self.job.spans[self.next]
        self.reached = span.first + span.count * min(1.0, step / steps)
        with self._news:
            self._news.notify_all()

    def part(self) -> None:
        """The part at work is on the disk."""
        with self._news:
            self.next += 1
            self._news.notify_all()

    def fail(self, error: BaseException) -> None:
        with self._news:
            self.error = error
            self._news.notify_all()

    def stop(self) -> None:
        self._stop.set()

    def wait(self, index: int, frames: int) -> np.ndarray | None:
        """Wait until the first frames of a part are made, and return them, or until all of it is on the disk: None.

        Raises what stopped the other thread.
        """
        while True:
            self.job.request.work.report(self.reached)
            with self._news:
                if self.next > index:
                    return None
                if (coming := self.job.raw.coming(index, frames)) is not None:
                    return coming
                if self.error is not None:
                    raise self.error
                self._news.wait(TELL_SECONDS)


class _Ahead:
    """The thread at the model, as the other sees it."""

    def __init__(self, engine: WanEngine, job: Job, first: int) -> None:
        self.engine, self.job = engine, job
        start = self._start(first)
        self.made = Made(job, start)
        self.thread = threading.Thread(target=self._work, name="s2v_nb-model", daemon=True)
        if start < len(job.spans):
            self.thread.start()

    def _start(self, first: int) -> int:
        """The first part to be made: one that is missing, or before it the one from which it can be reached."""
        spans = self.job.spans
        missing = (span.index for span in spans if span.first + span.count > first and self._read(span) is None)
        start = next(missing, len(spans))
        while 0 < start < len(spans) and not self.engine.can_follow(self.job, start):
            start -= 1
        return start

    def wait_for(self, span: Span, piece: Piece) -> np.ndarray:
        """The frames of the model that a piece of the part is made from."""
        frames = self.made.wait(span.index, piece.end)
        if frames is None:
            frames = self._read(span)
        if frames is None:
            raise GenerationError("failed.vanished", name=str(self.job.raw.folder))
        return frames[piece.start : piece.end]

    def close(self) -> None:
        self.made.stop()
        while self.thread.is_alive():  # it looks for this between two parts of a block
            self.thread.join(0.05)

    def _read(self, span: Span) -> np.ndarray | None:
        return self.engine.made_before(self.job, span)

    def _work(self) -> None:
        try:
            self.engine.run(self.job, self.made)
        except BaseException as error:  # handed over, not swallowed
            self.made.fail(error)


@contextmanager
def _made_ahead(engine: WanEngine, job: Job, first: int) -> Iterator[_Ahead]:
    ahead = _Ahead(engine, job, first)
    began = time.monotonic()
    try:
        yield ahead
    finally:
        ahead.close()
        logger.info("%s: %.1f s at %d parts", engine.name, time.monotonic() - began, len(job.spans))


def _inside(point: tuple[float, float]) -> tuple[float, float]:
    return float(np.clip(point[0], 0, 1)), float(np.clip(point[1], 0, 1))


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError)
