"""The decoder of the Wan VAEs, one latent frame after the other, with what lies between its convolutions done at once.

Run by diffusers, more than half of the decoder's time on a fast card goes into copies and element-wise work: each
convolution in time wants the two frames before in front of its own, normalised, activated and padded, each of which is
a pass over the memory. Here one kernel does all of it, the frame's border is left to the convolution, and frames are
laid out with their channels last, as tensor cores read them. The weights and the result are diffusers' own.
"""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

PAST = 2  # frames that a convolution over three frames looks back


class FrameDecoder:
    """Decodes latent frames in their order; what later frames need of earlier ones is kept inside.

    Parameters
    ----------
    vae : its decoder's weights are laid out anew on a GPU, in place, the first time
    """

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self.vae = vae
        self._past: dict[int, torch.Tensor] = {}  # of each convolution: the last frames of its input
        self._first = True
        if next(vae.parameters()).is_cuda:
            _lay_out(vae)

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """Pixels from -1 to 1 of one latent frame (1, channels, 1, height, width): one frame at first, then four."""
        decoder, patch = self.vae.decoder, self.vae.config.patch_size
        x = self._convolved(decoder.conv_in, self._behind(decoder.conv_in, channels_last(self.vae.post_quant_conv(z))))
        x = self._residual(decoder.mid_block.resnets[0], x)
        for attention, resnet in zip(decoder.mid_block.attentions, decoder.mid_block.resnets[1:], strict=True):
            x = self._residual(resnet, channels_last(attention(x)))
        for block in decoder.up_blocks:
            x = self._up(block, x)
        x = self._convolved(decoder.conv_out, self._activated(decoder.conv_out, decoder.norm_out, x))
        self._first = False
        return (x if patch is None else unpatchify(x.contiguous(), patch_size=patch)).clamp(-1, 1)

    def _up(self, block: Any, x: torch.Tensor) -> torch.Tensor:
        before = x
        for resnet in block.resnets:
            x = self._residual(resnet, x)
        resample = block.upsampler if hasattr(block, "upsampler") else (block.upsamplers or [None])[0]
        if resample is not None:
            x = self._larger(resample, x)
        shortcut = getattr(block, "avg_shortcut", None)
        return x if shortcut is None else _add_repeated(x, before, shortcut, self._first)

    def _residual(self, block: Any, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if isinstance(block.conv_shortcut, torch.nn.Identity) else self._convolved(block.conv_shortcut, x)
        x = self._convolved(block.conv1, self._activated(block.conv1, block.norm1, x))
        return self._convolved(block.conv2, self._activated(block.conv2, block.norm2, x)).add_(shortcut)

    def _larger(self, resample: Any, x: torch.Tensor) -> torch.Tensor:
        """Twice the size; and twice the frames where the layer does that, but for the first frame."""
        if resample.mode == "upsample3d" and not self._first:
            doubled = self._convolved(resample.time_conv, self._behind(resample.time_conv, x))
            x = torch.stack(doubled.chunk(2, dim=1), dim=3).flatten(2, 3)
        frames = x.shape[2]
        flat = x.transpose(1, 2).flatten(0, 1)
        flat = resample.resample[1](F.interpolate(flat, scale_factor=2.0, mode="nearest-exact"))
        return channels_last(flat.unflatten(0, (-1, frames)).transpose(1, 2))

    def _activated(self, conv: Any, norm: Any, x: torch.Tensor) -> torch.Tensor:
        """The input of a convolution: its past, then ``x`` normalised and activated."""
        joined = activated(x, self._before(conv, x), norm.gamma, norm.scale)
        self._past[id(conv)] = channels_last(joined[:, :, -PAST:].clone())
        return joined

    def _behind(self, conv: Any, x: torch.Tensor) -> torch.Tensor:
        """The same without normalising."""
        joined = torch.cat([self._before(conv, x), x], dim=2)
        self._past[id(conv)] = channels_last(joined[:, :, -PAST:].clone())
        return channels_last(joined)

    def _before(self, conv: Any, x: torch.Tensor) -> torch.Tensor:
        if id(conv) not in self._past:
            empty = torch.zeros(*x.shape[:2], PAST, *x.shape[3:], dtype=x.dtype, device=x.device)
            self._past[id(conv)] = channels_last(empty)
        return self._past[id(conv)]

    def _convolved(self, conv: Any, x: torch.Tensor) -> torch.Tensor:
        """The convolution; the border of the frame is its own, the past is in ``x``."""
        left, _, top, *_ = conv._padding
        return channels_last(F.conv3d(x, conv.weight, conv.bias, conv.stride, (0, top, left)))


def activated(x: torch.Tensor, past: torch.Tensor, gamma: torch.Tensor, scale: float) -> torch.Tensor:
    """[past | silu(x / |x| scale gamma)] along time, with |x| over the channels of each place."""
    if x.is_cuda and x.shape[0] == 1 and (kernel := _kernel()) is not None:
        return kernel(x, past, gamma, scale)
    normed = F.normalize(x.float(), dim=1).to(x.dtype) * scale * gamma
    return torch.cat([past, F.silu(normed)], dim=2)


@lru_cache(maxsize=1)
def _kernel() -> Any:
    """The same in one pass, None where there is no Triton."""
    try:
        from s2v_nb.models.wan_decoder_kernel import activated_behind
    except ImportError:
        return None
    return activated_behind


def _add_repeated(x: torch.Tensor, small: torch.Tensor, shortcut: Any, first: bool) -> torch.Tensor:
    """``x`` plus the shortcut's larger copy of ``small``, in place: each value goes to the places it stands for."""
    across, channels = shortcut.factor // shortcut.repeats, small.shape[1] // x.shape[1]
    if shortcut.factor % shortcut.repeats or across != channels:  # not in a published VAE
        return x.add_(shortcut(small, first_chunk=first))
    times, side = shortcut.factor_t, shortcut.factor_s
    for place in range(shortcut.factor):
        time, row, column = place // (side * side), place // side % side, place % side
        values = small[:, place // shortcut.repeats :: across]
        if first and times > 1:  # of the first frame only its last copy is shown
            if time == times - 1:
                x[:, :, :, row::side, column::side].add_(values)
        else:
            x[:, :, time::times, row::side, column::side].add_(values)
    return x


def channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last_3d) if x.is_cuda else x


def _lay_out(vae: AutoencoderKLWan) -> None:
    for module in vae.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
        elif isinstance(module, torch.nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
