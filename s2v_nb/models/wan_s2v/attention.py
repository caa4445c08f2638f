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

HOPPER = (9, 0)


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


def best_attention_backend() -> str:
    """The name of the fastest exact backend for this machine, as `set_attention_backend` takes it."""
    if not torch.cuda.is_available() or torch.version.hip:
        return "native"
    if torch.cuda.get_device_capability() < HOPPER:
        return "native"  # below, torch's own choice is flash attention, and as fast
    if importlib.util.find_spec("flash_attn") and importlib.util.find_spec("cutlass"):
        _HUB_KERNELS_REGISTRY[AttentionBackendName.FLASH_4_HUB].kernel_fn = _flash_4_for_diffusers
        return AttentionBackendName.FLASH_4_HUB.value
    return AttentionBackendName._NATIVE_CUDNN.value


def use_best_attention(transformer: Any) -> str:
    """Set the fastest exact backend on the transformer; returns its name."""
    backend = best_attention_backend()
    set_attention(transformer, backend)
    logger.info("attention backend: %s", backend)
    return backend


def set_attention(transformer: Any, backend: str) -> None:
    """`set_attention_backend`, for this model alone and from what is installed.

    Diffusers' own method also changes the default of every other model in the process, and asks for the package that
    fetches kernels even where the kernel is here.
    """
    for module in transformer.modules():
        if isinstance(module, AttentionModuleMixin):
            module.processor._attention_backend = AttentionBackendName(backend)
