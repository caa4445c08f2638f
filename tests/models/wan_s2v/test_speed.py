"""What makes the network faster or leaner, and must not make it another one."""

import copy
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from diffusers import FirstBlockCacheConfig, MagCacheConfig
from diffusers.models.attention_dispatch import _HUB_KERNELS_REGISTRY, AttentionBackendName, _AttentionBackendRegistry
from torch._dynamo.utils import counters

import s2v_nb.models.wan_s2v as wan_s2v
from s2v_nb.models.wan_s2v import attention, blocks, fp8
from s2v_nb.models.wan_s2v.attention import best_attention_backend, set_attention, use_best_attention
from s2v_nb.models.wan_s2v.compiling import compile_blocks
from tests.models.wan_s2v.tiny import inputs, predict, tiny_transformer


@pytest.fixture(scope="module")
def plain():
    return tiny_transformer(num_layers=6, audio_inject_layers=(0, 2, 5))


@pytest.fixture(scope="module")
def given():
    return inputs(frames=5)


@pytest.fixture(scope="module")
def expected(plain, given):
    return predict(plain, given)


@pytest.fixture
def model(plain):
    torch.compiler.reset()
    return copy.deepcopy(plain)


@pytest.mark.parametrize("name", wan_s2v.__all__)
def test_every_name_of_the_package_is_there(name):
    assert getattr(wan_s2v, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="WanS3V"):
        _ = wan_s2v.WanS3V


def test_parts_cover_every_token_once():
    for tokens in (1, 7, blocks.PART, blocks.PART + 1, 5 * blocks.PART - 3):
        x = torch.arange(tokens)[None, :, None]
        parts = list(blocks.parts_of(x))
        assert torch.equal(torch.cat([part for _, part in parts], dim=1), x)
        assert all(part.shape[1] <= blocks.PART and part[0, 0, 0] == start for start, part in parts)


def test_a_long_sequence_in_parts_and_in_place_is_the_same(model, given, expected, monkeypatch):
    monkeypatch.setattr(blocks, "PART", 17)  # cuts inside a frame, and within the tokens that are no video
    assert (predict(model, given) - expected).abs().max() <= 1e-5


def test_the_input_is_overwritten_only_where_nobody_comes_back_to_it(model, monkeypatch):
    states = torch.zeros(1, 100, 192)
    monkeypatch.setattr(blocks, "PART", 100)
    with torch.no_grad():
        assert not model._may_overwrite(states)  # short enough to be kept
    monkeypatch.setattr(blocks, "PART", 17)
    assert not model._may_overwrite(states)  # gradients are wanted
    with torch.no_grad():
        assert model._may_overwrite(states)
        hook = model.blocks[3].register_forward_hook(lambda *_: None)
        assert not model._may_overwrite(states)
        hook.remove()
        model.enable_cache(FirstBlockCacheConfig(threshold=0.1))
        assert not model._may_overwrite(states)


@pytest.mark.parametrize(
    "config",
    [
        FirstBlockCacheConfig(threshold=0.1),
        MagCacheConfig(
            threshold=1.0, max_skip_steps=9, retention_ratio=0.0, mag_ratios=[1.0] * 4, num_inference_steps=4
        ),
    ],
)
def test_a_cache_skips_right_in_a_long_sequence(model, given, expected, monkeypatch, config):
    """A cache that came back to an overwritten input would add the wrong difference."""
    monkeypatch.setattr(blocks, "PART", 17)
    model.enable_cache(config)
    with model.cache_context("one"):
        results = [predict(model, given) for _ in range(3)]
    for result in results:
        assert (result - expected).abs().max() <= 2e-5


@pytest.mark.slow
def test_two_graphs_serve_all_blocks_beside_a_cache(model, given, expected):
    counters.clear()
    compile_blocks(model, backend="eager").enable_cache(FirstBlockCacheConfig(threshold=0.1))

    with model.cache_context("one"):
        results = [predict(model, given) for _ in range(3)]

    assert counters["stats"]["unique_graphs"] == 2  # blocks with ears and without
    for result in results:
        assert (result - expected).abs().max() <= 2e-5


@pytest.mark.slow
def test_many_songs_of_different_length_are_compiled(plain):
    """The default limit of the compiler is 8 graphs, four layouts of tokens."""
    torch.compiler.reset()
    model = compile_blocks(copy.deepcopy(plain), backend="eager")
    for frames in range(1, 6):
        given = inputs(frames=frames)
        assert (predict(model, given) - predict(plain, given)).abs().max() <= 1e-5


@pytest.mark.slow
def test_a_copy_of_a_compiled_model_has_its_own_weights(model, given, expected):
    changed = copy.deepcopy(compile_blocks(model, backend="eager"))
    for parameter in changed.blocks.parameters():
        parameter.data *= 1.5
    assert (predict(changed, given) - expected).abs().max() > 1e-3
    assert (predict(model, given) - expected).abs().max() <= 1e-5


def test_blocks_with_hooks_are_not_compiled(model):
    model.enable_cache(FirstBlockCacheConfig())
    with pytest.raises(ValueError, match="compile them first"):
        compile_blocks(model)


def on_a_card(monkeypatch, major, *, packages=()):
    """As on a machine with such a card and these packages."""

    def find_spec(name):
        if name.split(".")[0] not in {package.split(".")[0] for package in packages}:
            if "." in name:
                raise ModuleNotFoundError(name)  # as the real one does where the package above is missing
            return None
        return SimpleNamespace() if name in packages else None

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (major, 0))
    monkeypatch.setattr(attention.importlib.util, "find_spec", find_spec)


FLASH_4 = ("flash_attn", "flash_attn.cute", "cutlass")


@pytest.mark.parametrize(
    ("major", "packages", "backend"),
    [
        (8, FLASH_4, "native"),
        (9, (), "_native_cudnn"),
        (9, ("flash_attn", "cutlass"), "_native_cudnn"),  # flash-attn 2
        (9, FLASH_4, "flash_4_hub"),
        (12, FLASH_4, "_native_cudnn"),
    ],
)
def test_the_best_attention_of_a_card(monkeypatch, major, packages, backend):
    on_a_card(monkeypatch, major, packages=packages)
    assert best_attention_backend() == backend
    assert best_attention_backend(torch.float32) == "native"  # the others take halves only


def test_flash_attention_is_put_into_its_place_when_it_is_set(model, monkeypatch):
    place = _HUB_KERNELS_REGISTRY[AttentionBackendName.FLASH_4_HUB]
    monkeypatch.setattr(place, "kernel_fn", None)
    set_attention(model, "flash_4_hub")
    assert place.kernel_fn is not None
    assert model.blocks[0].attn1.processor._attention_backend is AttentionBackendName.FLASH_4_HUB


def test_flash_attention_is_refused_where_the_model_runs_in_parallel(model):
    model.blocks[0].attn1.processor._parallel_config = object()
    with pytest.raises(ValueError, match="_native_cudnn"):
        set_attention(model, "flash_4_hub")


def test_attention_is_set_for_this_model_alone(model, given, expected):
    before = _AttentionBackendRegistry._active_backend
    assert use_best_attention(model) == "native"  # no card here
    assert (predict(model, given) - expected).abs().max() <= 1e-6
    assert _AttentionBackendRegistry._active_backend is before


def test_the_installed_flash_attention_gets_what_diffusers_hands_over(monkeypatch):
    """The operator itself runs on a card alone; here the package is a stand-in, called as the real one is."""
    called = {}

    def flash_attn_func(q, k, v, softmax_scale=None):
        called["scale"] = softmax_scale
        return torch.nn.functional.scaled_dot_product_attention(*(t.transpose(1, 2) for t in (q, k, v))).transpose(
            1, 2
        ), 0

    cute = ModuleType("flash_attn.cute")
    cute.flash_attn_func = flash_attn_func
    monkeypatch.setitem(sys.modules, "flash_attn", ModuleType("flash_attn"))
    monkeypatch.setitem(sys.modules, "flash_attn.cute", cute)
    q, k, v = torch.randn(3, 1, 6, 2, 8)

    out = attention._flash_4._init_fn(q, k, v, 0.5)

    assert called == {"scale": 0.5}
    assert out.shape == q.shape
    with pytest.raises(ValueError, match="causal"):
        attention._flash_4_for_diffusers(q, k, v, causal=True)


def test_float8_is_for_the_large_products_of_the_blocks():
    model = tiny_transformer()
    chosen = {name for name, module in model.named_modules() if fp8.in_fp8(module, name)}
    assert {"blocks.0.attn1.to_q", "blocks.2.attn2.to_out.0", "blocks.1.ffn.net.0.proj"} <= chosen
    assert not any(name.startswith(("audio_injector", "condition_embedder", "proj_out")) for name in chosen)
    assert len(chosen) == 3 * (4 + 2 + 2)


def test_float8_needs_a_card_that_has_it():
    with pytest.raises(ValueError, match=r"float8 needs compute capability 8\.9"):
        fp8.quantize_fp8(tiny_transformer())
