"""Frames in between: where things are at their time, one of each thing, and as many as the duration asks."""

import cv2
import numpy as np
import pytest

from s2v_nb.models.wan_s2v.rate import Retimer, frames_between

HEIGHT, WIDTH, SIDE = 120, 240, 40


def texture(height: int, width: int, low: int, high: int, grain: int, seed: int) -> np.ndarray:
    rough = np.random.default_rng(seed).uniform(low, high, (height // grain, width // grain, 3))
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


SQUARE = texture(SIDE, SIDE, 150, 250, 5, seed=1)
GROUND = texture(HEIGHT, WIDTH, 20, 80, 20, seed=2)


def scene(at: float, speed: float) -> np.ndarray:
    """A bright textured square on a dim ground, ``at`` source frames after the start, ``speed`` pixels each."""
    place = np.array([[1, 0, 15.0 + speed * at], [0, 1, 25.0 + 0.3 * speed * at]])
    square = cv2.warpAffine(SQUARE, place, (WIDTH, HEIGHT))
    cover = cv2.warpAffine(np.ones((SIDE, SIDE), np.float32), place, (WIDTH, HEIGHT))[..., None]
    return np.clip(square + (1 - cover) * GROUND + 0.5, 0, 255).astype(np.uint8)


def centre(frame: np.ndarray) -> np.ndarray:
    """x and y of what is brighter than the ground, weighted by how much, so finer than a pixel."""
    light = np.maximum(frame.astype(float) - GROUND - 15, 0).sum(axis=2)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.array([(light * x).sum(), (light * y).sum()]) / light.sum()


def error(frame: np.ndarray, true: np.ndarray) -> float:
    """Mean difference, of 255."""
    return float(np.abs(frame.astype(float) - true).mean())


def retimed(frames: list[np.ndarray], source: float, target: float, pieces: int = 1000) -> list[np.ndarray]:
    retimer, out = Retimer(source, target), []
    for k in range(0, len(frames), pieces):
        out += retimer.push(frames[k : k + pieces])
    return out + retimer.finish()


@pytest.mark.parametrize("target", [24, 30])
@pytest.mark.parametrize("speed", [3, 9, 20])
def test_moving_square_is_where_it_should_be(speed, target):
    """Within half a pixel, nearer than the nearest frame or a blend is, and a better picture than both."""
    source = [scene(k, speed) for k in range(6)]
    for n, frame in enumerate(retimed(source, 16, target)):
        at = n * 16 / target
        if at > len(source) - 1 or at == int(at):
            continue
        true, i = scene(at, speed), int(at)
        nearest, blend = source[round(at)], cv2.addWeighted(source[i], 1 - (at - i), source[i + 1], at - i, 0)
        off, off_nearest = (np.linalg.norm(centre(f) - centre(true)) for f in (frame, nearest))
        assert off < min(0.5, off_nearest)
        assert error(frame, true) < 0.5 * min(error(nearest, true), error(blend, true))


def test_there_is_one_square_and_not_two():
    """Halfway over more than its own width, a blend shows two faint squares; here is one, as bright as before."""
    before, after = scene(0, 48), scene(1, 48)
    found, true = frames_between(before, after, [0.5])[0], scene(0.5, 48)
    ghosts = cv2.addWeighted(before, 0.5, after, 0.5, 0)

    def bright(frame: np.ndarray) -> int:
        return int((frame.min(axis=2) > 140).sum())

    assert bright(found) == pytest.approx(bright(true), rel=0.15)
    assert bright(ghosts) < 0.5 * bright(true)


@pytest.mark.parametrize("target", [24, 25, 29.97, 30, 60, 12])
@pytest.mark.parametrize("count", [1, 2, 3, 16, 77, 80])
def test_duration_is_kept(count, target):
    still = np.full((32, 48, 3), 90, np.uint8)
    out = retimed([still] * count, 16, target)

    assert len(out) == round(count * target / 16)
    assert all(np.array_equal(frame, still) for frame in out)


def test_frames_that_exist_are_passed_on():
    """From 16 to 24 every third frame is a frame of the source, at 48 every third too, and 16 to 16 changes nothing."""
    source = [scene(k, 5) for k in range(5)]

    assert all(a is b for a, b in zip(retimed(source, 16, 16), source, strict=True))
    assert [retimed(source, 16, 24)[3 * k] is source[2 * k] for k in range(3)] == [True] * 3
    assert [retimed(source, 16, 48)[3 * k] is source[k] for k in range(5)] == [True] * 5


@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
def test_pieces_make_no_difference(pieces):
    source = [scene(k, 7) for k in range(7)]
    whole, cut = retimed(source, 16, 30), retimed(source, 16, 30, pieces)

    assert len(whole) == len(cut) == 13
    assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))


def test_frames_come_as_soon_as_they_can():
    """And no more than two of the source are held: nothing is kept of those before."""
    retimer = Retimer(16, 24)

    assert [len(retimer.push([scene(k, 5)])) for k in range(5)] == [1, 1, 2, 1, 2]
    assert len(retimer.finish()) == 1  # 5 frames of 1/16 s are 7.5 of 1/24 s, to the even 8


def test_a_cut_stays_a_cut():
    """Where two frames show different things, none shows both."""
    one, other = scene(0, 0), texture(HEIGHT, WIDTH, 0, 255, 4, seed=5).clip(0, 255).astype(np.uint8)
    made = frames_between(one, other, [0.3, 0.5, 0.7])

    assert [np.array_equal(f, one) for f in made] == [True, True, False]
    assert np.array_equal(made[2], other)


def test_a_still_picture_stays_still():
    frame = scene(0, 0)

    assert np.abs(frames_between(frame, frame.copy(), [0.4])[0].astype(int) - frame).max() <= 1


def test_large_frames_are_measured_small():
    """A picture wider than the copies that motion is measured on moves by its own pixels."""
    wide = texture(256, 1280, 0, 255, 16, seed=4).clip(0, 255).astype(np.uint8)
    before, after, true = wide[:, 100:1100], wide[:, 88:1088], wide[:, 94:1094]

    assert error(frames_between(before, after, [0.5])[0], true) < 0.1 * error(before, true)


def test_no_frames_give_none():
    retimer = Retimer(16, 24)

    assert (retimer.push([]), retimer.finish()) == ([], [])


@pytest.mark.parametrize(
    ("source", "target", "complaint"),
    [
        (0, 24, "source_fps=0"),
        (16, -1, "target_fps=-1"),
        (16, float("nan"), "target_fps=nan"),
        (16, float("inf"), "target_fps=inf"),
        (60, 30, "more than half"),
    ],
)
def test_other_rates_are_refused(source, target, complaint):
    with pytest.raises(ValueError, match=complaint):
        Retimer(source, target)


@pytest.mark.parametrize(
    ("frames", "complaint"),
    [
        ([np.zeros((32, 32), np.uint8)], r"frames\[0\] is uint8 of shape \(32, 32\)"),
        ([np.zeros((32, 32, 3))], "float64"),
        ([np.zeros((32, 32, 3), np.uint8), np.zeros((32, 40, 3), np.uint8)], r"frames\[1\] .*one size"),
    ],
)
def test_other_frames_are_refused(frames, complaint):
    with pytest.raises(ValueError, match=complaint):
        Retimer(16, 24).push(frames)


def test_an_ended_stream_takes_no_more():
    retimer = Retimer(16, 24)
    retimer.finish()

    with pytest.raises(ValueError, match="new Retimer"):
        retimer.push([])
    with pytest.raises(ValueError, match="new Retimer"):
        retimer.finish()


@pytest.mark.parametrize(
    "fps", [*(24, 30, 23.976), *(pytest.param(fps, marks=pytest.mark.slow) for fps in (10, 15, 25, 60))]
)
@pytest.mark.parametrize("taken", [1, 3, 8, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 5, 11))])
def test_a_stream_goes_on_where_another_was_left(fps, taken):
    """From the last frame and their number alone, the frames that follow are those of one stream."""
    frames = [scene(at, 3.0) for at in range(12)]
    one = Retimer(16, fps)
    before = one.push(frames[:taken])
    wanted = one.push(frames[taken:]) + one.finish()
    other = Retimer(16, fps, taken=taken, last=frames[taken - 1])
    made = other.push(frames[taken:]) + other.finish()

    assert len(before) + len(made) == round(12 * fps / 16)
    assert len(made) == len(wanted)
    assert all(map(np.array_equal, made, wanted))


@pytest.mark.parametrize("half", [{"taken": 3}, {"last": scene(0, 1.0)}])
def test_a_stream_goes_on_from_a_frame_and_a_number(half):
    """One of them alone would be a mistake."""
    with pytest.raises(ValueError, match="give both or neither"):
        Retimer(16, 24, **half)
