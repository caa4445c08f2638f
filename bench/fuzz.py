"""Looks for bytes that make a reader raise something else than a sentence, hang or take much memory.

``python bench/fuzz.py --minutes 30`` -> results/fuzz.json. The readers of `tests.trust.readers` share the time: all
that read JSON in one process, pictures, songs and clips in one each. With the package atheris (``pip install
atheris``; no other part of the project needs it)
the mutations follow the coverage of s2v_nb and of Pillow's Python; without it they are random, with a fixed seed.
"""

import argparse
import json
import logging
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

TIMEOUT, MEMORY_MIB = 10, 1536  # of one execution; of the whole process, with its libraries and their instrumentation
LONGEST = 200_000  # bytes
SHARES = {"json": 3, "picture": 2, "song": 2, "clip": 1}  # of the time
TELL_EVERY = 200  # executions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--only", choices=SHARES, help="this group of readers alone")
    parser.add_argument("--group", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.group:
        fuzz(asked.group, Path(asked.folder), asked.seconds)
        return
    from common import keep

    keep("fuzz", {asked.only or "all readers": run_all(asked.minutes, [asked.only] if asked.only else list(SHARES))})


def run_all(minutes: float, groups: list[str]) -> dict[str, Any]:
    """Each group in turn; figures and findings of all."""
    whole = sum(SHARES[name] for name in groups)
    with tempfile.TemporaryDirectory() as folder:
        found = {name: run_one(name, Path(folder), 60 * minutes * SHARES[name] / whole) for name in groups}
    return {
        "engine": "atheris" if find_spec("atheris") else "random mutations",
        "minutes": round(sum(one["seconds"] for one in found.values()) / 60, 1),
        "executions": sum(one["executions"] for one in found.values()),
        "findings": sum(len(one["findings"]) for one in found.values()),
        "groups": found,
    }


def run_one(group: str, folder: Path, seconds: float) -> dict[str, Any]:
    """One group for so long; a process that was ended by a limit counts as a finding, and another goes on."""
    own = Path(tempfile.mkdtemp(dir=folder))
    environment = {**os.environ, "XDG_CACHE_HOME": str(own / "cache"), "S2V_NB_LANGUAGE": "en"}
    began, total, findings = time.monotonic(), Counter(), []
    while (left := seconds - (time.monotonic() - began)) > 10:
        command = [sys.executable, __file__, "--group", group, "--folder", own, "--seconds", str(round(left))]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, check=False)
        total += Counter(json.loads((own / "counts.json").read_text()) if (own / "counts.json").exists() else {})
        if done.returncode:
            findings.append(_ended(own, done))
    findings += [json.loads(path.read_text()) for path in sorted(own.glob("finding-*.json"))]
    print(f"{group}: {sum(total.values())} executions, {len(findings)} findings", flush=True)
    for one in findings:
        print("   ", one["error"], one.get("at", ""), flush=True)
    return {"seconds": round(time.monotonic() - began, 1), "executions": sum(total.values()),
            "of_each": dict(total), "findings": findings}  # fmt: skip


def _ended(folder: Path, done: subprocess.CompletedProcess) -> dict[str, Any]:
    """Why a process did not come to its end, and on which bytes."""
    words = done.stderr.decode(errors="replace")
    why = re.findall(r"ERROR: libFuzzer: (.*)", words) or [f"status {done.returncode}: {words[-300:]}"]
    inputs = sorted(folder.glob("ended-*"), key=lambda path: path.stat().st_mtime)
    return {"error": why[0], "input": inputs[-1].read_bytes().hex()[:8000] if inputs else ""}


class Target:
    """The readers of a group; the first byte of an input chooses one, the second how the rest is taken."""

    def __init__(self, group: str, folder: Path) -> None:
        from tests.trust.readers import all_readers

        everything = all_readers(folder / "world")
        self.readers = {
            n: r for n, r in everything.items() if n == group or (group == "json" and r.document is not None)
        }
        self._names, self._folder, self._counts = list(self.readers), folder, Counter()

    @property
    def seeds(self) -> list[bytes]:
        """Every good file as it is, and for JSON some choices of `Reader.mutated`."""
        chance, found = random.Random(1), []
        for number, reader in enumerate(self.readers.values()):
            found += [bytes([number, 0]) + seed for seed in reader.seeds]
            if reader.document is not None:
                found.append(bytes([number, 1]) + chance.randbytes(24))
        return found

    def __call__(self, data: bytes) -> None:
        """One execution; what is no sentence is written down once for each place where it was raised."""
        from tests.trust.readers import complaint

        name = self._names[(data[0] if data else 0) % len(self._names)]
        reader = self.readers[name]
        content = reader.mutated(data[2:]) if reader.document is not None and data[1:2] >= b"\1" else data[2:]
        error = complaint(reader, content)
        self._counts[name] += 1
        if sum(self._counts.values()) % TELL_EVERY == 1:
            (self._folder / "counts.json").write_text(json.dumps(self._counts))
        if error is not None:
            self._tell(name, content, error)

    def _tell(self, name: str, content: bytes, error: Exception) -> None:
        places = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)][-4:]
        path = self._folder / f"finding-{type(error).__name__}-{places[-1].replace(':', '-')}.json"
        if not path.exists():
            text = f"{type(error).__name__}: {error}"[:200].encode("utf-8", "replace").decode()
            path.write_text(json.dumps({"error": text, "reader": name, "at": places, "input": content.hex()[:8000]}))


def fuzz(group: str, folder: Path, seconds: int) -> None:
    """In a process of its own: execute the readers until the time is over."""
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ends = time.monotonic() + seconds
    if not find_spec("atheris"):
        at_random(Target(group, folder), ends)
        return
    import atheris

    with atheris.instrument_imports(
        include=["s2v_nb", "PIL"], exclude=["s2v_nb.messages"], enable_loader_override=False
    ):
        import tests.trust.readers  # noqa: F401
    target, seeds = Target(group, folder), folder / "corpus"
    seeds.mkdir(exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (seeds / f"seed-{number}").write_bytes(seed)
    left = max(1, round(ends - time.monotonic()))
    flags = [f"-max_total_time={left}", f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY_MIB}", f"-max_len={LONGEST}",
             f"-artifact_prefix={folder}/ended-"]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, str(seeds)], target)
    atheris.Fuzz()


def at_random(target: Target, ends: float) -> None:
    chance, seeds = random.Random(1), target.seeds
    while time.monotonic() < ends:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(2, len(data))] = chance.randrange(256)
        target(bytes(data))


if __name__ == "__main__":
    main()
