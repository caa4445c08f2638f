"""A small network with random weights that are not degenerate, and inputs for it."""

import torch

from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel

# Every side of a matrix is a multiple of 64, which quantisation in blocks asks for; blocks 0 and 2 hear.
SIZES = {
    "num_attention_heads": 4, "attention_head_dim": 48, "text_dim": 64, "freq_dim": 64, "ffn_dim": 128, "num_layers": 3,
    "audio_dim": 32, "num_weighted_avg_layers": 3, "audio_inject_layers": (0, 2),
}  # fmt: skip
OFFICIAL_SIZES = {
    "dim": 192, "num_heads": 4, "freq_dim": 64, "ffn_dim": 128, "num_layers": 3, "in_dim": 16, "out_dim": 16,
    "cond_dim": 16, "audio_dim": 32, "num_audio_token": 4, "audio_inject_layers": [0, 2], "eps": 1e-6,
    "enable_adain": True, "adain_mode": "attn_norm", "zero_timestep": True, "enable_motioner": False,
    "enable_framepack": True, "framepack_drop_mode": "padd", "add_last_motion": True, "enable_tsm": False,
    "trainable_token_pos_emb": False, "motion_token_num": 1024, "zero_init": True, "model_type": "s2v", "text_len": 512,
}  # fmt: skip


def tiny_transformer(seed: int = 0, **sizes: object) -> WanS2VTransformer3DModel:
    """In float32; every weight is random, those that begin as zeros or ones as well."""
    with torch.device("meta"):
        model = WanS2VTransformer3DModel(**{**SIZES, **sizes})
    model = model.to_empty(device="cpu").eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        spread = 1.5 * parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.3
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
    return model


def inputs(
    seed: int = 0, *, batch: int = 1, frames: int = 3, height: int = 8, width: int = 8
) -> dict[str, torch.Tensor]:
    """Arguments of `forward` for `tiny_transformer`."""
    generator = torch.Generator().manual_seed(1000 + seed)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    return {
        "hidden_states": noise(batch, 16, frames, height, width),
        "timestep": torch.full((batch,), 700) - 50 * torch.arange(batch),
        "encoder_hidden_states": noise(batch, 7, SIZES["text_dim"]),
        "reference_latents": noise(batch, 16, 1, height, width),
        "motion_latents": noise(batch, 16, 19, height, width),
        "pose_latents": noise(batch, 16, frames, height, width),
        "audio_features": noise(batch, SIZES["num_weighted_avg_layers"], SIZES["audio_dim"], 4 * frames),
    }


def predict(model: torch.nn.Module, arguments: dict[str, torch.Tensor], **changed: object) -> torch.Tensor:
    """The model's prediction."""
    with torch.no_grad():
        return model(**{**arguments, **changed}).sample


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Relative L2."""
    ours, theirs = ours.detach().float(), theirs.detach().float()
    return float((ours - theirs).norm() / theirs.norm())
