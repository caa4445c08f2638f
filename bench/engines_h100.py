"""The two GPU engines at full size with random weights; writes bench/results/engines_h100.json.

python bench/engines_h100.py FOLDER              all, each part in a process of its own
python bench/engines_h100.py FOLDER clip caps    only these parts

FOLDER takes the weights (57 GB), written in the layouts of the published ones; they are kept and used again. Needs a
Hopper card and `pip install s2v_nb[gpu,quant]`. Random weights give true times and sizes; pictures they do not give.
"""

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/s2v_nb-models").absolute()
os.environ["S2V_NB_MODELS"] = str(FOLDER)
os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")

import numpy as np
import torch
from common import keep
from safetensors.torch import save_file

from s2v_nb.models.catalog import get_model
from s2v_nb.models.devices import measured_device
from s2v_nb.models.download import located
from s2v_nb.models.memory import MemoryPlan, Shape, plans

GPU = torch.device("cuda")
GB = 1e9
NAME = "engines_h100"
SHARD = 9e9  # bytes
SECONDS = {"write": 260, "load": 150, "clip": 200, "cover": 200, "singer480": 200, "singer720": 300, "disk": 200}
UMT5 = {"vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64,
        "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}  # fmt: skip
TI2V = {"num_attention_heads": 24, "attention_head_dim": 128, "in_channels": 48, "out_channels": 48, "ffn_dim": 14336,
        "num_layers": 30}  # fmt: skip
VAE_22 = {"base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "dim_mult": [1, 2, 4, 4], "is_residual": True,
          "in_channels": 12, "out_channels": 12, "patch_size": 2, "scale_factor_spatial": 16,
          "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48}  # fmt: skip
HEARING = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
           "feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}  # fmt: skip


def main() -> None:
    names = sys.argv[2:]
    if names and names[0].startswith("_"):
        PARTS[names[0][1:]]()
        return
    for name in names or list(PARTS):
        began = time.perf_counter()
        command = [sys.executable, __file__, str(FOLDER), f"_{name}"]
        try:
            done = subprocess.run(command, timeout=SECONDS.get(name, 200))
            say(f"== {name}: status {done.returncode}, {time.perf_counter() - began:.0f} s")
        except subprocess.TimeoutExpired:
            say(f"== {name}: given up after {SECONDS.get(name, 200)} s")


def say(*words: Any) -> None:
    print(*words, flush=True)


def result(name: str, values: dict[str, Any]) -> None:
    """Keep figures at once, so that a later part that fails loses nothing."""
    about = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    keep(NAME, {name: {**about, **values}})
    say(f"{name}: kept")


# --- weights


def write() -> None:
    """Random weights of every component, on this disk, in the published layouts."""
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel, Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel

    began = time.perf_counter()
    bf16 = torch.bfloat16
    _write("fastwan-ti2v-5b", lambda: WanTransformer3DModel(**TI2V), bf16)
    _write("wan22-vae", lambda: AutoencoderKLWan(**VAE_22), bf16)
    _write("umt5-xxl", lambda: UMT5EncoderModel(UMT5Config(**UMT5)), bf16)
    _write("wan21-vae", AutoencoderKLWan, bf16)
    _write("wav2vec2-xlsr-english", lambda: Wav2Vec2Model(Wav2Vec2Config(**HEARING)), torch.float32)
    Wav2Vec2FeatureExtractor().save_pretrained(FOLDER / "wav2vec2-xlsr-english")
    _write("wan-s2v-14b", WanS2VTransformer3DModel, bf16)
    (FOLDER / "wan-ti2v-5b").exists() or (FOLDER / "wan-ti2v-5b").symlink_to("fastwan-ti2v-5b")
    _write_tokenizer()
    say(f"written in {time.perf_counter() - began:.0f} s")


def _write(key: str, build: Callable[[], Any], dtype: torch.dtype) -> None:
    place = FOLDER / key
    if place.exists():
        return
    from diffusers import ModelMixin

    scratch = FOLDER / f".{key}"
    scratch.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        model = build()
    names = [name for name in model.state_dict() if name != "encoder.embed_tokens.weight"]
    shards: list[list[str]] = [[]]
    held = 0.0
    for name in names:
        size = model.state_dict()[name].numel() * dtype.itemsize
        if held + size > SHARD and shards[-1]:
            shards.append([])
            held = 0.0
        shards[-1].append(name)
        held += size
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    stem = "diffusion_pytorch_model" if isinstance(model, ModelMixin) else "model"  # diffusers, transformers
    generator = torch.Generator(GPU).manual_seed(0)
    index: dict[str, str] = {}
    for number, some in enumerate(shards, 1):
        file = f"{stem}-{number:05d}-of-{len(shards):05d}.safetensors" if len(shards) > 1 else f"{stem}.safetensors"
        save_file({name: _random(name, shapes[name], dtype, generator) for name in some}, scratch / file)
        index |= dict.fromkeys(some, file)
    if len(shards) > 1:
        (scratch / f"{stem}.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    config = model.config if isinstance(model.config, dict) else model.config.to_dict()
    (scratch / "config.json").write_text(json.dumps({**config, "_class_name": type(model).__name__}, default=str))
    scratch.rename(place)


def _random(name: str, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    """As an initialisation would draw it."""
    value = torch.randn(shape, device=GPU, generator=generator, dtype=torch.float32)
    is_scale = name.endswith("gamma") or ("norm" in name and name.endswith("weight"))
    spread = value[0].numel() ** -0.5 if value.ndim > 1 else 0.02
    return (1 + 0.1 * value if is_scale else spread * value).to(dtype).cpu()


def _write_tokenizer() -> None:
    from tests.models.wan_s2v.tiny_pipeline import tiny_text

    tiny_text()[1].save_pretrained(FOLDER / "umt5-tokenizer")


# --- loading


def load() -> None:
    """The S2V transformer from files in the page cache to the GPU: ours, reading the bytes, and from_pretrained."""
    from s2v_nb.models.wan_s2v.loading import load_transformer
    from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel

    folder = FOLDER / "wan-s2v-14b"
    files = sorted(folder.glob("*.safetensors"))
    _read(files)  # into the page cache
    read = _read(files)
    torch.zeros(1, device=GPU)
    values = {"bytes_gb": round(sum(f.stat().st_size for f in files) / GB, 1), "read_seconds": round(read, 2)}
    seconds, model = _timed(lambda: load_transformer(folder, torch.bfloat16, device=GPU))
    values["ours_seconds"] = round(seconds, 2)
    del model
    _empty()
    seconds, model = _timed(lambda: load_transformer(folder, torch.bfloat16, device=GPU, stream=True))
    values["ours_to_locked_memory_seconds"] = round(seconds, 2)
    model.streamed.close()
    del model
    _empty()
    stock = WanS2VTransformer3DModel.from_pretrained
    seconds, _ = _timed(lambda: stock(folder, torch_dtype=torch.bfloat16).to(GPU))
    values["from_pretrained_seconds"] = round(seconds, 2)
    values["times_reading"] = round(values["ours_seconds"] / read, 2)
    result("load", values)


def _read(files: list[Path]) -> float:
    """Seconds to read the files once, one after the other, into a buffer that is used again."""
    buffer, began = bytearray(64 * 2**20), time.perf_counter()
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.perf_counter() - began


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    torch.cuda.synchronize()
    began = time.perf_counter()
    made = work()
    torch.cuda.synchronize()
    return time.perf_counter() - began, made


def _empty() -> None:
    gc.collect()
    torch.cuda.empty_cache()


# --- whole clips


def clip() -> None:
    """8 s of 1280x720 at 30 fps, from picture and song to MP4, by the distilled 5B model, loaded before."""
    import tempfile

    from s2v_nb import generate, sample_audio, sample_image
    from s2v_nb.models.cache import CACHE
    from s2v_nb.progress import Progress
    from s2v_nb.session import cache_folder

    scratch = Path(tempfile.mkdtemp())
    image, audio = sample_image(scratch / "cover.png"), sample_audio(scratch / "song.wav")
    common = {"engine": "wan-ti2v-5b", "duration": 8, "prompt": "slow pan right, subtle glow", "start": 4.0}
    times: list[dict[str, float]] = []
    for seed in range(3):
        for heard in cache_folder().glob("rhythm/*.json"):
            heard.unlink()  # the song is heard anew each time
        log = StageLog()
        torch.cuda.reset_peak_memory_stats()
        with log.watching_the_model():
            began = time.perf_counter()
            generate(image, audio, seed=seed, runs=scratch / "runs", progress=Progress(log.view), **common)
            log.times["total"] = time.perf_counter() - began
        times.append({name: round(value, 2) for name, value in log.times.items()})
        say(times[-1])
    key = next(iter(CACHE._entries))
    began = time.perf_counter()
    with CACHE.use(key, lambda: None):
        second = time.perf_counter() - began
    peak = round(torch.cuda.max_memory_allocated() / GB, 2)
    found = {"first": times[0], "later": times[1:], "second_use_ms": round(second * 1e3, 4), "peak_gb": peak}
    result("clip", {"what": clip.__doc__, **found})


class StageLog:
    """Seconds of each stage of a clip: those that a person sees, and those inside the model."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self._began = time.perf_counter()

    def view(self, state: Any) -> None:
        self.times[f"until {state.stage}"] = round(time.perf_counter() - self._began, 2)

    @contextmanager
    def watching_the_model(self) -> Iterator[None]:
        from s2v_nb.media import parts
        from s2v_nb.models import wan_vae
        from s2v_nb.models.wan_ti2v.loaded import LoadedTI2V
        from s2v_nb.runs import generation, material

        watched = (
            ("hearing", material, "analyze"), ("text", LoadedTI2V, "embed"), ("parts", LoadedTI2V, "make_part"),
            ("ending parts of the file", parts._Part, "finish"), ("joining them", generation, "join_parts"),
            ("clearing up", generation.shutil, "rmtree"),
        )  # fmt: skip
        before = [(owner, method, getattr(owner, method)) for _, owner, method in watched]
        decode = wan_vae.decode

        def timed_decode(*arguments: Any, **options: Any) -> Iterator[torch.Tensor]:
            torch.cuda.synchronize()
            began = time.perf_counter()
            yield from decode(*arguments, **options)
            torch.cuda.synchronize()
            self._add("decoding", began)
            self.times["decoded at"] = round(time.perf_counter() - self._began, 2)

        def timed(name: str, function: Callable) -> Callable:
            def run(*arguments: Any, **options: Any) -> Any:
                began = time.perf_counter()
                try:
                    return function(*arguments, **options)
                finally:
                    self._add(name, began)

            return run

        wan_vae.decode = timed_decode
        for name, owner, method in watched:
            setattr(owner, method, timed(name, getattr(owner, method)))
        try:
            yield
        finally:
            wan_vae.decode = decode
            for owner, method, function in before:
                setattr(owner, method, function)

    def _add(self, name: str, began: float) -> None:
        self.times[name] = self.times.get(name, 0.0) + time.perf_counter() - began


# --- parts under a cap


def way_of(key: str, shape: Shape, way: str, part: int, tiles: int) -> MemoryPlan:
    """The rung of the ladder with these choices."""
    found = plans(get_model(key), shape, replace(measured_device(), gpu_free=1e12))
    return next(p for p in found if (p.way, p.part, p.tiles) == (way, part, tiles))


@contextmanager
def capped(gigabytes: float | None) -> Iterator[None]:
    """A hard limit on what this process may take of the GPU."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * GB / total) if gigabytes else 1.0)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


class Phases:
    """The peak of memory of each phase."""

    def __init__(self) -> None:
        self.peaks: dict[str, float] = {}
        torch.cuda.reset_peak_memory_stats()

    def end(self, name: str) -> None:
        peak = torch.cuda.max_memory_allocated() / GB
        self.peaks[name] = max(self.peaks.get(name, 0.0), round(peak, 2))
        torch.cuda.reset_peak_memory_stats()

    def watch(self, owner: Any, method: str) -> None:
        function = getattr(owner, method)

        def run(*arguments: Any, **options: Any) -> Any:
            self.end("between")
            try:
                return function(*arguments, **options)
            finally:
                self.end(method.strip("_"))

        setattr(owner, method, run)


def measured_row(name: str, found: MemoryPlan, cap: float | None, make: Callable[[Any, Phases, list[float]], None],
                 loaded: Any) -> dict[str, Any]:  # fmt: skip
    """Run something once; how long a step takes, the whole, and the peak against what was planned."""
    steps: list[float] = []
    phases = Phases()
    began = time.perf_counter()
    try:
        make(loaded, phases, steps)
        failed = None
    except torch.OutOfMemoryError as error:
        failed = str(error)[:200]
    torch.cuda.synchronize()
    gaps = np.diff(steps)
    peak = max(phases.peaks.values(), default=0.0)
    row = {
        "way": found.way, "part": found.part, "tiles": found.tiles, "cap_gb": cap, "failed": failed,
        "step_seconds": round(float(np.median(gaps[1:])), 3) if len(gaps) > 1 else None,  # the first compiles
        "whole_seconds": round(time.perf_counter() - began, 1), "peaks_gb": phases.peaks,
        "predicted_gb": round(found.peak_bytes / GB, 2), "measured_gb": peak,
        "reserved_gb": round(torch.cuda.max_memory_reserved() / GB, 2),
    }  # fmt: skip
    say(name, json.dumps(row))
    return row


def cover() -> None:
    """5B, one part of 121 frames of 1280x704 with text and VAE: all on the card, and under caps."""
    from s2v_nb.models.wan_ti2v.loaded import LoadedTI2V

    model, shape = get_model("wan-ti2v-5b-fast"), Shape(1280, 704, 121)
    picture = np.random.default_rng(0).integers(0, 255, (704, 1280, 3), dtype=np.uint8)
    rows = {}
    for name, way, part, tiles, cap in (
        ("resident", "resident", 16384, 1, None), ("6 GB", "host", 16384, 2, 6.0), ("5 GB", "host", 8192, 3, 5.0),
        ("4.5 GB", "host", 4096, 4, 4.5), ("disk", "disk", 8192, 4, 5.0),
    ):  # fmt: skip
        found = way_of(model.key, shape, way, part, tiles)
        with capped(cap):
            loaded = LoadedTI2V(located(model), found, "cuda", model.defaults)

            def make(loaded: Any, phases: Phases, steps: list[float]) -> None:
                phases.watch(loaded, "embed")
                phases.watch(loaded.pipeline, "prepare_latents")

                def on_step(step: int, total: int) -> None:
                    torch.cuda.synchronize()
                    if len(steps) <= model.defaults["steps"]:  # decoding is counted as steps, too
                        steps.append(time.perf_counter())
                        phases.end("denoise" if step else "before")

                def write(chunk: np.ndarray) -> None:
                    phases.end("decode")

                loaded.make_part(picture, "slow pan right", 1.0, 121, 1, write=write, on_step=on_step)

            loaded.make_part(picture, "a first time", 1.0, 121, 0, write=lambda chunk: None)  # kernels are made
            rows[name] = measured_row(f"cover {name}", found, cap, make, loaded)
            result("cover", {"what": cover.__doc__, "rows": rows})
            loaded.close()
            del loaded
            _empty()


def singer(size: tuple[int, int], ways: list[tuple], name: str, steps: int) -> None:
    """S2V, 80 frames, one clip with text encoder, motion frames, audio encoder and VAE; one pass a step."""
    import s2v_nb.models.wan_s2v.pipeline as pipelines
    from s2v_nb.models.wan_s2v.loaded import LoadedS2V, Singing

    width, height = size
    pipelines.clip_size = lambda *_: (height, width)  # exactly this size; it would be a multiple of 64
    model, shape = get_model("wan-s2v-14b"), Shape(width, height, 80)
    picture = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    sound = (np.random.default_rng(1).standard_normal((2, int(4.99 * 44100))) * 0.1).astype(np.float32)
    rows = {}
    for label, way, part, tiles, cap in ways:
        found = way_of(model.key, shape, way, part, tiles)
        with capped(cap):
            seconds, loaded = _timed(lambda found=found: LoadedS2V(located(model), found, "cuda", model.defaults))
            say(label, "loaded in", round(seconds, 1))

            def make(loaded: Any, phases: Phases, seen: list[float]) -> None:
                for method in ("_encode", "_hear", "_denoise", "_decode"):
                    phases.watch(loaded.pipeline, method)
                phases.watch(loaded, "embed")
                denoise = loaded.pipeline._denoise

                def denoised(*arguments: Any) -> torch.Tensor:
                    latents = denoise(*arguments)
                    torch.cuda.synchronize()
                    seen.append(time.perf_counter())  # the end of the last step
                    return latents

                loaded.pipeline._denoise = denoised

                def on_step(_: int, step: int, total: int) -> None:
                    torch.cuda.synchronize()
                    seen.append(time.perf_counter())

                how = Singing("she sings", steps, 1.0, 1.0, 3.0, 0, 80)
                loaded.sing(picture, sound, 44100, how, on_clip=lambda clip: None, on_step=on_step)

            rows[label] = measured_row(f"{name} {label}", found, cap, make, loaded)
            result(name, {"what": singer.__doc__, "rows": rows})
            loaded.close()
            del loaded
            _empty()


def singer480() -> None:
    ways = [("resident", "resident", 16384, 1, None), ("6 GB", "host", 16384, 1, 6.0), ("5 GB", "host", 4096, 2, 5.0)]
    ways = ways[2:] if os.environ.get("LAST") else ways
    singer((832, 480), ways, "singer480", 3)


def singer720() -> None:
    ways = [("resident", "resident", 16384, 1, None), ("8 GB", "host", 16384, 2, 8.0), ("7 GB", "host", 4096, 3, 7.0)]
    ways = ways[1:] if os.environ.get("LAST") else ways
    singer((1280, 720), ways, "singer720", 2)


def disk() -> None:
    """S2V from the disk, and in float8."""
    singer((832, 480), [("disk", "disk", 8192, 2, 6.0), ("fp8", "fp8", 16384, 1, None)], "singer480_other", 3)


def planner() -> None:
    """What was planned against what was measured, of all rows."""
    found = json.loads((Path(__file__).parent / "results" / f"{NAME}.json").read_text())
    rows = [
        {"what": f"{part} {label}", "predicted_gb": row["predicted_gb"], "measured_gb": row["measured_gb"]}
        for part, values in found.items() if isinstance(values.get("rows"), dict)
        for label, row in values["rows"].items() if not row["failed"]
    ]  # fmt: skip
    for row in rows:
        row["off"] = round(row["predicted_gb"] / row["measured_gb"] - 1, 3)
        say(row)
    keep(NAME, {"planner": {"rows": rows, "worst": max(abs(row["off"]) for row in rows)}})


PARTS: dict[str, Callable[[], None]] = {
    "write": write, "load": load, "clip": clip, "cover": cover, "singer480": singer480, "singer720": singer720,
    "disk": disk, "planner": planner,
}  # fmt: skip

if __name__ == "__main__":
    main()
