"""How a song is cut into clips, what a finished clip is, and what the next one needs of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from s2v_nb.models.wan_s2v.layout import FRAMES_PER_LATENT, MAX_LATENT_FRAMES, MOTION_FRAMES
from s2v_nb.storage import replacing

if TYPE_CHECKING:
    from s2v_nb.models.wan_s2v.colour import Drift

FPS = 16  # hertz, what the network was trained on
LONGEST = FRAMES_PER_LATENT * MAX_LATENT_FRAMES  # frames a clip
MOTION_PIXELS = FRAMES_PER_LATENT * MOTION_FRAMES - 3  # 73 frames of the past
CUT = 3  # frames at the start of the very first clip that the reference throws away
OPENING = 6  # frames of the past that show the picture where the clip is to begin with it


@dataclass(frozen=True)
class ClipSpan:
    """One clip's place in the song."""

    index: int
    start: int  # frames before it, those that are cut counted
    frames: int  # to be generated; a multiple of 4
    cut: int  # of these, thrown away at the start
    dropped: int  # and at the end, where the song is over


def check_frames_per_clip(frames: int) -> None:
    """Raise ValueError unless clips can be of that length."""
    if frames % FRAMES_PER_LATENT or not FRAMES_PER_LATENT <= frames <= LONGEST:
        raise ValueError(
            f"frames_per_clip={frames}: must be a multiple of {FRAMES_PER_LATENT} up to {LONGEST}; "
            "from 124 on the frames would take the rotary position of the reference picture"
        )


def song_frames(samples: int, sampling_rate: int) -> int:
    """Frames of video that last as long as the song, the last one begun counted."""
    return math.ceil(samples * FPS / sampling_rate - 1e-9)


def whole_clips(clips: int, frames_per_clip: int, cut: int) -> list[ClipSpan]:
    """As the reference does: every clip of one length, whether the song needs it or not."""
    return [ClipSpan(r, r * frames_per_clip, frames_per_clip, cut if r == 0 else 0, 0) for r in range(clips)]


def fitted_clips(frames: int, frames_per_clip: int, cut: int) -> list[ClipSpan]:
    """As few frames as ``frames`` of output need: the last clip is only as long as is left, in fours."""
    spans: list[ClipSpan] = []
    start, total = 0, frames + cut
    while start < total:
        left = total - start
        length = min(frames_per_clip, FRAMES_PER_LATENT * math.ceil(left / FRAMES_PER_LATENT))
        spans.append(ClipSpan(len(spans), start, length, 0 if spans else cut, max(0, length - left)))
        start += length
    return spans


@dataclass(frozen=True)
class Resume:
    """What clip ``clip`` needs of those before it: the end of the last one.

    Latents are all that is needed while clips have 73 frames or more; shorter ones look further back than one clip, so
    that the frames are needed, too. Frames alone always do: they are encoded again.
    """

    clip: int
    latents: torch.Tensor | None = None  # (1, 16, 19, H / 8, W / 8)
    pixels: torch.Tensor | None = None  # (1, 3, 73, H, W), -1 to 1
    last_frame: np.ndarray | None = None  # uint8 (H, W, 3), for the change of rate only

    def __post_init__(self) -> None:
        if self.clip < 1 or (self.latents is None and self.pixels is None):
            raise ValueError(
                f"Resume of clip {self.clip}: needs a clip from 1 on, and its past as latents or as pixels"
            )

    def save(self, path: str | Path) -> None:
        """Write it as safetensors, in one move: the file is whole or not there."""
        from safetensors.torch import save_file

        frame = None if self.last_frame is None else torch.from_numpy(np.ascontiguousarray(self.last_frame))
        tensors = {"latents": self.latents, "pixels": self.pixels, "last_frame": frame}
        kept = {name: tensor.cpu().contiguous() for name, tensor in tensors.items() if tensor is not None}
        with replacing(Path(path)) as scratch:
            save_file(kept, scratch, metadata={"clip": str(self.clip)})

    @classmethod
    def load(cls, path: str | Path) -> "Resume":
        """Read what `save` wrote; ValueError if it did not write the file."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                tensors: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                clip = int((file.metadata() or {}).get("clip", 0))
        except SafetensorError as error:
            raise ValueError(
                f"{path} is no safetensors file, or a part of one; was it written by Resume.save?"
            ) from error
        if not clip or tensors.keys() - {"latents", "pixels", "last_frame"}:
            raise ValueError(f"{path} holds {', '.join(tensors)} and names no clip; was it written by Resume.save?")
        if "last_frame" in tensors:
            tensors["last_frame"] = tensors["last_frame"].numpy()
        return cls(clip, **tensors)


@dataclass(frozen=True)
class Clip:
    """One finished clip, as ``on_clip`` gets it."""

    index: int
    clips: int  # how many there are in all
    frames: Any  # of the wanted kind, see `WanS2VPipeline.__call__`
    latents: torch.Tensor  # (1, 16, T, H / 8, W / 8), denoised
    resume: Resume | None  # for the clip after it; None where none can follow
    drift: "Drift | None" = None  # against the picture, if colours are matched
