"""Small songs with a known score, for tests."""

import numpy as np

from s2v_nb.media import Audio
from s2v_nb.media.audio import audio_from_array

RATE = 22_050
CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62), (51, 54, 58), (49, 53, 56))


def band(
    bars: str, *, bpm: float = 112.0, metre: int = 4, lead: float = 0.0, loud: dict[str, float] | None = None
) -> Audio:
    """One letter a bar: each has its own two chords, a bar each, and tone colour; '-' is a bar of silence.

    Kick on the first beat (and the third of four), snare on the others, hats on eighths.
    """
    beat = 60 / bpm
    total = lead + len(bars) * metre * beat + 0.3
    samples = np.zeros(round(total * RATE))
    rng = np.random.default_rng(3)
    for bar, letter in enumerate(bars):
        if letter == "-":
            continue
        gain = (loud or {}).get(letter, 1.0)
        for k in range(2 * metre):
            start = lead + (bar * metre + k / 2) * beat
            _add(samples, start, gain * _hat(rng))
            if k % 2:
                continue
            _add(samples, start, gain * (_kick() if (k // 2) % 4 in (0, 2) and (metre == 4 or k == 0) else _snare(rng)))
        index = ord(letter) - ord("A")
        chord = CHORDS[(2 * index + bar % 2) % len(CHORDS)]
        _add(samples, lead + bar * metre * beat, gain * _chord(chord, metre * beat, overtones=1 + index))
    return audio_from_array(0.8 * samples / max(1e-9, np.abs(samples).max()), RATE, "band")


def bar_lines(count: int, *, bpm: float = 112.0, metre: int = 4, lead: float = 0.0) -> np.ndarray:
    return lead + np.arange(count) * metre * 60 / bpm


def _add(samples: np.ndarray, start: float, sound: np.ndarray) -> None:
    at = round(start * RATE)
    part = sound[: max(0, len(samples) - at)]
    samples[at : at + len(part)] += part


def _time(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def _kick() -> np.ndarray:
    t = _time(0.2)
    return np.exp(-t / 0.06) * np.sin(2 * np.pi * (50 * t + 4 * np.exp(-t / 0.02)))


def _snare(rng: np.random.Generator) -> np.ndarray:
    t = _time(0.15)
    return 0.6 * np.exp(-t / 0.04) * (rng.normal(size=len(t)) * 0.6 + np.sin(2 * np.pi * 190 * t))


def _hat(rng: np.random.Generator) -> np.ndarray:
    t = _time(0.04)
    return 0.15 * np.exp(-t / 0.01) * np.diff(rng.normal(size=len(t) + 1))


def _chord(notes: tuple[int, ...], seconds: float, overtones: int) -> np.ndarray:
    t = _time(seconds)
    tones = [(notes[0] - 24, 0.5), *[(n, 0.16) for n in notes]]
    wave = sum(
        level / h * np.sin(2 * np.pi * h * 440 * 2 ** ((note - 69) / 12) * t)
        for note, level in tones
        for h in range(1, overtones + 2)
    )
    return wave * np.minimum(1, t / 0.01) * np.minimum(1, (seconds - t) / 0.02) * np.exp(-t / 1.5)
