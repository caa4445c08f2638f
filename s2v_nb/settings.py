"""`Settings`: every choice a person makes for one clip, with the bounds every panel and command reads from here."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from s2v_nb.errors import InputError

SIZES: dict[tuple[str, str], tuple[int, int]] = {
    ("720p", "16:9"): (1280, 720),
    ("720p", "9:16"): (720, 1280),
    ("720p", "1:1"): (720, 720),
    ("480p", "16:9"): (854, 480),
    ("480p", "9:16"): (480, 854),
    ("480p", "1:1"): (480, 480),
}
LONGEST_PROMPT = 1000
PRESETS: dict[str, dict[str, Any]] = {  # what a click on one changes; all else stays as the person chose it
    "quick": {"resolution": "480p", "fps": 24, "duration": 4.0, "quality": "draft"},
    "balanced": {"resolution": "480p", "fps": 30, "duration": 8.0, "quality": "draft"},
    "final": {"resolution": "720p", "fps": 30, "quality": "final"},
}


@dataclass(frozen=True)
class Choice:
    """A control with a fixed list of values."""

    options: tuple[str | int, ...]
    help: tuple[str, str]  # English, Chinese

    def check(self, name: str, value: Any) -> None:
        if isinstance(value, bool) or value not in self.options:
            allowed = ", ".join(str(option) for option in self.options)
            raise InputError("settings.choice", name=name, value=value, allowed=allowed)


@dataclass(frozen=True)
class Range:
    """A number between two bounds, both allowed."""

    low: float
    high: float
    step: float
    help: tuple[str, str]  # English, Chinese
    unit: str = ""
    optional: bool = False  # whether None may stand for a choice of ours

    def check(self, name: str, value: Any) -> None:
        if value is None and self.optional:
            return
        bounds = {"name": name, "value": value, "low": self.low, "high": self.high, "unit": self.unit}
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError("settings.number", **bounds)
        if isinstance(self.step, int) and not isinstance(value, int):
            raise InputError("settings.integer", **bounds)
        if not (self.low <= value <= self.high):  # written so that NaN is refused too
            raise InputError("settings.range", **bounds)


CONTROLS: dict[str, Choice | Range] = {
    "prompt_weight": Range(0.5, 1.5, 0.05, ("How strongly the prompt's directions act", "提示词指令的强度")),
    "motion": Choice(
        ("off", "low", "medium", "high"), ("How strongly the picture answers the beat", "画面随节拍运动的强度")
    ),
    "duration": Range(3.0, 15.0, 0.5, ("Length of the clip", "片段时长"), " s"),
    "start": Range(
        0.0, 86400.0, 0.01, ("Where in the song the clip begins", "片段在歌曲中的起点"), " s", optional=True
    ),
    "resolution": Choice(("720p", "480p"), ("Shorter side of the picture in pixels", "画面短边的像素数")),
    "aspect": Choice(("16:9", "9:16", "1:1"), ("Shape of the picture", "画面比例")),
    "fps": Choice((30, 24), ("Frames per second", "每秒帧数")),
    "fit": Choice(
        ("auto", "crop", "blur"), ("Crop the picture, or show it whole on a blur", "裁切，或完整显示加模糊背景")
    ),
    "quality": Choice(
        ("draft", "final"), ("How many steps a model takes; preview has none", "模型计算步数的多少；preview 不受影响")
    ),
    "seed": Range(
        0, 2**32 - 1, 1, ("Another seed gives other grain, dust and camera shake", "不同种子产生不同的颗粒与抖动")
    ),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that decides a clip besides the picture and the song: equal settings give equal clips.

    Parameters
    ----------
    prompt : str
        Comma-separated directions in English or Chinese, e.g. ``"slow pan right, subtle glow"``.
    prompt_weight : float, 0.5 to 1.5
        Scales what the directions do.
    motion : 'off', 'low', 'medium', 'high'
        Scales the answer to the beat; 'off' is a still picture.
    duration : float, seconds
        Length of the clip, 3 to 15.
    start : float or None, seconds
        Where in the song the clip begins; None takes the best excerpt (`s2v_nb.best_excerpts`).
    resolution, aspect, fps
        '720p' or '480p'; '16:9', '9:16' or '1:1'; 30 or 24.
    fit : 'auto', 'crop', 'blur'
        Crop to the aspect, or show the picture whole on a blurred surround; 'auto' decides by what a crop would lose.
    subject : (float, float) or None
        The point the crop and the camera keep, as parts of width and height from the top left; None finds one.
    quality : 'draft', 'final'
        How much time a model takes: few steps or all; of no effect in `preview`.
    seed : int
        Fixes grain, particles and camera shake, and what a model draws.
    engine : str
        'auto' takes the best engine that can run here.

    Raises
    ------
    InputError
        If a value is out of its bounds; the sentence names the bounds.
    """

    prompt: str = ""
    prompt_weight: float = 1.0
    motion: str = "medium"
    duration: float = 8.0
    start: float | None = None
    resolution: str = "720p"
    aspect: str = "16:9"
    fps: int = 30
    fit: str = "auto"
    quality: str = "draft"
    subject: tuple[float, float] | None = None
    seed: int = 0
    engine: str = "auto"

    def __post_init__(self) -> None:
        for name, control in CONTROLS.items():
            control.check(name, getattr(self, name))
        for name in ("prompt", "engine"):
            if not isinstance(getattr(self, name), str):
                raise InputError("settings.text", name=name, value=getattr(self, name))
        if len(self.prompt) > LONGEST_PROMPT:
            raise InputError("settings.prompt", length=len(self.prompt), high=LONGEST_PROMPT)
        if self.subject is not None:
            object.__setattr__(self, "subject", _point(self.subject))
        object.__setattr__(self, "fps", int(self.fps))
        for name in ("prompt_weight", "duration", "start"):  # so that 8 and 8.0 name the same run
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the clip in pixels."""
        return SIZES[self.resolution, self.aspect]

    @property
    def num_frames(self) -> int:
        return round(self.duration * self.fps)

    def but(self, **changes: Any) -> "Settings":
        """The same settings with some changed."""
        return replace(self, **changes)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """Settings from a dict, such as JSON gives; an unknown name is an error."""
        names = [field.name for field in fields(cls)]
        for name in values:
            if name not in names:
                raise InputError("settings.unknown", name=name, allowed=", ".join(names))
        return cls(**values)


def number_or_text(text: str) -> int | float | str:
    """A word from a command line as the number it is, else as it stands."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _point(value: Any) -> tuple[float, float]:
    """``value`` as (x, y), both from 0 to 1."""
    try:
        x, y = (float(part) for part in value)
    except (TypeError, ValueError):
        raise InputError("settings.subject", value=value) from None
    if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
        raise InputError("settings.subject", value=value)
    return x, y
