"""A small network of the 5B model's kind with random weights, and inputs for it."""

import torch

from s2v_nb.models.wan_ti2v.transformer import WanTI2VTransformer3DModel

SIZES = {
    "num_attention_heads": 4, "attention_head_dim": 24, "in_channels": 16, "out_channels": 16, "text_dim": 32,
    "freq_dim": 32, "ffn_dim": 64, "num_layers": 3,
}  # fmt: skip


def tiny_transformer(seed: int = 0) -> WanTI2VTransformer3DModel:
    """In float32; every weight is random."""
    model = WanTI2VTransformer3DModel(**SIZES).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        spread = 1.5 * parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.3
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
    return model


def inputs(*, batch: int = 1, frames: int = 4, height: int = 8, width: int = 12) -> dict[str, torch.Tensor]:
    """Arguments of `forward` with a picture as first frame: a timestep for each token, zero for the picture's."""
    generator = torch.Generator().manual_seed(batch)
    timestep = (700 - 50 * torch.arange(batch)).float()[:, None, None].repeat(1, frames, height * width // 4)
    timestep[:, 0] = 0
    return {
        "hidden_states": torch.randn(batch, 16, frames, height, width, generator=generator),
        "timestep": timestep.flatten(1),
        "encoder_hidden_states": torch.randn(batch, 9, SIZES["text_dim"], generator=generator),
    }


def predict(model: torch.nn.Module, arguments: dict[str, torch.Tensor]) -> torch.Tensor:
    """The model's prediction."""
    with torch.no_grad():
        return model(**arguments).sample
