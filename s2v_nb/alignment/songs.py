"""Beats of other music: made by a seeded generator, alike in kind to popular music, of no song in particular."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np

from s2v_nb.rhythm.types import beat_phase

GRIDS = 500
TEMPO_RANGE = (60.0, 200.0)  # BPM
_SEED = 20210122
_MEDIAN_TEMPO, _LOG_SPREAD = 120.0, 0.25  # two thirds of all songs have 93 to 154 BPM
_FASTER = 1.6  # than its own tempo no song ever goes by more


@dataclass(frozen=True, eq=False)
class SongGrid:
    """When the beats of a song fall, seconds; ``tempo`` (BPM) and ``metre`` (beats in a bar) are those it began with.

    The first beat lies before 0, at a random place of its bar.
    """

    tempo: float
    metre: int
    beats: np.ndarray
    downbeats: np.ndarray


def song_grids(duration: float) -> tuple[SongGrid, ...]:
    """`GRIDS` songs whose beats reach beyond ``duration`` seconds, always the same ones.

    Tempi are log-normal around 120 BPM between 60 and 200, as in collections of popular music (Moelants, "Preferred
    tempo reconsidered", 2002); one in six songs has three beats in a bar. Half are as steady as a machine; a third
    wander by some percent and place each beat by hand, 5 to 15 ms; one in ten slows down into each phrase's end; the
    others step to another tempo at bar lines.
    """
    return _grids(max(1, ceil(duration / 15)) * 15)


def phases_in_songs(times: np.ndarray, duration: float) -> np.ndarray:
    """The phase in its beat of each of ``times`` (0 to ``duration`` seconds) in each song; shape (song, time), 0 to 1.

    All songs lie on one line of time, one after the other, so that one search finds every beat.
    """
    grids = song_grids(duration)
    starts = (duration + 60) * np.arange(len(grids))
    line = np.concatenate([grid.beats + start for grid, start in zip(grids, starts, strict=True)])
    return beat_phase(times + starts[:, None], line)


@lru_cache(maxsize=4)
def _grids(seconds: int) -> tuple[SongGrid, ...]:
    return tuple(make_grid(np.random.default_rng([_SEED, k]), seconds) for k in range(GRIDS))


def make_grid(rng: np.random.Generator, seconds: float) -> SongGrid:
    """One song from ``rng``; the same generator and more seconds give the same beats and more."""
    tempo = _tempo(rng)
    metre = 3 if rng.random() < 1 / 6 else 4
    manner = (_machine, _band, _rubato, _steps)[rng.choice(4, p=[0.5, 0.33, 0.1, 0.07])]
    place, phase = int(rng.integers(metre)), rng.random()
    count = ceil((seconds + 4) * tempo * _FASTER / 60) + 2
    pace, jitter = manner(rng, place + np.arange(count), metre)
    periods = 60 / tempo / np.clip(pace, 1 / _FASTER, _FASTER)
    beats = np.cumsum(periods) - periods[0] * (2 + phase) + np.clip(jitter, -0.04, 0.04)
    inside = beats < seconds + 2
    return SongGrid(tempo, metre, beats[inside], beats[inside & ((place + np.arange(count)) % metre == 0)])


def _tempo(rng: np.random.Generator) -> float:
    """Beats a minute, drawn again until it is in range."""
    while True:
        tempo = _MEDIAN_TEMPO * np.exp(_LOG_SPREAD * rng.standard_normal())
        if TEMPO_RANGE[0] <= tempo <= TEMPO_RANGE[1]:
            return float(tempo)


# Manners of playing: (pace, jitter) of each beat, as a multiple of the tempo and in seconds. ``index`` counts beats
# from the start of a bar. What is drawn for a beat does not depend on how many follow.


def _machine(rng: np.random.Generator, index: np.ndarray, metre: int) -> tuple[np.ndarray, np.ndarray]:
    return np.ones(len(index)), np.zeros(len(index))


def _band(rng: np.random.Generator, index: np.ndarray, metre: int) -> tuple[np.ndarray, np.ndarray]:
    """The tempo wanders by up to some percent and comes back; hands are 5 to 15 ms early or late."""
    wander, hands = rng.uniform(0.002, 0.008), rng.uniform(0.005, 0.015)
    noise = rng.standard_normal((len(index), 2))
    drift = np.empty(len(index))
    level = 0.0
    for i, step in enumerate(noise[:, 0]):
        level = 0.95 * level + wander * step
        drift[i] = level
    return 1 + drift, hands * noise[:, 1]


def _rubato(rng: np.random.Generator, index: np.ndarray, metre: int) -> tuple[np.ndarray, np.ndarray]:
    """Each phrase of four bars hurries in its middle and slows down at its end, by 5 to 20 %."""
    depth, hands = rng.uniform(0.05, 0.2), rng.uniform(0.005, 0.015)
    phrase = index / (4 * metre)
    return 1 - depth * np.cos(2 * np.pi * phrase) / 2, hands * rng.standard_normal(len(index))


def _steps(rng: np.random.Generator, index: np.ndarray, metre: int) -> tuple[np.ndarray, np.ndarray]:
    """A new tempo every two to eight bars, up to a quarter faster or slower than the first."""
    bars = int(rng.integers(2, 9))
    part = index // (bars * metre)
    return np.append(1.0, rng.uniform(0.8, 1.25, part[-1]))[part], np.zeros(len(index))
