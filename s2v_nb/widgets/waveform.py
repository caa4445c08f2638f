"""`Waveform`: the song as a picture, its beats, and the excerpt that becomes the clip: to move, to hear, to tap to.

What is drawn and what is played travels as binary messages that the front end asks for, never as a trait.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from traitlets import Bool, Float, Int

from s2v_nb.errors import InputError
from s2v_nb.media import load_audio
from s2v_nb.rhythm import Rhythm, click_track
from s2v_nb.rhythm.corrections import FEWEST_TAPS
from s2v_nb.rhythm.excerpts import LEAD_SECONDS
from s2v_nb.settings import CONTROLS, Range
from s2v_nb.widgets.front import Front
from s2v_nb.workspace import Heard

_LENGTH = CONTROLS["duration"]
assert isinstance(_LENGTH, Range)
SHORTEST, LONGEST = _LENGTH.low, _LENGTH.high  # seconds
DRAWN_MOMENTS = ("drop", "break")


class Waveform(Front):
    """The whole song with its phrases above, the excerpt with its beats below.

    Parameters
    ----------
    report : callable
        Takes what went wrong, as an exception.
    chosen : callable
        Takes start and duration in seconds of the excerpt that a person has chosen; the duration is None where only
        the start was moved.
    sound : callable
        Takes start, duration and whether beats are to be clicked; gives MP3 bytes.
    tapped : callable
        Takes the times at which a person has tapped, in seconds of the song.

    Notes
    -----
    ``start`` and ``duration`` of the excerpt and ``song_duration`` are seconds; ``playing`` says that a page plays,
    and False ends that. ``words`` has the keys ``WAVE_WORDS`` of the panel.
    """

    name = "waveform"
    start = Float(0.0).tag(sync=True)
    duration = Float(8.0).tag(sync=True)
    song_duration = Float(0.0).tag(sync=True)
    playing = Bool(False).tag(sync=True)
    listening = Bool(False).tag(sync=True)
    drawing = Int(0).tag(sync=True)  # counts up when there is something else to draw

    def __init__(
        self,
        report: Callable[[Exception], None],
        *,
        chosen: Callable[[float, float | None], None],
        sound: Callable[[float, float, bool], bytes],
        tapped: Callable[[Sequence[float]], None],
        **values: Any,
    ) -> None:
        super().__init__(report, **values)
        self._chosen, self._sound, self._tapped = chosen, sound, tapped
        self._data: tuple[dict[str, Any], list[bytes]] = packed(None)

    def show(self, heard: Heard | None) -> None:
        """Draw what was heard; None draws nothing."""
        data = packed(heard)
        if data != self._data:
            self._data = data
            self.song_duration = heard.duration if heard else 0.0
            self.drawing += 1

    # --- what the front end says

    def on_data(self, content: dict[str, Any], buffers: list) -> None:
        header, arrays = self._data
        self.send({"do": "data", "drawing": self.drawing, **header}, arrays)

    def on_choose(self, content: dict[str, Any], buffers: list) -> None:
        try:
            duration = _number(content, "duration") if "duration" in content else None
            self._chosen(_number(content, "start"), duration)
        finally:
            self.send({"do": "chosen"})  # what was refused is drawn no longer

    def on_sound(self, content: dict[str, Any], buffers: list) -> None:
        seconds = min(_number(content, "duration"), LONGEST)
        answer = {"do": "sound", "who": content.get("who"), "seconds": seconds}
        try:
            sound = self._sound(_number(content, "start"), seconds, content.get("click") is True)
        except Exception:
            self.send({**answer, "do": "silence"})
            raise
        self.send(answer, [sound])

    def on_taps(self, content: dict[str, Any], buffers: list) -> None:
        times = content.get("times")
        if not isinstance(times, list) or len(times) < FEWEST_TAPS:
            raise InputError("corrections.taps", count=len(times) if isinstance(times, list) else 0, low=FEWEST_TAPS)
        self._tapped(tuple(float(time) for time in times))


def _number(content: dict[str, Any], name: str) -> float:
    """A number of a message; InputError if it is none."""
    value = content.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value) or value < 0:
        raise InputError("settings.number", name=name, value=value, low=0, high=86400, unit=" s")
    return float(value)


def packed(heard: Heard | None) -> tuple[dict[str, Any], list[bytes]]:
    """What is drawn, as a header and five arrays.

    The arrays are the peaks (int8, lowest and highest of each stretch by turns; 127 is the loudest), and as float32
    seconds beats, downbeats, phrases (start, end) and moments (start, end).
    """
    header: dict[str, Any] = {"lead": LEAD_SECONDS, "shortest": SHORTEST, "longest": LONGEST, "taps": FEWEST_TAPS}
    if heard is None:
        return {**header, "seconds": 0.0, "labels": [], "kinds": []}, [b""] * 5
    rhythm = heard.rhythm
    moments = [moment for moment in rhythm.moments if moment.kind in DRAWN_MOMENTS]
    header |= {"seconds": heard.duration, "labels": [phrase.label for phrase in rhythm.phrases]}
    header["kinds"] = [moment.kind for moment in moments]
    spans = [np.array([(part.start, part.end) for part in parts]) for parts in (rhythm.phrases, moments)]
    times = [rhythm.beats, rhythm.downbeats, *spans]
    return header, [small_peaks(heard.peaks).tobytes(), *[np.asarray(t, np.float32).tobytes() for t in times]]


def small_peaks(peaks: np.ndarray) -> np.ndarray:
    """float (2, n) as int8 (n, 2), scaled so that the loudest sample is 127."""
    loudest = max(1e-6, float(np.abs(peaks).max(initial=0.0)))
    return np.round(peaks.T * (127 / loudest)).astype(np.int8)


def excerpt_sound(path: Path, start: float, duration: float, rhythm: Rhythm | None = None) -> bytes:
    """A part of a song as MP3 that loops without a click; with the song's ``rhythm`` its beats are clicked."""
    part = load_audio(path, start, duration).faded()
    if rhythm is not None:
        part = click_track(part, rhythm.excerpt(part.start, part.duration))
    return part._mp3()
