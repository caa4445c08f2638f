"""Sweeps whose cells nobody made: folders as the worker leaves them, with one real clip in each finished cell."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from s2v_nb.errors import GenerationError
from s2v_nb.jobs import Task
from s2v_nb.jobs.sweep_cells import write_cells
from s2v_nb.jobs.sweep_plan import SweepPlan
from s2v_nb.runs import Clip
from s2v_nb.runs.poster import draw_poster
from s2v_nb.sweeps.cell import Attempts, Cell, write_result
from s2v_nb.workspace import Workspace

NAME = "0123456789ab"
PLAN = SweepPlan(motion=("low", "high"), low=0.5, high=1.0, count=2)


def scores(verdict: str = "in time", r: float = 0.9) -> dict[str, Any]:
    """As `AlignmentReport.to_dict` gives them, the headline's alone."""
    row = {"r": r, "chance_r": 0.4, "lag_ms": 12.0, "p": 0.001, "events": 8, "precision": 1.0, "f": 0.9}
    return {"verdict": verdict, "headline": "stops", "scores": {"stops": row}}


def what_of(workspace: Workspace, cover: Path, song: Path, plan: SweepPlan = PLAN) -> dict[str, Any]:
    """What `Workspace.start_sweep` asks for."""
    hashes = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in (cover, song)}
    return {
        "image": str(cover), "audio": str(song), "runs": str(workspace.runs), "name": NAME,
        "names": {"image": [cover.name, hashes[cover]], "audio": [song.name, hashes[song]]},
        "axes": {name: list(some) for name, some in plan.axes.items()},
        "settings": asdict(plan.base(workspace.settings)), "price_per_hour": 0.0, "spend_cap": 0.0,
    }  # fmt: skip


def write_sweep(workspace: Workspace, cover: Path, song: Path, plan: SweepPlan = PLAN) -> tuple[Cell, ...]:
    """The sweep's folder; no cell is made."""
    runs = workspace.runs
    found = plan.cells(workspace.settings, runs)
    cells = tuple(Cell(c.index, c.values, c.settings.but(start=2.0), runs / f"{c.index:012x}") for c in found)
    write_cells(workspace.sweeps / NAME, what_of(workspace, cover, song, plan), cells)
    return cells


def submit_sweep(workspace: Workspace, cover: Path, song: Path) -> Task:
    """The task of that sweep, whose work is done by the test."""
    return Task.submit(workspace.tasks, "sweep", **what_of(workspace, cover, song))


def finish(cell: Cell, clip: Clip, alignment: dict[str, Any] | None = None) -> None:
    """The cell is done, with a copy of ``clip``."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    for name in ("clip.mp4", "spec.json"):
        shutil.copy(clip.path.parent / name, cell.folder / name)
    spec = json.loads((cell.folder / "spec.json").read_text())
    (cell.folder / "spec.json").write_text(json.dumps({**spec, "settings": asdict(cell.settings)}))
    draw_poster(cell.path)
    took = {"seconds": 2.0, "render_seconds": 1.0, "measure_seconds": 1.0, "money": None, "file_bytes": 500_000,
            "peak_memory_bytes": 0, "gpu_peak_bytes": 0, "notes": []}  # fmt: skip
    seen = {"alignment": alignment or scores(), "motion_energy": 0.1, "curves": {}}
    write_result(cell.folder, {**took, **seen})


def fail(cell: Cell, why: str) -> None:
    """The cell has failed twice."""
    error = GenerationError("failed.encoder", why=why)
    Attempts.of(cell.folder).begun(0.0).failed(error).failed(error)
