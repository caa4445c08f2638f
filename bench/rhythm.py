"""How right and how fast the ear is: `python bench/rhythm.py [FOLDER]` -> results/rhythm.json.

FOLDER holds songs and ``annotations.json`` as in ../shared/beats (the default). Its name is the name of the figures, so
that the results of several folders stand beside one another.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from common import keep

from s2v_nb import load_audio
from s2v_nb.models.beatnet import weights_path
from s2v_nb.rhythm.evaluation import evaluate, table

SONG_SECONDS = 180.0
RUNS = 3


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "beats")
    for tracker in ("beatnet", "librosa"):
        result = evaluate(folder, "annotations.json", tracker=tracker)
        print(table(result))
        keep("rhythm", {f"{folder.name}, {tracker}": {"songs": result["songs"], "scores": result["scores"]}})
    with TemporaryDirectory() as scratch:
        song = three_minutes(folder, Path(scratch) / "song.wav")
        figures = {"3-minute song": {"first call in a new process": first_call(song), "warm": warm(song)}}
    print(figures)
    keep("rhythm", figures)


def three_minutes(folder: Path, path: Path) -> Path:
    """Songs of the folder one after the other, stereo, 44.1 kHz."""
    parts, seconds = [], 0.0
    for file in sorted(folder.glob("*.*")):
        if file.suffix in (".ogg", ".flac", ".wav", ".mp3") and seconds < SONG_SECONDS:
            parts.append(load_audio(file).resampled(44_100).samples)
            seconds += parts[-1].shape[1] / 44_100
    samples = np.concatenate(parts, axis=1)[:, : round(SONG_SECONDS * 44_100)]
    soundfile.write(path, samples.T, 44_100, subtype="PCM_16")
    return path


def first_call(song: Path) -> dict[str, Any]:
    """Seconds from the start of Python to the rhythm, with nothing kept from before; the median of three."""
    code = "import sys, s2v_nb; print(len(s2v_nb.analyze(sys.argv[1]).beats))"
    found = []
    for _ in range(RUNS):
        with TemporaryDirectory() as cache:
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", code, str(song)], check=True, env=_environment(cache))
            found.append(time.monotonic() - began)
    return {"seconds": round(float(np.median(found)), 2), "runs": [round(s, 2) for s in found]}


def warm(song: Path) -> dict[str, Any]:
    """Seconds for a song that was not heard before, in a process that heard another; the median of three."""
    code = (
        "import sys, time, s2v_nb; from s2v_nb import load_audio\n"
        "song = load_audio(sys.argv[1]); s2v_nb.analyze(song.excerpt(0, 20))\n"
        "for k in range(3):\n"
        "    part = song.excerpt(0.01 * k, 180); began = time.monotonic(); s2v_nb.analyze(part)\n"
        "    print(time.monotonic() - began)"
    )
    with TemporaryDirectory() as cache:
        output = subprocess.run(
            [sys.executable, "-c", code, str(song)], check=True, env=_environment(cache), capture_output=True, text=True
        ).stdout
    found = [float(line) for line in output.split()]
    return {"seconds": round(float(np.median(found)), 2), "runs": [round(s, 2) for s in found]}


def _environment(cache: str) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": cache, "S2V_NB_MODELS": str(weights_path().parents[1])}


if __name__ == "__main__":
    main()
