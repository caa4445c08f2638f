"""One block of the network, and the audio attention that follows some of them."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers.models.normalization import AdaLayerNorm
from diffusers.models.transformers.transformer_wan import WanAttention, WanAttnProcessor, WanTransformerBlock
from torch import nn

from s2v_nb.models.wan_s2v.layout import Shard

PART = 16_384  # tokens at once through the feed-forward layer


class AudioInjector(nn.Module):
    """Cross-attention from the video tokens of each frame to the audio tokens of that frame.

    Layer j serves the j-th smallest block of ``audio_inject_layers``. The lists are called as in the weights.
    """

    def __init__(self, dim: int, num_heads: int, num_layers: int, eps: float) -> None:
        super().__init__()
        head = dim // num_heads
        self.injector = nn.ModuleList(
            WanAttention(dim, num_heads, head, eps, cross_attention_dim_head=head, processor=WanAttnProcessor())
            for _ in range(num_layers)
        )
        self.injector_adain_layers = nn.ModuleList(
            AdaLayerNorm(dim, output_dim=2 * dim, chunk_dim=1) for _ in range(num_layers)
        )


class AudioTokens(NamedTuple):
    """What is heard in a clip."""

    local: torch.Tensor  # (batch, frames, tokens a frame, dim): attended to
    pooled: torch.Tensor  # (batch, frames, dim): modulates the queries


class WanS2VTransformerBlock(WanTransformerBlock):
    """Wan's block with two modulations: by the timestep for video tokens, by timestep zero for all others.

    The residual stream stays float32 through the whole network, as in the reference on CUDA; attention, feed-forward
    and their inputs are in the dtype of the text embedding. Audio is injected inside the block and not after it, so
    that a step cache which skips the block skips its audio as well.
    """

    # The layers of the injector that this block hears through: a tuple, so that they are not registered twice, as the
    # weights name them elsewhere. They are no arguments of `forward` since offloading hooks would move those.
    ears: tuple[WanAttention, AdaLayerNorm] | None = None

    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        temb: torch.Tensor,
        rotary_emb: tuple[torch.Tensor, torch.Tensor],
        shard: Shard,
        audio: AudioTokens,
        in_place: bool = False,
    ) -> torch.Tensor:
        """
        Parameters
        ----------
        hidden_states : (batch, tokens, dim) float32
        encoder_hidden_states : (batch, 512, dim) the embedded text
        temb : (batch, 2, 6, dim) modulation by the timestep and by zero
        rotary_emb : cosine and sine, (1, tokens, 1, head_dim)
        shard : which tokens these are
        audio : tokens of the whole clip; read by blocks with ears
        in_place : the input may be written to, as nobody comes back to it
        """
        video, dtype = shard.video_tokens, encoder_hidden_states.dtype
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.scale_shift_table + temb.float()).unbind(2)

        normed = modulated(self.norm1(hidden_states), scale1, shift1, video).to(dtype)
        update = self.attn1(normed, None, None, rotary_emb)
        hidden_states = gated(hidden_states, update, gate1, video, in_place=in_place)

        normed = self.norm2(hidden_states).to(dtype)
        hidden_states = hidden_states + self.attn2(normed, encoder_hidden_states, None, None)

        hidden_states = torch.cat(
            [self.fed(part, scale2, shift2, gate2, video - start, dtype) for start, part in parts_of(hidden_states)],
            dim=1,
        )
        return self.heard(hidden_states, audio, shard, dtype) if self.ears is not None else hidden_states

    def fed(
        self,
        x: torch.Tensor,
        scale: torch.Tensor,
        shift: torch.Tensor,
        gate: torch.Tensor,
        video: int,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        """These tokens after the feed-forward layer."""
        return gated(x, self.ffn(modulated(self.norm3(x), scale, shift, video).to(dtype)), gate, video)

    def heard(self, hidden_states: torch.Tensor, audio: AudioTokens, shard: Shard, dtype: torch.dtype) -> torch.Tensor:
        """The video tokens of each frame attend to that frame's audio tokens; all other tokens pass."""
        assert self.ears is not None
        attention, norm = self.ears
        video, (first, last) = shard.video_tokens, shard.frame_span
        if not video:
            return hidden_states
        batch, frames = hidden_states.shape[0], last - first
        # Under context parallelism a part may begin or end inside a frame: it is filled up, and cut again.
        before, after = shard.padding
        queries = F.pad(hidden_states[:, :video], (0, 0, before, after))
        queries = queries.reshape(batch * frames, shard.layout.tokens_per_frame, -1)
        pooled, local = (tokens[:, first:last].flatten(0, 1).to(dtype) for tokens in (audio.pooled, audio.local))
        update = attention(norm(queries, temb=pooled).to(dtype), local, None, None)
        # In place: these states were made in this block, and padding has copied what the gradient would need of them.
        hidden_states[:, :video] += update.reshape(batch, -1, update.shape[-1])[:, before : before + video]
        return hidden_states


def parts_of(x: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
    """The tokens in equal parts of at most `PART`, each with the number of its first.

    The inner layer of the feed-forward is 2.7 times as wide as the stream; over 81,000 tokens at once it would be the
    peak of the memory. In parts of this size its products are no slower.
    """
    tokens = x.shape[1]
    size = -(-tokens // -(-tokens // PART))
    for start in range(0, tokens, size):
        yield start, x[:, start : start + size]


def rows(pair: torch.Tensor, tokens: int, video: int) -> torch.Tensor:
    """(batch, 2, dim) as (batch, tokens, dim): row 0 for the first ``video`` tokens, row 1 for the rest.

    Compiled, it costs nothing: the choice is made while the tokens pass through one kernel.
    """
    is_video = torch.arange(tokens, device=pair.device) < video
    return torch.where(is_video[None, :, None], pair[:, :1], pair[:, 1:])


def modulated(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, video: int) -> torch.Tensor:
    """x (1 + scale) + shift, with scale and shift (batch, 2, dim) of video tokens and of the rest."""
    return x * (1 + rows(scale, x.shape[1], video)) + rows(shift, x.shape[1], video)


def gated(
    x: torch.Tensor, update: torch.Tensor, gate: torch.Tensor, video: int, *, in_place: bool = False
) -> torch.Tensor:
    """x + gate update, with the gate (batch, 2, dim) of video tokens and of the rest."""
    change = update * rows(gate, x.shape[1], video)
    return x.add_(change) if in_place else x + change
