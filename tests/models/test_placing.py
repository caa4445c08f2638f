"""Which weights go where, and that they arrive."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from s2v_nb.models import streaming
from s2v_nb.models.placing import Part, fill, parts_of, wanted_dtypes
from s2v_nb.models.reading import stored_tensors
from tests.models.wan_s2v.tiny import SIZES, tiny_transformer
from tests.models.wan_ti2v import tiny as tiny_ti2v

CPU = torch.device("cpu")


class Network(nn.Module):
    """Two blocks, a table, a buffer; the norms are kept in float32."""

    _keep_in_fp32_modules = ("norm",)

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.blocks = nn.ModuleList(nn.ModuleDict({"norm": nn.LayerNorm(4), "ffn": nn.Linear(4, 4)}) for _ in range(2))
        self.count = nn.Parameter(torch.tensor([3, 4]), requires_grad=False)
        self.register_buffer("places", torch.arange(3.0), persistent=False)

    @property
    def parts(self) -> list[Part]:
        return [Part("feed", [[block["ffn"]] for block in self.blocks])]


@pytest.fixture
def network() -> Network:
    return Network().requires_grad_(False)


@pytest.fixture
def file(tmp_path, network) -> Path:
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    return tmp_path / "a.safetensors"


def empty() -> Network:
    """With its parameters on the meta device and its buffers where they are."""
    network = Network()
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(parameter.to("meta"), requires_grad=False))
    return network


def test_all_weights_stay_in_their_dtype(file, network):
    """What is no number of floating point is left as it is, and buffers keep their values."""
    found = empty()

    assert fill(found, stored_tensors(file), dtype=torch.bfloat16, device=CPU) is None
    assert found.table.weight.dtype == found.blocks[0]["ffn"].weight.dtype == torch.bfloat16
    assert found.blocks[1]["norm"].weight.dtype == torch.float32
    assert found.count.tolist() == [3, 4]
    assert found.places.tolist() == [0, 1, 2]
    for name, parameter in found.named_parameters():
        assert torch.equal(parameter, network.get_parameter(name).to(parameter.dtype))
        assert not parameter.requires_grad


@pytest.mark.parametrize("from_disk", [False, True])
def test_parts_pass_and_the_rest_stays(file, network, from_disk):
    """Converted on the way, from the machine's memory and from the disk."""
    found = empty()
    streamed = fill(found, stored_tensors(file), dtype=torch.bfloat16, device=CPU, passing=found.parts,
                    from_disk=from_disk, outside=["table.weight"])  # fmt: skip

    assert found.blocks[0]["ffn"].weight.numel() == 0
    assert torch.equal(found.blocks[0]["norm"].weight, network.blocks[0]["norm"].weight)
    assert torch.equal(found.table.weight, network.table.weight.bfloat16())
    for index in (0, 1, 1, 0):
        with streamed.use(index, "feed"):
            assert torch.equal(found.blocks[index]["ffn"].weight, network.blocks[index]["ffn"].weight.bfloat16())
            assert torch.equal(found.blocks[index]["ffn"].bias, network.blocks[index]["ffn"].bias.bfloat16())
    streamed.close()


@pytest.mark.parametrize("from_disk", [False, True])
def test_nothing_stays_locked_when_weights_are_missing(file, monkeypatch, from_disk):
    """The error is that of the weights."""
    locked: list[int] = []
    monkeypatch.setattr(streaming, "lock_memory", lambda memory: locked.append(memory.data_ptr()))
    monkeypatch.setattr(streaming, "unlock_memory", lambda memory: locked.remove(memory.data_ptr()))
    stored = stored_tensors(file)
    stored.pop("table.weight")
    found = empty()

    with pytest.raises(KeyError, match=r"table.weight"):
        fill(found, stored, dtype=torch.float32, device=CPU, passing=found.parts, from_disk=from_disk)
    assert locked == []


def test_the_parts_of_the_singer_are_attention_feed_and_ears():
    """Only some blocks have ears; all that is large is in a part."""
    model = tiny_transformer()
    attention, feed, ears = parts_of(model)

    assert [part.name for part in (attention, feed, ears)] == ["attention", "feed", "ears"]
    assert attention.numbers() == feed.numbers() == [0, 1, 2]
    assert ears.numbers() == [0, None, 1]
    assert len(ears.parameters()) == len(SIZES["audio_inject_layers"])
    passing = {id(p) for part in (attention, feed, ears) for group in part.parameters() for p in group}
    small = [name for name, p in model.named_parameters() if id(p) not in passing and "blocks" in name]
    assert {name.split(".")[2] for name in small} == {"scale_shift_table", "norm2"}
    assert not [n for n, p in model.named_parameters() if n.startswith("audio_injector") and id(p) not in passing]


def test_the_5b_model_has_no_ears():
    assert [part.name for part in parts_of(tiny_ti2v.tiny_transformer())] == ["attention", "feed"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("strict", "kept"), [(None, "ab"), ({"b"}, "b"), (set(), "")])
def test_what_stays_in_float32_is_for_the_models_library_to_say(dtype, strict, kept):
    """Diffusers keeps what is listed; transformers in bfloat16 only what is listed strictly, in float16 all."""
    model = nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in ("a", "b", "c")})
    model._keep_in_fp32_modules = ["a", "b"]
    if strict is not None:
        model._keep_in_fp32_modules_strict = strict
    kept = "ab" if dtype == torch.float16 else kept

    expected = {f"{name}.weight": torch.float32 if name in kept else dtype for name in "abc"}
    assert wanted_dtypes(model, dtype) == expected
