"""Beats and bars from the onset envelope."""

from itertools import pairwise

import numpy as np

from s2v_nb.rhythm.features import Spectrum

TIGHTNESS = 800.0
START_BPM, STD_BPM = 120.0, 0.6
SNAP_SECONDS = 0.04  # a beat moves at most this far to the onset it belongs to
STEADY_SECONDS = 0.025  # beats nearer than this to a line are played to a click,
STEADY_SHARE = 0.7  # if so many of them are
OFF_BEAT_FACTOR = 1.2  # how much stronger the bass must be between the beats to call those the beats
LAG_SECONDS = -0.004  # measured on music with known beats: the window hears an onset before its centre passes it
MIN_ONSET = 1e-3  # dB of rise a frame; below it there is nothing to follow


def track_beats(onset: np.ndarray, sharp: np.ndarray, bass: np.ndarray, hop_seconds: float) -> np.ndarray:
    """Beat times in seconds, shape (n,); empty where the envelope shows nothing to follow.

    Parameters
    ----------
    onset, sharp, bass : np.ndarray, shape (frame,)
        Onset strength of the whole sound, the same by shorter windows, and that of the bass; frames ``hop_seconds``
        apart from 0 on.
    """
    import librosa

    if len(onset) * hop_seconds < 1.0 or onset.max(initial=0.0) < MIN_ONSET:
        return np.zeros(0)
    rate = 1 / hop_seconds  # with hop 1 a "sample" is one frame
    tempo = librosa.feature.tempo(
        onset_envelope=onset, sr=rate, hop_length=1, start_bpm=START_BPM, std_bpm=STD_BPM, ac_size=8.0
    )
    _, frames = librosa.beat.beat_track(
        onset_envelope=onset, sr=rate, hop_length=1, bpm=tempo, tightness=TIGHTNESS, trim=False
    )
    if len(frames) < 2:
        return np.zeros(0)
    frames = _on_the_beat(frames.astype(float), bass)
    return _smooth(_snap(frames * hop_seconds, sharp, hop_seconds) - LAG_SECONDS)


def _on_the_beat(frames: np.ndarray, bass: np.ndarray) -> np.ndarray:
    """The beats, or the points halfway between them where the bass clearly says that those are the beats."""
    halfway = (frames[:-1] + frames[1:]) / 2
    reach = 3

    def weight(at: np.ndarray) -> float:
        return float(np.mean([bass[max(0, round(f) - reach) : round(f) + reach + 1].max(initial=0) for f in at]))

    return halfway if weight(halfway) > OFF_BEAT_FACTOR * weight(frames) else frames


def _snap(beats: np.ndarray, onset: np.ndarray, hop_seconds: float) -> np.ndarray:
    """Each beat at the parabola's peak of the strongest onset near it; those without one stay where they are."""
    reach = round(SNAP_SECONDS / hop_seconds)
    moved = beats.copy()
    for i, beat in enumerate(beats):
        first = max(1, round(beat / hop_seconds) - reach)
        part = onset[first : first + 2 * reach + 1]
        if len(part) < 3 or part.max() < 1.5 * np.median(onset):
            continue
        moved[i] = (first + int(part.argmax()) + peak_offset(onset, first + int(part.argmax()))) * hop_seconds
    return moved


def peak_offset(curve: np.ndarray, index: int) -> float:
    """Where the parabola through three points peaks, in samples from ``index``, -0.5 to 0.5 (0 at the ends)."""
    if not 0 < index < len(curve) - 1:
        return 0.0
    before, here, after = curve[index - 1 : index + 2]
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < -1e-12 else 0.0


def _smooth(beats: np.ndarray) -> np.ndarray:
    """Beats without the jitter of single onsets: a line where the tempo is steady, else a running line."""
    index = np.arange(len(beats))
    if len(beats) >= 6:
        line = _robust_line(index, beats)
        for _ in range(3):  # refit without the beats that sit on a wrong onset; the tracker often misses the last ones
            good = np.abs(beats - line) < STEADY_SECONDS
            if good.mean() < STEADY_SHARE:
                break
            line = np.polyval(np.polyfit(index[good], beats[good], 1), index)
        else:
            return line
    return _strictly_increasing(np.array([_local(beats, i) for i in range(len(beats))]))


def _robust_line(index: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """The line of median slope and median offset (Theil and Sen), which up to a quarter of wrong beats cannot bend."""
    i, j = np.triu_indices(len(beats), k=1)
    slope = np.median((beats[j] - beats[i]) / (j - i))
    return slope * index + np.median(beats - slope * index)


def _local(beats: np.ndarray, i: int, reach: int = 2) -> float:
    """Beat ``i`` on the line through itself and its neighbours."""
    index = np.arange(max(0, i - reach), min(len(beats), i + reach + 1))
    if len(index) < 4:
        return float(beats[i])
    return float(np.polyval(np.polyfit(index - i, beats[index], 1), 0))


def _strictly_increasing(times: np.ndarray) -> np.ndarray:
    return times[np.concatenate([[True], np.diff(np.maximum.accumulate(times)) > 1e-3])]


def bar_phase(beats: np.ndarray, spectrum: Spectrum, beats_per_bar: int = 4) -> int:
    """Which of the first ``beats_per_bar`` beats is a downbeat, by bass onsets and change of harmony on the beats.

    The bar line is where the bass enters and the chord changes (Goto, "An audio-based real-time beat tracking system",
    2001).
    """
    if len(beats) < 2 * beats_per_bar:
        return 0
    level = np.log1p(1e3 * spectrum.power / (spectrum.power.max() + 1e-12))
    ends = np.append(beats, 2 * beats[-1] - beats[-2])
    edges = np.minimum(np.searchsorted(spectrum.times, ends), level.shape[1] - 1)
    mean = np.stack([level[:, a : max(b, a + 1)].mean(axis=1) for a, b in pairwise(edges)])
    bass, tonal = spectrum.frequencies < 150, (spectrum.frequencies > 120) & (spectrum.frequencies < 2000)
    attack = np.stack([level[bass, a : a + 8].max(axis=1) for a in edges[:-1]]).mean(1)
    change = np.abs(np.diff(mean[:, tonal], axis=0, prepend=mean[:1, tonal])).mean(axis=1)
    score = _standard(attack) + _standard(change)
    return int(np.argmax([score[phase::beats_per_bar].mean() for phase in range(beats_per_bar)]))


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / (values.std() + 1e-9)
