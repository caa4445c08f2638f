"""The blocks of a Wan transformer, run part by part over the tokens with as little memory as the arithmetic allows.

Diffusers' block holds the queries, keys, values and three copies of the residual stream of all tokens at once: 81,000
of them at 720p. Here keys and values are computed first; then each part of the tokens goes through attention and the
feed-forward layer alone, and the residual stream is changed where it lies. The result is the same up to rounding,
since every token attends to all keys; the time is the same, since a part is still thousands of tokens.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import nn

from s2v_nb.models.streaming import Resident, Weights

PART = 16_384  # tokens at once
GRAPHS = 128  # lengths of parts, and kinds of blocks, that are compiled before torch gives up


class Run(NamedTuple):
    """Tokens ``first`` to ``last`` that share row ``row`` of the modulation."""

    first: int
    last: int
    row: int


def runs_of(tokens: int, split: int, part: int) -> list[Run]:
    """All tokens in runs of at most ``part``, of equal length on either side of ``split``."""
    runs: list[Run] = []
    for row, (start, end) in enumerate(((0, split), (split, tokens))):
        if end > start:
            size = -(-(end - start) // -(-(end - start) // part))
            runs += [Run(first, min(first + size, end), row) for first in range(start, end, size)]
    return runs


class LeanBlocks:
    """Runs blocks like diffusers' ``WanTransformerBlock`` in place.

    Parameters
    ----------
    blocks : modules with the parts of ``WanTransformerBlock``
    part : tokens at once
    weights : where they are; see `s2v_nb.models.streaming`
    compiled : whether what happens to a part is compiled by torch
    dynamic : compile once for parts of every length, a little slower, instead of once for each
    check : called before each part of a block; may raise to stop
    """

    def __init__(
        self,
        blocks: Iterable[nn.Module],
        *,
        part: int = PART,
        weights: Weights | None = None,
        compiled: bool = False,
        dynamic: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.blocks: list[Any] = list(blocks)
        self.part, self.weights = part, weights or Resident()
        self.check = check
        self._keys_values: Callable[..., Any] = keys_values
        self._attended: Callable[..., Any] = attended
        self._fed: Callable[..., Any] = fed
        self._listened: Callable[..., Any] = listened
        if compiled:
            torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, GRAPHS)
            self._keys_values, self._attended, self._fed, self._listened = (
                torch.compile(function, dynamic=dynamic, fullgraph=True)
                for function in (keys_values, attended, fed, listened)
            )

    def __call__(
        self,
        states: torch.Tensor,
        text: torch.Tensor,
        modulation: torch.Tensor,
        split: int,
        rotary: tuple[torch.Tensor, torch.Tensor],
        audio: Any = None,
    ) -> torch.Tensor:
        """The states after all blocks; they are changed in place.

        Parameters
        ----------
        states : (batch, tokens, dim), float32 or the dtype of the products
        text : (batch, words, dim), in the dtype of the products
        modulation : (batch, 2, 6, dim), of the first ``split`` tokens and of the rest
        rotary : cosine and sine, (1, tokens, 1, head_dim), each angle twice in a row
        audio : `s2v_nb.models.wan_s2v.blocks.AudioTokens` of the frames that the first ``split`` tokens show, for
            blocks with ears
        """
        runs = runs_of(states.shape[1], split, self.part)
        batch, tokens, dim = states.shape
        heads = self.blocks[0].attn1.heads
        # Taken once: taken and given back by each block, they would leave gaps that nothing else fits into. Heads come
        # first, as torch's kernels want them; diffusers would copy all keys and values for each part.
        shape = (batch, heads, tokens, dim // heads)
        seen = [torch.empty(shape, dtype=text.dtype, device=states.device).transpose(1, 2) for _ in ("key", "value")]
        for index, block in enumerate(self.blocks):
            rows = (block.scale_shift_table.to(states.device) + modulation.float()).unbind(2)
            self._attend(index, block, states, text, rows[:3], runs, rotary, seen)
            self._feed(index, block, states, rows[3:], runs, text.dtype)
            if audio is not None and block.ears is not None:
                self._hear(index, block, states[:, :split], audio, text.dtype)
        return states

    def _attend(
        self, index: int, block: Any, states: torch.Tensor, text: torch.Tensor,
        rows: Sequence[torch.Tensor], runs: list[Run], rotary: tuple[torch.Tensor, torch.Tensor],
        seen: Sequence[torch.Tensor],
    ) -> None:  # fmt: skip
        self.check()
        keys, values = seen
        with self.weights.use(index, "attention"):
            for run in runs:
                x, (cosine, sine), (shift, scale, _) = _of_run(run, states, rotary, rows)
                key, value = self._keys_values(block, x, shift, scale, cosine, sine, text.dtype)
                keys[:, run.first : run.last], values[:, run.first : run.last] = key, value
                del key, value
            for run in runs:
                x, (cosine, sine), (shift, scale, gate) = _of_run(run, states, rotary, rows)
                self._attended(block, x, text, shift, scale, gate, cosine, sine, keys, values)

    def _feed(
        self, index: int, block: Any, states: torch.Tensor, rows: Sequence[torch.Tensor], runs: list[Run],
        dtype: torch.dtype,
    ) -> None:  # fmt: skip
        self.check()
        with self.weights.use(index, "feed"):
            for run in runs:
                x = states[:, run.first : run.last]
                shift, scale, gate = (row[:, run.row : run.row + 1] for row in rows)
                self._fed(block, x, shift, scale, gate, dtype)

    def _hear(self, index: int, block: Any, video: torch.Tensor, audio: Any, dtype: torch.dtype) -> None:
        self.check()
        batch, frames = audio.pooled.shape[:2]
        per_frame = video.shape[1] // frames
        with self.weights.use(index, "ears"):
            for first, last in frames_in_parts(frames, per_frame, self.part):
                x = video[:, first * per_frame : last * per_frame]
                pooled, local = (heard[:, first:last].flatten(0, 1).to(dtype) for heard in (audio.pooled, audio.local))
                self._listened(block, x, pooled, local, batch * (last - first), dtype)


def _of_run(
    run: Run, states: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor], rows: Sequence[torch.Tensor]
) -> tuple:
    return (
        states[:, run.first : run.last],
        tuple(table[:, run.first : run.last] for table in rotary),
        tuple(row[:, run.row : run.row + 1] for row in rows),
    )


def keys_values(
    block: Any, x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor,
    dtype: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Keys and values of a part, (batch, tokens, heads, channels)."""
    attention = block.attn1
    normed = (block.norm1(x.float()) * (1 + scale) + shift).to(dtype)
    key = rotated(attention.norm_k(attention.to_k(normed)).unflatten(2, (attention.heads, -1)), cosine, sine)
    return key, attention.to_v(normed).unflatten(2, (attention.heads, -1))


def attended(
    block: Any, x: torch.Tensor, text: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor, gate: torch.Tensor,
    cosine: torch.Tensor, sine: torch.Tensor, keys: torch.Tensor, values: torch.Tensor,
) -> None:  # fmt: skip
    """Let a part attend to all tokens, then to the text; ``x`` is changed in place."""
    attention = block.attn1
    normed = (block.norm1(x.float()) * (1 + scale) + shift).to(text.dtype)
    query = rotated(attention.norm_q(attention.to_q(normed)).unflatten(2, (attention.heads, -1)), cosine, sine)
    seen = dispatch_attention_fn(query, keys, values, backend=attention.processor._attention_backend)
    update = attention.to_out[0](seen.flatten(2, 3).type_as(query))
    states = (x.float() + update * gate).type_as(x)
    normed = block.norm2(states.float()).to(text.dtype)
    x.copy_(states + block.attn2(normed, text, None, None))


def fed(
    block: Any, x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor, gate: torch.Tensor, dtype: torch.dtype
) -> None:
    """Let a part go through the feed-forward layer; ``x`` is changed in place."""
    normed = (block.norm3(x.float()) * (1 + scale) + shift).to(dtype)
    x.copy_((x.float() + block.ffn(normed).float() * gate).type_as(x))


def listened(
    block: Any, x: torch.Tensor, pooled: torch.Tensor, local: torch.Tensor, frames: int, dtype: torch.dtype
) -> None:
    """Let the tokens of each frame attend to that frame's sound; ``x`` is changed in place."""
    attention, norm = block.ears
    queries = x.reshape(frames, -1, x.shape[-1])
    update = attention(norm(queries, temb=pooled).to(dtype), local, None, None)
    x.copy_((x + update.reshape(x.shape)).type_as(x))


def rotated(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotary positions: each pair of channels turned by its angle (J. Su et al., "RoFormer", 2021)."""
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cosine[..., 0::2], sine[..., 1::2]
    return torch.stack([first * cos - second * sin, first * sin + second * cos], dim=-1).flatten(-2).type_as(x)


def frames_in_parts(frames: int, tokens_per_frame: int, part: int) -> Iterator[tuple[int, int]]:
    """First and last frame of each part of at most ``part`` tokens, at least one frame."""
    step = max(1, part // tokens_per_frame)
    for first in range(0, frames, step):
        yield first, min(first + step, frames)
