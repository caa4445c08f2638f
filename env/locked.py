"""What env/requirements.lock says, for the scripts beside it; runs on a bare Python.

python env/locked.py REPORT   lines of the lock for the packages of pip's report (pip install --dry-run --report REPORT)
python env/locked.py --apart  names that are pinned without hashes
"""

import json
import re
import sys
from pathlib import Path

# their files differ with the build that suits a machine
APART = (
    "torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc "
    "nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse "
    "nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx"
).split()
OWN = "s2v-nb"


def locked() -> dict[str, str]:
    """Name to its entry: version, for which machines, hashes."""
    text = (Path(__file__).parent / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    return {canonical(re.split(r"[=; ]", entry, maxsplit=1)[0]): entry for entry in entries}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def chosen(report: Path) -> str:
    """The lock's entries of all that pip would install; SystemExit if something is neither locked nor pinned apart."""
    wanted = [canonical(entry["metadata"]["name"]) for entry in json.loads(report.read_text())["install"]]
    entries = locked()
    if unknown := [name for name in wanted if name not in {OWN, *APART, *entries}]:
        sys.exit(f"not in env/requirements.lock: {', '.join(unknown)}")
    return "\n".join(entries[name] for name in wanted if name in entries) + "\n"


if __name__ == "__main__":
    print(" ".join(APART) if sys.argv[1:] == ["--apart"] else chosen(Path(sys.argv[1])))
