"""What the alignment report says of motion that has nothing to do with its music, and of motion that has.

python bench/chance.py writes bench/results/chance.json in a few minutes. Everything is seeded.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import keep

from s2v_nb import generate, load_audio, measure_alignment, sample_audio, sample_image
from s2v_nb.alignment.chance import chance_level, songs_level
from s2v_nb.alignment.events import stops
from s2v_nb.alignment.report import EventScores, score_events, verdict
from s2v_nb.alignment.signals import Signals
from s2v_nb.alignment.songs import make_grid
from s2v_nb.media import Audio

SEED = 2023  # of music and motion; the songs of p_songs come from another seed
SHARED = Path(__file__).resolve().parents[2] / "shared"
SHORTEST, LONGEST = 8.0, 15.0  # seconds
FRAME = 1 / 30
DRAWS = 1000  # a fifth of the report's: enough for shares
SETS, OF_EACH_KIND = 15, 40


@dataclass(frozen=True)
class Judged:
    """One clip: its scores and its verdict."""

    scores: EventScores
    verdict: str


def main() -> None:
    with TemporaryDirectory() as folder:
        figures = {
            "unrelated": unrelated(),
            "same_tempo": shares(
                judged(same_tempo, 200), "motion at the music's own tempo, from a random moment on: the worst case"
            ),
            "aligned": aligned(),
            "files": files(Path(folder)),
            "speed": speed(),
        }
    if (SHARED / "beats/annotations.json").is_file():
        figures["annotated"] = annotated()
    print(keep("chance", figures).read_text())


# --- music and motion -------------------------------------------------------------------------------------------------


def music(rng: np.random.Generator, duration: float) -> np.ndarray:
    """Beats of a song from a random moment on."""
    return within(make_grid(rng, duration).beats, duration)


def within(times: np.ndarray, duration: float) -> np.ndarray:
    return np.sort(times[(times >= 0) & (times < duration)])


def regular(rng: np.random.Generator, duration: float) -> np.ndarray:
    """A steady pulse of its own tempo, as of steps or waves, up to 50 ms unsteady."""
    period = 60 / np.clip(120 * np.exp(0.25 * rng.standard_normal()), 60, 200)
    times = np.arange(rng.uniform(0, period), duration, period)
    return within(times + rng.normal(0, rng.uniform(0, 0.05), len(times)), duration)


def poisson(rng: np.random.Generator, duration: float) -> np.ndarray:
    """No pulse at all; as everywhere, events are 0.2 s apart or one."""
    return within(np.cumsum(0.2 + rng.exponential(rng.uniform(0.2, 1.0), 200)) - rng.uniform(0, 1), duration)


def bursts(rng: np.random.Generator, duration: float) -> np.ndarray:
    """Three to seven quick moves, then rest."""
    times: list[float] = []
    start = rng.uniform(0, 1)
    while start < duration:
        times.extend(start + rng.uniform(0.22, 0.5) * np.arange(rng.integers(3, 8)))
        start = times[-1] + rng.uniform(0.8, 3)
    return within(np.array(times), duration)


def other_song(rng: np.random.Generator, duration: float) -> np.ndarray:
    """On the beats of another song: 5 to 40 ms off, up to 40 % of them missed, and up to 30 % more between."""
    beats = music(rng, duration)
    met = beats[rng.random(len(beats)) < rng.uniform(0.6, 1)]
    more = rng.uniform(0, duration, int(rng.uniform(0, 0.3) * len(met)))
    return within(np.append(met + rng.normal(0, rng.uniform(0.005, 0.04), len(met)), more), duration)


def rendered(rng: np.random.Generator, duration: float) -> np.ndarray:
    """Stops found in a motion curve: uneven pushes that end on another song's beats, over a moving camera."""
    fps = float(rng.choice([24, 30]))
    times = np.arange(round(duration * fps)) / fps
    motion = np.zeros(len(times))
    for beat in music(rng, duration):
        rise, strength = rng.uniform(0.1, 0.2), rng.lognormal(-1.2, 0.6)
        motion += strength * np.where((times <= beat) & (times > beat - rise), 1 - (beat - times) / rise, 0)
    camera = np.convolve(rng.normal(0, 0.08, len(times) + 8), np.ones(9) / 3, mode="valid")
    curve = np.abs(motion + camera + rng.normal(0, 0.01, len(times)))
    return stops(Signals(times, curve, np.full(len(times), 0.5), np.zeros(len(times), bool), fps))


KINDS = {each.__name__: each for each in (regular, poisson, bursts, other_song, rendered)}


# --- judging ----------------------------------------------------------------------------------------------------------


def judge(events: np.ndarray, beats: np.ndarray, duration: float) -> Judged | None:
    scores = score_events(events, beats, beats[::4], duration, FRAME, DRAWS)
    return None if scores is None else Judged(scores, verdict(scores, duration))


def judged(motion: Callable[[np.random.Generator, float, np.ndarray], np.ndarray], count: int) -> list[Judged]:
    """``count`` clips of 8 to 15 s, each another song; what has too few events is drawn again."""
    found: list[Judged] = []
    rng = np.random.default_rng([SEED, *motion.__name__.encode()])
    while len(found) < count:
        duration = rng.uniform(SHORTEST, LONGEST)
        beats = music(rng, duration)
        one = judge(motion(rng, duration, beats), beats, duration)
        if one is not None:
            found.append(one)
    return found


def unrelated() -> dict[str, Any]:
    """Sets of 200 clips of unrelated motion, 40 of each kind: all together, how sets differ, and each kind."""
    clips = {kind: unrelated_kind(kind, SETS * OF_EACH_KIND) for kind in KINDS}
    by_set = [
        share(np.array([one.scores.p < 0.05 for each in clips.values() for one in each[k::SETS]])) for k in range(SETS)
    ]
    return {
        **shares([one for each in clips.values() for one in each], f"{SETS} sets of 200 clips, 40 of each kind"),
        "p under 0.05 in each set": by_set,
        "kinds": {kind: shares(each, (KINDS[kind].__doc__ or "").strip()) for kind, each in clips.items()},
    }


def unrelated_kind(kind: str, count: int) -> list[Judged]:
    def motion(rng: np.random.Generator, duration: float, beats: np.ndarray) -> np.ndarray:
        return KINDS[kind](rng, duration)

    motion.__name__ = kind
    return judged(motion, count)


def same_tempo(rng: np.random.Generator, duration: float, beats: np.ndarray) -> np.ndarray:
    """The worst case: tempo within 1 %, so that only the moment it starts keeps it off the beat."""
    period = float(np.median(np.diff(beats))) * rng.uniform(0.99, 1.01)
    times = np.arange(rng.uniform(0, period), duration, period)
    return within(times + rng.normal(0, 0.02, len(times)), duration)


def shares(clips: list[Judged], what: str) -> dict[str, Any]:
    p, songs = (np.array([getattr(one.scores, name) for one in clips]) for name in ("p", "p_songs"))
    verdicts = Counter(one.verdict for one in clips)
    return {
        "what": what,
        "clips": len(clips),
        "p under 0.05": share(p < 0.05),
        "p under 0.01": share(p < 0.01),
        "p under 0.001": share(p < 0.001),
        "p_songs under 0.05": share(songs < 0.05),
        "called in time": share(np.array([one.verdict == "in time" for one in clips])),
        "verdicts": dict(verdicts.most_common()),
    }


def share(found: np.ndarray) -> float:
    return round(float(found.mean()), 4)


def aligned() -> dict[str, Any]:
    """Motion on the beats of its own music, 10 to 50 ms off, a tenth of the beats missed."""
    found = {}
    for off in (0.01, 0.03, 0.05):

        def motion(rng: np.random.Generator, duration: float, beats: np.ndarray, off: float = off) -> np.ndarray:
            met = beats[rng.random(len(beats)) < 0.9]
            return within(met + rng.normal(0, off, len(met)), duration)

        found[f"{off * 1000:.0f} ms off"] = shares(judged(motion, 60), "60 clips in time, some beats missed")
    return found


def annotated() -> dict[str, Any]:
    """Motion on the beats of one annotated real song against those of another: every pair, 12 s of each."""
    clips = json.loads((SHARED / "beats/annotations.json").read_text())["clips"]
    songs = [np.array(clip["beats"]) for clip in clips]
    rng, found, duration = np.random.default_rng(SEED), [], 12.0
    for i, j in [(i, j) for i in range(len(songs)) for j in range(len(songs)) if i != j and (i + j) % 3 == 0]:
        moved, beats = (within(each - rng.uniform(each[0], each[-1] - duration), duration) for each in
                        (songs[i], songs[j]))  # fmt: skip
        one = judge(moved + rng.normal(0, 0.02, len(moved)), beats, duration)
        if one is not None:
            found.append(one)
    return shares(found, "pairs of annotated real songs from ../shared, motion 20 ms off")


# --- real files -------------------------------------------------------------------------------------------------------


def files(place: Path) -> dict[str, Any]:
    """Clips rendered, encoded, decoded and heard: against their own song and against the same song at other speeds."""
    image, own = sample_image(place / "cover.png"), load_audio(sample_audio(place / "song.wav"))
    found: dict[str, Any] = {"what": "480p MP4s of 12 s through the whole chain: song heard, stops found in the file"}
    for motion in ("low", "medium", "high"):
        clip = generate(image, own, motion=motion, duration=12.0, resolution="480p", runs=place / "runs").path
        found[f"motion {motion}, its own song"] = brief(measure_alignment(clip))
        for speed_up in (0.8, 1.13):
            other = measure_alignment(clip, faster(own, speed_up))
            found[f"motion {motion}, the song at {speed_up} of its speed"] = brief(other)
    return found


def faster(audio: Audio, factor: float) -> Audio:
    """The song as if its tape ran ``factor`` as fast."""
    samples = Audio(audio.samples, round(audio.rate * factor), audio.name, "", None, 0.0, audio.duration / factor)
    return samples.resampled(audio.rate)


def brief(report) -> dict[str, Any]:
    scores = report.scores[report.headline]
    return {
        "verdict": report.verdict,
        "tempo": round(report.tempo, 1),
        "events": scores.events,
        "r": round(scores.r, 3),
        "p": round(scores.p, 4),
        "p_songs": round(scores.p_songs, 3),
    }


def speed() -> dict[str, Any]:
    """Seconds of the two tests for a clip of 12 s, median of nine."""
    rng = np.random.default_rng(SEED)
    beats = np.arange(0.25, 12, 0.5)
    events = np.sort(beats + rng.normal(0, 0.03, len(beats)))
    songs_level(events, beats, 12.0)  # the songs are made once
    took = {}
    for name, test in (("permutation, 5000 draws", lambda: chance_level(events, beats, 12.0, downbeats=beats[::4])),
                       ("other songs, 500", lambda: songs_level(events, beats, 12.0))):  # fmt: skip
        times = []
        for _ in range(9):
            began = time.perf_counter()
            test()
            times.append(time.perf_counter() - began)
        took[name] = round(float(np.median(times)), 4)
    return {"what": "seconds of the tests of 24 events and 24 beats in 12 s", **took}


if __name__ == "__main__":
    main()
