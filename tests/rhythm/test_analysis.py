"""The ear, on music whose beats are known."""

import json

import mir_eval
import numpy as np
import pytest

from s2v_nb import Rhythm, analyze, load_audio
from s2v_nb.media.audio import audio_from_array
from s2v_nb.rhythm.analysis import tempo_of
from s2v_nb.rhythm.types import beat_phase
from s2v_nb.samples import SAMPLE_TEMPO, sample_beats


@pytest.fixture(scope="module")
def heard(song) -> Rhythm:
    return analyze(song)


def clicks(bpm: float, seconds: float = 12.0, rate: int = 44_100, first: float = 0.3):
    """Short noise bursts with a kick on each, and the times they begin."""
    times = np.arange(first, seconds - 0.3, 60 / bpm)
    samples = np.zeros(round(seconds * rate), np.float32)
    t = np.arange(round(0.08 * rate)) / rate
    hit = np.exp(-t / 0.02) * (0.5 * np.random.default_rng(1).normal(size=len(t)) + np.sin(2 * np.pi * 60 * t))
    for time in times:
        at = round(time * rate)
        samples[at : at + len(hit)] += hit.astype(np.float32)
    return audio_from_array(samples, rate), times


def test_the_sample_song(heard):
    assert heard.tempo == pytest.approx(SAMPLE_TEMPO, abs=0.1)
    true = sample_beats()
    nearest = np.abs(heard.beats[:, None] - true[None, :]).min(axis=1)
    assert np.median(nearest[: len(true)]) < 0.012
    assert mir_eval.beat.f_measure(true, heard.beats[heard.beats < true[-1] + 0.1]) > 0.97


def test_downbeats_of_the_sample_are_its_bars(heard):
    true = sample_beats()[::4]

    assert mir_eval.beat.f_measure(true, heard.downbeats[heard.downbeats < true[-1] + 0.1]) > 0.95


@pytest.mark.parametrize("bpm", [70, 93.5, 120, 128, 150])
def test_clicks_are_met_without_lag(bpm):
    audio, times = clicks(bpm)

    rhythm = analyze(audio)

    inside = rhythm.beats[(rhythm.beats > times[0] - 0.1) & (rhythm.beats < times[-1] + 0.1)]
    lags = inside - times[np.abs(inside[:, None] - times[None, :]).argmin(axis=1)]
    assert abs(np.median(lags)) < 0.012
    assert rhythm.tempo == pytest.approx(bpm, rel=0.002)


def test_bands_hear_their_own_range():
    t = np.arange(44_100) / 44_100
    quiet = np.zeros(44_100)
    parts = [np.sin(2 * np.pi * f * t) for f in (60, 600, 6000)]
    rhythm = analyze(audio_from_array(np.concatenate([np.concatenate([p, quiet]) for p in parts]), 44_100))

    for k, name in enumerate(("bass", "mid", "high")):
        on = (rhythm.times > 2 * k + 0.2) & (rhythm.times < 2 * k + 0.8)
        assert rhythm.bands[name][on].min() > 0.8
        assert rhythm.bands[name][~((rhythm.times > 2 * k - 0.1) & (rhythm.times < 2 * k + 1.1))].max() < 0.1


def test_loudness_is_that_of_the_standard():
    """A 997 Hz sine with a peak of -23 dBFS in both channels reads -23.0 LUFS (BS.1770-4, annex 1)."""
    t = np.arange(5 * 48_000) / 48_000
    amplitude = 10 ** (-23 / 20)

    rhythm = analyze(audio_from_array(np.stack([amplitude * np.sin(2 * np.pi * 997 * t)] * 2), 48_000))

    assert rhythm.loudness == pytest.approx(-23.0, abs=0.15)


def test_silence_has_no_beat_and_does_not_fail():
    rhythm = analyze(audio_from_array(np.zeros((2, 44_100 * 5)), 44_100))

    assert rhythm.tempo is None
    assert len(rhythm.beats) == len(rhythm.downbeats) == 0
    assert rhythm.loudness == -np.inf
    assert not rhythm.onset.any()


def test_very_short_audio_does_not_fail():
    assert analyze(audio_from_array(np.ones((1, 500)) * 0.1, 44_100)).tempo is None


def test_json_and_back_is_the_same_rhythm(heard):
    part = heard.excerpt(3.0, 8.0)

    again = Rhythm.from_dict(json.loads(json.dumps(part.to_dict())))

    assert np.allclose(again.beats, part.beats, atol=1e-4)
    assert np.allclose(again.times, part.times, atol=1e-3)
    assert np.array_equal(again.times, Rhythm.from_dict(again.to_dict()).times)  # a replay sees the very same numbers
    for name, curve in again.bands.items():
        assert np.array_equal(curve, Rhythm.from_dict(again.to_dict()).bands[name])
    assert again.to_dict() == again.excerpt(0.0, 8.0).to_dict()


def test_an_excerpt_counts_from_its_own_start(heard):
    part = heard.excerpt(3.0, 8.0)

    assert part.duration == 8.0
    assert part.beats.min() >= 0
    assert part.beats.max() < 8.0
    assert np.allclose(part.beats + 3.0, heard.beats[(heard.beats >= 3.0) & (heard.beats < 11.0)])


def test_beats_must_be_sorted(heard):
    with pytest.raises(ValueError, match="are the times sorted"):
        Rhythm(1.0, None, np.array([0.5, 0.2]), np.zeros(0), np.zeros(0), np.zeros(0), {}, 0.0)


def test_phase_is_zero_on_every_beat():
    beats = np.array([0.0, 0.5, 0.9, 1.6])

    assert np.allclose(beat_phase(beats, beats), 0)
    assert np.allclose(beat_phase(np.array([0.25, 0.7, -0.25]), beats), 0.5)


def test_tempo_of_a_line_is_exact():
    assert tempo_of(np.arange(20) * 0.5) == pytest.approx(120.0)
    assert tempo_of(np.array([1.0])) is None


def test_real_music(beats_folder):
    """A floor, not a score: bench/ measures how good the ear is."""
    clips = json.loads((beats_folder / "annotations.json").read_text())["clips"]
    scores = []
    for clip in clips[::3]:
        true = np.array(clip["beats"])
        found = analyze(load_audio(beats_folder / clip["file"])).beats
        found = found[(found > true[0] - 0.1) & (found < true[-1] + 0.1)]
        scores.append(mir_eval.beat.f_measure(true, found))

    assert np.mean(scores) > 0.65
