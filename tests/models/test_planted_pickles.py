"""A pickle that calls itself safetensors is refused by all that load weights, and never run."""

import pytest

from s2v_nb.models.wan_s2v.clips import Resume
from s2v_nb.models.wan_s2v.loading import CheckpointError, load_transformer
from tests.trust.pickles import plant


def test_loaders_refuse_it(tmp_path):
    file = tmp_path / "model.safetensors"
    sprung = plant(file)

    with pytest.raises(CheckpointError, match="safetensors"):
        load_transformer(file)
    with pytest.raises(CheckpointError):
        load_transformer(tmp_path)
    with pytest.raises(ValueError, match="no safetensors file"):
        Resume.load(file)
    assert not sprung.exists()
