"""Which device a model runs on, and what it has: asked of the driver without torch, of torch where it is loaded."""

import os
import re
import time
from dataclasses import replace

from s2v_nb.models.cache import CACHE
from s2v_nb.models.memory import Device
from s2v_nb.session import Gpu, gpu_usage, memory_limit, memory_used, torch_on_gpu

VARIABLE = "S2V_NB_DEVICE"  # 'cuda' or 'cpu'; by default the first GPU. The CPU is for tiny models.
REACHED = 0.6  # of a card's peak, over a whole step
# Dense bf16 products, 1e12 operations a second, by what the driver calls the card (NVIDIA's data sheets); the first
# whose words are in the name count. Cards without bf16 (T4, V100, RTX 20) are as fast as they are in half precision.
PEAKS = (
    ("G?B200", 2250), ("G?H200", 989), ("H100 PCIe", 756), ("H100", 989), ("H800", 989), ("A100", 312), ("A800", 312),
    ("RTX PRO 6000", 500), ("5090", 210), ("5080", 113), ("5070", 62), ("L40S", 362), ("L40", 181), ("6000 Ada", 364),
    ("4090", 165), ("4080", 97), ("4070", 58), ("4060", 30), ("A6000", 155), ("A40", 150), ("A10", 125), ("L4", 121),
    ("3090", 71), ("3080", 60), ("3070", 40), ("3060", 25), ("V100", 112), ("T4", 65), ("2080", 43),
)  # fmt: skip
UNKNOWN_PEAK = 40
FLOAT8 = r"G?B200|G?H200|H100|H800|L40S?|L4|Ada|RTX PRO \d+|GeForce RTX [45]0\d0"  # Ada, Hopper, Blackwell
ASKED_SECONDS = 3.0  # an answer of the driver is good for so long

_asked: dict[str, tuple[float, list[Gpu]]] = {}


def chosen_device() -> str | None:
    """'cuda', 'cpu', or None where there is no GPU and nobody asked for the CPU."""
    chosen = os.environ.get(VARIABLE)
    if chosen == "cpu":
        return "cpu"
    return "cuda" if _gpus() else None


def known_device() -> Device | None:
    """The first GPU as the driver describes it, None where the CPU computes; torch is not imported for this."""
    found = _gpus()
    if chosen_device() != "cuda" or not found:
        return None
    if torch_on_gpu():  # what we hold ourselves is no obstacle
        return measured_device()
    gpu = found[0]
    free = (gpu.memory_total or 0) - (gpu.memory_used or 0)
    return _described(gpu.name, float(free))


def measured_device(*, reclaim: bool = True) -> Device:
    """The first GPU as torch sees it now; with ``reclaim``, what this process could give back counts as free.

    A limit set by ``torch.cuda.set_per_process_memory_fraction`` holds.
    """
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")  # read when the GPU is used first
    import torch

    free, total = torch.cuda.mem_get_info()
    own = torch.cuda.memory_reserved() if reclaim else torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    limit = torch.cuda.get_per_process_memory_fraction() * total
    room = min(free + own, limit if reclaim else limit - torch.cuda.memory_allocated())
    found = _described(torch.cuda.get_device_name(), float(room))
    host = found.host_free + (CACHE.host_bytes() if reclaim else 0.0)
    return replace(found, host_free=host, capability=torch.cuda.get_device_capability())


def _described(name: str, free: float) -> Device:
    peak = next((peak for words, peak in PEAKS if _has(name, words)), UNKNOWN_PEAK)
    capability = (8, 9) if _has(name, FLOAT8) else (8, 0)
    return Device(name, free, float(memory_limit() - memory_used()), capability, REACHED * peak * 1e12)


def _has(name: str, words: str) -> bool:
    """Whether whole words of a card's name match: an A4000 is no A40, and 40 GB are no GeForce 40."""
    return re.search(rf"\b(?:{words})\b", name) is not None


def _gpus() -> list[Gpu]:
    """What the driver says, asked again after some seconds; empty where a person hid the GPUs."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return []
    now = time.monotonic()
    when, found = _asked.get("gpus", (-ASKED_SECONDS, []))
    if now - when >= ASKED_SECONDS:
        found = gpu_usage()
        _asked["gpus"] = (now, found)
    return found
