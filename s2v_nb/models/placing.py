"""From files to a network that can run: which weights stay on the device, which pass through it, which stay outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from s2v_nb.models.reading import Stored, host_memory, read_tensors
from s2v_nb.models.streaming import DiskSource, HostSource, Packed, Stream, Streamed


@dataclass(frozen=True)
class Part:
    """One kind of part of all blocks: ``modules[i]`` are those of block i, None where it has none."""

    name: str
    modules: Sequence[Sequence[nn.Module] | None]

    def parameters(self) -> list[list[nn.Parameter]]:
        """Of each block that has the part."""
        return [[p for module in some for p in module.parameters()] for some in self.modules if some is not None]

    def numbers(self) -> list[int | None]:
        """Which of these groups each block uses."""
        found: list[int | None] = []
        for some in self.modules:
            found.append(None if some is None else sum(number is not None for number in found))
        return found


def parts_of(transformer: Any) -> list[Part]:
    """What passes through the device of a Wan transformer; the rest is small and stays."""
    blocks = list(transformer.blocks)
    parts = [
        Part("attention", [[block.attn1, block.attn2] for block in blocks]),
        Part("feed", [[block.ffn] for block in blocks]),
    ]
    ears = [getattr(block, "ears", None) for block in blocks]
    if any(ears):
        parts.append(Part("ears", [list(pair) if pair else None for pair in ears]))
    return parts


def wanted_dtypes(model: nn.Module, dtype: torch.dtype) -> dict[str, torch.dtype]:
    """The dtype of each weight: ``dtype``, but float32 for what the model keeps so."""
    kept = _kept_in_float32(model, dtype)
    return {
        name: torch.float32 if kept & set(name.split(".")) else dtype
        for name, parameter in model.named_parameters()
        if parameter.is_floating_point()
    }


def _kept_in_float32(model: nn.Module, dtype: torch.dtype) -> set[str]:
    """Names of modules; as the loader of the model's own library decides it."""
    kept = set(getattr(model, "_keep_in_fp32_modules", None) or ())
    strict: Any = getattr(model, "_keep_in_fp32_modules_strict", None)
    if strict is None:  # diffusers
        return kept
    return kept | set(strict) if dtype == torch.float16 else set(strict)  # transformers: float16 would overflow


def fill(
    model: nn.Module,
    stored: Mapping[str, Stored],
    *,
    dtype: torch.dtype,
    device: torch.device,
    passing: Iterable[Part] = (),
    from_disk: bool = False,
    outside: Sequence[str] = (),
) -> Streamed | None:
    """Give a model whose parameters are on the meta device its weights.

    Parameters
    ----------
    stored : name of each parameter to where it is stored
    passing : parts that pass through the device; they are kept in the machine's memory, or on the disk with
        ``from_disk``
    outside : names of parameters that stay in the machine's memory and never go to the device

    Returns
    -------
    The streams of the parts that pass through, None if all stay.
    """
    _retype(model, wanted_dtypes(model, dtype))
    names = {parameter: name for name, parameter in model.named_parameters()}
    reads: list[tuple[Stored, torch.Tensor]] = []
    streams: dict[str, tuple[Stream, list[int | None]]] = {}
    try:
        for part in passing:
            groups = [Packed(parameters) for parameters in part.parameters()]
            members = [[names.pop(parameter) for parameter in group.parameters] for group in groups]
            files = [[stored[name] for name in some] for some in members]
            source = DiskSource(groups, files) if from_disk else _host_source(groups, files, reads)
            streams[part.name] = (Stream(groups, source, device), part.numbers())
            for group, some in zip(groups, members, strict=True):
                group.parameters = [_emptied(model, name, device) for name in some]
        for parameter, name in names.items():
            place = torch.device("cpu") if name in outside else device
            reads.append((stored[name], torch.empty(parameter.shape, dtype=parameter.dtype, device=place)))
            _set(model, name, reads[-1][1])
        read_tensors(reads)
        for stream, _ in streams.values():
            stream.ready()
    except BaseException:  # memory that is locked must not stay so
        Streamed(streams).close()
        raise
    for name, buffer in list(model.named_buffers()):
        _owner(model, name)[0]._buffers[name.rpartition(".")[2]] = buffer.to(device)
    model.requires_grad_(False)
    return Streamed(streams) if streams else None


def _host_source(
    groups: Sequence[Packed], files: Sequence[Sequence[Stored]], reads: list[tuple[Stored, torch.Tensor]]
) -> HostSource:
    """Memory for the groups; what is to be read into it is added to ``reads``."""
    memory = [host_memory(group.nbytes) for group in groups]
    for group, piece, where in zip(groups, memory, files, strict=True):
        reads += zip(where, group.views(piece), strict=True)
    return HostSource(memory)


def _emptied(model: nn.Module, name: str, device: torch.device) -> nn.Parameter:
    """A parameter of the device without values, in the place of one of the meta device."""
    _set(model, name, torch.empty(0, dtype=model.get_parameter(name).dtype, device=device))
    return model.get_parameter(name)


def _retype(model: nn.Module, dtypes: Mapping[str, torch.dtype]) -> None:
    """Parameters of the meta device in their final dtype."""
    for name, parameter in list(model.named_parameters()):
        if name in dtypes and parameter.dtype != dtypes[name]:
            _set(model, name, torch.empty(parameter.shape, dtype=dtypes[name], device=parameter.device))


def _owner(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, last = name.rpartition(".")
    return model.get_submodule(path), last


def _set(model: nn.Module, name: str, value: torch.Tensor) -> None:
    owner, last = _owner(model, name)
    setattr(owner, last, nn.Parameter(value, requires_grad=False))
