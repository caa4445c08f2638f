"""`measure_alignment`: does this clip move in time with its music?"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.alignment.events import flashes, speed_maxima, stops
from s2v_nb.alignment.measures import chance_level, match, near_beats, phase_locking, signed_lags
from s2v_nb.alignment.signals import Signals, visual_signals
from s2v_nb.media import Audio, load_audio
from s2v_nb.media.video import read_sound
from s2v_nb.rhythm import Rhythm, analyze

KINDS = {"stops": stops, "speed_maxima": speed_maxima, "flashes": flashes}
NAMES = {"stops": "visual stop", "speed_maxima": "speed maximum", "flashes": "flash"}
PLURALS = {"stops": "visual stops", "speed_maxima": "speed maxima", "flashes": "flashes"}
MIN_EVENTS, MIN_SECONDS = 15, 10.0
DECISIVE_P, USUAL_P = 0.001, 0.05
FEWEST = 4  # events; with fewer nothing is computed
VERDICTS = ("in time", "no link to the beat", "not enough evidence")


@dataclass(frozen=True)
class EventScores:
    """How one kind of visual event meets the beats.

    ``lag_ms`` is the median signed lag to the nearest beat (positive: the picture is late) between its quartiles
    ``lag_low_ms`` and ``lag_high_ms``; ``r``, ``r_half``, ``r_bar`` phase locking at beat, half-beat and bar level;
    precision, recall and F at +-70 ms; ``chance_f``, ``chance_r`` and ``p`` from permuted motion.
    """

    events: int
    lag_ms: float
    lag_low_ms: float
    lag_high_ms: float
    r: float
    r_half: float
    r_bar: float | None
    precision: float
    recall: float
    f: float
    chance_f: float
    chance_r: float
    p: float


@dataclass(frozen=True, eq=False)
class AlignmentReport:
    """What `measure_alignment` found.

    ``scores`` has a row for each kind of event that was there ('stops' and 'speed_maxima' of the motion, 'flashes' of
    the brightness); ``headline`` names the row the ``verdict`` rests on. ``signals``, ``events`` and ``rhythm`` are
    what was measured, for plots.
    """

    clip: str
    verdict: str
    headline: str | None
    duration: float
    fps: float
    tempo: float | None
    beats: int
    scores: dict[str, EventScores]
    signals: Signals = field(repr=False)
    events: dict[str, np.ndarray] = field(repr=False)
    rhythm: Rhythm = field(repr=False)

    @property
    def frame_ms(self) -> float:
        """How long a frame is shown, in milliseconds: no lag is known better than half of it."""
        return 1000 / self.fps

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: everything but the curves."""
        return {
            "clip": self.clip,
            "verdict": self.verdict,
            "headline": self.headline,
            "duration": round(self.duration, 3),
            "fps": round(self.fps, 3),
            "frame_ms": round(self.frame_ms, 2),
            "tempo": None if self.tempo is None else round(self.tempo, 2),
            "beats": self.beats,
            "scores": {kind: _rounded(asdict(scores)) for kind, scores in self.scores.items()},
        }

    @property
    def sentence(self) -> str:
        """The result in plain words."""
        tempo = f"{self.tempo:.1f} BPM" if self.tempo else "no beat found"
        head = f"{self.clip} ({self.duration:.1f} s, {self.fps:g} fps, {tempo}): {self.verdict}"
        if self.headline is None:
            return f"{head}. There are too few visual events, or no beat in the music."
        s = self.scores[self.headline]
        met = round(s.precision * s.events)
        side = "after" if s.lag_ms >= 0 else "before"
        return (
            f"{head}. {met} of {s.events} {PLURALS[self.headline]} fall within 70 ms of a beat, {abs(s.lag_ms):.1f} ms "
            f"{side} it in the median (a frame lasts {self.frame_ms:.0f} ms)."
        )

    def __str__(self) -> str:
        """The sentence, then one line for each kind of event; `EventScores` says what the columns are."""
        lines = [self.sentence]
        for kind, s in self.scores.items():
            lines.append(
                f"  {kind:13}{s.events:3d}  lag {s.lag_ms:+6.1f} ms  R {s.r:.3f} (chance {s.chance_r:.2f})"
                f"  F {s.f:.2f} (chance {s.chance_f:.2f})  p {s.p:.4f}"
            )
        return "\n".join(lines)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def measure_alignment(
    clip: str | Path, audio: str | Path | Audio | None = None, *, rhythm: Rhythm | None = None
) -> AlignmentReport:
    """Measure from the decoded file how well a clip moves in time with its music.

    Parameters
    ----------
    clip : path
        Any MP4.
    audio : path or Audio, optional
        The music, from the clip's first moment on, if not the clip's own sound is to be heard.
    rhythm : Rhythm, optional
        Beats to measure against instead of what is heard; times from the clip's start.

    Returns
    -------
    AlignmentReport
        Its verdict is 'in time', 'no link to the beat', or 'not enough evidence': under 15 events or 10 s, unless the
        phase test is decisive (p < 0.001).

    Raises
    ------
    InputError
        If the file is no readable MP4, or has no sound and no other is given.
    """
    path = Path(getattr(clip, "path", clip))
    signals = visual_signals(path)
    if rhythm is None:
        rhythm = analyze(_music(path, audio, signals.duration))
    rhythm = rhythm.excerpt(0.0, signals.duration)
    events = {kind: find(signals) for kind, find in KINDS.items()}
    scores = {}
    if len(rhythm.beats) >= FEWEST:
        for kind, times in events.items():
            inside = near_beats(times, rhythm.beats)
            if len(inside) >= FEWEST:
                scores[kind] = _score(times, inside, rhythm, signals.duration)
    headline = _headline(scores)
    return AlignmentReport(
        clip=path.name,
        verdict=_verdict(scores.get(headline or ""), signals.duration),
        headline=headline,
        duration=signals.duration,
        fps=signals.fps,
        tempo=rhythm.tempo,
        beats=len(rhythm.beats),
        scores=scores,
        signals=signals,
        events=events,
        rhythm=rhythm,
    )


def _music(clip: Path, audio: str | Path | Audio | None, duration: float) -> Audio:
    """The clip's own sound, or as much of other music as the clip lasts."""
    if audio is None:
        return read_sound(clip)
    if isinstance(audio, Audio):
        return audio.as_song().excerpt(0.0, duration)
    return load_audio(audio, 0.0, duration)


def _score(events: np.ndarray, inside: np.ndarray, rhythm: Rhythm, duration: float) -> EventScores:
    lags = signed_lags(inside, rhythm.beats) * 1000
    low, median, high = np.percentile(lags, [25, 50, 75])
    found = match(inside, rhythm.beats)
    chance = chance_level(events, rhythm.beats, duration)
    bars = rhythm.downbeats
    return EventScores(
        events=len(inside),
        lag_ms=float(median),
        lag_low_ms=float(low),
        lag_high_ms=float(high),
        r=phase_locking(inside, rhythm.beats),
        r_half=phase_locking(inside, rhythm.beats, per_beat=2),
        r_bar=phase_locking(inside, bars) if len(bars) >= 2 else None,
        precision=found.precision,
        recall=found.recall,
        f=found.f,
        chance_f=chance.f,
        chance_r=chance.r,
        p=chance.p,
    )


def _headline(scores: dict[str, EventScores]) -> str | None:
    """Motion speaks for a clip; its light only where nothing moves."""
    return next((kind for kind in ("stops", "flashes", "speed_maxima") if kind in scores), None)


def _verdict(scores: EventScores | None, duration: float) -> str:
    if scores is None:
        return "not enough evidence"
    if scores.p < DECISIVE_P:
        return "in time"
    if scores.events < MIN_EVENTS or duration < MIN_SECONDS:
        return "not enough evidence"
    return "in time" if scores.p < USUAL_P else "no link to the beat"
