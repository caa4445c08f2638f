"""The solver against the reference's own sigmas, timesteps and trajectories."""

import pytest
import torch

diffusers = pytest.importorskip("diffusers", reason="needs diffusers, of the extra 'gpu'")

from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler  # noqa: E402

from s2v_nb.models.wan_s2v.schedule import FLOW, flow_unipc, fresh_scheduler  # noqa: E402
from tests.models.wan_s2v.golden import golden, needs_golden  # noqa: E402

CASES = [(steps, shift) for steps in (4, 20, 40) for shift in (3.0, 5.0)]


def field(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The velocity of the reference's trajectories."""
    t = float(t) / 1000
    return torch.sin(2 * x + 3 * t) + 0.5 * x * (1 - t)


def trajectory(scheduler, sample: torch.Tensor) -> torch.Tensor:
    out = [sample]
    for t in scheduler.timesteps:
        sample = scheduler.step(field(sample, t), t, sample, return_dict=False)[0]
        out.append(sample)
    return torch.stack([x[0] for x in out])


@needs_golden
@pytest.mark.parametrize(("steps", "shift"), CASES)
def test_the_line_and_the_way_are_those_of_the_reference(steps, shift):
    """Noise levels and timesteps bit for bit; the steps but for sine and linear solver, whose last bit is the CPU's."""
    tensors, _ = golden("scheduler_unipc")
    wanted = {name: tensors[f"steps{steps}_shift{shift:g}.{name}"] for name in ("sigmas", "timesteps", "trajectory")}
    scheduler = fresh_scheduler(flow_unipc(), steps, shift)

    assert torch.equal(scheduler.sigmas, wanted["sigmas"])
    assert torch.equal(scheduler.timesteps, wanted["timesteps"])
    assert torch.allclose(
        trajectory(scheduler, tensors["input.initial_sample"]), wanted["trajectory"], rtol=0, atol=1.5e-6
    )


def test_nothing_is_carried_from_clip_to_clip():
    """A solver that was used, halfway even, gives the same as a new one, and is itself left alone."""
    used = flow_unipc()
    noise = torch.randn(1, 4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    wanted = trajectory(fresh_scheduler(flow_unipc(), 6, 3.0), noise)
    first = fresh_scheduler(used, 6, 3.0)
    first.step(field(noise, first.timesteps[0]), first.timesteps[0], noise)
    before = dict(vars(used))

    assert torch.equal(trajectory(fresh_scheduler(used, 6, 3.0), noise), wanted)
    assert torch.equal(trajectory(fresh_scheduler(first, 6, 3.0), noise), wanted)
    assert vars(used).keys() == before.keys()
    assert all(vars(used)[name] is value for name, value in before.items())


@pytest.mark.parametrize(
    "repository",
    [
        UniPCMultistepScheduler(**{**FLOW, "flow_shift": 12.0}),
        UniPCMultistepScheduler(prediction_type="epsilon"),
        UniPCMultistepScheduler(**{**FLOW, "flow_shift": 1.0}),
    ],
    ids=["another shift", "not of a flow", "no shift"],
)
def test_what_a_repository_says_of_the_flow_is_ignored(repository):
    """The published repositories disagree on it; the call decides."""
    ours, wanted = fresh_scheduler(repository, 5, 3.0), fresh_scheduler(flow_unipc(), 5, 3.0)

    assert torch.equal(ours.sigmas, wanted.sigmas)
    assert torch.equal(ours.timesteps, wanted.timesteps)
    assert ours.config.prediction_type == "flow_prediction"


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_another_solver_goes_down_the_same_line(shift):
    """Euler's method, whose own name of the shift is another."""
    scheduler = fresh_scheduler(FlowMatchEulerDiscreteScheduler(shift=9.0), 8, shift)
    noise = torch.ones(1, 1, 1, 1, 1)

    assert torch.allclose(scheduler.sigmas, fresh_scheduler(flow_unipc(), 8, shift).sigmas, atol=1e-6)
    assert trajectory(scheduler, noise).isfinite().all()


class OwnLine(FlowMatchEulerDiscreteScheduler):
    """Takes no noise levels."""

    def set_timesteps(self, num_inference_steps, device=None):
        super().set_timesteps(num_inference_steps, device=device)


def test_a_solver_that_takes_no_line_makes_its_own():
    """Its steps run; it is set to the shift as well."""
    scheduler = fresh_scheduler(OwnLine(shift=9.0), 4, 3.0)

    assert scheduler.shift == 3.0
    assert len(trajectory(scheduler, torch.ones(1, 1, 1, 1, 1))) == 5
