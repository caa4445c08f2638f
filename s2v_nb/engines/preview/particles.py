"""Particles: rain, snow, dust, embers, sparkles and bokeh, each a plain function of time and seed."""

from dataclasses import dataclass

import cv2
import numpy as np

from s2v_nb.engines.preview.directions import Look

MARGIN = 0.12  # particles live on a field this much larger than the frame and wrap round unseen
_SHIFT = 4  # cv2 draws with coordinates in 1/16 pixel


@dataclass(frozen=True)
class Kind:
    """How one kind of particle moves and looks; lengths in parts of the frame's height, speeds a second."""

    count: int
    speed: tuple[float, float]
    spread: float
    radius: tuple[float, float]
    streak: float
    wobble: float
    twinkle: float
    brightness: float
    color: tuple[float, float, float]
    blur: float


KINDS = {
    "rain": Kind(380, (-0.12, 1.9), 0.35, (0.0007, 0.0012), 0.075, 0.0, 0.0, 0.27, (0.85, 0.92, 1.0), 0.6),
    "snow": Kind(240, (0.02, 0.11), 0.6, (0.0015, 0.0055), 0.0, 0.015, 0.0, 0.75, (0.97, 0.98, 1.0), 0.8),
    "dust": Kind(130, (0.012, -0.008), 0.9, (0.001, 0.0036), 0.0, 0.012, 0.7, 0.42, (1.0, 0.93, 0.8), 0.9),
    "embers": Kind(120, (0.02, -0.13), 0.6, (0.0015, 0.0045), 0.0, 0.02, 0.8, 1.0, (1.0, 0.55, 0.18), 0.8),
    "sparkle": Kind(80, (0.0, 0.006), 0.5, (0.001, 0.0026), 0.0, 0.004, 1.0, 0.95, (1.0, 0.98, 0.92), 0.7),
}


class Swarm:
    """All particles of one kind; `draw` gives them at a moment as a grey layer of half the clip's size."""

    def __init__(self, name: str, amount: float, pace: float, size: tuple[int, int], seed: int) -> None:
        self.kind = kind = KINDS[name]
        self.size = (size[0] // 2, size[1] // 2)
        self.amount = min(amount, 1.4)
        rng = np.random.default_rng([seed, *name.encode()])
        count = round(kind.count * min(amount, 1.4) * max(0.6, size[0] / size[1] / 1.78))
        aspect = size[0] / size[1]
        self.at = rng.random((count, 2)) * ((1 + 2 * MARGIN) * aspect, 1 + 2 * MARGIN)
        near = rng.random(count) ** 1.6  # most are far: small, slow and faint
        self.radius = kind.radius[0] + (kind.radius[1] - kind.radius[0]) * near
        scale = (1 - kind.spread) + 2 * kind.spread * near
        jitter = rng.normal(0, 0.12, (count, 2)) * np.hypot(*kind.speed)
        self.speed = (np.array(kind.speed) * scale[:, None] + jitter) * pace
        self.light = kind.brightness * (0.35 + 0.65 * near)
        self.phase = rng.random((count, 3)) * 2 * np.pi
        self.rate = rng.uniform(0.25, 0.9, (count, 3)) * pace

    def draw(self, t: float) -> np.ndarray:
        """uint8 (height / 2, width / 2) at second ``t``."""
        kind, height = self.kind, self.size[1]
        waves = np.sin(2 * np.pi * self.rate * t + self.phase)
        field = np.array([self.size[0] / height, 1.0]) + 2 * MARGIN * np.array([self.size[0] / height, 1.0])
        at = (self.at + self.speed * t + kind.wobble * waves[:, :2]) % field - MARGIN * field / (1 + 2 * MARGIN)
        light = self.light * (1 - kind.twinkle * (0.5 - 0.5 * waves[:, 2]) ** 0.7) * 255
        start = np.round(at * height * 2**_SHIFT).astype(int)
        tail = np.round(self.speed * (kind.streak * height / 1.9) * 2**_SHIFT).astype(int)
        radius = np.maximum(self.radius * height, 0.35)
        layer = np.zeros((self.size[1], self.size[0]), np.uint8)
        for (x, y), (dx, dy), r, value in zip(start.tolist(), tail.tolist(), radius, light, strict=True):
            if kind.streak:
                width = max(1, round(2 * r))
                cv2.line(layer, (x, y), (x - dx, y - dy), float(value), width, cv2.LINE_AA, _SHIFT)
            else:
                cv2.circle(layer, (x, y), round(r * 2**_SHIFT), float(value), -1, cv2.LINE_AA, _SHIFT)
        return cv2.GaussianBlur(layer, (0, 0), kind.blur * height / 360)


def swarms(look: Look, size: tuple[int, int], seed: int) -> list[Swarm]:
    """The swarms a look asks for."""
    amounts = {name: getattr(look, name) for name in KINDS}
    return [Swarm(name, amount, look.pace, size, seed) for name, amount in amounts.items() if amount > 0]
