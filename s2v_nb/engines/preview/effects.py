"""What lies over the camera's view: light, vignette, particles, grain, dither, the pulse of brightness and bars."""

import cv2
import numpy as np

from s2v_nb.engines.preview.beat import Beat
from s2v_nb.engines.preview.directions import Look
from s2v_nb.engines.preview.light import Light, vignette
from s2v_nb.engines.preview.particles import swarms

GRAIN_PER_SECOND = 24  # grain changes as on film, whatever the clip's rate
_TILE_MARGIN = 192


class Effects:
    """The effects of a look over a clip; `over` may be called from several threads and for frames in any order.

    Parameters
    ----------
    size : (int, int), pixels
        Width and height of the clip.
    times : np.ndarray, shape (frame,), seconds
        The moment of each frame.
    still : bool
        Whether nothing answers to the beat and no particles fly.
    """

    def __init__(
        self, look: Look, beat: Beat, times: np.ndarray, *, size: tuple[int, int], seed: int, still: bool
    ) -> None:
        self.look, self.beat, self.times, self.size, self.seed, self.still = look, beat, times, size, seed, still
        self.light = Light(look, size, seed)
        self.swarms = [] if still else swarms(look, size, seed)
        self.vignette = cv2.merge([vignette(size, look.vignette)] * 3) if look.vignette > 0 else None
        rng = np.random.default_rng([seed, 9])
        self.dither = _dither(size, rng)
        self.grain = _grain(size, rng, look.grain) if look.grain > 0 else None
        self.bars = round(size[1] - size[0] / 2.39) // 2 if look.letterbox > 0 else 0

    def over(self, view: np.ndarray, index: int, source: tuple[float, float]) -> np.ndarray:
        """Frame ``index`` as uint8 RGB (height, width, 3).

        ``view`` is what the camera sees, float32, 0 to 1, and is overwritten; ``source`` is where the light comes from,
        (x, y) in parts of the frame.
        """
        t, beat = float(self.times[index]), 0.0 if self.still else float(self.beat.light[index])
        if self.light.needed:
            self._add_light(view, t, beat, source)
        if self.vignette is not None:
            view = cv2.multiply(view, self.vignette, dst=view)
        for swarm in self.swarms:
            _add_layer(view, swarm.draw(t), swarm.kind.color)
        noise = self.dither if self.grain is None else self._grain_at(t)  # grain hides steps better than dither
        view = cv2.add(view, noise, dst=view)
        picture = cv2.convertScaleAbs(view, alpha=255 * self._gain(t, beat))
        if self.bars > 0:
            picture[: self.bars] = picture[-self.bars :] = 0
        return picture

    def _add_light(self, view: np.ndarray, t: float, beat: float, source: tuple[float, float]) -> None:
        low = cv2.resize(view, self.light.size, interpolation=cv2.INTER_AREA)
        added = self.light.add(low, t, beat, source)
        cv2.add(view, cv2.resize(added, self.size, interpolation=cv2.INTER_LINEAR), dst=view)

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
