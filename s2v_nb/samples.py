"""The bundled sample, made by this script: a drawn cover and a synthesised song of known tempo."""

from pathlib import Path

import numpy as np

from s2v_nb.session import cache_folder

SAMPLE_TEMPO = 112.0  # BPM
SAMPLE_BARS = 12
SAMPLE_RATE = 44_100
_CHORDS = ((57, 60, 64, 67), (53, 57, 60, 64), (48, 55, 60, 64), (55, 59, 62, 66))  # Am7 Fmaj7 C G(maj7), MIDI


def sample_beats() -> np.ndarray:
    """The true beat times of the sample song, seconds; every fourth, from the first, is a downbeat."""
    return np.arange(SAMPLE_BARS * 4) * 60 / SAMPLE_TEMPO


def sample_audio(path: str | Path | None = None) -> Path:
    """Write the sample song as a WAV file and return its path (in the cache folder if none is given).

    Kick, snare, hats, bass and chords, 12 bars of 4/4 at 112 BPM, 16-bit stereo; the same bytes every time.
    """
    import soundfile

    path = Path(path or cache_folder() / "sample_song.wav")
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, _song(), SAMPLE_RATE, subtype="PCM_16")
    return path


def sample_image(path: str | Path | None = None) -> Path:
    """Draw the sample cover (a moon over hills and water, 1920 x 1280) as a PNG file and return its path."""
    import PIL.Image

    path = Path(path or cache_folder() / "sample_cover.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(_cover(1920, 1280)).save(path, compress_level=1)
    return path


def _song() -> np.ndarray:
    """Samples (time, 2), -1 to 1."""
    beat = 60 / SAMPLE_TEMPO
    length = round((SAMPLE_BARS * 4 * beat + 0.8) * SAMPLE_RATE)
    left, right = np.zeros(length), np.zeros(length)
    rng = np.random.default_rng(7)

    def add(sound: np.ndarray, seconds: float, pan: float = 0.0) -> None:
        first = round(seconds * SAMPLE_RATE)
        sound = sound[: max(0, length - first)]
        left[first : first + len(sound)] += sound * np.cos((pan + 1) * np.pi / 4)
        right[first : first + len(sound)] += sound * np.sin((pan + 1) * np.pi / 4)

    for index in range(SAMPLE_BARS * 4):
        at, bar, place = index * beat, index // 4, index % 4
        if place in (0, 2) or bar % 4 == 3:
            add(_kick() * (1.0 if place == 0 else 0.85), at)
        if place in (1, 3) and bar >= 2:
            add(_snare(rng) * 0.6, at, 0.05)
        for half in (0, 0.5):
            if bar >= 1:
                add(_hat(rng, 0.03 if half else 0.05) * (0.16 if half else 0.22), at + half * beat, 0.3)
        root = _CHORDS[bar % 4][0] - 24
        add(_bass(root + (12 if place == 3 else 0), beat * 0.9) * 0.5, at)
        if place == 0:
            for voice, note in enumerate(_CHORDS[bar % 4]):
                add(_pad(note, beat * 4) * 0.1, at, (voice - 1.5) / 2)
    song = np.stack([left, right], axis=1)
    return np.tanh(1.3 * song / np.abs(song).max()) * 0.9


def _time(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _kick() -> np.ndarray:
    t = _time(0.28)
    return np.sin(2 * np.pi * (48 * t + 110 * 0.03 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.09)


def _snare(rng: np.random.Generator) -> np.ndarray:
    t = _time(0.2)
    return 0.5 * np.sin(2 * np.pi * 185 * t) * np.exp(-t / 0.05) + rng.normal(0, 0.5, len(t)) * np.exp(-t / 0.06)


def _hat(rng: np.random.Generator, decay: float) -> np.ndarray:
    t = _time(0.12)
    return np.diff(rng.normal(0, 1, len(t)), prepend=0) * np.exp(-t / decay)  # the difference keeps the highs


def _bass(note: int, seconds: float) -> np.ndarray:
    t = _time(seconds)
    pitch = 440 * 2 ** ((note - 69) / 12)
    tone = sum(np.sin(2 * np.pi * pitch * k * t) / k**1.5 for k in (1, 2, 3))
    return tone * np.minimum(1, t / 0.004) * np.exp(-t / (0.6 * seconds))


def _pad(note: int, seconds: float) -> np.ndarray:
    t = _time(seconds)
    pitch = 440 * 2 ** ((note - 69) / 12)
    tone = sum(np.sin(2 * np.pi * pitch * (1 + d) * t) for d in (-0.003, 0, 0.003))
    return tone * np.minimum(1, t / 0.02) * np.minimum(1, (seconds - t) / 0.2) * np.exp(-t / seconds)


def _cover(width: int, height: int) -> np.ndarray:
    """uint8 (height, width, 3)."""
    x, y = np.meshgrid(np.linspace(0, width / height, width), np.linspace(0, 1, height))
    rng = np.random.default_rng(11)
    horizon = 0.66
    sky = _mix((0.02, 0.03, 0.10), (0.10, 0.11, 0.30), np.clip(y / 0.42, 0, 1))
    sky = _mix(sky, (0.93, 0.45, 0.36), np.clip((y - 0.36) / 0.34, 0, 1)[..., None] ** 1.6)
    stars = (rng.random((height, width)) > 0.9994) * (y < 0.45) * rng.random((height, width))
    sky += _blurred(stars.astype(np.float32), 1.1)[..., None] * 5
    moon_x, moon_y, radius = 0.97, 0.30, 0.115
    distance = np.hypot(x - moon_x, y - moon_y)
    sky += (np.exp(-np.maximum(distance - radius, 0) / 0.10) * 0.32)[..., None] * np.array((1.0, 0.85, 0.65))
    disc = _edge(radius - distance, 0.0015)
    craters = 0.94 + 0.06 * np.sin(17 * x + 3 * np.sin(9 * y)) * np.sin(13 * y + 2 * np.sin(11 * x))
    picture = _mix(sky, np.array((1.0, 0.95, 0.84)) * craters[..., None], disc[..., None])
    for depth, (base, rise, color) in enumerate(
        ((0.60, 0.075, (0.42, 0.22, 0.36)), (0.64, 0.09, (0.24, 0.13, 0.28)), (0.69, 0.12, (0.10, 0.06, 0.16)))
    ):
        ridge = base - rise * _ridge(x, depth, rng)
        picture = _mix(picture, color, _edge(y - ridge, 0.0012)[..., None])
    water = np.clip((y - horizon - 0.06) / 0.004, 0, 1)
    ripples = np.sin((y - horizon) * 480 / (0.15 + (y - horizon).clip(0)) + 6 * np.sin(5 * x + 40 * y))
    path = np.exp(-((x - moon_x) ** 2) / (2 * (0.05 + 0.22 * (y - horizon).clip(0)) ** 2))
    sea = _mix((0.36, 0.19, 0.30), (0.04, 0.04, 0.11), np.clip((y - horizon) / 0.3, 0, 1))
    sea += (path * (0.28 + 0.22 * ripples))[..., None] * np.array((1.0, 0.82, 0.6))
    picture = _mix(picture, sea, water[..., None])
    return (np.clip(picture + rng.normal(0, 0.004, picture.shape), 0, 1) * 255 + 0.5).astype(np.uint8)


def _mix(a: object, b: object, amount: np.ndarray) -> np.ndarray:
    amount = amount if amount.ndim == 3 else amount[..., None]
    return np.asarray(a) * (1 - amount) + np.asarray(b) * amount


def _edge(inside: np.ndarray, soft: float) -> np.ndarray:
    return np.clip(inside / soft + 0.5, 0, 1)


def _ridge(x: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
    """A hill line as a sum of waves, about -1 to 1."""
    waves = rng.random((9, 2)) * (1.0, 2 * np.pi)
    height = sum((0.62**k) * np.sin((2.2 + 0.7 * depth) * 1.72**k * x[0] + w[1]) for k, w in enumerate(waves))
    return np.broadcast_to(height / 1.8, x.shape)


def _blurred(plane: np.ndarray, sigma: float) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(plane, (0, 0), sigma)
