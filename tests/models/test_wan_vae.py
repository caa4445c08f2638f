"""Frames of the Wan VAEs as diffusers decodes and encodes them, a few at a time."""

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import DupUp3D

from s2v_nb.models.wan_decoder import activated, enlarged, four_of_one, summed
from s2v_nb.models.wan_vae import OVERLAP, decode, denormalised, encode, normalised, tiles_of

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS: dict[str, dict[str, Any]] = {
    "8x8x4": {},  # Wan 2.1
    "16x16x4": {
        "decoder_base_dim": 4, "is_residual": True, "patch_size": 2, "in_channels": 12, "out_channels": 12,
        "scale_factor_spatial": 16, "temperal_downsample": [False, True, True],
    },  # Wan 2.2
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def vae(request) -> AutoencoderKLWan:
    torch.manual_seed(0)
    kind = KINDS[request.param]
    return AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 2, 2, 2], num_res_blocks=1, **kind).eval()


def latents(height: int, width: int, frames: int = 3) -> torch.Tensor:
    return torch.randn(1, 16, frames, height, width, generator=torch.Generator().manual_seed(1))


def pixels(vae: AutoencoderKLWan, height: int, width: int, frames: int = 5) -> torch.Tensor:
    """For latents of that size."""
    scale = vae.config.scale_factor_spatial
    random = torch.Generator().manual_seed(2)
    return 2 * torch.rand(1, 3, frames, height * scale, width * scale, generator=random) - 1


def theirs(vae: AutoencoderKLWan, z: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return vae.decode(denormalised(vae, z)).sample


def joined(*args: Any, **options: Any) -> torch.Tensor:
    return torch.cat(list(decode(*args, **options)), dim=2)


# Tiles.


@pytest.mark.parametrize(("height", "width"), [(60, 104), (104, 60), (90, 160), (44, 80), (32, 32), (33, 32)])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_tiles_cover_the_picture_and_overlap_as_told(height, width, count):
    """Along the longer side, as many as asked for."""
    tiles = tiles_of(height, width, count)
    spans = [(t.left, t.right) if width >= height else (t.top, t.bottom) for t in tiles]
    across = {(t.top, t.bottom) if width >= height else (t.left, t.right) for t in tiles}

    assert len(tiles) == count
    assert across == {(0, min(height, width))}
    assert spans[0][0] == 0
    assert spans[-1][1] == max(height, width)
    assert {before[1] - after[0] for before, after in pairwise(spans)} <= {OVERLAP}


def test_a_small_picture_is_not_cut():
    assert len(tiles_of(4 * OVERLAP - 1, 8, 5)) == 1


# Decoding.


def test_frames_are_those_of_diffusers(vae):
    """One, then four at a time, but for the order in which numbers are added."""
    z = latents(6, 10)
    chunks = list(decode(vae, z))

    assert [chunk.shape[2] for chunk in chunks] == [1, 4, 4]
    assert torch.allclose(torch.cat(chunks, dim=2), theirs(vae, z), atol=1e-5)


def test_four_small_convolutions_are_one_over_repeated_pixels():
    """3x3 over pixels repeated two by two, the border included."""
    x, weight, bias = torch.randn(2, 3, 5, 4), torch.randn(6, 3, 3, 3), torch.randn(6)
    expected = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest-exact"), weight, bias, padding=1)
    found = enlarged(F.conv2d(x, four_of_one(weight), padding=1), bias)

    assert found.shape == (1, 6, 2, 10, 8)
    assert torch.allclose(found[0].transpose(0, 1), expected, atol=1e-5)


@pytest.mark.parametrize("skip", [0, 1, 3, 5, 8])
def test_skipped_frames_are_dropped(vae, skip):
    """The others are the same."""
    z = latents(4, 6)

    assert torch.equal(joined(vae, z, skip=skip), joined(vae, z)[:, :, skip:])


@pytest.mark.parametrize("skip", [0, 3])
@pytest.mark.parametrize("size", [(4, 40), (40, 4)])
def test_tiles_are_close_to_the_whole(vae, size, skip):
    """But not the same: the attention in the middle sees a tile alone. Each frame is as large as it should be."""
    z = latents(*size, frames=2)
    whole, tiled = theirs(vae, z)[:, :, skip:], joined(vae, z, tiles=2, skip=skip)

    assert tiled.shape == whole.shape
    assert (tiled - whole).abs().mean() < 0.08 * whole.std()


@pytest.mark.parametrize("tiles", [1, 2])
def test_a_check_may_stop_the_decoder(vae, tiles):
    """Before each step of each tile; the next clip is not touched by what was left."""
    z = latents(4, 32, frames=2)
    expected = joined(vae, z, tiles=tiles)
    calls = []

    def stop() -> None:
        calls.append(None)
        if len(calls) == 2 * tiles:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        joined(vae, z, tiles=tiles, check=stop)
    assert torch.equal(joined(vae, z, tiles=tiles), expected)
    assert not next(decode(vae, z, tiles=tiles)).requires_grad


# Encoding.


@pytest.mark.parametrize("frames", [1, 9])
def test_latents_are_those_of_diffusers(vae, frames):
    """The most likely ones, to the last bit."""
    x = pixels(vae, 4, 6, frames)
    with torch.no_grad():
        expected = normalised(vae, vae.encode(x).latent_dist.mode())
    found = encode(vae, x)

    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    assert torch.allclose(normalised(vae, denormalised(vae, found)), found, atol=1e-5)


@pytest.mark.parametrize("size", [(4, 32), (32, 4)])
def test_latents_of_tiles_are_close_to_the_whole(vae, size):
    x = pixels(vae, *size)
    whole, tiled = encode(vae, x), encode(vae, x, tiles=2)

    assert tiled.shape == whole.shape
    assert (tiled - whole).abs().mean() < 0.05 * whole.std()


# The GPU.


on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
of_both_kinds = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """But for the rounding of what was found."""
    exact = found.dtype == torch.float32
    return torch.allclose(found.cpu().float(), expected.float(), rtol=1e-4 if exact else 1e-2, atol=1e-5)


def moved(x: torch.Tensor) -> torch.Tensor:
    layout = torch.channels_last_3d if x.ndim == 5 else torch.channels_last
    return x.cuda().contiguous(memory_format=layout)


@on_a_gpu
@of_both_kinds
@pytest.mark.parametrize("channels", [4, 96, 160])
@pytest.mark.parametrize("biased", [False, True])
def test_the_kernel_that_activates(channels, dtype, biased):
    """[past | silu(normalised)], on the GPU in one pass."""
    pytest.importorskip("triton")
    x, past = (torch.randn(1, channels, n, 9, 7).to(dtype) for n in (3, 2))
    gamma, bias = torch.randn(channels, 1, 1, 1).to(dtype), torch.randn(channels).to(dtype) if biased else None
    expected = activated(x.float(), past.float(), gamma.float(), channels**0.5, bias.float() if biased else None)
    found = activated(moved(x), moved(past), gamma.cuda(), channels**0.5, bias.cuda() if biased else None)

    assert torch.equal(found[:, :, :2].cpu(), past)
    assert same(found, expected)


@on_a_gpu
@of_both_kinds
def test_the_kernel_that_sums(dtype):
    pytest.importorskip("triton")
    x, other, bias = torch.randn(1, 96, 3, 9, 7).to(dtype), torch.randn(1, 96, 3, 9, 7).to(dtype), torch.randn(96)
    gpu = moved(x)
    expected = summed(x.float(), other.float(), bias)  # in place

    assert summed(gpu, moved(other), bias.cuda()) is gpu
    assert same(gpu, expected)


@on_a_gpu
@of_both_kinds
@pytest.mark.parametrize(("times", "small_channels"), [(0, 0), (1, 12), (2, 12), (2, 24)])
@pytest.mark.parametrize("first", [False, True])
def test_the_kernel_that_enlarges(dtype, times, small_channels, first):
    """With diffusers' shortcut of either kind, and without."""
    pytest.importorskip("triton")
    channels, frames = 12, 1 if first else max(1, times) * 2
    phases, bias = torch.randn(frames, 4 * channels, 6, 8).to(dtype), torch.randn(channels)
    shortcut = DupUp3D(small_channels, channels, times, 2) if times else None
    small = torch.randn(1, small_channels, 1 if first else 2, 5, 7).to(dtype) if times else None
    expected = enlarged(phases.float(), bias, shortcut, small.float() if times else None, first)
    found = enlarged(moved(phases), bias.cuda(), shortcut, moved(small) if times else None, first)

    assert found.shape == expected.shape
    assert same(found, expected)
