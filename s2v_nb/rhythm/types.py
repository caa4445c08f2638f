"""`Rhythm`, the object that travels from the ear to the engines, the alignment and the plots."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

BANDS = ("bass", "mid", "high")
MOMENTS = ("drop", "break", "silence")
MOST = 1e9  # of any number in a rhythm that was written down: beyond seconds, decibels and beats per minute
TEMPO_BEATS = 8  # over which the tempo curve is taken


def validate_times(name: str, times: np.ndarray, *, at_least: int = 0) -> None:
    """Raise ValueError unless ``times`` is a strictly increasing 1-d array of ``at_least`` times."""
    if times.ndim != 1 or len(times) < at_least:
        raise ValueError(f"{name} must be 1-d with at least {at_least} times, but has shape {times.shape}")
    late = np.flatnonzero(~(np.diff(times) > 0))  # written so that NaN is late too
    if late.size:
        i = late[0] + 1
        raise ValueError(f"{name}[{i}]={times[i]:.3f} s does not follow {times[i - 1]:.3f} s; are the times sorted?")


@dataclass(frozen=True)
class Moment:
    """A key moment: a 'drop' (the bass or everything comes in), a 'break' (it goes away) or a 'silence'; seconds.

    ``strength`` is the change of level in dB; of a silence, how far it lies under the song.
    """

    kind: Literal["drop", "break", "silence"]
    start: float
    end: float
    strength: float


@dataclass(frozen=True)
class Phrase:
    """Some bars that belong together, from ``start`` to ``end`` seconds.

    Phrases of one ``label`` ('A', 'B', ...) sound alike. ``energy`` is their loudness against the song's mean, in dB.
    """

    start: float
    end: float
    bars: int
    label: str
    energy: float


@dataclass(frozen=True, eq=False)
class Rhythm:
    """What was heard in ``duration`` seconds of audio.

    Parameters
    ----------
    duration : float, seconds
    tempo : float or None, beats per minute
        None where no beat was found.
    beats, downbeats : np.ndarray, shape (n,), seconds
        Strictly increasing; the downbeats are among the beats.
    times : np.ndarray, shape (n_points,), seconds
        When the curves below were taken.
    onset : np.ndarray, shape (n_points,), 0 to 1
        Onset strength: how much new sound begins.
    bands : dict of np.ndarray, shape (n_points,), 0 to 1
        Energy of 'bass' (30-150 Hz), 'mid' (150-2000 Hz) and 'high' (2-11 kHz), each by its own maximum.
    loudness : float, LUFS
        Integrated loudness (ITU-R BS.1770-4); -inf for silence.
    confidence : np.ndarray, shape (n_beats,), 0 to 1
        How likely the passage around each beat is followed rightly; by default all ones, for beats a person gave.
    metre : int
        Beats a bar.
    moments, phrases : tuples of `Moment` and `Phrase`, in time order
    vocals : float, 0 to 1
        Share of the time in which a voice seems to sing or speak; an estimate.
    tracker : str
        What found the beats; '' for beats a person gave.
    """

    duration: float
    tempo: float | None
    beats: np.ndarray
    downbeats: np.ndarray
    times: np.ndarray
    onset: np.ndarray
    bands: dict[str, np.ndarray]
    loudness: float
    confidence: np.ndarray = None  # type: ignore[assignment]  # filled in below
    metre: int = 4
    moments: tuple[Moment, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    vocals: float = 0.0
    tracker: str = ""

    def __post_init__(self) -> None:
        validate_times("beats", self.beats)
        validate_times("downbeats", self.downbeats)
        if self.confidence is None:
            object.__setattr__(self, "confidence", np.ones(len(self.beats)))
        if self.confidence.shape != self.beats.shape:
            raise ValueError(f"confidence has shape {self.confidence.shape}, but beats has {self.beats.shape}")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise ValueError("confidence must be from 0 to 1")
        if self.duration < 0 or self.metre < 1 or (self.tempo is not None and self.tempo <= 0):
            found = f"duration={self.duration}, metre={self.metre}, tempo={self.tempo}"
            raise ValueError(f"{found}: a duration is not negative, a metre 1 or more, a tempo above 0 or None")
        for name, curve in {"onset": self.onset, **self.bands}.items():
            if curve.shape != self.times.shape:
                raise ValueError(f"{name} has shape {curve.shape}, but times has {self.times.shape}")

    @property
    def tempo_curve(self) -> np.ndarray:
        """Beats per minute around each beat, shape (n_beats,): over eight beats, fewer at the ends; empty under two."""
        return tempo_curve(self.beats)

    @property
    def sureness(self) -> float:
        """`confidence` in one number, 0 to 1; see `sureness`."""
        return sureness(self.confidence)

    def excerpt(self, start: float, duration: float) -> "Rhythm":
        """The rhythm of ``duration`` seconds from ``start`` on, with times from there.

        Tempo (where there are beats), loudness, vocals and the bars of phrases stay those of the whole.
        """
        end = start + duration
        inside = (self.times >= start - 1e-9) & (self.times < end)

        def within(times: np.ndarray) -> np.ndarray:
            return (times >= start - 1e-6) & (times < end - 1e-6)

        def moved(part: Any) -> Any:
            return replace(part, start=max(0.0, part.start - start), end=min(duration, part.end - start))

        return replace(
            self,
            duration=duration,
            tempo=self.tempo if within(self.beats).any() else None,
            beats=self.beats[within(self.beats)] - start,
            downbeats=self.downbeats[within(self.downbeats)] - start,
            confidence=self.confidence[within(self.beats)],
            moments=tuple(moved(m) for m in self.moments if m.end > start and m.start < end),
            phrases=tuple(moved(p) for p in self.phrases if p.end > start + 1e-6 and p.start < end - 1e-6),
            times=self.times[inside] - start,
            onset=self.onset[inside],
            bands={name: curve[inside] for name, curve in self.bands.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, rounded to 0.1 ms and 1/1000; times as [first, step, count]."""
        return {
            "duration": self.duration,
            "tempo": self.tempo,
            "beats": _rounded(self.beats, 4),
            "downbeats": _rounded(self.downbeats, 4),
            "loudness": self.loudness if np.isfinite(self.loudness) else None,
            "times": self._grid(),
            "onset": _rounded(self.onset, 3),
            "bands": {name: _rounded(curve, 3) for name, curve in self.bands.items()},
            "confidence": _rounded(self.confidence, 3),
            "metre": self.metre,
            "moments": [_plain(moment) for moment in self.moments],
            "phrases": [_plain(phrase) for phrase in self.phrases],
            "vocals": round(float(self.vocals), 3),
            "tracker": self.tracker,
        }

    def _grid(self) -> list[float]:
        """The times as [first, step, count], rounded so that writing what was read gives the same again."""
        if len(self.times) < 2:
            return [0.0, 1.0, len(self.times)]
        return [round(float(self.times[0]), 6), round(float(np.median(np.diff(self.times))), 9), len(self.times)]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Rhythm":
        """The reverse of `to_dict`.

        Raises
        ------
        ValueError, TypeError, KeyError
            If ``values`` is not what `to_dict` gives: it may come from a stranger's file.
        """
        arrays: dict[str, Any] = {name: _finite(name, values[name]) for name in ("beats", "downbeats", "onset")}
        later: dict[str, Any] = {  # clips of the first version have none of these
            "confidence": _finite("confidence", values.get("confidence", [1.0] * len(arrays["beats"]))),
            "metre": int(values.get("metre", 4)),
            "moments": tuple(_moment(m) for m in values.get("moments", [])),
            "phrases": tuple(_phrase(p) for p in values.get("phrases", [])),
            "vocals": float(_finite("vocals", [values.get("vocals", 0.0)])[0]),
            "tracker": str(values.get("tracker", "")),
        }
        bands = {name: _finite(name, values["bands"][name]) for name in BANDS}
        first, step, count = values["times"]
        if count != len(arrays["onset"]):
            raise ValueError(f"times has {count} points, but onset has {len(arrays['onset'])}")
        times = _finite("times", [first, step])[0] + step * np.arange(count)
        duration = float(_finite("duration", [values["duration"]])[0])
        tempo = None if values["tempo"] is None else float(_finite("tempo", [values["tempo"]])[0])
        loudness = -np.inf if values["loudness"] is None else float(_finite("loudness", [values["loudness"]])[0])
        return cls(duration, tempo, times=times, bands=bands, loudness=loudness, **arrays, **later)


def sureness(confidence: np.ndarray) -> float:
    """The mean of the most doubtful quarter of ``confidence`` (n_beats,), 0 to 1; 0 without beats."""
    if not len(confidence):
        return 0.0
    return float(np.sort(confidence)[: max(1, round(len(confidence) / 4))].mean())


def tempo_curve(beats: np.ndarray) -> np.ndarray:
    """Beats per minute around each of ``beats`` (seconds), shape (n_beats,): the mean pace of up to eight beats.

    Examples
    --------
    >>> tempo_curve(np.array([0.0, 0.5, 1.0, 1.5]))
    array([120., 120., 120., 120.])
    """
    if len(beats) < 2:
        return np.zeros(0)
    index = np.arange(len(beats))
    first = np.maximum(0, index - TEMPO_BEATS // 2)
    last = np.minimum(len(beats) - 1, index + TEMPO_BEATS // 2)
    return 60 * (last - first) / (beats[last] - beats[first])


def _plain(part: "Moment | Phrase") -> dict[str, Any]:
    return {name: round(float(v), 4) if isinstance(v, float) else v for name, v in asdict(part).items()}


def _moment(values: dict[str, Any]) -> Moment:
    if values["kind"] not in MOMENTS:
        raise ValueError(f"a moment's kind is {values['kind']!r}, but it must be one of {', '.join(MOMENTS)}")
    start, end, strength = (float(v) for v in _finite("moment", [values[k] for k in ("start", "end", "strength")]))
    return Moment(values["kind"], start, end, strength)


def _phrase(values: dict[str, Any]) -> Phrase:
    start, end, energy = (float(v) for v in _finite("phrase", [values[k] for k in ("start", "end", "energy")]))
    return Phrase(start, end, int(values["bars"]), str(values["label"]), energy)


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    """In double precision: a rounded float32 would be another number after a trip through JSON."""
    return np.round(values.astype(float), digits).tolist()


def _finite(name: str, values: Any) -> np.ndarray:
    """``values`` as a 1-d float array; ValueError where one is not a finite number."""
    array = np.array(values, dtype=float)
    if array.ndim != 1 or not (np.abs(array) <= MOST).all():  # written so that NaN is refused too
        raise ValueError(f"{name} must be a list of finite numbers")
    return array


def beat_phase(times: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """How far each time is into its beat.

    Parameters
    ----------
    times : np.ndarray, shape (n,), seconds
    beats : np.ndarray, shape (n_beats,), seconds
        Strictly increasing, two or more.

    Returns
    -------
    phase : np.ndarray, shape (n,), in [0, 1)
        0 on a beat, 0.5 halfway to the next; the outer beats are continued at their own pace.

    Raises
    ------
    ValueError
        If ``beats`` is not a strictly increasing 1-d array of at least two times.

    Examples
    --------
    >>> beat_phase(np.array([0.0, 0.25, 0.5, 1.25]), np.array([0.0, 0.5, 1.0]))
    array([0. , 0.5, 0. , 0.5])
    """
    validate_times("beats", beats, at_least=2)
    start = np.clip(np.searchsorted(beats, times, side="right") - 1, 0, len(beats) - 2)
    return (times - beats[start]) / (beats[start + 1] - beats[start]) % 1.0
