"""Are these the beats, or the points between them, or every second one of them?

A tracker hears the pulse more surely than the level at which people tap. Three questions are asked of the evidence,
each answered by a logistic model of a few numbers. The weights were fitted on music with known beats; questions that
the tempo alone could answer were left to the evidence where it helped.
"""

import numpy as np

from s2v_nb.rhythm.evidence import Evidence

REACH, CLOSE = 0.03, 0.02  # seconds within which a beat is heard
USUAL_BPM = 115.0
FAST_BPM, FASTEST_BPM = 130.0, 220.0  # slower beats are never halved, nor doubled to faster ones
FLOOR = 1e-3
FAINTEST_ONSET = 0.3  # parts of the mean; less is no more telling, and clicks have none at all
LONELY_ONSET = 0.5  # parts of the mean; weaker onsets between the beats are none
UNSURE = -1.2  # log probability between the beats against that on them, from which on harmony may decide

# weight of each number, in the order of the functions below; the last is the offset
OFF_BEAT = (0.59, 4.33, -0.3)
DOUBLE = (-1.4, 0.13, 0.58, 0.54, 3.45, 2.1)
HALVE = (2.1, 2.5, -2.3, -0.86, -1.0, 2.5, -1.0, 1.2, -2.9)


def settle(beats: np.ndarray, heard: Evidence) -> np.ndarray:
    """The beats at the level people are most likely to tap; times in seconds, shape (n,)."""
    if len(beats) < 4:
        return beats
    numbers = off_beat_numbers(beats, heard)
    if numbers[0] > UNSURE and _answer(OFF_BEAT, numbers):
        beats = between(beats)
    tempo = tempo_at(beats)
    if 2 * tempo <= FASTEST_BPM and _answer(DOUBLE, double_numbers(beats, heard)):
        return np.sort(np.concatenate([beats, between(beats)]))
    divided = _onset_levels(beats, heard)[1] > LONELY_ONSET  # bare clicks say nothing of a slower level
    if tempo > FAST_BPM and divided and _answer(HALVE, halve_numbers(beats, heard)):
        return stronger_half(beats, heard)
    return beats


def between(beats: np.ndarray) -> np.ndarray:
    return (beats[:-1] + beats[1:]) / 2


def tempo_at(beats: np.ndarray) -> float:
    return float(60 / np.median(np.diff(beats)))


def _answer(weights: tuple[float, ...], numbers: list[float]) -> bool:
    return float(np.dot(weights[:-1], numbers)) + weights[-1] > 0


def off_beat_numbers(beats: np.ndarray, heard: Evidence) -> list[float]:
    """How much more probable a beat is, and how much more the harmony changes, between the beats than on them."""
    middle = between(beats)
    harmony = heard.harmony.relative()
    return [
        _level(heard.beat.near(middle, REACH)) - _level(heard.beat.near(beats, REACH)),
        float(harmony.near(middle, REACH).mean() - harmony.near(beats, REACH).mean()),
    ]


def double_numbers(beats: np.ndarray, heard: Evidence) -> list[float]:
    """Tempo; beats heard halfway and at the quarters; brightness; onsets halfway."""
    on, halfway, quarters = _beat_levels(beats, heard)
    onset = _onset_levels(beats, heard)
    return [_octaves(beats), halfway - on, _bright(heard), quarters - on, float(np.log(onset[1] / onset[0]))]


def halve_numbers(beats: np.ndarray, heard: Evidence) -> list[float]:
    """Tempo; onsets at the quarters and halfway; brightness; how unequal each second beat is."""
    onset = _onset_levels(beats, heard)
    octaves = _octaves(beats)
    return [
        octaves,
        3 * max(0.0, octaves - 0.5),
        float(np.log(onset[2])),
        _bright(heard),
        float(np.log(onset[1])),
        unequal(np.log(heard.beat.near(beats, CLOSE) + FLOOR)),
        unequal(np.log(heard.downbeat.near(beats, REACH) + FLOOR)),
        unequal(heard.bass.relative().near(beats, REACH)),
    ]


def _octaves(beats: np.ndarray) -> float:
    return float(np.log2(tempo_at(beats) / USUAL_BPM))


def _bright(heard: Evidence) -> float:
    return (heard.brightness_db + 25) / 5


def _level(probability: np.ndarray) -> float:
    return float(np.log(probability + FLOOR).mean())


def at_part(beats: np.ndarray, part: float) -> np.ndarray:
    return beats[:-1] + part * np.diff(beats)


def _beat_levels(beats: np.ndarray, heard: Evidence) -> tuple[float, float, float]:
    """Mean log probability of a beat on the beats, halfway and at the quarters."""
    on, halfway = (_level(heard.beat.near(at_part(beats, part), CLOSE)) for part in (0.0, 0.5))
    return on, halfway, sum(_level(heard.beat.near(at_part(beats, part), CLOSE)) for part in (0.25, 0.75)) / 2


def _onset_levels(beats: np.ndarray, heard: Evidence) -> tuple[float, float, float]:
    """Mean onset strength on the beats, halfway and at the quarters, in parts of the song's mean."""
    mean = heard.onset.values.mean() + 1e-9
    on, halfway, one, three = (
        max(FAINTEST_ONSET, float(heard.onset.near(at_part(beats, part), CLOSE).mean() / mean))
        for part in (0.0, 0.5, 0.25, 0.75)
    )
    return on, halfway, (one + three) / 2


def unequal(values: np.ndarray) -> float:
    return float(abs(values[::2].mean() - values[1::2].mean()))


def stronger_half(beats: np.ndarray, heard: Evidence) -> np.ndarray:
    """Every second beat, from the first or from the second, by the networks' downbeats and beats, bass and harmony."""
    weight = (
        np.log(heard.beat.near(beats, CLOSE) + FLOOR)
        + np.log(heard.downbeat.near(beats, REACH) + FLOOR)
        + heard.bass.relative().near(beats, REACH)
        + 2 * heard.harmony.relative().near(beats, REACH)
    )
    return beats[::2] if weight[::2].mean() >= weight[1::2].mean() else beats[1::2]
