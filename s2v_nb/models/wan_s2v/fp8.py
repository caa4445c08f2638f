"""Products in float8 on Hopper and newer: twice the rate of bfloat16, at a measured loss.

Through torchao (https://github.com/pytorch/ao): activations are scaled row by row as they come, weights row by row
once. What is small or sensitive stays as it is: embeddings, modulations, the audio path, keys and values of the text.
"""

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
    from torchao.quantization import Float8DynamicActivationFloat8WeightConfig, PerRow, quantize_

    capability = torch.cuda.get_device_capability() if torch.cuda.is_available() else (0, 0)
    if capability < NEEDED:
        raise ValueError(f"float8 needs compute capability {NEEDED[0]}.{NEEDED[1]}, this machine has "
                         f"{capability[0]}.{capability[1]}; leave the transformer in bfloat16")  # fmt: skip
    # Torchao would also turn on the compiler's coordinate descent: minutes of compiling for one percent.
    config = Float8DynamicActivationFloat8WeightConfig(granularity=PerRow(), set_inductor_config=False)
    quantize_(transformer, config, filter_fn=in_fp8)
    return transformer
