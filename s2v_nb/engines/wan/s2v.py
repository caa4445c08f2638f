"""Singer: Wan2.2-S2V-14B lets a face or figure sing the song."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.engines.wan.base import Job, Made, WanEngine
from s2v_nb.engines.wan.spans import Span, full_spans
from s2v_nb.models.catalog import Model
from s2v_nb.models.memory import MemoryPlan
from s2v_nb.settings import Settings

SIZES = {
    ("720p", "16:9"): (1280, 704), ("720p", "9:16"): (704, 1280), ("720p", "1:1"): (704, 704),
    ("480p", "16:9"): (832, 448), ("480p", "9:16"): (448, 832), ("480p", "1:1"): (512, 512),
}  # fmt: skip
DRAFT_STEPS = 20
AUDIO = {"off": 1.0, "low": 0.8, "medium": 1.0, "high": 1.35}  # of the published guidance
PLAIN_PROMPT = "a person is singing with feeling"  # where the person asks for nothing


@dataclass(frozen=True)
class Guided:
    """How strongly text and sound guide: equal ones cost two passes a step, others three."""

    text: float
    audio: float

    @property
    def passes(self) -> int:
        return 2 if self.text == self.audio else 3


class SingerEngine(WanEngine):
    """See `s2v_nb.engines.base.Engine`."""

    name = "wan-s2v-14b"
    about = (
        "For a face or a figure: it sings or speaks the song. GPU from 8 GB and much time; quality draft takes 20 "
        "steps, final 40.",
        "适合人脸或人物：让其演唱或说出歌曲。需要 8 GB 以上显存的 GPU，耗时较长；草稿 20 步，成片 40 步。",
    )
    controls = (
        "Motion: how strongly the voice drives the figure, and beats camera and light; off leaves the model's frames "
        "alone. Prompt weight: how closely it follows the words. Other than medium and 1.0, a step takes half as long "
        "again.",
        "运动强度：歌声驱动人物、节拍驱动镜头与光影的力度；关闭则保持模型原始画面。提示词权重：遵循文字的程度。"
        "若非“中”与 1.0，每步耗时增加一半。",
    )
    models = {"draft": "wan-s2v-14b", "final": "wan-s2v-14b"}  # noqa: RUF012
    source_fps = 16
    max_shift = 0.04  # lips follow a voice: 45 ms early is where people notice (ITU-R BT.1359)

    def spans(self, num_frames: int, fps: int) -> list[Span]:
        return full_spans(num_frames, fps, self.source_fps, self.clip_frames())

    def clip_frames(self) -> int:
        """Frames of a clip that the model was trained on."""
        return 80

    def size(self, settings: Settings) -> tuple[int, int]:
        return SIZES[settings.resolution, settings.aspect]

    def source_frames(self, span: Span) -> int:
        return span.source

    def passes(self, settings: Settings) -> int:
        return self.steps(settings) * self.guided(settings).passes

    def steps(self, settings: Settings) -> int:
        steps = self.model(settings).defaults["steps"]
        return min(steps, DRAFT_STEPS) if settings.quality == "draft" else steps

    def guided(self, settings: Settings) -> Guided:
        published = self.model(settings).defaults["guidance"]
        text = 1 + (published - 1) * settings.prompt_weight
        return Guided(round(text, 4), round(published * AUDIO[settings.motion], 4))

    def load(self, folders: dict[str, Path], plan: MemoryPlan, device: str, model: Model) -> Any:
        from s2v_nb.models.wan_s2v.loaded import LoadedS2V

        return LoadedS2V(folders, plan, device, model.defaults)

    def make(self, loaded: Any, job: Job, first: int, done: Made) -> None:
        from s2v_nb.models.wan_s2v.clips import Clip, Resume

        request, settings = job.request, job.request.settings

        def keep(clip: Clip) -> None:
            if clip.resume is not None and clip.index + 1 < clip.clips:
                clip.resume.save(job.raw.resume_path(clip.index + 1))
            frames = self.source_frames(job.spans[clip.index])
            with job.raw.writing(clip.index, job.size, frames) as write:
                write(np.asarray(clip.frames)[:frames])
            done.part()

        loaded.sing(
            job.picture, self._sound(job), request.audio.rate, self._how(settings),
            resume=Resume.load(job.raw.resume_path(first)) if first else None,
            on_clip=keep, on_step=lambda _, step, steps: done.step(step, steps + 1),
        )  # fmt: skip

    def can_follow(self, job: Job, index: int) -> bool:
        from s2v_nb.models.wan_s2v.clips import Resume

        with suppress(OSError, ValueError):  # not there, or damaged
            return Resume.load(job.raw.resume_path(index)).clip == index
        return False

    def _how(self, settings: Settings) -> Any:
        from s2v_nb.models.wan_s2v.loaded import Singing

        guided = self.guided(settings)
        return Singing(
            prompt=settings.prompt or PLAIN_PROMPT, steps=self.steps(settings), guidance=guided.text,
            audio_guidance=guided.audio, shift=self.model(settings).defaults["shift"], seed=settings.seed,
            frames_per_clip=self.clip_frames(),
        )  # fmt: skip

    def _sound(self, job: Job) -> np.ndarray:
        """The excerpt as long as the parts, silence behind it where it ends early.

        A hundredth of a second less, since after resampling one sample more would ask for another frame.
        """
        seconds = sum(span.source for span in job.spans) / self.source_fps - 0.01
        audio = job.request.audio
        heard = np.asarray(audio.samples[:, : int(seconds * audio.rate)], np.float32)
        return np.pad(heard, ((0, 0), (0, int(seconds * audio.rate) - heard.shape[1])))
