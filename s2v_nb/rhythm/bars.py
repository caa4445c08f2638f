"""Bars over beats: which beats are downbeats, and how many beats a bar has.

Each beat is weighed by what marks a bar line: the networks' downbeat, the bass, and a change of harmony (Goto, "An
audio-based real-time beat tracking system", 2001). The path through the bars is found by Viterbi's algorithm with
three or four beats a bar; now and then, at a price, a bar may be cut short or stretched.
"""

from dataclasses import dataclass

import numpy as np

from s2v_nb.rhythm.evidence import Evidence

REACH = 0.04  # seconds
FLOOR = 1e-3
METRES = {4: 0.0, 3: -2.0}  # beats a bar: log weight of the metre
SLIP = -10.0  # log weight of an irregular bar
WEIGHTS = (1.0, 0.5, 0.5, 1.0)  # of `marks`, fitted on music with known bars


@dataclass(frozen=True, eq=False)
class Bars:
    """``first`` (bool, shape (n_beats,)) marks the downbeats; ``metre`` is the number of beats a bar."""

    first: np.ndarray
    metre: int


def find_bars(beats: np.ndarray, heard: Evidence) -> Bars:
    """The most likely bars over ``beats`` (seconds); under eight beats they are taken in fours from the first."""
    if len(beats) < 8:
        return Bars(np.arange(len(beats)) % 4 == 0, 4)
    weight = marks(beats, heard) @ np.array(WEIGHTS)
    paths = {metre: _path(weight, metre) for metre in METRES}
    metre = max(paths, key=lambda m: paths[m][0] + METRES[m])
    return Bars(paths[metre][1] == 0, metre)


def marks(beats: np.ndarray, heard: Evidence) -> np.ndarray:
    """What marks a bar line, for each beat, each with mean 0 and deviation 1; shape (n_beats, 4).

    The networks' downbeat and beat (zeros without networks), bass onset, change of harmony.
    """
    columns = [heard.bass.relative().near(beats, REACH), heard.harmony.relative().near(beats, REACH)]
    if heard.activations is None:
        networks = [np.zeros(len(beats))] * 2
    else:
        networks = [np.log(curve.near(beats, REACH) + FLOOR) for curve in (heard.downbeat, heard.weak_beat)]
    table = np.stack([*networks, *columns], axis=1)
    return (table - table.mean(axis=0)) / (table.std(axis=0) + 1e-6)


def _path(weight: np.ndarray, metre: int) -> tuple[float, np.ndarray]:
    """(score, place in the bar of each beat): the sum of ``weight`` over the downbeats, less the slips."""
    step = np.where((np.arange(metre)[:, None] + 1) % metre == np.arange(metre)[None, :], 0.0, SLIP)
    score = np.where(np.arange(metre) == 0, weight[0], 0.0)
    before = np.zeros((len(weight), metre), int)
    for beat in range(1, len(weight)):
        options = score[:, None] + step
        before[beat] = options.argmax(axis=0)
        score = options.max(axis=0)
        score[0] += weight[beat]
    place = [int(score.argmax())]
    for beat in range(len(weight) - 1, 0, -1):
        place.append(int(before[beat, place[-1]]))
    return float(score.max()), np.array(place[::-1])
