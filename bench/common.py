"""Shared by the benchmarks: what machine this is, and where results are kept."""

import json
import platform
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())  # fmt: skip
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": model,
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def keep(name: str, figures: dict[str, Any]) -> Path:
    """Write ``figures`` to ``results/<name>.json``, each with the machine; other figures in the file stay."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept |= {key: {"machine": machine(), **value} for key, value in figures.items()}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return path


def peak_memory(command: list[str], **options: Any) -> tuple[float, float]:
    """Run a command; (peak MiB of it and all its children together, seconds). Unique memory, sampled every 20 ms."""
    began = time.monotonic()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, _unique_bytes(process))

    thread = threading.Thread(target=watch)
    thread.start()
    status = process.wait()
    done.set()
    thread.join()
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    return peak / 2**20, time.monotonic() - began


def _unique_bytes(process: psutil.Process) -> int:
    """Proportional memory of a process and its children: shared pages are counted once."""
    total = 0
    try:
        for each in [process, *process.children(recursive=True)]:
            total += each.memory_full_info().pss
    except psutil.Error:
        return 0
    return total
