"""The camera and light layer over moving frames, and all of it on one part of a clip."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from s2v_nb import Settings, analyze, load_audio, load_image
from s2v_nb.alignment.measures import near_beats, on_beat, phase_locking, signed_lags
from s2v_nb.engines import Request
from s2v_nb.engines.overlay import RhythmLayer, finished_frames, resample, visual_beats
from s2v_nb.engines.overlay.part import source_times
from s2v_nb.media.framing import crop_box, resize

from .jerks import jerky_frames

SIDE = 160  # of the source, pixels: small, as what is measured does not depend on it


@pytest.fixture(scope="module")
def make(cover, song):
    """A request for 6 s of the sample, square and in 480p, with some settings changed."""
    image, audio = load_image(cover), load_audio(song)
    rhythm = analyze(audio).excerpt(4.0, 6.0)

    def request(**choices) -> Request:
        given = {"duration": 6.0, "resolution": "480p", "aspect": "1:1", "fps": 24, "motion": "high", **choices}
        settings = Settings(**{"prompt": "static", **given})
        return Request(image, audio.excerpt(4.0, 6.0), rhythm, settings, settings.num_frames)

    return request


@pytest.fixture(scope="module")
def late(make) -> np.ndarray:
    """A video that stops 80 ms after each beat, give or take 70."""
    beats = make().rhythm.beats
    return jerky_frames(beats + 0.08 + np.random.default_rng(1).uniform(-0.07, 0.07, len(beats)), 24, 145, (SIDE, SIDE))


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.full((SIDE, SIDE, 3), 120, np.uint8)


def test_motion_off_leaves_frames_of_the_clips_size_as_they_are(make):
    frame = np.random.default_rng(0).integers(0, 255, (480, 480, 3), np.uint8)

    layer = RhythmLayer(make(motion="off", prompt="monochrome, glow, film grain, zoom in"), (480, 480))

    assert np.array_equal(layer.frame(7, frame), frame)


@pytest.mark.parametrize(("aspect", "source_size"), [("16:9", (320, 176)), ("9:16", (176, 320)), ("1:1", (320, 176))])
def test_motion_off_scales_and_crops_without_stretching(make, aspect, source_size):
    request = make(motion="off", aspect=aspect)
    y, x = np.mgrid[: source_size[1], : source_size[0]]
    middle = np.hypot(x - (source_size[0] - 1) / 2, y - (source_size[1] - 1) / 2)
    disc = np.where(middle < 60, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)

    seen = RhythmLayer(request, source_size).frame(0, disc)[..., 0] > 127

    width, height = request.settings.size
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert seen.shape == (height, width)
    assert len(rows) == pytest.approx(len(columns), abs=2)
    assert (rows.mean(), columns.mean()) == (
        pytest.approx((height - 1) / 2, abs=1),
        pytest.approx((width - 1) / 2, abs=1),
    )


def test_the_camera_pulses_on_the_beats_and_as_strongly_as_motion_says(make):
    heights = []
    for motion in ("low", "medium", "high"):
        request = make(motion=motion)
        layer = RhythmLayer(request, (SIDE, SIDE))
        zoom = -np.log(np.hypot(layer.maps[:, 0, 0], layer.maps[:, 1, 0]))
        beats = request.rhythm.beats[1:-1]
        near, between = (np.round((beats + shift) * 24).astype(int) for shift in (0.0, -0.2))
        assert (zoom[near] > zoom[between] + 0.002).all()
        heights.append(np.ptp(zoom))

    assert heights == sorted(heights)
    assert heights[0] < 0.5 * heights[2]


def test_frames_grow_on_the_beats(make):
    """Seen in the pixels: the disc in the middle is larger on a beat than before it."""
    request = make()
    layer = RhythmLayer(request, (SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = np.where(np.hypot(x - SIDE / 2, y - SIDE / 2) < 50, 200, 20).astype(np.uint8)[..., None].repeat(3, axis=2)

    def area(t: float) -> int:
        return int((layer.frame(round(t * 24), disc) > 100).sum())

    for beat in request.rhythm.beats[1:-1]:
        assert area(beat) > 1.01 * area(beat - 0.2)


def test_the_light_answers_too(make, grey):
    layer = RhythmLayer(make(), (SIDE, SIDE))

    levels = np.array([layer.frame(k, grey).mean() for k in range(0, 144, 2)])

    assert np.corrcoef(levels, layer.effects.beat.light[::2])[0, 1] > 0.99
    assert np.ptp(levels) > 4


@pytest.mark.parametrize(
    "prompt", ["monochrome", "glow", "light leak", "film grain", "rain", "vignette", "letterbox", "night", "lens flare"]
)
def test_the_look_of_the_prompt_lies_over_the_frames(make, late, prompt):
    plain = RhythmLayer(make(), (SIDE, SIDE)).frame(30, late[30])

    found = RhythmLayer(make(prompt=f"static, {prompt}"), (SIDE, SIDE)).frame(30, late[30])

    assert np.abs(found.astype(int) - plain).mean() > 0.3


def test_the_camera_does_not_travel(make):
    moving = RhythmLayer(
        make(prompt="fast pan right, zoom out, roll left, tilt up, dolly in, truck left"), (SIDE, SIDE)
    )
    static = RhythmLayer(make(prompt="static"), (SIDE, SIDE))

    assert np.array_equal(moving.maps, static.maps)


@pytest.mark.parametrize("prompt", ["", "extreme handheld, rock, shake", "strong bounce, punch, sway, drift, breathe"])
@pytest.mark.parametrize("source_size", [(1280, 704), (832, 480), (480, 832), (512, 512)])
def test_no_edge_is_ever_inside_the_frame(make, prompt, source_size):
    """Every corner of every frame lies on the model's frame, counted from the maps alone."""
    for aspect in ("16:9", "9:16", "1:1"):
        request = make(prompt=prompt, aspect=aspect, prompt_weight=1.5)
        layer = RhythmLayer(request, source_size, subject=(0.9, 0.1))
        width, height = request.settings.size
        corners = np.array([(x, y, 1) for x in (0, width - 1) for y in (0, height - 1)])
        at = np.einsum("nij,kj->nki", layer.maps, corners)
        assert at.min() >= 0
        assert (at <= (source_size[0] - 1, source_size[1] - 1)).all()


def test_detail_finer_than_the_clip_does_not_shimmer(make):
    """A chessboard of single pixels, shown at half its size, is grey."""
    board = (np.indices((960, 960)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)

    frame = RhythmLayer(make(), (960, 960)).frame(20, board)

    assert frame.std() < 12


def test_a_frame_is_a_pure_function_of_number_and_pixels(make, late):
    layer = RhythmLayer(make(prompt="film grain, dust, glow, god rays, handheld, haze, bokeh, snow"), (SIDE, SIDE))
    numbers = [5, 60, 20, 60, 5, 100, 20]
    alone = {k: layer.frame(k, late[k]) for k in sorted(set(numbers))}

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: layer.frame(k, late[k]), numbers))

    assert all(np.array_equal(frame, alone[k]) for k, frame in zip(numbers, together, strict=True))


def test_frames_of_another_size_are_refused(make, grey):
    with pytest.raises(ValueError, match="320 x 176"):
        RhythmLayer(make(), (320, 176)).frame(0, grey)


def test_stops_that_came_late_meet_the_beats(make, late):
    """The whole part, measured as `s2v_nb.alignment` measures a clip."""
    request = make()
    beats = request.rhythm.beats
    before = near_beats(visual_beats(late, 24), beats)

    frames = finished_frames(request, late, 24, 0, request.num_frames, max_shift=0.15)
    after = near_beats(visual_beats(frames, 24), beats)

    lags = [np.median(np.abs(signed_lags(events, beats))) for events in (before, after)]
    assert lags[0] > 0.06
    assert lags[1] < 0.015
    assert phase_locking(after, beats) > phase_locking(before, beats) + 0.05
    assert on_beat(after, beats) > on_beat(before, beats) + 0.4


def test_a_part_depends_on_nothing_but_itself(make, late):
    """Not on what is skipped, on more frames than it needs, nor on threads."""
    request = make(prompt="film grain, glow, dust")
    first, count = 48, 36
    alone = list(finished_frames(request, late[:37], 24, first, count, max_shift=0.1, threads=1))

    resumed = list(finished_frames(request, late[:60], 24, first, count, max_shift=0.1, skip=13, threads=5))

    assert len(alone) == count
    assert np.array_equal(resumed, alone[13:])
    assert not list(finished_frames(request, late, 24, first, count, max_shift=0.1, skip=count))


def test_beats_are_counted_from_the_start_of_the_part(make, late):
    request = make()
    times = source_times(request, late[30:], 24, 30, 90, max_shift=0.15)
    beats = request.rhythm.beats - 30 / 24
    moved = replace(request.rhythm, beats=beats[beats > 0], downbeats=np.zeros(0), confidence=None)

    assert np.allclose(times, source_times(replace(request, rhythm=moved), late[30:], 24, 0, 90, max_shift=0.15))
    assert np.abs(times - np.arange(90) / 24).max() > 0.03


def test_motion_off_changes_rate_and_size_alone(make, late):
    request = make(motion="off", prompt="monochrome, film grain", fps=30)

    found = list(finished_frames(request, late[:25], 24, 60, 30, max_shift=0.15))

    box = crop_box((SIDE, SIDE), (480, 480), (0.5, 0.5))
    plain = [resize(frame, (480, 480), box) for frame in resample(late[:25], 24, np.arange(30) / 30)]
    assert np.array_equal(found, plain)


def test_without_beats_time_is_left_alone(make, late):
    request = make()
    silent = replace(request.rhythm, beats=np.zeros(0), downbeats=np.zeros(0), confidence=None)
    times = source_times(replace(request, rhythm=silent), late, 24, 0, 100, max_shift=0.15)

    assert np.array_equal(times, np.arange(100) / 24)


def test_a_source_that_ends_early_holds_its_last_frame(make, late):
    frames = list(finished_frames(make(motion="off"), late[:10], 24, 0, 15, max_shift=0.1))

    assert len(frames) == 15
    assert np.array_equal(frames[14], frames[9])


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"source": np.zeros((4, 8, 8), np.uint8)}, "source is uint8"),
        ({"source": np.zeros((4, 8, 8, 3))}, "source is float64"),
        ({"source": np.zeros((0, 8, 8, 3), np.uint8)}, "source is uint8"),
        ({"first": 140}, "first=140, count=10"),
        ({"first": -1}, "first=-1"),
        ({"skip": 11}, "skip=11"),
    ],
)
def test_a_part_that_cannot_be_is_refused_at_once(make, late, wrong, complaint):
    given = {"source": late, "source_fps": 24, "first": 0, "count": 10, "max_shift": 0.1, **wrong}
    with pytest.raises(ValueError, match=complaint):
        finished_frames(make(), **given)
