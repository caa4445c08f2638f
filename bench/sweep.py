"""Speed, overhead and resilience of sweeps; `make bench` writes bench/results/sweep.json.

python bench/sweep.py              everything
python bench/sweep.py ray kills    only these
"""

import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from common import keep

from s2v_nb import Settings, Sweep, sample_audio, sample_image
from s2v_nb.models.beatnet import weights_path
from s2v_nb.sweeps.cell import write_result
from s2v_nb.sweeps.progress import SweepProgress

PROMPT = "cinematic, slow pan right, subtle glow"
BASE = Settings(duration=4.0, resolution="480p", prompt=PROMPT, start=4.0)
MOTION, WEIGHTS = ["low", "medium", "high"], [0.5, 0.8, 1.2, 1.5]
COMMAND = [sys.executable, "-m", "s2v_nb"]
KILLS = 20
DRIVER = """
import sys
from s2v_nb import Settings, Sweep
Sweep(sys.argv[1], sys.argv[2], Settings(duration=3.0, resolution="480p", fps=24, start=4.0),
      motion=["low", "medium", "high"], prompt_weight=[0.5, 0.8, 1.2, 1.5], out=sys.argv[3]).run()
"""
EQUAL = ["motion", "prompt_weight", "state", "verdict", "events", "r", "chance_r", "lag_ms", "f", "p", "motion_energy",
         "run"]  # fmt: skip


def main() -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        image, song = sample_image(place / "cover.png"), sample_audio(place / "song.wav")
        parts = {"against_generate": against_generate, "ray": ray_workers, "overhead": overhead,
                 "resume": resume, "kills": kills}  # fmt: skip
        for name in sys.argv[1:] or parts:
            print(keep("sweep", {name: parts[name](place, image, song)}).read_text())


def timed(command: list, **more: str) -> float:
    environment = {**os.environ, "S2V_NB_MODELS": str(weights_path().parents[1]), **more}
    began = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, capture_output=True, env=environment)
    return time.perf_counter() - began


def against_generate(place: Path, image: Path, song: Path) -> dict:
    """Twelve cells; nothing was heard before on either side."""
    return {
        "what": "12 clips of 4 s at 480p as whole processes, seconds; the sweep also measures every clip",
        "no prompt": one_against_many(place / "plain", image, song, "", measured=True),
        PROMPT: one_against_many(place / "rich", image, song, PROMPT, measured=False),
    }


def one_against_many(place: Path, image: Path, song: Path, prompt: str, *, measured: bool) -> dict:
    place.mkdir()
    common = ["--image", image, "--audio", song, "--duration", 4, "--resolution", "480p", "--prompt", prompt]
    caches = [{"XDG_CACHE_HOME": str(place / f"cache {side}")} for side in (1, 2)]
    made, judged = 0.0, 0.0
    for motion in MOTION:
        for weight in WEIGHTS:
            clip = place / f"{motion} {weight}.mp4"
            cell = ["--motion", motion, "--prompt-weight", weight, "--runs", place / "single", "--out", clip]
            made += timed([*COMMAND, "generate", *common, *cell], **caches[0])
            if measured:
                judged += timed([*COMMAND, "alignment", clip], **caches[0])
    axes = ["--motion", ",".join(MOTION), "--prompt-weight", ",".join(map(str, WEIGHTS))]
    swept = timed([*COMMAND, "sweep", *common, *axes, "--out", place / "sweep", "--no-page"], **caches[1])
    page = timed([*COMMAND, "sweep", "--out", place / "sweep", "--resume"], **caches[1])
    found = {"12 x generate": round(made, 1), "sweep": round(swept, 1), "times faster": round(made / swept, 2)}
    if measured:
        found["12 x generate and alignment"] = round(made + judged, 1)
        found["times faster than both"] = round((made + judged) / swept, 2)
    return {**found, "contact sheet, plots and page": round(page, 1)}


def ray_workers(place: Path, image: Path, song: Path) -> dict:
    """The same sixteen cells with one and with two workers of one core each, and without Ray."""
    from s2v_nb.sweeps.ray_runner import RayRunner

    RayRunner()  # prepares a private cluster before Ray is imported
    import ray

    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    axes = {"motion": MOTION[:2], "seed": list(range(8))}
    found = {}
    for name, runner in (("1 worker", RayRunner(workers=1)), ("2 workers", RayRunner(workers=2)), ("local", "local")):
        began = time.perf_counter()
        first: list[float] = []
        sweep = Sweep(image, song, BASE, **axes, out=place / name)
        sweep.run(runner, progress=SweepProgress(lambda _, first=first: first.append(time.perf_counter())))
        assert all(cell.is_done for cell in sweep.cells)
        found[name] = {"whole run": round(time.perf_counter() - began, 2),
                       "from the first clip to the last": round(first[-1] - first[1], 2)}  # fmt: skip
    ray.shutdown()
    return {
        "what": "16 clips of 4 s at 480p, rendered and measured, seconds; the cluster was there before",
        **found,
        "2 workers against 1": {
            name: round(seconds / found["2 workers"][name], 2) for name, seconds in found["1 worker"].items()
        },
    }


def overhead(place: Path, image: Path, song: Path) -> dict:
    """What runner, claims, store and table add to rendering and measuring; one cell strictly after the other."""
    axes = {"motion": MOTION, "prompt_weight": WEIGHTS}
    Sweep(image, song, BASE, seed=[1], out=place / "warm").run()
    extra = []
    for turn in range(3):
        sweep = Sweep(image, song, BASE, **axes, out=place / f"overhead {turn}", price_per_hour=1e-3)
        times: list[float] = []
        sweep.run(spend_cap=1000, progress=SweepProgress(lambda _, times=times: times.append(time.perf_counter())))
        work = sum(cell.result["render_seconds"] + cell.result["measure_seconds"] for cell in sweep.cells)
        extra.append((times[-1] - times[0] - work) / len(sweep.cells) * 1000)
    return {"what": "per cell beyond rendering and measuring, median of three sweeps of 12",
            "milliseconds": round(statistics.median(extra), 1)}  # fmt: skip


def resume(place: Path, image: Path, song: Path) -> dict:
    """A finished sweep of 200 cells, run again: real clips, each in its folder."""
    sweep = Sweep(image, song, BASE, seed=list(range(50)), prompt_weight=WEIGHTS, out=place / "finished")
    first = sweep.cells[0]
    Sweep(image, song, BASE, seed=[0], prompt_weight=WEIGHTS[:1], out=sweep.out).run()
    result = dict(first.result)
    for cell in sweep.cells[1:]:
        shutil.copytree(first.folder, cell.folder)
        write_result(cell.folder, {name: value for name, value in result.items() if name != "s2v_nb_cell"})
    sweep.save()
    times, commands = [], []
    for _ in range(5):
        began = time.perf_counter()
        again = Sweep.open(sweep.out).run()
        times.append(time.perf_counter() - began)
        assert all(row["state"] == "done" for row in again.rows())
        commands.append(timed([*COMMAND, "sweep", "--out", sweep.out, "--resume", "--no-page"]))
    return {
        "what": "a finished sweep of 200 cells run again, median of five",
        "seconds": round(statistics.median(times), 3),
        "as a command, with Python's start, seconds": round(statistics.median(commands), 2),
    }


def kills(place: Path, image: Path, song: Path) -> dict:
    """kill -9 of the driver at random moments; a sweep that got finished is begun again in another folder."""
    calm = place / "undisturbed"
    subprocess.run([sys.executable, "-c", DRIVER, image, song, calm], check=True)
    wanted = Sweep.open(calm).table()[EQUAL]
    chance, lost, twice, sweeps, killed = random.Random(20), 0, 0, 0, 0
    while killed < KILLS:
        out, sweeps = place / f"killed {sweeps}", sweeps + 1
        sweep = Sweep(image, song, BASE.but(duration=3.0, fps=24, prompt=""), motion=MOTION, prompt_weight=WEIGHTS,
                      out=out)  # fmt: skip
        while killed < KILLS and not all(cell.is_done for cell in sweep.cells):
            before = finished(sweep)
            process = subprocess.Popen([sys.executable, "-c", DRIVER, image, song, out], start_new_session=True)
            try:
                process.wait(chance.uniform(0.5, 6.0))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                killed += 1
            after = finished(sweep)
            lost += len(before.keys() - after.keys())
            twice += sum(after[name] != stamp for name, stamp in before.items() if name in after)
        before = finished(sweep)
        sweep.run()
        twice += sum(finished(sweep)[name] != stamp for name, stamp in before.items())
        assert sweep.table()[EQUAL].equals(wanted), out
    return {
        "what": "kill -9 of the driver, with all it had started, at random moments of sweeps of 12 cells; "
        "tables are compared without times, memory and money",
        "kills": killed,
        "sweeps": sweeps,
        "finished cells lost": lost,
        "finished cells computed twice": twice,
        "final tables equal to an undisturbed run's": True,
    }


def finished(sweep: Sweep) -> dict[str, tuple[int, int]]:
    """Run to when its clip and its measures were written."""
    return {cell.name: (cell.path.stat().st_mtime_ns, (cell.folder / "cell.json").stat().st_mtime_ns)
            for cell in sweep.cells if cell.is_done}  # fmt: skip


if __name__ == "__main__":
    main()
