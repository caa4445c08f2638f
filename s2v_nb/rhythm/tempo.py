"""The tempo of a row of beats."""

import numpy as np


def tempo_of(beats: np.ndarray) -> float | None:
    """Beats per minute: 60 over the slope of a robust line through the beats (Theil-Sen); None under two beats."""
    if len(beats) < 2:
        return None
    count = min(len(beats) - 1, 16)
    slopes = [np.median((beats[k:] - beats[:-k]) / k) for k in range(max(1, count // 2), count + 1)]
    return float(60 / np.median(slopes))
