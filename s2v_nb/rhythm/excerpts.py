"""Which part of a song makes the best clip, and which lengths hold whole phrases."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from s2v_nb.errors import InputError, language, say
from s2v_nb.media.audio import Audio, load_audio
from s2v_nb.rhythm.analysis import analyze
from s2v_nb.rhythm.types import Phrase, Rhythm
from s2v_nb.settings import CONTROLS, Range

LEAD_SECONDS = 0.02  # an excerpt begins this much before its first downbeat, so that the fade spares the attack
NEAR_SECONDS = 0.12
WEIGHTS = {"phrase": 1.0, "end": 0.3, "repeats": 0.8, "energy": 0.8, "clear": 0.6, "tempo": 0.3, "silence": -2.0}
TELLING = {"phrase": 0.99, "repeats": 0.5, "energy": 0.7, "clear": 0.9, "tempo": 0.99}  # from which on it is a reason
DANCEABLE_BPM = (90.0, 130.0)
STEP_SECONDS = 0.02  # of the energy
APART = 0.75  # of the duration: nearer excerpts are one
BARS_A_PHRASE = 4


@dataclass(frozen=True)
class Excerpt:
    """A part of a song: ``start`` and ``duration`` in seconds, and why. Times count from the audio that was given.

    ``score`` ranks the parts of one song; ``parts`` are the numbers it is made of, each 0 to 1.
    """

    start: float
    duration: float
    score: float
    parts: dict[str, float]
    label: str = ""
    times: int = 1

    @property
    def end(self) -> float:
        return self.start + self.duration

    def of(self, audio: Audio) -> Audio:
        """This part of the audio it was found in."""
        return audio.excerpt(audio.start + self.start, self.duration)

    @property
    def reason(self) -> str:
        """Why this part, in words, in the person's language."""
        return self.words(language())

    def words(self, lang: str) -> str:
        """The same in 'en' or 'zh'."""
        if not self.parts:
            return say("excerpt.whole", lang)
        told = [name for name, least in TELLING.items() if self.parts[name] >= least]
        words = [say(f"excerpt.{name}", lang, label=self.label, times=self.times) for name in told]
        return ("，" if lang == "zh" else ", ").join(words) or say("excerpt.bar", lang)


def best_excerpts(
    audio: str | Path | Audio, duration: float = 8.0, *, count: int = 3, rhythm: Rhythm | None = None
) -> list[Excerpt]:
    """The parts of a song that make the best clip, the best first.

    Each begins with a bar, most with a phrase. They are ranked by how often the section returns (as a chorus does),
    by loudness, by how clear the beat is, and by a tempo near 90-130 BPM.

    Parameters
    ----------
    audio : path or Audio
    duration : float, seconds
    count : int
        At most so many, which do not overlap by more than a quarter.
    rhythm : Rhythm, optional
        Of this audio, if it was heard before.

    Returns
    -------
    list of Excerpt
        Never empty: a song no longer than ``duration`` is one excerpt.

    Raises
    ------
    InputError
        If the song cannot be used, ``duration`` is not from 0.5 to 600 s, or ``count`` is under 1.
    """
    if not 0.5 <= duration <= 600:
        raise InputError("settings.range", name="duration", value=duration, low=0.5, high=600, unit=" s")
    if count < 1:
        raise InputError("settings.range", name="count", value=count, low=1, high=100, unit="")
    audio = load_audio(audio)
    if audio.duration <= duration + LEAD_SECONDS:
        return [Excerpt(0.0, audio.duration, 0.0, {})]
    rhythm = rhythm or analyze(audio)
    starts = _starts(rhythm, duration)
    energy = _energy(audio, starts, duration)
    ranked = sorted(
        (_scored(rhythm, float(s), duration, float(e)) for s, e in zip(starts, energy, strict=True)),
        key=lambda excerpt: -excerpt.score,
    )
    chosen: list[Excerpt] = []
    for excerpt in ranked:
        if all(abs(excerpt.start - other.start) >= APART * duration for other in chosen):
            chosen.append(excerpt)
    return chosen[:count]


def _starts(rhythm: Rhythm, duration: float) -> np.ndarray:
    """Where an excerpt may begin: at every bar, without bars at every beat, without beats each half second."""
    last = rhythm.duration - duration
    for times in (rhythm.downbeats, rhythm.beats):
        starts = np.maximum(0.0, times - LEAD_SECONDS)
        if len(starts := starts[starts <= last]):
            return starts
    return np.arange(0.0, last + 1e-9, 0.5)


def _energy(audio: Audio, starts: np.ndarray, duration: float) -> np.ndarray:
    """How loud each part is among all, 0 (the quietest) to 1; half a decibel is no difference."""
    step = round(STEP_SECONDS * audio.rate)
    count = audio.samples.shape[1] // step
    steps = audio.samples[:, : count * step].reshape(len(audio.samples), count, step)
    total = np.concatenate([[0.0], np.cumsum(np.einsum("cks,cks->k", steps, steps, dtype=float))])
    first = np.minimum(np.round(starts / STEP_SECONDS).astype(int), count)
    last = np.minimum(count, first + round(duration / STEP_SECONDS))
    level = 10 * np.log10((total[last] - total[first]) / np.maximum(1, last - first) + 1e-12)
    spread = max(6.0, float(np.ptp(level)))
    return np.clip(1 - (level.max() - level) / spread, 0, 1)


def _scored(rhythm: Rhythm, start: float, duration: float, energy: float) -> Excerpt:
    end = start + duration
    beats = (rhythm.beats >= start) & (rhythm.beats < end)
    here = _phrase_at(rhythm.phrases, start + duration / 2)
    runs = Counter(label for label, _ in groupby(rhythm.phrases, key=lambda p: p.label))  # AABA: A comes twice
    times = runs[here.label] if here else 0
    most = max(runs.values(), default=1)
    silent = sum(max(0.0, min(m.end, end) - max(m.start, start)) for m in rhythm.moments if m.kind == "silence")
    parts = {
        "phrase": float(any(abs(p.start - LEAD_SECONDS - start) < NEAR_SECONDS for p in rhythm.phrases)),
        "end": float(any(abs(p.end - end) < NEAR_SECONDS for p in rhythm.phrases)),
        "repeats": (times - 1) / (most - 1) if most > 1 else 0.0,
        "energy": energy,
        "clear": float(rhythm.confidence[beats].mean()) if beats.any() else 0.0,
        "tempo": _danceable(rhythm.beats[beats]),
        "silence": silent / duration,
    }
    score = sum(WEIGHTS[name] * value for name, value in parts.items())
    return Excerpt(round(start, 3), duration, float(score), parts, here.label if here else "", times)


def _phrase_at(phrases: Sequence[Phrase], time: float) -> Phrase | None:
    return next((p for p in phrases if p.start <= time < p.end), None)


def _danceable(beats: np.ndarray) -> float:
    """1 from 90 to 130 BPM, falling to 0 an octave away."""
    if len(beats) < 2:
        return 0.0
    low, high = DANCEABLE_BPM
    tempo = 60 / float(np.median(np.diff(beats)))
    away = max(np.log2(low / tempo), np.log2(tempo / high), 0.0)
    return float(max(0.0, 1 - away))


@dataclass(frozen=True)
class DurationHint:
    """A length worth choosing: ``seconds``, the ``bars`` it holds (a fraction where it was chosen for the parts),
    whether these are whole phrases, and the seconds that an engine's last part would compute for nothing."""

    seconds: float
    bars: float
    whole_phrases: bool
    waste: float


def suggest_durations(
    rhythm: Rhythm | float, *, near: float = 8.0, metre: int = 4, part_seconds: float | None = None, count: int = 5
) -> list[DurationHint]:
    """Durations near ``near`` seconds that hold whole phrases or bars, or fill an engine's parts; the best first.

    Parameters
    ----------
    rhythm : Rhythm, or a tempo in BPM
    near : float, seconds
    metre : int
        Beats a bar, where a tempo is given.
    part_seconds : float, optional
        What an engine computes at once; lengths that are multiples of it waste nothing.

    Raises
    ------
    InputError
        If no beat was found, or a number is out of its bounds.
    """
    tempo = rhythm.tempo if isinstance(rhythm, Rhythm) else rhythm
    metre = rhythm.metre if isinstance(rhythm, Rhythm) else metre
    bounds = {
        "tempo": (tempo, 20, 400, " BPM"),
        "metre": (metre, 1, 16, ""),
        "part_seconds": (part_seconds, 0.5, 600, " s"),
    }
    for name, (value, low, high, unit) in bounds.items():
        if not (value is None and name == "part_seconds") and not (value is not None and low <= value <= high):
            raise InputError("settings.range", name=name, value=value, low=low, high=high, unit=unit)
    assert tempo is not None
    control = CONTROLS["duration"]
    assert isinstance(control, Range)
    bar = 60 / tempo * metre
    lengths = {round(n * bar, 3) for n in range(1, int(control.high / bar) + 1)}
    if part_seconds:
        lengths |= {round(n * part_seconds, 3) for n in range(1, int(control.high / part_seconds) + 1)}
    hints = [_hint(s, bar, part_seconds) for s in lengths if control.low <= s <= control.high]
    return sorted(hints, key=lambda hint: _cost(hint, near))[:count]


def _hint(seconds: float, bar: float, part_seconds: float | None) -> DurationHint:
    bars = round(seconds / bar, 2)
    waste = -seconds % part_seconds if part_seconds else 0.0
    if part_seconds and part_seconds - waste < 1e-6:
        waste = 0.0
    return DurationHint(round(seconds, 3), bars, bars % BARS_A_PHRASE == 0, round(waste, 3))


def _cost(hint: DurationHint, near: float) -> float:
    """Seconds away, with what is not whole or wasted counted as further away."""
    odd = 0.0 if hint.whole_phrases else 1.0 if hint.bars % 2 == 0 else 2.0 if hint.bars % 1 == 0 else 3.0
    return abs(hint.seconds - near) + odd + 0.5 * hint.waste
