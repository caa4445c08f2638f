"""What fits: a plan for running a model on this machine, from a ladder of ways that take ever less memory.

Two memories are looked at, the GPU's and the machine's (the container's limit, not the host's), and the disk. The sizes
of weights are known; what the computation takes on top was measured on one card and follows from the numbers of tokens
and pixels, since the kernels are the same everywhere. bench/engines_h100.py holds plan against measurement.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from s2v_nb.errors import InputError, Notice
from s2v_nb.models.catalog import Model

GB = 1e9
SPARE = 0.04  # of the GPU's memory: what the allocator loses between pieces
HOST_SPARE = 3e9  # bytes that the rest of the process and the system need
PARTS = (16_384, 8_192, 4_096)  # tokens at once
MOST_TILES = 6
STEP_DOWN = 0.9  # after running out: at most so much of what was not enough, since plans may be wrong by a tenth
CPU_SPEED = 0.2e12  # operations a second of a few cores
WAYS = ("resident", "fp8", "host", "disk")
FLOAT8 = "S2V_NB_FLOAT8"  # set to 1: products in float8 are allowed. They change the frames; streaming does not.


@dataclass(frozen=True)
class Network:
    """What is known of a transformer and its VAE. Sizes in bytes."""

    dim: int
    layers: int
    state_bytes: int  # of one value of the residual stream
    weights: float  # all, in the data types we compute in
    fp8: float  # the same with products in float8
    slots: float  # what streaming takes: one attention, one feed-forward layer, one pair of ears
    staying: float  # weights that do not stream
    patch: int  # pixels a side of one token
    extra_tokens: int  # of the picture and the past, at 480p; grows with the area
    part_values: float  # bytes a token and channel of the part that is computed at once
    fixed: float  # bytes of what does not grow
    vae_weights: float
    decode_pixel: float  # bytes a pixel of a tile
    encode_pixel: float
    kept_pixel: float  # bytes a pixel of the picture: decoded frames that wait on the GPU
    hearing: float  # bytes of the audio encoder, while it listens
    block_weights: float  # twice that is the arithmetic of one token


S2V = Network(
    dim=5120, layers=40, state_bytes=4, weights=33.2e9, fp8=21.3e9, slots=1.02e9, staying=1.36e9, patch=16,
    extra_tokens=4400, part_values=8.0, fixed=0.2e9, vae_weights=0.26e9, decode_pixel=9_040, encode_pixel=7_420,
    kept_pixel=480, hearing=1.4e9, block_weights=15.9e9,
)  # fmt: skip
TI2V = Network(
    dim=3072, layers=30, state_bytes=2, weights=10.05e9, fp8=5.4e9, slots=0.33e9, staying=0.25e9, patch=32,
    extra_tokens=0, part_values=3.0, fixed=0.5e9, vae_weights=1.41e9, decode_pixel=7_250, encode_pixel=1_000,
    kept_pixel=0, hearing=0.0, block_weights=4.9e9,
)  # fmt: skip
NETWORKS: Mapping[str, Network] = {"wan-s2v-14b": S2V, "wan-ti2v-5b": TI2V}
TEXT_ENCODER, TEXT_SLOT = 11.4e9, 0.7e9


@dataclass(frozen=True)
class Device:
    """The memories a plan may use, bytes, and how fast the GPU is: ``speed`` in operations a second of bf16 products
    that a step may be expected to reach."""

    name: str
    gpu_free: float
    host_free: float
    capability: tuple[int, int] = (9, 0)
    speed: float = 600e12


@dataclass(frozen=True)
class Shape:
    """What is to be made at once: latents of ``frames`` frames of ``width`` x ``height`` pixels."""

    width: int
    height: int
    frames: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def tokens(self, network: Network) -> int:
        per_frame = self.pixels / network.patch**2
        latents = (self.frames + 3) // 4
        return round(per_frame * latents + network.extra_tokens * self.pixels / (832 * 480))


@dataclass(frozen=True)
class MemoryPlan:
    """One way to run a model: where its weights are, in how many tiles the VAE works, what it will take.

    ``peak_bytes`` is what tensors take on the GPU at most, ``host_bytes`` what weights take of the machine's memory.
    """

    model: str
    way: str  # one of `WAYS`
    part: int
    tiles: int
    text_streams: bool
    peak_bytes: float
    host_bytes: float
    seconds: float
    money: float | None = None

    @property
    def streams(self) -> bool:
        return self.way in ("host", "disk")

    def why(self, device: Device) -> Notice:
        """One sentence for the person: how, and what it will take."""
        values = {"gpu": device.name, "free": device.gpu_free / GB, "peak": self.peak_bytes / GB}
        return Notice(f"plan.{self.way}", values)


def plans(
    model: Model, shape: Shape, device: Device, *, passes: int = 1, parts: int = 1, price_per_hour: float = 0.0
) -> Iterator[MemoryPlan]:
    """All rungs of the ladder, the best first, whether they fit or not.

    Parameters
    ----------
    shape : of the largest part that is made at once
    passes : how often the network runs for a part
    parts : how many parts there are
    """
    network = network_of(model)
    for way in WAYS:
        for part in PARTS:
            for tiles in range(1, MOST_TILES + 1):
                yield _plan(model, network, way, part, tiles, shape, device, passes, parts, price_per_hour)


def network_of(model: Model) -> Network:
    return next(network for key, network in NETWORKS.items() if model.key.startswith(key))


def _plan(
    model: Model, network: Network, way: str, part: int, tiles: int, shape: Shape, device: Device,
    passes: int, parts: int, price: float,
) -> MemoryPlan:  # fmt: skip
    held = {"resident": network.weights, "fp8": network.fp8}.get(way, network.staying + network.slots)
    streams = way in ("host", "disk")
    denoising = held + network.vae_weights + states_bytes(network, shape.tokens(network), part)
    idle = network.staying if streams else held  # while the VAE works, the slots are given back
    coding = idle + network.vae_weights + vae_bytes(network, shape, tiles)
    reading = idle + network.vae_weights + max(TEXT_SLOT, network.hearing)
    # products are turned to float8 block by block, on the way from the machine's memory
    host = {"host": network.weights - network.staying, "fp8": network.weights, "disk": 1.5e9}.get(way, 0.0)
    seconds = parts * (
        passes * forward_seconds(network, shape, device, way) + vae_seconds(shape, network, tiles, device)
    )
    return MemoryPlan(
        model.key, way, part, tiles, True, max(denoising, coding, reading), host, seconds,
        seconds * price / 3600 if price > 0 else None,
    )  # fmt: skip


def states_bytes(network: Network, tokens: int, part: int) -> float:
    """What the blocks take on top of their weights: the residual stream, keys and values, and the part at work."""
    whole = tokens * network.dim * (network.state_bytes + 4)
    rotary = tokens * 128 * 8
    at_once = tokens / -(-tokens // part)
    return whole + rotary + at_once * network.dim * network.part_values + network.fixed


def vae_bytes(network: Network, shape: Shape, tiles: int) -> float:
    """The most that the VAE takes, coding one tile, and the frames that it has made."""
    longer = max(shape.width, shape.height)
    overlap = 8 * (network.patch // 2)  # of `s2v_nb.models.wan_vae`, in pixels
    share = min(1.0, ((longer - overlap) / tiles + overlap) / longer) if tiles > 1 else 1.0
    return shape.pixels * (share * max(network.decode_pixel, network.encode_pixel) + network.kept_pixel)


def forward_seconds(network: Network, shape: Shape, device: Device, way: str) -> float:
    """One run of the network."""
    tokens = shape.tokens(network)
    work = 2 * network.block_weights * tokens + 4 * tokens**2 * network.dim * network.layers
    computing = work / device.speed * (0.85 if way == "fp8" else 1.0)
    bus = {"host": network.weights / 20e9, "disk": network.weights / 2e9}.get(way, 0.0)
    return max(computing, bus)


def vae_seconds(shape: Shape, network: Network, tiles: int, device: Device) -> float:
    """Decoding one part; measured on an H200, by the card's speed elsewhere."""
    a_frame = 3.6e-8 * shape.pixels * 600e12 / device.speed
    return shape.frames * a_frame * (1.0 if tiles == 1 else 1.15)


def fits(plan: MemoryPlan, device: Device) -> bool:
    gpu = plan.peak_bytes * (1 + SPARE) <= device.gpu_free
    return gpu and plan.host_bytes + HOST_SPARE <= device.host_free


def possible(found: Iterator[MemoryPlan], device: Device) -> Iterator[MemoryPlan]:
    """Those that this machine can run, in their order."""
    float8 = os.environ.get(FLOAT8) == "1" and device.capability >= (8, 9) and find_spec("torchao") is not None
    return (plan for plan in found if fits(plan, device) and (plan.way != "fp8" or float8))


def plan(
    model: Model,
    shape: Shape,
    device: Device,
    *,
    passes: int = 1,
    parts: int = 1,
    price_per_hour: float = 0.0,
    below: MemoryPlan | None = None,
) -> MemoryPlan:
    """The best way to run a model that fits; with ``below``, the best one that takes less memory than that.

    Raises
    ------
    InputError
        If nothing fits; says what is missing.
    """
    given: dict[str, Any] = {"passes": passes, "parts": parts, "price_per_hour": price_per_hour}
    found = possible(plans(model, shape, device, **given), device)
    limit = below.peak_bytes * STEP_DOWN if below else float("inf")
    for candidate in found:
        if candidate.peak_bytes < limit:
            return _with_text(candidate, device, limit)
    raise InputError("plan.nothing", **_least(model, shape, device, **given))


def _with_text(chosen: MemoryPlan, device: Device, limit: float) -> MemoryPlan:
    """With the text encoder beside the rest, where there is room: a new prompt then costs nothing."""
    beside = replace(chosen, text_streams=False, peak_bytes=chosen.peak_bytes + TEXT_ENCODER)
    return beside if not chosen.streams and fits(beside, device) and beside.peak_bytes < limit else chosen


def _least(model: Model, shape: Shape, device: Device, **given: Any) -> dict[str, Any]:
    """What the smallest rung would need, against what is there."""
    smallest = min(plans(model, shape, device, **given), key=lambda plan: plan.peak_bytes + plan.host_bytes / 1e3)
    return {
        "model": model.key,
        "needs": smallest.peak_bytes * (1 + SPARE) / GB,
        "has": device.gpu_free / GB,
        "host_needs": (smallest.host_bytes + HOST_SPARE) / GB,
        "host_has": device.host_free / GB,
    }


def plan_within(model: Model, shape: Shape, device: Device, **given: Any) -> MemoryPlan:
    """As `plan`, but the smallest rung where nothing fits: an estimate that follows a slider has no other answer."""
    with suppress(InputError):
        return plan(model, shape, device, **given)
    return min(plans(model, shape, device, **given), key=lambda found: found.peak_bytes)


def on_cpu(model: Model, shape: Shape, *, passes: int = 1, parts: int = 1) -> MemoryPlan:
    """All in the machine's memory: for tiny models, and for those who have time."""
    network = network_of(model)
    device = Device("CPU", 0.0, 0.0, (0, 0), CPU_SPEED)
    seconds = parts * (
        passes * forward_seconds(network, shape, device, "resident") + vae_seconds(shape, network, 1, device)
    )
    return MemoryPlan(model.key, "resident", PARTS[0], 1, False, 0.0, 2 * network.weights, seconds)
