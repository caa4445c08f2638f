"""The names of a checkpoint in every public layout, written backwards from ours for the tests."""

import re
from collections.abc import Callable, Mapping

import torch

Rename = Callable[[str], str]

_OFFICIAL = [
    (r"^condition_embedder\.time_embedder\.linear_1", "time_embedding.0"),
    (r"^condition_embedder\.time_embedder\.linear_2", "time_embedding.2"),
    (r"^condition_embedder\.text_embedder\.linear_1", "text_embedding.0"),
    (r"^condition_embedder\.text_embedder\.linear_2", "text_embedding.2"),
    (r"^condition_embedder\.time_proj", "time_projection.1"),
    (r"^condition_embedder\.causal_audio_encoder", "casual_audio_encoder"),
    (r"^condition_embedder\.pose_embedder", "cond_encoder"),
    (r"^trainable_condition_mask", "trainable_cond_mask"),
    (r"^scale_shift_table$", "head.modulation"),
    (r"^proj_out", "head.head"),
    (r"^(blocks\.\d+)\.scale_shift_table$", r"\1.modulation"),
    (r"^(blocks\.\d+)\.norm2", r"\1.norm3"),
    (r"^(blocks\.\d+)\.ffn\.net\.0\.proj", r"\1.ffn.0"),
    (r"^(blocks\.\d+)\.ffn\.net\.2", r"\1.ffn.2"),
    (r"\.attn1\.", ".self_attn."),
    (r"\.attn2\.", ".cross_attn."),
    (r"\.to_out\.0\.", ".o."),
    (r"\.to_([qkv])\.", r".\1."),
]


def official(name: str) -> str:
    """As in Wan-AI/Wan2.2-S2V-14B."""
    for pattern, replacement in _OFFICIAL:
        name = re.sub(pattern, replacement, name)
    return name


def revision_a(name: str) -> str:
    """As the pull request converted in September 2025: our own names."""
    return name


def with_typo(name: str) -> str:
    """The older spelling of revision A."""
    return name.replace("causal_audio_encoder", "casual_audio_encoder")


def revision_b(name: str) -> str:
    """As the class at the head of the pull request."""
    name = name.replace("causal_audio_encoder.weights", "causal_audio_encoder.weighted_avg.weights")
    return re.sub(r"encoder\.(conv[23])\.conv\.", r"encoder.\1.conv.conv.", name)


def strays(name: str) -> str:
    """As the broken conversion script at that head leaves them: nine under the old name, and the patches moved."""
    name = revision_b(name)
    if name.startswith("patch_embedding."):
        return f"motion_in.{name}"
    stray = r"condition_embedder\.causal_audio_encoder\.(encoder\.(?:conv1|final|padding).*)"
    return re.sub(stray, r"casual_audio_encoder.\1", name)


def repacked(name: str) -> str:
    """A single file as ComfyUI writes it."""
    return "model.diffusion_model." + official(name)


def repacked_diffusers(name: str) -> str:
    """The same with the shorter prefix and diffusers' names."""
    return "diffusion_model." + name


def under(rename: Rename, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights by the names of a layout."""
    return {rename(name): tensor for name, tensor in weights.items()}
