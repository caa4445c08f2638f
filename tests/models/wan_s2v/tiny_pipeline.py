"""The pipeline with small networks and random weights, and with stand-ins whose output can be read off."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel, Wav2Vec2Config, Wav2Vec2Model

from s2v_nb.models.wan_s2v.pipeline import WanS2VPipeline
from s2v_nb.models.wan_s2v.schedule import flow_unipc
from tests.models.wan_s2v.tiny import SIZES, tiny_transformer

RATE = 16_000


def tiny_vae() -> AutoencoderKLWan:
    torch.manual_seed(1)
    vae = AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 2, 2, 2], num_res_blocks=1)
    return vae.eval().requires_grad_(False)


def tiny_wav2vec2() -> Wav2Vec2Model:
    torch.manual_seed(2)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    sizes |= {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    config = Wav2Vec2Config(**sizes, do_stable_layer_norm=True, conv_bias=True, feat_extract_norm="layer")
    return Wav2Vec2Model(config).eval().requires_grad_(False)


def tiny_text() -> tuple[UMT5EncoderModel, PreTrainedTokenizerFast]:
    """An encoder, and a tokenizer that gives every letter a number and ends with </s>, as that of UMT5."""
    torch.manual_seed(3)
    config = UMT5Config(vocab_size=300, d_model=SIZES["text_dim"], d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    letters = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {
        letter: n + 3 for n, letter in enumerate("▁abcdefghijk & <画面模糊")
    }
    tokenizer = Tokenizer(models.WordLevel(letters, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    return UMT5EncoderModel(config).eval().requires_grad_(False), fast


def tiny_pipeline(**components: Any) -> WanS2VPipeline:
    """Without text, unless it is given, and with a stand-in for the VAE, which would take most of the time."""
    made = {"transformer": tiny_transformer, "vae": Blocks, "scheduler": flow_unipc, "audio_encoder": tiny_wav2vec2}
    pipe = WanS2VPipeline(**{name: make() for name, make in made.items() if name not in components}, **components)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def song(seconds: float, seed: int = 0) -> np.ndarray:
    """A noise that swells and fades, float32 (samples,) at 16 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (0.3 * noise * (1.2 + np.sin(7 * time))).astype(np.float32)


def picture(height: int = 64, width: int = 64) -> np.ndarray:
    """Colours that run into each other, uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.stack([200 * x + 30, 180 * y + 20, 200 - 150 * x * y], axis=2).astype(np.uint8)


def prompts() -> dict[str, torch.Tensor]:
    """Embeddings of a prompt and of a negative one."""
    random = torch.Generator().manual_seed(4)
    return {
        name: torch.randn(tokens, SIZES["text_dim"], generator=random)
        for name, tokens in (("prompt_embeds", 5), ("negative_prompt_embeds", 9))
    }


def few(**changed: Any) -> dict[str, Any]:
    """Arguments of a run that is over soon: three clips of 8 frames, two steps, without guidance."""
    return {
        "image": picture(), "audio": song(1.45), "sampling_rate": RATE, "num_inference_steps": 2, "guidance_scale": 1.0,
        "seed": 7, "frames_per_clip": 8, "max_area": 64 * 64, "num_clips": 3, "output_type": "pt",
        **prompts(), **changed,
    }  # fmt: skip


class Calls:
    """What the network was asked, call by call, while it is in use."""

    def __init__(self, network: nn.Module) -> None:
        self.arguments: list[dict[str, Any]] = []
        self._hook = network.register_forward_pre_hook(self._note, with_kwargs=True)

    def __enter__(self) -> "Calls":
        return self

    def __exit__(self, *error: object) -> None:
        self._hook.remove()

    def __len__(self) -> int:
        return len(self.arguments)

    def _note(self, network: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        names = ("hidden_states", "timestep", "encoder_hidden_states", "reference_latents", "motion_latents",
                 "pose_latents", "audio_features")  # fmt: skip
        self.arguments.append(dict(zip(names, args, strict=False)) | kwargs)

    @property
    def frames(self) -> int:
        """Latent frames that were denoised, all calls together."""
        return sum(call["hidden_states"].shape[2] for call in self.arguments)


# Stand-ins: frame n of a clip is as bright as the sound that the network was given for it.


class StandIn(nn.Module):
    """A part of a pipeline without weights."""

    device, dtype = torch.device("cpu"), torch.float32


class Lamp(StandIn):
    """A network that wants latent frame i to be grey, as bright as frames 4i to 4i + 3 are loud; see `Blocks`."""

    is_cache_enabled = False
    config = SimpleNamespace(text_dim=2, in_channels=16, num_weighted_avg_layers=1, audio_dim=1)

    def cache_context(self, name: str) -> Any:
        return nullcontext()

    def remembering(self) -> Any:
        return nullcontext()

    def forward(self, hidden_states, timestep, text, reference, motion, pose, audio, **_: Any) -> tuple[torch.Tensor]:
        wanted = torch.zeros_like(hidden_states)
        wanted[:, :12] = audio[0, 0, 0].view(-1, 4).repeat_interleave(3, 1).T[None, :, :, None, None]
        return ((hidden_states - wanted) / (timestep / 1000),)


class Blocks(StandIn):
    """A VAE without loss for frames of blocks of 8 x 8: twelve channels of the latents for the colours of four frames.

    The network's random latents, about 2.5 wide, become colours that are seldom cut off.
    """

    config = SimpleNamespace(z_dim=16, latents_mean=[0.05] * 16, latents_std=[0.15] * 16)

    def encode(self, pixels: torch.Tensor) -> Any:
        small = pixels.unflatten(3, (-1, 8)).unflatten(5, (-1, 8)).mean((4, 6))  # (1, 3, frames, h, w)
        fours = torch.cat([small[:, :, :1].expand(-1, -1, 3, -1, -1), small], dim=2).unflatten(2, (-1, 4))
        latents = fours.permute(0, 3, 1, 2, 4, 5).flatten(1, 2)  # channel 3 k + colour is that of frame k
        latents = torch.cat([latents, latents.new_zeros(1, 4, *latents.shape[2:])], dim=1)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latents))

    def decode(self, latents: torch.Tensor, return_dict: bool) -> tuple[torch.Tensor]:
        frames = latents[:, :12].unflatten(1, (4, 3)).permute(0, 2, 3, 1, 4, 5).flatten(2, 3)[:, :, 3:]
        return (frames.repeat_interleave(8, 3).repeat_interleave(8, 4),)


class Ear(StandIn):
    """Takes the place of wav2vec2 where `loudness` takes the place of its features."""

    config = SimpleNamespace(
        num_hidden_layers=0, hidden_size=1, conv_stride=[5, 2, 2, 2, 2, 2, 2], conv_kernel=[10, 3, 3, 3, 3, 2, 2]
    )


def loudness(model: nn.Module, processor: Any, sound: torch.Tensor, rate: int) -> torch.Tensor:
    """The loudest sample of each 1/30 s, (1, n30, 1)."""
    window = -(-rate // 30)
    edges = [round(n * rate / 30) for n in range(len(sound) * 30 // rate)]
    return torch.stack([sound[edge : edge + window].abs().max() for edge in edges])[None, :, None]


def lamp_pipeline() -> WanS2VPipeline:
    """To be used with `loudness` in the place of the pipeline's ``audio_features``."""
    return tiny_pipeline(transformer=Lamp(), vae=Blocks(), audio_encoder=Ear().eval())


@contextmanager
def untouched(*networks: nn.Module) -> Iterator[None]:
    """Fails if any part of the networks runs."""

    def refuse(part: nn.Module, args: tuple) -> None:
        raise AssertionError(f"{type(part).__name__} ran")

    hooks = [part.register_forward_pre_hook(refuse) for network in networks for part in network.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
