"""Frames as the model made them, kept beside a clip until it is whole: what was paid for is never paid for again.

model/
    part-00.npy             uint8 (frame, height, width, 3); there once it is whole
    resume-01.safetensors   what part 1 needs of those before it, where the model asks for more than a picture
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from s2v_nb.storage import clean_stale, make_folder, replacing


class RawParts:
    """The parts in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_folder(folder)
        clean_stale(folder)

    def path(self, index: int) -> Path:
        return self.folder / f"part-{index:02d}.npy"

    def resume_path(self, index: int) -> Path:
        return self.folder / f"resume-{index:02d}.safetensors"

    def read(self, index: int, size: tuple[int, int], frames: int) -> np.ndarray | None:
        """The frames of a part, mapped from the disk; None unless they are there and as expected."""
        with suppress(OSError, ValueError):  # not there, or damaged
            found = np.load(self.path(index), mmap_mode="r", allow_pickle=False)
            if found.dtype == np.uint8 and found.shape == (frames, size[1], size[0], 3):
                return found
        return None

    def write(
        self, index: int, size: tuple[int, int], frames: int, make: Callable[[Callable[[np.ndarray], None]], None]
    ) -> None:
        """Let ``make`` write a part: it is given a function that takes the next frames."""
        with replacing(self.path(index)) as scratch:
            out = open_memmap(scratch, mode="w+", dtype=np.uint8, shape=(frames, size[1], size[0], 3))
            done = 0

            def take(chunk: np.ndarray) -> None:
                nonlocal done
                out[done : done + len(chunk)] = chunk
                done += len(chunk)

            make(take)
            if done != frames:
                raise ValueError(f"part {index} has {done} frames, expected {frames}")
            out.flush()
            del out
