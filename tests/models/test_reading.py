"""safetensors files: what is in them, what is refused, and where the values go."""

import json
import os
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from s2v_nb.models import reading
from s2v_nb.models.reading import DTYPES, DamagedFile, Stored, host_memory, read_tensors, stored_tensors


def random_tensor(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    """Any bits, but for booleans."""
    count = torch.Size(shape).numel()
    if dtype == torch.bool:
        return torch.randint(2, shape, dtype=torch.bool)
    return torch.randint(256, (count * dtype.itemsize,), dtype=torch.uint8).view(dtype).view(shape)


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Bit for bit, whatever is no number."""
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    return torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))


def read_all(path: Path, dtype: torch.dtype | None = None, **options: int) -> dict[str, torch.Tensor]:
    stored = stored_tensors(path)
    found = {name: torch.empty(tensor.shape, dtype=dtype or tensor.dtype) for name, tensor in stored.items()}
    read_tensors([(stored[name], found[name]) for name in stored], **options)
    return found


def write(path: Path, header: object, data: bytes = b"", *, length: int | None = None) -> Path:
    """A file as the format has it, with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype: str = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


# What is read.


def test_every_type_is_read_bit_for_bit(tmp_path):
    """As safetensors' own library wrote them, also scalars and what is empty."""
    weights = {name: random_tensor(dtype, 3, 5) for name, dtype in DTYPES.items()}
    weights |= {"scalar": torch.tensor(2.5), "empty": torch.empty(0, 4)}
    save_file(weights, tmp_path / "a.safetensors", {"format": "pt"})
    found = read_all(tmp_path / "a.safetensors")

    assert found.keys() == weights.keys()
    assert all(same(found[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("piece", [8, 56, 2**20])
def test_pieces_and_threads_change_nothing(tmp_path, monkeypatch, threads, piece):
    """Several files, tensors longer than a piece and shorter ones."""
    monkeypatch.setattr(reading, "PIECE", piece)
    weights = {f"{n}": random_tensor(torch.bfloat16, n, 7) for n in range(1, 9)}
    save_file({name: weights[name] for name in "1357"}, tmp_path / "odd.safetensors")
    save_file({name: weights[name] for name in "2468"}, tmp_path / "even.safetensors")
    found = {}
    for file in ("odd", "even"):
        found |= read_all(tmp_path / f"{file}.safetensors", threads=threads)

    assert all(same(found[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize("piece", [8, 2**20])
@pytest.mark.parametrize(
    ("stored", "wanted"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16), (torch.float16, torch.float32),
     (torch.float8_e4m3fn, torch.bfloat16)],
)  # fmt: skip
def test_values_are_converted_where_they_arrive(tmp_path, monkeypatch, stored, wanted, piece):
    """As torch does it."""
    monkeypatch.setattr(reading, "PIECE", piece)
    values = torch.randn(33, 5).to(stored)
    save_file({"a": values}, tmp_path / "a.safetensors")

    assert same(read_all(tmp_path / "a.safetensors", wanted)["a"], values.to(wanted))


def test_values_go_into_views_of_other_memory(tmp_path):
    """And nowhere else in it."""
    values = torch.arange(6.0).view(2, 3)
    save_file({"a": values}, tmp_path / "a.safetensors")
    memory = host_memory(64)
    read_tensors([(stored_tensors(tmp_path / "a.safetensors")["a"], memory[16:40].view(torch.float32).view(2, 3))])

    assert torch.equal(memory.view(torch.float32), torch.cat([torch.zeros(4), values.flatten(), torch.zeros(6)]))


@pytest.mark.parametrize("nbytes", [0, 1, 5000])
def test_memory_of_the_machine_has_its_size(nbytes):
    memory = host_memory(nbytes)

    assert (memory.shape, memory.dtype) == ((nbytes,), torch.uint8)
    memory.fill_(7)  # it can be written to


# What is refused.


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (b"{", "Expecting property name"),
        (b"\xff\xfe", "codec can't decode"),
        (b"[1]", "no attribute"),
        (b"[" * 100_000, "recursion"),
        ({"a": 1}, "not subscriptable"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "data_offsets"),
        ({"a": entry("I256")}, "a is of an unknown type, I256"),
        ({"a": entry(["F32"])}, "unhashable"),
        ({"a": entry("F64")}, r"a of shape \(2,\) does not fill its 8 bytes"),
        ({"a": entry(shape=[3])}, r"shape \(3,\) does not fill its 8 bytes"),
        ({"a": entry(shape=[-1, -2])}, "a shape or a place that is none"),
        ({"a": entry(shape=["2"])}, "a shape or a place that is none"),
        ({"a": entry(shape=[2.0])}, "a shape or a place that is none"),
        ({"a": entry(shape=[1] * 100 + [2])}, "a shape or a place that is none"),
        ({"a": entry(shape=2)}, "not iterable"),
        (b'{"a": {"dtype": "F32", "shape": [1e999], "data_offsets": [0, 8]}}', "a shape or a place that is none"),
        ({"a": entry(offsets=[-4, 4])}, "a shape or a place that is none"),
        ({"a": entry(offsets=[0, True], shape=[])}, "a shape or a place that is none"),
        ({"a": entry(offsets=[8, 0])}, "does not fill its -8 bytes"),
        ({"a": entry(offsets=[0, 4, 8])}, "too many values"),
        ({"a": entry(), "b": entry(offsets=[4, 12])}, r"b begins at byte \d+, expected"),
        ({"a": entry(), "b": entry()}, r"begins at byte \d+, expected"),
        ({"a": entry(offsets=[4, 12])}, r"a begins at byte \d+, expected"),
        ({"a": entry(shape=[4], offsets=[0, 16])}, r"it has \d+ bytes, its tensors end at"),
        ({"a": entry(shape=[1], offsets=[0, 4])}, r"it has \d+ bytes, its tensors end at"),
        ({"a": entry(shape=[2**61, 4], offsets=[0, 2**65])}, r"it has \d+ bytes, its tensors end at"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(tmp_path, header, complaint):
    """Cut, of other types, with places that are negative, overlap, leave gaps or lie beyond the end."""
    file = write(tmp_path / "a.safetensors", header, bytes(8))

    with pytest.raises(DamagedFile, match=rf"a.safetensors is not a whole safetensors file \(.*{complaint}.*fetch it"):
        stored_tensors(file)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 101 * 2**20, 100])
def test_a_header_longer_than_the_file_is_not_read(tmp_path, length):
    """Nor is memory taken for it."""
    file = write(tmp_path / "a.safetensors", {"a": entry()}, bytes(8), length=length)

    with pytest.raises(DamagedFile, match=f"its header would be {length} bytes long"):
        stored_tensors(file)


def test_every_cut_is_seen(tmp_path):
    """Wherever a download stopped."""
    save_file({"a": torch.ones(3), "b": torch.ones(2)}, tmp_path / "a.safetensors")
    content = (tmp_path / "a.safetensors").read_bytes()
    for size in range(len(content)):
        (tmp_path / "cut.safetensors").write_bytes(content[:size])
        with pytest.raises(DamagedFile, match=r"cut.safetensors is not a whole"):
            stored_tensors(tmp_path / "cut.safetensors")


def test_what_is_not_there_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path / "gone.safetensors", tmp_path):
        with pytest.raises(DamagedFile, match="is not a whole safetensors file"):
            stored_tensors(path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_file_that_ends_while_it_is_read_is_damaged(tmp_path, dtype):
    """As when another process cuts it; the files are closed again."""
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.ones(1000), "b": torch.ones(1000)}, path)
    stored = stored_tensors(path)
    os.truncate(path, path.stat().st_size - 100)
    opened = open_files()

    with pytest.raises(DamagedFile, match=r"a.safetensors ended while it was read; fetch it again"):
        read_tensors([(tensor, torch.empty(1000, dtype=dtype)) for tensor in stored.values()])
    assert open_files() == opened


def open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    names = sorted(folder.iterdir()) if folder.is_dir() else []
    return [target for name in names if ".safetensors" in (target := os.path.realpath(name))]


def test_a_place_of_another_shape_is_refused(tmp_path):
    """Before anything is read, also one with gaps."""
    stored = Stored(tmp_path / "none", "a", torch.float32, (4, 2), 0, 32)
    for place in (torch.empty(8), torch.empty(2, 4), torch.empty(2, 4).T):
        with pytest.raises(ValueError, match=r"a is \(4, 2\), its place .*, or not contiguous"):
            read_tensors([(stored, place)])
