"""What a person changed in the beats of a song: steps that are kept beside it, can be undone, and hold everywhere.

Downbeats are uncertain in every tracker, and now and then the tempo is taken twice or half as fast. The ear that
matters is the musician's.
"""

import errno
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.errors import InputError
from s2v_nb.media.audio import MAX_MINUTES, Audio
from s2v_nb.rhythm.taps import grid_from_taps
from s2v_nb.rhythm.tempo import tempo_of
from s2v_nb.rhythm.types import Phrase, Rhythm
from s2v_nb.settings import number_or_text
from s2v_nb.storage import parse_json, write_json

logger = logging.getLogger(__name__)

FORMAT = 1
MOST_STEPS, MOST_TAPS, MOST_DOUBLED = 200, 5000, 2
FEWEST_TAPS = 4
MOST_NUDGE_MS = 500.0
MOST_BYTES = 2**20


@dataclass(frozen=True)
class Step:
    """One correction: ``do`` is a key of `STEPS`, ``value`` what it takes, if anything."""

    do: str
    value: Any = None


@dataclass(frozen=True)
class Corrections:
    """Steps in the order in which they were made; every method gives a new object.

    Examples
    --------
    >>> Corrections().double().rotate(1).nudge(-12).undo().steps
    (Step(do='double', value=None), Step(do='rotate', value=1))
    """

    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if len(self.steps) > MOST_STEPS:
            raise InputError("corrections.value", name="steps", value=len(self.steps), allowed=f"0 ... {MOST_STEPS}")
        doubled = sum({"double": 1, "halve": -1}.get(step.do, 0) for step in self.steps)
        if abs(doubled) > MOST_DOUBLED:
            allowed = f"{MOST_DOUBLED} x double, {MOST_DOUBLED} x halve"
            raise InputError("corrections.value", name="tempo", value=f"x 2^{doubled}", allowed=allowed)

    def halve(self) -> "Corrections":
        """Half the tempo: every second beat, those with the downbeats among them."""
        return self.then("halve")

    def double(self) -> "Corrections":
        """Twice the tempo: a beat also halfway between the beats."""
        return self.then("double")

    def shift(self) -> "Corrections":
        """Half a beat later: where the off-beat was taken for the beat."""
        return self.then("shift")

    def rotate(self, beats: int = 1) -> "Corrections":
        """The bar begins so many beats later."""
        return self.then("rotate", beats)

    def metre(self, beats: int) -> "Corrections":
        """So many beats a bar, 2 to 12, counted from the first downbeat."""
        return self.then("metre", beats)

    def nudge(self, milliseconds: float) -> "Corrections":
        """All beats later by so much; negative is earlier. At most half a second."""
        return self.then("nudge", milliseconds)

    def tap(self, times: Sequence[float]) -> "Corrections":
        """The beats as tapped: seconds in the song, four or more. They give the tempo; onsets nearby the moment."""
        return self.then("tap", tuple(float(t) for t in times))

    def undo(self) -> "Corrections":
        """Without the last step."""
        return Corrections(self.steps[:-1])

    def then(self, do: str, value: Any = None) -> "Corrections":
        """With one more step, by its name in `STEPS`."""
        return Corrections((*self.steps, _checked(do, value)))

    def apply(self, rhythm: Rhythm) -> Rhythm:
        """The rhythm of the whole song, corrected."""
        for step in self.steps:
            rhythm = STEPS[step.do](rhythm, step.value)
        return rhythm

    def to_list(self) -> list[list[Any]]:
        """As JSON can hold it: [[do, value], ...]."""
        return [[step.do, list(step.value) if isinstance(step.value, tuple) else step.value] for step in self.steps]

    def save(self, audio: Audio) -> Path:
        """Keep the steps beside the song's file, as ``SONG.beats.json``; without steps the file goes away.

        Raises
        ------
        InputError
            If the song has no file, nothing can be written beside it, or it is too long to be heard as a whole.
        """
        if audio.path is None:
            raise InputError("corrections.no_file", name=audio.name)
        if audio.song_duration > MAX_MINUTES * 60:
            raise InputError("audio.too_long", name=audio.name, minutes=audio.song_duration / 60, limit=MAX_MINUTES)
        path = beside(audio.path)
        try:
            if _other_song(path, audio):  # what was done for it is not lost
                path.replace(path.with_name(path.name + ".bak"))
            if self.steps:
                write_json(path, {"s2v_nb_corrections": FORMAT, "song": audio.sha256, "steps": self.to_list()})
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                "corrections.unwritable", name=str(path.parent), why=error.strerror or str(error)
            ) from error
        return path

    @classmethod
    def of(cls, audio: Audio) -> "Corrections":
        """What is kept beside the song's file; none if there is nothing, or it was made for another song.

        Raises
        ------
        InputError
            If the file beside the song is damaged: what a person did is not dropped in silence.
        """
        if audio.path is None:
            return cls()
        path = beside(audio.path)
        try:
            if not path.is_file():
                return cls()
            if path.stat().st_size > MOST_BYTES:
                raise ValueError("too large")
            values = parse_json(path.read_text(encoding="utf-8"))
            steps = tuple(_checked(do, tuple(v) if isinstance(v, list) else v) for do, v in values["steps"])
            song = values["song"]
            if values["s2v_nb_corrections"] != FORMAT:
                raise ValueError(f"format {values['s2v_nb_corrections']!r} instead of {FORMAT}")
        except InputError:
            raise
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # then nothing was ever written there
                return cls()
            raise InputError("corrections.damaged", name=path.name, why=str(error)[:80]) from error
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise InputError("corrections.damaged", name=path.name, why=str(error)[:80]) from error
        if song != audio.sha256:
            logger.warning("%s was made for another song of this name and is not used", path)
            return cls()
        return cls(steps)


def _other_song(path: Path, audio: Audio) -> bool:
    """Whether the file there was made for another song of this name."""
    try:
        return parse_json(path.read_text(encoding="utf-8"))["song"] != audio.sha256
    except (OSError, ValueError, TypeError, KeyError):
        return False


def beside(song: Path) -> Path:
    """Where the corrections of a song are kept."""
    return song.with_name(song.name + ".beats.json")


def corrected(audio: Audio, text: str) -> Corrections:
    """The song's corrections with the steps of a text added: "double, rotate 1, nudge -12", "tap 1.2 1.7 2.2 2.7",
    "undo" or "reset".

    Raises
    ------
    InputError
        If a step is unknown or its number impossible.
    """
    corrections = Corrections.of(audio)
    for words in (part.split() for part in text.split(",") if part.strip()):
        if words == ["undo"]:
            corrections = corrections.undo()
        elif words == ["reset"]:
            corrections = Corrections()
        else:
            numbers = tuple(number_or_text(word) for word in words[1:])
            value = numbers if words[0] == "tap" or len(numbers) > 1 else numbers[0] if numbers else None
            corrections = corrections.then(words[0], value)
    return corrections


def _checked(do: str, value: Any) -> Step:
    if do not in STEPS:
        raise InputError("corrections.unknown", name=str(do), allowed=", ".join([*STEPS, "undo", "reset"]))
    if do in ("halve", "double", "shift") and value is not None:
        raise InputError("corrections.value", name=do, value=value, allowed="no number")
    whole = isinstance(value, int) and not isinstance(value, bool)
    if do == "rotate" and not (whole and -64 <= value <= 64):
        raise InputError("corrections.value", name=do, value=value, allowed="-64 ... 64")
    if do == "metre" and not (whole and 2 <= value <= 12):
        raise InputError("corrections.value", name=do, value=value, allowed="2 ... 12")
    if do == "nudge" and not (isinstance(value, int | float) and abs(value) <= MOST_NUDGE_MS):
        raise InputError("corrections.value", name=do, value=value, allowed=f"{-MOST_NUDGE_MS} ... {MOST_NUDGE_MS} ms")
    if do == "tap":
        good = isinstance(value, tuple) and FEWEST_TAPS <= len(value) <= MOST_TAPS
        if not good or not all(isinstance(t, int | float) and math.isfinite(t) and t >= 0 for t in value):
            raise InputError("corrections.taps", count=len(value) if isinstance(value, tuple) else 0, low=FEWEST_TAPS)
    return Step(do, value)


def _halve(rhythm: Rhythm, _: Any) -> Rhythm:
    first = _is_downbeat(rhythm)
    start = 0 if first[::2].sum() >= first[1::2].sum() else 1
    return _with_beats(rhythm, rhythm.beats[start::2], first[start::2], count=rhythm.metre)


def _double(rhythm: Rhythm, _: Any) -> Rhythm:
    beats, first = rhythm.beats, _is_downbeat(rhythm)
    if len(beats) < 2:
        return rhythm
    middle = (beats[:-1] + beats[1:]) / 2
    order = np.argsort(np.concatenate([beats, middle]), kind="stable")
    both = np.concatenate([beats, middle])[order]
    return _with_beats(rhythm, both, np.concatenate([first, np.zeros(len(middle), bool)])[order], count=rhythm.metre)


def _shift(rhythm: Rhythm, _: Any) -> Rhythm:
    beats = rhythm.beats
    if len(beats) < 2:
        return rhythm
    last = beats[-1] + (beats[-1] - beats[-2]) / 2
    return _with_beats(rhythm, np.append((beats[:-1] + beats[1:]) / 2, last), _is_downbeat(rhythm))


def _rotate(rhythm: Rhythm, by: int) -> Rhythm:
    places = np.flatnonzero(_is_downbeat(rhythm)) + by
    if len(places):  # the bars before the first that was heard, or after the last, are regular
        places = np.concatenate([np.arange(places[0], -1, -rhythm.metre), places])
        places = np.concatenate([places, np.arange(places[-1], len(rhythm.beats), rhythm.metre)])
    return _with_beats(rhythm, rhythm.beats, np.isin(np.arange(len(rhythm.beats)), places))


def _metre(rhythm: Rhythm, count: int) -> Rhythm:
    return _with_beats(replace(rhythm, metre=count), rhythm.beats, _is_downbeat(rhythm), count=count)


def _nudge(rhythm: Rhythm, milliseconds: float) -> Rhythm:
    return _with_beats(rhythm, rhythm.beats + milliseconds / 1000, _is_downbeat(rhythm))


def _tap(rhythm: Rhythm, times: tuple[float, ...]) -> Rhythm:
    beats = grid_from_taps(np.array(times), rhythm)
    if len(beats) < FEWEST_TAPS:
        raise InputError("corrections.taps", count=len(beats), low=FEWEST_TAPS)
    old = rhythm.downbeats
    nearest = int(np.abs(beats - old[0]).argmin()) if len(old) else 0
    first = np.arange(len(beats)) == nearest
    tapped = _with_beats(rhythm, beats, first, count=rhythm.metre)
    return replace(tapped, confidence=np.ones(len(tapped.beats)))


STEPS: dict[str, Callable[[Rhythm, Any], Rhythm]] = {
    "halve": _halve,
    "double": _double,
    "shift": _shift,
    "rotate": _rotate,
    "metre": _metre,
    "nudge": _nudge,
    "tap": _tap,
}


def _is_downbeat(rhythm: Rhythm) -> np.ndarray:
    if not len(rhythm.downbeats):
        return np.zeros(len(rhythm.beats), bool)
    after = np.clip(np.searchsorted(rhythm.downbeats, rhythm.beats), 1, len(rhythm.downbeats)) - 1
    before = np.minimum(after + 1, len(rhythm.downbeats) - 1)
    nearest = np.minimum(*(np.abs(rhythm.downbeats[k] - rhythm.beats) for k in (after, before)))
    return nearest < 1e-3


def _with_beats(rhythm: Rhythm, beats: np.ndarray, first: np.ndarray, count: int | None = None) -> Rhythm:
    """The rhythm with other beats, those outside the song left out; ``count`` counts the bars anew."""
    if count and first.any():
        first = (np.arange(len(beats)) - int(first.argmax())) % count == 0
    inside = (beats >= 0) & (beats < rhythm.duration)
    beats, first = beats[inside], first[inside]
    sure = np.interp(beats, rhythm.beats, rhythm.confidence) if len(rhythm.beats) else np.ones(len(beats))
    phrases = _on_bars(rhythm.phrases, beats[first])
    return replace(rhythm, beats=beats, downbeats=beats[first], confidence=sure, tempo=tempo_of(beats), phrases=phrases)


def _on_bars(phrases: tuple[Phrase, ...], downbeats: np.ndarray) -> tuple[Phrase, ...]:
    """Phrases that begin and end on the bar lines nearest to where they did."""
    if len(downbeats) < 2:
        return ()
    lines = np.append(downbeats, 2 * downbeats[-1] - downbeats[-2])
    moved = []
    for phrase in phrases:
        a, b = (int(np.abs(lines - t).argmin()) for t in (phrase.start, phrase.end))
        if b > a:
            moved.append(replace(phrase, start=float(lines[a]), end=float(lines[b]), bars=b - a))
    return tuple(moved)
