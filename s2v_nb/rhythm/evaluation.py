"""How right the beats are: any folder of songs with true beats, judged as the field does (mir_eval).

The annotations are JSON: ``{"clips": [{"file", "beats": [seconds], "downbeats": [seconds] or null}, ...]}``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.errors import InputError
from s2v_nb.media import load_audio
from s2v_nb.rhythm.analysis import analyze
from s2v_nb.rhythm.corrections import Corrections
from s2v_nb.rhythm.types import Rhythm, validate_times

WINDOW_SECONDS = 0.07
TEMPO_TOLERANCE = 0.04
OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)
DRAWS = 2000
LONGEST_SECONDS = 30_000.0  # mir_eval takes no more
MOST_BYTES = 2**26
MEASURES = {
    "f": "beat F (70 ms)",
    "cmlt": "CMLt",
    "amlt": "AMLt",
    "downbeat_f": "downbeat F",
    "tempo": "tempo within 4 %, octave allowed",
    "tempo_exact": "tempo within 4 %",
    "lag_ms": "median lag of beats (ms)",
    "amlt_sure": "AMLt of the more confident half",
}


def evaluate(folder: str | Path, annotations: str | Path, *, tracker: str = "auto") -> dict[str, Any]:
    """Score the beats of every song of a folder.

    Parameters
    ----------
    folder : path
    annotations : path
        Looked for as given, then in the folder.
    tracker : str
        See `analyze`.

    Returns
    -------
    dict
        ``scores``: measure to [value, low, high], the mean over songs (the lag: the median) with its 95 % bootstrap
        interval; ``clips``: the measures of each song; ``tracker``.

    Raises
    ------
    InputError
        If the annotations or a song cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("folder.missing", name=str(folder))
    rows = []
    for clip in _read(folder, Path(annotations)):
        rhythm = analyze(load_audio(folder / clip["file"]), tracker=tracker, corrections=Corrections())
        rows.append({"file": clip["file"], **score(rhythm, clip), "tracker": rhythm.tracker})
    used = sorted({row["tracker"] for row in rows})
    return {"tracker": ", ".join(used), "songs": len(rows), "scores": summary(rows), "clips": rows}


def _read(folder: Path, annotations: Path) -> list[dict[str, Any]]:
    path = annotations if annotations.is_file() else folder / annotations.name
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise InputError("file.missing", name=str(annotations), what="annotations file", what_zh="标注文件")
    try:
        clips = json.loads(path.read_text(encoding="utf-8"))["clips"]
        for clip in clips:
            clip["file"] = Path(clip["file"]).name  # a name never leads out of the folder
            clip["beats"] = _times("beats", clip["beats"])
            clip["downbeats"] = _times("downbeats", clip["downbeats"]) if clip.get("downbeats") else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InputError("annotations.damaged", name=path.name, why=str(error)[:80]) from error
    if not clips:
        raise InputError("annotations.damaged", name=path.name, why="no clips")
    return list(clips)


def _times(name: str, values: Any) -> np.ndarray:
    """Annotated times, strictly increasing, from 0 to a day: mir_eval refuses others later, and less clearly."""
    if not isinstance(values, list):
        raise TypeError(f"{name} is no list")
    times = np.array(values, float)
    validate_times(name, times, at_least=1)
    if times[0] < 0 or times[-1] > LONGEST_SECONDS:
        raise ValueError(f"{name} has times outside 0 ... {LONGEST_SECONDS:.0f} s")
    return times


def score(rhythm: Rhythm, clip: dict[str, Any]) -> dict[str, float | None]:
    """The measures of one song; ``downbeat_f`` is None where its downbeats are not annotated."""
    from mir_eval import beat

    true, found = clip["beats"], rhythm.beats
    _, cmlt, _, amlt = beat.continuity(true, found)
    downbeat_f = None
    if clip["downbeats"] is not None:
        downbeat_f = beat.f_measure(clip["downbeats"], rhythm.downbeats, WINDOW_SECONDS)
    return {
        "f": float(beat.f_measure(true, found, WINDOW_SECONDS)),
        "cmlt": float(cmlt),
        "amlt": float(amlt),
        "downbeat_f": downbeat_f,
        "tempo": float(_same_tempo(found, true, OCTAVES)),
        "tempo_exact": float(_same_tempo(found, true, (1.0,))),
        "lag_ms": lag_ms(found, true),
        "sureness": rhythm.sureness,
    }


def _same_tempo(found: np.ndarray, true: np.ndarray, ratios: tuple[float, ...]) -> bool:
    """Whether the median periods are equal to 4 %, up to one of ``ratios``."""
    if len(found) < 2 or len(true) < 2:
        return False
    ratio = float(np.median(np.diff(true)) / np.median(np.diff(found)))
    return any(abs(ratio / allowed - 1) <= TEMPO_TOLERANCE for allowed in ratios)


def lag_ms(found: np.ndarray, true: np.ndarray) -> float | None:
    """Median of nearest found less true beat, among those within 70 ms; positive = late. None without any."""
    if not len(found) or not len(true):
        return None
    lags = found[np.abs(found[None, :] - true[:, None]).argmin(axis=1)] - true
    near = lags[np.abs(lags) <= WINDOW_SECONDS]
    return float(np.median(near) * 1000) if len(near) else None


def summary(rows: list[dict[str, Any]]) -> dict[str, list[float] | None]:
    """Each measure over the songs: [value, low, high] with the 95 % interval of a bootstrap over songs."""
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(rows), (DRAWS, len(rows)))
    return {name: _with_interval(name, rows, draws) for name in MEASURES}


def _with_interval(name: str, rows: list[dict[str, Any]], draws: np.ndarray) -> list[float] | None:
    value = _over(name, rows)
    if value is None:
        return None
    drawn = [_over(name, [rows[i] for i in draw]) for draw in draws]
    low, high = np.percentile([v for v in drawn if v is not None], [2.5, 97.5])
    return [round(value, 4), round(float(low), 4), round(float(high), 4)]


def _over(name: str, rows: list[dict[str, Any]]) -> float | None:
    if name == "amlt_sure":
        half = sorted(rows, key=lambda row: -row["sureness"])[: max(1, len(rows) // 2)]
        return float(np.mean([row["amlt"] for row in half]))
    values = [row[name] for row in rows if row[name] is not None]
    if not values:
        return None
    return float(np.median(values) if name == "lag_ms" else np.mean(values))


def table(result: dict[str, Any]) -> str:
    """The scores as text, one line a measure."""
    lines = [f"{result['songs']} songs, heard by {result['tracker']}; 95 % interval over songs"]
    for name, found in result["scores"].items():
        shown = "not annotated" if found is None else f"{found[0]:7.3f}  ({found[1]:.3f} to {found[2]:.3f})"
        lines.append(f"{MEASURES[name]:34}{shown}")
    return "\n".join(lines)
