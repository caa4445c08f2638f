"""`s2v_nb.models.wan_decoder.activated` as one kernel of the GPU, in Triton (https://triton-lang.org)."""

import torch
import triton
import triton.language as tl

VALUES = 8192  # that one program holds


@triton.jit
def _behind(  # type: ignore[no-untyped-def]  # Triton reads the types from the call
    x, past, gamma, out, place_count, past_places, scale, CHANNELS: tl.constexpr, WIDTH: tl.constexpr,
    PLACES: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0).to(tl.int64) * PLACES + tl.arange(0, PLACES)[:, None]
    channel = tl.arange(0, WIDTH)[None, :]
    there = (place < place_count) & (channel < CHANNELS)
    is_past = place < past_places
    old = tl.load(past + place * CHANNELS + channel, mask=there & is_past, other=0.0).to(tl.float32)
    new = tl.load(x + (place - past_places) * CHANNELS + channel, mask=there & (place >= past_places), other=0.0)
    new = new.to(tl.float32)
    length = tl.sqrt(tl.sum(new * new, axis=1))[:, None]
    normed = new / tl.maximum(length, 1e-12) * scale
    normed = normed * tl.load(gamma + channel, mask=channel < CHANNELS, other=0.0).to(tl.float32)
    value = tl.where(is_past, old, normed * tl.sigmoid(normed))
    tl.store(out + place * CHANNELS + channel, value.to(out.dtype.element_ty), mask=there)


def activated_behind(x: torch.Tensor, past: torch.Tensor, gamma: torch.Tensor, scale: float) -> torch.Tensor:
    """See `s2v_nb.models.wan_decoder.activated`; x and past (1, channels, time, height, width), channels last."""
    assert x.is_contiguous(memory_format=torch.channels_last_3d)
    assert past.is_contiguous(memory_format=torch.channels_last_3d)
    _, channels, frames, height, width = x.shape
    out = torch.empty(
        (1, channels, past.shape[2] + frames, height, width),
        dtype=x.dtype, device=x.device, memory_format=torch.channels_last_3d,
    )  # fmt: skip
    block = triton.next_power_of_2(channels)
    places = max(1, VALUES // block)
    count = out.numel() // channels
    _behind[(triton.cdiv(count, places),)](
        x, past, gamma, out, count, past.numel() // channels, scale, CHANNELS=channels, WIDTH=block, PLACES=places
    )
    return out
