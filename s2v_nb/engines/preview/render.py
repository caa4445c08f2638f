"""One frame: the camera's view of the graded plate, with light, particles, grain and dither."""

import cv2
import numpy as np

from s2v_nb.engines.base import Request
from s2v_nb.engines.preview.beat import beat_curves
from s2v_nb.engines.preview.camera import Path, fit_path, make_path, matrices
from s2v_nb.engines.preview.directions import Look
from s2v_nb.engines.preview.grade import grade
from s2v_nb.engines.preview.light import Light, brightest_point, vignette
from s2v_nb.engines.preview.particles import swarms
from s2v_nb.engines.preview.split import Split
from s2v_nb.media.framing import Plate

GRAIN_PER_SECOND = 24  # grain changes as on film, whatever the clip's rate
_TILE_MARGIN = 192
_LINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


class Renderer:
    """Everything that stays the same over a clip; `frame` is a pure function of the frame's number."""

    def __init__(self, request: Request, look: Look, plate: Plate, split: Split | None) -> None:
        settings = request.settings
        self.size = settings.size
        self.look = look
        self.still = settings.motion == "off"
        self.times = np.zeros(request.num_frames) if self.still else request.times
        self.beat = beat_curves(request.rhythm, request.times, settings.motion, look)
        wanted = make_path(look, self.beat, self.times, settings.seed)
        self.path = fit_path(_standing(request.num_frames) if self.still else wanted, plate)
        self.layers = self._layers(plate, look, split)
        self.source = brightest_point(plate.pixels)
        self.light = Light(look, self.size, settings.seed)
        self.swarms = [] if self.still else swarms(look, self.size, settings.seed)
        self.vignette = cv2.merge([vignette(self.size, look.vignette)] * 3) if look.vignette > 0 else None
        rng = np.random.default_rng([settings.seed, 9])
        self.seed = settings.seed
        self.dither = _dither(self.size, rng)
        self.grain = _grain(self.size, rng, look.grain) if look.grain > 0 else None
        self.bars = round(self.size[1] - self.size[0] / 2.39) // 2 if look.letterbox > 0 else 0

    def _layers(self, plate: Plate, look: Look, split: Split | None) -> list[tuple[np.ndarray, np.ndarray]]:
        """(float32 plate, maps) from back to front; a foreground has its alpha as fourth channel, multiplied in."""
        parallax = split is not None and bool(self.path.dolly.any() or self.path.truck.any())
        if not parallax or split is None:
            flat = Path(**{**vars(self.path), "dolly": 0 * self.path.dolly, "truck": 0 * self.path.truck})
            return [(grade(plate.pixels, look), matrices(flat, plate, self.size))]
        front = np.dstack([grade(plate.pixels, look) * split.alpha[..., None], split.alpha])
        return [
            (grade(split.background, look), matrices(self.path, plate, self.size, layer=-1)),
            (front, matrices(self.path, plate, self.size, layer=1)),
        ]

    def frame(self, index: int) -> np.ndarray:
        """Frame ``index`` as uint8 RGB (height, width, 3)."""
        t, beat = float(self.times[index]), float(self.beat.light[index])
        if self.still:
            beat = 0.0
        out = self._view(index)
        if self.light.needed:
            self._add_light(out, index, t, beat)
        if self.vignette is not None:
            out = cv2.multiply(out, self.vignette, dst=out)
        for swarm in self.swarms:
            _add_layer(out, swarm.draw(t), swarm.kind.color)
        noise = self.dither if self.grain is None else self._grain_at(t)  # grain hides steps better than dither
        out = cv2.add(out, noise, dst=out)
        picture = cv2.convertScaleAbs(out, alpha=255 * self._gain(t, beat))
        if self.bars > 0:
            picture[: self.bars] = picture[-self.bars :] = 0
        return picture

    def _view(self, index: int) -> np.ndarray:
        """What the camera sees, float32."""
        back, *front = (
            cv2.warpAffine(plate, maps[index], self.size, flags=_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            for plate, maps in self.layers
        )
        for layer in front:
            back *= 1 - layer[..., 3:]
            back += layer[..., :3]
        return back

    def _add_light(self, out: np.ndarray, index: int, t: float, beat: float) -> None:
        low = cv2.resize(out, self.light.size, interpolation=cv2.INTER_AREA)
        maps = self.layers[0][1][index]
        at = np.linalg.solve(maps[:, :2], np.array(self.source) - maps[:, 2]) / self.size
        added = self.light.add(low, t, beat, (float(at[0]), float(at[1])))
        cv2.add(out, cv2.resize(added, self.size, interpolation=cv2.INTER_LINEAR), dst=out)

    def _gain(self, t: float, beat: float) -> float:
        """Brightness of the moment; darker between the beats, not brighter on them, so that nothing burns out."""
        gain = 1.0 if self.still else 1 - self.beat.depth * (0.7 - beat)
        if self.look.candle > 0 and not self.still:
            turn = 2 * np.pi * t * self.look.pace
            waver = np.sin(1.3 * turn) + 0.6 * np.sin(2.9 * turn + 1) + 0.4 * np.sin(0.37 * turn)
            gain *= 1 + 0.03 * self.look.candle * waver
        return float(gain)

    def _grain_at(self, t: float) -> np.ndarray:
        """A window of the grain tile, at another place every 1/24 s."""
        assert self.grain is not None
        x, y = np.random.default_rng([self.seed, int(t * GRAIN_PER_SECOND), 3]).integers(0, _TILE_MARGIN, 2)
        return self.grain[y : y + self.size[1], x : x + self.size[0]]


def _standing(count: int) -> Path:
    return Path(**{name: np.zeros(count) for name in ("x", "y", "zoom", "roll", "dolly", "truck")})


def _add_layer(out: np.ndarray, layer: np.ndarray, color: tuple[float, float, float]) -> None:
    """Add a half-size grey layer in a colour."""
    big = cv2.resize(layer, (out.shape[1], out.shape[0]), interpolation=cv2.INTER_LINEAR)
    rows = np.flatnonzero(big.any(axis=1))
    if len(rows):
        part = slice(rows[0], rows[-1] + 1)
        for channel, part_of_light in enumerate(color):
            out[part, :, channel] += big[part] * np.float32(part_of_light / 255)


def _dither(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Triangular noise of one step of 8 bit, fixed over the clip: gradients stay smooth and nothing flickers."""
    noise = rng.random((size[1], size[0]), np.float32) - rng.random((size[1], size[0]), np.float32)
    return cv2.merge([noise / np.float32(255)] * 3)


def _grain(size: tuple[int, int], rng: np.random.Generator, amount: float) -> np.ndarray:
    """A tile of grain with some margin, float32 (height, width, 3), grey as silver is."""
    shape = size[1] + _TILE_MARGIN, size[0] + _TILE_MARGIN
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 0.75)
    return cv2.merge([noise / noise.std() * np.float32(0.028 * amount)] * 3)
