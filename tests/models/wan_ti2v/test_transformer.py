"""The 5B model's network is diffusers' own until it is told to run lean (see tests/models/test_lean.py)."""

import pytest
import torch
from diffusers import WanTransformer3DModel

from tests.models.wan_ti2v.tiny import SIZES, inputs, predict, tiny_transformer

pytestmark = pytest.mark.usefixtures("one_thread")


def test_it_is_diffusers_network():
    """The same weights by the same names, the same prediction to the last bit."""
    ours, theirs = tiny_transformer(), WanTransformer3DModel(**SIZES).eval()
    theirs.load_state_dict(ours.state_dict())

    assert torch.equal(predict(ours, inputs()), predict(theirs, inputs()))


def test_a_timestep_for_each_token_tells_the_picture_from_the_rest():
    """Lean, too, the picture's tokens are at time zero."""
    model = tiny_transformer()
    given = inputs()
    one_for_all = given | {"timestep": given["timestep"][:, -1]}
    model.run_lean(part=24)

    assert (predict(model, given) - predict(model, one_for_all)).abs().max() > 1e-2
