"""`AudioUpload`: choose a song, see and hear what was heard in it, choose the excerpt, correct the beat."""

import html
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import ipywidgets as widgets

from s2v_nb.media.files import SONGS
from s2v_nb.rhythm import Corrections, Excerpt
from s2v_nb.samples import sample_audio
from s2v_nb.widgets.panel import Panel
from s2v_nb.widgets.upload import Upload, kept_sample, show_transfers
from s2v_nb.widgets.waveform import LONGEST, Waveform, excerpt_sound

MOST_EXCERPTS = 5  # buttons; what was heard has fewer
NUDGE_MS = 10.0
SLIDER_STEP = 0.01  # seconds
NO_SONG = ""  # in the list of songs; None would show nothing there
ACCEPTED = ",".join(("audio/*", *SONGS))
UPLOAD_WORDS = "drop browse paste cancel cancelled arrived".split()
WAVE_WORDS = (
    "empty listening play play_tip stop click click_tip tap tap_tip taps few_taps start length value drag free "
    "beat downbeat drop break unplayable"
).split()
FILLED_BY_PAGE = {name: f"{{{name}}}" for name in ("begin", "end", "length", "count", "least")}
CORRECTIONS: dict[str, tuple[str, Any]] = {  # label -> what is done and its value
    "halve": ("halve", None),
    "double": ("double", None),
    "shift": ("shift", None),
    "rotate": ("rotate", 1),
    "earlier": ("nudge", -NUDGE_MS),
    "later": ("nudge", NUDGE_MS),
    "three": ("metre", 3),
    "four": ("metre", 4),
    "undo": ("undo", None),
    "reset": ("reset", None),
}
_WRAP = {"flex_flow": "row wrap", "align_items": "center"}
_AUTO = {"width": "auto", "max_width": "100%"}


class AudioUpload(Panel):
    """The song and its beat.

    ``AudioUpload(audio="x.mp3")`` shows a song at once. What a person chooses is the workspace's: ``audio``, ``start``
    and ``duration`` of its settings; corrections are kept beside the song.
    """

    def build(self) -> list[widgets.Widget]:
        self._about, self._note, self._done = widgets.HTML(), widgets.HTML(), widgets.HTML()
        parts = [*self._sources(), self._about, self._note, self._chooser(), self._best(), self._correcting()]
        self.watch("songs", lambda _: self._show_songs())
        self.watch("audio", lambda _: self._new_song())
        for name in ("heard", "listening", "settings"):
            self.watch(name, lambda _: self._show_heard())
        return parts

    def relabel(self) -> None:
        super().relabel()
        self._accordion.titles = (self.say("studio.beat.title"),)
        if not self.plain:
            self._upload.words = {word: self.say(f"studio.song.{word}") for word in UPLOAD_WORDS}
            self._wave.words = {word: self.say(f"studio.wave.{word}", **FILLED_BY_PAGE) for word in WAVE_WORDS}
        self._show_songs()
        self._show_heard()

    # --- its parts

    def _sources(self) -> list[widgets.Widget]:
        self._songs = self.words(widgets.Dropdown(layout={"width": "auto", "flex": "1 1 14em"}), "studio.song.list")
        self._songs.observe(self._picked, "value")
        sample = self._button("studio.song.sample", self._use_sample, icon="music")
        row = widgets.HBox([self._songs, sample], layout=_WRAP)
        if self.plain:
            self._path = widgets.Text(continuous_update=False, layout={"width": "auto"})
            self.words(self._path, "studio.song.path").add_class("s2v-named")
            self.words(self._path, "studio.song.path", "placeholder").observe(self._typed, "value")
            return [row, self._path]
        workspace = self.workspace
        self._upload = Upload(workspace.report, folder=workspace.uploads, accept=ACCEPTED, done=self._arrived)
        show_transfers(self._upload, workspace)
        return [self._upload, row]

    def _use_sample(self) -> None:
        """Play the sample where it is not there yet, in a thread: the page shall answer meanwhile."""
        self._playing = Thread(target=self.attempt, args=(self._write_sample,), daemon=True, name="s2v_nb-sample")
        self._playing.start()

    def _write_sample(self) -> None:
        self.workspace.use(audio=kept_sample(self.workspace.uploads, "sample_song.wav", sample_audio))
        self.workspace.look_at_folder()

    def _chooser(self) -> widgets.Widget:
        if self.plain:
            self._start = widgets.FloatSlider(step=SLIDER_STEP, continuous_update=False, layout={"width": "auto"})
            self.words(self._start, "studio.song.start").observe(self._slid, "value")
            return self._start
        self._wave = Waveform(self.workspace.report, chosen=self._chosen, sound=self._sound, tapped=self._tapped)
        return self._wave

    def _best(self) -> widgets.Widget:
        self._best_title = widgets.HTML()
        self._excerpts = [widgets.Button(layout=_AUTO) for _ in range(MOST_EXCERPTS)]
        for index, button in enumerate(self._excerpts):
            button.on_click(lambda _, index=index: self.attempt(partial(self._take, index)))
        self._best_box = widgets.HBox([self._best_title, *self._excerpts], layout=_WRAP)
        return self._best_box

    def _correcting(self) -> widgets.Widget:
        self._corrections = {
            label: self._button(f"studio.beat.{label}", partial(self.workspace.correct, do, value))
            for label, (do, value) in CORRECTIONS.items()
        }
        row = widgets.HBox(list(self._corrections.values()), layout=_WRAP)
        self._accordion = widgets.Accordion([widgets.VBox([row, self._done])], selected_index=None)
        return self._accordion

    def _button(self, key: str, action: Callable[[], Any], **values: Any) -> widgets.Button:
        """A button with the words of ``key`` and the tooltip of ``key`` with '_tip'."""
        button = self.words(widgets.Button(layout=_AUTO, **values), key)
        self.words(button, f"{key}_tip", "tooltip").on_click(lambda _: self.attempt(action))
        return button

    # --- what a person does

    def _picked(self, change: Any) -> None:
        if change["new"] not in (None, NO_SONG, self._song_in_list()):
            self.attempt(lambda: self.workspace.use(audio=change["new"]))
            self._show_songs()  # what was refused does not stand as chosen

    def _typed(self, change: Any) -> None:
        if path := change["new"].strip():
            self.attempt(lambda: self.workspace.use(audio=Path(path).expanduser()))

    def _arrived(self, path: Path) -> None:
        self.workspace.touch()
        self.workspace.use(audio=path)
        self.workspace.look_at_folder()

    def _slid(self, change: Any) -> None:
        if abs(change["new"] - self._slider_place()[0]) >= SLIDER_STEP / 2:
            self.attempt(lambda: self.workspace.change(start=round(change["new"], 2)))

    def _chosen(self, start: float, duration: float | None) -> None:
        self.workspace.touch()
        self.workspace.change(start=round(start, 3), **({} if duration is None else {"duration": round(duration, 3)}))

    def _take(self, index: int) -> None:
        heard = self.workspace.heard
        if heard and index < len(heard.excerpts):
            self.workspace.change(start=heard.excerpts[index].start)

    def _tapped(self, times: Sequence[float]) -> None:
        self.workspace.touch()
        self.workspace.correct("tap", tuple(times))

    def _sound(self, start: float, duration: float, click: bool) -> bytes:
        self.workspace.touch()
        audio, heard = self.workspace.audio, self.workspace.heard
        if audio is None or audio.path is None:
            return b""
        return excerpt_sound(audio.path, start, duration, heard.rhythm if click and heard else None)

    # --- what is shown

    def _new_song(self) -> None:
        if not self.plain:
            self._wave.playing = False
        self._show_songs()
        self._show_heard()

    def _song_in_list(self) -> str:
        """The song as the list of songs names it: relative to the folder, or where it lies elsewhere."""
        audio = self.workspace.audio
        if audio is None or audio.path is None:
            return NO_SONG
        folder = self.workspace.folder
        return audio.path.relative_to(folder).as_posix() if audio.path.is_relative_to(folder) else str(audio.path)

    def _show_songs(self) -> None:
        here = self._song_in_list()
        names = [(name, name) for name in self.workspace.songs]
        if here not in (NO_SONG, *self.workspace.songs):
            assert self.workspace.audio is not None
            names.append((self.workspace.audio.name, here))
        options = ((self.say("studio.song.choose"), NO_SONG), *names)
        with self._songs.hold_sync():
            if self._songs.options != options:
                self._songs.options = options
            self._songs.index = [value for _, value in options].index(here)  # None as value would choose no line

    def _show_heard(self) -> None:
        self._about.value = self._about_song()
        self._note.value = " ".join(html.escape(sentence) for sentence in self._notes())
        self._show_corrections()
        self._show_excerpts()
        if self.plain:
            self._show_slider()
        else:
            self._show_wave()

    def _place(self) -> tuple[float, float]:
        """Start and duration of the excerpt in seconds; the best one where no start is chosen."""
        settings, heard = self.workspace.settings, self.workspace.heard
        best = heard.excerpts[0].start if heard and heard.excerpts else 0.0
        return best if settings.start is None else settings.start, settings.duration

    def _about_song(self) -> str:
        audio = self.workspace.audio
        if audio is None:
            return ""
        about = self.say("studio.song.file", length=clock(audio.song_duration), rate=audio.rate / 1000)
        return f"<b>{html.escape(audio.name)}</b> &middot; {html.escape(about)} &middot; {html.escape(self._beat())}"

    def _beat(self) -> str:
        """The beat in words; while the song is heard, that."""
        heard = self.workspace.heard
        if heard is None:
            return self.say("studio.song.listening") if self.workspace.listening else ""
        rhythm = heard.rhythm
        if rhythm.tempo is None:
            return self.say("studio.song.no_beat")
        sure = 100 * rhythm.sureness
        return self.say("studio.song.beat", tempo=rhythm.tempo, metre=rhythm.metre, sure=sure)

    def _notes(self) -> list[str]:
        """What a person should know about a long song."""
        audio, heard = self.workspace.audio, self.workspace.heard
        if audio is None or heard is None:
            return []
        notes = []
        if audio.song_duration > heard.duration + 1:
            notes.append(self.say("studio.song.heard", length=clock(heard.duration)))
        if audio.song_duration > LONGEST and self.workspace.settings.start is None and heard.excerpts:
            notes.append(self.say("studio.song.long", limit=LONGEST, **self._span(heard.excerpts[0])))
        return notes

    def _span(self, excerpt: Excerpt) -> dict[str, str]:
        why = excerpt.words(self.workspace.language)
        return {"begin": clock(excerpt.start), "end": clock(excerpt.end), "why": why}

    def _show_excerpts(self) -> None:
        heard = self.workspace.heard
        excerpts = heard.excerpts if heard else ()
        start, _ = self._place()
        self._best_title.value = html.escape(self.say("studio.song.best"))
        self._best_box.layout.display = "" if excerpts else "none"
        for button, excerpt in zip(self._excerpts, excerpts, strict=False):
            span = self._span(excerpt)
            button.description = self.say("studio.song.span", **span)
            button.tooltip = self.say("studio.song.best_tip", **span)
            button.icon = "check" if abs(excerpt.start - start) < SLIDER_STEP else ""
        for index, button in enumerate(self._excerpts):
            button.layout.display = "" if index < len(excerpts) else "none"

    def _show_corrections(self) -> None:
        heard = self.workspace.heard
        steps = heard.corrections.steps if heard else ()
        for label, button in self._corrections.items():
            button.disabled = heard is None or (label in ("undo", "reset") and not steps)
        self._done.value = html.escape(self._steps(heard.corrections) if heard else "")

    def _steps(self, corrections: Corrections) -> str:
        """What was corrected, in words."""
        if not corrections.steps:
            return self.say("studio.beat.none")
        told = []
        for step in corrections.steps:
            value = len(step.value) if isinstance(step.value, tuple) else step.value
            told.append(self.say(f"studio.step.{step.do}", value=value))
        return self.say("studio.beat.done", steps=("，" if self.workspace.language == "zh" else ", ").join(told))

    def _show_wave(self) -> None:
        wave = self._wave
        with wave.hold_sync():
            wave.start, wave.duration = self._place()
            wave.listening = self.workspace.listening
            wave.show(self.workspace.heard)

    def _slider_place(self) -> tuple[float, float]:
        """Value and maximum of the slider, in seconds."""
        start, duration = self._place()
        audio = self.workspace.audio
        most = max(0.0, audio.song_duration - duration) if audio else 0.0
        return min(start, most), most

    def _show_slider(self) -> None:
        value, most = self._slider_place()
        self._start.disabled = self.workspace.audio is None
        with self._start.hold_sync():
            self._start.max = max(most, self._start.value)  # never below the value, which would move it
            self._start.value = value
            self._start.max = most


def clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> clock(83.4)
    '1:23'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
