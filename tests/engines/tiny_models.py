"""Models with tiny networks and random weights, in the layouts of the real ones, where the catalogue looks for them."""

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors.torch import save_file
from transformers import Wav2Vec2FeatureExtractor

from tests.models.wan_s2v.names import official, under
from tests.models.wan_s2v.tiny import OFFICIAL_SIZES, SIZES, tiny_transformer
from tests.models.wan_s2v.tiny_pipeline import tiny_text, tiny_wav2vec2

CHANNELS = 16


def write_models(folder: Path) -> Path:
    """Write all components of both engines below ``folder``, each under its key, as a person's own folders are."""
    _write_text(folder)
    _write_cover_art(folder)
    _write_singer(folder)
    return folder


def _write_text(folder: Path) -> None:
    encoder, tokenizer = tiny_text()
    encoder.save_pretrained(folder / "umt5-xxl")
    tokenizer.save_pretrained(folder / "umt5-tokenizer")


def _write_cover_art(folder: Path) -> None:
    for seed, key in enumerate(("wan-ti2v-5b", "fastwan-ti2v-5b")):
        torch.manual_seed(seed)
        transformer = WanTransformer3DModel(
            num_attention_heads=2, attention_head_dim=24, in_channels=CHANNELS, out_channels=CHANNELS,
            text_dim=SIZES["text_dim"], freq_dim=32, ffn_dim=64, num_layers=2,
        )  # fmt: skip
        transformer.save_pretrained(folder / key)
    torch.manual_seed(5)
    vae = AutoencoderKLWan(
        base_dim=8, decoder_base_dim=8, z_dim=CHANNELS, dim_mult=[1, 1, 1, 1], num_res_blocks=1, is_residual=True,
        patch_size=2, in_channels=12, out_channels=12, scale_factor_spatial=16,
    )  # fmt: skip
    vae.save_pretrained(folder / "wan22-vae")


def _write_singer(folder: Path) -> None:
    import json

    place = folder / "wan-s2v-14b"
    place.mkdir(parents=True)
    weights = {name: tensor.clone().contiguous() for name, tensor in tiny_transformer().state_dict().items()}
    save_file(under(official, weights), place / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    (place / "config.json").write_text(json.dumps(OFFICIAL_SIZES))
    torch.manual_seed(6)
    vae = AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=0)
    vae.save_pretrained(folder / "wan21-vae")
    tiny_wav2vec2().save_pretrained(folder / "wav2vec2-xlsr-english")
    Wav2Vec2FeatureExtractor().save_pretrained(folder / "wav2vec2-xlsr-english")
