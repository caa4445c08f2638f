"""The calibration clip: a frozen picture with a flash on each beat of a song, through the whole chain.

What `measure_alignment` finds in it is the error of the chain itself: decoding of the song, encoder delays, container,
decoding of the clip, the ear and the eye. R must be over 0.98 and the median lag under half a frame.
"""

from pathlib import Path

import numpy as np

from s2v_nb.media import Audio, load_audio, write_video

SIZE = (640, 360)
FLASH_SECONDS = 0.1


def calibration_clip(path: str | Path, audio: str | Path | Audio, beats: np.ndarray, *, fps: int) -> Path:
    """Write a clip that flashes on each of ``beats`` (seconds from the song's start) for the length of ``audio``.

    The flash is full on the frame nearest to its beat and fades within 0.1 s.
    """
    song = load_audio(audio)
    num_frames = round(song.duration * fps)
    times = np.arange(num_frames) / fps
    light = np.zeros(num_frames)
    for beat in beats:
        since = times - round(beat * fps) / fps
        light = np.maximum(light, np.where(since >= 0, np.clip(1 - since / FLASH_SECONDS, 0, 1), 0))
    picture = _picture()
    frames = ((picture * (0.5 + 0.4 * level) + 0.5).astype(np.uint8) for level in light)
    path = Path(path)
    write_video(path, frames, size=SIZE, fps=fps, num_frames=num_frames, audio=song, comment={})
    return path


def _picture() -> np.ndarray:
    """A soft pattern with structure everywhere, float (height, width, 3), 40 to 215."""
    x, y = np.meshgrid(np.linspace(0, 8 * np.pi, SIZE[0]), np.linspace(0, 5 * np.pi, SIZE[1]))
    return np.stack([128 + 87 * np.sin(x + k) * np.cos(y - k) for k in range(3)], axis=-1)
