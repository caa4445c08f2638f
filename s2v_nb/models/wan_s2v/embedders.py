"""What tells the network when, what and where: time, text, pose and motion embeddings, and rotary positions."""

import math

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import PixArtAlphaTextProjection, TimestepEmbedding
from torch import nn

from s2v_nb.models.wan_s2v.audio_encoder import CausalAudioEncoder
from s2v_nb.models.wan_s2v.layout import FAR, MID, MOTION_FRAMES, TokenLayout, rotary_angles

TEXT_TOKENS = 512  # rows the text is filled up to; the filling takes part in attention


def sinusoids(timestep: torch.Tensor, channels: int) -> torch.Tensor:
    """[cos | sin] of the timestep at ``channels`` / 2 frequencies from 1 down to 1/10000; float32 (..., channels).

    Worked out in float64: at timestep 999 a float32 angle is off by 6e-5 (A. Vaswani et al., "Attention is all you
    need", 2017, section 3.5).
    """
    half = channels // 2
    frequencies = torch.exp(
        -math.log(10_000.0) / half * torch.arange(half, dtype=torch.float64, device=timestep.device)
    )
    angles = timestep.double()[..., None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1).float()


class ConditionEmbedder(nn.Module):
    """Time, text, audio and pose; the names of the parts are those of the published diffusers layout."""

    def __init__(
        self, dim: int, *, freq_dim: int, text_dim: int, pose_dim: int, patch_size: tuple[int, int, int],
        audio_dim: int, audio_layers: int, audio_tokens: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.freq_dim = freq_dim
        self.time_embedder = TimestepEmbedding(freq_dim, dim)
        self.time_proj = nn.Linear(dim, 6 * dim)
        self.text_embedder = PixArtAlphaTextProjection(text_dim, dim, act_fn="gelu_tanh")
        self.causal_audio_encoder = CausalAudioEncoder(audio_dim, dim, audio_layers, audio_tokens)
        self.pose_embedder = nn.Conv3d(pose_dim, dim, kernel_size=patch_size, stride=patch_size)

    def time(self, timestep: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Timesteps (n,) to their embedding (n, dim) and modulation (n, 6, dim)."""
        embedded = self.time_embedder(sinusoids(timestep, self.freq_dim).to(self.time_proj.weight.dtype))
        return embedded, self.time_proj(F.silu(embedded)).unflatten(-1, (6, -1))

    def text(self, embeddings: torch.Tensor) -> torch.Tensor:
        """(batch, up to 512, text_dim) to (batch, 512, dim)."""
        missing = TEXT_TOKENS - embeddings.shape[1]
        return self.text_embedder(F.pad(embeddings, (0, 0, 0, missing)))


class FramePacker(nn.Module):
    """Motion latents to tokens: the newest frame in full, the older ones ever coarser."""

    def __init__(self, in_channels: int, dim: int, patch_size: tuple[int, int, int]) -> None:
        super().__init__()
        self.proj, self.proj_2x, self.proj_4x = (
            nn.Conv3d(in_channels, dim, kernel_size=size, stride=size) for size in _multiples(patch_size)
        )

    def forward(self, motion_latents: torch.Tensor) -> torch.Tensor:
        """(batch, channel, frames, height, width), oldest first, to (batch, tokens, dim), newest first."""
        latents = motion_latents[:, :, -MOTION_FRAMES:]
        latents = F.pad(latents, (0, 0, 0, 0, MOTION_FRAMES - latents.shape[2], 0))
        far, mid, near = latents.split([FAR, MID, 1], dim=2)
        return torch.cat(
            [as_tokens(self.proj(near)), as_tokens(self.proj_2x(mid)), as_tokens(self.proj_4x(far))], dim=1
        )


def _multiples(size: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """The size once, twice and four times."""
    time, height, width = size
    return [(factor * time, factor * height, factor * width) for factor in (1, 2, 4)]


def as_tokens(volume: torch.Tensor) -> torch.Tensor:
    """(batch, dim, time, row, column) to (batch, tokens, dim)."""
    return volume.flatten(2).transpose(1, 2)


class RotaryPositions(nn.Module):
    """The table of `layout.rotary_angles` in the form that diffusers' Wan attention reads. No parameters."""

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim

    def forward(self, layout: TokenLayout, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and sine, float32 (1, tokens, 1, head_dim), each angle twice in a row."""
        angles = rotary_angles(layout.positions(), self.head_dim)
        cosine, sine = (
            table.float().repeat_interleave(2, dim=1)[None, :, None] for table in (angles.cos(), angles.sin())
        )
        return cosine.to(device), sine.to(device)
