"""`Song` and `Material`: what clips share, decoded and heard once, ready to be rendered any number of times."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from s2v_nb.engines import Engine, Notice, Request
from s2v_nb.errors import InputError
from s2v_nb.media import Audio, Image, load_audio, load_image
from s2v_nb.rhythm import Corrections, Excerpt, Rhythm, analyze, best_excerpts, ear
from s2v_nb.rhythm.trackers import missing_weights
from s2v_nb.runs.spec import run_name
from s2v_nb.session import release_memory
from s2v_nb.settings import CONTROLS, Range, Settings

HEARD_SECONDS = 600.0  # a song up to this long is heard as a whole: beats are surer, and its phrases are known
CONTEXT_SECONDS = 20.0  # of a longer one, before and after the excerpt

ImageLike = str | Path | bytes | np.ndarray | PIL.Image.Image | Image
AudioLike = str | Path | Audio


@dataclass(frozen=True, eq=False)
class Part:
    """The part of a song that a clip plays.

    ``audio`` holds its samples, ``song`` the whole song's header and no samples. ``best`` says where it begins and
    why; ``heard_by`` is what decides the rhythm, as JSON can hold it. ``rhythm`` counts from the part's start and is
    None until it was asked for with `Song.rhythm`.
    """

    audio: Audio
    song: Audio
    best: Excerpt
    num_frames: int
    heard_by: Any
    rhythm: Rhythm | None = None

    def notices(self, settings: Settings, heard: Rhythm) -> tuple[Notice, ...]:
        """What the person should know of the part and of how it was heard."""
        return (*_song_notices(self.song, self.audio, settings, self.best), *_tracker_notices(heard))


class Song:
    """One song made ready for any number of clips: decoded once, heard once.

    Parameters
    ----------
    audio : path, or what `load_audio` returns
    rhythm : Rhythm, optional
        Follow this instead of what is heard; times in seconds from the start of the clip.

    Notes
    -----
    The song is opened with the first `part`. It can be pickled once every part that will be asked for was heard and
    `release` was called.
    """

    def __init__(self, audio: AudioLike, rhythm: Rhythm | None = None) -> None:
        self._audio: AudioLike | None = audio
        self._given = rhythm
        self._whole: Audio | None = None  # the song, or the first ten minutes of a longer one
        self._heard: Rhythm | None = None  # in all of that
        self._parts: dict[tuple, Part] = {}
        self._around: dict[tuple, Audio] = {}  # of a longer song, what is heard for a part

    @cached_property
    def header(self) -> Audio:
        """The song without its samples: its name, hash and rate; InputError if the file is no song."""
        audio = self._audio
        assert audio is not None
        loaded = audio.as_song() if isinstance(audio, Audio) else load_audio(audio, 0.0, 0.0)
        return replace(loaded, samples=loaded.samples[:, :0].copy())

    def part(self, settings: Settings) -> Part:
        """The part of the song that a clip with these settings plays.

        Where they leave its start open it is the best part of the song's first ten minutes; a rhythm that was given
        counts from the song's start. A part that was loaded before is a song of its own: times count from its first
        sample.

        Raises
        ------
        InputError
            If the song cannot be used, or has less than 3 s from there on.
        """
        key = _key(settings)
        if key not in self._parts:
            self._parts[key] = self._cut(settings)
        return self._parts[key]

    def rhythm(self, settings: Settings) -> Rhythm:
        """The rhythm that such a clip follows, from its first moment on."""
        key, part = _key(settings), self.part(settings)
        if part.rhythm is None:
            found = self._given or self._heard_around(key)
            begin = 0.0 if self._given else part.audio.start - (self._around[key].start if key in self._around else 0.0)
            found = found.excerpt(begin, part.audio.duration)
            # to_dict and back rounds as the metadata does, so that a replay sees the very same numbers
            part = self._parts[key] = replace(part, rhythm=Rhythm.from_dict(found.to_dict()))
        assert part.rhythm is not None
        return part.rhythm

    def resolved(self, settings: Settings) -> Settings:
        """The settings with the start that is meant by them."""
        return settings.but(start=self.part(settings).best.start)

    def release(self) -> None:
        """Give up the song but for the parts that were asked for: rendering needs the memory."""
        self._audio = self._whole = self._heard = None
        self._around.clear()
        release_memory()

    def _cut(self, settings: Settings) -> Part:
        song, ear_of, best = self._loaded(), self._ear_of(), self._best(settings)
        if not song.is_whole:
            song = self._around[_key(settings)] = _around(self._audio, best)
            ear_of = ear_of if isinstance(self._audio, Audio) else song
        excerpt, num_frames = _excerpt(song, settings.but(start=best.start))
        given = self._given and self._given.excerpt(0.0, excerpt.duration)
        header = replace(song, samples=song.samples[:, :0].copy())
        return Part(excerpt, header, best, num_frames, given.to_dict() if given else ear(ear_of))

    def _best(self, settings: Settings) -> Excerpt:
        """Where the part begins."""
        if settings.start is not None or self._given is not None:
            return Excerpt(settings.start or 0.0, settings.duration, 0.0, {})
        return best_excerpts(self._loaded(), settings.duration, count=1, rhythm=self._heard_in_all())[0]

    def _loaded(self) -> Audio:
        if self._whole is None:
            audio = self._audio
            assert audio is not None, "a part that was not asked for before the song was released"
            loaded = audio.as_song() if isinstance(audio, Audio) else load_audio(audio, 0.0, HEARD_SECONDS)
            self._whole = loaded.excerpt(0.0, HEARD_SECONDS)
        return self._whole

    def _ear_of(self) -> Audio:
        """The audio whose corrections hold."""
        return self._audio if isinstance(self._audio, Audio) else self._loaded()

    def _heard_in_all(self) -> Rhythm:
        if self._heard is None:
            self._heard = _hear(self._loaded(), self._ear_of())
        return self._heard

    def _heard_around(self, key: tuple) -> Rhythm:
        if key not in self._around:
            return self._heard_in_all()
        around = self._around[key]
        return _hear(around, self._audio if isinstance(self._audio, Audio) else around)


class Material:
    """One picture and one `Song`, ready to be rendered.

    Raises
    ------
    InputError
        If the picture cannot be used; the song is opened when a part is asked for.
    """

    def __init__(self, image: ImageLike, song: Song) -> None:
        self.image = load_image(image)
        self.song = song

    def request(self, settings: Settings, rhythm: Rhythm | None = None) -> Request:
        """What an engine is asked for; ``rhythm`` instead of the song's."""
        part = self.song.part(settings)
        heard = rhythm or self.song.rhythm(settings)
        return Request(self.image, part.audio, heard, self.song.resolved(settings), part.num_frames)

    def run_name(self, settings: Settings, engine: Engine) -> str:
        """The name of the run's folder."""
        part = self.song.part(settings)
        settings = self.song.resolved(settings).but(engine=engine.name)
        return run_name(self.image.sha256, part.song.sha256, settings, engine, part.heard_by)


def _key(settings: Settings) -> tuple:
    """All that decides a part."""
    return settings.start, settings.duration, settings.fps


def _hear(song: Audio, source: Audio) -> Rhythm:
    """What is heard in ``song``, from its start; corrections of the file a loaded part came from hold in the part."""
    if source.path and not source.is_whole and song.path is None and Corrections.of(source).steps:
        return analyze(source).excerpt(song.start, song.duration)
    return analyze(song)


def _around(audio: AudioLike | None, excerpt: Excerpt) -> Audio:
    """The excerpt with some of the song before and after."""
    assert audio is not None
    first = max(0.0, excerpt.start - CONTEXT_SECONDS)
    length = excerpt.end - first + CONTEXT_SECONDS
    return audio.as_song().excerpt(first, length) if isinstance(audio, Audio) else load_audio(audio, first, length)


def _excerpt(song: Audio, settings: Settings) -> tuple[Audio, int]:
    """The part of the song the clip plays, as long as its frames, and how many these are.

    There are round(duration x fps), or as many as have sound where the song ends early.
    """
    assert settings.start is not None
    available = song.excerpt(settings.start, settings.duration).duration
    control = CONTROLS["duration"]
    assert isinstance(control, Range)
    if available < control.low - 1e-6:
        found = {"seconds": available, "start": settings.start, "low": control.low}
        raise InputError("audio.too_short", name=song.name, **found)
    num_frames = settings.num_frames
    if available < settings.duration - 1 / song.rate:
        num_frames = math.floor(available * settings.fps + 0.5)
    excerpt = song.excerpt(settings.start, num_frames / settings.fps)
    return replace(excerpt, samples=excerpt.samples.copy()), num_frames  # a view would hold the song in memory


def _song_notices(song: Audio, excerpt: Audio, settings: Settings, best: Excerpt) -> Iterator[Notice]:
    missing = settings.duration - excerpt.duration
    if missing > 1 / settings.fps:
        yield Notice("notice.shortened", {"missing": missing, "seconds": excerpt.duration})
    elif best.parts:
        end = excerpt.start + excerpt.duration
        found: dict[str, Any] = {"song": song.song_duration, "start": settings.start, "end": end}
        found |= {"reason": best.words("en"), "reason_zh": best.words("zh")}
        yield Notice("notice.best_excerpt", found)
    elif song.song_duration > 15:
        end = excerpt.start + excerpt.duration
        yield Notice("notice.excerpt", {"song": song.song_duration, "start": settings.start, "end": end})


def _tracker_notices(heard: Rhythm) -> Iterator[Notice]:
    missing = missing_weights()
    if heard.tracker == "librosa" and missing:
        yield Notice(missing.key, missing.values)
