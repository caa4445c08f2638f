"""The one interface of all engines: *plan* what a clip will take, then give its *frames* in time order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from s2v_nb.errors import Notice
from s2v_nb.media import Audio, Image
from s2v_nb.rhythm import Rhythm
from s2v_nb.settings import Settings


@dataclass(frozen=True, eq=False)
class Work:
    """Where a clip is made, and who is to be told; what an engine has beside the request.

    ``folder`` is the engine's own: what it leaves there is there again when interrupted work goes on, and is removed
    once the clip is whole. None keeps nothing. ``report`` takes how many frames are as good as made, which may be a
    fraction, and raises `Cancelled` where the person stopped the work: to be called at least twice a second.
    """

    folder: Path | None = None
    report: Callable[[float], None] = lambda frames: None
    tell: Callable[[Notice], None] = lambda notice: None


@dataclass(frozen=True, eq=False)
class Request:
    """What an engine is asked for: ``audio`` and ``rhythm`` hold the clip's excerpt only, from its first moment.

    ``work`` decides nothing about the frames.
    """

    image: Image
    audio: Audio
    rhythm: Rhythm
    settings: Settings
    num_frames: int
    work: Work = field(default_factory=Work)

    @property
    def times(self) -> np.ndarray:
        """When each frame is shown, seconds, shape (num_frames,)."""
        return np.arange(self.num_frames) / self.settings.fps


@dataclass(frozen=True)
class Plan:
    """What a clip will take and hold, known before any work.

    ``seams`` are the times (seconds) where separately made parts meet; ``memory_bytes`` and ``seconds`` are the
    expected peak and time on this machine. Finished parts of ``part_frames`` frames are kept when the work is
    interrupted; None keeps none.
    """

    size: tuple[int, int]
    fps: int
    num_frames: int
    memory_bytes: int
    seconds: float
    seams: tuple[float, ...] = ()
    notices: tuple[Notice, ...] = field(default=())
    part_frames: int | None = None


class Engine(Protocol):
    """What an engine must offer. It is deterministic: equal requests give equal frames on one machine.

    One that computes on a GPU also has ``uses_gpu = True``: a sweep then gives each worker one. ``controls`` says in
    one line what the sliders do, English and Chinese, where that is not what they do in `preview`.
    """

    name: str
    version: str
    about: tuple[str, str]  # what it is for and what it needs, in English and Chinese

    def refusal(self) -> Notice | None:
        """Why it cannot run on this machine, None where it can; engines that say nothing run anywhere."""
        return None

    def plan(self, request: Request) -> Plan: ...

    def estimate(self, settings: Settings, image_size: tuple[int, int]) -> tuple[float, int]:
        """Expected seconds for the whole clip and peak bytes, from the settings alone: it follows every slider."""
        ...

    def frames(self, request: Request, first: int = 0) -> Iterator[np.ndarray]:
        """Yield frames ``first`` to the last: RGB uint8, (height, width, 3), of the plan's size.

        Frame ``first`` is the same whether or not the frames before it were asked for.
        """
        ...
