"""Names of the weights in every public layout, and of the configuration; no weights are read here.

Three layouts are published: the official names, the same in a ``transformer/`` folder, and those of diffusers' pull
request 12258 in two revisions with some strays. Single-file repacks add a prefix. All are told apart by their keys.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

PREFIXES = ("model.diffusion_model.", "diffusion_model.")
OFFICIAL_MARK = "blocks.0.self_attn.q.weight"
DIFFUSERS_MARK = "blocks.0.attn1.to_q.weight"
# What only this network has: a plain Wan 2.1 file has the marks, too.
AUDIO_PARTS = ("audio_encoder.", "audio_injector.", "frame_packer.")

_ATTENTION = {"q": "to_q", "k": "to_k", "v": "to_v", "o": "to_out.0", "norm_q": "norm_q", "norm_k": "norm_k"}
_BLOCK_PARTS = {"self_attn": "attn1", "cross_attn": "attn2"}
_HEARING = "condition_embedder.causal_audio_encoder."

# (pattern of the whole name, name in our model); every official name matches exactly one.
_OFFICIAL: list[tuple[str, str]] = [
    (r"(patch_embedding|frame_packer)\.(.+)", r"\1.\2"),
    (r"time_embedding\.0\.(.+)", r"condition_embedder.time_embedder.linear_1.\1"),
    (r"time_embedding\.2\.(.+)", r"condition_embedder.time_embedder.linear_2.\1"),
    (r"text_embedding\.0\.(.+)", r"condition_embedder.text_embedder.linear_1.\1"),
    (r"text_embedding\.2\.(.+)", r"condition_embedder.text_embedder.linear_2.\1"),
    (r"time_projection\.1\.(.+)", r"condition_embedder.time_proj.\1"),
    (r"casual_audio_encoder\.(.+)", _HEARING + r"\1"),
    (r"cond_encoder\.(.+)", r"condition_embedder.pose_embedder.\1"),
    (r"trainable_cond_mask\.(.+)", r"trainable_condition_mask.\1"),
    (r"head\.modulation", "scale_shift_table"),
    (r"head\.head\.(.+)", r"proj_out.\1"),
    (r"blocks\.(\d+)\.modulation", r"blocks.\1.scale_shift_table"),
    (r"blocks\.(\d+)\.norm3\.(.+)", r"blocks.\1.norm2.\2"),
    (r"blocks\.(\d+)\.ffn\.0\.(.+)", r"blocks.\1.ffn.net.0.proj.\2"),
    (r"blocks\.(\d+)\.ffn\.2\.(.+)", r"blocks.\1.ffn.net.2.\2"),
    (r"audio_injector\.injector_adain_layers\.(.+)", r"audio_injector.injector_adain_layers.\1"),
    *(
        (rf"blocks\.(\d+)\.{part}\.{name}\.(.+)", rf"blocks.\1.{ours}.{layer}.\2")
        for part, ours in _BLOCK_PARTS.items()
        for name, layer in _ATTENTION.items()
    ),
    *(
        (rf"audio_injector\.injector\.(\d+)\.{name}\.(.+)", rf"audio_injector.injector.\1.{layer}.\2")
        for name, layer in _ATTENTION.items()
    ),
]

# Spellings of the pull request's revisions; what matches none is already our name.
_DIFFUSERS_ALIASES: list[tuple[str, str]] = [
    (r"motion_in\.patch_embedding\.(.+)", r"patch_embedding.\1"),
    (r"(?:condition_embedder\.)?(?:casual|causal)_audio_encoder\.(.+)", _HEARING + r"\1"),
]
_AUDIO_ALIASES: list[tuple[str, str]] = [
    (r"weighted_avg\.weights", "weights"),
    (r"encoder\.(conv\d\w*)\.conv\.conv\.(.+)", r"encoder.\1.conv.\2"),
]


class UnknownLayout(ValueError):
    """The names are not those of a Wan2.2-S2V transformer in any layout that is known."""


def plain_name(key: str) -> str:
    """The key without the prefix of a single-file repack."""
    for prefix in PREFIXES:
        if key.startswith(prefix):
            return key[len(prefix) :]
    return key


def our_names(keys: Iterable[str]) -> dict[str, str]:
    """Which parameter of `WanS2VTransformer3DModel` each key of a checkpoint is.

    Raises
    ------
    UnknownLayout
        If the keys are of another network, or two of them would be the same parameter.
    """
    keys = list(keys)
    plain = {key: plain_name(key) for key in keys}
    names = set(plain.values())
    if not any(part in name for part in AUDIO_PARTS for name in names):
        raise UnknownLayout(_unknown(keys, "no audio encoder, audio injector or frame packer among them"))
    if OFFICIAL_MARK in names:
        ours = {key: _renamed(name, _OFFICIAL) or name for key, name in plain.items()}
    elif DIFFUSERS_MARK in names:
        ours = {key: _from_diffusers(name) for key, name in plain.items()}
    else:
        raise UnknownLayout(_unknown(keys, f"neither {OFFICIAL_MARK} nor {DIFFUSERS_MARK} among them"))
    if len(set(ours.values())) != len(ours):
        twice = sorted(name for name in set(ours.values()) if list(ours.values()).count(name) > 1)
        raise UnknownLayout(_unknown(keys, f"several are {twice[0]}"))
    return ours


def _unknown(keys: list[str], why: str) -> str:
    found = ", ".join(sorted(keys)[:3]) or "nothing"
    return (
        f"these are not the weights of a Wan2.2-S2V transformer: {len(keys)} tensors ({found} ...), {why}; expected "
        "are the official names, those of diffusers' pull request 12258, or a single-file repack of either"
    )


def _renamed(name: str, rules: list[tuple[str, str]]) -> str | None:
    for pattern, replacement in rules:
        if found := re.fullmatch(pattern, name):
            return found.expand(replacement)
    return None


def _from_diffusers(name: str) -> str:
    name = _renamed(name, _DIFFUSERS_ALIASES) or name
    if name.startswith(_HEARING):
        inside = name.removeprefix(_HEARING)
        return _HEARING + (_renamed(inside, _AUDIO_ALIASES) or inside)
    return name


# Official configuration key -> ours. Both spellings may be missing: the official file leaves out what it calls default.
_CONFIG_NAMES = {
    "num_heads": "num_attention_heads",
    "in_dim": "in_channels",
    "out_dim": "out_channels",
    "cond_dim": "pose_dim",
    "num_audio_token": "num_audio_tokens",
    "num_audio_layers": "num_weighted_avg_layers",
}
_SAME_NAMES = (
    "patch_size num_attention_heads attention_head_dim in_channels out_channels text_dim freq_dim ffn_dim num_layers "
    "cross_attn_norm qk_norm eps added_kv_proj_dim rope_max_seq_len pose_dim audio_dim num_weighted_avg_layers "
    "num_audio_tokens audio_inject_layers enable_adain adain_mode zero_timestep enable_motioner enable_framepack "
    "framepack_drop_mode add_last_motion"
).split()
# Official switches that must be as in the published model, and have no counterpart of ours.
_FIXED = {"enable_tsm": False, "trainable_token_pos_emb": False, "text_len": 512, "window_size": (-1, -1)}


def our_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `WanS2VTransformer3DModel` from a configuration in either spelling; missing ones are left out.

    Raises
    ------
    ValueError
        If the configuration asks for a branch that is not built.
    """
    for name, published in _FIXED.items():
        value = config.get(name, published)
        value = tuple(value) if isinstance(value, list) else value
        if value != published:
            raise ValueError(f"{name}={value!r} in the configuration: this port knows {name}={published!r} only")
    ours = {name: config[name] for name in _SAME_NAMES if name in config}
    ours |= {ours_: config[theirs] for theirs, ours_ in _CONFIG_NAMES.items() if theirs in config}
    if ours.get("qk_norm") is True:
        ours["qk_norm"] = "rms_norm_across_heads"
    if "dim" in config and "num_attention_heads" in ours:
        ours["attention_head_dim"] = config["dim"] // ours["num_attention_heads"]
    return {name: tuple(value) if isinstance(value, list) else value for name, value in ours.items()}


def sizes_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What the shapes of the weights (by our names) say about the configuration; they are right where it is silent.

    The number of heads and the blocks that hear cannot be seen in shapes.
    """
    dim = shapes["patch_embedding.weight"][0]
    tokens, audio_dim = shapes[_HEARING + "encoder.conv1_local.conv.weight"][:2]
    return {
        "in_channels": shapes["patch_embedding.weight"][1],
        "patch_size": tuple(shapes["patch_embedding.weight"][2:]),
        "out_channels": shapes["proj_out.weight"][0] // 4,
        "text_dim": shapes["condition_embedder.text_embedder.linear_1.weight"][1],
        "freq_dim": shapes["condition_embedder.time_embedder.linear_1.weight"][1],
        "ffn_dim": shapes["blocks.0.ffn.net.0.proj.weight"][0],
        "num_layers": 1 + max(int(name.split(".")[1]) for name in shapes if name.startswith("blocks.")),
        "pose_dim": shapes["condition_embedder.pose_embedder.weight"][1],
        "audio_dim": audio_dim,
        "num_weighted_avg_layers": shapes[_HEARING + "weights"][1],
        "num_audio_tokens": tokens // (dim // 4),
    }
