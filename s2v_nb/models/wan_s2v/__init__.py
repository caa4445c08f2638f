"""Wan2.2-S2V-14B for diffusers: speech, singing and music to video.

Written from a specification of the published network on the building blocks of diffusers and transformers; held to
reference numbers by tests. See docs/wan_s2v.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2v_nb.models.wan_s2v.attention import use_best_attention
    from s2v_nb.models.wan_s2v.clips import Clip, Resume
    from s2v_nb.models.wan_s2v.compiling import compile_blocks
    from s2v_nb.models.wan_s2v.fp8 import quantize_fp8
    from s2v_nb.models.wan_s2v.guidance import Guidance
    from s2v_nb.models.wan_s2v.loading import CheckpointError, load_transformer
    from s2v_nb.models.wan_s2v.pipeline import WanS2VPipeline, WanS2VPipelineOutput
    from s2v_nb.models.wan_s2v.schedule import flow_unipc
    from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel

# Name to module: importing this package alone must not import torch.
_HOME = {
    "CheckpointError": "loading",
    "Clip": "clips",
    "Guidance": "guidance",
    "Resume": "clips",
    "WanS2VPipeline": "pipeline",
    "WanS2VPipelineOutput": "pipeline",
    "WanS2VTransformer3DModel": "transformer",
    "compile_blocks": "compiling",
    "flow_unipc": "schedule",
    "load_transformer": "loading",
    "quantize_fp8": "fp8",
    "use_best_attention": "attention",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
