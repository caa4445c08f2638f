"""What the worker can do: hear a song, make a clip, measure a clip, make a sweep. Each takes a `Task` and ends it."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from s2v_nb.errors import Cancelled, SentenceError
from s2v_nb.jobs.tasks import Task
from s2v_nb.media import Audio, load_audio
from s2v_nb.progress import FileView, Progress
from s2v_nb.runs.poster import draw_poster
from s2v_nb.settings import Settings
from s2v_nb.storage import write_json

logger = logging.getLogger(__name__)

PEAKS_A_SECOND, FEWEST_PEAKS = 100, 4000  # enough for four seconds, or a short song, across a wide screen
PROGRESS_SECONDS = 0.15


def do(task: Task) -> None:
    """Do a task and end it; an error is kept in its result, never raised."""
    try:
        KINDS[task.kind](task)
    except Cancelled:
        task.end("stopped")
    except Exception as error:
        logger.exception("task %s failed", task.name)
        known = isinstance(error, SentenceError) and not error.__cause__
        give_up(task, error, "" if known else traceback.format_exc())


def give_up(task: Task, error: Exception, details: str = "") -> None:
    """End a task with an error; a clip that could not be measured says so, or its page would wait for ever."""
    task.fail(error, details)
    clip = task.what.get("clip")
    if task.kind == "measure" and isinstance(clip, str) and Path(clip).is_file():
        result = task.result
        write_json(Path(clip).parent / "alignment.json", {"error": [result["key"], result["values"]]})


def listen(task: Task) -> None:
    """Hear a song as `generate` does: rhythm without corrections, the best excerpts with them, and its peaks."""
    from s2v_nb.rhythm import Corrections, analyze, best_excerpts
    from s2v_nb.runs.material import HEARD_SECONDS

    audio = load_audio(task.what["audio"], 0.0, HEARD_SECONDS)
    raw = analyze(audio, corrections=Corrections())
    corrected = Corrections.of(audio).apply(raw)
    best = best_excerpts(audio, task.what["duration"], rhythm=corrected)
    low, high = peaks_of(audio, max(FEWEST_PEAKS, round(PEAKS_A_SECOND * audio.duration)))
    task.end(
        "done",
        rhythm=raw.to_dict(),
        excerpts=[asdict(excerpt) for excerpt in best],
        peaks=[np.round(low, 3).tolist(), np.round(high, 3).tolist()],
    )


def peaks_of(audio: Audio, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest sample of each of ``count`` equal stretches (fewer in a very short song)."""
    mono = audio.mono
    count = max(1, min(count, len(mono)))
    edges = np.linspace(0, len(mono), count, endpoint=False).astype(int)
    if not len(mono):
        return np.zeros(1), np.zeros(1)
    return np.minimum.reduceat(mono, edges), np.maximum.reduceat(mono, edges)


def make_clip(task: Task) -> None:
    """Make a clip, and ask for its measuring."""
    from s2v_nb.engines import Limits
    from s2v_nb.engines.estimate import learn
    from s2v_nb.media import load_image
    from s2v_nb.models.cache import CACHE
    from s2v_nb.runs import generate

    what = task.what
    kept: list[int] = []  # how many frames an attempt before this one had made
    progress = Progress(FileView(task.folder / "progress.json", PROGRESS_SECONDS))
    progress.views.append(lambda _: progress.cancel() if task.stopping else None)
    progress.views.append(lambda state: kept.append(state.first) if state.stage == "frames" and not kept else None)
    progress.update("audio", 0, 3)
    settings = Settings.from_dict(what["settings"])
    image = load_image(what["image"])
    limits = Limits(**what.get("limits", {}))
    loads = CACHE.loads
    clip = generate(image, what["audio"], settings, runs=what["runs"], progress=progress, limits=limits)
    if kept == [0] and CACHE.loads == loads:  # made in one go, and the next one will not wait for the model either
        learn(clip.settings, image.size, clip.seconds)
    if not (clip.path.parent / "alignment.json").exists():
        Task.submit(task.folder.parent, "measure", clip=str(clip.path), audio=what["audio"])
    notes = [[note.key, note.values] for note in clip.notes]
    task.end("done", clip=str(clip.path), notes=notes, seconds=clip.seconds, cached=clip.cached)


def measure(task: Task) -> None:
    """Draw the poster, unless it is there, and the plots of a finished clip beside it, and keep its scores."""
    import matplotlib as mpl

    mpl.use("agg")
    from s2v_nb.plots.beside import draw_beside

    clip = Path(task.what["clip"])
    if not (clip.parent / "poster.jpg").exists():  # a sweep draws it
        draw_poster(clip)
    draw_beside(clip, Path(task.what["audio"]), clip.parent)
    task.end("done")


def make_sweep(task: Task) -> None:
    """Make all clips of a sweep, each measured."""
    from s2v_nb.jobs import sweep_work

    sweep_work.make_sweep(task)


KINDS: dict[str, Callable[[Task], None]] = {
    "listen": listen,
    "clip": make_clip,
    "measure": measure,
    "sweep": make_sweep,
}
