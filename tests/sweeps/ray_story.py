"""Told in a process of its own, since Ray leaves threads and signal handlers behind: ``python ray_story.py COVER SONG
FOLDER`` prints what happened as JSON. Its cluster is joined by address."""

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# before Ray is imported: the cluster listens on this machine only and has a token
os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0",
               "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # fmt: skip

from ray.cluster_utils import Cluster

from s2v_nb import Settings, Sweep
from s2v_nb.sweeps import ray_runner
from s2v_nb.sweeps.claim import owner
from s2v_nb.sweeps.ray_runner import RayRunner

BASE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24)
COVER, SONG, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])


def sweep(name: str, count: int) -> Sweep:
    return Sweep(COVER, SONG, BASE, cells=[{"seed": seed} for seed in range(count)], out=FOLDER / name)


@contextmanager
def cluster() -> Iterator[str]:
    """A cluster that was started by somebody else; its address."""
    for left in reversed(range(3)):
        try:
            nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
            break
        except Exception:  # on a busy machine Ray's own parts give each other up after 15 seconds
            if not left:
                raise
    try:
        yield nodes.address
    finally:
        nodes.shutdown()


def kill_the_maker_of(cell, times: int) -> list[int]:
    """Kill -9 whoever works on a cell, so often; the processes that were killed."""
    killed: list[int] = []

    def watch() -> None:
        while len(killed) < times:
            found = owner(cell.folder)
            if found and found.process not in killed:
                os.kill(found.process, signal.SIGKILL)
                killed.append(found.process)
            time.sleep(0.01)

    threading.Thread(target=watch, daemon=True).start()
    return killed


def states(batch: Sweep) -> dict:
    return {
        "states": [cell.state for cell in batch.cells],
        "attempts": [cell.attempts.count for cell in batch.cells],
        "failures": [[f["key"] for f in cell.attempts.failures] for cell in batch.cells],
        "left": sorted(p.name for p in batch.out.rglob("*") if p.name == "claim.json" or p.name.startswith(".seen")),
    }


def main() -> None:
    told = {}
    with cluster() as address:
        batch = sweep("killed", 4)
        kill_the_maker_of(batch.cells[0], 2)
        kill_the_maker_of(batch.cells[1], 1)
        batch.run(RayRunner(address, workers=2))
        told["killed"] = states(batch)

        hire = ray_runner._RayCrew._hire

        def hire_far_away(crew) -> None:
            crew._probe.unlink(missing_ok=True)  # so the worker does not see our folder
            hire(crew)

        ray_runner._RayCrew._hire = hire_far_away
        batch = sweep("sent back", 1)
        batch.run(RayRunner(address, workers=2))
        told["sent back"] = states(batch) | {"r": [row["r"] for row in batch.rows()]}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
