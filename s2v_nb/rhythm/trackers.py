"""The trackers a song can be heard with, by name.

Each takes the evidence of a song and gives a `BeatGrid`: beats and downbeats in seconds from the song's first sample.
"""

import importlib.util
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

import numpy as np

from s2v_nb.errors import InputError
from s2v_nb.models.beatnet import WeightsMissing, fetch_weights, have_weights, load_networks
from s2v_nb.rhythm.activations import FPS, beat_activations
from s2v_nb.rhythm.bars import find_bars
from s2v_nb.rhythm.beat_pointer import BeatPointer
from s2v_nb.rhythm.confidence import beat_confidence
from s2v_nb.rhythm.evidence import Evidence
from s2v_nb.rhythm.features import RATE
from s2v_nb.rhythm.levels import settle
from s2v_nb.rhythm.onset_tracker import onset_beats
from s2v_nb.rhythm.refine import refine
from s2v_nb.rhythm.types import sureness

logger = logging.getLogger(__name__)

DECODER_LEAD_SECONDS = 0.012  # the pointer's beats begin this much before the networks' peaks
EARLIEST_SECONDS = 0.04  # a beat this little before the first sound is that of the first sound
SHORTEST_SECONDS = 1.0
SURE = 0.97  # from here on another reading of the song is not asked for
MIN_ONSET_DB = 1e-3  # of rise a frame; below it there is nothing to follow


@dataclass(frozen=True, eq=False)
class BeatGrid:
    """Beats and downbeats in seconds, strictly increasing; ``metre`` is the number of beats a bar."""

    beats: np.ndarray
    downbeats: np.ndarray
    metre: int = 4


@dataclass(frozen=True)
class Tracker:
    """``needs`` is the module that must be installed; ``licence``, of its weights, goes to the log when it is used."""

    track: Callable[[Evidence], BeatGrid]
    needs: str
    licence: str


def _beatnet(heard: Evidence) -> BeatGrid:
    """BeatNet's networks, the bar pointer, and the level settled by evidence."""
    beats = BeatPointer(FPS).track(heard.beat.values) / FPS + DECODER_LEAD_SECONDS
    return _finished(settle(beats, heard), heard)


def _librosa(heard: Evidence) -> BeatGrid:
    """librosa's dynamic programming at several tempi; works without weights and without network."""
    return _finished(onset_beats(heard), heard)


def _beat_this(heard: Evidence) -> BeatGrid:
    """Beat This! (Foscarin, Schlüter, Widmer, ISMIR 2024); fetches its own weights on first use."""
    from beat_this.inference import Audio2Beats

    beats, downbeats = Audio2Beats(checkpoint_path="final0", device="cpu", dbn=False)(heard.samples, RATE)
    return _given(np.asarray(beats, float), np.asarray(downbeats, float))


def _madmom(heard: Evidence) -> BeatGrid:
    """madmom's recurrent networks and bar decoder (Böck, Krebs, Widmer, ISMIR 2016)."""
    from madmom.features.downbeats import DBNDownBeatTrackingProcessor, RNNDownBeatProcessor
    from soxr import resample

    activations = RNNDownBeatProcessor()(resample(heard.samples, RATE, 44_100))
    found = DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=100)(activations)
    return _given(found[:, 0], found[found[:, 1] == 1, 0])


def _finished(beats: np.ndarray, heard: Evidence) -> BeatGrid:
    """The beats at the moment of the sound, within the song, with their bars."""
    beats = refine(beats, heard.sharp)
    first, last = heard.sounding
    beats = beats[(beats > first - EARLIEST_SECONDS) & (beats < last)].clip(min=0)
    bars = find_bars(beats, heard)
    return BeatGrid(beats, beats[bars.first], bars.metre)


def _given(beats: np.ndarray, downbeats: np.ndarray) -> BeatGrid:
    """Another program's beats, and those of them that it calls downbeats."""
    if not len(beats):
        return BeatGrid(beats, beats)
    nearest = np.unique([int(np.abs(beats - t).argmin()) for t in downbeats]).astype(int)
    metre = int(np.median(np.diff(nearest))) if len(nearest) > 1 else 4
    return BeatGrid(beats, beats[nearest], metre)


TRACKERS: dict[str, Tracker] = {
    "beatnet": Tracker(_beatnet, "torch", "CC BY 4.0"),
    "librosa": Tracker(_librosa, "librosa", "ISC"),
    "beat_this": Tracker(_beat_this, "beat_this", "MIT"),
    "madmom": Tracker(_madmom, "madmom", "CC BY-NC-SA 4.0: not for commercial use"),
}


def choose_tracker(name: str = "auto") -> str:
    """The tracker that will be used: 'auto' is BeatNet where its weights are or can be fetched, else librosa.

    Raises
    ------
    InputError
        If there is no tracker of that name, or what it needs is not installed.
    """
    if name == "auto":
        return "beatnet" if _weights_ready() else "librosa"
    if name not in TRACKERS:
        raise InputError("tracker.unknown", name=name, allowed=", ".join(["auto", *TRACKERS]))
    if importlib.util.find_spec(TRACKERS[name].needs) is None:
        raise InputError("tracker.missing", name=name, package=TRACKERS[name].needs)
    if name == "beatnet":
        try:
            fetch_weights()
        except WeightsMissing as error:
            raise InputError("tracker.weights", **error.values) from error
    return name


_refused: list[WeightsMissing] = []  # why there are no weights, so that one process asks the network only once


def _weights_ready() -> bool:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("safetensors") is None:
        return False
    if have_weights():
        return True
    if _refused:
        return False
    try:
        fetch_weights()
    except WeightsMissing as error:
        _refused.append(error)
        logger.warning("%s", error)
        return False
    return True


def missing_weights() -> WeightsMissing | None:
    """Why this process hears with librosa although the person asked for no tracker; None where it does not."""
    return _refused[0] if _refused and not have_weights() else None


def _look_while_loading(heard: Evidence) -> None:
    """Compute what needs no network while torch, which takes seconds to import, is loaded on another core."""

    def load() -> None:
        with suppress(Exception):  # it is loaded again where it is needed, and fails there in words
            load_networks()

    loading = Thread(target=load)
    loading.start()
    for curve in ("onset", "bass", "sharp", "harmony"):
        getattr(heard, curve)
    loading.join()


def track(samples: np.ndarray, name: str) -> tuple[BeatGrid, Evidence]:
    """Track mono ``samples`` (time,) at 22 050 Hz with the tracker ``name``; also what it looked at.

    The grid is empty where there is nothing to follow: under a second, or silence.
    """
    heard = Evidence(samples)
    logger.info("tracker %s (%s)", name, TRACKERS[name].licence)
    if name == "beatnet":
        _look_while_loading(heard)
    if len(samples) < SHORTEST_SECONDS * RATE or heard.onset.values.max(initial=0.0) < MIN_ONSET_DB:
        return BeatGrid(np.zeros(0), np.zeros(0)), heard
    if name != "beatnet":
        return TRACKERS[name].track(heard), heard
    best, surest = (BeatGrid(np.zeros(0), np.zeros(0)), heard), -1.0
    for activations in beat_activations(samples):
        reading = heard.with_activations(activations)
        grid = TRACKERS[name].track(reading)
        if (sure := sureness(beat_confidence(grid.beats, reading))) > surest:
            best, surest = (grid, reading), sure
        if surest >= SURE:
            break
    return best
