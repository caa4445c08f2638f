"""The `preview` engine: a real renderer without any model.

A deterministic camera, light and texture over the picture, driven by the prompt's directions and the song's beat. It
runs on any CPU, faster than real time, and is the way to try a song, a crop and a prompt before paying for a GPU.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from s2v_nb.engines.base import Notice, Plan, Request
from s2v_nb.engines.preview.prompt import look_of, read_prompt
from s2v_nb.engines.preview.render import Renderer
from s2v_nb.engines.preview.split import Split, split_foreground
from s2v_nb.media import Image
from s2v_nb.media.framing import MAX_OVERSIZE, Plate, make_plate
from s2v_nb.session import cpu_count
from s2v_nb.settings import Settings

AHEAD = 3  # frames rendered ahead of the encoder
SECONDS_PER_MEGAPIXEL = 0.02  # of one frame on one core; doctor-grade planning, the real time is reported
SPLIT_FACTOR = 1.8  # foreground and background are filmed one after the other
PART_SECONDS = 2.0


class PreviewEngine:
    """See `s2v_nb.engines.base.Engine`."""

    name = "preview"
    version = "1"
    about = (
        "Camera, light and grain over your picture, driven by the beat. Needs no GPU and no model.",
        "由节拍驱动的镜头、光影与质感，直接作用于图片。无需 GPU 和模型。",
    )

    def refusal(self) -> None:
        """It runs anywhere."""

    def estimate(self, settings: Settings, image_size: tuple[int, int]) -> tuple[float, int]:
        split = _wants_split(settings)
        plate_bytes = int(settings.size[0] * settings.size[1] * 3 * MAX_OVERSIZE**2)
        return _seconds(settings, settings.num_frames, split), _memory(settings, plate_bytes, split)

    def plan(self, request: Request) -> Plan:
        settings = request.settings
        plate, split = _prepared(request.image, settings.size, settings.fit, settings.subject, _wants_split(settings))
        return Plan(
            size=settings.size,
            fps=settings.fps,
            num_frames=request.num_frames,
            memory_bytes=_memory(settings, plate.pixels.nbytes, split is not None),
            seconds=_seconds(settings, request.num_frames, split is not None),
            notices=tuple(_notices(request, plate, split)),
            part_frames=round(PART_SECONDS * settings.fps),
        )

    def frames(self, request: Request, first: int = 0) -> Iterator[np.ndarray]:
        settings = request.settings
        plate, split = _prepared(request.image, settings.size, settings.fit, settings.subject, _wants_split(settings))
        look = look_of(read_prompt(settings.prompt), settings.prompt_weight)
        renderer = Renderer(request, look, plate, split)
        if renderer.still:
            picture = renderer.frame(0)
            return (picture for _ in range(first, request.num_frames))
        return _ahead(renderer.frame, range(first, request.num_frames))


def _wants_split(settings: Settings) -> bool:
    look = look_of(read_prompt(settings.prompt))
    return settings.motion != "off" and bool(look.dolly or look.truck)


def _seconds(settings: Settings, num_frames: int, split: bool) -> float:
    width, height = settings.size
    per_frame = SECONDS_PER_MEGAPIXEL * width * height / 1e6 * (SPLIT_FACTOR if split else 1.0)
    return num_frames * per_frame * 2 / min(2, cpu_count())


def _memory(settings: Settings, plate_bytes: int, split: bool) -> int:
    width, height = settings.size
    return plate_bytes * (9 if split else 5) + 40 * width * height * 12


@lru_cache(maxsize=2)  # plan and frames, and sweeps over motion and prompt weight, ask for the same plate
def _prepared(
    image: Image, size: tuple[int, int], fit: str, subject: tuple[float, float] | None, with_split: bool
) -> tuple[Plate, Split | None]:
    plate = make_plate(image, size, fit=fit, subject=subject)
    return plate, split_foreground(plate.pixels, plate.subject) if with_split else None


def _notices(request: Request, plate: Plate, split: Split | None) -> Iterator[Notice]:
    settings = request.settings
    reading = read_prompt(settings.prompt)
    if reading.unknown:
        yield Notice("notice.unknown_words", {"words": ", ".join(reading.unknown)})
    if settings.motion == "off" and reading.moving:
        yield Notice("notice.motion_off", {"words": ", ".join(reading.moving)})
    if _wants_split(settings) and split is None:
        yield Notice("notice.no_split", {})
    if plate.surround and settings.fit == "auto":
        yield Notice("notice.surround", {"aspect": settings.aspect, "lost": plate.lost})
    if settings.motion != "off" and not len(request.rhythm.beats):
        yield Notice("notice.no_beats", {})


def _ahead(render: Callable[[int], np.ndarray], indices: range) -> Iterator[np.ndarray]:
    """Render in a thread a few frames ahead, so that the encoder never waits; errors come out where they are used."""
    ready: queue.Queue = queue.Queue(AHEAD)
    stop = threading.Event()

    def work() -> None:
        try:
            for index in indices:
                if stop.is_set():
                    return
                ready.put(render(index))
            ready.put(None)
        except BaseException as error:  # handed over, not swallowed
            ready.put(error)

    thread = threading.Thread(target=work, name="preview-render", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        while thread.is_alive():
            _drain(ready)
            thread.join(0.01)


def _drain(ready: queue.Queue) -> None:
    while not ready.empty():
        ready.get_nowait()
