"""What is held in memory: one loaded model for each way of running it, shared by all who ask.

A second cell of a notebook gets it at once; those who ask while it is loading wait for that one load; the one that was
used longest ago goes when another needs the room.
"""

import gc
import logging
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from s2v_nb.session import release_memory

logger = logging.getLogger(__name__)


class Held(Protocol):
    """A loaded model."""

    def close(self) -> None:
        """Let go of all memory, locked memory and threads too."""
        ...


class _Entry:
    """One model: being loaded, loaded, or failed to load. ``users`` are those inside `ModelCache.use`."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.model: Any = None
        self.error: BaseException | None = None
        self.users = 0


class ModelCache:
    """Loaded models of this process, the one used longest ago first; ``loads`` counts how often one was loaded."""

    def __init__(self) -> None:
        self.loads = 0
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._one_load = threading.Lock()

    @contextmanager
    def use(
        self, key: Hashable, load: Callable[[], Held], *, has_room: Callable[[], bool] = lambda: True
    ) -> Iterator[Any]:
        """The model of that key, loaded by ``load`` unless it is here; it stays while somebody is inside.

        Parameters
        ----------
        has_room : callable
            Whether it can be loaded beside what is held now; until it can, models that nobody uses are closed, the one
            used longest ago first.

        Raises
        ------
        BaseException
            What ``load`` raises, to all who waited for it; the next who asks tries again.
        """
        entry = self._entered(key, load, has_room)
        try:
            yield entry.model
        finally:
            with self._lock:
                entry.users -= 1

    def unload(self, key: Hashable | None = None) -> int:
        """Close the model of that key, or all; how many were closed. One that is in use stays."""
        with self._lock:
            keys = [k for k, e in self._entries.items() if key in (None, k) and e.ready.is_set() and not e.users]
            going = [self._entries.pop(k) for k in keys]
        for entry in going:
            _close(entry.model)
        give_back()
        return len(going)

    def host_bytes(self) -> float:
        """What the held models take of the machine's memory, as far as they say (``host_bytes``)."""
        with self._lock:
            return float(sum(getattr(entry.model, "host_bytes", 0.0) for entry in self._entries.values()))

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._entries and self._entries[key].ready.is_set()

    def __len__(self) -> int:
        return len(self._entries)

    def _entered(self, key: Hashable, load: Callable[[], Held], has_room: Callable[[], bool]) -> _Entry:
        with self._lock:
            entry = self._entries.get(key)
            mine = entry is None
            if entry is None:
                entry = self._entries[key] = _Entry()
            self._entries.move_to_end(key)
            entry.users += 1
        try:
            if mine:
                self._load(key, entry, load, has_room)
            entry.ready.wait()
            if entry.error is not None:
                raise entry.error
        except BaseException:  # an interrupt while waiting, too: it would never be closed
            with self._lock:
                entry.users -= 1
            raise
        return entry

    def _load(self, key: Hashable, entry: _Entry, load: Callable[[], Held], has_room: Callable[[], bool]) -> None:
        try:
            with self._one_load:  # the room that is found is still there when the weights come
                while not has_room() and self._close_oldest():
                    pass
                entry.model = load()
                self.loads += 1
        except BaseException as error:
            entry.error = error
            with self._lock:
                self._entries.pop(key, None)
        finally:
            entry.ready.set()

    def _close_oldest(self) -> bool:
        with self._lock:
            idle = [k for k, e in self._entries.items() if e.ready.is_set() and not e.users]
            if not idle:
                return False
            entry = self._entries.pop(idle[0])
        logger.info("%s makes room for another model", idle[0])
        _close(entry.model)
        give_back()
        return True


def _close(model: Any) -> None:
    try:
        model.close()
    except Exception:
        logger.exception("a model could not be closed")


def give_back() -> None:
    """Give memory that is no longer used back to the system and to the GPU's other users."""
    gc.collect()
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
            torch._C._host_emptyCache() if hasattr(torch._C, "_host_emptyCache") else None
    release_memory()


CACHE = ModelCache()


def unload() -> int:
    """Close all models that this process holds and nobody uses; how many there were."""
    return CACHE.unload()
