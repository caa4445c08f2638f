"""Weights from safetensors files straight to their place, as fast as the disk gives them.

A file is a header of JSON, which says where each tensor lies, and the tensors' bytes one after the other
(https://github.com/huggingface/safetensors#format). Many threads read at once, each into memory of its own that the GPU
can fetch from while the next piece is read; nothing is held twice.
"""

import json
import math
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import local
from typing import Any

import torch

from s2v_nb.session import cpu_count

PIECE = 64 * 2**20  # bytes that one thread reads at once
MOST_THREADS = 8  # more gain nothing where the page cache or an NVMe disk is the limit
LARGEST_HEADER = 100 * 2**20  # as the format allows
MOST_SIDES = 64  # of a shape, as torch allows
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip


class DamagedFile(ValueError):
    """A file is no whole safetensors file; says what is wrong."""


@dataclass(frozen=True)
class Stored:
    """One tensor in a file: ``start`` and ``nbytes`` count bytes of the file."""

    path: Path
    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    nbytes: int


def stored_tensors(path: Path) -> dict[str, Stored]:
    """What a safetensors file holds, by name; no tensor is read.

    Raises
    ------
    DamagedFile
        If the file is cut, its header makes no sense, or it is of another kind.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(LARGEST_HEADER, size - 8):
                raise ValueError(f"its header would be {length} bytes long")
            header = json.loads(file.read(length).decode("utf-8"))
        found = {
            name: _stored(path, name, entry, 8 + length) for name, entry in header.items() if name != "__metadata__"
        }
        _check_filled(found.values(), 8 + length, size)
        return found
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise DamagedFile(f"{path.name} is not a whole safetensors file ({error}); fetch it again") from error


def _stored(path: Path, name: str, entry: dict, base: int) -> Stored:
    if entry["dtype"] not in DTYPES:
        raise ValueError(f"{name} is of an unknown type, {entry['dtype']}")
    dtype, shape, (first, last) = DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
    if len(shape) > MOST_SIDES or any(type(count) is not int or count < 0 for count in (*shape, first, last)):
        raise ValueError(f"{name} has a shape or a place that is none")
    if last - first != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} of shape {shape} does not fill its {last - first} bytes")
    return Stored(path, name, dtype, shape, base + first, last - first)


def _check_filled(tensors: Iterable[Stored], start: int, size: int) -> None:
    """As the format has it, tensors lie side by side and fill the file."""
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.nbytes)):
        if tensor.start != start:
            raise ValueError(f"{tensor.name} begins at byte {tensor.start}, expected {start}")
        start += tensor.nbytes
    if start != size:
        raise ValueError(f"it has {size} bytes, its tensors end at {start}")


def host_memory(nbytes: int) -> torch.Tensor:
    """Memory of the machine as uint8 (nbytes,), in large pages where the system has them: it is locked far sooner."""
    if nbytes == 0:
        return torch.empty(0, dtype=torch.uint8)
    area = mmap.mmap(-1, nbytes)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # the kernel was built without them
            area.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(area, dtype=torch.uint8)


def lock_memory(memory: torch.Tensor) -> None:
    """Lock memory in its place, so that the GPU fetches from it while the processor does something else.

    Raises
    ------
    MemoryError
        If the system does not let us lock so much.
    """
    if memory.numel() and torch.cuda.is_available():
        status = torch.cuda.cudart().cudaHostRegister(memory.data_ptr(), memory.numel(), 0)
        if int(status) != 0:
            raise MemoryError(
                f"{memory.numel()} bytes of memory could not be locked for the GPU (status {int(status)})"
            )


def unlock_memory(memory: torch.Tensor) -> None:
    if memory.numel() and torch.cuda.is_available():
        torch.cuda.cudart().cudaHostUnregister(memory.data_ptr())


def read_tensors(wanted: Iterable[tuple[Stored, torch.Tensor]], *, threads: int | None = None) -> None:
    """Read each stored tensor into the tensor beside it, contiguous, of the same shape, on any device.

    Where the types differ, values are converted where they arrive.

    Raises
    ------
    DamagedFile
        If a file ends early.
    """
    pairs = sorted(wanted, key=lambda pair: (str(pair[0].path), pair[0].start))
    for stored, target in pairs:
        if tuple(target.shape) != stored.shape or not target.is_contiguous():
            raise ValueError(f"{stored.name} is {stored.shape}, its place {tuple(target.shape)}, or not contiguous")
    with _open_files({stored.path for stored, _ in pairs}) as files:
        readers = _Readers(files)
        pieces = [piece for pair in pairs for piece in _pieces(*pair)]
        with ThreadPoolExecutor(threads or min(MOST_THREADS, max(2, cpu_count()))) as pool:
            for future in [pool.submit(readers.read, piece) for piece in pieces]:
                future.result()
    if any(target.is_cuda for _, target in pairs):
        torch.cuda.synchronize()


@dataclass(frozen=True)
class _Piece:
    """Some values of a tensor: where they lie in the file, and where they go."""

    path: Path
    start: int
    dtype: torch.dtype
    target: torch.Tensor  # (values,)

    @property
    def nbytes(self) -> int:
        return self.target.numel() * self.dtype.itemsize


def _pieces(stored: Stored, target: torch.Tensor) -> Iterator[_Piece]:
    flat, step = target.detach().view(-1), PIECE // stored.dtype.itemsize
    for first in range(0, flat.numel(), step):
        part = flat[first : first + step]
        yield _Piece(stored.path, stored.start + first * stored.dtype.itemsize, stored.dtype, part)


class _Readers:
    """What the reading threads share, and what each has of its own: two pieces of memory and a stream of the GPU."""

    def __init__(self, files: dict[Path, int]) -> None:
        self.files = files
        self._own = local()

    def read(self, piece: _Piece) -> None:
        target = piece.target
        if target.device.type == "cpu" and target.dtype == piece.dtype:
            self._fill(piece, target.view(torch.uint8))
            return
        staging, event, stream = self._next(target.device)
        if event is not None:
            event.synchronize()  # what was copied from here before has arrived
        raw = staging[: piece.nbytes]
        self._fill(piece, raw)
        values = raw.view(piece.dtype)
        if stream is None:
            target.copy_(values)
            return
        with torch.cuda.stream(stream):
            if target.dtype == piece.dtype:
                target.copy_(values, non_blocking=True)
            else:
                target.copy_(values.to(target.device, non_blocking=True))
            event.record(stream)

    def _fill(self, piece: _Piece, memory: torch.Tensor) -> None:
        view, done = memory.numpy().data, 0
        while done < len(view):
            count = os.preadv(self.files[piece.path], [view[done:]], piece.start + done)
            if count == 0:
                raise DamagedFile(f"{piece.path.name} ended while it was read; fetch it again")
            done += count

    def _next(self, device: torch.device) -> tuple[torch.Tensor, Any, Any]:
        """This thread's memory that was used longer ago, with the event of its last copy and the stream."""
        if not hasattr(self._own, device.type):
            setattr(self._own, device.type, _Staging(device))
        return getattr(self._own, device.type).next()


class _Staging:
    """Memory of one thread on the way to a device: two pieces, so that one is read while the other is copied."""

    def __init__(self, device: torch.device) -> None:
        on_gpu = device.type == "cuda"
        self.memory = [torch.empty(PIECE, dtype=torch.uint8, pin_memory=on_gpu) for _ in range(2 if on_gpu else 1)]
        self.events = [torch.cuda.Event() if on_gpu else None for _ in self.memory]
        self.stream = torch.cuda.Stream(device) if on_gpu else None
        self.turn = 0

    def next(self) -> tuple[torch.Tensor, Any, Any]:
        self.turn = (self.turn + 1) % len(self.memory)
        return self.memory[self.turn], self.events[self.turn], self.stream


@contextmanager
def _open_files(paths: set[Path]) -> Iterator[dict[Path, int]]:
    files: dict[Path, int] = {}
    try:
        for path in paths:
            files[path] = os.open(path, os.O_RDONLY)
        yield files
    finally:
        for handle in files.values():
            os.close(handle)
