"""The 5B model's transformer from diffusers' layout."""

import json

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file, save_file

from s2v_nb.models.wan_checkpoint import CheckpointError
from s2v_nb.models.wan_ti2v.loading import load_ti2v_transformer
from tests.models.wan_s2v.tiny import distance
from tests.models.wan_ti2v.tiny import inputs, predict, tiny_transformer

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tiny():
    return tiny_transformer()


@pytest.fixture
def folder(tmp_path, tiny):
    """Several shards and an index, as diffusers saves them."""
    tiny.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    return tmp_path


def test_the_published_layout_is_opened_bit_for_bit(folder, tiny):
    """Also that of diffusers' own class, whose name the published configuration has."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"_class_name": "WanTransformer3DModel"}))
    loaded = load_ti2v_transformer(folder, torch.float32, device=CPU)

    assert loaded.streamed is None
    assert loaded.state_dict().keys() == tiny.state_dict().keys()
    assert torch.equal(predict(loaded, inputs()), predict(tiny, inputs()))


def test_the_dtypes_are_those_that_diffusers_gives(folder):
    """What the model keeps in float32 stays so."""
    theirs = WanTransformer3DModel.from_pretrained(folder, torch_dtype=torch.bfloat16)
    ours = load_ti2v_transformer(folder, torch.bfloat16, device=CPU)

    assert {n: t.dtype for n, t in ours.state_dict().items()} == {n: t.dtype for n, t in theirs.state_dict().items()}
    assert all(torch.equal(tensor, theirs.state_dict()[name]) for name, tensor in ours.state_dict().items())


@pytest.mark.parametrize("from_disk", [False, True])
def test_streamed_weights_predict_the_same(folder, tiny, from_disk):
    """From the machine's memory and from the disk."""
    model = load_ti2v_transformer(folder, torch.float32, device=CPU, stream=True, from_disk=from_disk)
    assert model.blocks[0].ffn.net[2].weight.numel() == 0

    model.run_lean(part=7, weights=model.streamed)
    for _ in range(2):
        assert distance(predict(model, inputs()), predict(tiny, inputs())) < 1e-6
    model.streamed.close()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda w: w.pop("proj_out.bias"), r"1 of \d+ tensors are missing \(proj_out.bias"),
        (lambda w: w.update(extra=torch.zeros(1)), r"1 are not of this network \(extra"),
        (lambda w: w.update({"proj_out.bias": torch.zeros(3)}), r"proj_out.bias is \(3,\), expected \(64,\)"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path, tiny, change, complaint):
    tiny.save_pretrained(tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    weights = load_file(file)
    change(weights)
    save_file(weights, file)

    with pytest.raises(CheckpointError, match=complaint):
        load_ti2v_transformer(tmp_path, torch.float32, device=CPU)


def test_what_is_no_whole_checkpoint_is_refused(folder, tmp_path):
    """A shard that is missing or cut, no weights, no folder."""
    shard = sorted(folder.glob("*.safetensors"))[1]
    content = shard.read_bytes()
    shard.write_bytes(content[:-10])
    with pytest.raises(CheckpointError, match=rf"{shard.name} is not a whole safetensors file .*fetch it again"):
        load_ti2v_transformer(folder, torch.float32, device=CPU)
    shard.unlink()
    with pytest.raises(CheckpointError, match=f"lacks {shard.name}.*finish the download"):
        load_ti2v_transformer(folder, torch.float32, device=CPU)
    for path in folder.glob("*.safetensors*"):
        path.unlink()
    with pytest.raises(CheckpointError, match="1 files and folders, none of weights; expected safetensors"):
        load_ti2v_transformer(folder, torch.float32, device=CPU)
    with pytest.raises(CheckpointError, match=r"config.json cannot be read"):
        load_ti2v_transformer(tmp_path / "nowhere", torch.float32, device=CPU)


def test_only_streamed_weights_are_read_from_the_disk_again(folder):
    with pytest.raises(ValueError, match=r"from_disk=True.*give stream=True"):
        load_ti2v_transformer(folder, torch.float32, device=CPU, from_disk=True)
