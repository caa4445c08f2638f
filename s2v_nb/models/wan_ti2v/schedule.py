"""The solver of the distilled model: three steps, each to the end and back.

T. Yin et al., "One-step diffusion with distribution matching distillation" and "Improved distribution matching
distillation", 2024: in each step the network's velocity gives the clean latents, x0 = x - sigma v, to which fresh noise
of the next level is added.
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import SchedulerMixin, UniPCMultistepScheduler
from diffusers.configuration_utils import ConfigMixin, register_to_config

TRAIN_TIMESTEPS = 1000
DISTILLED_TIMESTEPS = (1000, 757, 522)  # of FastWan2.2-TI2V-5B, github.com/hao-ai-lab/FastVideo


class DistilledScheduler(SchedulerMixin, ConfigMixin):
    """Goes through fixed timesteps, whatever number of steps is asked for.

    Parameters
    ----------
    timesteps : from high to low; the noise level is a thousandth of each
    """

    order = 1

    @register_to_config
    def __init__(
        self, timesteps: Sequence[int] = DISTILLED_TIMESTEPS, num_train_timesteps: int = TRAIN_TIMESTEPS
    ) -> None:
        self.timesteps = torch.tensor(timesteps, dtype=torch.float32)
        self.generator: torch.Generator | None = None  # on the CPU; None draws from torch's own
        self._step = 0

    def set_timesteps(self, num_inference_steps: int | None = None, device: Any = None) -> None:
        """Begin anew."""
        self.timesteps = torch.tensor(self.config.timesteps, dtype=torch.float32, device=device)
        self._step = 0

    def step(
        self, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, return_dict: bool = True
    ) -> tuple[torch.Tensor]:
        """The latents at the next noise level, float32."""
        sigmas = [value / self.config.num_train_timesteps for value in self.config.timesteps] + [0.0]
        now, following = sigmas[self._step], sigmas[self._step + 1]
        self._step += 1
        clean = sample.float() - now * model_output.float()
        if following == 0:
            return (clean,)
        noise = torch.randn(clean.shape, generator=self.generator).to(clean.device)
        return ((1 - following) * clean + following * noise,)


def guided_scheduler(shift: float) -> UniPCMultistepScheduler:
    """The solver of the 50-step model."""
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=TRAIN_TIMESTEPS, flow_shift=shift
    )
