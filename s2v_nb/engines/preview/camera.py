"""The camera's path over the plate: one affine map a frame, never showing an edge."""

from dataclasses import dataclass, replace

import numpy as np

from s2v_nb.engines.preview.beat import Beat
from s2v_nb.engines.preview.directions import Look
from s2v_nb.media.framing import Plate

MAX_BASE_ZOOM = 1.3  # how far the camera may move in to gain room for a pan
LONGEST_TRAVEL = {
    "zoom": 0.45,
    "pan": 0.45,
    "tilt": 0.45,
    "roll": 9.0,
    "dolly": 0.14,
    "truck": 0.07,
}  # over a whole clip


@dataclass(frozen=True, eq=False)
class Path:
    """Curves of shape (frame,): the window's centre ``x``, ``y`` as offset in parts of its size, ``zoom`` as
    logarithm of the scale, ``roll`` in radians; ``dolly`` and ``truck`` part foreground and background.
    """

    x: np.ndarray
    y: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray
    dolly: np.ndarray
    truck: np.ndarray


def make_path(look: Look, beat: Beat, times: np.ndarray, seed: int) -> Path:
    """The path a look and a beat ask for, before it is fitted into a plate; ``times`` in seconds."""
    span = times[-1] if len(times) > 1 else 1.0
    u = _eased(times / span) if span > 0 else np.zeros(len(times))

    def travel(name: str) -> float:
        limit = LONGEST_TRAVEL[name]
        return float(np.clip(getattr(look, name) * span, -limit, limit))

    unrest_x, unrest_y, unrest_zoom, unrest_roll = _unrest(look, times, seed)
    shake_x, shake_y = (_noise(times, seed + k, 7.0) * beat.shake * 1.5 for k in (11, 12))
    zoom = travel("zoom") * (u if look.zoom >= 0 else u - 1)
    return Path(
        x=travel("pan") * (u - 0.5) + unrest_x + shake_x,
        y=travel("tilt") * (u - 0.5) + unrest_y + shake_y - beat.bounce,
        zoom=zoom + unrest_zoom + beat.zoom,
        roll=np.radians(travel("roll") * (u - 0.5) + unrest_roll),
        dolly=travel("dolly") * (u if look.dolly >= 0 else u - 1) + 0.6 * beat.zoom * (look.dolly != 0),
        truck=travel("truck") * (u - 0.5),
    )


def standing(count: int) -> Path:
    """The path of a camera that never moves, over ``count`` frames."""
    return Path(**{name: np.zeros(count) for name in ("x", "y", "zoom", "roll", "dolly", "truck")})


def without_parallax(path: Path) -> Path:
    """The path for a picture of one layer."""
    return replace(path, dolly=0 * path.dolly, truck=0 * path.truck)


def _eased(u: np.ndarray) -> np.ndarray:
    """0 to 1 at an even pace with a soft start and stop over the first and last eighth."""
    ramp = 0.125
    speed = np.clip(np.minimum(u, 1 - u) / ramp, 0.15, 1)
    way = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(u))])
    return way / way[-1] if way[-1] > 0 else way


def _unrest(look: Look, times: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Offsets (x, y, log zoom, roll in degrees) of an unquiet camera: several slow waves, none a beat."""
    t = times * look.pace
    wave = np.sin(2 * np.pi * t / 5.0)
    x = 0.007 * look.handheld * _noise(t, seed + 1, 0.9) + 0.02 * look.sway * wave
    y = 0.008 * look.handheld * _noise(t, seed + 2, 0.8) + 0.004 * look.sway * np.cos(4 * np.pi * t / 5.0)
    x = x + 0.014 * look.drift * _noise(t, seed + 3, 0.12)
    y = y + 0.014 * look.drift * _noise(t, seed + 4, 0.1)
    zoom = 0.025 * look.breathe * (1 - np.cos(2 * np.pi * t / 4.0)) / 2
    roll = 0.35 * look.handheld * _noise(t, seed + 5, 0.6) + 1.4 * look.rock * np.sin(2 * np.pi * t / 4.5)
    return x, y, zoom, roll


def _noise(times: np.ndarray, seed: int, rate: float) -> np.ndarray:
    """Smooth noise about -1 to 1: five sines round ``rate`` Hz with phases drawn from ``seed``."""
    rng = np.random.default_rng([seed, 77])
    rates, phases = rate * rng.uniform(0.5, 1.9, 5), rng.uniform(0, 2 * np.pi, 5)
    weights = 1 / (0.5 + rates / rate)
    return (weights[:, None] * np.sin(2 * np.pi * rates[:, None] * times + phases[:, None])).sum(axis=0) / 2.2


def fit_path(path: Path, plate: Plate) -> Path:
    """The path moved in, and its wandering reduced if that is not enough, so that no edge of the plate shows."""
    lowest = path.zoom.min()
    path = replace(path, zoom=path.zoom - lowest)  # at its widest the window is the plate's window
    for base in np.log(np.arange(1.0, MAX_BASE_ZOOM + 1e-9, 0.02)):
        moved = replace(path, zoom=path.zoom + base)
        if _inside(moved, plate):
            return moved
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if _inside(_reduced(moved, middle), plate) else (low, middle)
    return _reduced(moved, low)


def _reduced(path: Path, amount: float) -> Path:
    names = ("x", "y", "roll", "dolly", "truck")
    return replace(path, **{name: getattr(path, name) * amount for name in names})


def _inside(path: Path, plate: Plate) -> bool:
    """True if all four corners of every frame lie on the plate, for every layer."""
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)])
    height, width = plate.pixels.shape[:2]
    for layer in (-1, 1) if path.dolly.any() or path.truck.any() else (0,):
        maps = matrices(path, plate, (1, 1), layer=layer)
        at = np.einsum("nij,kj->nki", maps[:, :, :2], corners) + maps[:, None, :, 2]
        if at.min() < 0.5 or at[..., 0].max() > width - 1.5 or at[..., 1].max() > height - 1.5:
            return False
    return True


def matrices(path: Path, plate: Plate, size: tuple[int, int], layer: int = 0) -> np.ndarray:
    """Maps from clip pixels to plate pixels, shape (frame, 2, 3), for a clip of ``size`` (width, height).

    ``layer`` is 0 for the whole picture, 1 for the foreground, -1 for the background of a parallax. Zoom and roll act
    round the subject, so that it stays where it is.
    """
    left, top, across, down = plate.window
    subject_x, subject_y = plate.subject
    zoom = np.exp(-(path.zoom + layer * 0.5 * path.dolly))
    cos, sin = np.cos(path.roll), np.sin(path.roll)
    shift_x = left + across * (path.x + layer * 0.5 * path.truck)
    shift_y = top + down * path.y
    step_x, step_y = across / size[0], down / size[1]
    # a point of the clip -> the same point of the resting window -> turned and scaled round the subject
    from_x, from_y = shift_x - subject_x, shift_y - subject_y
    maps = np.empty((len(zoom), 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = zoom * cos * step_x, -zoom * sin * step_y
    maps[:, 1, 0], maps[:, 1, 1] = zoom * sin * step_x, zoom * cos * step_y
    maps[:, 0, 2] = subject_x + zoom * (cos * from_x - sin * from_y)
    maps[:, 1, 2] = subject_y + zoom * (sin * from_x + cos * from_y)
    return maps


def place_in_frame(point: tuple[float, float], to_plate: np.ndarray, size: tuple[int, int]) -> tuple[float, float]:
    """Where a ``point`` (x, y) of the plate is seen, in parts of a frame of ``size``; 0 to 1 unless it lies outside.

    ``to_plate`` is the frame's map, shape (2, 3), see `matrices`.
    """
    x, y = np.linalg.solve(to_plate[:, :2], np.array(point) - to_plate[:, 2]) / size
    return float(x), float(y)
