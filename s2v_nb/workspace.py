"""`Workspace`: everything a person works on at the moment, as one plain object that panels show and edit.

It knows no widget. Any number of panels may watch one workspace and stay in step, and everything can be set from
Python. Long work is asked of the worker's process (`s2v_nb.jobs`), so that the kernel stays free.
"""

import logging
import math
import os
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from traitlets import Bool, Dict, Enum, Float, HasTraits, Instance, Tuple, observe

from s2v_nb.engines import Limits
from s2v_nb.engines.estimate import Estimate, estimate
from s2v_nb.errors import LANGUAGES, GenerationError, InputError, SentenceError, language, say
from s2v_nb.jobs import Job, Task, worker_process
from s2v_nb.jobs.history import Made, clips_in, made_of
from s2v_nb.jobs.sweep_cells import FOLDER, read_cells, tried_again
from s2v_nb.jobs.sweep_job import SweepJob, last_sweep
from s2v_nb.jobs.sweep_plan import SweepPlan
from s2v_nb.jobs.tasks import tasks_in, unfinished
from s2v_nb.log import keep_log, sentence_of
from s2v_nb.media import Audio, Image, load_audio, load_image
from s2v_nb.media.files import PICTURES, SONGS, sha256_of
from s2v_nb.rhythm import Corrections, Excerpt, Rhythm
from s2v_nb.runs.sources import audio_file, image_file
from s2v_nb.settings import PRESETS, Settings
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.expected import SweepEstimate, expected

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
FOLDER_SECONDS = 2.0  # between two looks at the folder
MOST_LISTED = 200


@dataclass(frozen=True)
class Message:
    """One sentence for the person: a ``key`` of the table and its ``values``; ``details`` are folded away.

    ``kind`` is 'error' or 'note'.
    """

    key: str
    values: dict[str, Any] = field(default_factory=dict)
    details: str = ""
    kind: str = "error"

    def sentence(self, lang: str | None = None) -> str:
        return say(self.key, lang, **self.values)


@dataclass(frozen=True, eq=False)
class Heard:
    """What the worker heard in a song: ``rhythm`` with the person's corrections, ``raw`` without them.

    ``peaks`` is float32 of shape (2, n), the lowest and highest sample of each of n equal stretches of ``duration``
    seconds; ``excerpts`` are the best ones for the length asked for, the best first.
    """

    raw: Rhythm
    rhythm: Rhythm
    corrections: Corrections
    excerpts: tuple[Excerpt, ...]
    peaks: np.ndarray

    @property
    def duration(self) -> float:
        return self.raw.duration


class Workspace(HasTraits):
    """What a person works on.

    Parameters
    ----------
    folder : path
        Where pictures and songs are looked for; uploads go to ``uploads`` in it. By default the current folder.
    runs : path
        Where clips are kept, by default ``runs`` in the folder.

    Notes
    -----
    ``audio`` holds the song's header and no samples; ``heard`` arrives after the worker has listened. `use` loads a
    path as ``image`` or ``audio`` and raises `InputError` where it cannot be used; panels wrap what a person does in
    `reporting`, which turns an error into ``message``. Traits may change from another thread.
    """

    language = Enum(LANGUAGES)
    settings = Instance(Settings, args=())
    image = Instance(Image, allow_none=True)
    audio = Instance(Audio, allow_none=True)
    heard = Instance(Heard, allow_none=True)
    listening = Bool(False)
    pictures = Tuple()  # names of files in the folder, relative to it, the newest first
    songs = Tuple()
    price_per_hour = Float(0.0)
    limits = Instance(Limits, args=())  # what one clip may take: decides which engine 'auto' is
    estimate = Instance(Estimate, allow_none=True)
    job = Instance(Job, allow_none=True)
    sweep_plan = Instance(SweepPlan, args=())
    sweep_estimate = Instance(SweepEstimate, allow_none=True)  # None while there is nothing to compare
    sweep = Instance(SweepJob, allow_none=True)  # the one that is made now, or was made last
    shown = Instance(Made, allow_none=True)  # the clip to look at
    history = Tuple()  # of Made, the newest first
    message = Instance(Message, allow_none=True)
    transfers = Dict()  # name -> (bytes received, bytes in all), while files are uploaded

    def __init__(self, folder: str | Path = ".", *, runs: str | Path | None = None, **values: Any) -> None:
        super().__init__(language=language())
        self.folder = Path(folder).resolve()
        self.runs = Path(runs).resolve() if runs else self.folder / "runs"
        self.lock = threading.RLock()
        self.beaten = time.monotonic()  # when a person last did something
        self._listen: Task | None = None
        self._listen_after = False  # once more, when it is done
        self._settled: Job | None = None  # the last job whose end was shown
        self._settled_sweep: SweepJob | None = None
        self._thread: threading.Thread | None = None
        self.closed = False
        self._reported = ""  # the error that was shown last
        keep_log()
        self.each_poll: list[Callable[[], None]] = []  # what else is to be done five times a second
        for name, value in values.items():
            self.use(**{name: value})
        self.look_at_folder()
        self._estimate()
        self._estimate_sweep()

    # --- what a person does

    def use(self, **things: Any) -> None:
        """Set picture, song or any trait: ``use(image="a.jpg", audio="b.mp3")``; AttributeError for other names."""
        for name, value in things.items():
            if name == "image":
                self.image = None if value is None else load_image(self._found(value))
            elif name == "audio":
                self._use_audio(value)
            elif self.has_trait(name):
                setattr(self, name, value)
            else:
                raise AttributeError(f"a workspace has no {name!r}; it has image, {', '.join(self.trait_names())}")

    def change(self, **choices: Any) -> None:
        """Change settings: ``change(motion="high")``; InputError, and nothing changed, if one is out of its bounds."""
        with self.lock:
            self.settings = Settings.from_dict({**vars(self.settings), **choices})

    def preset(self, name: str) -> None:
        self.change(**PRESETS[name])

    def correct(self, do: str, value: Any = None) -> None:
        """Correct the beat: a step of `Corrections` by its name, 'undo' or 'reset'; kept beside the song."""
        with self.lock:
            if self.audio is None or self.heard is None:
                return
            steps = self.heard.corrections
            steps = {"undo": steps.undo, "reset": Corrections}.get(do, lambda: steps.then(do, value))()
            rhythm = steps.apply(self.heard.raw)
            steps.save(self.audio)
            self.heard = replace(self.heard, rhythm=rhythm, corrections=steps)
            self.listen()  # the best excerpts are others now

    def generate(self) -> Job:
        """Begin to make the clip, unless one is being made; InputError if picture or song are missing."""
        self._need_sources()
        with self.lock:
            if self.job and not self.job.finished:  # a double click
                return self.job
            self._reload_what_changed()
            self.job = Job(self._submit("clip", **self._sources(), settings=vars(self.settings), limits=self._bounds))
        self.message = None
        return self.job

    def stop(self) -> None:
        if self.job:
            self.job.stop()

    def plan_sweep(self, **choices: Any) -> None:
        """Change what a sweep would compare: ``plan_sweep(motion=("low", "high"), count=5)``."""
        with self.lock:
            self.sweep_plan = replace(self.sweep_plan, **choices)

    def start_sweep(self) -> SweepJob:
        """Begin the sweep that is planned, unless one is being made; cells that are there already are not made again.

        Raises
        ------
        InputError
            If picture, song or motion are missing, or the disk has too little room.
        """
        self._need_sources()
        plan = self.sweep_plan
        if not plan.motion:
            raise InputError("studio.sweep.no_motion")
        with self.lock:
            if self.sweep and not self.sweep.finished:
                return self.sweep
            self._reload_what_changed()
            self._estimate_sweep()
            if self.sweep_estimate:
                self.sweep_estimate.check_disk(self.runs)
            names = {name: [getattr(self, name).name, getattr(self, name).sha256] for name in ("image", "audio")}
            return self._begin_sweep(self._sweep_name(), {
                **self._sources(), "names": names, "axes": plan.axes, "settings": vars(plan.base(self.settings)),
            })  # fmt: skip

    def go_on_with_sweep(self) -> SweepJob | None:
        """Make what is missing of the sweep that is shown, whatever is chosen now; None if there is none."""
        with self.lock:
            if self.sweep is None or not self.sweep.finished or not self.sweep.what:
                return self.sweep
            return self._begin_sweep(self.sweep.folder.name, {**self.sweep.what, "runs": str(self.runs)})

    def stop_sweep(self) -> None:
        if self.sweep:
            self.sweep.stop()

    def show_cell(self, cell: Cell) -> None:
        """Look at a finished cell of a sweep; its plots, which a sweep does not draw, follow."""
        made = made_of(cell.path)
        if made is None:
            raise InputError("studio.history.gone", name=cell.name)
        self.shown = made
        audio = self.sweep.what.get("audio") if self.sweep else None
        asked = [task.what.get("clip") for task in unfinished(self.tasks) if task.kind == "measure"]
        if made.beats_plot is None and isinstance(audio, str) and Path(audio).is_file() and str(made.path) not in asked:
            self._submit("measure", clip=str(made.path), audio=audio)

    def make_final(self, cell: Cell) -> Job:
        """Make a cell of the sweep in full quality: its settings become the person's, and its clip is begun.

        Raises
        ------
        InputError
            If a clip is being made, or another picture or song is chosen now than the sweep was made from.
        """
        with self.lock:
            if self.job and not self.job.finished:
                raise InputError("studio.sweep.busy")
            self._use_what_was_swept()
            self.settings = cell.final()
            return self.generate()

    def listen(self) -> None:
        """Ask the worker to hear the song; ``heard`` follows. While it hears this song, it is asked when it is done."""
        with self.lock:
            if self.audio is None or self.audio.path is None:
                return
            if self._listen:
                self._listen_after = True
                return
            self._listen = self._submit("listen", audio=str(self.audio.path), duration=self.settings.duration)
            self.listening = True

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """What a person did, with any error as ``message`` instead of a traceback; the traceback goes to the log."""
        self.touch()
        try:
            yield
        except Exception as error:
            self.report(error)

    def report(self, error: Exception) -> None:
        """Show an error as one sentence, once; nothing is lost."""
        if str(error) == self._reported:  # from the watching thread, which meets it again and again
            return
        self._reported = str(error)
        logger.error("%s", error, exc_info=error)
        details = "" if isinstance(error, SentenceError) and not error.__cause__ else traceback.format_exc()
        if isinstance(error, OSError) and not isinstance(error, SentenceError):
            place = str(error.filename or self.folder)
            told: SentenceError = GenerationError("failed.disk", name=place, why=error.strerror or str(error))
        else:
            told = sentence_of(error)
        self.message = Message(told.key, told.values, details)

    def touch(self) -> None:
        """The person is there."""
        self.beaten = time.monotonic()
        self._reported = ""

    @property
    def busy(self) -> bool:
        """Whether work goes on for this folder, whoever asked for it, or a file is arriving."""
        return bool(self.transfers) or bool(unfinished(self.tasks))

    # --- what follows from it

    @property
    def _priced(self) -> Limits:
        """The limits at the price that is set."""
        return replace(self.limits, price_per_hour=self.price_per_hour or self.limits.price_per_hour)

    @property
    def _bounds(self) -> dict[str, float]:
        """The limits as JSON can hold them: open ones are left out."""
        return {name: value for name, value in vars(self._priced).items() if math.isfinite(value)}

    @observe("settings", "image", "price_per_hour", "limits")
    def _estimate(self, _: Any = None) -> None:
        size = self.image.size if self.image else None
        price = self.price_per_hour
        self.estimate = estimate(self.settings, image_size=size, price_per_hour=price, limits=self._priced)

    @observe("settings", "image", "audio", "heard", "price_per_hour", "limits", "sweep_plan")
    def _estimate_sweep(self, _: Any = None) -> None:
        """Of the same sweep begun before, only what is missing; what the last one took is known."""
        like = [now.cell for now in self.sweep.cells] if self.sweep else []
        begun = tried_again(read_cells(self.sweeps / self._sweep_name()))
        cells = begun or self.sweep_plan.cells(self.settings, self.runs, self._priced)
        self.sweep_estimate = expected(cells, self.price_per_hour, self.runs, like=like) if cells else None

    @observe("settings")
    def _listen_again(self, change: Any) -> None:
        if (self.heard or self._listen) and change["old"].duration != change["new"].duration:
            self.listen()

    def look_at_folder(self) -> None:
        """Bring ``pictures``, ``songs``, ``history`` and the cells of ``sweep`` up to date with the disk."""
        names = _listed(self.folder)
        self.pictures = tuple(n for n in names if n.lower().endswith(PICTURES))[:MOST_LISTED]
        self.songs = tuple(n for n in names if n.lower().endswith(SONGS))[:MOST_LISTED]
        with suppress(OSError):  # a disk that does not answer now: what was listed stays
            self.history = clips_in(self.runs)
        if shown := self.shown:  # the same clip with what was drawn since; one that was deleted is shown no more
            now = made_of(shown.path)
            if self.shown is shown:  # nobody has chosen another one meanwhile
                self.shown = now
        if self.sweep and self.sweep.finished:
            self.sweep.refresh()

    def resume(self) -> Job | None:
        """Find what was begun before this kernel: a job that is unfinished, which goes on, or that failed since the
        last clip; None if there is none. The last sweep, finished or not, is ``sweep`` afterwards."""
        self._see_to_the_worker()
        if self.sweep is None:
            self.sweep = last_sweep(self.tasks, self.sweeps)
            self._settled_sweep = self.sweep if self.sweep and self.sweep.finished else None
            self._estimate_sweep()
        jobs = [task for task in tasks_in(self.tasks) if task.kind == "clip"]
        if jobs and self.job is None:
            last = jobs[-1]
            newer = not self.history or float(last.asked.get("asked", 0.0)) > self.history[0].when
            if not last.result or (last.state == "failed" and newer):
                self.job = Job(last)
                self._watch()
        return self.job

    @property
    def tasks(self) -> Path:
        return self.runs / "tasks"

    @property
    def sweeps(self) -> Path:
        return self.runs / FOLDER

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    def close(self) -> None:
        """Stop watching; what the worker does goes on."""
        self._thread, self.closed = None, True

    # --- inside

    def _found(self, value: Any) -> Any:
        """A path as given, or the file of that name in the folder."""
        if isinstance(value, str | Path) and not Path(value).is_absolute() and (self.folder / value).exists():
            return self.folder / value
        return value

    def _use_audio(self, value: Any) -> None:
        if value is not None:
            value = self._found(value)
            if isinstance(value, Audio) and value.path is None:
                value = audio_file(value, self.uploads)
            value = load_audio(Path(value).resolve() if isinstance(value, str | Path) else value, 0.0, 0.0)
        with self.lock:
            if self._listen:
                self._listen.stop()
            self._listen, self._listen_after, self.listening = None, False, False
            self.heard, self.audio = None, value
            if value is None:
                return
            self.change(start=None)
            self.listen()

    def _need_sources(self) -> None:
        for name in ("image", "audio"):
            if getattr(self, name) is None:
                raise InputError(f"studio.no_{name}")

    def _sources(self) -> dict[str, str]:
        """What every task that makes clips is told."""
        assert self.image is not None
        assert self.audio is not None
        image = image_file(self.image, self.uploads)
        return {"image": str(image), "audio": str(self.audio.path), "runs": str(self.runs)}

    def _sweep_name(self) -> str:
        """The folder of the sweep that is planned."""
        held = [one.sha256 if one else "" for one in (self.image, self.audio)]
        return self.sweep_plan.name(self.settings, *held, self.heard.corrections.to_list() if self.heard else [])

    def _begin_sweep(self, name: str, what: dict[str, Any]) -> SweepJob:
        price = self.price_per_hour
        money = {"price_per_hour": price, "spend_cap": self.sweep_plan.spend_cap if price else 0.0}
        task = self._submit("sweep", **{**what, **money, "name": name})
        self.sweep = SweepJob(self.sweeps / name, task)
        self.message = None
        return self.sweep

    def _use_what_was_swept(self) -> None:
        """The picture and the song of the sweep, where none is chosen now: the kernel may be a new one."""
        what = self.sweep.what if self.sweep else {}
        for name in ("image", "audio"):
            held, (wanted, sha256) = getattr(self, name), what["names"][name]
            if held is None:
                self.use(**{name: what[name]})
            elif held.sha256 != sha256:
                raise InputError("studio.other_source", name=wanted)

    def _reload_what_changed(self) -> None:
        """A file that was replaced under its name since it was chosen is what the person means now."""
        assert self.image is not None
        assert self.audio is not None
        for name, held in (("image", self.image), ("audio", self.audio)):
            if held.path and held.path.is_file() and sha256_of(held.path) != held.sha256:
                self.use(**{name: held.path})

    def _see_to_the_worker(self) -> list[Task]:
        """What is still to be done; a worker that was killed, for want of memory say, is started again."""
        left = unfinished(self.tasks)
        if left:
            try:
                worker_process.ensure(self.tasks)
            except GenerationError as error:
                for task in left:
                    task.fail(error, "")
                raise
        return left

    def _submit(self, kind: str, **what: Any) -> Task:
        task = Task.submit(self.tasks, kind, **what)
        self._see_to_the_worker()
        self._watch()
        return task

    def watch(self) -> None:
        """Keep the traits up to date with the disk from now on, in a thread; panels call it."""
        self._watch()

    def _watch(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=_poll, args=(weakref.ref(self),), daemon=True, name="s2v_nb-watch")
            self._thread.start()

    def poll(self) -> None:
        """Look once at everything that goes on in the background."""
        with self.lock:
            self._poll_listening()
            self._poll_job()
            self._poll_sweep()
        for action in self.each_poll:
            action()

    def _poll_job(self) -> None:
        job = self.job
        if job is None or job is self._settled:
            return
        job.refresh()
        if job.finished:
            self._settled = job
        else:
            self._see_to_the_worker()
        if job.state == "failed" and job.error:
            self.message = Message(job.error[0], job.error[1], job.details)
        if job.finished:
            self.look_at_folder()
            self._estimate()  # it rests on what clips took here
            if job.clip:
                self.shown = made_of(job.clip) or self.shown

    def _poll_sweep(self) -> None:
        sweep = self.sweep
        if sweep is None or sweep is self._settled_sweep:
            return
        sweep.refresh()
        if not sweep.finished:
            self._see_to_the_worker()
            return
        self._settled_sweep = sweep
        if sweep.state == "failed" and sweep.error:
            self.message = Message(sweep.error[0], sweep.error[1], sweep.details)
        self.look_at_folder()
        self._estimate_sweep()  # it rests on what the cells took

    def _poll_listening(self) -> None:
        task = self._listen
        if task is None or not (result := task.result):
            return
        again, self._listen, self._listen_after = self._listen_after, None, False
        try:
            if result["state"] == "failed":
                again = False
                self.message = Message(result["key"], result["values"], result.get("details", ""))
            elif result["state"] == "done":
                self._take(result)
        finally:
            if again:
                self.listen()
            else:
                self.listening = False

    def _take(self, result: dict[str, Any]) -> None:
        assert self.audio is not None
        raw = Rhythm.from_dict(result["rhythm"])
        corrections = Corrections.of(self.audio)
        excerpts = tuple(Excerpt(**values) for values in result["excerpts"])
        peaks = np.array(result["peaks"], np.float32)
        self.heard = Heard(raw, corrections.apply(raw), corrections, excerpts, peaks)


def _poll(ref: "weakref.ref[Workspace]") -> None:
    """Watch until the workspace is closed or forgotten; an error is shown and the watching goes on."""
    looked = time.monotonic()
    while (workspace := ref()) is not None and workspace._thread is threading.current_thread():
        try:
            workspace.poll()
            if time.monotonic() - looked > FOLDER_SECONDS:
                looked = time.monotonic()
                workspace.look_at_folder()
                workspace._see_to_the_worker()
            pause = POLL_SECONDS
        except Exception as error:
            workspace.report(error)
            pause = FOLDER_SECONDS  # it may come again and again
        del workspace
        time.sleep(pause)


def _listed(folder: Path) -> list[str]:
    """Names of pictures and songs in the folder and its ``uploads``, the newest first."""
    found: list[tuple[float, str]] = []
    for place, prefix in ((folder, ""), (folder / "uploads", "uploads/")):
        with suppress(OSError):
            for entry in os.scandir(place):
                if _is_listed(entry.name):
                    with suppress(OSError):  # deleted meanwhile, or a link to nowhere
                        if entry.is_file():
                            found.append((entry.stat().st_mtime, prefix + entry.name))
    return [name for _, name in sorted(found, reverse=True)]


def _is_listed(name: str) -> bool:
    with suppress(UnicodeEncodeError):  # a name that is no text cannot be sent to the page
        name.encode()
        return name.lower().endswith(PICTURES + SONGS) and not name.startswith(".") and ".partial-" not in name
    return False
