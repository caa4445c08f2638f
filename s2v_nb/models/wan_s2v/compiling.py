"""Compiling the blocks so that step caches stay outside."""

from types import MethodType
from typing import Any

import torch

from s2v_nb.models.wan_s2v.blocks import WanS2VTransformerBlock

GRAPHS = 128


def compile_blocks(transformer: Any, **options: Any) -> Any:
    """Compile what each block computes; the same as ``compile_repeated_blocks`` as long as there are no hooks.

    Diffusers' own method compiles a block together with its hooks. A step cache hangs an object of its own on each of
    the 40 blocks, so that each would be compiled anew, until the compiler gives up. Here the hooks are put around the
    compiled function: two graphs serve all blocks. Call it before ``enable_cache``.

    Parameters
    ----------
    transformer : WanS2VTransformer3DModel
    options : for ``torch.compile``; ``fullgraph=True, dynamic=False`` unless given: shapes differ between the first,
        the later and the last clip only, and a graph for each is faster than one for all

    Raises
    ------
    ValueError
        If a block has hooks already.
    """
    if any(hasattr(block, "_diffusers_hook") for block in transformer.blocks):
        raise ValueError(
            "the blocks have hooks of diffusers already: compile them first, then enable caches or offloading"
        )
    # Each layout of tokens is a graph for blocks with ears and one for those without. The default limit, 8, is reached
    # by the second song.
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, GRAPHS)
    forward = torch.compile(WanS2VTransformerBlock.forward, **{"fullgraph": True, "dynamic": False, **options})
    for block in transformer.blocks:
        block.forward = MethodType(forward, block)  # bound to the block itself, also in a copy of the model
    return transformer
