"""Wan2.2-S2V-14B ready to make clips, in the memory that a plan allows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.models.loaded import Loaded
from s2v_nb.models.memory import MemoryPlan
from s2v_nb.models.wan_s2v.clips import Clip, Resume
from s2v_nb.models.wan_s2v.lean_pipeline import LeanS2VPipeline, load_audio_encoder
from s2v_nb.models.wan_s2v.loading import load_transformer
from s2v_nb.models.wan_s2v.pipeline import NEGATIVE_PROMPT
from s2v_nb.models.wan_s2v.schedule import flow_unipc


@dataclass(frozen=True)
class Singing:
    """What decides a song's frames beside picture and sound."""

    prompt: str
    steps: int
    guidance: float
    audio_guidance: float
    shift: float
    seed: int
    frames_per_clip: int


class LoadedS2V(Loaded):
    """The networks, and what is kept between clips."""

    def __init__(self, folders: Mapping[str, Path], plan: MemoryPlan, device: Any, defaults: Mapping[str, Any]) -> None:
        super().__init__(folders, plan, device, defaults)
        self._ready(_load)
        encoder, processor = load_audio_encoder(folders["audio_encoder"])
        self.pipeline = LeanS2VPipeline(
            self.transformer, self.vae, flow_unipc(defaults["shift"]), audio_encoder=encoder, audio_processor=processor
        )
        self.pipeline.set_progress_bar_config(disable=True)
        self.pipeline.rest, self.pipeline.check = self.rest, self.check

    def sing(
        self,
        picture: np.ndarray,
        samples: np.ndarray,
        rate: int,
        how: Singing,
        *,
        resume: Resume | None = None,
        on_clip: Callable[[Clip], None],
        on_step: Callable[[int, int, int], None],
    ) -> None:
        """Make the clips of a song, from the picture on; frame n hears frame n's sound.

        Parameters
        ----------
        picture : uint8 (height, width, 3), sides multiples of 64
        samples : float32 (channel, samples) at ``rate`` hertz
        resume : where to go on; None begins
        on_clip : called with each finished clip; its frames are uint8 (n, height, width, 3)
        on_step : called as on_step(clip, step, steps) before each step; may raise to stop
        """
        self.pipeline.tiles = self.plan.tiles
        prompt, negative = self.embed(how.prompt, NEGATIVE_PROMPT)
        apart = how.audio_guidance if how.audio_guidance != how.guidance else None
        self.pipeline(
            picture, samples, rate, prompt_embeds=prompt, negative_prompt_embeds=negative,
            num_inference_steps=how.steps, guidance_scale=how.guidance, audio_guidance_scale=apart,
            flow_shift=how.shift, seed=how.seed, frames_per_clip=how.frames_per_clip,
            max_area=picture.shape[0] * picture.shape[1], init_first_frame=True, align_audio=True, fit_length=True,
            output_type="uint8", resume_from=resume, on_clip=on_clip, on_step=on_step,
        )  # fmt: skip


def _load(folder: Path, dtype: Any, *, device: Any, stream: bool, from_disk: bool) -> Any:
    return load_transformer(folder, dtype, device=device, stream=stream, from_disk=from_disk)
