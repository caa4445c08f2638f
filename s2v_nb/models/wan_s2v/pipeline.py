"""A picture, a song and a prompt become clips of 16 frames a second, one after the other.

The loop of the reference (https://github.com/Wan-Video/Wan2.2, speech2video), with its default behaviour; every
improvement is an option that is off.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import PIL.Image
import torch
from diffusers import AutoencoderKLWan, DiffusionPipeline
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from diffusers.utils import BaseOutput

from s2v_nb.models.wan_s2v.audio import RATE, audio_features, bucket, clip_count, feature_count, waveform_16k
from s2v_nb.models.wan_s2v.clips import (
    CUT,
    FPS,
    FRAMES_PER_LATENT,
    MOTION_PIXELS,
    OPENING,
    Clip,
    ClipSpan,
    Resume,
    check_frames_per_clip,
    fitted_clips,
    song_frames,
    whole_clips,
)  # fmt: skip
from s2v_nb.models.wan_s2v.demands import (
    LATENT_SIDE,
    check_components,
    check_numbers,
    check_resume,
    check_seed,
    check_text,
    whole,
)  # fmt: skip
from s2v_nb.models.wan_s2v.embedders import TEXT_TOKENS
from s2v_nb.models.wan_s2v.finish import Finish, to_uint8
from s2v_nb.models.wan_s2v.guidance import Guidance
from s2v_nb.models.wan_s2v.picture import PoseClips, as_picture, clip_size, pose_pixels, reference_pixels
from s2v_nb.models.wan_s2v.schedule import fresh_scheduler
from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel

# The negative prompt of the reference.
NEGATIVE_PROMPT = (
    "画面模糊，最差质量，画面模糊，细节模糊不清，情绪激动剧烈，手快速抖动，字幕，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，"
    "畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
MAX_AREA = 720 * 1280


@dataclass
class WanS2VPipelineOutput(BaseOutput):
    """All clips joined, unless ``on_clip`` took them."""

    frames: Any  # see ``output_type``; None if ``on_clip`` took them
    seed: int
    latents: list[torch.Tensor] = field(default_factory=list)  # one a clip


class WanS2VPipeline(DiffusionPipeline):
    """Speech, singing and music to video with Wan2.2-S2V-14B.

    Parameters
    ----------
    transformer : WanS2VTransformer3DModel, from `load_transformer`
    vae : AutoencoderKLWan of Wan 2.1; the reference runs it in float32
    scheduler : see `flow_unipc`; its shift and its state are set anew for each clip
    text_encoder, tokenizer : UMT5-XXL; None if ``prompt_embeds`` are always given
    audio_encoder, audio_processor : Wav2Vec2 (with or without its CTC head) and its processor
    """

    # In the order in which they run: accelerate moves each one off the device when the next begins.
    model_cpu_offload_seq = "text_encoder->audio_encoder->transformer->vae"
    # diffusers saves and loads no component with a default value that is not named here.
    _optional_components = ["text_encoder", "tokenizer", "audio_encoder", "audio_processor"]  # noqa: RUF012

    def __init__(
        self,
        transformer: WanS2VTransformer3DModel,
        vae: AutoencoderKLWan,
        scheduler: Any,
        text_encoder: Any = None,
        tokenizer: Any = None,
        audio_encoder: Any = None,
        audio_processor: Any = None,
    ) -> None:
        super().__init__()
        self.register_modules(
            transformer=transformer, vae=vae, scheduler=scheduler, text_encoder=text_encoder, tokenizer=tokenizer,
            audio_encoder=audio_encoder, audio_processor=audio_processor,
        )  # fmt: skip

    @torch.no_grad()
    def __call__(
        self,
        image: PIL.Image.Image | np.ndarray | torch.Tensor,
        audio: np.ndarray | torch.Tensor,
        sampling_rate: int,
        prompt: str | None = None,
        negative_prompt: str = NEGATIVE_PROMPT,
        num_inference_steps: int = 40,
        guidance_scale: float = 4.5,
        flow_shift: float = 3.0,
        seed: int | None = None,
        num_clips: int | None = None,
        frames_per_clip: int = 80,
        max_area: int = MAX_AREA,
        pose_video: Sequence[Any] | np.ndarray | None = None,
        init_first_frame: bool = False,
        prompt_embeds: torch.Tensor | None = None,
        negative_prompt_embeds: torch.Tensor | None = None,
        latents: Sequence[torch.Tensor] | None = None,
        on_clip: Callable[[Clip], None] | None = None,
        output_type: str = "np",
        *,
        pose_fps: float = FPS,
        resume_from: Resume | None = None,
        on_step: Callable[[int, int, int], None] | None = None,
        align_audio: bool = False,
        fit_length: bool = False,
        audio_guidance_scale: float | None = None,
        guidance_interval: tuple[float, float] = (0.0, 1.0),
        output_fps: int | None = None,
        colour_match: float = 0.0,
    ) -> WanS2VPipelineOutput:
        """Make the clips of a song.

        Parameters
        ----------
        image : RGB picture, PIL or uint8 (height, width, 3) as array or tensor
        audio : (samples,) or (channel, samples), floats
        sampling_rate : hertz
        prompt, negative_prompt
            Or their embeddings, (tokens, dim) or (1, tokens, dim), without padding.
        num_inference_steps, guidance_scale, flow_shift
        seed
            Clip r is drawn from seed + r. None draws one, which the result names; give it when you resume.
        num_clips
            At most so many; None for the whole song.
        frames_per_clip
            A multiple of 4 up to 120; 80 in training.
        max_area
            Pixels of the video at most; its sides are multiples of 64 in the shape of the picture.
        pose_video, pose_fps
            RGB frames that lead the figure, and their rate.
        init_first_frame
            Begin with the picture itself.
        latents
            The noise of each clip, (1, 16, T, H, W) or without the 1.
        on_clip
            Called with each finished `Clip`, which is not kept: no more than one is in memory.
        output_type
            'np' (n, height, width, 3) and 'pt' (n, 3, height, width), float32 0 to 1; 'uint8' (n, height, width, 3);
            'pil', a list; 'latent' does not decode more than the next clip needs. The result's frames have one axis
            more in front, the batch, as everywhere in diffusers.
        resume_from
            Go on with clip ``resume_from.clip``; all else must be as before. On the same machine the frames are then
            the same, bit for bit.
        on_step : called as on_step(clip, step, steps) before each step; may raise to stop
        align_audio
            Frame n hears frame n's sound. The reference cuts three frames and not their sound, so that the picture
            leads by 3/16 s.
        fit_length
            The last clip is only as long as the song needs, and the video as long as the song.
        audio_guidance_scale
            Scales the sound apart from the text, see `Guidance`.
        guidance_interval
            The part of the steps that is guided.
        output_fps
            24 or 30 (any, really): frames at their own times in between, by motion; the duration stays.
        colour_match
            0 to 1: how much of the drift of colour away from the picture is taken back, clip by clip.

        Raises
        ------
        ValueError
            If an argument is wrong or a component is missing, before any model runs.
        """
        frames_per_clip = whole("frames_per_clip", frames_per_clip)
        num_inference_steps = whole("num_inference_steps", num_inference_steps)
        num_clips = None if num_clips is None else whole("num_clips", num_clips)
        seed = check_seed(seed, latents, resume_from)
        check_frames_per_clip(frames_per_clip)
        check_numbers(num_inference_steps, flow_shift, num_clips)
        guidance = Guidance(guidance_scale, audio_guidance_scale, guidance_interval)
        guided = any(guidance.passes(step, num_inference_steps) > 1 for step in range(num_inference_steps))
        check_components(self.components, text=prompt_embeds is None or (guided and negative_prompt_embeds is None))
        network = self.transformer.config
        texts = {True: (prompt, check_text("prompt", prompt, prompt_embeds, network.text_dim))}
        if guided:
            negative = check_text("negative_prompt", negative_prompt, negative_prompt_embeds, network.text_dim)
            texts[False] = (negative_prompt, negative)
        reference = _reference(image, max_area)
        height, width = reference.shape[-2:]
        cut = 0 if init_first_frame else CUT
        finish = Finish(
            reference, output_type, output_fps, colour_match, resume_from,
            start=resume_from.clip * frames_per_clip - cut if resume_from else 0,
        )  # fmt: skip
        sound = waveform_16k(audio, sampling_rate)
        n30 = feature_count(self.audio_encoder, len(sound))
        if fit_length:
            spans = fitted_clips(song_frames(len(sound), RATE), frames_per_clip, cut)[:num_clips]
        else:
            spans = whole_clips(clip_count(n30, frames_per_clip), frames_per_clip, cut)[:num_clips]
        if resume_from:
            check_resume(resume_from, len(spans), frames_per_clip, network.in_channels, (height, width))
        size = (network.in_channels, height // LATENT_SIDE, width // LATENT_SIDE)
        noise = _Noise(secrets.randbelow(2**31) if seed is None else seed, latents, spans, size)
        poses = None
        if pose_video is not None:
            frames = [np.asarray(frame) for frame in pose_video]
            poses = pose_pixels(frames, pose_fps, len(spans), frames_per_clip, height, width)
        try:
            embeds = {kind: self._embed(*text) for kind, text in texts.items()}
            job = _Job(
                spans=spans,
                features=self._hear(sound),
                shift=-cut if align_audio else 0,
                embeds=embeds,
                reference=reference,
                reference_latents=self._encode(reference),
                poses=poses,
                open_with_picture=init_first_frame,
                guidance=guidance,
                steps=num_inference_steps,
                flow_shift=flow_shift,
                noise=noise,
                on_step=on_step,
            )
            return self._make(job, finish, resume_from, on_clip)
        finally:
            self.maybe_free_model_hooks()

    def _make(
        self, job: "_Job", finish: Finish, resume: Resume | None, on_clip: Callable[[Clip], None] | None
    ) -> WanS2VPipelineOutput:
        past = self._past(job, resume)
        made: list[Any] = []
        latents: list[torch.Tensor] = []
        for span in job.spans[resume.clip if resume else 0 :]:
            clip, past = self._clip(job, span, past, finish)
            latents.append(clip.latents)
            if on_clip is None:
                made.append(clip.frames)
            else:
                on_clip(clip)
            del clip  # its pixels go before the next ones come
        joined = finish.joined(made) if on_clip is None else None
        return WanS2VPipelineOutput(frames=joined, seed=job.noise.seed, latents=latents)

    def _clip(self, job: "_Job", span: ClipSpan, past: "_Past", finish: Finish) -> tuple[Clip, "_Past"]:
        """One clip, and what lies before the next."""
        last = span.index + 1 == len(job.spans)
        before = None if span.index == 0 and not job.open_with_picture else past.latents
        z = self._denoise(job, span, before)
        finished = partial(Clip, span.index, len(job.spans), latents=z.cpu())
        if last and finish.output_type == "latent":  # its pixels are of no use
            return finished(frames=None, resume=None), past
        latents = torch.cat([job.reference_latents if before is None else before, z], dim=2)
        video, drift = finish.coloured(self._decode(latents, span.frames)[:, :, span.cut :])
        past = past.moved(video)
        after = self._resume(span, past, finish, short=job.spans[0].frames < MOTION_PIXELS, last=last)
        frames = finish.frames(video[:, :, : video.shape[2] - span.dropped], last)
        return finished(frames=frames, resume=after, drift=drift), past

    def _past(self, job: "_Job", resume: Resume | None) -> "_Past":
        """What lies before the first clip to be made."""
        if resume:
            pixels, latents = resume.pixels, resume.latents
            if latents is None:
                assert pixels is not None  # a Resume has one or the other
                latents = self._encode(pixels)
            return _Past(None if pixels is None else pixels.cpu(), latents.to(self._execution_device))
        height, width = job.reference.shape[-2:]
        pixels = torch.zeros(1, 3, MOTION_PIXELS, height, width)  # middle grey
        if not job.open_with_picture:  # the first clip does not look at it
            return _Past(pixels, None)
        pixels[:, :, -OPENING:] = job.reference
        return _Past(pixels, self._encode(pixels))

    def _resume(self, span: ClipSpan, past: "_Past", finish: Finish, *, short: bool, last: bool) -> Resume | None:
        """What the next clip needs; it is encoded here, once. After the last clip the frames stand for themselves."""
        if past.pixels is None:
            return None
        pixels = past.pixels
        frame = to_uint8(pixels[:, :, -1:])[0] if finish.keeps_last_frame else None
        if last:
            return Resume(span.index + 1, None, pixels, frame)
        past.latents = self._encode(pixels)
        past.pixels = pixels if short else None
        return Resume(span.index + 1, past.latents.cpu(), past.pixels, frame)

    def _denoise(self, job: "_Job", span: ClipSpan, motion: torch.Tensor | None) -> torch.Tensor:
        """The latents of one clip, float32; from its own noise and a solver without memory of other clips."""
        device, reference = self._execution_device, job.reference_latents
        latents = job.noise.of(span).to(device)
        sound = bucket(job.features, span.frames, span.start + job.shift).to(device)
        sounds = {True: sound, False: torch.zeros_like(sound)}
        pose = self._pose_latents(job.poses, span)
        scheduler = fresh_scheduler(self.scheduler, job.steps, job.flow_shift, device)
        if self.transformer.is_cache_enabled:
            self.transformer._reset_stateful_cache()

        def predict(prompt: bool, heard: bool) -> torch.Tensor:
            with self.transformer.cache_context(
                f"{'prompt' if prompt else 'negative'}-{'sound' if heard else 'silence'}"
            ):
                return self.transformer(
                    latents, now, job.embeds[prompt], reference, motion, pose, sounds[heard],
                    drop_motion_frames=motion is None, return_dict=False,
                )[0]  # fmt: skip

        with self.transformer.remembering(), self.progress_bar(total=job.steps) as bar:
            for step, timestep in enumerate(scheduler.timesteps):
                if job.on_step:
                    job.on_step(span.index, step, job.steps)
                now = timestep.expand(1)
                velocity = job.guidance.combine(predict, step, job.steps)
                latents = scheduler.step(velocity, timestep, latents, return_dict=False)[0]
                bar.update()
        return latents

    def _pose_latents(self, poses: PoseClips | None, span: ClipSpan) -> torch.Tensor | None:
        if poses is None:
            return None
        return self._encode(poses[span.index][:, :, : 1 + span.frames])[:, :, 1:]

    def _encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (1, 3, n, height, width) to normalised latents, float32: the most likely ones, not drawn."""
        mean, std = self._latent_statistics()
        mode = self.vae.encode(pixels.to(self._execution_device, self.vae.dtype)).latent_dist.mode()
        return (mode.float() - mean) / std

    def _decode(self, latents: torch.Tensor, last: int) -> torch.Tensor:
        """Normalised latents to pixels from -1 to 1, float32; of the last frames only."""
        mean, std = self._latent_statistics()
        pixels = self.vae.decode((latents * std + mean).to(self.vae.dtype), return_dict=False)[0]
        return pixels[:, :, -last:].float().clamp(-1, 1)

    def _latent_statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        config, device = self.vae.config, self._execution_device
        mean, std = (
            torch.tensor(v, device=device).view(1, -1, 1, 1, 1) for v in (config.latents_mean, config.latents_std)
        )
        return mean, std

    def _embed(self, text: str | None, embeds: torch.Tensor | None) -> torch.Tensor:
        """Text embeddings (1, tokens, dim) without padding."""
        device = self._execution_device
        if embeds is not None:
            return embeds.to(device)
        tokens = self.tokenizer(
            [prompt_clean(text)], padding="max_length", max_length=TEXT_TOKENS, truncation=True,
            add_special_tokens=True, return_attention_mask=True, return_tensors="pt",
        )  # fmt: skip
        mask = tokens.attention_mask
        states = self.text_encoder(tokens.input_ids.to(device), mask.to(device)).last_hidden_state
        return states[:, : int(mask.sum())].to(device)

    def _hear(self, sound: torch.Tensor) -> torch.Tensor:
        """The features of the whole song, (layers, n30, dim) on the CPU."""
        # Parts of the encoder are called, not the whole, so accelerate must be told to bring it to the device.
        hook = getattr(self.audio_encoder, "_hf_hook", None)
        if hook is not None:
            hook.pre_forward(self.audio_encoder)
        return audio_features(self.audio_encoder, self.audio_processor, sound, RATE)


@dataclass
class _Past:
    """The last 73 frames before a clip, as far as the next ones need them."""

    pixels: torch.Tensor | None  # (1, 3, 73, height, width) on the CPU
    latents: torch.Tensor | None

    def moved(self, video: torch.Tensor) -> "_Past":
        """After the clip ``video`` (1, 3, n, height, width)."""
        new = video[:, :, -MOTION_PIXELS:].to("cpu", copy=True)  # a view would hold all of the clip
        kept = MOTION_PIXELS - new.shape[2]
        if not kept:
            return _Past(new, None)
        if self.pixels is None:  # a last clip that was fitted to the song: nothing follows
            return _Past(None, None)
        return _Past(torch.cat([self.pixels[:, :, -kept:], new], dim=2), None)


@dataclass(frozen=True)
class _Noise:
    """The noise of each clip: given, or drawn from the seed and the clip's number on the CPU."""

    seed: int
    given: Sequence[torch.Tensor] | None
    spans: list[ClipSpan]
    size: tuple[int, int, int]  # channels, height and width of the latents

    def __post_init__(self) -> None:
        if self.given is None:
            return
        if len(self.given) < len(self.spans):
            raise ValueError(f"latents holds the noise of {len(self.given)} clips, but there are {len(self.spans)}")
        for span, noise in zip(self.spans, self.given, strict=False):
            if tuple(noise.shape) not in ((wanted := self._shape(span)), wanted[1:]):
                raise ValueError(f"latents[{span.index}] has the shape {tuple(noise.shape)}, expected {wanted}")

    def of(self, span: ClipSpan) -> torch.Tensor:
        """Float32 (1, channels, T, height, width)."""
        shape = self._shape(span)
        if self.given is not None:
            return self.given[span.index].reshape(shape).float()
        return torch.randn(shape, generator=torch.Generator().manual_seed(self.seed + span.index))

    def _shape(self, span: ClipSpan) -> tuple[int, ...]:
        channels, height, width = self.size
        return (1, channels, span.frames // FRAMES_PER_LATENT, height, width)


@dataclass(frozen=True)
class _Job:
    """What stays the same over all clips of one call."""

    spans: list[ClipSpan]
    features: torch.Tensor  # (layers, n30, dim)
    shift: int  # frames by which the sound is heard later
    embeds: dict[bool, torch.Tensor]  # with the prompt, with the negative prompt
    reference: torch.Tensor  # pixels (1, 3, 1, height, width)
    reference_latents: torch.Tensor
    poses: PoseClips | None
    open_with_picture: bool
    guidance: Guidance
    steps: int
    flow_shift: float
    noise: _Noise
    on_step: Callable[[int, int, int], None] | None


def _reference(image: PIL.Image.Image | np.ndarray | torch.Tensor, max_area: int) -> torch.Tensor:
    """The picture at the video's size, (1, 3, 1, height, width) from -1 to 1."""
    picture = as_picture(image)
    return reference_pixels(picture, *clip_size(picture.height, picture.width, max_area))
