"""The measures of many draws of events at once, in numpy alone: a permutation test asks them of thousands.

A table of events has shape (draw, event), seconds, sorted along each row; a row with fewer events than others ends in
`FAR`. All results have shape (draw,).
"""

import numpy as np

from s2v_nb.rhythm.types import beat_phase

FAR = 10_000.0  # seconds, where no clip reaches: it marks the lack of an event


def near(table: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """The table with only events within the beats' span, half a beat beyond the ends included; rows need no order."""
    first, last = (beats[1] - beats[0]) / 2, (beats[-1] - beats[-2]) / 2
    inside = (table >= beats[0] - first) & (table <= beats[-1] + last)
    return np.sort(np.where(inside, table, FAR), axis=1)


def counts(table: np.ndarray) -> np.ndarray:
    """How many events each row has."""
    return (table < FAR).sum(axis=1)


def phasors(table: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """exp(2 pi i phase) of each event in its beat, shape (draw, event); 0 where there is no event."""
    return np.where(table < FAR, np.exp(2j * np.pi * beat_phase(table, beats)), 0)


def mean_of(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The mean over each row's events of ``values`` that are 0 elsewhere; 0 for a row without events."""
    return values.sum(axis=1) / np.maximum(counts(table), 1)


def hits(table: np.ndarray, beats: np.ndarray, window: float) -> np.ndarray:
    """How many pairs of an event and a beat at most ``window`` seconds apart there are, each used once.

    As many as possible, as in mir_eval: in time order, every event takes the first free beat within its reach.
    """
    low = np.searchsorted(beats, table - window, "left")
    high = np.searchsorted(beats, table + window, "right")
    free = np.zeros(len(table), int)  # each row's first beat that is not taken
    found = np.zeros(len(table), int)
    for first, end in zip(low.T, high.T, strict=True):
        free = np.maximum(free, first)
        met = free < end
        found += met
        free += met
    return found


def to_nearest_beat(table: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Seconds from each event to the beat nearest to it, shape (draw, event)."""
    right = np.clip(np.searchsorted(beats, table), 1, len(beats) - 1)
    return np.minimum(np.abs(table - beats[right - 1]), np.abs(table - beats[right]))


def to_nearest_event(table: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Seconds from each beat to the event nearest to it in the row, shape (draw, beat); hours in an empty row.

    All rows lie on one line of time, each `FAR` and more from the next, so that one search finds every neighbour.
    """
    rows = 2 * FAR * np.arange(len(table))[:, None]
    line, asked = (table + rows).ravel(), beats + rows
    if not line.size:
        return np.full(asked.shape, FAR)
    right = np.searchsorted(line, asked)
    before, after = np.maximum(right - 1, 0), np.minimum(right, len(line) - 1)
    return np.minimum(np.abs(asked - line[before]), np.abs(asked - line[after]))
