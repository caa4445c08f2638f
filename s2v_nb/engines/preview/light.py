"""Light that lies over the picture: glow, leaks, flares, rays, haze and bokeh, made at quarter size and added.

All work on float32 RGB of shape (height / 4, width / 4, 3), display values 0 to 1.
"""

import cv2
import numpy as np

from s2v_nb.engines.preview.directions import Look

QUARTER = 4
_LEAKS = (  # place, drift a second, size, colour
    ((0.02, 0.25), (0.010, 0.03), 0.30, (1.0, 0.42, 0.12)),
    ((1.0, 0.75), (-0.014, -0.02), 0.26, (1.0, 0.22, 0.28)),
    ((0.85, 0.05), (-0.02, 0.012), 0.22, (1.0, 0.62, 0.25)),
)


class Light:
    """The additive light of a look. ``source`` is the brightest point of the picture, (x, y) in plate pixels."""

    def __init__(self, look: Look, size: tuple[int, int], seed: int) -> None:
        self.look = look
        self.size = (size[0] // QUARTER, size[1] // QUARTER)
        rng = np.random.default_rng([seed, 5])
        self.leak_phase = rng.random(len(_LEAKS)) * 2 * np.pi
        self.haze = _fractal(self.size, rng) if look.haze > 0 else None
        self.discs = rng.random((round(26 * min(1.4, max(0.0, look.bokeh))), 6))
        x, y = np.meshgrid(np.linspace(0, 1, self.size[0]), np.linspace(0, 1, self.size[1]))
        self.grid = np.stack([x, y], axis=-1).astype(np.float32)
        self.aspect = size[0] / size[1]

    @property
    def needed(self) -> bool:
        look = self.look
        return any(v > 0 for v in (look.glow, look.soft, look.leak, look.flare, look.rays, look.haze, look.bokeh))

    def add(self, low: np.ndarray, t: float, beat: float, source: tuple[float, float]) -> np.ndarray:
        """What to add to a frame whose quarter-size copy is ``low``, at second ``t``, for ``beat`` 0 to 1.

        ``source`` is the light source in parts of the frame (it may lie outside).
        """
        look, t = self.look, t * self.look.pace
        out = np.zeros_like(low)
        swell = 0.75 + 0.5 * beat
        if look.glow > 0 or look.soft > 0:
            out += self._glow(low, swell)
        if look.rays > 0:
            out += self._rays(low, source) * np.float32(0.85 * look.rays * swell)
        if look.leak > 0:
            out += self._leaks(t) * np.float32(0.5 * look.leak * swell)
        if look.flare > 0:
            out += self._flare(source) * np.float32(0.6 * look.flare * swell)
        if look.bokeh > 0:
            out += self._bokeh(t) * np.float32(0.9 * swell)
        if look.haze > 0:
            out += self._haze(t) * np.float32(0.30 * look.haze)
        return out * (1 - np.clip(low, 0, 1))  # like light on film: bright places take less of it

    def _glow(self, low: np.ndarray, swell: float) -> np.ndarray:
        lights = np.clip(low - 0.35, 0, None) * 1.4
        narrow, wide = self.size[1] / 60, self.size[1] / 16
        bloom = cv2.GaussianBlur(lights, (0, 0), narrow) * 0.5 + _wide_blur(lights, wide) * 0.8
        out = bloom * np.float32(0.75 * self.look.glow * swell)
        if self.look.soft > 0:
            out += cv2.GaussianBlur(low, (0, 0), self.size[1] / 40) * np.float32(0.32 * self.look.soft)
        return out

    def _rays(self, low: np.ndarray, source: tuple[float, float]) -> np.ndarray:
        """Highlights drawn outwards from the source: a radial blur in four doublings."""
        lights = np.clip(low - 0.5, 0, None) * 1.6
        x, y = source[0] * self.size[0], source[1] * self.size[1]
        for scale in (0.96, 0.92, 0.85, 0.72):
            move = np.array([[scale, 0, x * (1 - scale)], [0, scale, y * (1 - scale)]], np.float32)
            spread = cv2.warpAffine(lights, move, self.size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            lights = (lights + spread) * np.float32(0.52)
        return cv2.GaussianBlur(lights, (0, 0), 1.2)

    def _leaks(self, t: float) -> np.ndarray:
        out = np.zeros((self.size[1], self.size[0], 3), np.float32)
        for (place, drift, radius, color), phase in zip(_LEAKS, self.leak_phase, strict=True):
            at = np.array(place) + np.array(drift) * np.sin(0.5 * t + phase) * 4
            away = (self.grid - at.astype(np.float32)) * np.array([1.0, 0.7], np.float32)
            blob = np.exp(-(away**2).sum(axis=-1) / np.float32(2 * radius**2))
            out += blob[..., None] * np.array(color, np.float32) * np.float32(0.7 + 0.3 * np.sin(0.8 * t + 2 * phase))
        return out

    def _flare(self, source: tuple[float, float]) -> np.ndarray:
        """An anamorphic streak through the source and two ghosts on the line through the middle."""
        x, y = source
        away = self.grid - np.array(source, np.float32)
        across, up = away[..., 0] * self.aspect, away[..., 1]
        inside = np.clip(1.3 - 0.9 * max(abs(x - 0.5), abs(y - 0.5)) / 0.5, 0, 1)  # fades as the source leaves
        streak = np.exp(-(up**2) / (2 * 0.006**2)) * np.exp(-np.abs(across) / 0.45)
        core = np.exp(-(across**2 + up**2) / (2 * 0.05**2))
        out = streak[..., None] * np.array((0.45, 0.65, 1.0)) + core[..., None] * np.array((1.0, 0.9, 0.75)) * 0.7
        for far, radius, color in ((1.6, 0.05, (0.3, 0.5, 0.4)), (2.2, 0.09, (0.4, 0.3, 0.5))):
            ghost = (self.grid - np.array([x + (0.5 - x) * far, y + (0.5 - y) * far])) * (self.aspect, 1)
            out = out + np.clip(1.5 - np.hypot(*np.moveaxis(ghost, -1, 0)) / radius, 0, 1)[..., None] * color * 0.25
        return (out * inside).astype(np.float32)

    def _bokeh(self, t: float) -> np.ndarray:
        """Soft discs of out-of-focus lights that drift and breathe."""
        width, height = self.size
        out = np.zeros((height, width, 3), np.float32)
        for x, y, big, hue, phase, pace in self.discs:
            radius = height * (0.02 + 0.055 * big)
            left = int(((x + 0.012 * (pace - 0.5) * t) * 1.3 % 1.3 - 0.15) * width - radius)
            top = int(((y - 0.010 * (0.4 + pace) * t) * 1.3 % 1.3 - 0.15) * height - radius)
            color = np.array((1.0, 0.78 - 0.35 * hue, 0.5 + 0.5 * abs(2 * hue - 1)), np.float32)
            light = 0.16 + 0.14 * np.sin(2 * np.pi * (0.1 + 0.1 * pace) * t + 6.28 * phase)
            _add_disc(out, left, top, radius, color * np.float32(light))
        return cv2.GaussianBlur(out, (0, 0), 1.0)

    def _haze(self, t: float) -> np.ndarray:
        assert self.haze is not None
        move = np.array([[0.5, 0, self.size[0] * (0.25 + 0.010 * t)], [0, 0.5, self.size[1] * 0.3]], np.float32)
        cloud = cv2.warpAffine(
            self.haze, move, self.size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP
        )
        depth = 0.45 + 0.75 * self.grid[..., 1]  # thicker towards the ground
        return (cloud * depth)[..., None] * np.array((0.92, 0.95, 1.0), np.float32)


def _add_disc(out: np.ndarray, left: int, top: int, radius: float, color: np.ndarray) -> None:
    """Add a disc with a brighter rim; what lies outside ``out`` is cut off."""
    side = 2 * int(radius) + 9
    disc = np.zeros((side, side), np.uint8)
    center = (round(side * 8), round(side * 8))
    cv2.circle(disc, center, round(radius * 16), 150, -1, cv2.LINE_AA, 4)
    cv2.circle(disc, center, round(radius * 16), 255, max(1, round(radius / 9)), cv2.LINE_AA, 4)
    x, y = max(0, left), max(0, top)
    part = out[y : max(0, top + side), x : max(0, left + side)]
    if part.size:
        cut = disc[y - top : y - top + part.shape[0], x - left : x - left + part.shape[1]]
        part += cut[..., None].astype(np.float32) / 255 * color


def _wide_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """A wide Gaussian at a quarter of the size: nobody sees the difference, and it costs a sixteenth."""
    small = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)


def _fractal(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Cloud noise, float32 (height, width), 0 to 1, that tiles."""
    total = np.zeros((size[1], size[0]), np.float32)
    for octave in range(2, 7):
        cells = rng.random((2**octave, 2**octave)).astype(np.float32)
        tiled = np.pad(cells, 2, mode="wrap")
        big = cv2.resize(tiled, None, fx=size[0] / 2**octave, fy=size[1] / 2**octave, interpolation=cv2.INTER_CUBIC)
        y, x = round(2 * size[1] / 2**octave), round(2 * size[0] / 2**octave)
        total += big[y : y + size[1], x : x + size[0]] * 0.55**octave
    total -= total.min()
    return total / total.max()


def vignette(size: tuple[int, int], amount: float) -> np.ndarray:
    """Factor of shape (height, width), 1 in the middle, darker towards the corners."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    distance = np.hypot(x, y) / np.sqrt(2)
    fall = np.clip((distance - 0.35) / 0.65, 0, 1)
    return (1 - min(0.95, 0.62 * amount) * fall * fall * (3 - 2 * fall)).astype(np.float32)


def brightest_point(pixels: np.ndarray) -> tuple[float, float]:
    """Where the picture is brightest over an area, (x, y) in its pixels."""
    gray = cv2.cvtColor(cv2.resize(pixels, (96, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    y, x = np.unravel_index(int(cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 3).argmax()), gray.shape)
    return (x + 0.5) / 96 * pixels.shape[1], (y + 0.5) / 64 * pixels.shape[0]
