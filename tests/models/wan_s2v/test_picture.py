"""Sizes and pixels against those of the reference, and what is refused."""

import json

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import load_file

from s2v_nb.models.wan_s2v.picture import clip_size, pose_pixels, reference_pixels
from tests.conftest import SHARED

GOLDEN = SHARED / "s2v" / "golden"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="needs ../shared/s2v/golden, numbers of the reference that lie beside the project"
)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@needs_golden
def test_sizes_are_those_of_the_reference():
    """The clip's size in every case, and where black bars begin."""
    cases = json.loads((GOLDEN / "image_sizing.json").read_text())
    assert len(cases) == 52
    for case in cases:
        size = clip_size(case["height"], case["width"], case["max_area"])
        assert size == (case["out_height"], case["out_width"]), case


@needs_golden
def test_bars_are_where_the_reference_has_them():
    """A white picture shows what it covers."""
    cases = json.loads((GOLDEN / "image_sizing.json").read_text())
    for case in [c for c in cases if c["out_height"] * c["out_width"] < 300_000]:
        size = case["out_height"], case["out_width"]
        white = np.full((case["height"], case["width"], 3), 255, np.uint8)
        lit = (reference_pixels(white, *size)[0, 0, 0] > 0).nonzero()
        (top, left), (bottom, right) = lit.amin(0).tolist(), (lit.amax(0) + 1).tolist()
        assert [top, bottom, left, right] == case["content_box"], case


@needs_golden
@pytest.mark.parametrize("case", ["two_clips", "pose_start_from_ref"])
def test_reference_pixels_are_those_of_the_reference(case):
    golden = load_file(GOLDEN / "end_to_end.safetensors")

    pixels = reference_pixels(golden[f"{case}.input.image"].numpy(), 64, 64)

    assert torch.equal(pixels[0, :, 0], golden[f"{case}.output.ref_pixels"])


@pytest.mark.parametrize("max_area", [4096, 399_360, 921_600])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 5000), (5000, 16), (70, 96), (2160, 3840), (9000, 700)])
def test_sizes_are_tiles_within_the_area(height, width, max_area):
    """Whatever the shape: multiples of 64, at least one of them, and never more than the area."""
    size = clip_size(height, width, max_area)

    assert all(side >= 64 and side % 64 == 0 for side in size)
    assert size[0] * size[1] <= max_area


def test_reference_keeps_the_colours():
    """Black is -1, white 1; arrays and PIL images give the same."""
    picture = noise(100, 130)
    picture[:, :65], picture[:, 65:] = 0, 255
    pixels = reference_pixels(picture, 64, 64)

    assert pixels.shape == (1, 3, 1, 64, 64)
    assert (pixels.dtype, pixels.min(), pixels.max()) == (torch.float32, -1, 1)
    assert torch.equal(pixels, reference_pixels(PIL.Image.fromarray(picture), 64, 64))


def test_reference_pads_with_black():
    """The odd column of a bar is on the right."""
    pixels = reference_pixels(np.full((64, 101, 3), 255, np.uint8), 64, 128)[0, 0, 0]

    assert (pixels[0] > 0).nonzero().flatten().tolist() == list(range(13, 114))
    assert pixels[:, :13].unique().tolist() == [-1]


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (noise(3, 3), "3 x 3 pixels.*at least 16"),
        (noise(15, 400), "400 x 15 pixels"),
        (PIL.Image.new("RGB", (3, 3)), "3 x 3 pixels"),
        (np.zeros((64, 64, 4), np.uint8), r"shape \(64, 64, 4\).*RGBA"),
        (np.zeros((64, 64), np.uint8), r"shape \(64, 64\).*grey"),
        (np.zeros((3, 64, 64), np.uint8), "channels to the end"),
        (np.zeros((64, 64, 3), np.float32), "type float32.*uint8"),
        (PIL.Image.new("RGBA", (64, 64)), r"mode RGBA.*convert\('RGB'\)"),
        (PIL.Image.new("L", (64, 64)), "mode L"),
        ("cover.png", "a str"),
    ],
)
def test_other_pictures_are_refused(image, complaint):
    with pytest.raises(ValueError, match=complaint):
        reference_pixels(image, 64, 64)


def test_sizes_refuse_what_is_too_small():
    with pytest.raises(ValueError, match="30 x 3 pixels"):
        clip_size(3, 30, 4096)
    with pytest.raises(ValueError, match="max_area=4095"):
        clip_size(300, 300, 4095)


def shades(count: int, height: int = 64, width: int = 64) -> np.ndarray:
    """Frames of one shade each: frame k is 5 * k."""
    return np.broadcast_to((5 * np.arange(count, dtype=np.uint8))[:, None, None, None], (count, height, width, 3))


def shown(clip: torch.Tensor) -> list[int]:
    """Which of `shades` each frame shows; -1 where there is none."""
    value = clip[0, 0, :, 32, 32]
    return [round(v) if v >= 0 else -1 for v in ((value + 1) * 255 / 2 / 5 - (value == -1).float()).tolist()]


@pytest.mark.parametrize(("fps", "step"), [(16, 1), (12, 1), (5, 1), (23.9, 1), (25, 2), (30, 2), (40, 2), (50, 3)])
def test_pose_takes_frames_at_about_16_fps(fps, step):
    """Each clip has its first frame twice."""
    clips = pose_pixels(1 + shades(30) // 5 * 5, fps, 2, 4, 64, 64)

    assert len(clips) == 2
    assert [clip.shape for clip in clips] == [(1, 3, 5, 64, 64)] * 2
    assert shown(clips[0]) == [0, 0, step, 2 * step, 3 * step]
    assert shown(clips[1]) == [4 * step, *(k * step for k in range(4, 8))]


def test_pose_frames_after_the_end_are_minus_one():
    """A black frame is -1 too; here frames begin at 1 of 255."""
    clips = pose_pixels(1 + shades(6), 16, 3, 4, 64, 64)

    assert shown(clips[1]) == [4, 4, 5, -1, -1]
    assert clips[2].unique().tolist() == [-1]


def test_pose_pads_with_grey():
    """The border that the video does not reach is 0, not the black of the reference."""
    clip = pose_pixels(np.full((2, 128, 64, 3), 255, np.uint8), 16, 1, 4, 192, 64)[0][0, 0, 1]

    assert clip[32:160].unique().tolist() == [1]
    assert (clip[:32].unique().tolist(), clip[160:].unique().tolist()) == ([0], [0])


def test_pose_converts_only_the_clip_asked_for():
    asked = []

    class Frames(list):
        def __getitem__(self, at):
            asked.append(at)
            return super().__getitem__(at)

    frames = Frames(shades(20))
    clips = pose_pixels(frames, 16, 5, 4, 64, 64)
    asked.clear()
    clips[3]

    assert asked == [12, 13, 14, 15]
    with pytest.raises(IndexError, match="clip 5 does not exist, there are 5"):
        clips[5]


@pytest.mark.parametrize(
    ("frames", "fps", "complaint"),
    [
        (shades(4), 0, "fps=0"),
        (shades(4), float("nan"), "fps=nan"),
        (shades(0), 16, "no frame"),
        (shades(4, 8), 16, r"pose_frames\[0\] is 64 x 8 pixels"),
        (shades(4)[..., :1], 16, "RGB array"),
        (shades(4).astype(np.float32), 16, "type float32"),
    ],
)
def test_other_pose_videos_are_refused(frames, fps, complaint):
    with pytest.raises(ValueError, match=complaint):
        pose_pixels(frames, fps, 1, 4, 64, 64)
