"""Cover art: Wan2.2-TI2V-5B moves the picture, part after part, each beginning where the one before ended."""

from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.engines.wan.base import Job, Made, WanEngine
from s2v_nb.engines.wan.spans import Span, equal_spans
from s2v_nb.errors import GenerationError
from s2v_nb.models.catalog import Model
from s2v_nb.models.memory import MemoryPlan
from s2v_nb.settings import Settings

SIZES = {
    ("720p", "16:9"): (1280, 704), ("720p", "9:16"): (704, 1280), ("720p", "1:1"): (704, 704),
    ("480p", "16:9"): (832, 480), ("480p", "9:16"): (480, 832), ("480p", "1:1"): (480, 480),
}  # fmt: skip
PLAIN_PROMPT = "cinematic, gentle natural motion"  # where the person asks for nothing


class CoverArtEngine(WanEngine):
    """See `s2v_nb.engines.base.Engine`."""

    name = "wan-ti2v-5b"
    about = (
        "For album covers, landscapes and posters: a model moves the picture, the beat times it. GPU from 8 GB; "
        "quality draft takes 3 steps, final 50.",
        "适合专辑封面、风景与海报：模型让画面动起来，节拍控制时间。需要 8 GB 以上显存的 GPU；草稿 3 步，成片 50 步。",
    )
    controls = (
        "Motion: how strongly beats pull the movement, camera and light; off leaves the model's frames alone. Prompt "
        "weight: how closely the model follows the words.",
        "运动强度：节拍对动作、镜头与光影的牵引力度；关闭则保持模型原始画面。提示词权重：模型遵循文字的程度。",
    )
    models = {"draft": "wan-ti2v-5b-fast", "final": "wan-ti2v-5b"}  # noqa: RUF012
    source_fps = 24
    max_shift = 0.15  # a quarter of a beat at 100 BPM

    def spans(self, num_frames: int, fps: int) -> list[Span]:
        return equal_spans(num_frames, fps, self.source_fps, self.longest())

    def longest(self) -> int:
        """Frames after the first that the model was trained to make."""
        return 120

    def size(self, settings: Settings) -> tuple[int, int]:
        return SIZES[settings.resolution, settings.aspect]

    def source_frames(self, span: Span) -> int:
        return span.source + 1  # it begins with the last frame of the part before

    def passes(self, settings: Settings) -> int:
        defaults = self.model(settings).defaults
        return defaults["steps"] * (2 if defaults["guidance"] > 1 else 1)

    def load(self, folders: dict[str, Path], plan: MemoryPlan, device: str, model: Model) -> Any:
        from s2v_nb.models.wan_ti2v.loaded import LoadedTI2V

        return LoadedTI2V(folders, plan, device, model.defaults)

    def make(self, loaded: Any, job: Job, first: int, done: Made) -> None:
        settings = job.request.settings
        for span in job.spans[first:]:
            if self.made_before(job, span) is None:  # else only one before it was lost
                frames = self.source_frames(span)
                with job.raw.writing(span.index, job.size, frames) as write:
                    loaded.make_part(
                        self._opening(job, span), settings.prompt or PLAIN_PROMPT, settings.prompt_weight, frames,
                        settings.seed + span.index, write=write, on_step=done.step,
                    )  # fmt: skip
            done.part()

    def can_follow(self, job: Job, index: int) -> bool:
        return self.made_before(job, job.spans[index - 1]) is not None

    def _opening(self, job: Job, span: Span) -> np.ndarray:
        """The picture that a part begins with."""
        if span.index == 0:
            return job.picture
        before = self.made_before(job, job.spans[span.index - 1])
        if before is None:  # it was there a moment ago
            raise GenerationError("failed.vanished", name=str(job.raw.folder))
        return np.array(before[-1])
