"""A picture that jerks to a stop at moments that are known: what a video model might make of a song, in small."""

import cv2
import numpy as np


def jerky_frames(stops: np.ndarray, fps: float, count: int, size: tuple[int, int] = (256, 144)) -> np.ndarray:
    """uint8 (count, height, width, 3): a texture that gathers speed and stands still at once at each of ``stops``."""
    width, height = size
    texture = _texture(width * 2, height + 40)
    places = 8 + way(np.arange(count) / fps, stops) % width * 0.9
    moves = (np.array([[1, 0, place], [0, 1, 20]]) for place in places)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.stack([cv2.warpAffine(texture, move, size, flags=flags) for move in moves])


def way(times: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """How far it has moved, pixels: there and back by turns, each time faster and faster until the stop."""
    ends = np.concatenate([[stops[0] - 0.5], stops, [stops[-1] + 0.5]])
    k = np.clip(np.searchsorted(ends, times, side="right") - 1, 0, len(ends) - 2)
    share = np.clip((times - ends[k]) / (ends[k + 1] - ends[k]), 0, 1)
    return 40 * np.where(k % 2, 1 - share**3, share**3)


def _texture(width: int, height: int) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.clip(128 + 60 * soft / soft.std(), 0, 255).astype(np.uint8)
