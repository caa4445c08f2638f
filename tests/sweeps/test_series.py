"""Many pictures or songs in one style."""

import shutil

import cv2
import numpy as np
import PIL.Image
import pytest

from s2v_nb import InputError, Series, Settings, load_image
from s2v_nb.media.video import probe_video, read_frames
from tests.sweeps.fakes import FakeRunner, fill

STYLE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24, prompt="slow zoom in", motion="high")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A blue and a red one."""
    folder, paths = tmp_path_factory.mktemp("pictures"), []
    for name, color in (("blue sea", (20, 60, 200)), ("red hill", (200, 50, 30))):
        noise = np.random.default_rng(len(name)).integers(-20, 20, (9, 16, 1))
        pixels = cv2.resize(np.clip(np.array(color) + noise, 0, 255).astype(np.uint8), (640, 360))
        PIL.Image.fromarray(pixels).save(folder / f"{name}.png")
        paths.append(folder / f"{name}.png")
    return paths


@pytest.fixture(scope="module")
def series(pictures, song, tmp_path_factory) -> Series:
    return Series(pictures, [song], STYLE, tone=pictures[0], out=tmp_path_factory.mktemp("series")).run()


def test_clips_are_numbered_and_of_one_size(series):
    names = sorted(path.name for path in series.out.glob("*.mp4"))

    assert names == ["01-blue sea.mp4", "02-red hill.mp4"]
    assert {(probe_video(series.out / name).width, probe_video(series.out / name).height) for name in names} == {
        (854, 480)
    }
    assert (series.out / names[1]).samefile(series.cells[1].path)


def test_colours_are_those_of_the_reference(series):
    blue, red = (
        np.stack([f for _, f in read_frames(cell.path, size=(64, 36))]).mean((0, 1, 2)) for cell in series.cells
    )

    assert np.abs(blue - red).max() < 12
    assert red[2] > red[0]  # the red hill is blue now


def test_it_is_found_again_and_nothing_is_made_twice(series):
    before = {path: path.stat().st_mtime_ns for path in series.out.rglob("*.mp4")}
    again = Series.open(series.out).run()

    assert again.cells == series.cells
    assert {path: path.stat().st_mtime_ns for path in series.out.rglob("*.mp4")} == before


def test_without_a_tone_the_pictures_stay(pictures, song, tmp_path):
    series = Series(pictures, [song], STYLE, out=tmp_path)

    assert list(series.images) == pictures
    assert [cell.values for cell in series.cells] == [
        {"image": "blue sea.png", "audio": song.name},
        {"image": "red hill.png", "audio": song.name},
    ]


def test_each_picture_its_song_or_one_for_all(pictures, song, tmp_path):
    other = shutil.copy(song, tmp_path / "other.wav")
    pairs = Series(pictures, [song, other], STYLE, out=tmp_path)
    songs = Series(pictures[:1], [song, other], STYLE, out=tmp_path)

    assert [(cell.image, cell.audio) for cell in pairs.cells] == [(0, 0), (1, 1)]
    assert [(cell.image, cell.audio) for cell in songs.cells] == [(0, 0), (0, 1)]


@pytest.mark.parametrize(("images", "audios"), [(0, 1), (1, 0), (3, 2), (201, 1)])
def test_numbers_that_do_not_fit(pictures, song, tmp_path, images, audios):
    with pytest.raises(InputError, match="make no series"):
        Series(pictures[:1] * images, [song] * audios, STYLE, out=tmp_path)


def test_one_crop_rule_for_all(pictures, song, tmp_path):
    """What 'auto' would decide for most of them."""
    tall = load_image(np.full((1000, 200, 3), 90, np.uint8))

    assert Series([*pictures, tall], [song], STYLE, out=tmp_path).settings.fit == "crop"
    assert Series([pictures[0], tall, tall], [song], STYLE, out=tmp_path).settings.fit == "blur"
    assert Series([*pictures, tall], [song], STYLE.but(fit="blur"), out=tmp_path).settings.fit == "blur"


def test_each_clip_may_have_a_part_of_its_own(pictures, song, tmp_path):
    style = STYLE.but(start=None)
    same = Series(pictures, [song], style, out=tmp_path / "same")
    own = Series(pictures, [song], style, different_parts=True, out=tmp_path / "own")

    assert len({cell.settings.start for cell in same.cells}) == 1
    assert len({cell.settings.start for cell in own.cells}) == 2
    assert same.cells[0].settings.start == own.cells[0].settings.start  # the best first
    own.save()
    assert Series.open(own.out).cells == own.cells


def test_a_copy_is_delivered_where_the_disk_knows_no_links(pictures, song, tmp_path, monkeypatch):
    import os

    series = Series(pictures, [song], STYLE, out=tmp_path)
    for cell in series.cells:
        fill(cell)
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(95, "not supported")))
    series.run(FakeRunner())

    assert (tmp_path / "01-blue sea.mp4").read_bytes() == series.cells[0].path.read_bytes()
