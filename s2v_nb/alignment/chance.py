"""What chance alone gives: the same motion shuffled against its music, and unshuffled against other music."""

from dataclasses import dataclass

import numpy as np

from s2v_nb.alignment import table
from s2v_nb.alignment.measures import MEASURES, Measures, as_measures, measure_table, near_beats, on_beat
from s2v_nb.alignment.songs import GRIDS, phases_in_songs
from s2v_nb.rhythm.types import validate_times

BLOCK_SECONDS = (2.0, 2.6)
DRAWS = 5000  # so that p of 0.001 is told apart from less
_AT_ONCE = 200_000  # events in one table: what a processor's cache holds goes twice as fast
_NO_BARS = np.zeros(0)


@dataclass(frozen=True)
class Chance:
    """What motion with the same habits but no link to the music scores: the ``mean`` of each measure, and ``p``.

    ``p`` is the share of draws that lie as close to the beats as the clip does; at least 1 / (draws + 1).
    """

    mean: Measures
    p: float


def chance_level(
    events: np.ndarray,
    beats: np.ndarray,
    duration: float,
    *,
    downbeats: np.ndarray = _NO_BARS,
    frame: float = 1 / 30,
    draws: int = DRAWS,
    seed: int = 0,
) -> Chance:
    """Permute blocks of the clip's motion and score each draw against the same beats.

    The clip is cut into blocks of 2 to 2.6 s, which each draw puts together in random order from a random start:
    motion keeps its own rhythm within a block and loses its link to the music. (Blocks of one fixed length would not
    do: at 120 BPM two seconds are four beats, and every permutation would still be in time. Blocks cut anew for each
    draw would not do either: that p is a mean over many cuttings, and a mean of p values is seldom small, not even in
    the 5 % of clips where it should be.)

    Of clips unrelated to their music 3 to 5 % have p < 0.05 where motion is irregular, and 2 % where it keeps a steady
    pulse of another tempo, which never meets the beats for long: p errs on the safe side (bench/results/chance.json).

    Parameters
    ----------
    events, beats, downbeats : np.ndarray, seconds
        Of the whole clip; two beats or more.
    duration : float, seconds
    frame : float, seconds
        How long a frame lasts, for AV-Align.
    """
    validate_times("beats", beats, at_least=2)
    rng = np.random.default_rng(seed)
    edges = block_edges(duration, rng)
    observed = on_beat(near_beats(events, beats), beats)
    sums = dict.fromkeys(MEASURES, 0.0)
    reached, left = 0, draws
    while left:
        rows = min(left, max(1, _AT_ONCE // max(1, len(events))))
        drawn = measure_table(table.near(permuted(events, edges, rows, rng), beats), beats, downbeats, frame)
        reached += int((drawn["on_beat"] >= observed - 1e-12).sum())
        for name in MEASURES:
            sums[name] += drawn[name].sum()
        left -= rows
    return Chance(as_measures({name: total / draws for name, total in sums.items()}), (1 + reached) / (draws + 1))


def block_edges(duration: float, rng: np.random.Generator) -> np.ndarray:
    """Where a clip is cut, seconds, 0 and ``duration`` among them; the last block may last from 0.5 to 3.1 s."""
    ends = np.cumsum(rng.uniform(*BLOCK_SECONDS, int(duration / BLOCK_SECONDS[0]) + 1))
    return np.concatenate([[0.0], ends[ends < duration - 0.5], [duration]])


def permuted(events: np.ndarray, edges: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The events of a clip whose blocks were shuffled, in ``draws`` ways: shape (draw, event), rows in no order."""
    lengths = np.diff(edges)
    order = np.argsort(rng.random((draws, len(lengths))), axis=1)
    shuffled = lengths[order]
    start = np.empty_like(shuffled)
    np.put_along_axis(start, order, np.cumsum(shuffled, axis=1) - shuffled, axis=1)
    start += rng.uniform(0, edges[-1], (draws, 1))
    block = np.clip(np.searchsorted(edges, events, side="right") - 1, 0, len(lengths) - 1)
    return (start[:, block] + events - edges[block]) % edges[-1]


def songs_level(events: np.ndarray, beats: np.ndarray, duration: float) -> float:
    """p_songs: the share of other music that this motion, as it is, fits at least as well as its own.

    The same statistic as for ``p`` (`on_beat`), of the same events, on each of the grids of `song_grids`; at least
    1 / (grids + 1). It asks what the permutation cannot: motion with a steady pulse fits every song of that tempo, or
    half of it, that happens to start right, and shuffled motion has lost that pulse. Where this happens often, the
    clip's own fit is no evidence.
    """
    inside = near_beats(events, beats)
    others = np.cos(2 * np.pi * phases_in_songs(inside, duration)).mean(axis=1) if len(inside) else np.zeros(GRIDS)
    reached = int((others >= on_beat(inside, beats) - 1e-12).sum())
    return (1 + reached) / (GRIDS + 1)
