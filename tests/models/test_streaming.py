"""Weights that pass through one slot are the same as those that stay, however they are used."""

import gc
import os
import random
import threading
import time

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from s2v_nb.models import streaming
from s2v_nb.models.reading import DamagedFile, host_memory, read_tensors, stored_tensors
from s2v_nb.models.streaming import ALIGNED, DiskSource, HostSource, Packed, Stream, Streamed, stream_modules

CPU = torch.device("cpu")


class Groups:
    """Modules of different sizes and dtypes, their values, and a file that has them."""

    def __init__(self, folder, count: int) -> None:
        torch.manual_seed(count)
        self.modules = [nn.Linear(3 + n, 5, dtype=[torch.float32, torch.bfloat16][n % 2]) for n in range(count)]
        for module in self.modules:
            module.bias = nn.Parameter(torch.randn(5), requires_grad=False)
            module.requires_grad_(False)
        self.values = [[p.clone() for p in module.parameters()] for module in self.modules]
        self.path = folder / f"{count}.safetensors"
        names = [[f"{n}.{k}" for k in range(2)] for n in range(count)]
        save_file({name: v for a, b in zip(names, self.values, strict=True) for name, v in zip(a, b, strict=True)},
                  self.path)  # fmt: skip
        stored = stored_tensors(self.path)
        self.files = [[stored[name] for name in some] for some in names]

    def stream(self, kind: str) -> Stream:
        packed = [Packed(list(module.parameters())) for module in self.modules]
        if kind == "disk":
            source = DiskSource(packed, self.files)
        else:
            memory = [host_memory(group.nbytes) for group in packed]
            for group, piece, files in zip(packed, memory, self.files, strict=True):
                read_tensors(zip(files, group.views(piece), strict=True))
            source = HostSource(memory)
        for module in self.modules:
            for parameter in module.parameters():
                parameter.data = torch.empty(0, dtype=parameter.dtype)
        stream = Stream(packed, source, CPU)
        stream.ready()
        return stream

    def there(self, index: int) -> bool:
        return all(map(torch.equal, self.modules[index].parameters(), self.values[index]))


@pytest.fixture(params=["host", "disk"])
def kind(request):
    return request.param


def test_packed_tensors_lie_on_boundaries_and_do_not_overlap():
    """Of any dtype and shape, on the meta device as well."""
    shapes = [((3, 5), torch.float32), ((), torch.bfloat16), ((700,), torch.uint8), ((0, 2), torch.float16)]
    packed = Packed([nn.Parameter(torch.empty(s, dtype=d, device="meta"), requires_grad=False) for s, d in shapes])
    views = packed.views(torch.zeros(packed.nbytes, dtype=torch.uint8))

    assert [(tuple(view.shape), view.dtype) for view in views] == shapes
    assert [first % ALIGNED for first, _ in packed.places] == [0] * 4
    assert [first for first, _ in packed.places] == [0, 256, 512, 1280]
    assert packed.nbytes == 1280


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_weights_are_the_same_round_and_round(tmp_path, kind, count):
    """The order of a network that runs three times."""
    groups = Groups(tmp_path, count)
    stream = groups.stream(kind)
    for index in [*range(count)] * 3:
        with stream.use(index):
            assert groups.there(index)
    stream.close()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_weights_are_the_same_in_any_order(tmp_path, kind, count):
    """Jumps, repetitions, steps back, and the slot's memory given back in between."""
    groups = Groups(tmp_path, count)
    stream = groups.stream(kind)
    order = random.Random(count)
    for _ in range(60):
        index = order.randrange(count)
        with stream.use(index):
            assert groups.there(index)
        if order.random() < 0.2:
            stream.release()
            assert {p.numel() for module in groups.modules for p in module.parameters()} == {0}
    stream.close()


def test_a_pass_that_fails_leaves_everything_usable(tmp_path, kind):
    """The next one begins at the start."""
    groups = Groups(tmp_path, 5)
    stream = groups.stream(kind)
    for stop in (0, 2, 4):
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the last one fails
            for index in range(5):
                with stream.use(index):
                    assert groups.there(index)
                    if index == stop:
                        raise KeyboardInterrupt
    with stream.use(0):
        assert groups.there(0)
    stream.close()


def test_the_slot_holds_the_largest_group(tmp_path, kind):
    groups = Groups(tmp_path, 4)
    stream = groups.stream(kind)
    streamed = Streamed({"a": (stream, [0, None, 1])})

    assert stream.slot_bytes == streamed.slot_bytes == 256 * 2
    assert streamed.stream("a") is stream
    with streamed.use(2, "a"):
        assert groups.there(1)
    streamed.release()
    streamed.close()


def test_a_file_that_cannot_be_read_can_be_read_again_later(tmp_path):
    """A disk that was away comes back: the group that failed is read anew, the others are not mixed up."""
    groups = Groups(tmp_path, 5)
    stream = groups.stream("disk")
    with stream.use(0):
        pass
    content = groups.path.read_bytes()
    os.truncate(groups.path, 100)
    with pytest.raises(DamagedFile, match="ended while it was read"):  # noqa: PT012
        for index in range(5):
            with stream.use(index):
                assert groups.there(index)
    with pytest.raises(DamagedFile, match="ended while it was read"), stream.use(3):
        pass
    groups.path.write_bytes(content)
    for index in [*range(5)] * 2:
        with stream.use(index):
            assert groups.there(index)
    stream.close()


def test_a_closed_source_reads_no_more(tmp_path):
    """Its thread ends; it may be closed twice."""
    groups = Groups(tmp_path, 5)
    stream = groups.stream("disk")
    with stream.use(0):
        pass
    stream.close()
    stream.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("s2v_nb-weights")]
    assert {p.numel() for module in groups.modules for p in module.parameters()} == {0}


def test_memory_is_locked_once_and_unlocked_at_the_end(tmp_path, monkeypatch, kind):
    locked: list[int] = []
    monkeypatch.setattr(streaming, "lock_memory", lambda memory: locked.append(memory.data_ptr()))
    monkeypatch.setattr(streaming, "unlock_memory", lambda memory: locked.remove(memory.data_ptr()))
    stream = Groups(tmp_path, 5).stream(kind)
    stream.ready()

    assert len(locked) == len(set(locked)) == {"host": 5, "disk": DiskSource.AHEAD + 1}[kind]
    stream.close()
    stream.close()
    assert locked == []


def test_memory_that_is_forgotten_is_unlocked(tmp_path, monkeypatch, kind):
    """With the last one who could have closed it."""
    locked: list[int] = []
    monkeypatch.setattr(streaming, "lock_memory", lambda memory: locked.append(memory.data_ptr()))
    monkeypatch.setattr(streaming, "unlock_memory", lambda memory: locked.remove(memory.data_ptr()))
    stream = Groups(tmp_path, 5).stream(kind)
    with stream.use(0):
        assert locked
    del stream
    patience = time.monotonic() + 30  # what is still being read ahead keeps its memory
    while locked and time.monotonic() < patience:
        gc.collect()
        time.sleep(0.01)

    assert locked == []


def test_if_not_all_memory_can_be_locked_none_stays_so(tmp_path, monkeypatch, kind):
    """Locked memory that is forgotten is lost to the machine."""
    locked: list[int] = []

    def lock(memory):
        if len(locked) == 2:
            raise MemoryError("not that much")
        locked.append(memory.data_ptr())

    monkeypatch.setattr(streaming, "lock_memory", lock)
    monkeypatch.setattr(streaming, "unlock_memory", lambda memory: locked.remove(memory.data_ptr()))
    with pytest.raises(MemoryError, match="not that much"):
        Groups(tmp_path, 5).stream(kind)
    assert locked == []


def test_modules_that_are_called_find_their_weights(tmp_path, kind):
    """Until it is undone; an error inside one lets go of its weights."""
    groups = Groups(tmp_path, 3)
    stream = groups.stream(kind)
    undo = stream_modules(groups.modules, stream)
    for index in (0, 2, 0):
        weight, bias = groups.values[index]
        x = torch.randn(2, weight.shape[1])
        assert torch.allclose(groups.modules[index](x), x @ weight.T + bias, atol=1e-6)
    with pytest.raises(RuntimeError, match="shapes"):
        groups.modules[0](torch.randn(2, 99))
    assert torch.isfinite(groups.modules[2](torch.randn(2, 5))).all()
    for remove in undo:
        remove()
    stream.release()
    with pytest.raises(RuntimeError):
        groups.modules[0](torch.randn(2, 3))
    stream.close()
