"""Checkpoints of the Wan networks on disk: their files, whether they fit, and their weights in their place."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from s2v_nb.models.placing import Part, fill
from s2v_nb.models.reading import DamagedFile, Stored, stored_tensors
from s2v_nb.models.streaming import Streamed

INDEX = "*.safetensors.index.json"
PICKLES = (".pth", ".pt", ".bin", ".ckpt", ".pkl")
Shapes = Mapping[str, tuple[int, ...]]


class CheckpointError(ValueError):
    """The files are not the network that was asked for, or damaged; says what was found and what was expected."""


@contextmanager
def damage_as_checkpoint_error() -> Iterator[None]:
    """Inside, a file that is cut or of another kind is a CheckpointError."""
    try:
        yield
    except DamagedFile as error:
        raise CheckpointError(str(error)) from error


def weights_in(folder: Path) -> tuple[Path, ...]:
    """The shards that the folder's index names, all of them, or every safetensors file; none is ()."""
    if not folder.is_dir():
        return ()
    indices = sorted(folder.glob(INDEX))
    if len(indices) > 1:
        raise CheckpointError(f"{folder} has {len(indices)} indices ({indices[0].name}, ...): give one file or folder")
    return _named_by(indices[0]) if indices else tuple(sorted(folder.glob("*.safetensors")))


def _named_by(index: Path) -> tuple[Path, ...]:
    folder, weight_map = index.parent, read_json(index).get("weight_map")
    named = sorted(set(map(str, weight_map.values()))) if isinstance(weight_map, dict) else []
    if not named or any(Path(name).name != name or Path(name).suffix != ".safetensors" for name in named):
        raise CheckpointError(f"{index} names no files of its own folder; it is damaged, fetch it again")
    missing = [name for name in named if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(f"{folder} lacks {', '.join(missing)}, which its index names; finish the download")
    return tuple(folder / name for name in named)


def what_is_there(folder: Path) -> str:
    """For a message: what a folder without weights holds."""
    if not folder.is_dir():
        return "no such folder"
    pickles = [path.name for path in folder.iterdir() if path.suffix in PICKLES]
    if pickles:
        return f"only pickle files ({pickles[0]}), which can run code when they are opened"
    return f"{sum(1 for _ in folder.iterdir())} files and folders, none of weights"


def read_json(path: Path) -> dict[str, Any]:
    """An object of JSON, such as a configuration or an index.

    Raises
    ------
    CheckpointError
        If the file is not there or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error}); fetch it again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds {type(content).__name__}, expected a JSON object")
    return content


def stored_in(folder: Path) -> dict[str, Stored]:
    """All tensors of a folder's safetensors files by name; only headers are read.

    Raises
    ------
    CheckpointError
        If there are none, one is damaged, or two hold the same tensor.
    """
    paths = weights_in(folder)
    if not paths:
        raise CheckpointError(f"{folder}: {what_is_there(folder)}; expected safetensors weights there")
    with damage_as_checkpoint_error():
        shards = [(path, stored_tensors(path)) for path in paths]
    check_disjoint(shards)
    return {name: tensor for _, held in shards for name, tensor in held.items()}


def check_disjoint(shards: Iterable[tuple[Path, Iterable[str]]]) -> None:
    """Several whole models in one folder, say in float8 and in bfloat16, are not to be mixed."""
    held: dict[str, Path] = {}
    for path, names in shards:
        for name in names:
            if name in held:
                raise CheckpointError(f"{held[name].name} and {path.name} both hold {name}: give the path of one")
            held[name] = path


def compare(wanted: Shapes, found: Shapes) -> None:
    """Names and shapes of a network against those of a checkpoint.

    Raises
    ------
    CheckpointError
        If a tensor is missing, strange or of another shape; names the first of each.
    """
    missing, strange = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    wrong = [
        f"{name} is {found[name]}, expected {wanted[name]}"
        for name in sorted(wanted.keys() & found.keys())
        if found[name] != wanted[name]
    ]
    if missing or strange or wrong:
        parts = [f"{len(missing)} of {len(wanted)} tensors are missing ({missing[0]} ...)"] if missing else []
        parts += [f"{len(strange)} are not of this network ({strange[0]} ...)"] if strange else []
        parts += [f"{len(wrong)} have another shape ({wrong[0]})"] if wrong else []
        raise CheckpointError("the weights do not fit the configuration: " + "; ".join(parts))


def check_streaming(stream: bool, from_disk: bool) -> None:
    if from_disk and not stream:
        raise ValueError("from_disk=True: only weights that pass through the device are read again; give stream=True")


def filled(
    model: Any,
    stored: Mapping[str, Stored],
    dtype: torch.dtype,
    device: str | torch.device,
    *,
    passing: Iterable[Part] = (),
    from_disk: bool = False,
    outside: Sequence[str] = (),
) -> Streamed | None:
    """As `s2v_nb.models.placing.fill`, after every name and shape was checked.

    Raises
    ------
    CheckpointError
        If the weights are not those of the model, before any is read; or if a file ends while it is read.
    """
    wanted = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    compare(wanted, {name: tensor.shape for name, tensor in stored.items()})
    with damage_as_checkpoint_error():
        return fill(model, stored, dtype=dtype, device=torch.device(device), passing=passing, from_disk=from_disk,
                    outside=outside)  # fmt: skip
