"""Products in float8 on Hopper and newer: twice the rate of bfloat16, at a measured loss.

Through torchao (https://github.com/pytorch/ao): activations are scaled row by row as they come, weights row by row
once. What is small or sensitive stays as it is: embeddings, modulations, the audio path, keys and values of the text.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

# Inside the blocks; everything outside them stays as well.
KEPT = ("attn2.to_k", "attn2.to_v")
NEEDED = (8, 9)  # compute capability


def in_fp8(module: nn.Module, name: str) -> bool:
    """Whether this layer's product is done in float8."""
    return isinstance(module, nn.Linear) and name.startswith("blocks.") and not name.endswith(KEPT)


def quantize_fp8(transformer: Any) -> Any:
    """Turn the products of a loaded transformer to float8, in place; it is to be compiled afterwards.

    Raises
    ------
    ValueError
        If the card has no float8.
    """
    _check_card()
    return _quantized(transformer, in_fp8)


def quantize_blocks(transformer: Any, device: torch.device, chosen: Callable[[nn.Module, str], bool] = in_fp8) -> None:
    """Bring a transformer from the machine's memory to the device, its products in float8, one block at a time.

    Raises
    ------
    ValueError
        If the card has no float8.
    """
    _check_card()
    for number, block in enumerate(transformer.blocks):
        block.to(device)
        _quantized(block, _inside(f"blocks.{number}.", chosen))
    transformer.to(device)


def _inside(prefix: str, chosen: Callable[[nn.Module, str], bool]) -> Callable[[nn.Module, str], bool]:
    """``chosen`` for the modules of one block, whose own names lack the prefix."""
    return lambda module, name: chosen(module, prefix + name)


def _check_card() -> None:
    capability = torch.cuda.get_device_capability() if torch.cuda.is_available() else (0, 0)
    if capability < NEEDED:
        raise ValueError(f"float8 needs compute capability {NEEDED[0]}.{NEEDED[1]}, this machine has "
                         f"{capability[0]}.{capability[1]}; leave the transformer in bfloat16")  # fmt: skip


def _quantized(module: Any, chosen: Callable[[nn.Module, str], bool]) -> Any:
    from torchao.quantization import Float8DynamicActivationFloat8WeightConfig, PerRow, quantize_

    # Torchao would also turn on the compiler's coordinate descent: minutes of compiling for one percent.
    config = Float8DynamicActivationFloat8WeightConfig(granularity=PerRow(), set_inductor_config=False)
    quantize_(module, config, filter_fn=chosen)
    return module
