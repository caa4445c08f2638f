"""`generate`: from one picture and one song to a finished clip.

runs/3f9a61c2d0b4/     named by what it computes
    spec.json          written first
    progress.json      where the work stands
    error.txt          the traceback, if the last attempt failed
    clip.mp4           written last: once it exists, the run is done
"""

import logging
import math
import os
import shutil
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from s2v_nb.engines import Engine, Notice, Plan, Request, get_engine
from s2v_nb.errors import Cancelled, InputError, say
from s2v_nb.media import Audio, Image, load_audio, load_image, write_video
from s2v_nb.media.files import WHAT
from s2v_nb.progress import FileView, Progress
from s2v_nb.rhythm import Rhythm, analyze
from s2v_nb.runs.clip import Clip
from s2v_nb.runs.files import replacing, write_json
from s2v_nb.runs.spec import Source, Spec, find_spec, run_name
from s2v_nb.settings import CONTROLS, Range, Settings

logger = logging.getLogger(__name__)

CONTEXT_SECONDS = 20.0  # of the song heard before and after the excerpt: a beat is surer in company

ImageLike = str | Path | bytes | np.ndarray | PIL.Image.Image | Image
AudioLike = str | Path | Audio


def generate(
    image: ImageLike,
    audio: AudioLike,
    settings: Settings | None = None,
    *,
    out: str | Path | None = None,
    runs: str | Path = "runs",
    rhythm: Rhythm | None = None,
    progress: Progress | None = None,
    **choices: Any,
) -> Clip:
    """Make a beat-synchronised clip of one picture and one song.

    The clip lies in a folder under ``runs`` that is named by what it computes; the same request is answered from
    there and never computed twice.

    Parameters
    ----------
    image, audio : path, or what `load_image` and `load_audio` return
    settings : Settings, optional
    out : path ending in .mp4, optional
        Also copy the clip to this file.
    rhythm : Rhythm, optional
        Follow this instead of what is heard; times in seconds from the start of the clip.
    progress : Progress, optional
        Told of each step; its `cancel` stops the work.
    **choices
        Fields of `Settings`, on top of ``settings``: ``generate(i, a, prompt="slow zoom in", motion="high")``.

    Raises
    ------
    InputError
        If the picture, the song or a setting cannot be used; nothing has been written then.
    GenerationError
        If the clip could not be written.
    Cancelled
        If ``progress`` was cancelled.

    Examples
    --------
    >>> clip = generate("cover.jpg", "song.mp3", prompt="slow pan right, subtle glow")  # doctest: +SKIP
    """
    began = time.monotonic()
    settings = _with_choices(settings or Settings(), choices)
    engine = get_engine(settings.engine)
    settings = settings.but(engine=engine.name)
    target = _checked_target(out)
    progress = progress or Progress()
    progress.update("audio", 0, 3)
    image = load_image(image)
    song = _load_context(audio, settings)
    excerpt = _excerpt(song, settings)
    progress.update("audio", 1, 3)
    folder = Path(runs) / run_name(image, song, settings, engine, rhythm)
    if (folder / "clip.mp4").exists():
        clip = Clip.open(folder / "clip.mp4")
        heard = clip.rhythm
    else:
        # to_dict and back rounds as the metadata does, so that a replay sees the very same numbers
        found = rhythm or analyze(song).excerpt(excerpt.start - song.start, excerpt.duration)
        heard = Rhythm.from_dict(found.to_dict())
    progress.update("audio", 3, 3)
    job = _Job(engine, Request(image, excerpt, heard, settings, _num_frames(excerpt, settings)), folder)
    cached = job.done
    notices = job.make(progress)
    clip = Clip.open(job.clip)
    path = _copied(job.clip, target) if target else job.clip
    sentences = tuple(say(n.key, **n.values) for n in [*_song_notices(song, excerpt, settings), *notices])
    return Clip(path, clip.spec, sentences, time.monotonic() - began, cached)


def replay(
    clip: str | Path,
    image: ImageLike | None = None,
    audio: AudioLike | None = None,
    *,
    out: str | Path | None = None,
    runs: str | Path = "runs",
    progress: Progress | None = None,
) -> Clip:
    """Make a clip again from what its metadata says: the same frames.

    The picture and the song are looked for under their names in the clip's folder and in the current one, unless given.

    Raises
    ------
    InputError
        If the file holds no spec, a source is missing or is another file, or the engine's version is another.
    """
    path = Path(clip)
    spec = find_spec(path)
    try:
        engine = get_engine(spec.engine)
    except InputError as error:
        raise InputError("replay.engine", engine=spec.engine, allowed=error.values["allowed"]) from None
    if engine.version != spec.engine_version:
        versions = {"made": spec.engine_version, "here": engine.version}
        raise InputError("replay.version", engine=engine.name, **versions)
    picture = load_image(_source(spec.image, image, path, "picture", "image"))
    song = _source(spec.audio, audio, path, "song", "audio")
    loaded = _load_context(song, spec.settings)
    for found, wanted, what, option in (
        (picture.sha256, spec.image, "picture", "image"),
        (loaded.sha256, spec.audio, "song", "audio"),
    ):
        if found != wanted.sha256:
            raise InputError("replay.other", name=wanted.name, what=what, what_zh=WHAT[what], option=option)
    rhythm = Rhythm.from_dict(spec.rhythm)
    return generate(picture, song, spec.settings, out=out, runs=runs, rhythm=rhythm, progress=progress)


def _source(wanted: Source, given: Any, clip: Path, what: str, option: str) -> Any:
    """What the person gave, else the file of the same name near the clip or here."""
    if given is not None:
        return given
    for folder in (clip.parent, Path.cwd()):
        candidate = folder / Path(wanted.name).name  # the name comes from a file: never let it lead elsewhere
        if candidate.is_file():
            return candidate
    raise InputError("replay.missing", name=wanted.name, what=what, what_zh=WHAT[what], option=option)


def _with_choices(settings: Settings, choices: dict[str, Any]) -> Settings:
    return Settings.from_dict({**vars(settings), **choices}) if choices else settings


def _checked_target(out: str | Path | None) -> Path | None:
    """``out`` as a path that can be written, checked before any work is paid for."""
    if out is None:
        return None
    target = Path(out)
    if target.suffix.lower() != ".mp4":
        raise InputError("out.suffix", name=target.name)
    folder = next(parent for parent in (target.parent, *target.parents) if parent.exists())
    if not folder.is_dir() or target.is_dir():
        raise InputError("out.folder", name=str(target), why="it is no folder" if not folder.is_dir() else "a folder")
    if not os.access(folder, os.W_OK):
        raise InputError("out.folder", name=str(folder), why="no permission")
    return target


def _load_context(audio: AudioLike, settings: Settings) -> Audio:
    """The excerpt with some of the song before and after, so that memory does not grow with the song."""
    if isinstance(audio, Audio):
        return audio
    first = max(0.0, settings.start - CONTEXT_SECONDS)
    return load_audio(audio, first, settings.start - first + settings.duration + CONTEXT_SECONDS)


def _excerpt(song: Audio, settings: Settings) -> Audio:
    """The part of the song the clip plays; shorter than asked where the song ends, never under the shortest clip."""
    excerpt = song.excerpt(settings.start, settings.duration)
    control = CONTROLS["duration"]
    assert isinstance(control, Range)
    if excerpt.duration < control.low - 1e-6:
        available = {"seconds": max(0.0, excerpt.duration), "start": settings.start, "low": control.low}
        raise InputError("audio.too_short", name=song.name, **available)
    return excerpt


def _num_frames(excerpt: Audio, settings: Settings) -> int:
    """round(duration x fps); where the song ends early, as many frames as have sound."""
    return min(settings.num_frames, max(1, math.floor(excerpt.duration * settings.fps + 0.5)))


def _song_notices(song: Audio, excerpt: Audio, settings: Settings) -> Iterator[Notice]:
    missing = settings.duration - excerpt.duration
    if missing > 0.5 / settings.fps:
        yield Notice("notice.shortened", {"missing": missing, "seconds": excerpt.duration})
    elif song.song_duration > 15:
        end = excerpt.start + excerpt.duration
        yield Notice("notice.excerpt", {"song": song.song_duration, "start": settings.start, "end": end})


def _copied(clip: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as scratch:
        shutil.copyfile(clip, scratch)
    return target


@dataclass(frozen=True, eq=False)
class _Job:
    """One clip to be made in one folder."""

    engine: Engine
    request: Request
    folder: Path

    @property
    def clip(self) -> Path:
        return self.folder / "clip.mp4"

    @property
    def done(self) -> bool:
        return self.clip.exists()

    def make(self, progress: Progress) -> tuple[Notice, ...]:
        """Make the clip unless it is there; the engine's notices."""
        plan = self.engine.plan(self.request)
        if self.done:
            return plan.notices
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError("out.folder", name=str(self.folder.parent), why=error.strerror) from error
        view = FileView(self.folder / "progress.json")
        progress.views.append(view)
        try:
            self._write(plan, progress)
            (self.folder / "error.txt").unlink(missing_ok=True)
        except Cancelled:
            raise
        except Exception:
            logger.exception("run %s failed", self.folder.name)
            (self.folder / "error.txt").write_text(traceback.format_exc())
            raise
        finally:
            progress.views.remove(view)
        return plan.notices

    def _write(self, plan: Plan, progress: Progress) -> None:
        spec = self._spec().to_dict()
        write_json(self.folder / "spec.json", spec)
        with replacing(self.clip) as scratch:
            write_video(
                scratch,
                _counted(self.engine.frames(self.request), progress, plan.num_frames),
                size=plan.size,
                fps=plan.fps,
                num_frames=plan.num_frames,
                audio=self.request.audio.faded(),
                comment=spec,
            )
        progress.update("encoding", 1, 1)

    def _spec(self) -> Spec:
        request = self.request
        return Spec(
            image=Source(request.image.name, request.image.sha256),
            audio=Source(request.audio.name, request.audio.sha256),
            settings=request.settings,
            engine=self.engine.name,
            engine_version=self.engine.version,
            num_frames=request.num_frames,
            rhythm=request.rhythm.to_dict(),
        )


def _counted(frames: Iterable[np.ndarray], progress: Progress, total: int) -> Iterator[np.ndarray]:
    """The frames, each reported once the encoder took it; then the stage of encoding begins."""
    progress.update("frames", 0, total)
    for done, frame in enumerate(frames, 1):
        yield frame
        progress.update("frames", done, total)
    progress.update("encoding", 0, 1)
