"""One lock for each component of the cache: who holds it may change its files. A dead process holds nothing."""

import errno
import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from s2v_nb.models.catalog import Component
from s2v_nb.models.store import manifest_path
from s2v_nb.storage import make_folder

logger = logging.getLogger(__name__)

LOOK = 0.3  # seconds between two tries


@contextmanager
def alone(component: Component, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the component's lock; ``waiting`` is called now and then until it is free, and may raise."""
    path = manifest_path(component).with_suffix(".lock")
    make_folder(path.parent)
    with path.open("a") as file:
        while not _locked(file):
            waiting()
            time.sleep(LOOK)
        yield


def is_busy(component: Component) -> bool:
    """Whether somebody holds the lock right now."""
    path = manifest_path(component).with_suffix(".lock")
    if not path.exists():
        return False
    with path.open("a") as file:
        return not _locked(file)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        logger.warning("%s cannot be locked: %s", file.name, error)  # some network file systems
    return True
