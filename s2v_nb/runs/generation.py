"""`generate`: from one picture and one song to a finished clip.

runs/3f9a61c2d0b4/     named by what it computes
    spec.json          written first
    progress.json      where the work stands
    error.txt          the traceback, if the last attempt failed
    parts/             finished parts, until the clip is there
    model/             what the engine keeps, until then
    clip.mp4           written last: once it exists, the run is done
"""

import logging
import os
import shutil
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.engines import Chosen, Engine, Limits, Notice, Plan, Request, Work, choose_engine, get_engine
from s2v_nb.errors import Cancelled, GenerationError, InputError, say
from s2v_nb.media import load_image
from s2v_nb.media.files import WHAT
from s2v_nb.media.parts import finished_parts, join_parts, write_parts
from s2v_nb.media.video import encode_sound, is_whole
from s2v_nb.progress import FileView, Progress, usual_views
from s2v_nb.rhythm import Rhythm
from s2v_nb.runs.clip import Clip
from s2v_nb.runs.material import AudioLike, ImageLike, Material, Song
from s2v_nb.runs.spec import Source, Spec, find_spec, spec_path
from s2v_nb.settings import Settings
from s2v_nb.storage import clean_stale, make_folder, replacing, write_json

logger = logging.getLogger(__name__)

LONGEST_NAME = 200  # bytes of a file name, with room for the scratch name's suffix


def generate(
    image: ImageLike,
    audio: AudioLike,
    settings: Settings | None = None,
    *,
    out: str | Path | None = None,
    runs: str | Path = "runs",
    rhythm: Rhythm | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
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
        Also copy the clip to this file, and its specification beside it as NAME.spec.json.
    rhythm : Rhythm, optional
        Follow this instead of what is heard; times in seconds from the start of the clip.
    progress : Progress, optional
        Told of each step; its `cancel` stops the work.
    limits : Limits, optional
        What the clip may take at most: decides which engine 'auto' is.
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
    engine, chosen = _engine_for(settings, limits)
    target = _checked_target(out)
    progress = progress or Progress(*usual_views())
    progress.update("audio", 0, 3)
    _refuse_source_as_target(target, image, audio)
    material = Material(image, song := Song(audio, rhythm))
    song.part(settings)
    progress.update("audio", 1, 3)
    if _existing(_clip_path(material, settings, engine, runs)) is None:
        _refuse_what_cannot_run(engine)
        song.rhythm(settings)
    progress.update("audio", 3, 3)
    song.release()
    clip = make_clip(material, settings, runs=runs, engine=engine, progress=progress)
    path = _copied(clip.path, target) if target else clip.path
    return replace(clip, path=path, notes=(*chosen, *clip.notes), seconds=time.monotonic() - began)


def _engine_for(settings: Settings, limits: Limits | None) -> tuple[Engine, tuple[Notice, ...]]:
    """The engine that makes the clip, and what is to be said of the choice."""
    chosen = choose_engine(settings, limits)
    return chosen.engine, tuple(_passed_over(chosen))


def _refuse_what_cannot_run(engine: Engine) -> None:
    """InputError if the engine cannot run here; a clip that it made elsewhere can be had all the same."""
    if refusal := engine.refusal():
        raise InputError("engine.refused", engine=engine.name, **_in_both(refusal))


def _in_both(notice: Notice) -> dict[str, str]:
    """A notice as part of another sentence."""
    return {"why": say(notice.key, "en", **notice.values), "why_zh": say(notice.key, "zh", **notice.values)}


def _passed_over(chosen: Chosen) -> Iterator[Notice]:
    """Why a better engine was not taken, on machines that have a GPU: on others nobody expects one."""
    for reason in chosen.passed_over:
        if reason.key not in ("engine.no_gpu", "engine.packages"):
            yield Notice("notice.engine_chosen", {"engine": chosen.engine.name, **_in_both(reason)})


def make_clip(material: Material, settings: Settings, *, runs: str | Path, engine: Engine, progress: Progress) -> Clip:
    """What `generate` does once picture and song are ready; for many clips of one material.

    Raises
    ------
    InputError, GenerationError, Cancelled
        As `generate`.
    """
    began = time.monotonic()
    path = _clip_path(material, settings, engine, runs)
    existing = _existing(path)
    settings = settings.but(engine=engine.name)
    request = material.request(settings, existing.rhythm if existing else None)
    told: list[Notice] = []
    if existing is None:
        _refuse_what_cannot_run(engine)
        plan = engine.plan(request)
        told += plan.notices
        _Job(engine, request, path.parent, told).make(plan, progress)
    else:
        _tidy(path.parent)
        if not getattr(engine, "uses_gpu", False):  # the GPU that it was planned for may be another, or none
            told += engine.plan(request).notices
    notes = (*material.song.part(settings).notices(request.settings, request.rhythm), *told)
    return Clip(path, Clip.open(path).spec, notes, time.monotonic() - began, existing is not None)


def _clip_path(material: Material, settings: Settings, engine: Engine, runs: str | Path) -> Path:
    return Path(runs) / material.run_name(settings, engine) / "clip.mp4"


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
    rhythm = Rhythm.from_dict(spec.rhythm)
    header = Song(song).header
    for found, wanted, what, option in (
        (picture.sha256, spec.image, "picture", "image"),
        (header.sha256, spec.audio, "song", "audio"),
    ):
        if found != wanted.sha256:
            raise InputError("replay.other", name=wanted.name, what=what, what_zh=WHAT[what], option=option)
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
    if target.suffix.lower() != ".mp4" or len(os.fsencode(target.name)) > LONGEST_NAME:
        raise InputError("out.name", name=target.name, limit=LONGEST_NAME)
    folder = next(parent for parent in (target.parent, *target.parents) if parent.exists())
    if not folder.is_dir() or target.is_dir() or not os.access(folder, os.W_OK):
        raise InputError("out.folder", name=str(target if target.is_dir() else folder))
    return target


def _refuse_source_as_target(target: Path | None, *sources: Any) -> None:
    """The person's picture or song is never overwritten."""
    for source in sources:
        path = getattr(source, "path", source)
        if target and isinstance(path, str | Path) and target.exists() and target.samefile(path):
            raise InputError("out.source", name=target.name)


def _existing(clip: Path) -> Clip | None:
    """The finished clip of a run, or None if there is none that can be read: it is then made again."""
    if not clip.exists():
        return None
    with suppress(InputError, OSError):
        if is_whole(clip):
            return Clip.open(clip)
    logger.warning("%s cannot be read and is made again", clip)
    return None


def _tidy(folder: Path) -> None:
    """Remove what a process that was killed as it ended left beside the finished clip."""
    with suppress(OSError):  # a folder that may only be read
        clean_stale(folder)
        shutil.rmtree(folder / "parts", ignore_errors=True)


def _copied(clip: Path, target: Path) -> Path:
    """Copy a run's clip, and its spec beside it."""
    try:
        make_folder(target.parent)
        for source, copy in ((spec_path(clip), spec_path(target)), (clip, target)):
            with replacing(copy) as scratch:
                shutil.copyfile(source, scratch)
    except OSError as error:
        raise GenerationError("failed.disk", name=str(target.parent), why=error.strerror or str(error)) from error
    return target


@dataclass(frozen=True, eq=False)
class _Job:
    """One clip to be made in one folder."""

    engine: Engine
    request: Request
    folder: Path
    told: list[Notice]  # what the engine tells meanwhile

    @property
    def clip(self) -> Path:
        return self.folder / "clip.mp4"

    @property
    def parts(self) -> Path:
        return self.folder / "parts"

    def make(self, plan: Plan, progress: Progress) -> None:
        """Make the clip; on failure its traceback stays in ``error.txt``."""
        try:
            make_folder(self.parts)
            clean_stale(self.folder)
            clean_stale(self.parts)
        except OSError as error:
            raise GenerationError("failed.disk", name=str(self.folder), why=error.strerror or str(error)) from error
        view = FileView(self.folder / "progress.json")
        progress.views.append(view)
        try:
            self._write(plan, progress)
            (self.folder / "error.txt").unlink(missing_ok=True)
        except Cancelled:
            raise
        except Exception as error:
            if _existing(self.clip):  # somebody else made it meanwhile, and cleared the parts away
                shutil.rmtree(self.parts, ignore_errors=True)
                return
            logger.exception("run %s failed", self.folder.name)
            if not self.parts.is_dir():
                raise GenerationError("failed.vanished", name=str(self.folder)) from error
            with suppress(OSError):  # a full disk has no room for the traceback either; the log may
                (self.folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8", errors="replace")
            if isinstance(error, OSError):
                why = error.strerror or str(error)
                raise GenerationError("failed.disk", name=str(self.folder), why=why) from error
            raise
        finally:
            progress.views.remove(view)

    def _write(self, plan: Plan, progress: Progress) -> None:
        spec = self._spec().to_dict()
        write_json(self.folder / "spec.json", spec)
        count = {"fps": plan.fps, "num_frames": plan.num_frames, "part_frames": plan.part_frames or plan.num_frames}
        heard = self.parts, self.request.audio.faded(), plan.num_frames / plan.fps
        with ThreadPoolExecutor(1) as pool:  # the sound is encoded while the frames are made
            ahead = pool.submit(encode_sound, *heard)
            self._write_frames(plan, count, progress)
        progress.update("encoding", 0, 1)
        # what failed long ago, on a disk that was full for a moment, may succeed now
        sound = encode_sound(*heard) if ahead.exception() else ahead.result()
        with replacing(self.clip) as scratch:
            join_parts(scratch, self.parts, sound=sound, comment=spec, **count)
        for kept in (self.parts, self.folder / "model"):
            shutil.rmtree(kept, ignore_errors=True)
        progress.update("encoding", 1, 1)

    def _write_frames(self, plan: Plan, count: dict[str, int], progress: Progress) -> None:
        """The parts that are missing."""
        first = finished_parts(self.parts, size=plan.size, **count)
        done = min(plan.num_frames, first * count["part_frames"])
        if done < plan.num_frames:
            counter = _Counter(progress, done, plan.num_frames)
            work = Work(self.folder / "model", counter.reached, self.told.append)
            frames = counter.counted(self.engine.frames(replace(self.request, work=work), done))
            write_parts(self.parts, frames, size=plan.size, first_part=first, **count)
        progress.update("frames", plan.num_frames, plan.num_frames)

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


class _Counter:
    """How many frames are made, or as good as made: it never goes back."""

    def __init__(self, progress: Progress, first: int, total: int) -> None:
        self.progress, self.first, self.total = progress, first, total
        self.most = first
        self.reached(first)

    def reached(self, frames: float) -> None:
        self.most = min(self.total, max(self.most, int(frames)))
        self.progress.update("frames", self.most, self.total)

    def counted(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The frames from the first on, each reported once the encoder took it."""
        for done, frame in enumerate(frames, self.first + 1):
            yield frame
            self.reached(done)
