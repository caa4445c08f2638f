"""The Wan VAEs, a few frames at a time: frames leave as soon as they are decoded, in as little memory as wanted.

Diffusers' `AutoencoderKLWan` decodes one latent frame after the other, each seeing the two before through a cache, and
collects them all on the GPU, copying what it has with each step. Here each is handed on. Where even one step needs too
much, the picture is cut into a few large tiles that overlap (diffusers: many small ones, twice the arithmetic), each
going through the whole clip by itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify

from s2v_nb.models.wan_decoder import FrameDecoder, channels_last

FRAMES_PER_LATENT = 4
OVERLAP = 8  # latent pixels that neighbouring tiles share: where they are blended


@dataclass(frozen=True)
class Tile:
    """A part of the picture, in latent pixels: what is computed, and what of it is new (the rest is shared)."""

    top: int
    bottom: int
    left: int
    right: int


def tiles_of(height: int, width: int, count: int) -> list[Tile]:
    """``count`` tiles in a row along the longer side, each overlapping the next by `OVERLAP` latent pixels."""
    longer = max(height, width)
    if count <= 1 or longer < 4 * OVERLAP:
        return [Tile(0, height, 0, width)]
    step = -(-(longer - OVERLAP) // count)
    spans = [(first, min(first + step + OVERLAP, longer)) for first in range(0, longer - OVERLAP, step)]
    if width >= height:
        return [Tile(0, height, first, last) for first, last in spans]
    return [Tile(first, last, 0, width) for first, last in spans]


@torch.no_grad()
def decode(
    vae: AutoencoderKLWan,
    latents: torch.Tensor,
    *,
    tiles: int = 1,
    skip: int = 0,
    check: Callable[[], None] = lambda: None,
) -> Iterator[torch.Tensor]:
    """Pixels of normalised latents, a few frames at a time: (1, 3, n, height, width) from -1 to 1, on the device.

    Parameters
    ----------
    latents : (1, channels, frames, height, width), on the VAE's device
    tiles : how many the picture is cut into; more take less memory and a little more time
    skip : frames at the start that are of no use; they are computed, since later ones see them, and dropped
    check : called before each step; may raise to stop
    """
    z = denormalised(vae, latents).to(vae.dtype)
    places = tiles_of(z.shape[-2], z.shape[-1], tiles)
    chunks = _decoded(vae, z, check) if len(places) == 1 else _joined(vae, z, places, skip, check)
    for chunk in chunks:
        dropped, skip = min(skip, chunk.shape[2]), max(0, skip - chunk.shape[2])
        if dropped < chunk.shape[2]:
            yield chunk[:, :, dropped:]


@torch.no_grad()
def encode(vae: AutoencoderKLWan, pixels: torch.Tensor, *, tiles: int = 1) -> torch.Tensor:
    """Normalised latents, float32, of pixels (1, 3, 4 k + 1, height, width) from -1 to 1; the most likely ones.

    The pixels may lie in the machine's memory: a few frames at a time go to the device.
    """
    scale = vae.config.scale_factor_spatial
    places = tiles_of(pixels.shape[-2] // scale, pixels.shape[-1] // scale, tiles)
    parts = [_encoded(vae, pixels, place, scale) for place in places]
    return normalised(vae, _blended(parts, places, 1))


def normalised(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    mean, std = _statistics(vae, latents.device)
    return (latents.float() - mean) / std


def denormalised(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    mean, std = _statistics(vae, latents.device)
    return latents.float() * std + mean


def _statistics(vae: AutoencoderKLWan, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    mean, std = (
        torch.tensor(values, device=device).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    return mean, std


def _decoded(vae: AutoencoderKLWan, z: torch.Tensor, check: Callable[[], None]) -> Iterator[torch.Tensor]:
    """The frames of each latent frame, one after the other: 1, then 4 each."""
    frames_of = FrameDecoder(vae)
    for index in range(z.shape[2]):
        check()
        yield frames_of(z[:, :, index : index + 1])


def _joined(
    vae: AutoencoderKLWan, z: torch.Tensor, places: list[Tile], skip: int, check: Callable[[], None]
) -> Iterator[torch.Tensor]:
    """The same, in tiles: one after the other through all frames, kept in the machine's memory until all are there."""
    scale = vae.config.scale_factor_spatial
    count = 1 + FRAMES_PER_LATENT * (z.shape[2] - 1)
    kept = []
    for place in places:
        own = z[:, :, :, place.top : place.bottom, place.left : place.right]
        shape = (1, 3, count - skip, own.shape[3] * scale, own.shape[4] * scale)
        memory = torch.empty(shape, dtype=z.dtype, pin_memory=z.is_cuda)
        at = -skip
        for chunk in _decoded(vae, own, check):
            new = chunk[:, :, max(0, -at) :]
            first = max(0, at)
            memory[:, :, first : first + new.shape[2]].copy_(new, non_blocking=True)
            at += chunk.shape[2]
        if z.is_cuda:
            torch.cuda.synchronize(z.device)
        kept.append(memory)
    if skip:  # as many empty frames as the caller drops
        yield z.new_empty(1, 3, skip, 1, 1)
    for first in range(0, count - skip, FRAMES_PER_LATENT):
        parts = [memory[:, :, first : first + FRAMES_PER_LATENT].to(z.device).float() for memory in kept]
        yield _blended(parts, places, scale)


def _encoded(vae: AutoencoderKLWan, pixels: torch.Tensor, place: Tile, scale: int) -> torch.Tensor:
    device = next(vae.parameters()).device
    cache: list[Any] = [None] * vae._cached_conv_counts["encoder"]
    own = pixels[..., place.top * scale : place.bottom * scale, place.left * scale : place.right * scale]
    found = []
    for first, last in [(0, 1), *((k, k + FRAMES_PER_LATENT) for k in range(1, pixels.shape[2], FRAMES_PER_LATENT))]:
        x = own[:, :, first:last].to(device, vae.dtype)
        if vae.config.patch_size is not None:
            x = patchify(x.contiguous(), patch_size=vae.config.patch_size)
        found.append(vae.encoder(channels_last(x), feat_cache=cache, feat_idx=[0]))
    return vae.quant_conv(torch.cat(found, dim=2)).chunk(2, dim=1)[0].float()


def _blended(parts: list[torch.Tensor], places: list[Tile], scale: int) -> torch.Tensor:
    """Tiles as one picture; where two overlap, one fades into the other."""
    if len(parts) == 1:
        return parts[0]
    across = places[0].right != places[-1].right
    dim = -1 if across else -2
    joined = parts[0]
    for before, place, part in zip(places, places[1:], parts[1:], strict=False):
        shared = scale * ((before.right - place.left) if across else (before.bottom - place.top))
        ramp = (torch.arange(shared, device=part.device, dtype=part.dtype) + 0.5) / shared
        ramp = ramp if across else ramp[:, None]
        left = joined.narrow(dim, joined.shape[dim] - shared, shared)
        mixed = left + (part.narrow(dim, 0, shared) - left) * ramp
        kept = joined.narrow(dim, 0, joined.shape[dim] - shared)
        joined = torch.cat([kept, mixed, part.narrow(dim, shared, part.shape[dim] - shared)], dim=dim)
    return joined
