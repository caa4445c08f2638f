"""What the network refuses, in words, before any time is spent."""

from typing import Any

import torch

from s2v_nb.models.wan_s2v.embedders import TEXT_TOKENS
from s2v_nb.models.wan_s2v.layout import FRAMES_PER_LATENT, MAX_LATENT_FRAMES, PATCH

SMALLEST_SIDE = 8  # latent pixels: what one token of the coarsest motion frames covers

# The branch of the reference that was published, and the only one that was ported.
PUBLISHED: dict[str, Any] = {
    "patch_size": (1, 2, 2),
    "qk_norm": "rms_norm_across_heads",
    "added_kv_proj_dim": None,
    "enable_adain": True,
    "adain_mode": "attn_norm",
    "zero_timestep": True,
    "enable_motioner": False,
    "enable_framepack": True,
    "framepack_drop_mode": "padd",
    "add_last_motion": True,
}


def check_config(config: Any) -> None:
    """Raise ValueError unless the configuration is of the published branch and consistent."""
    for name, published in PUBLISHED.items():
        value = config[name]
        value = tuple(value) if isinstance(value, list) else value
        if value != published:
            raise ValueError(
                f"{name}={value!r} in the configuration: this port knows only the published branch, "
                f"{name}={published!r}; use the official implementation for other variants"
            )
    layers, injected = config["num_layers"], list(config["audio_inject_layers"])
    if len(set(injected)) != len(injected) or not all(0 <= layer < layers for layer in injected):
        raise ValueError(f"audio_inject_layers={injected}: must be different numbers from 0 to {layers - 1}")
    head = config["attention_head_dim"]
    if head % 2 or head < 6:
        raise ValueError(f"attention_head_dim={head}: must be even and 6 or more, for three rotary bands")


def check_inputs(
    config: Any,
    hidden_states: torch.Tensor,
    timestep: torch.Tensor,
    encoder_hidden_states: torch.Tensor,
    reference_latents: torch.Tensor,
    motion_latents: torch.Tensor | None,
    pose_latents: torch.Tensor | None,
    audio_features: torch.Tensor,
    motion_frames: tuple[int, int],
    drop_motion_frames: bool,
) -> None:
    """Raise ValueError naming the first argument of `WanS2VTransformer3DModel.forward` that does not fit."""
    channels = config["in_channels"]
    if hidden_states.ndim != 5 or hidden_states.shape[1] != channels:
        raise _misshapen("hidden_states", hidden_states, f"(batch, {channels}, frames, height, width)")
    batch, _, frames, height, width = hidden_states.shape
    if min(height, width) < SMALLEST_SIDE or height % PATCH or width % PATCH or not frames:
        raise _misshapen("hidden_states", hidden_states, "one frame or more, with sides even and at least 8")
    if frames > MAX_LATENT_FRAMES:
        raise ValueError(
            f"hidden_states has {frames} latent frames, at most {MAX_LATENT_FRAMES} fit before the place of the "
            f"reference picture: make clips of at most {MAX_LATENT_FRAMES * FRAMES_PER_LATENT} frames, and more of them"
        )
    if motion_latents is None and not drop_motion_frames:
        raise ValueError("motion_latents is None: give the latents of the clip before, or drop_motion_frames=True")
    rows = {1, batch}
    _check("timestep", timestep, (batch,), {batch})
    _check("encoder_hidden_states", encoder_hidden_states, (None, None, config["text_dim"]), {batch})
    if not 0 < encoder_hidden_states.shape[1] <= TEXT_TOKENS:
        raise _misshapen("encoder_hidden_states", encoder_hidden_states, f"1 to {TEXT_TOKENS} tokens")
    _check("reference_latents", reference_latents, (None, channels, 1, height, width), rows)
    _check("motion_latents", motion_latents, (None, channels, None, height, width), rows)
    if motion_latents is not None and not motion_latents.shape[2]:
        raise ValueError("motion_latents has no frames: give those of the clip before, or drop_motion_frames=True")
    _check("pose_latents", pose_latents, (None, config["pose_dim"], frames, height, width), rows)
    features = (None, config["num_weighted_avg_layers"], config["audio_dim"], frames * FRAMES_PER_LATENT)
    _check("audio_features", audio_features, features, {batch})
    _check_motion(motion_frames, audio_features)


def _check_motion(motion_frames: tuple[int, int], audio_features: torch.Tensor) -> None:
    pixels, latents = motion_frames
    # two convolutions of stride 2, each rounding up
    heard = -(-(pixels + audio_features.shape[-1]) // FRAMES_PER_LATENT)
    if pixels < 1 or heard - latents != audio_features.shape[-1] // FRAMES_PER_LATENT:
        raise ValueError(
            f"motion_frames={tuple(motion_frames)}: pixel and latent frames of the past do not go together; n latent "
            "frames are 4 n - 3 pixel frames, as in (73, 19)"
        )


def _check(name: str, tensor: torch.Tensor | None, shape: tuple[int | None, ...], batches: set[int]) -> None:
    if tensor is None:
        return
    fits = tensor.ndim == len(shape) and tensor.shape[0] in batches
    if not fits or any(want not in (None, have) for want, have in zip(shape, tensor.shape, strict=True)):
        sides = " or ".join(map(str, sorted(batches)))
        wanted = ", ".join([sides, *("any" if side is None else str(side) for side in shape[1:])])
        raise _misshapen(name, tensor, f"({wanted})")


def _misshapen(name: str, tensor: torch.Tensor, wanted: str) -> ValueError:
    return ValueError(f"{name} has the shape {tuple(tensor.shape)}, expected {wanted}")
