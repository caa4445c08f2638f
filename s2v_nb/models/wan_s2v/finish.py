"""From decoded clips to what the caller asked for: colours, rate, kind of output."""

from typing import Any

import numpy as np
import PIL.Image
import torch

from s2v_nb.models.wan_s2v.clips import FPS, Resume
from s2v_nb.models.wan_s2v.colour import Drift, match_colours, measure_drift
from s2v_nb.models.wan_s2v.rate import Retimer

OUTPUT_TYPES = ("np", "pt", "pil", "uint8", "latent")


class Finish:
    """Finishes one clip after the other, in order.

    Parameters
    ----------
    reference : (1, 3, 1, height, width), -1 to 1, whose colours are kept
    output_type : see `WanS2VPipeline`
    output_fps : hertz, or None for the model's 16
    colour_match : 0 to 1
    resume : where the stream goes on
    start : frames of the song before the first clip to come
    """

    def __init__(
        self, reference: torch.Tensor, output_type: str, output_fps: int | None, colour_match: float,
        resume: Resume | None = None, start: int = 0,
    ) -> None:  # fmt: skip
        if output_type not in OUTPUT_TYPES:
            raise ValueError(f"output_type={output_type!r}: must be one of {', '.join(OUTPUT_TYPES)}")
        if not 0 <= colour_match <= 1:
            raise ValueError(f"colour_match={colour_match}: must be from 0, off, to 1")
        if output_fps is not None and not FPS / 2 < output_fps < float("inf"):
            raise ValueError(f"output_fps={output_fps}: must be above {FPS / 2:g}, such as 24 or 30; None for {FPS}")
        self.output_type, self.colour_match = output_type, colour_match
        self._reference = to_uint8(reference)[0]
        self._retimer = None
        if output_fps is not None and output_fps != FPS:
            last = resume.last_frame if resume else None
            if resume and last is None:
                raise ValueError(
                    "resume_from has no last frame: it was saved without output_fps, and cannot go on with it"
                )
            self._retimer = Retimer(FPS, output_fps, taken=start, last=last)

    @property
    def keeps_last_frame(self) -> bool:
        """Whether the next clip needs the last frame of this one."""
        return self._retimer is not None

    def coloured(self, video: torch.Tensor) -> tuple[torch.Tensor, Drift | None]:
        """The clip (1, 3, n, height, width) with its colours matched, and how far they had drifted."""
        if not self.colour_match:
            return video, None
        frames = to_uint8(video)
        drift = measure_drift(frames, self._reference)
        matched = torch.from_numpy(match_colours(frames, self._reference, self.colour_match))
        return (matched.permute(3, 0, 1, 2)[None].float() / 127.5 - 1).to(video.device), drift

    def frames(self, video: torch.Tensor, last: bool) -> Any:
        """The clip as the caller wants it, nothing for latents; after the last one nothing may follow."""
        if self.output_type == "latent":
            return None
        if self._retimer is None:
            return self._kind(video)
        made = self._retimer.push(to_uint8(video)) + (self._retimer.finish() if last else [])
        empty = np.empty((0, *video.shape[-2:], 3), np.uint8)
        return self._kind(np.stack(made) if made else empty)

    def _kind(self, video: torch.Tensor | np.ndarray) -> Any:
        if self.output_type in ("uint8", "pil"):
            frames = video if isinstance(video, np.ndarray) else to_uint8(video)
            return frames if self.output_type == "uint8" else [PIL.Image.fromarray(frame) for frame in frames]
        if isinstance(video, np.ndarray):
            unit = torch.from_numpy(video).permute(0, 3, 1, 2).float() / 255
        else:
            unit = (video[0].transpose(0, 1).float() / 2 + 0.5).clamp(0, 1).cpu()
        return unit if self.output_type == "pt" else unit.permute(0, 2, 3, 1).numpy()

    def joined(self, clips: list[Any]) -> Any:
        """All clips as one, with the axis of the batch in front."""
        if self.output_type == "latent":
            return None
        if self.output_type == "pil":
            return [[frame for clip in clips for frame in clip]]
        return torch.cat(clips)[None] if self.output_type == "pt" else np.concatenate(clips)[None]


def to_uint8(video: torch.Tensor) -> np.ndarray:
    """(1, 3, n, height, width) from -1 to 1 as uint8 (n, height, width, 3)."""
    frames = []
    for frame in video[0].unbind(1):  # one at a time: all of them in float32 are gigabytes at 720p
        levels = (frame.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
        frames.append(levels.permute(1, 2, 0).contiguous())
    return torch.stack(frames).cpu().numpy()
