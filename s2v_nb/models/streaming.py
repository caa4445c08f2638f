"""Weights that pass through the GPU: each group is copied there while others compute, and overwritten afterwards.

A network of 33 GB so runs on a card of 6 GB. A forward pass uses its blocks in the same order each time; while one
part of a block computes, the next group of another part is on its way over the bus. One slot a part is enough: a
block's attention computes while the weights of its feed-forward layer arrive, and the other way round.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import nn

from s2v_nb.models.reading import Stored, host_memory, lock_memory, read_tensors, unlock_memory

ALIGNED = 256  # bytes: every tensor begins on such a boundary, as kernels want it


class Weights(Protocol):
    """Where a network's blocks find their weights."""

    def use(self, index: int, part: str) -> Any:
        """A context in which the weights of one part of block ``index`` are on the device."""
        ...


class Resident:
    """All weights are on the device."""

    def use(self, index: int, part: str) -> Any:
        return nullcontext()


class Packed:
    """Where the tensors of one group lie in a piece of memory, and what they are.

    ``parameters`` may be on the meta device: they say what the tensors are. `point_at` gives them their values.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = list(parameters)
        self._kinds = [(parameter.dtype, parameter.shape) for parameter in self.parameters]  # they come and go
        self.places: list[tuple[int, int]] = []  # first byte and number of bytes
        end = 0
        for dtype, shape in self._kinds:
            nbytes = shape.numel() * dtype.itemsize
            self.places.append((end, nbytes))
            end += -(-nbytes // ALIGNED) * ALIGNED
        self.nbytes = end

    def views(self, memory: torch.Tensor) -> list[torch.Tensor]:
        """The tensors as they lie in ``memory``."""
        return [
            memory[first : first + nbytes].view(dtype).view(shape)
            for (dtype, shape), (first, nbytes) in zip(self._kinds, self.places, strict=True)
        ]

    def point_at(self, memory: torch.Tensor) -> None:
        """Let the network's parameters be those in ``memory``."""
        for parameter, view in zip(self.parameters, self.views(memory), strict=True):
            parameter.data = view


class Source(Protocol):
    """Where groups are when they are not on the device."""

    def ready(self) -> None:
        """All weights are where they belong."""
        ...

    def group(self, index: int) -> torch.Tensor:
        """The bytes of a group; they stay what they are until `taken`."""
        ...

    def taken(self, index: int, copied: Any) -> None:
        """The group's copy was begun; ``copied`` is the event of its end, None where it has ended."""
        ...

    def close(self) -> None: ...


class HostSource:
    """All groups in locked memory of the machine."""

    def __init__(self, memory: Sequence[torch.Tensor]) -> None:
        self.memory: list[torch.Tensor] = list(memory)
        self._locked: list[torch.Tensor] = []
        weakref.finalize(self, unlock_all, self._locked)  # whoever forgets to close must not lose the memory for good

    def ready(self) -> None:
        """Lock the memory, once it holds the weights: many threads have found its pages while they were read."""
        if not self._locked:
            lock_all(self.memory)
            self._locked += self.memory

    def group(self, index: int) -> torch.Tensor:
        return self.memory[index]

    def taken(self, index: int, copied: Any) -> None:
        pass

    def close(self) -> None:
        unlock_all(self._locked)


def lock_all(memory: Sequence[torch.Tensor]) -> None:
    """Lock all pieces of memory, or none if that fails; see `s2v_nb.models.reading.lock_memory`."""
    for number, piece in enumerate(memory):
        try:
            lock_memory(piece)
        except MemoryError:
            for locked in memory[:number]:
                unlock_memory(locked)
            raise


def unlock_all(memory: list[torch.Tensor]) -> None:
    """Unlock all pieces of memory, and empty the list."""
    while memory:
        unlock_memory(memory.pop())


class DiskSource:
    """Groups that are read from their files each time, ``AHEAD`` of use, into a few pieces of locked memory."""

    AHEAD = 2

    def __init__(self, groups: Sequence[Packed], files: Sequence[Sequence[Stored]]) -> None:
        self._groups, self._files = groups, files
        largest = max(group.nbytes for group in groups)
        self._memory = [host_memory(largest) for _ in range(min(len(groups), self.AHEAD + 1))]
        lock_all(self._memory)
        self._locked = list(self._memory)
        weakref.finalize(self, unlock_all, self._locked)
        self._copied: list[Any] = [None] * len(self._memory)  # what still copies from a piece of memory
        self._idle = list(range(len(self._memory)))  # pieces that hold nothing anybody waits for, the oldest first
        self._coming: dict[int, tuple[int, Future[None]]] = {}  # group to its piece of memory
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="s2v_nb-weights")

    def ready(self) -> None:
        pass

    def group(self, index: int) -> torch.Tensor:
        for stale in [known for known in self._coming if (known - index) % len(self._groups) > self.AHEAD]:
            self._forget(stale)
        for ahead in range(self.AHEAD + 1):
            self._ask_for((index + ahead) % len(self._groups))
        piece, read = self._coming[index]
        wait([read])
        if read.exception() is not None:
            self._forget(index)  # the next time it is read anew
        read.result()
        return self._memory[piece][: self._groups[index].nbytes]

    def taken(self, index: int, copied: Any) -> None:
        piece, _ = self._coming.pop(index)
        self._copied[piece] = copied
        self._idle.append(piece)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        unlock_all(self._locked)
        self._memory.clear()

    def _ask_for(self, index: int) -> None:
        if index not in self._coming and self._idle:
            piece = self._idle.pop(0)
            self._coming[index] = piece, self._pool.submit(self._read, index, piece)

    def _forget(self, index: int) -> None:
        """Nobody wants the group any more; its memory is idle once nothing writes to it."""
        wait([self._coming[index][1]])
        self._idle.append(self._coming.pop(index)[0])

    def _read(self, index: int, piece: int) -> None:
        if self._copied[piece] is not None:
            self._copied[piece].synchronize()
        views = self._groups[index].views(self._memory[piece])
        read_tensors(zip(self._files[index], views, strict=True))


class Stream:
    """Groups of weights that pass through one slot on the device, in order and round again."""

    def __init__(self, groups: Sequence[Packed], source: Source, device: torch.device) -> None:
        self._groups, self._source, self._device = groups, source, device
        self._on_gpu = device.type == "cuda"
        self._bus = torch.cuda.Stream(device) if self._on_gpu else None
        self._slot: torch.Tensor | None = None
        self._held: int | None = None  # the group in the slot, or on its way there
        self._copied = torch.cuda.Event() if self._on_gpu else None
        self._free = torch.cuda.Event() if self._on_gpu else None

    @property
    def slot_bytes(self) -> int:
        return max(group.nbytes for group in self._groups)

    def ready(self) -> None:
        """All weights are where they belong: the source may prepare them for the way."""
        self._source.ready()

    @contextmanager
    def use(self, index: int) -> Iterator[None]:
        """Inside, the parameters of group ``index`` are on the device; afterwards the next group is on its way."""
        if self._held != index:
            self._fetch(index)
        if self._copied is not None:
            torch.cuda.current_stream(self._device).wait_event(self._copied)
        assert self._slot is not None
        self._groups[index].point_at(self._slot)
        try:
            yield
        finally:
            if self._free is not None:
                self._free.record(torch.cuda.current_stream(self._device))
            if len(self._groups) > 1:
                self._fetch((index + 1) % len(self._groups))

    def release(self) -> None:
        """Give the slot's memory back; the next use takes it again."""
        if self._slot is None:
            return
        if self._on_gpu:
            torch.cuda.synchronize(self._device)
        self._slot = self._held = None
        for group in self._groups:
            for parameter in group.parameters:
                parameter.data = torch.empty(0, dtype=parameter.dtype, device=self._device)

    def close(self) -> None:
        self.release()
        self._source.close()

    def _fetch(self, index: int) -> None:
        if self._slot is None:
            self._slot = torch.empty(self.slot_bytes, dtype=torch.uint8, device=self._device)
            if self._free is not None:  # nobody computes with it yet, but its memory may have been another's
                self._free.record(torch.cuda.current_stream(self._device))
        memory = self._source.group(index)
        if self._bus is None:
            self._slot[: memory.numel()].copy_(memory)
        else:
            assert self._copied is not None
            assert self._free is not None
            self._bus.wait_event(self._free)
            with torch.cuda.stream(self._bus):
                self._slot[: memory.numel()].copy_(memory, non_blocking=True)
                self._copied.record(self._bus)
        self._held = index
        self._source.taken(index, self._copied)


class Streamed:
    """Weights of a network's blocks, each part in a `Stream` of its own.

    Parameters
    ----------
    streams : part to its stream, and which group of it each block uses (None where a block has no such part)
    """

    def __init__(self, streams: Mapping[str, tuple[Stream, Sequence[int | None]]]) -> None:
        self._streams = streams

    def stream(self, part: str) -> Stream:
        return self._streams[part][0]

    def use(self, index: int, part: str) -> Any:
        stream, groups = self._streams[part]
        group = groups[index]
        assert group is not None
        return stream.use(group)

    @property
    def slot_bytes(self) -> int:
        """Memory on the device that all slots take together."""
        return sum(stream.slot_bytes for stream, _ in self._streams.values())

    def release(self) -> None:
        for stream, _ in self._streams.values():
            stream.release()

    def close(self) -> None:
        for stream, _ in self._streams.values():
            stream.close()


def stream_modules(modules: Sequence[nn.Module], stream: Stream) -> list[Callable[[], None]]:
    """Let modules that are called one after the other find their weights in ``stream``; returns what undoes it.

    For networks that are not ours: module *i* uses group *i* while it is called.
    """
    open_: dict[int, Any] = {}

    def enter(index: int) -> Callable[..., None]:
        def before(*_: Any) -> None:
            open_[index] = stream.use(index)
            open_[index].__enter__()

        return before

    def leave(index: int) -> Callable[..., None]:
        def after(*_: Any) -> None:
            open_.pop(index).__exit__(None, None, None)

        return after

    hooks = []
    for index, module in enumerate(modules):
        hooks.append(module.register_forward_pre_hook(enter(index)))
        hooks.append(module.register_forward_hook(leave(index), always_call=True))
    return [hook.remove for hook in hooks]
