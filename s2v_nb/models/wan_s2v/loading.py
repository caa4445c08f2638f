"""Opening the weights of Wan2.2-S2V in whatever layout they come, without holding them twice in memory."""

import logging
import math
import re
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.model_loading_utils import load_model_dict_into_meta
from diffusers.quantizers.auto import DiffusersAutoQuantizer
from safetensors import SafetensorError, safe_open

from s2v_nb.models.placing import fill, parts_of
from s2v_nb.models.reading import stored_tensors
from s2v_nb.models.wan_checkpoint import (
    PICKLES,
    CheckpointError,
    check_disjoint,
    check_streaming,
    compare,
    damage_as_checkpoint_error,
    read_json,
    weights_in,
    what_is_there,
)
from s2v_nb.models.wan_s2v.checkpoint import our_config, our_names, sizes_of
from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel

logger = logging.getLogger(__name__)

HEAD_DIM = 128  # of the published network, for files without a configuration
# ComfyUI's scaled float8: the weight is this times what is stored. What only its runtime reads is left out.
SCALES = (".scale_weight", ".weight_scale")
RUNTIME_ONLY = (".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8")
# GGUF files quantise matrices; of these kinds of layers the weights are wanted as they are.
NEVER_QUANTISED = [
    "patch_embedding", "pose_embedder", "frame_packer", "trainable_condition_mask", "norm_q", "norm_k",
]  # fmt: skip
BF16_IN_GGUF = 30  # gguf.GGMLQuantizationType.BF16
# Shapes of what is not a matrix; 0 is as many as there are biases, -1 the rest.
FULL_RANK = [
    (r"blocks\.\d+\.scale_shift_table", (1, 6, -1)),
    (r"scale_shift_table", (1, 2, -1)),
    (r".+\.causal_audio_encoder\.weights", (1, -1, 1, 1)),
    (r".+\.padding_tokens", (1, 1, 1, -1)),
    (r"patch_embedding\.weight|.+\.pose_embedder\.weight|frame_packer\.proj\.weight", (0, -1, 1, 2, 2)),
    (r"frame_packer\.proj_2x\.weight", (0, -1, 2, 4, 4)),
    (r"frame_packer\.proj_4x\.weight", (0, -1, 4, 8, 8)),
]


@dataclass(frozen=True)
class Files:
    """Where the weights lie: one file or several shards, and what is known about the configuration."""

    weights: tuple[Path, ...]
    config: dict[str, Any]


def load_transformer(
    folder: str | Path,
    dtype: torch.dtype | None = None,
    *,
    device: str | torch.device = "cpu",
    revision: str | None = None,
    config: Mapping[str, Any] | str | Path | None = None,
    quantization_config: Any = None,
    stream: bool = False,
    from_disk: bool = False,
) -> WanS2VTransformer3DModel:
    """Open the transformer from a folder, a file or a repository on the Hugging Face hub.

    Each tensor goes straight from the file to its place on ``device`` in its final dtype; nothing is held twice.

    Parameters
    ----------
    folder
        The official folder or one with a ``transformer/`` inside (official or diffusers names), that folder itself, a
        single ``.safetensors`` or ``.gguf`` file, or ``owner/name`` of a repository. Layouts are told apart by the
        names of the tensors.
    dtype
        Of the weights; those that the model keeps in float32 stay so. None is bfloat16 for weights that are stored in
        bfloat16 or float8, else float32: float16 overflows in this network.
    device
        Where the weights go.
    revision
        Commit of the repository; give one, so that nothing changes under you.
    config
        Replaces ``config.json``, in either spelling: the values, or the file or its folder. Needed for a single file
        that is not of the 14B network.
    quantization_config
        As in diffusers: ``TorchAoConfig``, ``BitsAndBytesConfig``, ``GGUFQuantizationConfig`` ...
    stream
        Keep the blocks' weights in the machine's memory; they pass through the device while the network runs. The
        model's attribute ``streamed`` (None otherwise) is what `run_lean` takes as ``weights``; without it the network
        cannot run. For weights that are stored plainly: neither quantised nor with scales.
    from_disk
        With ``stream``: leave them on the disk instead, and read them each time.

    Raises
    ------
    CheckpointError, UnknownLayout, ValueError
        If the files are of another kind, another network, another branch or incomplete, before any weight is read.
    """
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise ValueError(f"dtype={dtype!r}: give a type of torch, such as torch.bfloat16")
    check_streaming(stream, from_disk)
    files = _find(folder, revision)
    if isinstance(config, str | Path):
        config = read_json(Path(config) / "config.json" if Path(config).is_dir() else Path(config))
    if config is not None:
        files = Files(files.weights, dict(config))
    if files.weights[0].suffix == ".gguf":
        _refuse_streaming(stream, "GGUF")
        return _load_gguf(files, dtype or torch.bfloat16, device, quantization_config)
    shards = [_Shard(path) for path in files.weights]
    check_disjoint((shard.path, shard.shapes) for shard in shards)
    names = our_names(name for shard in shards for name in shard.shapes)
    model = _empty_model(files.config, {names[key]: shape for shard in shards for key, shape in shard.shapes.items()})
    dtype = dtype or _natural_dtype(shards)
    if quantization_config is None and not any(shard.scales for shard in shards):
        return _filled(model, shards, names, dtype, torch.device(device), stream, from_disk)
    _refuse_streaming(stream, "quantised or scaled")
    quantizer = _quantizer(model, quantization_config, dtype)
    for shard in shards:
        _place(model, _LazyShard(shard, names, device), dtype, device, quantizer)
    return _finished(model, quantizer)


def _refuse_streaming(stream: bool, kind: str) -> None:
    if stream:
        raise CheckpointError(f"stream=True is for weights that are stored plainly, and these are {kind}: leave it out")


def _filled(
    model: WanS2VTransformer3DModel, shards: list["_Shard"], names: dict[str, str], dtype: torch.dtype,
    device: torch.device, stream: bool, from_disk: bool,
) -> WanS2VTransformer3DModel:  # fmt: skip
    with damage_as_checkpoint_error():
        stored = {
            names[key]: tensor
            for shard in shards
            for key, tensor in stored_tensors(shard.path).items()
            if key in shard.shapes
        }
        passing = parts_of(model) if stream else ()
        model.streamed = fill(model, stored, dtype=dtype, device=device, passing=passing, from_disk=from_disk)
    # Weights that stay can be trained on, as those that diffusers opens.
    return model.requires_grad_(not stream).eval()


def _find(source: str | Path, revision: str | None) -> Files:
    path = Path(source)
    if not path.exists():
        if "/" in str(source) and len(Path(source).parts) == 2 and not str(source).startswith((".", "/", "~")):
            path = _download(str(source), revision)
        else:
            raise CheckpointError(f"{source} is neither a file nor a folder here, nor owner/name of a repository")
    if path.is_file():
        return Files((_readable(path),), _config_beside(path.parent))
    for folder in (path / "transformer", path):
        if weights := weights_in(folder) or _gguf_in(folder):
            return Files(weights, _config_beside(folder))
    raise CheckpointError(
        f"{path}: {what_is_there(path)}; expected safetensors or GGUF weights there or in transformer/"
    )


def _readable(path: Path) -> Path:
    if path.suffix not in (".safetensors", ".gguf"):
        kind = "a pickle file, which can run code when it is opened" if path.suffix in PICKLES else "of an unknown kind"
        raise CheckpointError(f"{path.name} is {kind}; only .safetensors and .gguf files are opened")
    return path


def _gguf_in(folder: Path) -> tuple[Path, ...]:
    found = tuple(sorted(folder.glob("*.gguf"))) if folder.is_dir() else ()
    if len(found) > 1:
        raise CheckpointError(f"{folder} holds {len(found)} GGUF files: give the path of one")
    return found


def _config_beside(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    return read_json(path) if path.is_file() else {}


def _download(repository: str, revision: str | None) -> Path:
    """The transformer's files alone: repositories hold 25 GB of other things."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        files = HfApi().list_repo_files(repository, revision=revision)
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise CheckpointError(f"{repository} is no folder here, and the hub does not give it: {error}") from error
    inside = [name for name in files if name.startswith("transformer/")] or [name for name in files if "/" not in name]
    wanted = [name for name in inside if name.endswith((".safetensors", ".json"))]
    if not any(name.endswith(".safetensors") for name in wanted):
        raise CheckpointError(
            f"{repository} has no safetensors in its root or in transformer/; give the path of a file"
        )
    return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))


class _Shard:
    """The header of one safetensors file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: set[str] = set()
        self.scales: dict[str, str] = {}  # of a weight, and how many factors each is
        self.factors: dict[str, int] = {}
        try:
            with safe_open(path, "pt") as file:
                for key in file.keys():  # noqa: SIM118 - it is no dictionary
                    self._note(key, file.get_slice(key))
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is not a whole safetensors file ({error}); fetch it again") from error
        for key, scale in self.scales.items():
            if key in self.shapes and self.factors[scale] not in (1, self.shapes[key][0]):
                raise CheckpointError(
                    f"{path.name}: {scale} has {self.factors[scale]} factors for {self.shapes[key]}; one for all "
                    "and one a row are understood, scales of blocks are not"
                )

    def _note(self, key: str, header: Any) -> None:
        if key.endswith(SCALES):
            self.scales[key.rsplit(".", 1)[0] + ".weight"] = key
            self.factors[key] = math.prod(header.get_shape())
        elif not key.endswith(RUNTIME_ONLY):
            self.shapes[key] = tuple(header.get_shape())
            self.dtypes.add(header.get_dtype())


class _LazyShard(Mapping):
    """A shard as the state dict that diffusers' loader walks through, by our names; each tensor is read when its
    turn comes and is not kept."""

    def __init__(self, shard: _Shard, names: dict[str, str], device: str | torch.device) -> None:
        self._shard, self._stays = shard, torch.device(device).type == "cpu"
        self._theirs = {names[key]: key for key in shard.shapes}

    def __len__(self) -> int:
        return len(self._theirs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._theirs)

    def __getitem__(self, name: str) -> torch.Tensor:
        with safe_open(self._shard.path, "pt") as file:
            return self._read(file, self._theirs[name])

    def items(self) -> Iterator[tuple[str, torch.Tensor]]:  # type: ignore[override]
        with safe_open(self._shard.path, "pt") as file:
            for name, key in self._theirs.items():
                yield name, self._read(file, key)

    def _read(self, file: Any, key: str) -> torch.Tensor:
        tensor = file.get_tensor(key)
        if self._stays:  # the tensor is a view of the file, and would hold all of it in memory for as long as it lives
            tensor = tensor.clone()
        scale = self._shard.scales.get(key)
        if scale is None:
            return tensor
        factors = file.get_tensor(scale).float()  # one for all, or one a row
        return tensor.float() * factors.reshape(-1, *[1] * (tensor.ndim - 1))


def _natural_dtype(shards: list[_Shard]) -> torch.dtype:
    stored = set().union(*(shard.dtypes for shard in shards))
    return torch.bfloat16 if stored & {"BF16", "F8_E4M3", "F8_E5M2"} else torch.float32


def _empty_model(config: Mapping[str, Any], shapes: dict[str, tuple[int, ...]]) -> WanS2VTransformer3DModel:
    """The model on the meta device, every name and shape of it checked against the file's."""
    try:
        arguments = {**sizes_of(shapes), **our_config(config)}
    except KeyError as error:
        raise CheckpointError(f"the weights lack {error.args[0]}; is a shard missing?") from error
    if "num_attention_heads" not in arguments:
        arguments |= _published_heads(shapes)
    with torch.device("meta"):
        model = WanS2VTransformer3DModel(**arguments)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    compare(wanted, shapes)
    return model


def _published_heads(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    dim = shapes["patch_embedding.weight"][0]
    if dim % HEAD_DIM:
        raise CheckpointError(
            f"no config.json beside the weights, and {dim} channels are not the 14B network: give config"
        )
    return {"num_attention_heads": dim // HEAD_DIM, "attention_head_dim": HEAD_DIM}


def _quantizer(model: WanS2VTransformer3DModel, quantization_config: Any, dtype: torch.dtype, **more: Any) -> Any:
    if quantization_config is None:
        return None
    quantizer = DiffusersAutoQuantizer.from_config(quantization_config, pre_quantized=False)
    quantizer.validate_environment()
    quantizer.preprocess_model(
        model=model, device_map=None, keep_in_fp32_modules=list(model._keep_in_fp32_modules), torch_dtype=dtype, **more
    )
    return quantizer


def _place(
    model: WanS2VTransformer3DModel, state: Mapping, dtype: torch.dtype, device: str | torch.device, quantizer: Any
) -> None:
    load_model_dict_into_meta(
        model, state, dtype=dtype, hf_quantizer=quantizer, keep_in_fp32_modules=list(model._keep_in_fp32_modules),
        device_map={"": torch.device(device)}, unexpected_keys=[],
    )  # fmt: skip


def _finished(model: WanS2VTransformer3DModel, quantizer: Any) -> WanS2VTransformer3DModel:
    if quantizer is not None:
        quantizer.postprocess_model(model)
        model.hf_quantizer = quantizer
    return model.eval()


def _load_gguf(
    files: Files, dtype: torch.dtype, device: str | torch.device, quantization_config: Any
) -> WanS2VTransformer3DModel:
    """GGUF (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) stays quantised; needs the gguf package."""
    from diffusers import GGUFQuantizationConfig
    from diffusers.models.model_loading_utils import load_gguf_checkpoint

    state = load_gguf_checkpoint(str(files.weights[0]))
    names = our_names(state)
    state = {names[key]: _plain(tensor) for key, tensor in state.items()}
    state = {name: _in_full_rank(name, tensor, state) for name, tensor in state.items()}
    model = _empty_model(files.config, {name: _gguf_shape(tensor) for name, tensor in state.items()})
    quantization_config = quantization_config or GGUFQuantizationConfig(compute_dtype=dtype)
    quantization_config = copy(quantization_config)
    kept = quantization_config.modules_to_not_convert or []
    quantization_config.modules_to_not_convert = [*kept, *NEVER_QUANTISED]
    quantizer = _quantizer(model, quantization_config, dtype, state_dict=state)
    _place(model, state, dtype, device, quantizer)
    return _finished(model, quantizer)


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """bfloat16, which diffusers takes for a quantisation, as what it is."""
    if getattr(tensor, "quant_type", None) != BF16_IN_GGUF:
        return tensor
    return tensor.data.as_subclass(torch.Tensor).view(torch.bfloat16)


def _in_full_rank(name: str, tensor: torch.Tensor, state: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The tensor with the axes that some tools drop, as ggml knows four at most and no leading ones."""
    if hasattr(tensor, "quant_type"):  # blocks of bytes; only matrices come so
        return tensor
    for pattern, axes in FULL_RANK:
        if re.fullmatch(pattern, name) and tensor.ndim != len(axes):
            bias = state.get(name.removesuffix("weight") + "bias")
            shape = [side or (bias.numel() if bias is not None else -1) for side in axes]
            if tensor.numel() % math.prod(side for side in shape if side > 0) == 0:
                return tensor.reshape(shape)
    return tensor


def _gguf_shape(tensor: torch.Tensor) -> tuple[int, ...]:
    from diffusers.quantizers.gguf.utils import GGML_QUANT_SIZES, GGUFParameter, _quant_shape_from_byte_shape

    if not isinstance(tensor, GGUFParameter):
        return tuple(tensor.shape)
    block, size = GGML_QUANT_SIZES[tensor.quant_type]
    return tuple(_quant_shape_from_byte_shape(tensor.shape, size, block))
