"""Crop or surround, round the subject."""

import numpy as np
import pytest

from s2v_nb import load_image
from s2v_nb.media.framing import find_subject, kept_by_crop, make_plate
from s2v_nb.settings import SIZES


def spot(width: int, height: int, at: tuple[float, float]) -> np.ndarray:
    """A plain picture with one patterned spot."""
    picture = np.full((height, width, 3), (70, 90, 110), np.uint8)
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(x - at[0] * width, y - at[1] * height) < 0.07 * min(width, height)
    picture[inside] = np.where(((x + y) // 4 % 2 == 0)[..., None], (240, 200, 40), (20, 20, 30))[inside]
    return picture


@pytest.mark.parametrize("at", [(0.3, 0.4), (0.7, 0.3), (0.5, 0.6)])
def test_the_subject_is_found(at):
    assert np.allclose(find_subject(spot(640, 480, at)), at, atol=0.08)


def test_a_plain_picture_has_its_subject_near_the_middle():
    x, y = find_subject(np.full((300, 400, 3), 128, np.uint8))

    assert x == pytest.approx(0.5, abs=0.01)
    assert 0.35 < y < 0.5


@pytest.mark.parametrize("size", SIZES.values())
@pytest.mark.parametrize("shape", [(1920, 1080), (1080, 1920), (1000, 1000), (3000, 700), (300, 200)])
def test_the_window_has_the_clips_shape_and_lies_on_the_plate(size, shape):
    plate = make_plate(load_image(spot(*shape, (0.4, 0.4))), size, fit="auto", subject=None)

    left, top, width, height = plate.window
    assert width / height == pytest.approx(size[0] / size[1], rel=0.01)
    assert left >= -0.01
    assert top >= -0.01
    assert left + width <= plate.pixels.shape[1] + 0.01
    assert top + height <= plate.pixels.shape[0] + 0.01


def test_a_crop_keeps_the_subject():
    picture = load_image(spot(1600, 1200, (0.5, 0.15)))

    plate = make_plate(picture, (1280, 720), fit="crop", subject=(0.5, 0.15))

    assert plate.window[1] == pytest.approx(0.0, abs=1)
    assert plate.subject[1] / plate.window[3] < 0.35


def test_a_bad_fit_is_surrounded_and_shown_whole():
    portrait = load_image(spot(600, 1200, (0.5, 0.5)))
    assert kept_by_crop(portrait.size, (1280, 720)) < 0.5

    plate = make_plate(portrait, (1280, 720), fit="auto", subject=None)

    assert plate.surround
    assert plate.lost == pytest.approx(1 - 0.28125)
    assert not make_plate(portrait, (1280, 720), fit="crop", subject=None).surround
    rows = plate.pixels[:, plate.pixels.shape[1] // 2].astype(int)
    assert np.abs(rows[5] - (70, 90, 110)).max() < 8  # the picture's own top edge shows
    assert plate.pixels[:, 5].mean() < 70  # the surround is darker


def test_fine_detail_is_averaged_not_skipped():
    """A chequered picture shrunk far must turn grey, not into a moiré."""
    board = np.where(np.indices((2160, 3840)).sum(axis=0) % 2, 255, 0).astype(np.uint8)
    image = load_image(np.repeat(board[..., None], 3, axis=2))

    plate = make_plate(image, (854, 480), fit="crop", subject=(0.5, 0.5))

    inner = plate.pixels[20:-20, 20:-20]
    assert abs(inner.mean() - 127.5) < 3
    assert inner.std() < 12
