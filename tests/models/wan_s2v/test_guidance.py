"""What is put together, how often the network is asked, and when it is not."""

import pytest
import torch

from s2v_nb.models.wan_s2v.guidance import Guidance

SAID = {
    key: torch.randn(16, generator=torch.Generator().manual_seed(n))
    for n, key in enumerate([(True, True), (False, False), (True, False)])
}
TA, U, T = SAID.values()  # prompt and sound, neither, prompt alone


class Network:
    """Answers from the table; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[bool, bool]] = []

    def __call__(self, prompt: bool, sound: bool) -> torch.Tensor:
        self.asked.append((prompt, sound))
        return SAID[prompt, sound]


@pytest.mark.parametrize(
    ("guidance", "wanted", "asked"),
    [
        (Guidance(4.5), U + 4.5 * (TA - U), 2),
        (Guidance(4.5, 4.5), U + 4.5 * (TA - U), 2),
        (Guidance(4.5, 2.0), U + 4.5 * (T - U) + 2.0 * (TA - T), 3),
        (Guidance(1.0, 2.0), U + 1.0 * (T - U) + 2.0 * (TA - T), 3),
        (Guidance(4.5, 0.0), U + 4.5 * (T - U), 3),
        (Guidance(1.0), TA, 1),
        (Guidance(0.0), TA, 1),
        (Guidance(1.0, 1.0), TA, 1),
        (Guidance(4.5, interval=(0.0, 0.0)), TA, 1),
    ],
    ids=str,
)
def test_formula_and_number_of_passes(guidance, wanted, asked):
    """u + text (t - u) + audio (ta - t), with no pass that would cancel."""
    network = Network()
    velocity = guidance.combine(network, 0, 10)

    assert torch.allclose(velocity, wanted, atol=1e-6)
    assert len(network.asked) == guidance.passes(0, 10) == asked
    assert len(set(network.asked)) == asked


def test_equal_scales_are_guidance_at_once_bit_for_bit():
    """Not merely close to it, and with two passes."""
    once, apart = Network(), Network()

    assert torch.equal(Guidance(3.7, 3.7).combine(apart, 2, 5), Guidance(3.7).combine(once, 2, 5))
    assert apart.asked == once.asked


@pytest.mark.parametrize(
    ("interval", "steps", "guided"),
    [
        ((0.0, 1.0), 5, [0, 1, 2, 3, 4]),
        ((0.0, 0.6), 5, [0, 1, 2]),
        ((0.4, 1.0), 5, [2, 3, 4]),
        ((0.2, 0.4), 5, [1]),
        ((0.5, 0.5), 4, []),
        ((0.0, 0.5), 5, [0, 1, 2]),  # a step counts by where it begins
        ((0.0, 0.55), 100, list(range(55))),  # 0.55 * 100 is above 55 in floating point
        ((0.1, 1.0), 30, list(range(3, 30))),  # and 0.1 * 30 above 3
    ],
)
def test_only_a_part_of_the_steps_is_guided(interval, steps, guided):
    """Outside it one pass is enough."""
    guidance = Guidance(4.5, 2.0, interval)

    assert [step for step in range(steps) if guidance.passes(step, steps) == 3] == guided
    assert all(guidance.passes(step, steps) in (1, 3) for step in range(steps))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"text": -1.0}, "guidance_scale=-1.0"),
        ({"text": float("nan")}, "guidance_scale=nan"),
        ({"audio": float("inf")}, "audio_guidance_scale=inf"),
        ({"interval": (0.6, 0.2)}, "guidance_interval"),
        ({"interval": (-0.1, 0.5)}, "guidance_interval"),
        ({"interval": (0.0, 1.5)}, "guidance_interval"),
        ({"interval": (float("nan"), 1.0)}, "guidance_interval"),
    ],
)
def test_what_cannot_guide_is_refused(arguments, complaint):
    """With the name that the pipeline has for it."""
    with pytest.raises(ValueError, match=complaint):
        Guidance(**arguments)
