"""From Wav2Vec2's hidden states to audio tokens, four and one learned for every latent frame of the video."""

import torch
import torch.nn.functional as F
from torch import nn

NORM_EPS = 1e-6


class CausalConv1d(nn.Module):
    """A convolution in time that sees the past only: the first frame is repeated to the left.

    The convolution is called ``conv`` inside, as in the published weights.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, kernel_size: int = 3) -> None:
        super().__init__()
        self.past = kernel_size - 1
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, stride=stride)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        """(batch, channel, time) to (batch, channel, time / stride, rounded up)."""
        return self.conv(F.pad(sound, (self.past, 0), mode="replicate"))


class MotionEncoder(nn.Module):
    """Local tokens, several a frame, and one global token a frame; both at a quarter of the video's rate.

    The two branches differ in their first convolution only and share all that follows.
    """

    def __init__(self, audio_dim: int, dim: int, num_tokens: int) -> None:
        super().__init__()
        self.num_tokens = num_tokens
        self.conv1_local = CausalConv1d(audio_dim, dim // 4 * num_tokens)
        self.conv1_global = CausalConv1d(audio_dim, dim // 4)
        self.conv2 = CausalConv1d(dim // 4, dim // 2, stride=2)
        self.conv3 = CausalConv1d(dim // 2, dim, stride=2)
        self.final_linear = nn.Linear(dim, dim)
        self.padding_tokens = nn.Parameter(torch.zeros(1, 1, 1, dim))

    def forward(self, sound: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch, audio_dim, time) to local (batch, time', num_tokens + 1, dim) and global (batch, time', dim)."""
        batch = sound.shape[0]
        local = self.conv1_local(sound).unflatten(1, (self.num_tokens, -1)).flatten(0, 1)
        local = self._shared(local).unflatten(0, (batch, self.num_tokens)).transpose(1, 2)
        padding = self.padding_tokens.expand(batch, local.shape[1], 1, -1).to(local.dtype)
        return torch.cat([local, padding], dim=2), self.final_linear(self._shared(self.conv1_global(sound)))

    def _shared(self, sound: torch.Tensor) -> torch.Tensor:
        """(batch, dim / 4, time) to (batch, time / 4, dim)."""
        sound = _normed(sound)
        for convolution in (self.conv2, self.conv3):
            sound = _normed(convolution(sound))
        return sound.transpose(1, 2)


def _normed(sound: torch.Tensor) -> torch.Tensor:
    """LayerNorm over the channels, without weights, then SiLU; (batch, channel, time) as it came."""
    return F.silu(F.layer_norm(sound.transpose(1, 2), sound.shape[1:2], eps=NORM_EPS)).transpose(1, 2)


class CausalAudioEncoder(nn.Module):
    """Mixes the layers of Wav2Vec2, then encodes; runs in float32 whatever the rest of the network runs in."""

    def __init__(self, audio_dim: int, dim: int, num_layers: int, num_tokens: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.full((1, num_layers, 1, 1), 0.01))
        self.encoder = MotionEncoder(audio_dim, dim, num_tokens)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch, layer, audio_dim, time) to local and global tokens, see `MotionEncoder`.

        The mix is sum(SiLU(w) x layer) / sum(SiLU(w)): no softmax, a layer may count negative.
        """
        features = features.to(self.weights.dtype)
        weights = F.silu(self.weights)
        return self.encoder((features * weights).sum(1) / weights.sum(1))

    def clip_tokens(self, features: torch.Tensor, motion_frames: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """The tokens of one clip alone; its first audio frame stands in for the unknown past.

        Parameters
        ----------
        features : (batch, layer, audio_dim, frames), one audio frame for each video frame of the clip
        motion_frames : frames of the past in pixels and in latents; (73, 19)
        """
        past, latent_past = motion_frames
        padded = torch.cat([features[..., :1].expand(*features.shape[:-1], past), features], dim=-1)
        local, global_ = self(padded)
        return local[:, latent_past:], global_[:, latent_past:]
