"""Alignment measured from real files, through the whole chain."""

import json
import subprocess
from dataclasses import asdict, fields, replace

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from s2v_nb import InputError, generate, load_audio, measure_alignment
from s2v_nb.alignment.calibration import calibration_clip
from s2v_nb.alignment.events import flashes, speed_maxima, stops
from s2v_nb.alignment.measures import MEASURES, signed_lags
from s2v_nb.alignment.report import EventScores, score_events, verdict
from s2v_nb.alignment.signals import Signals, visual_signals, without_refresh
from s2v_nb.media.audio import audio_from_array
from s2v_nb.media.video import write_video
from s2v_nb.rhythm import Rhythm
from s2v_nb.samples import sample_beats


@pytest.fixture(scope="module")
def report(clip):
    return measure_alignment(clip.path)


@pytest.mark.parametrize(("suffix", "fps"), [pytest.param(".wav", 24, marks=pytest.mark.slow), (".mp3", 30)])
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
    assert "AV-Align" in str(report)
    assert "p_songs" in str(report)


def test_every_measure_has_its_chance_level(report):
    names = {each.name for each in fields(EventScores)}
    values = report.to_dict()["scores"]["stops"]

    assert {*MEASURES, *(f"chance_{name}" for name in MEASURES), "p", "p_songs"} <= names
    assert set(values) == names
    for name in ("precision", "recall", "f", "r", "aist_motion", "aist_music", "av_align"):
        assert values[name] > values[f"chance_{name}"] + 0.2
    assert values["p_songs"] < 0.05


BEATS = np.arange(0.25, 16, 0.5)


def scored(**changes) -> EventScores:
    """Scores of events on the beats, some of them changed."""
    scores = score_events(BEATS, BEATS, BEATS[::4], 16.0, 1 / 30, draws=50)
    return replace(scores, **changes)


@pytest.mark.parametrize(
    ("p", "p_songs", "events", "duration", "expected"),
    [
        (0.0002, 0.002, 32, 16.0, "in time"),
        (0.04, 0.04, 32, 16.0, "in time"),
        (0.06, 0.002, 32, 16.0, "no link to the beat"),
        (0.04, 0.06, 32, 16.0, "not enough evidence"),
        (0.0002, 0.06, 32, 16.0, "not enough evidence"),
        (0.002, 0.002, 14, 16.0, "not enough evidence"),
        (0.002, 0.002, 32, 9.0, "not enough evidence"),
        (0.0002, 0.002, 14, 9.0, "in time"),
        (0.0002, 0.06, 14, 9.0, "not enough evidence"),
        (0.5, 0.5, 14, 9.0, "not enough evidence"),
    ],
)
def test_the_verdict_needs_both_tests(p, p_songs, events, duration, expected):
    assert verdict(scored(p=p, p_songs=p_songs, events=events), duration) == expected
    assert verdict(None, duration) == "not enough evidence"


def test_few_events_or_beats_are_not_scored():
    assert score_events(BEATS[:3], BEATS, BEATS[::4], 16.0, 1 / 30) is None
    assert score_events(BEATS, BEATS[:3], BEATS[:1], 16.0, 1 / 30) is None
    assert asdict(scored())["f"] == 1.0


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


def test_a_cut_from_fast_to_slow_is_no_event():
    """Nor is the end of the faster shot a speed maximum, though the second's median falls before it ends."""
    frames = np.arange(120)
    motion, cuts = np.where(frames // 15 % 2, 0.7, 0.1), (frames % 15 == 0) & (frames > 0)
    light = np.where(frames // 15 % 2, 0.7, 0.3)

    signals = Signals(frames / 30, np.where(cuts, 0.0, motion), light, cuts, 30.0)

    assert len(stops(signals)) == len(speed_maxima(signals)) == len(flashes(signals)) == 0


def write_silent(path, frames, count):
    """A 320 x 180 clip of 30 frames a second."""
    silence = audio_from_array(np.zeros((2, 44_100)), 44_100)
    write_video(path, frames, size=(320, 180), fps=30, num_frames=count, audio=silence, comment={})
    return path


def beating(every: float, seconds: float) -> Rhythm:
    """A beat every so many seconds, from the first moment on."""
    beats, nothing = np.arange(0, seconds, every), np.zeros(0)
    return Rhythm(seconds, 60 / every, beats, beats[::4], nothing, nothing, {}, -20.0)


def pan(scene: np.ndarray, pixels: float) -> np.ndarray:
    return cv2.warpAffine(scene, np.array([[1, 0, -pixels], [0, 1, 0]], np.float32), (320, 180))


def texture(seed: int, width: int = 600) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 255, (180, width, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.5), None, 20, 235, cv2.NORM_MINMAX)


def test_hard_cuts_on_every_beat_are_not_motion_in_time(tmp_path):
    """Two scenes in turn, panned at two speeds, through the encoder: the cuts are masked and nothing else happens."""
    scenes = texture(1), texture(2)
    frames = (pan(scenes[i // 15 % 2], 20 + (4, 1)[i // 15 % 2] * (i % 15)) for i in range(360))
    clip = write_silent(tmp_path / "cuts.mp4", frames, 360)

    found = measure_alignment(clip, rhythm=beating(0.5, 12.0))

    assert np.flatnonzero(found.signals.cuts).tolist() == list(range(15, 360, 15))
    assert found.verdict == "not enough evidence"
    assert "stops" not in found.scores


def test_seams_that_are_named_are_masked(tmp_path):
    """Parts that differ by 3 pixels and 6 % of light: no cuts, and in time with anything of their length."""
    scene = texture(3)
    frames = ((pan(scene, 20 + 3 * (i // 15 % 2)) * (1 - 0.06 * (i // 15 % 2))).astype(np.uint8) for i in range(360))
    clip = write_silent(tmp_path / "seams.mp4", frames, 360)
    rhythm = beating(0.5, 12.0)

    assert measure_alignment(clip, rhythm=rhythm).verdict == "in time"
    named = measure_alignment(clip, rhythm=rhythm, seams=np.arange(0.5, 12, 0.5))
    assert named.verdict == "not enough evidence"
    assert named.scores == {}


def with_key_frames(path, frames, every: int, crf: int):
    """Encode 320 x 180 frames at 30 a second with a key frame every so many, as streaming services do."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
               "-s", "320x180", "-r", "30", "-i", "-", "-c:v", "libx264", "-preset", "superfast", "-crf", str(crf),
               "-g", str(every), "-keyint_min", str(every), "-sc_threshold", "0", "-pix_fmt", "yuv420p",
               path]  # fmt: skip
    subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), check=True)
    return path


@pytest.mark.parametrize(("grain", "crf"), [(0, 35), pytest.param(12, 23, marks=pytest.mark.slow)])
def test_key_frames_of_a_noisy_still_picture_do_not_fake_alignment(tmp_path, cover, grain, crf):
    """Grain that the encoder freezes jumps at every key frame; here each lies on a beat of 120 BPM."""
    rng = np.random.default_rng(0)
    still = cv2.resize(cv2.imread(str(cover)), (320, 180), interpolation=cv2.INTER_AREA) + rng.normal(
        0, 12, (180, 320, 3)
    )
    frames = (np.clip(still + rng.normal(0, grain, still.shape), 0, 255).astype(np.uint8) for _ in range(360))
    clip = with_key_frames(tmp_path / "still.mp4", frames, 15, crf)

    found = measure_alignment(clip, rhythm=beating(0.5, 12.0))

    assert found.verdict != "in time"
    assert all(scores.p > 0.05 for scores in found.scores.values())


def test_motion_at_key_frames_is_still_seen(tmp_path):
    """Pushes that end on the beat are found where every beat is a key frame too."""
    scene = texture(4)
    since = np.arange(360) % 15 / 15
    moved = np.cumsum(np.where(since > 0.6, since - 0.6, 0) * 12)
    clip = with_key_frames(tmp_path / "moving.mp4", (pan(scene, 20 + x) for x in moved % 200), 15, 23)

    found = measure_alignment(clip, rhythm=beating(0.5, 12.0))

    assert found.verdict == "in time"
    assert found.scores["stops"].events >= 20


def test_only_a_lone_peak_at_a_key_frame_is_levelled():
    motion = np.array([0.1, 0.9, 0.2, 0.5, 0.9, 0.7, 0.1, 0.8, 0.1])
    keys = np.zeros(9, bool)
    keys[[1, 4]] = True

    assert without_refresh(motion, keys).tolist() == [0.1, 0.2, 0.2, 0.5, 0.7, 0.7, 0.1, 0.8, 0.1]
    assert np.array_equal(without_refresh(motion, np.ones(9, bool)), motion)  # every frame a key frame


@pytest.mark.slow
def test_clips_of_equal_length_are_heard_each(tmp_path, clip, song):
    """Sound from a clip has no file's hash: what was heard in one must not pass for what is in another."""
    first = load_audio(song).excerpt(4.0, 8.0)
    samples = np.roll(first.samples, round(0.2 * first.rate), axis=1)

    again, found = (
        measure_alignment(clip.path, replace(audio_from_array(sound, first.rate), sha256="")).rhythm.beats
        for sound in (first.samples, samples)
    )

    assert np.median(signed_lags(found, again)) == pytest.approx(0.2, abs=0.03)


def test_a_clip_without_sound_needs_a_song(tmp_path, clip, song):
    mute = tmp_path / "mute.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", clip.path, "-an", "-c:v", "copy", mute]
    subprocess.run(command, check=True)

    with pytest.raises(InputError, match="no sound"):
        measure_alignment(mute)
    assert measure_alignment(mute, load_audio(song).excerpt(4.0, 8.0)).verdict == "in time"
