"""What was made before: the finished clips in a ``runs`` folder, each with its poster, plots and scores.

runs/3f9a61c2d0b4/
    clip.mp4  spec.json                              from `s2v_nb.runs.generation`
    poster.jpg  beats.png  alignment.png             drawn after it
    alignment.json                                   written last of these
    cell.json                                        of a clip that a sweep made and measured, see `s2v_nb.sweeps.cell`
"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from s2v_nb.errors import LANGUAGES, InputError, say, speaks
from s2v_nb.log import log_file
from s2v_nb.runs.spec import Spec, spec_path
from s2v_nb.settings import Settings
from s2v_nb.storage import parse_json, read_json

MOST_CLIPS = 60
BESIDE = ("clip.mp4", "poster.jpg", "beats.png", "alignment.png", "alignment.json", "cell.json")
WORK = ("spec.json", "progress.json", "error.txt", "attempts.json", "claim.json")
MAX_JSON = 2**21


@dataclass(frozen=True)
class Made:
    """A finished clip on disk.

    ``path`` is the MP4, ``when`` seconds since 1970; ``poster``, ``beats_plot`` and ``alignment_plot`` are pictures
    beside it, None until they are drawn; ``scores`` is what `AlignmentReport.to_dict` gives, None until it was
    measured; ``error`` is the (key, values) of a sentence if measuring failed. ``image`` and ``audio`` are the names
    of what it was made from.
    """

    path: Path
    when: float
    settings: Settings
    engine: str
    image: str
    audio: str
    seconds: float
    image_sha256: str
    audio_sha256: str
    poster: Path | None
    beats_plot: Path | None
    alignment_plot: Path | None
    scores: dict[str, Any] | None
    error: tuple[str, dict[str, Any]] | None = None

    def __hash__(self) -> int:
        return hash((self.path, self.when))

    @property
    def name(self) -> str:
        """The run's name: 12 hex digits."""
        return self.path.parent.name

    @property
    def measured(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.scores is not None or self.error is not None


def clips_in(runs: Path, most: int | None = MOST_CLIPS) -> tuple[Made, ...]:
    """The finished clips under ``runs``, the newest first, ``most`` of them; what cannot be read is left out.

    Raises
    ------
    OSError
        If the folder is there and cannot be listed, as now and then on a network disk.
    """
    found = []
    with suppress(FileNotFoundError):
        for entry in os.scandir(runs):
            clip = Path(entry.path) / "clip.mp4"
            with suppress(OSError):
                found.append((clip.stat().st_mtime, clip))
    made = (made_of(clip) for _, clip in sorted(found, reverse=True)[:most])
    return tuple(one for one in made if one is not None)


def forget(made: Made) -> None:
    """Delete a clip and what we put beside it; what somebody else put there stays."""
    folder = made.path.parent
    for name in (*BESIDE, *WORK):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    with suppress(OSError):  # not empty
        folder.rmdir()


def made_of(clip: Path) -> Made | None:
    """The clip, read again only when a file beside it changed; None if it cannot be read."""
    stamps = []
    for name in (*BESIDE, "spec.json"):
        with suppress(OSError):
            stamps.append((name, (clip.parent / name).stat().st_mtime_ns))
    try:
        return _read(clip, tuple(stamps))
    except (InputError, OSError, ValueError, LookupError):
        return None


@lru_cache(maxsize=4 * MOST_CLIPS)
def _read(clip: Path, stamps: tuple[tuple[str, int], ...]) -> Made:
    there = {name for name, _ in stamps}
    spec_file = spec_path(clip)
    if spec_file.stat().st_size > MAX_JSON:
        raise ValueError(f"{spec_file} is too large for a spec")
    spec = Spec.from_json(spec_file.read_text(encoding="utf-8"), clip.name)
    scores, error = _measured(clip.parent, there)
    poster, beats, alignment = (
        clip.parent / name if name in there else None for name in ("poster.jpg", "beats.png", "alignment.png")
    )
    return Made(
        clip,
        dict(stamps)["clip.mp4"] / 1e9,
        spec.settings,
        spec.engine,
        spec.image.name,
        spec.audio.name,
        spec.num_frames / spec.settings.fps,
        spec.image.sha256,
        spec.audio.sha256,
        poster,
        beats,
        alignment,
        scores,
        error,
    )


def _measured(folder: Path, there: set[str]) -> tuple[dict[str, Any] | None, tuple[str, dict[str, Any]] | None]:
    """The scores of a clip, or why there are none; neither while it is not measured."""
    if "alignment.json" in there:
        return _scores(folder / "alignment.json")
    return _scores_of_cell(folder / "cell.json") if "cell.json" in there else (None, None)


def _scores_of_cell(path: Path) -> tuple[dict[str, Any] | None, tuple[str, dict[str, Any]] | None]:
    """The same of a clip that a sweep measured; a damaged file counts as none, for the sweep will measure it again."""
    found = read_json(path).get("alignment") if path.stat().st_size <= MAX_JSON else None
    if not isinstance(found, dict):
        return None, None
    error = found.get("error")
    if error is None:
        return found, None
    return None, (error["key"], error["values"]) if speaks(error) else None


def _scores(path: Path) -> tuple[dict[str, Any] | None, tuple[str, dict[str, Any]] | None]:
    """The scores, or the sentence that says why there are none; one of a damaged file is said, too."""
    try:
        if path.stat().st_size > MAX_JSON:
            raise ValueError("too large")
        values = parse_json(path.read_text(encoding="utf-8"))
        if "error" not in values:
            return dict(values), None
        key, filling = values["error"]
        for lang in LANGUAGES:
            say(key, lang, **filling)
        return None, (key, filling)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None, ("failed.internal", {"why": f"{path.name} is damaged", "log": str(log_file())})
