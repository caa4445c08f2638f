"""Where tracebacks go, ``s2v-nb.log`` in the cache folder, and what a person is told instead."""

import logging
from pathlib import Path

from s2v_nb.errors import SentenceError
from s2v_nb.session import cache_folder


def log_file() -> Path:
    return cache_folder() / "s2v-nb.log"


def sentence_of(error: BaseException) -> SentenceError:
    """The error itself if it speaks; of any other, the sentence that something failed inside and where the log is."""
    if isinstance(error, SentenceError):
        return error
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    return SentenceError("failed.internal", why=why, log=str(log_file()))


def start_log() -> None:
    """Log to the file and nowhere else, for a program of its own."""
    handler = _handler()
    root = logging.getLogger("s2v_nb")
    for old in root.handlers:
        old.close()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False


def keep_log() -> None:
    """Log to the file, too, unless that is done already; for a notebook, whose own logging stays as it is."""
    root = logging.getLogger("s2v_nb")
    if not root.handlers:
        root.addHandler(_handler())


def _handler() -> logging.Handler:
    """Writes to the file when there is something; where it cannot, to nowhere: a full disk must not stop a clip."""
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.FileHandler(log_file(), encoding="utf-8", delay=True)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
