"""Speed and memory of Wan2.2-S2V-14B at full size with random weights; writes bench/results/s2v_h100.json.

python bench/s2v_h100.py                     all that one GPU can do
python bench/s2v_h100.py forward fp8         only these parts
torchrun --nproc-per-node 2 bench/s2v_h100.py parallel

Needs a Hopper card with 80 GB and `pip install s2v_nb[gpu,quant]`; flash-attn-4 (pip, with nvidia-cutlass-dsl[cu13])
is used where it is installed. Random weights give true times and sizes; what depends on the values of the velocity,
such as how often a step cache skips, they do not show.
"""

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import keep
from diffusers import AutoencoderKLWan
from diffusers.hooks import FirstBlockCacheConfig
from diffusers.hooks.first_block_cache import FBCHeadBlockHook

from s2v_nb.models.wan_s2v.attention import set_attention, use_best_attention
from s2v_nb.models.wan_s2v.audio import audio_features
from s2v_nb.models.wan_s2v.compiling import compile_blocks
from s2v_nb.models.wan_s2v.fp8 import quantize_fp8
from s2v_nb.models.wan_s2v.pipeline import WanS2VPipeline
from s2v_nb.models.wan_s2v.schedule import flow_unipc
from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel

GPU = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
SIZES = {"480p": (60, 104), "720p": (90, 160)}  # latents of 832x480 and 1280x720
# ../shared/models.md, measured on an H100 80GB with torch 2.11
OFFICIAL = {
    "480p": {"cudnn": 4.24, "flash": 5.33, "arithmetic": 2.85},
    "720p": {"cudnn": 15.1, "flash": 20.8, "arithmetic": 11.7},
}
TARGETS = {
    "bf16": {"480p": 3.1, "720p": 12.3},
    "fp8": {"480p": 2.5, "720p": 11.0},
    "memory": {"480p": 3.5, "720p": 7.0},
}
CUDNN = "_native_cudnn"
LATENT_FRAMES = 20  # of a clip of 80 frames
SECONDS = 8.0
GB = 1e9


def main() -> None:
    if sys.argv[1:] == ["parallel"]:
        parallel()
    elif sys.argv[1:] == ["_first_call"]:
        first_call()
    else:
        all_parts(sys.argv[1:])


def all_parts(names: list[str]) -> None:
    parts: dict[str, Callable[[], dict]] = {
        "forward": forward, "warm_cache": warm_cache, "fp8": fp8, "vae": vae, "encoders": encoders,
        "clip_20": clip_20, "clip_40": clip_40,
    }  # fmt: skip
    for name in names or parts:
        began = time.perf_counter()
        path = keep("s2v_h100", {name: parts[name]()})
        say(f"{name}: {time.perf_counter() - began:.0f} s")
    print(table(path))


def table(path: Path) -> str:
    """The figures of the result file, one a line."""
    lines = [f"{part:<11} {where:<52} {value}" for part, found in json.loads(path.read_text()).items()
             for where, value in _figures(found)]  # fmt: skip
    return "\n".join(lines)


def _figures(found: dict, above: str = "") -> Iterator[tuple[str, float]]:
    for name, value in found.items():
        if isinstance(value, dict) and name != "machine":
            yield from _figures(value, f"{above}{name}, ")
        elif isinstance(value, int | float):
            yield above + name, value


def say(*words: Any) -> None:
    print(*words, flush=True)


def random_transformer(**config: Any) -> WanS2VTransformer3DModel:
    """The 14B network in bfloat16 on the GPU, weights as an initialisation would draw them."""
    with torch.device("meta"):
        model = WanS2VTransformer3DModel(**config)
    generator = torch.Generator(GPU).manual_seed(0)
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                value = _random(parameter, "norm" in type(module).__name__.lower() and name == "weight", generator)
                module._parameters[name] = torch.nn.Parameter(value.bfloat16(), requires_grad=False)
    for name, parameter in model.named_parameters():
        if any(kept in name.split(".") for kept in model._keep_in_fp32_modules):
            parameter.data = parameter.data.float()
    return model.eval()


def _random(parameter: torch.Tensor, is_scale: bool, generator: torch.Generator) -> torch.Tensor:
    value = torch.randn(parameter.shape, device=GPU, generator=generator)
    if parameter.ndim > 1:
        return value * parameter[0].numel() ** -0.5
    return 1 + 0.1 * value if is_scale else 0.02 * value


def later_clip(size: str, frames: int = LATENT_FRAMES) -> tuple:
    """Inputs of one forward of a clip that has a past."""
    generator = torch.Generator(GPU).manual_seed(1)
    height, width = SIZES[size]

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, device=GPU, generator=generator)

    return (draw(1, 16, frames, height, width), torch.tensor([500], device=GPU), draw(1, 512, 4096).bfloat16(),
            draw(1, 16, 1, height, width), draw(1, 16, 19, height, width), None,
            draw(1, 25, 1024, 4 * frames))  # fmt: skip


@torch.no_grad()
def measured(model: WanS2VTransformer3DModel, inputs: tuple, repeats: int) -> tuple[torch.Tensor, dict]:
    """The output, and seconds of the first call and of each after it, and bytes above what lay there before."""
    gc.collect()
    torch.cuda.empty_cache()
    weights = torch.cuda.memory_allocated()
    seconds = []
    with model.remembering():
        for _ in range(repeats + 1):
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
            began = time.perf_counter()
            output = model(*inputs, return_dict=False)[0]
            torch.cuda.synchronize()
            seconds.append(time.perf_counter() - began)
    assert torch.isfinite(output).all()
    peak = torch.cuda.max_memory_allocated() - weights
    result = {"seconds": round(float(np.median(seconds[1:])), 3), "first_call_seconds": round(seconds[0], 1),
              "peak_above_weights_gb": round(peak / GB, 2)}  # fmt: skip
    say("   ", result, [round(second, 3) for second in seconds[1:]])
    return output, result


def compiled(model: WanS2VTransformer3DModel, fullgraph: bool = True) -> WanS2VTransformer3DModel:
    torch._dynamo.reset()
    model.compile_repeated_blocks(fullgraph=fullgraph, dynamic=False)
    return model


def uncompiled(model: WanS2VTransformer3DModel) -> WanS2VTransformer3DModel:
    for block in model.blocks:
        block._compiled_call_impl = None
    return model


def machine() -> dict:
    return {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "cudnn": torch.backends.cudnn.version()}


def forward() -> dict:
    """One forward, batch 1, a later clip of 80 frames; the larger size with the backend that won at the smaller."""
    model = random_transformer()
    result: dict = {**machine(), "what": "one forward, bf16", "official_h100": OFFICIAL, "targets": TARGETS,
                    "weights_gb": round(torch.cuda.memory_allocated() / GB, 1)}  # fmt: skip
    best, inputs = use_best_attention(model), later_clip("480p")
    model.set_attention_backend(CUDNN)
    result[f"eager {CUDNN}"] = {"480p": measured(model, inputs, 2)[1]}
    for backend in dict.fromkeys([CUDNN, best]):
        say(backend)
        set_attention(model, backend)
        result[f"compiled {backend}"] = {"480p": measured(compiled(model), inputs, 3)[1]}
    best = min((CUDNN, best), key=lambda backend: result[f"compiled {backend}"]["480p"]["seconds"])
    set_attention(model, best)
    result[f"compiled {best}"]["720p"] = measured(compiled(model), later_clip("720p"), 2)[1]
    return result


def first_call() -> None:
    """In a process of its own: how long the first call takes once the compiler's cache is filled."""
    model = random_transformer()
    use_best_attention(model)
    print("first", measured(compiled(model), later_clip("480p"), 1)[1]["first_call_seconds"])


def warm_cache() -> dict:
    """Compile time, cold and with the compiler's cache directory filled, each in a fresh process."""
    result = {}
    folder = f"/tmp/s2v_inductor_{os.getpid()}"
    for name in ("cold", "warm"):
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder}
        done = subprocess.run(
            [sys.executable, __file__, "_first_call"], env=environment, check=True, capture_output=True, text=True
        )
        result[name] = float(done.stdout.split("first")[-1])
    return {"what": "first forward at 480p in a new process, seconds, compiling counted", **machine(), **result}


@torch.no_grad()
def fp8() -> dict:
    """Products in float8 against bf16."""
    model = random_transformer()
    backend = use_best_attention(model)
    exact = measured(compiled(model), later_clip("480p"), 1)[0]
    quantize_fp8(uncompiled(model))
    gc.collect()
    torch.cuda.empty_cache()
    result: dict = {**machine(), "what": "one forward, float8 products", "backend": backend,
                    "weights_gb": round(torch.cuda.memory_allocated() / GB, 1)}  # fmt: skip
    for size in SIZES:
        output, result[size] = measured(compiled(model), later_clip(size), 2)
        if size == "480p":
            result[size]["relative_l2_to_bf16"] = round(distance(output, exact), 4)
    return result


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


@torch.no_grad()
def vae() -> dict:
    """Encoding the motion frames, decoding a later clip with them in front."""
    result: dict = {**machine(), "what": "VAE: 73 frames encoded, 39 latent frames decoded"}
    for dtype, sizes in ((torch.bfloat16, list(SIZES)), (torch.float32, ["480p"])):
        with torch.device(GPU):
            model = AutoencoderKLWan().to(dtype).eval()
        model.decode(torch.randn(1, 16, 2, 60, 104, device=GPU, dtype=dtype))  # warm
        for size in sizes:
            for tiled in (False, True):
                (model.enable_tiling if tiled else model.disable_tiling)()
                name = f"{size} {str(dtype).removeprefix('torch.')}{' tiled' if tiled else ''}"
                say(name, result.setdefault(name, _vae_times(model, *SIZES[size], dtype)))
    return result


def _vae_times(model: AutoencoderKLWan, height: int, width: int, dtype: torch.dtype) -> dict:
    pixels = torch.rand(1, 3, 73, 8 * height, 8 * width, device=GPU, dtype=dtype) * 2 - 1
    latents = torch.randn(1, 16, 39, height, width, device=GPU, dtype=dtype)
    return {"encode": timed(lambda: model.encode(pixels).latent_dist.mode()),
            "decode": timed(lambda: model.decode(latents, return_dict=False)[0])}  # fmt: skip


def timed(work: Callable[[], Any]) -> dict:
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return {"seconds": round(time.perf_counter() - began, 3),
            "peak_gb": round((torch.cuda.max_memory_allocated() - before) / GB, 2)}  # fmt: skip


def wav2vec2() -> Any:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    config = Wav2Vec2Config(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
                            feat_extract_norm="layer", conv_bias=True, do_stable_layer_norm=True)  # fmt: skip
    with torch.device(GPU):
        return Wav2Vec2Model(config).eval()


@torch.no_grad()
def encoders() -> dict:
    """UMT5-XXL on 512 tokens, wav2vec2-large on an excerpt and on a whole song."""
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config(vocab_size=256384, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
                        feed_forward_proj="gated-gelu")  # fmt: skip
    with torch.device(GPU):
        text = UMT5EncoderModel(config).bfloat16().eval()
    tokens = torch.randint(0, 256384, (1, 512), device=GPU)
    mask = torch.ones_like(tokens)
    work: dict[str, Callable[[], Any]] = {"UMT5-XXL, 512 tokens, bf16": lambda: text(tokens, mask).last_hidden_state}
    model, song = wav2vec2(), np.random.default_rng(0).standard_normal(240 * 16_000).astype(np.float32) * 0.1
    for seconds in (8, 240):
        excerpt = song[: seconds * 16_000]
        work[f"wav2vec2, {seconds} s, float32"] = lambda excerpt=excerpt: audio_features(model, None, excerpt, 16_000)
    result: dict = {**machine(), "what": "seconds of the second call, GB above weights"}
    for name, once in work.items():
        once()
        say(name, result.setdefault(name, timed(once)))
    return result


def pipeline(transformer: WanS2VTransformer3DModel) -> WanS2VPipeline:
    with torch.device(GPU):
        decoder = AutoencoderKLWan().bfloat16().eval()
    pipe = WanS2VPipeline(transformer, decoder, flow_unipc(), audio_encoder=wav2vec2())
    pipe.set_progress_bar_config(disable=True)
    return pipe


def whole_clip(pipe: WanS2VPipeline, max_area: int = 480 * 832, **options: Any) -> dict:
    """8 s at 832x448, from picture and song in memory to frames in memory."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (480, 832, 3), dtype=np.uint8)
    song = (rng.standard_normal(int(SECONDS * 16_000)) * 0.1).astype(np.float32)
    embeds = torch.randn(512, 4096, device=GPU).bfloat16()
    torch.cuda.synchronize()
    began = time.perf_counter()
    out = pipe(image, song, 16_000, prompt_embeds=embeds, negative_prompt_embeds=-embeds, seed=1, max_area=max_area,
               output_type="uint8", **options)  # fmt: skip
    return {"seconds": round(time.perf_counter() - began, 1), "frames": out.frames.shape[1]}


def ready() -> tuple[WanS2VTransformer3DModel, WanS2VPipeline, dict]:
    """The pipeline, compiled, and what is said of it."""
    model = random_transformer()
    about = {
        **machine(),
        "what": "8 s at 832x448 (sides are multiples of 64) as a whole, as long as the song, bf16, compiled",
        "official": "2 clips of 80 frames x 40 steps x 2 passes",
        "backend": use_best_attention(model),
    }
    return model, pipeline(compile_blocks(model)), about


def clip_40() -> dict:
    """40 steps, guided in all of them."""
    _, pipe, about = ready()
    whole_clip(pipe, fit_length=True, num_inference_steps=1)  # compiles for the lengths of both clips
    few, more = (whole_clip(pipe, fit_length=True, num_inference_steps=steps)["seconds"] for steps in (1, 4))
    step = (more - few) / 3
    return {**about, "how": "worked out from runs of 1 and 4 steps", "seconds_a_step": round(step, 2),
            "seconds": round(few + 39 * step, 1)}  # fmt: skip


def clip_20() -> dict:
    """20 steps, guided in the first 60 %, with a first-block cache."""
    model, pipe, about = ready()
    quick = {"fit_length": True, "guidance_interval": (0.0, 0.6)}
    model.enable_cache(FirstBlockCacheConfig(threshold=0.1))
    whole_clip(pipe, **quick, num_inference_steps=1)
    counted = Skips()
    return {**about, **whole_clip(pipe, **quick, num_inference_steps=20), **counted.done()}


class Skips:
    """Counts what the first-block cache decides."""

    def __init__(self) -> None:
        self.decisions: list[bool] = []
        self.decide = FBCHeadBlockHook._should_compute_remaining_blocks
        FBCHeadBlockHook._should_compute_remaining_blocks = torch.compiler.disable(self._noted)

    def _noted(self, *arguments: Any) -> bool:
        self.decisions.append(self.decide(*arguments))
        return self.decisions[-1]

    def done(self) -> dict:
        FBCHeadBlockHook._should_compute_remaining_blocks = self.decide
        return {"passes": len(self.decisions), "of them whole": sum(self.decisions)}


def parallel() -> None:
    """Context parallelism (Ulysses) over two GPUs against one of them, both with cuDNN's attention, compiled."""
    from diffusers import ContextParallelConfig

    torch.distributed.init_process_group("nccl", device_id=GPU)
    torch.cuda.set_device(GPU)
    model = random_transformer()
    model.set_attention_backend(CUDNN)
    alone, results = {}, {**machine(), "what": "one forward, bf16, compiled: one H200 against two"}
    for size in SIZES:
        alone[size], one = measured(compiled(model), later_clip(size), 2)
        results[size] = {"one": one}
    torch.distributed.barrier()
    uncompiled(model).enable_parallelism(config=ContextParallelConfig(ulysses_degree=2))
    compiled(model, fullgraph=False)
    for size in SIZES:
        output, two = measured(model, later_clip(size), 3)
        results[size] |= {"two": two, "relative_l2": round(distance(output, alone[size]), 5),
                          "times": round(results[size]["one"]["seconds"] / two["seconds"], 2)}  # fmt: skip
    if torch.distributed.get_rank() == 0:
        print(table(keep("s2v_h100", {"parallel": results})))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
