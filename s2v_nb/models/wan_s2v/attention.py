"""The fastest attention that is installed.

Attention is 60 % of a step at 35,000 tokens. On Hopper cuDNN's kernel is the best that torch brings along; flash-attn-4
(https://github.com/Dao-AILab/flash-attention, installed by pip) is faster, but diffusers knows it only as a kernel
that is fetched, as code, from the hub. Here the installed package is put in that place.
"""

import importlib.util
import logging
from typing import Any

import torch
from diffusers.models.attention import AttentionModuleMixin
from diffusers.models.attention_dispatch import _HUB_KERNELS_REGISTRY, AttentionBackendName

logger = logging.getLogger(__name__)

HOPPER = 9  # major compute capability
FLASH_4 = (9, 10)  # those that flash-attn-4 is written for


@torch.library.custom_op("s2v_nb::flash_4", mutates_args=(), device_types="cuda")
def _flash_4(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None) -> torch.Tensor:
    """Exact attention of (batch, tokens, heads, channels); a custom operator, so that it can be compiled around."""
    from flash_attn.cute import flash_attn_func

    out = flash_attn_func(query, key, value, softmax_scale=scale)
    return out[0] if isinstance(out, tuple) else out


@_flash_4.register_fake
def _(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None) -> torch.Tensor:
    return query.new_empty(*query.shape[:-1], value.shape[-1])


def _flash_4_for_diffusers(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, softmax_scale: float | None = None, causal: bool = False
) -> torch.Tensor:
    if causal:
        raise ValueError("causal=True: this network attends to all tokens")
    return _flash_4(q, k, v, softmax_scale)


def best_attention_backend(dtype: torch.dtype = torch.bfloat16) -> str:
    """The name of the fastest exact backend for this machine and type, as `set_attention` takes it."""
    if not torch.cuda.is_available() or torch.version.hip or dtype not in (torch.bfloat16, torch.float16):
        return AttentionBackendName.NATIVE.value
    major = torch.cuda.get_device_capability()[0]
    if major < HOPPER:
        return AttentionBackendName.NATIVE.value  # torch's own choice is flash attention, and as fast
    if major in FLASH_4 and _flash_4_installed():
        return AttentionBackendName.FLASH_4_HUB.value
    return AttentionBackendName._NATIVE_CUDNN.value


def _flash_4_installed() -> bool:
    """Whether flash-attn-4 is here; flash-attn 2 has the same name, but no ``cute`` in it."""
    try:
        return bool(importlib.util.find_spec("flash_attn.cute") and importlib.util.find_spec("cutlass"))
    except ModuleNotFoundError:
        return False


def use_best_attention(transformer: Any) -> str:
    """Set the fastest exact backend on the transformer; returns its name."""
    backend = best_attention_backend(transformer.trainable_condition_mask.weight.dtype)
    set_attention(transformer, backend)
    logger.info("attention backend: %s", backend)
    return backend


def set_attention(transformer: Any, backend: str) -> None:
    """`set_attention_backend`, for this model alone and from what is installed.

    Diffusers' own method also changes the default of every other model in the process, and asks for the package that
    fetches kernels even where the kernel is here.

    Raises
    ------
    ValueError
        If the model runs in parallel and the backend cannot: each process would attend to its own tokens alone.
    """
    name = AttentionBackendName(backend)
    processors = [module.processor for module in transformer.modules() if isinstance(module, AttentionModuleMixin)]
    if name is AttentionBackendName.FLASH_4_HUB:
        if any(processor._parallel_config is not None for processor in processors):
            raise ValueError(f"backend={backend!r} knows no context parallelism: use '_native_cudnn'")
        _HUB_KERNELS_REGISTRY[name].kernel_fn = _flash_4_for_diffusers
    for processor in processors:
        processor._attention_backend = name
