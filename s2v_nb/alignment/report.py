"""`measure_alignment`: does this clip move in time with its music?"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.alignment.chance import DRAWS, chance_level, songs_level
from s2v_nb.alignment.events import flashes, speed_maxima, stops
from s2v_nb.alignment.measures import measure, near_beats, signed_lags
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
    ``lag_low_ms`` and ``lag_high_ms``; the other measures are explained in `Measures`. Each ``chance_...`` is the mean
    of that measure over permuted motion, ``p`` the share of permutations that fit the beats as well (`chance_level`),
    ``p_songs`` the share of other songs that this motion fits as well (`songs_level`).
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
    aist_motion: float
    aist_music: float
    av_align: float
    chance_r: float
    chance_r_half: float
    chance_r_bar: float | None
    chance_precision: float
    chance_recall: float
    chance_f: float
    chance_aist_motion: float
    chance_aist_music: float
    chance_av_align: float
    p: float
    p_songs: float


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
        """The sentence, then two lines for each kind of event; `EventScores` says what the numbers are."""
        lines = [self.sentence]
        for kind, s in self.scores.items():
            lines.append(
                f"  {kind:13}{s.events:3d}  lag {s.lag_ms:+6.1f} ms  R {s.r:.3f} (chance {s.chance_r:.2f})"
                f"  F {s.f:.2f} (chance {s.chance_f:.2f})  p {s.p:.4f}  p_songs {s.p_songs:.3f}\n"
                f"{'':16}  AIST++ {s.aist_motion:.2f} (chance {s.chance_aist_motion:.2f}), from the beats"
                f" {s.aist_music:.2f} (chance {s.chance_aist_music:.2f})"
                f"  AV-Align {s.av_align:.2f} (chance {s.chance_av_align:.2f})"
            )
        return "\n".join(lines)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def measure_alignment(
    clip: str | Path,
    audio: str | Path | Audio | None = None,
    *,
    rhythm: Rhythm | None = None,
    seams: Sequence[float] = (),
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
    seams : seconds, optional
        Where parts of the clip that were made apart meet. They are masked, as hard cuts are without being named.

    Returns
    -------
    AlignmentReport
        Its verdict is 'in time' if the motion fits its music better than its own permutations do (p < 0.05) and better
        than other music (p_songs < 0.05), 'no link to the beat' if the permutations fit as well, and else 'not enough
        evidence': where any song of this tempo might have fitted, and under 15 events or 10 s, unless the
        permutation test is decisive (p < 0.001). How often this errs is in bench/results/chance.json: of clips
        unrelated to their music 1 to 2 % pass for 'in time', fewer than by p alone, and p_songs has cost no clip that
        was. What no test of one clip can tell is motion of the same tempo that started right by luck.

    Raises
    ------
    InputError
        If the file is no readable MP4, or has no sound and no other is given.
    """
    path = Path(getattr(clip, "path", clip))
    signals = visual_signals(path, seams)
    if rhythm is None:
        rhythm = analyze(_music(path, audio, signals.duration))
    rhythm = rhythm.excerpt(0.0, signals.duration)
    events = {kind: find(signals) for kind, find in KINDS.items()}
    scores = {}
    for kind, times in events.items():
        row = score_events(times, rhythm.beats, rhythm.downbeats, signals.duration, 1 / signals.fps)
        if row is not None:
            scores[kind] = row
    headline = _headline(scores)
    return AlignmentReport(
        clip=path.name,
        verdict=verdict(scores.get(headline or ""), signals.duration),
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
        return _named(read_sound(clip))
    if isinstance(audio, Audio):
        return _named(audio).as_song().excerpt(0.0, duration)
    return load_audio(audio, 0.0, duration)


def _named(audio: Audio) -> Audio:
    """With the hash of its samples where it has none of a file: what was heard is kept under that name."""
    if audio.sha256:
        return audio
    return replace(audio, sha256=hashlib.sha256(audio.samples.tobytes()).hexdigest())


def score_events(
    events: np.ndarray, beats: np.ndarray, downbeats: np.ndarray, duration: float, frame: float, draws: int = DRAWS
) -> EventScores | None:
    """Score one kind of event; all in seconds, ``frame`` is how long a frame lasts. None with too few of either."""
    if len(beats) < FEWEST:
        return None
    inside = near_beats(events, beats)
    if len(inside) < FEWEST:
        return None
    low, median, high = np.percentile(signed_lags(inside, beats) * 1000, [25, 50, 75])
    chance = chance_level(events, beats, duration, downbeats=downbeats, frame=frame, draws=draws)
    return EventScores(
        events=len(inside),
        lag_ms=float(median),
        lag_low_ms=float(low),
        lag_high_ms=float(high),
        **asdict(measure(inside, beats, downbeats, frame)),
        **{f"chance_{name}": value for name, value in asdict(chance.mean).items()},
        p=chance.p,
        p_songs=songs_level(events, beats, duration),
    )


def _headline(scores: dict[str, EventScores]) -> str | None:
    """Motion speaks for a clip; its light only where nothing moves."""
    return next((kind for kind in ("stops", "flashes", "speed_maxima") if kind in scores), None)


def verdict(scores: EventScores | None, duration: float) -> str:
    """One of `VERDICTS`, by the rule that `measure_alignment` explains; ``duration`` is the clip's, in seconds."""
    if scores is None:
        return "not enough evidence"
    short = scores.events < MIN_EVENTS or duration < MIN_SECONDS
    if scores.p >= USUAL_P and not short:
        return "no link to the beat"
    beyond_chance = scores.p < (DECISIVE_P if short else USUAL_P)
    return "in time" if beyond_chance and scores.p_songs < USUAL_P else "not enough evidence"
