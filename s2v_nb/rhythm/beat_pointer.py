"""From the probability of a beat at each moment to the beats themselves.

A hidden Markov model whose state is the position in the beat and the tempo (the bar pointer of Whiteley, Cemgil and
Godsill, "Bayesian modelling of temporal structure in musical audio", ISMIR 2006, in the efficient form of Krebs, Böck
and Widmer, "An efficient state-space model for joint tempo and meter tracking", ISMIR 2015). Within a beat the pointer
can only move on, so the best path is found over whole beats: a beat of each length that ends at each frame, instead of
a state for each position. That is exact, and a pass over a three-minute song takes about half a second.

The bar is found afterwards, over the beats (`s2v_nb.rhythm.bars`): there the bass and the harmony can be heard too.
"""

from functools import cached_property

import numpy as np

SLOWEST_BPM, FASTEST_BPM = 55.0, 215.0
TEMPO_TIGHTNESS = 200.0  # a change of tempo by the share r from one beat to the next costs this times r
BEAT_SHARE = 1 / 10  # of a beat's length in which its probability is expected to be high
FLOOR = 1e-6
EARLY_FRAMES = 4  # before the song; the pointer is a little ahead of the sound, and loops begin with a beat
LARGEST_CHANGE = 0.08  # of tempo from one beat to the next


class BeatPointer:
    """Finds beats between 55 and 215 BPM, with changes of tempo, in a curve of ``fps`` values a second."""

    def __init__(self, fps: float) -> None:
        self.fps = fps
        shortest, longest = np.ceil(60 * fps / FASTEST_BPM), np.floor(60 * fps / SLOWEST_BPM)
        self.lengths = np.arange(int(shortest), int(longest) + 1)  # of a beat, in frames

    @cached_property
    def changes(self) -> np.ndarray:
        """Log probability of a change of length; row o, column n: from length n + o - reach to length n."""
        count, reach = len(self.lengths), self._reach
        ratio = self.lengths[None, :] / self.lengths[:, None]
        weight = np.exp(-TEMPO_TIGHTNESS * np.abs(ratio - 1))
        log = np.log(weight / weight.sum(axis=1, keepdims=True) + 1e-30)
        table = np.full((2 * reach + 1, count), -np.inf, np.float32)
        for offset in range(-reach, reach + 1):
            after = np.arange(max(0, -offset), min(count, count - offset))
            table[offset + reach, after] = log[after + offset, after]
        return table

    @property
    def _reach(self) -> int:
        return int(np.ceil(self.lengths[-1] * LARGEST_CHANGE))

    def track(self, probability: np.ndarray) -> np.ndarray:
        """The frames of the most likely beats, int of shape (n,); the first may lie up to four frames before the song.

        Parameters
        ----------
        probability : np.ndarray, shape (frame,), 0 to 1
            Of a beat.
        """
        if len(probability) < self.lengths[0]:
            return np.zeros(0, int)
        longest = int(self.lengths[-1])
        return self._trace(*self._forward(*self._evidence(probability, longest), longest), longest, len(probability))

    def _evidence(self, probability: np.ndarray, padding: int) -> tuple[np.ndarray, np.ndarray]:
        """Running sums of the log likelihood of beat and of no beat; padded by frames that say nothing.

        The padding lets the first beat begin before the song and the last end after it.
        """
        beat = np.log(np.clip(probability, FLOOR, 1))
        rest = np.log(np.clip(1 - probability, FLOOR, 1) / (1 / BEAT_SHARE - 1))
        return tuple(np.append(0.0, np.cumsum(np.pad(curve, padding))) for curve in (beat, rest))  # type: ignore[return-value]

    def _forward(self, beat: np.ndarray, rest: np.ndarray, padding: int) -> tuple[np.ndarray, np.ndarray]:
        """Best scores of paths whose beat of each length ends at each frame, and the change that led on from there.

        No beat is shorter than the shortest, so that many frames depend on earlier ones only and are done at once.
        """
        last, lengths = len(beat) - 1, self.lengths
        head = np.maximum(1, np.round(lengths * BEAT_SHARE).astype(int))  # frames in which the beat itself sounds
        onward = np.full((last + 1, len(lengths)), -np.inf, np.float32)  # score of a new beat beginning here
        onward[: padding + 1] = 0.0
        ended = np.full_like(onward, -np.inf)
        change = np.full(onward.shape, -1, np.int8)
        column = np.arange(len(lengths))
        for first in range(1, last + 1, int(lengths[0])):
            frame = np.arange(first, min(first + int(lengths[0]), last + 1))
            begin = frame[:, None] - lengths
            inside = begin >= 0
            begin = np.maximum(begin, 0)
            middle = np.minimum(begin + head, last)
            score = beat[middle] - beat[begin] + rest[frame][:, None] - rest[middle] + onward[begin, column]
            ended[frame] = np.where(inside, score, -np.inf)
            best, which = self._best_change(ended[frame])
            fresh = (frame[:, None] <= padding) & (best <= 0)  # nothing was heard yet: as well begin here
            onward[frame] = np.where(fresh, 0.0, best)
            change[frame] = np.where(fresh, -1, which)
        return ended, change

    def _best_change(self, ended: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each frame and next length the best score so far, and its row in `changes`."""
        reach, count = self._reach, len(self.lengths)
        padded = np.pad(ended, ((0, 0), (reach, reach)), constant_values=-np.inf)
        best = padded[:, :count] + self.changes[0]
        which = np.zeros(best.shape, np.int8)
        for row in range(1, 2 * reach + 1):
            candidate = padded[:, row : row + count] + self.changes[row]
            better = candidate > best
            np.copyto(best, candidate, where=better)
            which[better] = row
        return best, which

    def _trace(self, ended: np.ndarray, change: np.ndarray, padding: int, frames: int) -> np.ndarray:
        """Back along the best path, from its last beat, which ends within the padding after the song."""
        tail = ended[padding + frames :]
        row, column = np.unravel_index(int(tail.argmax()), tail.shape)
        frame, length = int(row) + padding + frames, int(column)
        begins = []
        while True:
            frame -= int(self.lengths[length])
            begins.append(frame - padding)
            if frame <= 0 or change[frame, length] < 0:
                break
            length += int(change[frame, length]) - self._reach
        beats = np.array(begins[::-1])
        return beats[(beats >= -EARLY_FRAMES) & (beats < frames)]
