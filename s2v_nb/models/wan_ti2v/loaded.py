"""Wan2.2-TI2V-5B ready to make parts of clips, in the memory that a plan allows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from diffusers import WanImageToVideoPipeline

from s2v_nb.models import wan_vae
from s2v_nb.models.loaded import Loaded
from s2v_nb.models.memory import MemoryPlan
from s2v_nb.models.wan_s2v.embedders import TEXT_TOKENS
from s2v_nb.models.wan_ti2v.loading import load_ti2v_transformer
from s2v_nb.models.wan_ti2v.schedule import DistilledScheduler, guided_scheduler

# The negative prompt of the reference, https://github.com/Wan-Video/Wan2.2
NEGATIVE_PROMPT = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，丑陋的，残缺的，"
    "多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)


class LoadedTI2V(Loaded):
    """The networks, and what is kept between clips."""

    def __init__(self, folders: Mapping[str, Path], plan: MemoryPlan, device: Any, defaults: Mapping[str, Any]) -> None:
        super().__init__(folders, plan, device, defaults)
        distilled = defaults.get("sampler") == "dmd"
        self._ready(load_ti2v_transformer, dynamic=True)  # parts of any length, without compiling anew
        scheduler = DistilledScheduler(defaults["timesteps"]) if distilled else guided_scheduler(defaults["shift"])
        self.pipeline = WanImageToVideoPipeline(
            tokenizer=None, text_encoder=None, vae=self.vae, scheduler=scheduler, transformer=self.transformer,
            expand_timesteps=True,
        )  # fmt: skip
        self.pipeline.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def make_part(
        self,
        picture: np.ndarray,
        prompt: str,
        prompt_weight: float,
        frames: int,
        seed: int,
        *,
        write: Callable[[np.ndarray], None],
        on_step: Callable[[int, int], None] = lambda step, steps: None,
    ) -> None:
        """Make ``frames`` (4 k + 1) frames that begin with a picture.

        Parameters
        ----------
        picture : uint8 (height, width, 3), sides multiples of 32
        prompt_weight
            Scales the guidance by the text; of the distilled model, which has none, how far the prompt's embedding is
            from that of an empty one.
        write : called with uint8 (n, height, width, 3), a few frames at a time
        on_step : called as on_step(step, steps); decoding is counted as steps, too. May raise to stop.
        """
        height, width = picture.shape[:2]
        steps, guidance = self.defaults["steps"], self.defaults["guidance"]
        latent_frames = (frames + 3) // 4
        decoding = max(1, steps // 4)
        embeds, negative = self._embeds(prompt, prompt_weight, guidance)
        generator = torch.Generator().manual_seed(seed)
        self.pipeline.scheduler.generator = generator

        def after_step(_: Any, step: int, *__: Any) -> dict[str, Any]:
            on_step(step + 1, steps + decoding)
            return {}

        on_step(0, steps + decoding)
        latents = self.pipeline(
            PIL.Image.fromarray(picture), height=height, width=width, num_frames=frames, num_inference_steps=steps,
            guidance_scale=1 + (guidance - 1) * prompt_weight, generator=generator, prompt_embeds=embeds,
            negative_prompt_embeds=negative, output_type="latent",
            callback_on_step_end=after_step,
        ).frames  # fmt: skip
        self.rest()
        chunks = wan_vae.decode(self.vae, latents, tiles=self.plan.tiles, check=self.check)
        for done, chunk in enumerate(arrived(chunks), 1):
            write(chunk)
            on_step(steps + decoding * done // latent_frames, steps + decoding)

    def _embeds(self, prompt: str, weight: float, guidance: float) -> tuple[torch.Tensor, torch.Tensor | None]:
        embeds, other = (padded(found) for found in self.embed(prompt, NEGATIVE_PROMPT if guidance > 1 else ""))
        if guidance > 1:
            return embeds, other
        return other + weight * (embeds - other), None


def padded(embeds: torch.Tensor) -> torch.Tensor:
    """Text embeddings (1, tokens, dim) filled up with zeros to the length that the network was trained with."""
    return torch.nn.functional.pad(embeds, (0, 0, 0, TEXT_TOKENS - embeds.shape[1]))


def arrived(chunks: Iterable[torch.Tensor]) -> Iterator[np.ndarray]:
    """Pixels (1, 3, n, height, width) from -1 to 1 as uint8 (n, height, width, 3) in the machine's memory.

    The next chunk is begun before the last one is waited for, so that the GPU always has something to do.
    """
    before = None
    for chunk in chunks:
        now = _sent(chunk)
        if before is not None:
            yield _received(*before)
        before = now
    if before is not None:
        yield _received(*before)


def _sent(pixels: torch.Tensor) -> tuple[torch.Tensor, Any]:
    levels = (pixels[0].float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
    frames = levels.permute(1, 2, 3, 0).contiguous()
    if not frames.is_cuda:
        return frames, None
    target = torch.empty(frames.shape, dtype=torch.uint8, pin_memory=True)
    target.copy_(frames, non_blocking=True)
    event = torch.cuda.Event()
    event.record()
    return target, event


def _received(frames: torch.Tensor, event: Any) -> np.ndarray:
    if event is not None:
        event.synchronize()
    return frames.numpy()
