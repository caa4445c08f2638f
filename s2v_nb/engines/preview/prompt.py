"""From a prompt to a `Look`: comma-separated directions, adverbs and synonyms, English and Chinese mixed at will."""

import math
import re
from dataclasses import asdict, dataclass

from s2v_nb.engines.preview.directions import (
    ADVERBS,
    BY_PHRASE,
    CAMERA,
    FILLERS,
    JOINERS,
    MOVING,
    NEGATIONS,
    Direction,
    Look,
)

_SEPARATORS = re.compile(r"[,，、;；.。\n/|+]+")
_TOKENS = re.compile(r"[a-z0-9&'’-]+|[\u3400-\u9fff]+|[^\s]", re.IGNORECASE)
_LONGEST = max(len(phrase.split()) for phrase in BY_PHRASE)
_KNOWN_ZH = {word for word in (*BY_PHRASE, *ADVERBS, *FILLERS, *JOINERS, *NEGATIONS) if not word.isascii()}
_LONGEST_ZH = max(len(word) for word in _KNOWN_ZH)


@dataclass(frozen=True)
class Term:
    """One direction found in the prompt, with the factors its adverbs give."""

    direction: Direction
    strength: float = 1.0
    speed: float = 1.0


@dataclass(frozen=True)
class Reading:
    """What was understood of a prompt, and the words that were not."""

    terms: tuple[Term, ...]
    unknown: tuple[str, ...]

    @property
    def moving(self) -> tuple[str, ...]:
        """Names of the directions that are first of all motion."""
        return tuple(t.direction.name for t in self.terms if next(iter(t.direction.effects), "") in MOVING)


def read_prompt(prompt: str) -> Reading:
    """Understand a prompt.

    In each part between commas the longest known phrases are taken first; adverbs act on every direction of their
    part; "no" or "without" takes directions out; words that had no effect are named in ``unknown``.

    Examples
    --------
    >>> reading = read_prompt("slow pan right, purple elephant, 轻微辉光")
    >>> [(t.direction.name, t.strength, t.speed) for t in reading.terms]
    [('pan right', 1.0, 0.5), ('glow', 0.45, 0.8)]
    >>> reading.unknown
    ('purple elephant',)
    """
    terms: list[Term] = []
    unknown: list[str] = []
    for part in _SEPARATORS.split(prompt.lower()):
        found, strange = _read_part(_TOKENS.findall(part))
        terms += found
        unknown += strange
    refused = {term.direction.name for term in terms if not term.strength}  # "no rain" outdoes a "rain" elsewhere
    return Reading(tuple(t for t in terms if t.direction.name not in refused), tuple(dict.fromkeys(unknown)))


def _read_part(tokens: list[str]) -> tuple[list[Term], list[str]]:
    """The terms of one part between commas; "and" inside it begins a new group for adverbs."""
    groups: list[list[str]] = [[]]
    for word in _words(tokens):
        if word in JOINERS:
            groups.append([])
        else:
            groups[-1].append(word)
    read = [_read_group(group) for group in groups]
    return [term for terms, _ in read for term in terms], [word for _, words in read for word in words]


def _read_group(words: list[str]) -> tuple[list[Term], list[str]]:
    directions = [BY_PHRASE[word] for word in words if word in BY_PHRASE]
    if not directions:  # an adverb or a filler with nothing to act on had no effect either
        strange = [word for word in words if word not in FILLERS] or words
        return [], [" ".join(strange)] if strange else []
    strength = math.prod(ADVERBS[word][0] for word in words if word in ADVERBS)
    speed = math.prod(ADVERBS[word][1] for word in words if word in ADVERBS)
    if NEGATIONS & set(words):
        strength = 0.0
    terms = [Term(d, min(strength, 2.5), min(max(speed, 0.25), 3.0)) for d in directions]
    known = {*BY_PHRASE, *ADVERBS, *FILLERS, *NEGATIONS}
    marked = " ".join("\0" if word in known else word for word in words)  # neighbours are named as they stood
    return terms, [strange.strip() for strange in marked.split("\0") if strange.strip()]


def _words(tokens: list[str]) -> list[str]:
    """The tokens joined into the longest known phrases; Chinese runs, which have no spaces, split into them."""
    words: list[str] = []
    at = 0
    while at < len(tokens):
        if not tokens[at].isascii():
            words += _split_chinese(tokens[at])
            at += 1
            continue
        for length in range(min(_LONGEST, len(tokens) - at), 0, -1):
            phrase = " ".join(tokens[at : at + length])
            if phrase in BY_PHRASE or length == 1:
                words.append(phrase)
                at += length
                break
    return words


def _split_chinese(run: str) -> list[str]:
    """Longest match from the left; characters that match nothing stay together."""
    words: list[str] = []
    strange = ""
    at = 0
    while at < len(run):
        for length in range(min(_LONGEST_ZH, len(run) - at), 0, -1):
            piece = run[at : at + length]
            if piece in _KNOWN_ZH:
                words += [strange, piece] if strange else [piece]
                strange = ""
                at += length
                break
        else:
            strange += run[at]
            at += 1
    return [*words, strange] if strange else words


def with_direction(prompt: str, phrase: str) -> str:
    """The prompt with one more direction at its end.

    Examples
    --------
    >>> with_direction("slow pan right", "glow")
    'slow pan right, glow'
    """
    return f"{prompt.rstrip(' ,，、')}, {phrase}" if prompt.strip(" ,，、") else phrase


def without_direction(prompt: str, name: str) -> str:
    """The prompt without the direction ``name``: without the parts between commas that hold nothing else that is
    known, and with "no ..." where one shares its part with others.

    Examples
    --------
    >>> without_direction("slow pan right, subtle glow", "pan right")
    'subtle glow'
    """
    parts = [part.strip() for part in _SEPARATORS.split(prompt) if part.strip()]
    named = [{term.direction.name for term in read_prompt(part).terms} for part in parts]
    kept = ", ".join(part for part, names in zip(parts, named, strict=True) if names != {name})
    still = name in {term.direction.name for term in read_prompt(kept).terms}
    return with_direction(kept, f"no {name}") if still else kept


def look_of(reading: Reading, weight: float = 1.0) -> Look:
    """All directions of a prompt added up, scaled by ``weight`` (the prompt weight, 0.5 to 1.5).

    Without any camera direction the camera pushes in slowly; 'static' keeps it where it is.
    """
    total = {name: 0.0 for name in asdict(Look()) if name != "pace"}
    paces = [term.speed for term in reading.terms if set(term.direction.effects) & set(MOVING)]
    for term in reading.terms:
        for name, amount in term.direction.effects.items():
            total[name] += amount * term.strength * (term.speed if name in CAMERA else 1.0) * weight
    directed = any(t.direction.kind == "camera" or set(t.direction.effects) & set(CAMERA) for t in reading.terms)
    if not directed:
        total["zoom"], total["drift"] = 0.012, 0.35
    pace = sum(paces) / len(paces) if paces else 1.0
    return Look(**{name: _bounded(name, value) for name, value in total.items()}, pace=pace)


def _bounded(name: str, value: float) -> float:
    """Light and texture saturate: two strong directions of a kind do not burn the picture out."""
    if name in CAMERA:
        return value
    return max(-1.6, min(1.6, value))
