"""What `s2v_nb.models.wan_decoder` does between convolutions, as kernels of the GPU, in Triton (https://triton-lang.org).

All frames lie with their channels last; a program holds some places of them with all their channels.
"""

from typing import Any

import torch
import triton
import triton.language as tl

VALUES = 8192  # that one program holds


def activated(
    x: torch.Tensor, past: torch.Tensor, gamma: torch.Tensor, scale: float, bias: torch.Tensor | None
) -> torch.Tensor:
    """See `s2v_nb.models.wan_decoder.activated`; x and past (1, channels, time, height, width)."""
    assert x.is_contiguous(memory_format=torch.channels_last_3d)
    assert past.is_contiguous(memory_format=torch.channels_last_3d)
    _, channels, frames, height, width = x.shape
    out = _empty(x, channels, past.shape[2] + frames, height, width)
    grid, sizes = _programs(out)
    biased = bias is not None
    _activated[grid](
        x, past, gamma, bias if biased else gamma, out, out.numel() // channels, past.numel() // channels, scale,
        BIASED=biased, **sizes,
    )  # fmt: skip
    return out


def summed(x: torch.Tensor, other: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """See `s2v_nb.models.wan_decoder.summed`; x and other (1, channels, time, height, width)."""
    assert x.is_contiguous(memory_format=torch.channels_last_3d)
    assert other.is_contiguous(memory_format=torch.channels_last_3d)
    grid, sizes = _programs(x)
    _summed[grid](x, other, bias, x.numel() // x.shape[1], **sizes)
    return x


def enlarged(phases: torch.Tensor, bias: torch.Tensor, shortcut: Any, small: Any, first: bool) -> torch.Tensor:
    """See `s2v_nb.models.wan_decoder.enlarged`; small (1, channels, time, height, width)."""
    assert phases.is_contiguous(memory_format=torch.channels_last)
    frames, channels, height, width = phases.shape[0], len(bias), phases.shape[2] - 1, phases.shape[3] - 1
    out = _empty(phases, channels, frames, 2 * height, 2 * width)
    grid, sizes = _programs(out)
    added = shortcut is not None
    if added:
        assert small.is_contiguous(memory_format=torch.channels_last_3d)
        assert shortcut.factor_s == 2
    times = shortcut.factor_t if added else 1
    _enlarged[grid](
        phases, bias, small if added else bias, out, out.numel() // channels, height, width, times - 1 if first else 0,
        ADDED=added, TIMES=times, REPEATS=shortcut.repeats if added else 1,
        SMALL_CHANNELS=small.shape[1] if added else 1, **sizes,
    )  # fmt: skip
    return out


def _empty(like: torch.Tensor, *shape: int) -> torch.Tensor:
    layout = torch.channels_last_3d
    return torch.empty((1, *shape), dtype=like.dtype, device=like.device, memory_format=layout)


def _programs(x: torch.Tensor) -> tuple[tuple[int], dict[str, int]]:
    """How many programs fill ``x``, and what each holds."""
    channels = x.shape[1]
    width = triton.next_power_of_2(channels)
    places = max(1, VALUES // width)
    return (triton.cdiv(x.numel() // channels, places),), {"CHANNELS": channels, "WIDTH": width, "PLACES": places}


@triton.jit
def _activated(  # type: ignore[no-untyped-def]  # Triton reads the types from the call
    x, past, gamma, bias, out, place_count, past_places, scale, BIASED: tl.constexpr, CHANNELS: tl.constexpr,
    WIDTH: tl.constexpr, PLACES: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0).to(tl.int64) * PLACES + tl.arange(0, PLACES)[:, None]
    channel = tl.arange(0, WIDTH)[None, :]
    there = (place < place_count) & (channel < CHANNELS)
    is_past = place < past_places
    old = tl.load(past + place * CHANNELS + channel, mask=there & is_past, other=0.0).to(tl.float32)
    new = tl.load(x + (place - past_places) * CHANNELS + channel, mask=there & (place >= past_places), other=0.0)
    new = new.to(tl.float32)
    if BIASED:
        new += tl.load(bias + channel, mask=channel < CHANNELS, other=0.0).to(tl.float32)
    length = tl.sqrt(tl.sum(new * new, axis=1))[:, None]
    normed = new / tl.maximum(length, 1e-12) * scale
    normed = normed * tl.load(gamma + channel, mask=channel < CHANNELS, other=0.0).to(tl.float32)
    value = tl.where(is_past, old, normed * tl.sigmoid(normed))
    tl.store(out + place * CHANNELS + channel, value.to(out.dtype.element_ty), mask=there)


@triton.jit
def _summed(  # type: ignore[no-untyped-def]
    x, other, bias, place_count, CHANNELS: tl.constexpr, WIDTH: tl.constexpr, PLACES: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0).to(tl.int64) * PLACES + tl.arange(0, PLACES)[:, None]
    channel = tl.arange(0, WIDTH)[None, :]
    there = (place < place_count) & (channel < CHANNELS)
    at = place * CHANNELS + channel
    value = tl.load(x + at, mask=there).to(tl.float32) + tl.load(other + at, mask=there).to(tl.float32)
    value += tl.load(bias + channel, mask=channel < CHANNELS, other=0.0).to(tl.float32)
    tl.store(x + at, value.to(x.dtype.element_ty), mask=there)


@triton.jit
def _enlarged(  # type: ignore[no-untyped-def]
    phases, bias, small, out, place_count, height, width, shift, ADDED: tl.constexpr, TIMES: tl.constexpr,
    REPEATS: tl.constexpr, SMALL_CHANNELS: tl.constexpr, CHANNELS: tl.constexpr, WIDTH: tl.constexpr,
    PLACES: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0).to(tl.int64) * PLACES + tl.arange(0, PLACES)[:, None]
    channel = tl.arange(0, WIDTH)[None, :]
    there = (place < place_count) & (channel < CHANNELS)
    x, y, frame = place % (2 * width), place // (2 * width) % (2 * height), place // (4 * width * height)
    column, row = x % 2, y % 2
    at = (frame * (height + 1) + y // 2 + row) * (width + 1) + x // 2 + column
    value = tl.load(phases + (4 * at + 2 * row + column) * CHANNELS + channel, mask=there).to(tl.float32)
    value += tl.load(bias + channel, mask=channel < CHANNELS, other=0.0).to(tl.float32)
    if ADDED:  # diffusers repeats the channels and spreads the copies over time, rows and columns
        time = frame + shift
        copy = (channel * TIMES + time % TIMES) * 4 + 2 * row + column
        at = (time // TIMES * height + y // 2) * width + x // 2
        value += tl.load(small + at * SMALL_CHANNELS + copy // REPEATS, mask=there).to(tl.float32)
    tl.store(out + place * CHANNELS + channel, value.to(out.dtype.element_ty), mask=there)
