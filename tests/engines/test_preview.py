"""The preview engine's frames: deterministic, steady, in time, never showing an edge."""

import numpy as np
import pytest

from s2v_nb import InputError, Settings, analyze, load_audio, load_image
from s2v_nb.engines import Request, get_engine
from s2v_nb.engines.preview import PreviewEngine
from s2v_nb.engines.preview.beat import beat_curves
from s2v_nb.engines.preview.camera import fit_path, make_path, matrices
from s2v_nb.engines.preview.directions import DIRECTIONS, Look
from s2v_nb.engines.preview.light import vignette
from s2v_nb.engines.preview.prompt import look_of, read_prompt
from s2v_nb.engines.preview.split import split_foreground
from s2v_nb.media.framing import make_plate


@pytest.fixture(scope="module")
def heard(song):
    audio = load_audio(song)
    return audio.excerpt(4.0, 3.0), analyze(audio).excerpt(4.0, 3.0)


@pytest.fixture(scope="module")
def make(cover, heard):
    """A request for 3 s of the sample in 480p, with some settings changed."""
    image = load_image(cover)

    def request(picture=None, **choices) -> Request:
        settings = Settings(**{"duration": 3.0, "resolution": "480p", "motion": "high", **choices})
        return Request(picture or image, *heard, settings, settings.num_frames)

    return request


def render(request: Request, first: int = 0, last: int | None = None) -> list[np.ndarray]:
    found = []
    for frame in get_engine("preview").frames(request, first):
        found.append(frame)
        if last is not None and len(found) > last - first:
            break
    return found


def test_auto_is_an_engine_and_an_unknown_one_is_refused():
    assert isinstance(get_engine("auto"), PreviewEngine)
    with pytest.raises(InputError, match="auto, preview"):
        get_engine("dall-e")


@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1"])
def test_frames_are_as_planned(make, aspect):
    request = make(aspect=aspect, fps=24)
    plan = get_engine("preview").plan(request)

    frames = render(request, 0, 2)

    assert plan.num_frames == 72
    assert plan.seconds > 0
    assert all(f.shape == (plan.size[1], plan.size[0], 3) and f.dtype == np.uint8 for f in frames)


def test_equal_requests_give_equal_frames_and_seeds_differ(make):
    prompt = "handheld, film grain, dust, rain, bokeh, light leak"
    a, b, c = (render(make(prompt=prompt, seed=seed), 0, 6) for seed in (1, 1, 2))

    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not any(np.array_equal(x, y) for x, y in zip(a, c, strict=True))


def test_a_frame_does_not_depend_on_those_before_it(make):
    request = make(prompt="orbit, snow, film grain, candlelight, god rays, haze")

    assert np.array_equal(render(request, 40, 40)[0], render(request, 0, 40)[40])


def test_motion_off_is_a_still_picture_with_its_look(make):
    still = render(make(motion="off", prompt="zoom in, rain, monochrome"))

    assert len(still) == 90
    assert all(np.array_equal(frame, still[0]) for frame in still)
    assert np.abs(still[0].astype(int) - still[0].mean(axis=2, keepdims=True)).max() <= 1.5  # grey


def test_motion_scales_the_answer_to_the_beat(make):
    heights = [beat_curves(make().rhythm, make().times, motion, Look()).zoom.max() for motion in
               ("off", "low", "medium", "high")]  # fmt: skip

    assert heights[0] == 0
    assert heights == sorted(heights)
    assert heights[1] > 0.01


def test_the_push_lands_on_the_beat(make):
    rhythm = make().rhythm
    fine = np.arange(0, 3, 0.001)

    zoom = beat_curves(rhythm, fine, "high", Look()).zoom

    for beat in rhythm.beats[1:-1]:
        near = np.abs(fine - beat) < 0.2
        assert fine[near][zoom[near].argmax()] == pytest.approx(beat, abs=0.002)


def looks(request: Request) -> np.ndarray:
    """Three frames of the middle: none depends on those before it."""
    return np.stack([render(request, index, index)[0] for index in (20, 40, 60)]).astype(int)


@pytest.fixture(scope="module")
def plain(make) -> np.ndarray:
    return looks(make(prompt="static"))


@pytest.mark.parametrize("direction", DIRECTIONS, ids=lambda d: d.name)
def test_every_direction_changes_the_picture_as_weight_says(make, plain, direction):
    """Nothing in the table is a word without effect."""
    base = "static" if direction.kind != "camera" else ""
    if direction.name == "static":
        assert look_of(read_prompt("static")) == Look()
        return

    def change(weight: float) -> float:
        found = looks(make(prompt=f"{direction.name}, {base}".strip(", "), prompt_weight=weight))
        return float(np.abs(found - plain).mean())

    weak, strong = change(0.5), change(1.5)
    assert strong > 0.03
    assert weak > 0
    if direction.name != "letterbox":  # bars are there or not
        assert strong > weak


PROMPTS = [
    "strong pan right, fast zoom out",
    "fast spiral, shake",
    "extreme handheld, rock",
    "strong crane up, bounce",
    "fast roll left, pan left, tilt down",
    "very fast orbit, sway",
    "dolly out, drift, breathe",
    "fast vertigo",
    "extreme dolly in, shake",
]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("shape", [(1280, 720), (700, 700), (400, 300), (3000, 900)])
def test_no_edge_of_the_picture_is_ever_inside_the_frame(make, prompt, shape):
    """Every corner of every frame of 15 s lies on the plate, counted from the maps alone."""
    picture = load_image(np.random.default_rng(0).integers(0, 255, (shape[1], shape[0], 3), np.uint8))
    for aspect in ("16:9", "9:16"):
        request = make(picture, prompt=prompt, aspect=aspect, prompt_weight=1.5)
        plate = make_plate(picture, request.settings.size, fit="auto", subject=(0.9, 0.1))
        look = look_of(read_prompt(prompt), 1.5)
        times = np.arange(0, 15, 1 / 30)
        beat = beat_curves(request.rhythm, times, "high", look)
        path = fit_path(make_path(look, beat, times, seed=3), plate)
        width, height = request.settings.size
        corners = np.array([(x, y, 1) for x in (0, width - 1) for y in (0, height - 1)])
        for layer in (-1, 0, 1):
            at = np.einsum("nij,kj->nki", matrices(path, plate, (width, height), layer=layer), corners)
            assert at.min() >= 0
            assert (at[..., 0] <= plate.pixels.shape[1] - 1).all()
            assert (at[..., 1] <= plate.pixels.shape[0] - 1).all()


def test_a_pan_really_moves(make):
    """The margin must not be found by standing still."""
    request = make(prompt="pan right")
    plate = make_plate(request.image, request.settings.size, fit="auto", subject=None)
    beat = beat_curves(request.rhythm, request.times, "off", Look())
    maps = matrices(
        fit_path(make_path(look_of(read_prompt("pan right")), beat, request.times, 0), plate), plate, (1, 1)
    )

    travel = (maps[-1, 0, 2] - maps[0, 0, 2]) / plate.window[2]

    assert travel == pytest.approx(0.022 * request.times[-1], rel=0.35)


def test_the_camera_moves_smoothly(make):
    """Away from beats the speed changes gently: no frame jumps."""
    request = make(prompt="pan right, handheld, drift", motion="low")
    beat = beat_curves(request.rhythm, request.times, "off", Look())
    path = make_path(look_of(read_prompt("pan right, handheld, drift")), beat, request.times, 0)

    assert np.abs(np.diff(path.x, n=2)).max() < 0.0015  # of the frame's width, per frame and frame
    assert np.abs(np.diff(path.zoom, n=2)).max() < 0.001


FLICKERING = ("flash, punch", "candlelight", "film grain")


@pytest.mark.parametrize(
    "prompt",
    ["", "glow, lens flare, god rays", *(pytest.param(p, marks=pytest.mark.slow) for p in FLICKERING)],
)
def test_no_flicker(make, prompt):
    """WCAG 2.3.1: no more than three general flashes (opposite changes of 10 % in luminance) a second."""
    linear = ((np.arange(256) / 255) ** 2.2).astype(np.float32)
    weights = np.array((0.2126, 0.7152, 0.0722), np.float32)
    luminance = (linear[frame] @ weights for frame in render(make(prompt=prompt)))
    areas = np.stack([frame.reshape(4, 120, 7, 122).mean(axis=(1, 3)).ravel() for frame in luminance])
    for area in areas.T:
        turns = area[np.append(True, np.append(np.diff(np.sign(np.diff(area))) != 0, True))]
        big = np.abs(np.diff(turns)) >= 0.1
        assert big.sum() / 2 / 3.0 <= 3


@pytest.mark.parametrize("amount", [0.0, 1.0])
def test_dark_gradients_do_not_band(make, amount):
    """Block means follow the true gradient, straight but for the vignette; without dither they would stick to steps."""
    x = np.linspace(8, 24, 1280)[None, :].repeat(720, axis=0)
    noise = np.random.default_rng(0).random((720, 1280))
    picture = np.floor(x + noise).astype(np.uint8)[..., None].repeat(3, axis=2)  # a dithered source, as photos are
    prompt = "static, vignette" if amount else "static"
    frame = render(make(load_image(picture), prompt=prompt, motion="off"))[0][..., 1] / vignette((854, 480), amount)

    blocks = frame[:480, :832].reshape(30, 16, 52, 16).mean(axis=(1, 3))
    line = np.polyval(np.polyfit(np.arange(52), blocks.mean(axis=0), 1), np.arange(52))
    assert np.abs(blocks.mean(axis=0) - line).max() < 0.12
    assert np.abs(blocks - line).max() < 0.45


def test_a_clear_foreground_is_cut_out_and_noise_is_not():
    y, x = np.mgrid[:400, :700]
    rng = np.random.default_rng(0)
    picture = np.full((400, 700, 3), (40, 120, 70), np.uint8) + rng.integers(0, 12, (400, 700, 3), np.uint8)
    inside = np.hypot(x - 350, y - 200) < 90
    picture[inside] = (220, 120, 30)

    split = split_foreground(picture, (350, 200))

    assert split is not None
    assert split.alpha[200, 350] == 1
    assert split.alpha[20, 20] == 0
    assert np.abs(split.background[200, 350].astype(int) - (45, 125, 75)).max() < 40
    assert split_foreground(rng.integers(0, 255, (400, 700, 3), np.uint8), (350, 200)) is None
    assert split_foreground(np.full((400, 700, 3), 90, np.uint8), (350, 200)) is None


def test_notices_name_what_had_no_effect(make):
    def keys(**choices) -> dict:
        return {n.key: n.values for n in get_engine("preview").plan(make(**choices)).notices}

    assert keys(prompt="purple elephant")["notice.unknown_words"] == {"words": "purple elephant"}
    assert keys(prompt="pan left, warm", motion="off")["notice.motion_off"] == {"words": "pan left"}
    assert "notice.surround" in keys(aspect="9:16")
    assert keys(prompt="glow") == {}


def test_an_error_in_the_renderer_reaches_the_caller(make, monkeypatch):
    from s2v_nb.engines.preview.render import Renderer

    def broken(self, index):
        raise ArithmeticError(index)

    monkeypatch.setattr(Renderer, "frame", broken)
    with pytest.raises(ArithmeticError):
        render(make())


def test_leaving_early_ends_the_thread(make):
    import threading

    frames = get_engine("preview").frames(make())
    next(frames)
    frames.close()

    assert not [t for t in threading.enumerate() if t.name == "preview-render"]
