"""What diffusers can do to a model, done to this one: each runs and stays within its tolerance of the plain model."""

import copy
import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    BitsAndBytesConfig,
    FirstBlockCacheConfig,
    GGUFQuantizationConfig,
    MagCacheConfig,
    TaylorSeerCacheConfig,
    TorchAoConfig,
)
from diffusers.hooks import HookRegistry, group_offloading
from diffusers.models.attention_dispatch import _AttentionBackendRegistry
from peft import LoraConfig

from s2v_nb.models.wan_s2v.loading import CheckpointError, load_transformer
from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel
from tests.models.wan_s2v import names
from tests.models.wan_s2v.golden import official_folder
from tests.models.wan_s2v.tiny import OFFICIAL_SIZES, distance, inputs, predict, tiny_transformer


@pytest.fixture(scope="module")
def plain() -> WanS2VTransformer3DModel:
    return tiny_transformer()


@pytest.fixture(scope="module")
def given() -> dict[str, torch.Tensor]:
    return inputs()


@pytest.fixture(scope="module")
def expected(plain, given) -> torch.Tensor:
    return predict(plain, given)


@pytest.fixture
def model(plain) -> WanS2VTransformer3DModel:
    """A copy to change."""
    return copy.deepcopy(plain)


@pytest.fixture(scope="module")
def folder(plain, tmp_path_factory) -> Path:
    weights = names.under(names.official, plain.state_dict())
    return official_folder(tmp_path_factory.mktemp("tiny"), weights, OFFICIAL_SIZES)


@pytest.fixture(autouse=True)
def _no_compiled_code_or_backend_stays(monkeypatch):
    """`set_attention_backend` of one model sets the default of all others."""
    monkeypatch.setattr(_AttentionBackendRegistry, "_active_backend", _AttentionBackendRegistry._active_backend)
    torch.compiler.reset()


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-5) -> None:
    assert (ours - theirs).abs().max() <= tolerance


def test_a_copy_hears_through_its_own_layers(model, plain):
    """The ears of a block are layers of the same model's injector."""
    assert model.blocks[0].ears[0] is model.audio_injector.injector[0]
    assert model.blocks[0].ears[0] is not plain.audio_injector.injector[0]


# Attention.


@pytest.mark.filterwarnings("ignore:flex_attention called without:UserWarning")  # it is not compiled here
@pytest.mark.parametrize("backend", ["native", "_native_math", "flex"])
def test_every_attention_backend_that_runs_here(model, given, expected, backend):
    """Those of an accelerator are measured on one."""
    model.set_attention_backend(backend)

    assert {p._attention_backend for p in model.attn_processors.values()} == {backend}
    assert len(model.attn_processors) == 2 * 3 + 2  # two a block, and the two injectors
    close(predict(model, given), expected)


def test_fused_projections(model, given, expected):
    """q, k and v in one product, and back."""
    model.fuse_qkv_projections()
    fused = [name for name, module in model.named_modules() if getattr(module, "fused_projections", False)]

    assert len(fused) == 8
    close(predict(model, given), expected)
    model.unfuse_qkv_projections()
    close(predict(model, given), expected)


# Compilation.


def test_repeated_blocks_compile_whole(given):
    """No graph breaks, and one graph for blocks that hear and one for those that do not, however many there are."""
    model = tiny_transformer(num_layers=10, audio_inject_layers=(0, 3, 5, 9))
    eager = predict(model, given)
    graphs = []

    def backend(graph, example_inputs):
        graphs.append(graph)
        return graph.forward

    model.compile_repeated_blocks(fullgraph=True, backend=backend)

    close(predict(model, given), eager)
    assert len(graphs) == 2
    predict(model, given, timestep=torch.tensor([3]))
    assert len(graphs) == 2


@pytest.mark.slow
def test_compiled_blocks_are_functional(given):
    """The graphs that inductor would get, run as they are: nothing is written to in place that others see."""
    model = tiny_transformer(num_layers=2, audio_inject_layers=(0,))
    eager = predict(model, given)
    model.compile_repeated_blocks(fullgraph=True, backend="aot_eager")

    close(predict(model, given), eager)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="without an accelerator inductor calls g++ for half a minute")
def test_compiled_blocks_with_inductor(given):
    """As it is done on an accelerator."""
    model = tiny_transformer(num_layers=1, audio_inject_layers=(0,)).cuda()
    on_device = {name: value.cuda() for name, value in given.items()}
    eager = predict(model, on_device)
    model.compile_repeated_blocks(fullgraph=True)

    assert distance(predict(model, on_device), eager) < 1e-3


# Weights in another form.


def test_layerwise_casting(model, given, expected):
    """Matrices of the blocks stored in float8, multiplied in float32."""
    model.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32)

    assert model.blocks[1].attn1.to_q.weight.dtype == torch.float8_e4m3fn
    assert model.audio_injector.injector[0].to_q.weight.dtype == torch.float8_e4m3fn
    kept = [model.patch_embedding, model.proj_out, model.blocks[0].norm2, model.condition_embedder.time_proj]
    assert {module.weight.dtype for module in kept} == {torch.float32}
    assert distance(predict(model, given), expected) < 0.1
    assert model.blocks[1].attn1.to_q.weight.dtype == torch.float8_e4m3fn


def test_layerwise_casting_of_bfloat16(folder, given, expected):
    """The sensitive weights stay in float32, as they were loaded."""
    model = load_transformer(folder, dtype=torch.bfloat16)
    model.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16)

    assert model.condition_embedder.time_proj.weight.dtype == torch.float32
    assert distance(predict(model, given), expected) < 0.1


@pytest.mark.parametrize("kind", ["block_level", "leaf_level"])
def test_group_offloading(model, given, expected, kind, monkeypatch):
    """From the host to the host, with nothing left behind: what is not brought by its group is not a number."""
    away: dict[int, torch.Tensor] = {}

    def weights(group):
        return [*(p for module in group.modules for p in module.parameters()), *group.parameters]

    def offload(group):
        for weight in weights(group):
            if id(weight) not in away:
                away[id(weight)] = weight.data.clone()
                weight.data.fill_(torch.nan)

    def onload(group):
        for weight in weights(group):
            if id(weight) in away:
                weight.data.copy_(away.pop(id(weight)))

    monkeypatch.setattr(group_offloading.ModuleGroup, "offload_", offload)
    monkeypatch.setattr(group_offloading.ModuleGroup, "onload_", onload)
    groups = {"num_blocks_per_group": 1} if kind == "block_level" else {}
    model.enable_group_offload(torch.device("cpu"), torch.device("cpu"), offload_type=kind, **groups)

    close(predict(model, given), expected, 0)
    with model.remembering():
        close(predict(model, given), expected, 0)
        close(predict(model, given), expected, 0)


def test_each_layer_of_the_injector_is_a_group_of_its_own(model, given):
    """Only one block and one injector are on the device at a time; the rest of the model is a small group."""
    model.enable_group_offload(
        torch.device("cpu"), torch.device("cpu"), offload_type="block_level", num_blocks_per_group=1
    )
    hooks = {
        name: module._diffusers_hook.get_hook(group_offloading._GROUP_OFFLOADING)
        for name, module in model.named_modules()
        if isinstance(getattr(module, "_diffusers_hook", None), HookRegistry)
    }
    groups = {name: hook.group for name, hook in hooks.items() if hook is not None}

    layers = [f"audio_injector.{kind}.{i}" for kind in ("injector", "injector_adain_layers") for i in range(2)]
    blocks = [f"blocks.{i}" for i in range(3)]
    assert set(groups) == {"", *blocks, *layers}
    assert all(groups[name].modules == [model.get_submodule(name)] for name in blocks + layers)
    rest = [*groups[""].parameters, *(p for module in groups[""].modules for p in module.parameters())]
    assert {id(p) for p in rest} == {
        id(p) for n, p in model.named_parameters() if not n.startswith(("blocks.", "audio_injector."))
    }

    order = []
    for name in [*blocks, *layers]:
        model.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: order.append(name))
    predict(model, given)
    assert order.count("audio_injector.injector.0") == 1
    assert sorted(order) == sorted([*blocks, *layers])


# Quantisation.


def test_torchao_int8(folder, given, expected):
    """Matrices as int8 with a scale a row; sensitive weights stay float32. Multiplies in bfloat16."""
    from torchao.quantization import Int8WeightOnlyConfig

    config = TorchAoConfig(Int8WeightOnlyConfig(version=2))
    model = load_transformer(folder, dtype=torch.bfloat16, quantization_config=config)

    kinds = {name: type(p.data).__name__ for name, p in model.named_parameters()}
    assert kinds["blocks.1.ffn.net.2.weight"] == kinds["audio_injector.injector.0.to_q.weight"] == "Int8Tensor"
    assert kinds["proj_out.weight"] == kinds["condition_embedder.time_proj.weight"] == "Tensor"
    assert model.proj_out.weight.dtype == torch.float32
    assert distance(predict(model, given), expected) < 0.03


def test_bitsandbytes_needs_an_accelerator(folder):
    """diffusers refuses it on the host, and says so."""
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    with pytest.raises(RuntimeError, match="No GPU found"):
        load_transformer(folder, quantization_config=BitsAndBytesConfig(load_in_8bit=True))


@pytest.mark.parametrize(("bits", "kind"), [(4, "Linear4bit"), (8, "Linear8bitLt")])
def test_bitsandbytes(folder, given, expected, monkeypatch, bits, kind):
    """bitsandbytes itself multiplies on the host since 0.46, so only diffusers' refusal is in the way."""
    from diffusers.quantizers.bitsandbytes import BnB4BitDiffusersQuantizer, BnB8BitDiffusersQuantizer

    quantizer = {4: BnB4BitDiffusersQuantizer, 8: BnB8BitDiffusersQuantizer}[bits]
    monkeypatch.setattr(quantizer, "validate_environment", lambda *_, **__: None)
    config = (
        BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
        if bits == 4
        else BitsAndBytesConfig(load_in_8bit=True)
    )
    model = load_transformer(folder, dtype=torch.bfloat16, quantization_config=config)

    assert type(model.blocks[1].ffn.net[2]).__name__ == kind
    assert type(model.audio_injector.injector[1].to_k).__name__ == kind
    assert type(model.proj_out).__name__ == "Linear"
    assert model.proj_out.weight.dtype == torch.float32
    assert distance(predict(model, given), expected) < {4: 0.25, 8: 0.05}[bits]


def write_gguf(path: Path, weights: dict[str, torch.Tensor], matrices: str, few_axes: bool) -> Path:
    """Official names; matrices of the blocks quantised, the rest F16 or F32, as the published conversions are."""
    import gguf

    kind = gguf.GGMLQuantizationType[matrices]
    writer = gguf.GGUFWriter(path, "wan")
    for name, tensor in names.under(names.official, weights).items():
        array = tensor.numpy()
        if array.ndim == 2 and name.startswith(("blocks.", "audio_injector.", "text_embedding.")):
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
            continue
        if few_axes and array.ndim == 5:
            array = array.reshape(-1, *array.shape[2:])  # ggml knows four axes
        elif few_axes:
            array = array.squeeze()  # nor leading ones
        writer.add_tensor(name, array.astype(np.float16) if array.ndim > 1 else array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("matrices", ["Q8_0", "BF16"])
@pytest.mark.parametrize("few_axes", [False, True])
def test_gguf(tmp_path, plain, given, expected, matrices, few_axes):
    """Opened as it is, whether or not the convolutions kept their five axes; sensitive weights in float32."""
    file = write_gguf(tmp_path / "model.gguf", plain.state_dict(), matrices, few_axes)
    model = load_transformer(file, config=OFFICIAL_SIZES)

    assert type(model.blocks[1].ffn.net[2]).__name__ == ("GGUFLinear" if matrices == "Q8_0" else "Linear")
    assert model.patch_embedding.weight.shape == plain.patch_embedding.weight.shape
    assert model.blocks[0].scale_shift_table.dtype == model.proj_out.weight.dtype == torch.float32
    assert distance(predict(model, given), expected) < 0.03


def test_gguf_with_a_configuration_of_quantisation(tmp_path, plain, given, expected):
    """The dtype of the products is the caller's."""
    write_gguf(tmp_path / "model.gguf", plain.state_dict(), "Q8_0", few_axes=False)
    (tmp_path / "config.json").write_text(json.dumps(OFFICIAL_SIZES))
    config = GGUFQuantizationConfig(compute_dtype=torch.float32)
    model = load_transformer(tmp_path, dtype=torch.float32, quantization_config=config)

    assert distance(predict(model, given), expected) < 0.02


def test_a_gguf_that_lacks_a_tensor_is_refused(tmp_path, plain):
    """With the name of what is missing."""
    weights = plain.state_dict()
    del weights["blocks.1.norm2.bias"]
    file = write_gguf(tmp_path / "model.gguf", weights, "Q8_0", few_axes=False)

    with pytest.raises(CheckpointError, match=r"missing \(blocks.1.norm2.bias"):
        load_transformer(file, config=OFFICIAL_SIZES)


# Step caches.


def counted_blocks(model) -> list[int]:
    """Fills up with the number of each block whose own work is done."""
    ran: list[int] = []
    for i, block in enumerate(model.blocks):
        block.attn1.register_forward_hook(lambda *_, i=i: ran.append(i))
    return ran


def denoised(model, given, steps: int = 3, branches: tuple[str, ...] = ("cond", "uncond"), still: bool = False):
    """Predictions of each branch at each step; ``still`` keeps noise and timestep as they are."""
    generator, out = torch.Generator().manual_seed(3), []
    quiet = given | {"audio_features": torch.zeros_like(given["audio_features"])}
    noise = given["hidden_states"]
    for step in range(steps):
        if not still:
            noise = torch.randn(noise.shape, generator=generator)
        for name in branches:
            timestep = given["timestep"] if still else torch.tensor([900 - 200 * step])
            with model.cache_context(name) if model.is_cache_enabled else nullcontext():
                arguments = given if name == "cond" else quiet
                out.append(predict(model, arguments, hidden_states=noise, timestep=timestep))
    return out


WAN_ATTENTION = [r"blocks\.\d+\.attn\d"]  # diffusers looks for modules that end in "attn", and finds none in Wan
NEVER = {
    "first block": FirstBlockCacheConfig(threshold=0.0),
    "mag": MagCacheConfig(threshold=0.0, mag_ratios=[0.5] * 3, num_inference_steps=3, retention_ratio=0.0),
    "taylor": TaylorSeerCacheConfig(
        disable_cache_before_step=10, taylor_factors_dtype=torch.float32, cache_identifiers=WAN_ATTENTION
    ),
}
ALWAYS = {
    "first block": FirstBlockCacheConfig(threshold=0.5),
    "mag": MagCacheConfig(threshold=0.5, mag_ratios=[1.0] * 3, num_inference_steps=3, retention_ratio=0.0),
}


@pytest.mark.parametrize("kind", NEVER)
def test_a_cache_that_skips_nothing_changes_nothing(model, plain, given, kind):
    """With both branches of guidance, bit for bit; and after it was switched off."""
    before = denoised(plain, given)
    model.enable_cache(NEVER[kind])
    ran = counted_blocks(model)

    assert all(torch.equal(a, b) for a, b in zip(denoised(model, given), before, strict=True))
    assert sorted(set(ran)) == [0, 1, 2]
    model.disable_cache()
    assert all(torch.equal(a, b) for a, b in zip(denoised(model, given), before, strict=True))


@pytest.mark.parametrize("kind", ALWAYS)
def test_a_cache_skips_blocks_with_their_audio(model, plain, given, kind):
    """With the same input again, what is kept is right: the audio of a skipped block is in it once, not twice."""
    before = denoised(plain, given, still=True)
    model.enable_cache(ALWAYS[kind])
    ran, heard = counted_blocks(model), []
    for j, layer in enumerate(model.audio_injector.injector):
        layer.register_forward_hook(lambda *_, j=j: heard.append(j))
    after = denoised(model, given, still=True)

    for ours, theirs in zip(after, before, strict=True):
        close(ours, theirs, 2e-5)
    leader = kind == "first block"  # it looks at the first block's output, the other at nothing
    assert ran == [0, 1, 2] * 2 + [0] * (4 if leader else 0)
    assert heard == [0, 1] * 2 + [0] * (4 if leader else 0)


def test_the_branches_of_guidance_keep_their_own(model, plain, given):
    """What was kept with the sound is not used without it."""
    model.enable_cache(FirstBlockCacheConfig(threshold=0.5))
    heard, quiet = denoised(model, given, steps=1)

    assert distance(heard, quiet) > 1e-3
    assert all(torch.equal(a, b) for a, b in zip(denoised(plain, given, steps=1), (heard, quiet), strict=True))


TAYLOR = {"cache_interval": 3, "disable_cache_before_step": 2, "max_order": 1, "taylor_factors_dtype": torch.float32}


@pytest.mark.parametrize(
    ("which", "spared"),
    [({"cache_identifiers": WAN_ATTENTION}, "blocks.1.attn1.to_q"), ({"use_lite_mode": True}, "blocks.1.ffn")],
)
def test_taylorseer_extrapolates(model, plain, given, which, spared):
    """Between full steps, attention or all that the blocks give; for inputs that stay as they are that is exact."""
    before = denoised(plain, given, steps=5, still=True)
    model.enable_cache(TaylorSeerCacheConfig(**TAYLOR, **which))
    ran: list[int] = []
    model.get_submodule(spared).register_forward_hook(lambda *_: ran.append(1))
    after = denoised(model, given, steps=5, still=True)

    assert len(ran) == 2 * 3  # steps 0, 1 and 3 of each branch
    for ours, theirs in zip(after, before, strict=True):
        close(ours, theirs, 1e-4)


def test_a_cache_and_what_is_remembered_go_together(model, plain, given):
    """Both at once, over the steps of a clip."""
    before = denoised(plain, given)
    model.enable_cache(FirstBlockCacheConfig(threshold=0.0))
    with model.remembering():
        after = denoised(model, given)

    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


# LoRA and training.


def test_lora(model, given, expected, tmp_path):
    """An adapter on a block's attention and on the injector: off it changes nothing, on it does; saved and opened."""
    targets = [
        *(f"blocks.{i}.attn1.to_q" for i in range(3)),
        *(f"audio_injector.injector.{j}.to_v" for j in range(2)),
        "audio_injector.injector_adain_layers.0.linear",
    ]
    model.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=targets, init_lora_weights=False), "style")
    adapted = [name for name, module in model.named_modules() if hasattr(module, "lora_A")]
    styled = predict(model, given)

    assert sorted(adapted) == sorted(targets)
    assert distance(styled, expected) > 1e-3
    assert model.blocks[0].ears[0].to_v is model.audio_injector.injector[0].to_v
    half = copy.deepcopy(model)
    for layer in half.audio_injector.injector:  # what the adapter says to the injector counts as well
        layer.to_v.lora_B["style"].weight.data.zero_()
    assert distance(predict(half, given), styled) > 1e-4
    model.set_adapters("style", 0.0)
    close(predict(model, given), expected)
    model.disable_lora()
    close(predict(model, given), expected, 0)

    model.save_lora_adapter(tmp_path, adapter_name="style")
    other = tiny_transformer()
    file = {"weight_name": "pytorch_lora_weights.safetensors", "use_safetensors": True}
    other.load_lora_adapter(tmp_path, prefix=None, adapter_name="again", **file)
    close(predict(other, given), styled)


def test_a_lora_fuses_into_the_weights(model, given):
    """For runs without the price of the adapter."""
    model.add_adapter(LoraConfig(r=2, target_modules=["attn1.to_q", "to_v"], init_lora_weights=False), "style")
    styled = predict(model, given)
    model.fuse_lora()

    close(predict(model, given), styled, 1e-4)


def test_gradient_checkpointing_gives_the_same_gradients(model, given):
    """Blocks are run again on the way back; gradients of all that takes part are equal."""
    gradients = []
    for checkpointing in (False, True):
        network = copy.deepcopy(model).train().requires_grad_(True)
        if checkpointing:
            network.enable_gradient_checkpointing()
        runs = []
        network.blocks[1].register_forward_pre_hook(lambda *_, runs=runs: runs.append(1))
        network(**given).sample.square().mean().backward()
        gradients.append({name: p.grad for name, p in network.named_parameters()})
        assert len(runs) == 1 + checkpointing

    assert all(gradient is not None for gradient in gradients[0].values())
    for name, gradient in gradients[0].items():
        close(gradients[1][name], gradient, 1e-6)
