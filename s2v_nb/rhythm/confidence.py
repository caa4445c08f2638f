"""How sure each beat is, from what it was heard by."""

import numpy as np

from s2v_nb.rhythm.evidence import Evidence
from s2v_nb.rhythm.levels import CLOSE, FLOOR

NO_ONSET, SOME_ONSET = 0.15, 0.45  # log of onset strength on the beats over its mean
NEIGHBOURS = 4  # beats on either side that are heard together
# log odds of a passage that is followed as people tap, or an octave from it; fitted on music with known beats
WITH_NETWORKS = {"probability": 0.35, "onset": 1.46, "unsteady": -137.5, "offset": 2.13}
WITHOUT = {"probability": 0.0, "onset": 1.46, "unsteady": -137.5, "offset": 0.9}


def beat_confidence(beats: np.ndarray, heard: Evidence) -> np.ndarray:
    """Probability, for each beat, that the passage around it is followed rightly; shape (n_beats,), 0 to 1.

    From the networks' probability near the beats, the strength of the onsets there, and how even the beats are.
    """
    if len(beats) < 3:
        return np.zeros(len(beats))
    weight = WITHOUT if heard.activations is None else WITH_NETWORKS
    mean = heard.onset.values.mean() + 1e-9
    onset = float(np.log(heard.onset.near(beats, CLOSE) / mean + FLOOR).mean())
    odds = weight["offset"] + weight["onset"] * onset + weight["unsteady"] * _unsteady(beats)
    if heard.activations is not None:
        odds = odds + weight["probability"] * _around(np.log(heard.beat.near(beats, CLOSE) + FLOOR))
    clear = np.clip((onset - NO_ONSET) / (SOME_ONSET - NO_ONSET), 0, 1)  # noise has a pulse for whoever wants one
    return clear / (1 + np.exp(-odds))


def _around(values: np.ndarray) -> np.ndarray:
    """The mean over each beat and its neighbours."""
    total = np.cumsum(np.insert(values, 0, 0.0))
    first = np.maximum(0, np.arange(len(values)) - NEIGHBOURS)
    last = np.minimum(len(values), np.arange(len(values)) + NEIGHBOURS)
    return (total[last] - total[first]) / (last - first)


def _unsteady(beats: np.ndarray) -> np.ndarray:
    """Deviation of the change of log tempo from beat to beat, around each beat."""
    change = np.diff(np.log(np.diff(beats))) ** 2
    return np.sqrt(_around(np.concatenate([change[:1], change, change[-1:]])))
