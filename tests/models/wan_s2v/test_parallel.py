"""Context parallelism: the sequence of tokens cut over two processes, as diffusers cuts it, against one process."""

import logging
import multiprocessing
import os
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import ContextParallelConfig
from diffusers.hooks import context_parallel
from diffusers.models._modeling_parallel import ParallelConfig
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh

from s2v_nb.models.wan_s2v.layout import TokenLayout, shard_of
from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel
from tests.models.wan_s2v.tiny import inputs, predict, tiny_transformer

RANKS = 2
# name: (inputs, arguments of forward, whether the parts may differ in length)
CASES: dict[str, tuple[dict[str, int], dict[str, Any], bool]] = {
    "cut between two frames": ({"frames": 3}, {"drop_motion_frames": True}, False),
    "cut inside a frame": ({"frames": 3, "batch": 2}, {}, False),
    "no video in the second part": ({"frames": 1}, {}, False),
    "parts of different length": ({"frames": 2, "height": 10, "width": 10}, {"drop_motion_frames": True}, True),
}


def on_the_host(model: WanS2VTransformer3DModel, config: ContextParallelConfig) -> None:
    """`enable_parallelism`, where it asks for an accelerator: the mesh is made of processes on the host instead."""

    def resolved(config: ContextParallelConfig) -> ParallelConfig:
        parallel = ParallelConfig(context_parallel_config=config)
        mesh = init_device_mesh("cpu", config.mesh_shape, mesh_dim_names=config.mesh_dim_names)
        parallel.setup(distributed.get_rank(), RANKS, torch.device("cpu"), mesh=mesh)
        model._parallel_config = parallel
        return parallel

    model._resolve_parallel_config = resolved  # type: ignore[method-assign]
    model.enable_parallelism(config=config)


def gathered(parts: list[torch.Tensor], part: torch.Tensor, group: Any, gather=distributed.all_gather) -> None:
    """`all_gather` of parts of different length along axis 1, which NCCL does and gloo refuses: filled up to the
    longest and cut again."""
    longest = max(each.shape[1] for each in parts)
    filled = [torch.nn.functional.pad(each, (0, 0, 0, longest - each.shape[1])) for each in (part, *parts)]
    gather(filled[1:], filled[0].contiguous(), group=group)
    for each, whole in zip(parts, filled[1:], strict=True):
        each.copy_(whole[:, : each.shape[1]])


def work(rank: int, folder: Path) -> None:
    """One of the processes: every case, into a file of its own."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore", FutureWarning)  # diffusers gathers by a name that torch renames
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    context_parallel.dist = SimpleNamespace(**{**vars(distributed), "all_gather": gathered})
    outputs = {}
    for anything in (False, True):
        model = tiny_transformer()
        on_the_host(model, ContextParallelConfig(ulysses_degree=RANKS, ulysses_anything=anything))
        lengths: list[int] = []
        note = lengths.append
        model.blocks[1].attn1.register_forward_pre_hook(lambda _, given, note=note: note(given[0].shape[1]))
        for name, (sizes, arguments, uneven) in CASES.items():
            if uneven == anything:
                with model.remembering():
                    predictions = [predict(model, inputs(**sizes), **arguments) for _ in range(2)]
                outputs[name] = (predictions[0], lengths[-1])
                assert torch.equal(*predictions)
    torch.save(outputs, folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> list[dict[str, tuple[torch.Tensor, int]]]:
    """What each process made. They are forks, which have all that was imported."""
    if not distributed.is_available() or not distributed.is_gloo_available() or not hasattr(os, "fork"):
        pytest.skip("this torch cannot talk between processes")
    folder = tmp_path_factory.mktemp("parallel")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=work, args=(rank, folder), daemon=True) for rank in range(RANKS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # Python 3.12 and later
@pytest.mark.parametrize("name", CASES)
def test_two_processes_make_what_one_makes(parts, name):
    """Each holds half of the tokens, wherever the cut falls, and both give the whole prediction."""
    sizes, arguments, uneven = CASES[name]
    expected = predict(tiny_transformer(), inputs(**sizes), **arguments)
    given = inputs(**sizes)["hidden_states"]
    tokens = TokenLayout(*given.shape[2:], motion=not arguments).tokens

    assert [part[name][1] for part in parts] == [tokens - tokens // 2, tokens // 2]
    assert (tokens % 2 == 1) == uneven
    for part in parts:
        assert part[name][0].shape == expected.shape
        assert (part[name][0] - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("motion", [False, True])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(("frames", "height", "width"), [(1, 8, 8), (3, 8, 8), (20, 60, 104), (5, 10, 14)])
def test_the_parts_make_up_the_sequence(frames, height, width, motion, ranks):
    """Nothing is lost or doubled, the cuts are torch's, and what is filled up makes whole frames."""
    layout = TokenLayout(frames, height, width, motion)
    parts = [shard_of(layout, rank, ranks) for rank in range(ranks)]
    cuts = [len(piece) for piece in torch.arange(layout.tokens).tensor_split(ranks)]

    assert [part.stop - part.start for part in parts] == cuts
    assert [part.start for part in parts] == [sum(cuts[:rank]) for rank in range(ranks)]
    assert sum(part.video_tokens for part in parts) == layout.video_tokens
    for part in parts:
        first, last = part.frame_span
        before, after = part.padding
        assert min(before, after, part.video_tokens) >= 0
        assert max(before, after) < layout.tokens_per_frame or not part.video_tokens
        if part.video_tokens:
            assert before + part.video_tokens + after == (last - first) * layout.tokens_per_frame
            assert first * layout.tokens_per_frame + before == part.start
            assert last <= frames
