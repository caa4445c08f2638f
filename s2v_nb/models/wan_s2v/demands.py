"""What the pipeline refuses, in words, before any model runs."""

import operator
from typing import Any

import torch

from s2v_nb.models.wan_s2v.audio import wav2vec2
from s2v_nb.models.wan_s2v.clips import MOTION_PIXELS, Resume
from s2v_nb.models.wan_s2v.embedders import TEXT_TOKENS
from s2v_nb.models.wan_s2v.layout import MOTION_FRAMES

LATENT_SIDE = 8  # pixels of one latent pixel


def whole(name: str, value: Any) -> int:
    """The value as a whole number, of whatever library; ValueError if it is none."""
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name}={value!r}: must be a whole number") from None


def check_seed(seed: Any, latents: Any, resume: Any) -> int | None:
    """The seed as a number or None; ValueError if clips are to follow others that were drawn from an unknown one."""
    if resume is not None and not isinstance(resume, Resume):
        raise ValueError(f"resume_from is a {type(resume).__name__}: give clip.resume, or what Resume.load returns")
    if seed is None and latents is None and resume is not None:
        raise ValueError(
            "seed=None with resume_from: give the seed of the clips before; the result of that call names it"
        )
    return None if seed is None else whole("seed", seed)


def check_numbers(num_inference_steps: int, flow_shift: float, num_clips: int | None) -> None:
    """Raise ValueError for a number that makes no video."""
    if num_inference_steps < 1:
        raise ValueError(f"num_inference_steps={num_inference_steps}: must be 1 or more; 40 is the published value")
    if not 0 < flow_shift < float("inf"):
        raise ValueError(f"flow_shift={flow_shift}: must be above 0; 3 is the published value")
    if num_clips is not None and num_clips < 1:
        raise ValueError(f"num_clips={num_clips}: must be 1 or more, or None for the whole song")


def check_components(components: dict[str, Any], *, text: bool) -> None:
    """Raise ValueError unless all that is needed is there and fits together; ``text`` if there is text to encode."""
    needed = ["transformer", "vae", "scheduler", "audio_encoder", *(["text_encoder", "tokenizer"] if text else [])]
    if missing := [name for name in needed if components.get(name) is None]:
        instead = " or give prompt_embeds and negative_prompt_embeds" if missing[-1] in needed[4:] else ""
        raise ValueError(
            f"the pipeline has no {' and no '.join(missing)}: build it with {'them' if missing[1:] else 'it'}{instead}"
        )
    network, hears = components["transformer"].config, wav2vec2(components["audio_encoder"]).config
    fits = [
        ("vae", "latent channels", components["vae"].config.z_dim, network.in_channels, "S2V has the VAE of Wan 2.1"),
        ("audio_encoder", "layers", hears.num_hidden_layers + 1, network.num_weighted_avg_layers, _AUDIO),
        ("audio_encoder", "channels", hears.hidden_size, network.audio_dim, _AUDIO),
    ]
    if text:
        fits.append(("text_encoder", "channels", components["text_encoder"].config.d_model, network.text_dim, _TEXT))
    for name, what, found, wanted, advice in fits:
        if found != wanted:
            raise ValueError(f"{name} has {found} {what}, but the transformer takes {wanted}: {advice}")


_AUDIO = "the published one hears through wav2vec2-large-xlsr-53-english"
_TEXT = "the published one reads through UMT5-XXL"


def check_text(name: str, text: Any, embeds: Any, dim: int) -> torch.Tensor | None:
    """The embeddings, if given, as (1, tokens, dim); ValueError if they or the text are of another kind."""
    if embeds is None:
        if not isinstance(text, str):
            raise ValueError(f"{name}={text!r}: give a string, which may be empty, or {name}_embeds")
        return None
    if not isinstance(embeds, torch.Tensor):
        raise ValueError(f"{name}_embeds is a {type(embeds).__name__}, expected a tensor (1 to {TEXT_TOKENS}, {dim})")
    rows = embeds[None] if embeds.ndim == 2 else embeds
    if rows.ndim != 3 or len(rows) != 1 or not 0 < rows.shape[1] <= TEXT_TOKENS or rows.shape[2] != dim:
        raise ValueError(
            f"{name}_embeds has the shape {tuple(embeds.shape)}, expected (1 to {TEXT_TOKENS}, {dim}), without padding"
        )
    return rows


def check_resume(resume: Resume, clips: int, frames_per_clip: int, channels: int, size: tuple[int, int]) -> None:
    """Raise ValueError unless a video of ``clips`` clips and of that size (height, width) can go on from there."""
    if resume.clip >= clips:
        raise ValueError(f"resume_from.clip={resume.clip}: there are {clips} clips, the first is 0")
    if resume.pixels is None and frames_per_clip < MOTION_PIXELS:
        raise ValueError(
            f"resume_from holds latents alone, but clips of {frames_per_clip} frames look further back: resume from "
            f"pixels, or make clips of {MOTION_PIXELS} frames or more"
        )
    height, width = size
    small = (height // LATENT_SIDE, width // LATENT_SIDE)
    for name, wanted in {
        "latents": (1, channels, MOTION_FRAMES, *small),
        "pixels": (1, 3, MOTION_PIXELS, *size),
        "last_frame": (*size, 3),
    }.items():
        found = getattr(resume, name)
        if found is not None and tuple(found.shape) != wanted:
            raise ValueError(
                f"resume_from.{name} has the shape {tuple(found.shape)}, expected {wanted}; "
                "was it saved with another picture or max_area?"
            )
