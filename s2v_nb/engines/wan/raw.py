"""Frames as the model made them, kept beside a clip until it is whole: what was paid for is never paid for again.

model/
    part-00.npy             uint8 (frame, height, width, 3); there once it is whole
    resume-01.safetensors   what part 1 needs of those before it, where the model asks for more than a picture
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array_header_1_0

from s2v_nb.errors import GenerationError
from s2v_nb.storage import clean_stale, make_folder, replacing


class RawParts:
    """The parts in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._coming: dict[int, _Part] = {}
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

    def coming(self, index: int, frames: int) -> np.ndarray | None:
        """The first frames of a part that is being made; None unless there are so many."""
        part = self._coming.get(index)
        return part.frames[:frames] if part is not None and part.done >= frames else None

    @contextmanager
    def writing(self, index: int, size: tuple[int, int], frames: int) -> Iterator[Callable[[np.ndarray], None]]:
        """Yield a function that takes the next frames of a part; it is there once the block has given all of them.

        Raises
        ------
        ValueError
            If there were more or fewer.
        GenerationError
            If the disk is full. Frames written through a map of the file would end the process instead.
        """
        with replacing(self.path(index)) as scratch, scratch.open("wb", buffering=0) as file:
            part = self._coming[index] = _Part(file, (frames, size[1], size[0], 3))
            try:
                yield part.take
                part.check_whole(index)
            except BaseException:
                self._coming.pop(index)
                raise
        self._coming.pop(index)  # from here on it is read from the disk


class _Part:
    """A part on its way to the disk, as a file that numpy reads; ``frames`` has those that came, in memory."""

    def __init__(self, file: FileIO, shape: tuple[int, int, int, int]) -> None:
        self.file, self.shape, self.done = file, shape, 0
        self.frames = np.empty(shape, np.uint8)
        write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})

    def take(self, chunk: np.ndarray) -> None:
        if chunk.dtype != np.uint8 or chunk.shape[1:] != self.shape[1:]:
            raise ValueError(f"frames are {chunk.dtype} of shape {chunk.shape[1:]}, expected uint8 {self.shape[1:]}")
        self._write(np.ascontiguousarray(chunk).reshape(-1).data)
        self.frames[self.done : self.done + len(chunk)] = chunk[: self.shape[0] - self.done]
        self.done += len(chunk)

    def _write(self, left: memoryview) -> None:
        try:
            while left:
                left = left[self.file.write(left) :]
        except OSError as error:
            folder = str(Path(self.file.name).parent)
            raise GenerationError("failed.disk", name=folder, why=error.strerror or str(error)) from error

    def check_whole(self, index: int) -> None:
        if self.done != self.shape[0]:
            raise ValueError(f"part {index} has {self.done} frames, expected {self.shape[0]}")
