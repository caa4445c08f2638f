"""Settings check themselves; what is refused is named with its bounds."""

import dataclasses
import math

import pytest

from s2v_nb import InputError, Settings
from s2v_nb.settings import CONTROLS, SIZES, Choice, Range


def test_defaults_are_the_articles():
    settings = Settings()

    assert (settings.duration, settings.resolution, settings.fps, settings.prompt_weight) == (8.0, "720p", 30, 1.0)
    assert settings.size == (1280, 720)
    assert settings.num_frames == 240


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("duration", 2.9, "3.0 to 15.0 s"),
        ("duration", 15.5, "3.0 to 15.0 s"),
        ("duration", math.nan, "3.0 to 15.0 s"),
        ("duration", "eight", "not a number"),
        ("duration", True, "not a number"),
        ("prompt_weight", 0.4, "0.5 to 1.5"),
        ("prompt_weight", 1.6, "0.5 to 1.5"),
        ("fps", 25, "30, 24"),
        ("motion", "wild", "off, low, medium, high"),
        ("resolution", "1080p", "720p, 480p"),
        ("aspect", "4:3", "16:9, 9:16, 1:1"),
        ("seed", -1, "0 to"),
        ("seed", 1.5, "whole number"),
        ("start", -1, "0.0 to"),
        ("prompt", 7, "not text"),
        ("prompt", "x" * 1001, "1001 characters"),
        ("subject", (0.5, 1.2), "each from 0"),
        ("subject", "middle", "not a point"),
    ],
)
def test_refusals_name_the_field_and_its_bounds(name, value, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        Settings(**{name: value})
    assert name in str(caught.value)


def test_every_control_is_a_field_and_allows_its_own_default():
    """The panels build themselves from CONTROLS, so each must be a field, with help in both languages."""
    names = {field.name for field in dataclasses.fields(Settings)}
    for name, control in CONTROLS.items():
        assert name in names
        control.check(name, getattr(Settings(), name))
        assert all(control.help)


@pytest.mark.parametrize("size", SIZES.values())
def test_sizes_are_even(size):
    """H.264 with 4:2:0 colour has no odd sizes."""
    assert size[0] % 2 == size[1] % 2 == 0


def test_bounds_are_allowed():
    for name, control in CONTROLS.items():
        values = control.options if isinstance(control, Choice) else (control.low, control.high)
        for value in values:
            value = int(value) if isinstance(control, Range) and isinstance(control.step, int) else value
            assert getattr(Settings(**{name: value}), name) == value


def test_equal_settings_are_equal_however_written():
    assert Settings(duration=8, start=2) == Settings(duration=8.0, start=2.0)
    assert Settings(subject=["0.5", 1]) == Settings(subject=(0.5, 1.0))


def test_a_dict_with_an_unknown_name_is_refused():
    with pytest.raises(InputError, match=r"no 'motoin'.*motion"):
        Settings.from_dict({"motoin": "high"})


def test_settings_go_to_json_and_back():
    settings = Settings(prompt="推近", subject=(0.2, 0.3), motion="low")

    assert Settings.from_dict(dataclasses.asdict(settings)) == settings
