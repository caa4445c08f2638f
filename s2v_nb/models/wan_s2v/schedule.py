"""The solver of the reference: UniPC on a flow, with its own line of noise levels.

W. Zhao et al., "UniPC: A unified predictor-corrector framework for fast sampling of diffusion models", 2023.
"""

import inspect
from typing import Any

import numpy as np
import torch
from diffusers import UniPCMultistepScheduler

TRAIN_TIMESTEPS = 1000
# The reference begins its line at float32's 0.999 and ends it at 0; diffusers' own goes from 1.0 to 0.001.
HIGHEST_SIGMA = float(np.float32(0.999))
FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "num_train_timesteps": TRAIN_TIMESTEPS}
SHIFT_NAMES = ("flow_shift", "shift")  # what solvers call it


def flow_unipc(flow_shift: float = 3.0) -> UniPCMultistepScheduler:
    """The scheduler of the published model. The ``flow_shift`` in a repository's scheduler is not to be trusted."""
    return UniPCMultistepScheduler(**FLOW, flow_shift=flow_shift)


def fresh_scheduler(scheduler: Any, steps: int, flow_shift: float, device: str | torch.device = "cpu") -> Any:
    """A scheduler of the same kind with no memory of earlier clips, set to ``steps`` steps.

    Noise levels are s on a line from 0.999 to 0, then ``shift s / (1 + (shift - 1) s)``; timesteps are 1000 times that,
    cut to whole numbers. Solvers that take no noise levels make their own, with the same shift.
    """
    kind = type(scheduler)
    known = inspect.signature(kind.__init__).parameters
    wanted = {**FLOW, **dict.fromkeys(SHIFT_NAMES, flow_shift)}
    flow = {name: value for name, value in wanted.items() if name in known}
    fresh = kind.from_config(scheduler.config, **flow)
    if "sigmas" in inspect.signature(kind.set_timesteps).parameters:
        fresh.set_timesteps(sigmas=np.linspace(HIGHEST_SIGMA, 0.0, steps + 1)[:-1], device=device)
    else:
        fresh.set_timesteps(steps, device=device)
    return fresh
