"""What a clip will take, told before the click, and learned from what clips really took."""

import json
import time

import pytest

from s2v_nb import InputError, Settings
from s2v_nb.engines import estimate as module
from s2v_nb.engines.estimate import REMEMBERED, estimate, learn


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_more_pixels_frames_or_layers_take_longer():
    base = Settings(duration=6.0, resolution="480p", fps=24)
    seconds = estimate(base).seconds

    assert estimate(base.but(duration=12.0)).seconds == pytest.approx(2 * seconds)
    assert estimate(base.but(fps=30)).seconds > seconds
    assert estimate(base.but(resolution="720p")).seconds > 1.5 * seconds
    assert estimate(base.but(resolution="720p")).memory_bytes > estimate(base).memory_bytes
    assert estimate(base.but(prompt="dolly in")).seconds > seconds


def test_money_is_seconds_times_the_price():
    settings = Settings()

    assert estimate(settings).money is None
    assert estimate(settings, price_per_hour=-1.0).money is None
    found = estimate(settings, price_per_hour=3.6)
    assert found.money == pytest.approx(found.seconds / 1000)


def test_it_fits_as_long_as_there_is_memory(monkeypatch):
    assert estimate(Settings()).fits
    monkeypatch.setattr(module, "memory_limit", lambda: 1000)
    assert not estimate(Settings()).fits


def test_an_unknown_engine_is_refused():
    with pytest.raises(InputError, match="nope"):
        estimate(Settings(engine="nope"))


def test_what_clips_really_took_is_learned():
    settings, size = Settings(duration=6.0), (800, 600)
    said = estimate(settings, image_size=size)
    assert not said.measured

    for times in (3, 30, 3):  # one was slow for once
        learn(settings, size, times * said.seconds)

    after = estimate(settings, image_size=size)
    assert after.measured
    assert after.seconds == pytest.approx(3 * said.seconds, rel=0.01)
    assert estimate(settings.but(duration=12.0), image_size=size).seconds == pytest.approx(2 * after.seconds)


def test_only_the_last_clips_count():
    settings, size = Settings(), (800, 600)
    said = estimate(settings, image_size=size).seconds
    for _ in range(2 * REMEMBERED):
        learn(settings, size, 9 * said)
    for _ in range(REMEMBERED):
        learn(settings, size, 2 * said)

    assert estimate(settings, image_size=size).seconds == pytest.approx(2 * said, rel=0.01)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "null", '{"preview": 5}', '{"preview": ["x"]}', '{"preview": [NaN]}',
     '{"preview": [-1, 0, 1e9]}', '{"preview": [[1]]}'],
)  # fmt: skip
def test_what_cannot_be_read_counts_as_nothing(text):
    module._file().parent.mkdir(parents=True)
    module._file().write_text(text)

    assert not estimate(Settings()).measured
    learn(Settings(), (800, 600), 5.0)
    assert estimate(Settings()).measured
    assert len(json.loads(module._file().read_text())["preview"]) == 1


def test_a_place_that_cannot_be_written_hurts_nobody(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    learn(Settings(), (800, 600), 5.0)

    assert not estimate(Settings()).measured


def test_it_follows_a_slider():
    learn(Settings(), (800, 600), 5.0)
    times = []
    for number in range(20):
        began = time.perf_counter()
        estimate(Settings(prompt="slow zoom in, rain", duration=3.0 + number / 2), price_per_hour=1.0)
        times.append(time.perf_counter() - began)

    assert min(times) < 0.02
