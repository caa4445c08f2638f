"""The camera and light layer of the preview, over frames that move by themselves."""

from dataclasses import replace

import cv2
import numpy as np

from s2v_nb.engines.base import Request
from s2v_nb.engines.preview.beat import beat_curves
from s2v_nb.engines.preview.camera import fit_path, make_path, matrices, place_in_frame, without_parallax
from s2v_nb.engines.preview.directions import Look
from s2v_nb.engines.preview.effects import Effects
from s2v_nb.engines.preview.grade import grade
from s2v_nb.engines.preview.light import brightest_point
from s2v_nb.engines.preview.prompt import look_of, read_prompt
from s2v_nb.media.framing import Plate, crop_box, make_plate, resize

_TRAVEL = ("zoom", "pan", "tilt", "roll", "dolly", "truck")
_CUBIC = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP  # a pulse of zoom scales by a little: linear would blur and sharpen
_SHRINKS = 1.2  # source pixels a pixel of the clip, from which on fine detail would shimmer


class RhythmLayer:
    """Brings a model's frames to the clip's size and lets camera and light answer the beat.

    The camera pulses and is as unquiet as the prompt says, but does not travel: the model moves the picture. Light,
    grade, texture and particles are those of the prompt, their answer to the beat scales with *motion*. At motion 'off'
    frames are scaled and cropped, and nothing else.

    Parameters
    ----------
    request : Request
    source_size : (int, int), pixels
        Width and height of the model's frames, of any shape: a centred window of the clip's shape is shown.
    subject : (float, float)
        The point the pulses act round, (x, y) in parts of the model's frame.
    """

    def __init__(
        self, request: Request, source_size: tuple[int, int], *, subject: tuple[float, float] = (0.5, 0.5)
    ) -> None:
        settings = request.settings
        self.size, self.source_size = settings.size, source_size
        self.untouched = settings.motion == "off"
        self.box = crop_box(source_size, self.size, (0.5, 0.5))
        if self.untouched:
            return
        self.look = _untravelled(look_of(read_prompt(settings.prompt), settings.prompt_weight))
        beat = beat_curves(request.rhythm, request.times, settings.motion, self.look)
        plate = _window(self.box, source_size, subject)
        path = make_path(self.look, beat, request.times, settings.seed)
        self.maps = matrices(without_parallax(fit_path(path, plate)), plate, self.size)
        self.light = _light_source(request, self.look, source_size)
        self.effects = Effects(self.look, beat, request.times, size=self.size, seed=settings.seed, still=False)

    def frame(self, index: int, pixels: np.ndarray) -> np.ndarray:
        """Frame ``index`` of the clip, uint8 RGB (height, width, 3), of the model's frame ``pixels``.

        A pure function of both: frames may be asked for in any order and from several threads.

        Raises
        ------
        ValueError
            If ``pixels`` is not uint8 RGB of the size that was named.
        """
        if pixels.shape != (*self.source_size[::-1], 3) or pixels.dtype != np.uint8:
            raise ValueError(
                f"pixels is {pixels.dtype} of shape {pixels.shape}, but must be uint8 RGB of "
                f"{self.source_size[0]} x {self.source_size[1]} pixels"
            )
        if self.untouched:
            return resize(pixels, self.size, self.box)
        maps = self.maps[index]
        source = place_in_frame(self.light, maps, self.size)
        return self.effects.over(self._view(pixels, maps), index, source)

    def _view(self, pixels: np.ndarray, maps: np.ndarray) -> np.ndarray:
        """What the camera sees, float32."""
        graded = grade(_softened(pixels, float(np.hypot(*maps[:, 0]))), self.look)
        return cv2.warpAffine(graded, maps, self.size, flags=_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def _untravelled(look: Look) -> Look:
    return replace(look, **dict.fromkeys(_TRAVEL, 0.0))


def _window(
    box: tuple[float, float, float, float], source_size: tuple[int, int], subject: tuple[float, float]
) -> Plate:
    """What the camera films, before there are any pixels: only the size of these counts, and they take no memory."""
    width, height = source_size
    pixels = np.broadcast_to(np.uint8(0), (height, width, 3))
    window = box[0], box[1], box[2] - box[0], box[3] - box[1]
    return Plate(pixels, window, (subject[0] * width, subject[1] * height), 0.0, False)


def _light_source(request: Request, look: Look, source_size: tuple[int, int]) -> tuple[float, float]:
    """Where flares and rays come from, in pixels of the model's frame: the brightest point of the picture.

    Not that of each frame: it would jump from lamp to lamp, and the flare with it.
    """
    if look.flare <= 0 and look.rays <= 0:
        return source_size[0] / 2, source_size[1] / 2
    plate = make_plate(request.image, source_size, fit=request.settings.fit, subject=request.settings.subject)
    left, top, across, down = plate.window
    x, y = brightest_point(plate.pixels[round(top) : round(top + down), round(left) : round(left + across)])
    return x * source_size[0] / across, y * source_size[1] / down


def _softened(pixels: np.ndarray, step: float) -> np.ndarray:
    """The frame without detail finer than a pixel of the clip, ``step`` of its pixels wide."""
    return cv2.GaussianBlur(pixels, (0, 0), 0.5 * np.sqrt(step * step - 1)) if step > _SHRINKS else pixels
