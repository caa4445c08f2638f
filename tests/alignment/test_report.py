"""Alignment measured from real files, through the whole chain."""

import json

import cv2
import numpy as np
import pytest
import soundfile

from s2v_nb import InputError, generate, load_audio, measure_alignment
from s2v_nb.alignment.calibration import calibration_clip
from s2v_nb.alignment.events import stops
from s2v_nb.alignment.signals import Signals, visual_signals
from s2v_nb.media.audio import audio_from_array
from s2v_nb.media.video import write_video
from s2v_nb.samples import sample_beats


@pytest.fixture(scope="module")
def report(clip):
    return measure_alignment(clip.path)


@pytest.mark.parametrize("fps", [24, 30])
@pytest.mark.parametrize("suffix", [".wav", ".mp3"])
def test_calibration_flashes_meet_the_beats(tmp_path, song, fps, suffix):
    """What remains of encoder delays, containers and the ear is under half a frame."""
    path = song
    if suffix == ".mp3":
        path = tmp_path / "song.mp3"
        soundfile.write(path, *soundfile.read(song), format="MP3")
    clip = calibration_clip(tmp_path / "x.mp4", load_audio(path).excerpt(0.0, 12.0), sample_beats(), fps=fps)

    found = measure_alignment(clip)

    assert found.headline == "flashes"
    scores = found.scores["flashes"]
    assert scores.r > 0.98
    assert abs(scores.lag_ms) <= found.frame_ms / 2
    assert found.verdict == "in time"


def test_motion_high_is_in_time(report):
    scores = report.scores["stops"]

    assert report.headline == "stops"
    assert report.verdict == "in time"
    assert scores.r >= 0.95
    assert abs(scores.lag_ms) <= report.frame_ms / 2
    assert scores.p < 0.001
    assert scores.chance_f < 0.5


def test_motion_off_is_not_enough_evidence(cover, song, tmp_path):
    clip = generate(cover, song, motion="off", resolution="480p", runs=tmp_path)

    found = measure_alignment(clip.path)

    assert found.verdict == "not enough evidence"
    assert found.scores == {}
    assert found.headline is None


def test_the_same_clip_with_late_music_is_late(clip, song):
    """The sign of the lag: music that comes 60 ms earlier makes the picture 60 ms late."""
    excerpt = load_audio(song).excerpt(4.0 + 0.06, 8.0)

    found = measure_alignment(clip.path, excerpt).scores["stops"]

    assert found.lag_ms == pytest.approx(60, abs=12)


def test_the_report_goes_to_json_and_to_words(report):
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))

    assert values["verdict"] == "in time"
    assert values["frame_ms"] == pytest.approx(33.33, abs=0.01)
    assert set(values["scores"]["stops"]) >= {"lag_ms", "r", "r_half", "r_bar", "precision", "recall", "f", "p"}
    stops = report.scores["stops"].events
    assert f"{stops} of {stops} visual stops fall within 70 ms of a beat" in report.sentence
    assert report.sentence in str(report)
    assert "112.0 BPM" in str(report)


def moving_pattern(path, positions, fps=30):
    """A textured picture that moves sideways to the given positions (pixels)."""
    rng = np.random.default_rng(3)
    wide = cv2.GaussianBlur(rng.integers(0, 255, (180, 900, 3), np.uint8), (0, 0), 2.5)
    wide = cv2.normalize(wide, None, 20, 235, cv2.NORM_MINMAX)
    frames = (
        cv2.warpAffine(wide, np.array([[1, 0, -x], [0, 1, 0]], np.float32), (320, 180))
        for x in 40 + np.array(positions)
    )
    silence = audio_from_array(np.zeros((2, 44_100)), 44_100)
    write_video(path, frames, size=(320, 180), fps=fps, num_frames=len(positions), audio=silence, comment={})
    return path


def test_motion_is_measured_in_frame_heights_a_second(tmp_path):
    """Three pixels a frame of 180 lines at 30 fps is half a height a second."""
    found = visual_signals(moving_pattern(tmp_path / "x.mp4", np.arange(60) * 3.0))

    assert np.median(found.motion[2:-2]) == pytest.approx(0.5, rel=0.12)
    assert len(found.times) == 60
    assert not found.cuts.any()


def test_a_stop_is_found_where_it_happens(tmp_path):
    """Pushes that end at known moments, between frames too."""
    times = np.arange(0, 6, 1 / 30)
    ends = np.array([0.8, 1.61, 2.44, 3.25, 4.083, 5.01])
    position = sum(40 * np.clip((times - (e - 0.15)) / 0.15, 0, 1) ** 2 for e in ends)

    found = stops(visual_signals(moving_pattern(tmp_path / "x.mp4", position)))

    assert len(found) == len(ends)
    assert np.abs(found - ends).max() < 0.017


def test_a_cut_is_told_from_fast_motion(tmp_path):
    """Two pictures in turn are cuts; one picture that moves far within a frame is not."""
    rng = np.random.default_rng(5)
    scenes = [cv2.GaussianBlur(rng.integers(0, 255, (180, 320, 3), np.uint8), (0, 0), 4) * 2 for _ in range(2)]
    frames = (scenes[i // 15 % 2] for i in range(60))
    silence = audio_from_array(np.zeros((2, 44_100)), 44_100)
    write_video(tmp_path / "cuts.mp4", frames, size=(320, 180), fps=30, num_frames=60, audio=silence, comment={})

    assert np.flatnonzero(visual_signals(tmp_path / "cuts.mp4").cuts).tolist() == [15, 30, 45]
    assert not visual_signals(moving_pattern(tmp_path / "x.mp4", np.arange(30) * 10.0)).cuts.any()


def test_a_cut_is_no_motion():
    """What lies beside a cut in the signals is not taken for a stop."""
    motion, cuts = np.full(60, 0.1), np.zeros(60, bool)
    motion[30], cuts[30] = 0.0, True

    signals = Signals(np.arange(60) / 30, motion, np.full(60, 0.5), cuts, 30.0)

    assert len(stops(signals)) == 0


def test_a_clip_without_sound_needs_a_song(tmp_path, clip, song):
    import subprocess

    import imageio_ffmpeg

    mute = tmp_path / "mute.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", clip.path, "-an", "-c:v", "copy", mute]
    subprocess.run(command, check=True)

    with pytest.raises(InputError, match="no sound"):
        measure_alignment(mute)
    assert measure_alignment(mute, load_audio(song).excerpt(4.0, 8.0)).verdict == "in time"
