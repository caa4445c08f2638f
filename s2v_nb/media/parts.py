"""A clip written in parts: what was finished before an interruption is never made again.

parts/
    part-0000.mp4       picture only; there once it is whole
    part-0001.mp4

Each part begins with a key frame of its own and is encoded by itself, so that a clip made in one go and one that was
interrupted have the same frames to the last bit. Joining copies the encoded picture and the encoded sound.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.errors import GenerationError, InputError
from s2v_nb.media.video import (
    MIXED_FLAGS,
    PICTURE_FLAGS,
    Ffmpeg,
    checked,
    comment_flags,
    is_whole,
    probe_video,
    raw_input,
)
from s2v_nb.storage import make_folder, replacing


def part_path(folder: Path, index: int) -> Path:
    return folder / f"part-{index:04d}.mp4"


def finished_parts(folder: Path, *, size: tuple[int, int], fps: int, num_frames: int, part_frames: int) -> int:
    """How many parts of this clip are there, from the first on without a gap; what is no such part ends the count."""
    found = 0
    for index, count in _counts(num_frames, part_frames, 0):
        if not _is_part(part_path(folder, index), size, fps, count):
            break
        found += 1
    return found


def _is_part(path: Path, size: tuple[int, int], fps: int, count: int) -> bool:
    with suppress(OSError, InputError):
        if is_whole(path):
            info = probe_video(path)
            return ((info.width, info.height), info.fps, round(info.seconds * fps)) == (size, fps, count)
    return False


def write_parts(
    folder: Path,
    frames: Iterable[np.ndarray],
    *,
    size: tuple[int, int],
    fps: int,
    num_frames: int,
    part_frames: int,
    first_part: int = 0,
) -> None:
    """Write parts ``first_part`` to the last from the frames that belong to them.

    Parameters
    ----------
    frames : iterable of uint8 arrays of shape (height, width, 3)
        From frame ``first_part * part_frames`` on, in time order.
    num_frames, part_frames : int
        Of the whole clip, and of each part but the last.

    Raises
    ------
    GenerationError
        If ffmpeg fails; parts that were finished stay.
    """
    source = iter(frames)
    finishing: Future[None] | None = None
    try:
        make_folder(folder)
        with ThreadPoolExecutor(1) as pool:  # the encoder ends one part while the frames of the next arrive
            for index, count in _counts(num_frames, part_frames, first_part):
                part = _Part(part_path(folder, index), size, fps)
                try:
                    part.encoder.take(checked(islice(source, count), size, count))
                    if finishing:
                        finishing.result()
                except BaseException:
                    part.close()
                    raise
                finishing = pool.submit(part.finish)
            if finishing:
                finishing.result()
    except OSError as error:  # no ffmpeg, a full disk
        raise GenerationError("failed.encoder", why=error.strerror or str(error)) from error


def _counts(num_frames: int, part_frames: int, first_part: int) -> Iterator[tuple[int, int]]:
    """(index, frames) of each part still to be made."""
    for index, start in enumerate(range(0, num_frames, part_frames)):
        if index >= first_part:
            yield index, min(part_frames, num_frames - start)


class _Part:
    """One part on its way: its encoder, and the scratch file that becomes the part at the end."""

    def __init__(self, path: Path, size: tuple[int, int], fps: int) -> None:
        with ExitStack() as stack:
            scratch = stack.enter_context(replacing(path))
            command = [*raw_input(size, fps), *PICTURE_FLAGS, "-an", f"file:{scratch}"]
            self.encoder = stack.enter_context(Ffmpeg(command))
            self._stack = stack.pop_all()

    def finish(self) -> None:
        with self._stack:
            self.encoder.finish()

    def close(self) -> None:
        """Give it up; nothing of it stays."""
        with suppress(_GivenUp), self._stack:
            raise _GivenUp


class _GivenUp(Exception):
    pass


def _table(fps: int, num_frames: int, part_frames: int) -> str:
    """What ffmpeg joins: our own names (it refuses any other place), each with its length.

    An MP4 gives its length in whole milliseconds; without ours a frame would come up to half of one too early or late.
    """
    lines, at = ["ffconcat version 1.0"], 0
    for index, count in _counts(num_frames, part_frames, 0):
        end = round((index * part_frames + count) * 1e6 / fps)  # microseconds, from the clip's start: no drift
        lines += [f"file {part_path(Path(), index)}", f"duration {end - at}us"]
        at = end
    return "\n".join(lines) + "\n"


def join_parts(
    path: Path, folder: Path, *, fps: int, num_frames: int, part_frames: int, sound: bytes, comment: dict[str, Any]
) -> None:
    """Join all parts of ``folder`` and the sound (see `encode_sound`) to an MP4; both are copied, not encoded again.

    Raises
    ------
    GenerationError
        If ffmpeg fails, for example for want of disk space.
    """
    path = path.absolute()
    table, heard = folder / f"{path.stem}.txt", path.with_suffix(".sound.m4a")
    try:
        table.write_text(_table(fps, num_frames, part_frames))
        heard.write_bytes(sound)
        inputs = ["-f", "concat", "-i", f"file:{table.name}", "-f", "mov", "-i", f"file:{heard}"]
        # it runs in the folder, since it takes "#" or "?" in the table's path for the end of a URL's path
        with Ffmpeg([*inputs, "-c", "copy", *MIXED_FLAGS, *comment_flags(comment), f"file:{path}"], folder) as joining:
            joining.finish()
    except OSError as error:
        raise GenerationError("failed.encoder", why=error.strerror or str(error)) from error
    finally:
        table.unlink(missing_ok=True)
        heard.unlink(missing_ok=True)
    if round(probe_video(path).seconds * fps) != num_frames:  # ffmpeg passes over a part that it cannot open
        raise GenerationError("failed.encoder", why="a part is missing")
