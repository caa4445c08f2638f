"""The audio panel without a browser: what it shows of the model, and what it does to it."""

import shutil

import numpy as np
import pytest
import soundfile

from s2v_nb.media import load_audio
from s2v_nb.plots.style import SECTION_COLORS
from s2v_nb.rhythm import Corrections, Excerpt, Moment, Rhythm
from s2v_nb.rhythm.types import Phrase
from s2v_nb.widgets import audio_upload
from s2v_nb.widgets.audio_upload import AudioUpload, clock
from s2v_nb.widgets.front import STATIC
from s2v_nb.widgets.waveform import Waveform, excerpt_sound, packed, small_peaks
from s2v_nb.workspace import Heard, Workspace
from tests.conftest import tone

PARTS = {"phrase": 1.0, "end": 0.0, "repeats": 0.0, "energy": 0.9, "clear": 0.0, "tempo": 0.0}


@pytest.fixture
def workspace(tmp_path, song, monkeypatch):
    """A folder with two songs; nothing listens, and what was heard is set by the tests."""
    asked = []
    monkeypatch.setattr(Workspace, "listen", lambda self: asked.append(self.settings.duration))
    shutil.copy(song, tmp_path / "song.wav")
    soundfile.write(tmp_path / "tone <b>.wav", tone(4.0), 44_100)
    workspace = Workspace(tmp_path)
    workspace.asked = asked
    yield workspace
    workspace.close()


def rhythm(beats: int = 48, duration: float = 26.51, **changes) -> Rhythm:
    """The sample's rhythm: 112 beats a minute in fours, with two phrases and a drop."""
    times = np.arange(beats) * 60 / 112
    curve = np.zeros(10)
    given = {
        "phrases": (Phrase(0.0, 8.571, 4, "A", 0.0), Phrase(8.571, 17.143, 4, "B", 1.0)) if beats else (),
        "moments": (Moment("drop", 4.286, 6.0, 8.0), Moment("silence", 26.0, 26.5, 50.0)),
        **changes,
    }
    bands = {"bass": curve, "mid": curve, "high": curve}
    return Rhythm(
        duration, 112.0 if beats else None, times, times[::4], np.arange(10) / 10, curve, bands, -14.0, **given
    )


def heard(rhythm: Rhythm, starts=(8.551, 4.266), duration: float = 8.0) -> Heard:
    excerpts = tuple(Excerpt(start, duration, 1.0, PARTS) for start in starts)
    peaks = np.stack([np.full(100, -0.25), np.full(100, 0.5)]).astype(np.float32)
    return Heard(rhythm, rhythm, Corrections(), excerpts, peaks)


def panel_with_song(workspace: Workspace, **options) -> AudioUpload:
    panel = AudioUpload(workspace, audio="song.wav", **options)
    workspace.heard = heard(rhythm())
    return panel


def sent(monkeypatch, front) -> list:
    messages = []
    monkeypatch.setattr(front, "send", lambda content, buffers=None: messages.append((content, buffers)))
    return messages


@pytest.mark.parametrize("plain", [False, True])
def test_a_song_chosen_from_the_list_is_the_workspaces(workspace, plain):
    panel = AudioUpload(workspace, plain=plain)
    assert [value for _, value in panel._songs.options] == ["", *workspace.songs]
    assert panel._songs.label == "Choose a song"

    panel._songs.value = "song.wav"

    assert workspace.audio.name == "song.wav"
    assert workspace.asked == [8.0]
    assert "0:26, 44.1 kHz" in panel._about.value


@pytest.mark.parametrize("plain", [False, True])
def test_two_panels_stay_in_step(workspace, plain):
    one, two = AudioUpload(workspace, plain=plain), AudioUpload(workspace, plain=plain)

    one._songs.value = "song.wav"
    workspace.heard = heard(rhythm())
    one._excerpts[1].click()

    assert two._songs.value == "song.wav"
    assert one._about.value == two._about.value
    assert [b.icon for b in two._excerpts[:2]] == ["", "check"]
    assert workspace.asked == [8.0]  # showing a song is not choosing it again


def test_a_new_file_appears_by_itself_and_nothing_is_chosen(workspace, song):
    panel = panel_with_song(workspace)

    shutil.copy(song, workspace.folder / "another.wav")
    workspace.look_at_folder()

    assert "another.wav" in [value for _, value in panel._songs.options]
    assert panel._songs.value == "song.wav"
    assert workspace.asked == [8.0]


def test_a_song_from_elsewhere_and_the_sample_stand_in_the_list(workspace, tmp_path_factory, song, monkeypatch):
    elsewhere = shutil.copy(song, tmp_path_factory.mktemp("elsewhere") / "far.wav")
    panel = AudioUpload(workspace, audio=elsewhere)
    assert panel._songs.label == "far.wav"

    monkeypatch.setattr(audio_upload, "sample_audio", lambda path: shutil.copy(song, path))
    button = next(b for b in panel.children[2].children if getattr(b, "icon", "") == "music")
    button.click()
    panel._playing.join()

    assert workspace.audio.path == workspace.uploads / "sample_song.wav"


def test_a_file_that_is_no_song_gives_a_sentence_and_changes_nothing(workspace):
    (workspace.folder / "bad.wav").write_bytes(b"this is no song")
    workspace.look_at_folder()
    panel = panel_with_song(workspace)

    panel._songs.value = "bad.wav"

    assert "bad.wav" in workspace.message.sentence("en")
    assert workspace.audio.name == panel._songs.value == "song.wav"


def test_names_are_text_and_never_markup(workspace):
    panel = AudioUpload(workspace, audio="tone <b>.wav")

    assert "tone &lt;b&gt;.wav" in panel._about.value
    assert "tone <b>" not in panel._about.value


def test_what_was_heard_stands_in_words(workspace):
    panel = AudioUpload(workspace, audio="song.wav")
    workspace.listening = True
    assert "listening ..." in panel._about.value

    sure = np.full(48, 0.93)
    workspace.heard = heard(rhythm(confidence=sure))
    assert "112.0 BPM, 4 beats a bar, sure to 93 %" in panel._about.value
    assert "best part is chosen: 0:08 to 0:16" in panel._note.value

    workspace.language = "zh"
    assert "每小节 4 拍，把握 93 %" in panel._about.value
    assert panel._accordion.titles == ("校正节拍",)
    assert panel._wave.words["play"] == "播放"

    workspace.heard = heard(rhythm(beats=0, phrases=()), starts=())
    assert "未找到节拍" in panel._about.value


def test_only_what_was_heard_of_a_very_long_song_is_shown(workspace, monkeypatch):
    panel = AudioUpload(workspace, audio="song.wav")
    workspace.heard = heard(rhythm(duration=20.0, moments=()))  # of 26 seconds

    assert "The first 0:20 are heard and shown." in panel._note.value
    assert panel._wave.song_duration == 20.0


def test_the_best_excerpt_is_shown_until_another_is_chosen(workspace):
    panel = panel_with_song(workspace)
    assert (panel._wave.start, workspace.settings.start) == (8.551, None)
    assert [b.layout.display for b in panel._excerpts] == ["", "", "none", "none", "none"]
    assert panel._excerpts[0].description.startswith("0:08 to 0:16: ")

    panel._excerpts[1].click()

    assert workspace.settings.start == panel._wave.start == 4.266
    assert panel._note.value == ""


def test_the_waveform_and_the_settings_follow_each_other(workspace, monkeypatch):
    panel = panel_with_song(workspace)
    messages = sent(monkeypatch, panel._wave)

    panel._wave._received(None, {"do": "choose", "start": 4.2661}, [])
    assert (workspace.settings.start, workspace.settings.duration) == (4.266, 8.0)
    panel._wave._received(None, {"do": "choose", "start": 4.266, "duration": 8.5714}, [])
    assert (workspace.settings.duration, panel._wave.duration) == (8.571, 8.571)

    workspace.change(start=1.5, duration=5.0)
    assert (panel._wave.start, panel._wave.duration) == (1.5, 5.0)
    assert messages == [({"do": "chosen"}, None)] * 2


@pytest.mark.parametrize(
    "message",
    [
        {"do": "choose", "start": "x"},
        {"do": "choose", "start": -1},
        {"do": "choose", "start": float("nan")},
        {"do": "choose", "start": 1.0, "duration": 99.0},
        {"do": "taps", "times": [1.0, 2.0, 3.0]},
        {"do": "taps", "times": "abcd"},
    ],
)
def test_impossible_messages_become_sentences_and_change_nothing(workspace, monkeypatch, message):
    panel = panel_with_song(workspace)
    sent(monkeypatch, panel._wave)
    before = workspace.settings

    panel._wave._received(None, message, [])

    assert workspace.message.key.split(".")[0] in ("settings", "corrections")
    assert workspace.settings == before
    assert not workspace.heard.corrections.steps


def test_what_is_drawn_comes_as_binary_when_asked_for(workspace, monkeypatch):
    panel = panel_with_song(workspace)
    messages = sent(monkeypatch, panel._wave)

    panel._wave._received(None, {"do": "data"}, [])

    [(header, buffers)] = messages
    peaks = np.frombuffer(buffers[0], np.int8).reshape(-1, 2)
    beats, downbeats, phrases, moments = (np.frombuffer(b, np.float32) for b in buffers[1:])
    assert (header["labels"], header["kinds"], header["seconds"]) == (["A", "B"], ["drop"], 26.51)
    assert (header["lead"], header["shortest"], header["longest"], header["taps"]) == (0.02, 3.0, 15.0, 4)
    assert peaks.tolist() == [[-64, 127]] * 100
    assert np.allclose(beats, rhythm().beats, atol=1e-5)
    assert np.allclose(downbeats, rhythm().downbeats, atol=1e-5)
    assert np.allclose(phrases, [0, 8.571, 8.571, 17.143])
    assert np.allclose(moments, [4.286, 6.0])


def test_the_page_asks_again_only_when_there_is_something_else_to_draw(workspace):
    panel = panel_with_song(workspace)
    before = panel._wave.drawing

    workspace.heard = heard(rhythm(), starts=(1.0,))  # other excerpts, the same picture
    assert panel._wave.drawing == before

    workspace.heard = heard(rhythm(beats=40))
    assert panel._wave.drawing == before + 1

    workspace.use(audio=None)
    assert (panel._wave.drawing, panel._wave.song_duration) == (before + 2, 0.0)


def test_silence_and_nothing_can_be_drawn():
    assert small_peaks(np.zeros((2, 3), np.float32)).tolist() == [[0, 0]] * 3
    assert packed(None)[1] == [b""] * 5


def test_the_excerpt_is_sent_as_sound_with_its_clicks(workspace, monkeypatch, tmp_path):
    panel = panel_with_song(workspace)
    messages = sent(monkeypatch, panel._wave)

    for click in (False, True):
        panel._wave._received(None, {"do": "sound", "who": "me", "start": 4.0, "duration": 3.0, "click": click}, [])

    sounds = []
    for header, [mp3] in messages:
        assert header == {"do": "sound", "who": "me", "seconds": 3.0}
        (tmp_path / "sound.mp3").write_bytes(mp3)
        sounds.append(load_audio(tmp_path / "sound.mp3").mono)
    assert all(len(sound) == 3 * 44_100 for sound in sounds)
    song = load_audio(workspace.audio.path, 4.0, 3.0).mono
    alike = [np.corrcoef(np.roll(sounds[0], -lag), song)[0, 1] for lag in range(-40, 41)]
    assert np.argmax(alike) == 40  # to the sample where it was
    assert max(alike) > 0.97
    clicks = np.abs(sounds[1] - 0.6 * song / np.abs(song).max())
    beats = rhythm().beats
    for beat in beats[(beats >= 4.0) & (beats < 6.9)] - 4.0:
        at = round(beat * 44_100)
        assert clicks[at : at + 400].max() > 0.4
    assert np.median(clicks) < 0.05


def test_a_sound_that_fails_ends_the_waiting(workspace, monkeypatch):
    panel = panel_with_song(workspace)
    messages = sent(monkeypatch, panel._wave)
    workspace.audio.path.unlink()

    panel._wave._received(None, {"do": "sound", "who": "me", "start": 4.0, "duration": 3.0}, [])

    assert messages == [({"do": "silence", "who": "me", "seconds": 3.0}, None)]
    assert workspace.message.key == "file.missing"


def test_an_excerpt_of_a_sound_ends_with_the_song(song):
    assert len(excerpt_sound(song, 26.0, 8.0)) < len(excerpt_sound(song, 4.0, 8.0)) / 4


@pytest.mark.parametrize("plain", [False, True])
def test_the_beat_is_corrected_shown_and_undone(workspace, plain):
    panel = panel_with_song(workspace, plain=plain)
    assert panel._done.value == "Nothing is corrected."
    assert (panel._corrections["undo"].disabled, panel._corrections["halve"].disabled) == (True, False)

    for name in ("double", "rotate", "earlier"):
        panel._corrections[name].click()
    assert panel._done.value == "Corrected: double, rotate 1, nudge -10 ms"
    assert "224.0 BPM" in panel._about.value
    assert Corrections.of(workspace.audio) == workspace.heard.corrections

    panel._corrections["undo"].click()
    assert panel._done.value == "Corrected: double, rotate 1"
    panel._corrections["reset"].click()
    panel._corrections["three"].click()
    assert "3 beats a bar" in panel._about.value
    workspace.language = "zh"
    assert panel._done.value == "已校正：每小节 3 拍"
    assert all(button.tooltip for button in panel._corrections.values())


def test_taps_set_the_beat(workspace):
    panel = panel_with_song(workspace)

    panel._wave._received(None, {"do": "taps", "times": [4.0, 4.5, 5.0, 5.5, 6.0]}, [])

    assert abs(workspace.heard.rhythm.tempo - 120) < 0.5
    assert panel._done.value == "Corrected: tap (5)"


def test_another_song_ends_the_sound(workspace):
    panel = panel_with_song(workspace)
    panel._wave.playing = True

    panel._songs.value = "tone <b>.wav"

    assert panel._wave.playing is False


def test_an_uploaded_song_is_used_and_one_that_is_none_is_refused(workspace):
    panel = AudioUpload(workspace)
    workspace.uploads.mkdir()
    path = shutil.copy(workspace.folder / "song.wav", workspace.uploads / "mine.wav")

    panel._upload._done(path)

    assert workspace.audio.path == path
    assert panel._songs.value == "uploads/mine.wav"
    bad = workspace.uploads / "bad.mp3"
    bad.write_bytes(b"no song")
    with pytest.raises(ValueError, match=r"bad\.mp3"):
        panel._upload._done(bad)
    assert workspace.audio.path == path


def test_plain_controls_choose_start_and_path(workspace):
    panel = panel_with_song(workspace, plain=True)
    assert panel._start.value == pytest.approx(8.551)
    assert panel._start.max == pytest.approx(workspace.audio.song_duration - 8.0)

    panel._start.value = 3.0
    assert workspace.settings.start == 3.0
    workspace.change(start=18.0, duration=10.0)  # the slider ends before
    assert panel._start.value == panel._start.max == pytest.approx(workspace.audio.song_duration - 10.0)
    assert workspace.settings.start == 18.0

    panel._path.value = str(workspace.folder / "tone <b>.wav")
    assert workspace.audio.name == "tone <b>.wav"
    assert panel._start.max == 0.0
    panel._path.value = "nowhere.mp3"
    assert workspace.message.key == "file.missing"


def test_plain_has_no_front_end(workspace):
    def all_of(widget):
        return [widget, *[inner for child in getattr(widget, "children", ()) for inner in all_of(child)]]

    found = {type(widget).__name__ for widget in all_of(AudioUpload(workspace, plain=True))}

    assert not found & {"Waveform", "Upload", "FileUpload"}
    assert "Waveform" in {type(widget).__name__ for widget in all_of(AudioUpload(workspace))}


def test_the_page_has_the_plots_colours_and_all_its_words():
    script = (STATIC / "waveform.js").read_text(encoding="utf-8")

    assert f"const SECTIONS = {str(list(SECTION_COLORS)).replace(chr(39), chr(34))};" in script
    assert all(f'"{word}"' in script or word in ("beat", "downbeat") for word in audio_upload.WAVE_WORDS)


def test_waveform_can_stand_alone():
    wave = Waveform(print, chosen=print, sound=lambda *_: b"", tapped=print)
    wave.show(heard(rhythm()))

    assert (wave.song_duration, wave.drawing) == (26.51, 1)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.99, "0:59"), (83.4, "1:23"), (600, "10:00")])
def test_times_are_minutes_and_seconds(seconds, text):
    assert clock(seconds) == text
