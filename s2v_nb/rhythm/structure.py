"""Phrases and key moments of a song, over its bars.

Bars are compared by harmony, timbre and loudness. Where the music before differs from the music after (Foote,
"Automatic audio segmentation using a measure of audio novelty", 2000) a phrase may end; of all ways to divide the song
into phrases the one with the most novelty at their ends and the most regular lengths is taken (Sargent, Bimbot and
Vincent, "A regularity-constrained Viterbi algorithm", 2011). Phrases that sound alike get one label.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from s2v_nb.rhythm.evidence import Evidence
from s2v_nb.rhythm.features import BASS_HZ, CHROMA_HOP, RATE, decibels
from s2v_nb.rhythm.types import Moment, Phrase

LENGTHS = {4: 0.0, 8: 0.1, 16: 0.1, 2: -0.5, 3: -0.6, 5: -0.6, 6: -0.4, 7: -0.6, 1: -0.9}  # bars: log weight
CUT = -0.2
PHRASE_COST = 0.35  # in parts of the greatest novelty: what a phrase end must be worth
REACH_BARS = 4  # before and after a bar line that are compared
ALIKE = 0.9  # similarity above which two phrases are one section
TIMBRE_BANDS = 12
MOMENT_BARS = 2
DROP_DB, BASS_DROP_DB = 5.0, 9.0
SILENT_DB, SILENT_SECONDS = -45.0, 0.4
LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, eq=False)
class BarFeatures:
    """What each bar sounds like. ``edges`` (n_bars + 1) seconds; ``table`` (n_bars, feature), rows of unit length;
    ``level`` and ``bass`` (n_bars,) dB."""

    edges: np.ndarray
    table: np.ndarray
    level: np.ndarray
    bass: np.ndarray


def bar_features(downbeats: np.ndarray, heard: Evidence) -> BarFeatures:
    """Features of the bars between ``downbeats`` (seconds), two or more; the last lasts as long as the one before."""
    edges = np.append(downbeats, 2 * downbeats[-1] - downbeats[-2])
    duration = len(heard.samples) / RATE
    if edges[-1] > duration + 0.25 * (edges[-1] - edges[-2]):  # a bar the song ends in is no bar
        edges = edges[:-1]
    power, step = heard.spectrum.power, heard.spectrum.hop_seconds
    timbre = np.stack([part.mean(axis=0) for part in np.array_split(power, TIMBRE_BANDS)])
    bars = [slice(int(a / step), max(int(a / step) + 1, int(b / step))) for a, b in pairwise(edges)]
    level = decibels(np.array([power[:, bar].mean() for bar in bars]))
    bass = decibels(np.array([heard.spectrum.between(0, BASS_HZ)[:, bar].mean() for bar in bars]))
    colour = np.stack([decibels(timbre[:, bar].mean(axis=1)) for bar in bars])
    tones = np.stack([_mean_chroma(heard.chroma, a, b) for a, b in pairwise(edges)])
    parts = [
        (_rows(tones - tones.mean(axis=1, keepdims=True)), 1.0),
        (_rows(colour - colour.mean(axis=0)), 0.7),
        ((level - level.mean())[:, None] / 10, 0.7),
    ]
    return BarFeatures(edges, _rows(np.concatenate([part * weight for part, weight in parts], axis=1)), level, bass)


def _mean_chroma(classes: np.ndarray, start: float, end: float) -> np.ndarray:
    first, last = (int(t * RATE / CHROMA_HOP) for t in (start, end))
    return classes[first : max(first + 1, last)].mean(axis=0) if first < len(classes) else np.zeros(12)


def _rows(table: np.ndarray) -> np.ndarray:
    return table / (np.linalg.norm(table, axis=1, keepdims=True) + 1e-9)


def find_phrases(bars: BarFeatures) -> tuple[Phrase, ...]:
    """The phrases of a song of two bars or more; what comes before its first downbeat belongs to none."""
    count = len(bars.table)
    if count < 2:
        return ()
    similarity = bars.table @ bars.table.T
    ends = _divide(_novelty(similarity))
    spans = list(zip([0, *ends[:-1]], ends, strict=True))
    labels = _labels(similarity, spans)
    usual = _mean_db(bars.level)
    return tuple(
        Phrase(float(bars.edges[a]), float(bars.edges[b]), b - a, label, _mean_db(bars.level[a:b]) - usual)
        for (a, b), label in zip(spans, labels, strict=True)
    )


def _mean_db(level: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(10 ** (level / 10))))


def _novelty(similarity: np.ndarray) -> np.ndarray:
    """How much the music changes at each bar line, shape (n_bars + 1,), 0 to 1; 1 at both ends of the song."""
    count = len(similarity)
    novelty = np.zeros(count + 1)
    for line in range(1, count):
        reach = min(REACH_BARS, line, count - line)
        before, after = slice(line - reach, line), slice(line, line + reach)
        within = (similarity[before, before].mean() + similarity[after, after].mean()) / 2
        novelty[line] = (within - similarity[before, after].mean()) * reach / REACH_BARS
    novelty = np.clip(novelty, 0, None) / max(novelty.max(), 0.2)  # a song that never changes has no novelty
    novelty[[0, -1]] = 1.0
    return novelty


def _divide(novelty: np.ndarray) -> list[int]:
    """The bar lines at which phrases end: the most novelty and the most usual lengths together."""
    count = len(novelty) - 1
    best, before = np.full(count + 1, -np.inf), np.zeros(count + 1, int)
    best[0] = 0.0
    for end in range(1, count + 1):
        for length, weight in LENGTHS.items():
            start = end - length
            if start < 0:
                continue
            if length < 4 and end in (length, count):  # the song begins or ends within a phrase: nothing odd
                weight = CUT
            score = best[start] + novelty[end] + weight - PHRASE_COST
            if score > best[end]:
                best[end], before[end] = score, start
    ends, at = [], count
    while at > 0:
        ends.append(at)
        at = int(before[at])
    return ends[::-1]


def _labels(similarity: np.ndarray, spans: list[tuple[int, int]]) -> list[str]:
    """One letter a phrase: that of the most similar earlier phrase if it is alike enough, else a new one."""
    labels: list[str] = []
    for index, (a, b) in enumerate(spans):
        closeness = [_alike(similarity, (a, b), span) for span in spans[:index]]
        known = int(np.argmax(closeness)) if closeness else 0
        if closeness and closeness[known] > ALIKE:
            labels.append(labels[known])
        else:
            labels.append(_letters(len(set(labels))))
    return labels


def _letters(number: int) -> str:
    """A to Z, then AA, AB and so on."""
    more, last = divmod(number, len(LABELS))
    return (_letters(more - 1) if more else "") + LABELS[last]


def _alike(similarity: np.ndarray, one: tuple[int, int], other: tuple[int, int]) -> float:
    """Bar by bar, as far as the shorter goes."""
    bars = np.arange(min(one[1] - one[0], other[1] - other[0]))
    return float(similarity[one[0] + bars, other[0] + bars].mean())


def find_moments(bars: BarFeatures | None, heard: Evidence) -> tuple[Moment, ...]:
    """Drops and breaks at bar lines, where there are bars, and silences anywhere, in time order."""
    steps = _steps(bars) if bars else []
    return tuple(sorted([*steps, *_silences(heard)], key=lambda moment: moment.start))


def _steps(bars: BarFeatures) -> list[Moment]:
    """Bar lines at which the level of all, or of the bass, rises or falls for bars."""
    count, found = len(bars.level), []
    for line in range(1, count):
        before, after = slice(max(0, line - MOMENT_BARS), line), slice(line, line + MOMENT_BARS)
        rise = [_mean_db(level[after]) - _mean_db(level[before]) for level in (bars.level, bars.bass)]
        if rise[0] >= DROP_DB or rise[1] >= BASS_DROP_DB:
            found.append((max(rise), line, "drop"))
        elif rise[0] <= -DROP_DB or rise[1] <= -BASS_DROP_DB:
            found.append((max(-rise[0], -rise[1]), line, "break"))
    kept: list[tuple[float, int, str]] = []
    for strength, line, kind in sorted(found, reverse=True):  # of neighbours only the strongest
        if all(abs(line - other) > MOMENT_BARS for _, other, _ in kept):
            kept.append((strength, line, kind))
    return [
        Moment(kind, float(bars.edges[line]), float(bars.edges[line + 1]), float(strength))  # type: ignore[arg-type]
        for strength, line, kind in kept
    ]


def _silences(heard: Evidence) -> list[Moment]:
    """Stretches of 0.4 s and more that lie 45 dB and more under the song's loud moments."""
    step = heard.spectrum.hop_seconds
    level = 10 * np.log10(heard.spectrum.power.sum(axis=0) + 1e-12)
    silent = np.concatenate([[False], level < np.quantile(level, 0.95) + SILENT_DB, [False]])
    change = np.flatnonzero(np.diff(silent.astype(int)))
    loud = np.quantile(level, 0.95)
    return [
        Moment("silence", float(a * step), float(b * step), float(loud - level[a:b].mean()))
        for a, b in zip(change[::2], change[1::2], strict=True)
        if (b - a) * step >= SILENT_SECONDS
    ]
