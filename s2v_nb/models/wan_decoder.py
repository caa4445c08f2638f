"""The decoder of the Wan VAEs, one latent frame after the other, with what lies between its convolutions done at once.

Run by diffusers, more than half of the decoder's time on a fast card goes into copies and element-wise work: each
convolution in time wants the two frames before in front of its own, normalised, activated and padded, each of which is
a pass over the memory. Here one kernel does all of it, the frame's border is left to the convolution, and frames are
laid out with their channels last, as tensor cores read them. Biases are added by the kernel that comes next anyway.

Where the picture is made larger, diffusers repeats each pixel and convolves 3x3 over the copies. Of nine weights then
several fall on copies of one pixel: summed before, 2x2 remain for each of the four places that a pixel becomes (Shi et
al., "Is the deconvolution layer the same as a convolutional layer?", arXiv:1609.07009).

The weights and, but for rounding, the result are diffusers' own.
"""

from functools import lru_cache
from itertools import product
from types import ModuleType
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
        self._summed: dict[int, torch.Tensor] = {}  # of each convolution over copies: its weights for the pixels
        self._first = True
        if next(vae.parameters()).is_cuda:
            _lay_out(vae)

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """Pixels from -1 to 1 of one latent frame (1, channels, 1, height, width): one frame at first, then four."""
        decoder, patch = self.vae.decoder, self.vae.config.patch_size
        x = self._behind(decoder.conv_in, channels_last(self.vae.post_quant_conv(z)))
        x = _convolved(decoder.conv_in, x, decoder.conv_in.bias)
        x = self._residual(decoder.mid_block.resnets[0], x)
        for attention, resnet in zip(decoder.mid_block.attentions, decoder.mid_block.resnets[1:], strict=True):
            x = self._residual(resnet, channels_last(attention(x)))
        for block in decoder.up_blocks:
            x = self._up(block, x)
        x = self._activated(decoder.conv_out, decoder.norm_out, x)
        x = _convolved(decoder.conv_out, x, decoder.conv_out.bias)
        self._first = False
        return (x if patch is None else unpatchify(x.contiguous(), patch_size=patch)).clamp(-1, 1)

    def _up(self, block: Any, x: torch.Tensor) -> torch.Tensor:
        before = x
        for resnet in block.resnets:
            x = self._residual(resnet, x)
        resample = block.upsampler if hasattr(block, "upsampler") else (block.upsamplers or [None])[0]
        return x if resample is None else self._larger(resample, x, getattr(block, "avg_shortcut", None), before)

    def _residual(self, block: Any, x: torch.Tensor) -> torch.Tensor:
        shortcut, bias = x, block.conv2.bias
        if not isinstance(block.conv_shortcut, torch.nn.Identity):
            shortcut, bias = _convolved(block.conv_shortcut, x), bias + block.conv_shortcut.bias
        x = _convolved(block.conv1, self._activated(block.conv1, block.norm1, x))
        x = _convolved(block.conv2, self._activated(block.conv2, block.norm2, x, block.conv1.bias))
        return summed(x, shortcut, bias)

    def _larger(self, resample: Any, x: torch.Tensor, shortcut: Any, before: torch.Tensor) -> torch.Tensor:
        """Twice the size; and twice the frames where the layer does that, but for the first frame."""
        conv = resample.resample[1]
        if id(conv) not in self._summed:
            self._summed[id(conv)] = four_of_one(conv.weight)
        if resample.mode == "upsample3d" and not self._first:
            x = _convolved(resample.time_conv, self._behind(resample.time_conv, x), resample.time_conv.bias)
            frames = _one_by_one(x)
        else:
            frames = x.transpose(1, 2).flatten(0, 1)
        phases = F.conv2d(frames, self._summed[id(conv)], padding=1)
        return enlarged(phases, conv.bias, shortcut, before, self._first)

    def _activated(self, conv: Any, norm: Any, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """The input of a convolution: its past, then ``x`` plus ``bias`` normalised and activated."""
        joined = activated(x, self._before(conv, x), norm.gamma, norm.scale, bias)
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


def _convolved(conv: Any, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """The convolution; the border of the frame is its own, the past is in ``x``."""
    left, _, top, *_ = conv._padding
    return channels_last(F.conv3d(x, conv.weight, bias, conv.stride, (0, top, left)))


def _one_by_one(pairs: torch.Tensor) -> torch.Tensor:
    """Frames (2 n, channels, height, width) of pairs (1, 2 channels, n, height, width)."""
    early, late = pairs[0].transpose(0, 1).chunk(2, dim=1)
    shape = 2 * len(early), *early.shape[1:]
    frames = torch.empty(shape, dtype=pairs.dtype, device=pairs.device, memory_format=torch.channels_last)
    frames[0::2], frames[1::2] = early, late
    return frames


def four_of_one(weight: torch.Tensor) -> torch.Tensor:
    """Weights (4 out, in, 2, 2) over pixels of those (out, in, 3, 3) over pixels repeated two by two.

    Row by row, column by column: what the upper left place of each pixel gets, then the right one and the lower ones.
    Of a picture padded by one pixel, place (row, column) of pixel (y, x) is the result at (y + row, x + column).
    """
    first, middle, last = weight.float().unbind(2)
    rows = torch.stack([first, middle + last], 2), torch.stack([first + middle, last], 2)
    places = []
    for row in rows:
        first, middle, last = row.unbind(3)
        places += [torch.stack([first, middle + last], 3), torch.stack([first + middle, last], 3)]
    return channels_last(torch.cat(places).to(weight.dtype))


def activated(
    x: torch.Tensor, past: torch.Tensor, gamma: torch.Tensor, scale: float, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """[past | silu(y / |y| scale gamma)] along time, y = x + bias, with |y| over the channels of each place."""
    if (kernels := _kernels(x)) is not None:
        return kernels.activated(x, past, gamma, scale, bias)
    biased = x if bias is None else x + bias.view(-1, 1, 1, 1)
    normed = F.normalize(biased.float(), dim=1).to(x.dtype) * scale * gamma
    return torch.cat([past, F.silu(normed)], dim=2)


def summed(x: torch.Tensor, other: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """``x`` plus ``other`` plus the ``bias`` of each channel, in place."""
    if (kernels := _kernels(x)) is not None:
        return kernels.summed(x, other, bias)
    return x.add_(bias.view(-1, 1, 1, 1)).add_(other)


def enlarged(
    phases: torch.Tensor, bias: torch.Tensor, shortcut: Any = None, small: Any = None, first: bool = False
) -> torch.Tensor:
    """A picture twice as large from what each of the four places of its pixels gets, see `four_of_one`.

    Parameters
    ----------
    phases : (frames, 4 channels, height + 1, width + 1)
    bias : (channels,)
    shortcut, small
        diffusers' `DupUp3D` and what it repeats, added to the result; None for nothing.
    first : whether this is the first frame of a clip, which is not doubled in time

    Returns
    -------
    (1, channels, frames, 2 height, 2 width)
    """
    if (kernels := _kernels(phases)) is not None:
        return kernels.enlarged(phases, bias, shortcut, small, first)
    frames, channels, height, width = phases.shape[0], len(bias), phases.shape[2] - 1, phases.shape[3] - 1
    x = phases.new_empty(frames, channels, 2 * height, 2 * width)
    parts = phases.split(channels, dim=1)
    for (row, column), part in zip(product((0, 1), (0, 1)), parts, strict=True):
        x[:, :, row::2, column::2] = part[:, :, row : row + height, column : column + width] + bias.view(-1, 1, 1)
    x = x.transpose(0, 1)[None]
    return x if shortcut is None else x + shortcut(small, first_chunk=first)


def _kernels(x: torch.Tensor) -> ModuleType | None:
    """The same three, each in one pass over the memory of a GPU; None where that cannot be."""
    return _triton_kernels() if x.is_cuda else None


@lru_cache(maxsize=1)
def _triton_kernels() -> ModuleType | None:
    try:
        from s2v_nb.models import wan_decoder_kernels
    except ImportError:
        return None
    return wan_decoder_kernels


def channels_last(x: torch.Tensor) -> torch.Tensor:
    layout = torch.channels_last_3d if x.ndim == 5 else torch.channels_last
    return x.contiguous(memory_format=layout) if x.is_cuda else x


def _lay_out(vae: AutoencoderKLWan) -> None:
    for module in vae.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
        elif isinstance(module, torch.nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
