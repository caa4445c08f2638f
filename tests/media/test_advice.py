"""Advice says what is in the pixels, and nothing about a good picture."""

import time
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
import sklearn.datasets

from s2v_nb.media import load_image
from s2v_nb.media.advice import advise, subject_of, surrounded, text_part, window_of
from s2v_nb.media.framing import make_plate
from s2v_nb.samples import sample_image
from s2v_nb.settings import Settings

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SENTENCE = "The quick brown fox jumps over it"


def photo(name="china.jpg", size=(1920, 1281)):
    """A real photograph."""
    return np.asarray(PIL.Image.fromarray(sklearn.datasets.load_sample_image(name)).resize(size))


def written(pixels, lines, size=48, font="DejaVuSans.ttf", colour=(250, 250, 250)):
    """A copy with lines of print."""
    picture = PIL.Image.fromarray(pixels)
    draw, face = PIL.ImageDraw.Draw(picture), PIL.ImageFont.truetype(str(FONTS / font), size)
    for k in range(lines):
        draw.text((80, 80 + 1.5 * size * k), SENTENCE, font=face, fill=colour)
    return np.asarray(picture)


def plain(colour=(40, 40, 60), size=(1920, 1280)):
    return np.full((size[1], size[0], 3), colour, np.uint8)


def keys(pixels, **settings):
    return [advice.key for advice in advise(load_image(pixels), Settings(**settings))]


def grey(pixels):
    return cv2.cvtColor(cv2.resize(pixels, (800, 533), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


@pytest.fixture(scope="module")
def cover(tmp_path_factory):
    """The sample."""
    return load_image(sample_image(tmp_path_factory.mktemp("sample") / "s.png"))


def test_a_good_picture_gets_no_advice(cover):
    assert advise(cover, Settings()) == []


def test_a_small_picture_is_said_to_be_enlarged():
    """The figure is clip pixels for each picture pixel, and a lower resolution mends it."""
    (advice,) = advise(load_image(photo(size=(640, 427))), Settings())

    assert advice.key == "advice.small"
    assert advice.values["times"] == pytest.approx(2.0)
    assert "640 x 427" in advice.sentence("en")
    assert "2.0" in advice.sentence("zh")
    assert keys(photo(size=(960, 640)), resolution="480p") == []


def test_a_picture_used_up_to_its_edges_has_no_margin():
    """Exactly the clip's size: nothing beside the frame, no detail to move in on. More of either is enough."""
    assert keys(photo(size=(1280, 720))) == ["advice.margin"]
    assert keys(photo(size=(1280, 900))) == []
    assert keys(photo(size=(1664, 936))) == []


def test_a_crop_that_loses_most_is_said_and_so_is_the_surround():
    tall = photo(size=(1281, 1920))

    assert keys(tall, fit="crop") == ["advice.crop"]
    assert keys(tall, fit="auto") == ["advice.whole"]
    assert keys(tall, fit="blur") == []
    assert keys(tall, aspect="9:16") == []


@pytest.mark.parametrize(("x", "y", "said"), [(0.1, 0.5, True), (0.92, 0.5, True), (0.5, 0.5, False)])
def test_a_subject_near_the_edge_is_said(x, y, said):
    """Found by itself or put there by a person."""
    pixels = plain() + np.random.default_rng(1).integers(0, 40, (1280, 1920, 1), dtype=np.uint8)
    cv2.circle(pixels, (round(1920 * x), round(1280 * y)), 120, (250, 180, 60), -1)

    assert ("advice.subject" in keys(pixels)) is said
    assert ("advice.subject" in keys(photo(), subject=(x, y))) is said


def test_where_the_subject_lies_is_measured_in_the_frame():
    (advice,) = advise(load_image(photo()), Settings(subject=(0.5, 0.95)))

    assert advice.values["x"] == pytest.approx(0.5)
    assert advice.values["y"] == pytest.approx(1 - 0.05 * 1281 / 1080, abs=0.01)  # the frame is at the bottom


def test_low_contrast_is_said():
    assert keys((photo() // 4 + 90).astype(np.uint8)) == ["advice.contrast"]
    assert keys(photo()) == []


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255)])
def test_bars_are_measured(colour):
    letterbox, pillars = plain(colour), plain(colour)
    letterbox[128:-128] = photo(size=(1920, 1024))
    pillars[:, 192:-192] = photo(size=(1536, 1280))

    for pixels in (letterbox, pillars):
        (advice,) = [advice for advice in advise(load_image(pixels), Settings()) if advice.key == "advice.bars"]
        assert advice.values["part"] == pytest.approx(0.2, abs=0.01)


def test_a_plain_ground_is_no_bar():
    """A studio wall and a night sky run to the edge as bars do, but go over into the picture."""
    studio, sky = plain((240, 240, 240)), photo().copy()
    cv2.circle(studio, (960, 640), 320, (180, 40, 40), -1)
    fade = np.clip((np.arange(1281) - 200) / 400, 0, 1)
    sky = (sky * np.minimum(fade, fade[::-1])[:, None, None]).astype(np.uint8)

    assert "advice.bars" not in keys(studio)
    assert "advice.bars" not in keys(sky)


@pytest.mark.parametrize("font", ["DejaVuSans.ttf", "DejaVuSerif-Bold.ttf", "STIXGeneral.ttf"])
@pytest.mark.parametrize("size", [48, 64, 100])
def test_print_is_found_on_a_calm_ground(font, size):
    light, dark = (written(ground, 8, size, font, ink) for ground, ink in
                   ((plain((235, 230, 220)), (20, 20, 20)), (plain(), (240, 230, 120))))  # fmt: skip

    assert "advice.text" in keys(light)
    assert "advice.text" in keys(dark)


def test_print_is_found_on_a_photograph():
    calm = cv2.GaussianBlur(photo("flower.jpg"), (0, 0), 6)

    assert text_part(grey(calm)) == 0
    assert text_part(grey(written(calm, 8, 72))) > 0.04


def test_no_print_is_found_in_photographs_drawings_noise_and_patterns(cover):
    rng = np.random.default_rng(3)
    tiles = np.indices((1280, 1920)).sum(axis=0) // 40 % 2 * 200
    house = plain((60, 60, 60))
    for y in range(100, 1200, 160):
        for x in range(60, 1850, 130):
            house[y : y + 90, x : x + 60] = 230
    noises = [cv2.GaussianBlur(rng.normal(size=(533, 800)).astype(np.float32), (0, 0), s) for s in (0.1, 1, 2, 4)]
    greys = [np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8) for noise in noises]
    greys += [grey(pixels) for pixels in (photo(), photo("flower.jpg"), cover.pixels, house)]
    greys.append(tiles.astype(np.uint8))

    assert max(text_part(pixels) for pixels in greys) < 0.01


def test_a_little_print_is_no_trouble():
    assert "advice.text" not in keys(written(plain(), 1, 30))


@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1"])
@pytest.mark.parametrize("fit", ["auto", "crop", "blur"])
def test_the_window_is_the_plates(aspect, fit):
    """What is shown as the frame is what the engine films."""
    image = load_image(photo(size=(1200, 800)))
    settings = Settings(aspect=aspect, fit=fit, subject=(0.8, 0.3))
    plate = make_plate(image, settings.size, fit=fit, subject=settings.subject)
    left, top, right, bottom = window_of(image, settings, settings.subject)

    assert surrounded(image, settings) == plate.surround
    if plate.surround:
        assert (left, top, right, bottom) == (0, 0, 1, 1)
    else:
        inside = (0.8 - left) / (right - left), (0.3 - top) / (bottom - top)
        x, y, width, height = plate.window
        assert inside == pytest.approx(((plate.subject[0] - x) / width, (plate.subject[1] - y) / height), abs=0.01)


def test_the_subject_is_the_chosen_one_or_the_found_one():
    image = load_image(photo())

    assert subject_of(image, Settings(subject=(0.1, 0.2))) == (0.1, 0.2)
    found = subject_of(image, Settings())
    assert 0.3 < found[0] < 0.7


def test_a_picture_is_measured_once_and_quickly():
    """12 megapixels with print all over; the second time nothing is measured again."""
    image = load_image(written(photo(size=(4000, 3000)), 20, 90))
    times = []
    for aspect in ("16:9", "1:1"):
        before = time.process_time()
        advise(image, Settings(aspect=aspect))
        times.append(time.process_time() - before)

    assert times[1] < 0.1 * times[0]
    assert times[0] < 1.0  # 0.06 on a quiet machine
