"""How far a download is, and two ways to show it: a bar in a terminal or a notebook, lines in a pipe."""

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from s2v_nb.errors import say
from s2v_nb.progress import in_notebook

WINDOW = 20.0  # seconds that the speed is taken from: networks change their mind
STEP = 10  # percent between two lines in a pipe


@dataclass(frozen=True)
class Transfer:
    """``done`` of ``total`` bytes of the model are here; ``speed`` is bytes a second, None until it is known.

    ``waiting`` while another process downloads the same.
    """

    model: str
    done: int
    total: int
    speed: float | None = None
    waiting: bool = False

    @property
    def remaining(self) -> float | None:
        """Seconds left at this speed."""
        return (self.total - self.done) / self.speed if self.speed else None


TransferView = Callable[[Transfer], None]


class Meter:
    """Turns "so many bytes are here" into `Transfer`s and tells the view."""

    def __init__(self, model: str, total: int, view: TransferView | None) -> None:
        self.model, self.total, self.view = model, total, view
        self._seen: deque[tuple[float, int]] = deque()

    def tell(self, done: int, *, waiting: bool = False) -> None:
        """May raise what the view raises, `Cancelled` for instance; the download then stops."""
        if self.view is not None:
            self.view(Transfer(self.model, done, self.total, self._speed(done), waiting))

    def _speed(self, done: int) -> float | None:
        now = time.monotonic()
        self._seen.append((now, done))
        while now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        seconds, count = now - self._seen[0][0], done - self._seen[0][1]
        return count / seconds if seconds > 0 and count > 0 else None


class BarView:
    """A bar on a terminal or in a notebook, a line for every tenth in a pipe."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._bar: Any = None
        self._told: tuple[int, bool] | None = None

    def __call__(self, transfer: Transfer) -> None:
        if in_notebook() or self.stream.isatty():
            self._draw(transfer)
        else:
            self._tell(transfer)

    def _draw(self, transfer: Transfer) -> None:
        if self._bar is None:
            options = {"unit": "B", "unit_scale": True, "desc": transfer.model, "initial": transfer.done}
            self._bar = _bars()(total=transfer.total, file=self.stream, **options)
        self._bar.set_description(say("models.waiting", model=transfer.model) if transfer.waiting else transfer.model)
        self._bar.update(transfer.done - self._bar.n)

    def _tell(self, transfer: Transfer) -> None:
        news = (100 * transfer.done // max(1, transfer.total) // STEP, transfer.waiting)
        if news != self._told:
            self._told = news
            print(line(transfer), file=self.stream, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _bars() -> Any:
    if in_notebook():
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm
    return tqdm


def line(transfer: Transfer) -> str:
    """'wan-ti2v-5b: 3.20 of 24.20 GB, 95.0 MB/s, 3:41 left'."""
    known = {"model": transfer.model, "done": size_text(transfer.done), "total": size_text(transfer.total)}
    text = say("models.progress", **known)
    if transfer.waiting:
        return say("models.waiting", model=text)
    if transfer.remaining is None or transfer.done >= transfer.total:
        return text
    minutes, seconds = divmod(round(transfer.remaining), 60)
    left = f"{minutes}:{seconds:02d}"
    return text + say("models.progress_speed", speed=size_text(transfer.speed or 0), left=left)


def size_text(count: float) -> str:
    """Bytes as disks are sold: '24.2 GB', '7.1 MB', '380 B'."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"
