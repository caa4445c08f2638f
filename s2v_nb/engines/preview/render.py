"""One frame of a picture: the camera's view of the graded plate, with the effects over it."""

import cv2
import numpy as np

from s2v_nb.engines.base import Request
from s2v_nb.engines.preview.beat import beat_curves
from s2v_nb.engines.preview.camera import fit_path, make_path, matrices, place_in_frame, standing, without_parallax
from s2v_nb.engines.preview.directions import Look
from s2v_nb.engines.preview.effects import Effects
from s2v_nb.engines.preview.grade import grade
from s2v_nb.engines.preview.light import brightest_point
from s2v_nb.engines.preview.split import Split
from s2v_nb.media.framing import Plate

_LINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


class Renderer:
    """Everything that stays the same over a clip; `frame` is a pure function of the frame's number."""

    def __init__(self, request: Request, look: Look, plate: Plate, split: Split | None) -> None:
        settings = request.settings
        self.size = settings.size
        self.still = settings.motion == "off"
        times = np.zeros(request.num_frames) if self.still else request.times
        beat = beat_curves(request.rhythm, request.times, settings.motion, look)
        wanted = make_path(look, beat, times, settings.seed)
        self.path = fit_path(standing(request.num_frames) if self.still else wanted, plate)
        self.layers = self._layers(plate, look, split)
        self.source = brightest_point(plate.pixels)
        self.effects = Effects(look, beat, times, size=self.size, seed=settings.seed, still=self.still)

    def _layers(self, plate: Plate, look: Look, split: Split | None) -> list[tuple[np.ndarray, np.ndarray]]:
        """(float32 plate, maps) from back to front; a foreground has its alpha as fourth channel, multiplied in."""
        parallax = split is not None and bool(self.path.dolly.any() or self.path.truck.any())
        if not parallax or split is None:
            return [(grade(plate.pixels, look), matrices(without_parallax(self.path), plate, self.size))]
        front = np.dstack([grade(plate.pixels, look) * split.alpha[..., None], split.alpha])
        return [
            (grade(split.background, look), matrices(self.path, plate, self.size, layer=-1)),
            (front, matrices(self.path, plate, self.size, layer=1)),
        ]

    def frame(self, index: int) -> np.ndarray:
        """Frame ``index`` as uint8 RGB (height, width, 3)."""
        source = place_in_frame(self.source, self.layers[0][1][index], self.size)
        return self.effects.over(self._view(index), index, source)

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
