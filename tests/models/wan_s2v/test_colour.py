"""Colours that drift from clip to clip: measured, taken back, and without a step where clips meet."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from s2v_nb.models.wan_s2v.colour import Drift, match_colours, measure_drift

FRAMES = 24
DRIFT = np.array([3.0, 2.0, -2.0])  # of a clip, in CIELAB


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Soft shapes in muted colours, so that nothing is clipped, with grain, so that rounding averages out."""
    random = np.random.default_rng(7)
    rough = cv2.resize(random.uniform(70, 170, (6, 8, 3)), (96, 64), interpolation=cv2.INTER_CUBIC)
    return np.clip(rough + random.normal(0, 4, rough.shape), 0, 255).astype(np.uint8)


def shifted(picture: np.ndarray, by: np.ndarray, contrast: float = 1.0) -> np.ndarray:
    """``picture`` with its colours moved in CIELAB and their spread scaled, dithered, as rounding would undo little."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    middle = lab.mean(axis=(0, 1))
    lab = (lab - middle) * contrast + middle + by
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255
    return np.clip(rgb + np.random.default_rng(0).random(rgb.shape), 0, 255).astype(np.uint8)


def lab_mean(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).mean(axis=(0, 1))


def drifting(picture: np.ndarray, clips: int, correct) -> list[np.ndarray]:
    """Clips that each go on from the last frame of the one before and drift by `DRIFT`."""
    out: list[np.ndarray] = []
    for _ in range(clips):
        start = lab_mean(out[-1][-1]) - lab_mean(picture) if out else np.zeros(3)
        clip = np.stack([shifted(picture, start + DRIFT * (k + 1) / FRAMES) for k in range(FRAMES)])
        out.append(correct(clip))
    return out


def test_a_known_shift_is_measured(picture):
    frames = np.stack([shifted(picture, np.array([4.0, -3.0, 2.0]), contrast=1.2)] * 5)
    drift = measure_drift(frames, picture)

    assert np.allclose([drift.lightness, drift.a, drift.b], [4, -3, 2], atol=0.2)
    assert drift.contrast == pytest.approx(1.2, abs=0.03)
    assert drift.delta_e == pytest.approx(np.sqrt(29), abs=0.2)


def test_a_picture_has_not_drifted_from_itself(picture):
    assert measure_drift(np.stack([picture] * 3), picture) == Drift(0, 0, 0, 1)


def test_a_flash_is_no_drift(picture):
    """Two white frames and a black one among twelve change nothing."""
    frames = np.stack([picture] * 12)
    frames[3:5], frames[8] = 255, 0

    assert measure_drift(frames, picture) == Drift(0, 0, 0, 1)


def test_drift_grows_without_correction_and_not_with_it(picture):
    """After three clips: three times the drift of one, against less than half of one."""
    left = [measure_drift(clip[-3:], picture).delta_e for clip in drifting(picture, 3, lambda clip: clip)]
    kept = [
        measure_drift(clip[-3:], picture).delta_e
        for clip in drifting(picture, 3, lambda clip: match_colours(clip, picture))
    ]
    one = np.linalg.norm(DRIFT)

    assert left == pytest.approx([one, 2 * one, 3 * one], rel=0.1)
    assert max(kept) < 0.5 * one
    assert kept[2] < kept[0] + 0.2  # it does not pile up


def test_no_seam_shows(picture):
    """From clip to clip the colours step no further than one frame's share of the drift, and nowhere by much more.

    Within a clip the map sets in, and its rounding may move all pixels of one value at once, by one value of 255.
    """
    clips = drifting(picture, 3, lambda clip: match_colours(clip, picture))
    seams = [np.linalg.norm(lab_mean(b[0]) - lab_mean(a[-1])) for a, b in pairwise(clips)]
    whole = np.array([lab_mean(frame) for clip in clips for frame in clip])
    steps = np.linalg.norm(np.diff(whole, axis=0), axis=1)

    assert max(seams) < np.linalg.norm(DRIFT) / FRAMES + 0.05
    assert steps.max() < 1.5 * np.linalg.norm(DRIFT) / FRAMES + 0.2


def test_contrast_comes_back(picture):
    frames = np.stack([shifted(picture, np.zeros(3), contrast=1.3)] * 20)

    assert measure_drift(match_colours(frames, picture)[-1:], picture).contrast == pytest.approx(1, abs=0.03)


def test_the_first_frame_is_untouched_and_strength_scales_the_last(picture):
    frames = np.stack([shifted(picture, DRIFT)] * 20)
    whole, half = match_colours(frames, picture), match_colours(frames, picture, 0.5)

    assert np.array_equal(whole[0], frames[0])
    assert measure_drift(whole[-1:], picture).delta_e < 0.3
    assert measure_drift(half[-1:], picture).delta_e == pytest.approx(np.linalg.norm(DRIFT) / 2, abs=0.3)
    assert np.array_equal(match_colours(frames, picture, 0), frames)


def test_colours_that_fit_are_left(picture):
    """Correction of what needs none moves no value by more than rounding."""
    frames = np.stack([picture] * 4)

    assert np.abs(match_colours(frames, picture).astype(int) - frames).max() <= 1


@pytest.mark.parametrize(
    ("frames", "reference", "strength", "complaint"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), 1, "frames is empty"),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), 1, r"frames is uint8 of shape \(8, 8, 3\)"),
        (np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), 1, "frames is float64"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((8, 8, 4), np.uint8), 1, "reference is .*RGB"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), 1.5, "strength=1.5"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), float("nan"), "strength=nan"),
    ],
)
def test_other_input_is_refused(frames, reference, strength, complaint):
    with pytest.raises(ValueError, match=complaint):
        match_colours(frames, reference, strength)
