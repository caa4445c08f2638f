"""Both engines cut down to what a CPU does in seconds: small frames, short parts, few steps."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from s2v_nb.models.catalog import MODELS

ENGINES = ("wan-ti2v-5b", "wan-s2v-14b")
SIDE = 64
SMALL = {
    "duration": 3.0, "resolution": "480p", "aspect": "1:1", "fps": 24, "start": 4.0, "motion": "high",
    "prompt": "slow pan right",
}  # fmt: skip
PARTS = {"wan-ti2v-5b": 3, "wan-s2v-14b": 2}  # of such a clip
FINAL_STEPS = 3


def shrink(patch: pytest.MonkeyPatch) -> None:
    """Parts of a second, 64 pixels a side."""
    from s2v_nb.engines.wan import s2v, ti2v

    for module in (s2v, ti2v):
        patch.setattr(module, "SIZES", dict.fromkeys(module.SIZES, (SIDE, SIDE)))
    patch.setattr(ti2v.CoverArtEngine, "longest", lambda self: 24)
    patch.setattr(s2v.SingerEngine, "clip_frames", lambda self: 24)
    patch.setattr(s2v, "DRAFT_STEPS", 2)
    for key in ("wan-ti2v-5b", "wan-s2v-14b"):
        model = MODELS[key]
        patch.setitem(MODELS, key, replace(model, defaults={**model.defaults, "steps": FINAL_STEPS}))


def use(patch: pytest.MonkeyPatch, models: Path) -> None:
    """Run the engines on the CPU with the tiny models of a folder."""
    patch.setenv("S2V_NB_MODELS", str(models))
    patch.setenv("S2V_NB_DEVICE", "cpu")
    shrink(patch)


def tell_steps(patch: pytest.MonkeyPatch, tell: Callable[[str], None]) -> None:
    """Tell of each step as 'part 1 call 3', counted in each part, and of each finished part as 'part 1 done'."""
    from s2v_nb.engines.wan.base import Made

    step, part, calls = Made.step, Made.part, [0]

    def told_step(self: Made, done: int, steps: int) -> None:
        step(self, done, steps)
        tell(f"part {self.next} call {calls[0]}")
        calls[0] += 1

    def told_part(self: Made) -> None:
        part(self)
        calls[0] = 0
        tell(f"part {self.next - 1} done")

    patch.setattr(Made, "step", told_step)
    patch.setattr(Made, "part", told_part)


def generate_and_halt(
    environment: dict[str, str], models: Path, files: tuple[Path, Path], runs: Path, engine: str, halt, talk
) -> None:
    """In a process of its own: make a clip, and stand still for ever at the moment ``halt``, once it was told."""
    from s2v_nb import generate

    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(1)
    patch = pytest.MonkeyPatch()
    use(patch, models)

    def tell(moment: str) -> None:
        talk.send(moment)
        if moment == halt:
            talk.recv()

    tell_steps(patch, tell)
    generate(*files, engine=engine, runs=runs, **SMALL)
