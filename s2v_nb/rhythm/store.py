"""What was heard once, kept in the cache folder: ``rhythm/<key>.json``, named by the song, the tracker and the ear."""

import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path

import numpy as np

from s2v_nb.media.audio import Audio
from s2v_nb.rhythm.types import Rhythm
from s2v_nb.rhythm.version import RHYTHM_VERSION
from s2v_nb.session import cache_folder
from s2v_nb.storage import parse_json, replacing

logger = logging.getLogger(__name__)

MOST_FILES = 200  # some 100 MiB, if they are songs of three minutes; the oldest go first


def folder() -> Path:
    return cache_folder() / "rhythm"


def key(audio: Audio, tracker: str) -> str:
    """24 hex digits over everything the result depends on."""
    digest = hashlib.sha256(f"{audio.rate} {tracker} {RHYTHM_VERSION}".encode())
    for channel in audio.samples:  # the sound itself: a part, or a louder copy, is another song
        digest.update(np.ascontiguousarray(channel).data)
    return digest.hexdigest()[:24]


def load(name: str) -> Rhythm | None:
    """What was kept under this key, or None; a damaged file counts as none."""
    path = folder() / f"{name}.json"
    try:
        return Rhythm.from_dict(parse_json(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        logger.warning("%s cannot be read and is made again: %.80s", path, error)
        return None


def save(name: str, rhythm: Rhythm) -> None:
    """Keep it; where nothing can be written, it is only logged."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with replacing(folder() / f"{name}.json") as scratch:
            scratch.write_text(json.dumps(rhythm.to_dict(), separators=(",", ":")), encoding="utf-8")
        _forget_oldest()
    except OSError as error:
        logger.warning("the analysis cannot be kept: %s", error)


def _forget_oldest() -> None:
    files = sorted(folder().glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in files[:-MOST_FILES]:
        with suppress(OSError):
            path.unlink()
