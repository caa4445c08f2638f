"""What long sessions and many crashes do; results in bench/results/trust.json, figures in docs/trust.md.

python bench/trust.py                 everything, about an hour
python bench/trust.py clips memory    only these
"""

import gc
import os
import random
import shutil
import statistics
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import PIL.Image
import psutil
import soundfile
from common import keep, peak_memory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from s2v_nb import Progress, generate, sample_audio, sample_image
from s2v_nb.errors import Cancelled
from s2v_nb.models.beatnet import weights_path
from s2v_nb.progress import State
from s2v_nb.session import release_memory
from tests.trust import kills

SEED = 20
MIB = 2**20
PREVIEWS, SETTLING = 300, 20


def main() -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        image, song = sample_image(place / "cover.png"), sample_audio(place / "song.wav")
        parts = {"clips": clips, "sweeps": sweeps, "workers": workers, "uploads": uploads, "downloads": downloads,
                 "memory": memory, "large": large, "stop": stop}  # fmt: skip
        for name in sys.argv[1:] or parts:
            (place / name).mkdir()
            print(keep("trust", {name: parts[name](image, song, place / name)}).read_text())


def clips(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of a process that makes a clip", kills.clips(image, song, place, 100, chance()))


def sweeps(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of the driver of a sweep of three clips", kills.sweeps(image, song, place, 100, chance()))


def workers(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of the studio's worker while it makes a clip", kills.jobs(image, song, place, 100, chance()))


def uploads(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of a process that takes uploads", kills.uploads(place, 100, chance()))


def downloads(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of a process that downloads a model", kills.downloads(place, 100, chance()))


def memory(image: Path, song: Path, place: Path) -> dict:
    """Resident memory of one process that makes one preview after the other, with all sorts of prompts."""
    prompts = ["slow pan right, subtle glow", "handheld, rain, film grain", "slow zoom in, snow", "dolly in", ""]
    sizes = []
    for number in range(PREVIEWS):
        generate(image, song, runs=place, prompt=prompts[number % len(prompts)], seed=number, **kills.SMALL)
        shutil.rmtree(place)
        sizes.append(resident())
    settled, end = sizes[SETTLING - 1], statistics.median(sizes[-5:])
    return {
        "what": f"{PREVIEWS} previews of 3 s at 480p in one process; resident memory, MiB",
        f"after {SETTLING}": round(settled / MIB, 1),
        "at the end": round(end / MIB, 1),
        "highest": round(max(sizes) / MIB, 1),
        "growth, %": round(100 * (end / settled - 1), 2),
    }


def large(image: Path, song: Path, place: Path) -> dict:
    """Peak memory of a whole process, its encoder counted, MiB."""
    picture, hour = place / "large.jpg", place / "hour.flac"
    PIL.Image.open(image).resize((9480, 6320)).save(picture, quality=90)
    samples, rate = soundfile.read(song, dtype="float32")
    with soundfile.SoundFile(hour, "w", rate, samples.shape[1], format="FLAC") as file:
        for _ in range(round(3600 * rate / len(samples)) + 1):
            file.write(samples)
    code = (
        "import sys; from s2v_nb import generate; generate(*sys.argv[1:3], runs=sys.argv[3], **"
        + repr(kills.SMALL)
        + ")"
    )
    found = {}
    for name, pair in {"picture of 60 megapixels": (picture, song), "song of an hour": (image, hour)}.items():
        fresh = {"XDG_CACHE_HOME": str(place / f"cache of the {name}"), "S2V_NB_MODELS": str(weights_path().parents[1])}
        command = [sys.executable, "-c", code, *map(str, pair), str(place / name)]
        peak, seconds = peak_memory(command, env={**os.environ, **fresh})
        found[name] = {"peak MiB": round(peak), "seconds": round(seconds, 1)}
    return {"what": "one preview of 3 s as a process of its own, nothing heard before", **found}


def stop(image: Path, song: Path, place: Path) -> dict:
    """From the wish to stop a clip in this process to its end, and what is held afterwards."""
    generate(image, song, runs=place, **kills.SMALL)
    before, times = resident(), []
    for seed in range(20):
        progress, asked = Progress(), []
        at = random.Random(seed).randrange(1, 70)

        def view(state: State, progress: Progress = progress, asked: list = asked, at: int = at) -> None:
            if (state.stage, state.done) == ("frames", at):
                asked.append(time.monotonic())
                progress.cancel()

        progress.views.append(view)
        with suppress(Cancelled):
            generate(image, song, runs=place, seed=seed + 1, progress=progress, **kills.SMALL)
        times.append(time.monotonic() - asked[0])
    return {"what": "20 clips stopped at random frames", "slowest, s": round(max(times), 3),
            "memory that is held after them, MiB": round((resident() - before) / MIB, 1)}  # fmt: skip


def resident() -> int:
    gc.collect()
    release_memory()
    return psutil.Process().memory_info().rss


def chance() -> random.Random:
    return random.Random(SEED)


def told(what: str, found: kills.Findings) -> dict:
    return {"what": f"{what}, at moments spread over its time", **asdict(found)}


if __name__ == "__main__":
    main()
