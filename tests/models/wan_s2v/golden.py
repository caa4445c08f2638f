"""The reference numbers under ../shared, and checkpoints written to disk from them in the official layout."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

SHARED = Path(__file__).parents[4] / "shared" / "s2v"
GOLDEN = SHARED / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"{GOLDEN} is not here")


@lru_cache(maxsize=4)
def golden(name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors of one golden file, float16 as float32 (they are exact), and its metadata, read as JSON where it is."""
    with safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        metadata = {key: _parsed(text) for key, text in (file.metadata() or {}).items()}
    return {key: t.float() if t.dtype == torch.float16 else t for key, t in tensors.items()}, metadata


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with the prefix, without it."""
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def official_folder(folder: Path, weights: dict[str, torch.Tensor], config: dict[str, Any], shards: int = 3) -> Path:
    """The layout of Wan-AI/Wan2.2-S2V-14B: shards, index and config.json in the root."""
    folder.mkdir(parents=True, exist_ok=True)
    keys, weight_map = sorted(weights), {}
    for number in range(shards):
        name = f"diffusion_pytorch_model-{number + 1:05}-of-{shards:05}.safetensors"
        own = keys[number::shards]
        save_file({key: weights[key].contiguous() for key in own}, folder / name)
        weight_map |= dict.fromkeys(own, name)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    official = {key: value for key, value in config.items() if key not in NOT_IN_OFFICIAL}
    (folder / "config.json").write_text(json.dumps({"_class_name": "WanModel_S2V", **official}))
    return folder


# What the official config.json leaves out (architecture.md, section 1).
NOT_IN_OFFICIAL = ("text_dim", "patch_size", "qk_norm", "cross_attn_norm", "window_size", "num_audio_layers")
