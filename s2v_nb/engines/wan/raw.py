"""Frames as the model made them, kept beside a clip until it is whole: what was paid for is never paid for again.

model/
    part-00.npy             uint8 (frame, height, width, 3); there once it is whole
    resume-01.safetensors   what part 1 needs of those before it, where the model asks for more than a picture
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.format import write_array_header_1_0

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

    @contextmanager
    def writing(self, index: int, size: tuple[int, int], frames: int) -> Iterator[Callable[[np.ndarray], None]]:
        """Yield a function that takes the next frames of a part; it is there once the block has given all of them.

        Raises
        ------
        ValueError
            If there were more or fewer.
        OSError
            If the disk is full. Frames written through a map of the file would end the process instead.
        """
        with replacing(self.path(index)) as scratch, scratch.open("wb") as file:
            part = _Part(file, (frames, size[1], size[0], 3))
            yield part.take
            part.check_whole(index)


class _Part:
    """A part on its way to the disk, as a file that numpy reads."""

    def __init__(self, file: BinaryIO, shape: tuple[int, int, int, int]) -> None:
        self.file, self.shape, self.done = file, shape, 0
        write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})

    def take(self, chunk: np.ndarray) -> None:
        if chunk.dtype != np.uint8 or chunk.shape[1:] != self.shape[1:]:
            raise ValueError(f"frames are {chunk.dtype} of shape {chunk.shape[1:]}, expected uint8 {self.shape[1:]}")
        self.file.write(np.ascontiguousarray(chunk).data)
        self.done += len(chunk)

    def check_whole(self, index: int) -> None:
        if self.done != self.shape[0]:
            raise ValueError(f"part {index} has {self.done} frames, expected {self.shape[0]}")
