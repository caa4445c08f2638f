"""Diffusers' `WanTransformer3DModel`, with a way to run it in little memory.

With a picture as first frame, the 5B model is told a timestep for each token: zero for those of the picture, one and
the same for all others. Diffusers expands the modulation to every token, 1 to 2 GB at 720p; two rows say the same.
"""

from typing import Any

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput

from s2v_nb.models.lean import LeanBlocks, runs_of
from s2v_nb.models.streaming import Streamed


class WanTI2VTransformer3DModel(WanTransformer3DModel):
    """The same network with the same weights; see `run_lean`."""

    streamed: Streamed | None = None  # the weights that pass through the device, see `load_ti2v_transformer`
    _lean: LeanBlocks | None = None

    def run_lean(self, **options: Any) -> None:
        """Run the blocks part by part from now on, see `s2v_nb.models.lean.LeanBlocks` for the options.

        It is for inference on one device: without gradients, step caches, LoRA hooks or context parallelism.
        """
        self._lean = LeanBlocks(self.blocks, **options)

    def forward(
        self,
        hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        encoder_hidden_states_image: torch.Tensor | None = None,
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> Transformer2DModelOutput | tuple[torch.Tensor]:
        """The velocity of the latents.

        Parameters
        ----------
        hidden_states : (batch, channels, frames, height, width)
        timestep : (batch,), or (batch, tokens) with one value for the tokens of the first frame and one for the rest
        encoder_hidden_states : (batch, words, text_dim)
        """
        if self._lean is None:
            return super().forward(hidden_states, timestep, encoder_hidden_states, encoder_hidden_states_image,
                                   return_dict, attention_kwargs)  # fmt: skip
        _, _, frames, height, width = hidden_states.shape
        depth, rows, columns = self.config.patch_size
        first_frame = (height // rows) * (width // columns)
        rotary = self.rope(hidden_states)
        states = self.patch_embedding(hidden_states).flatten(2).transpose(1, 2).contiguous()
        ends = timestep if timestep.ndim == 2 else timestep[:, None]
        two = torch.stack([ends[:, 0], ends[:, -1]], dim=1)
        embedded, modulation, text, _ = self.condition_embedder(
            two.flatten(), encoder_hidden_states, None, timestep_seq_len=2
        )
        states = self._lean(states, text, modulation.unflatten(2, (6, -1)), first_frame, rotary)
        sample = self._head(states, embedded, first_frame)
        grid = (frames // depth, height // rows, width // columns)
        sample = sample.unflatten(1, grid).unflatten(-1, (depth, rows, columns, -1))
        sample = sample.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return Transformer2DModelOutput(sample=sample) if return_dict else (sample,)

    def _head(self, states: torch.Tensor, embedded: torch.Tensor, split: int) -> torch.Tensor:
        """Patches (batch, tokens, values), with the modulation of the first ``split`` tokens and of the rest."""
        assert self._lean is not None
        table = self.scale_shift_table.to(embedded.device)[:, :, None] + embedded[:, None]  # (batch, 2, rows, dim)
        found = []
        for run in runs_of(states.shape[1], split, self._lean.part):
            shift, scale = table[:, :, run.row : run.row + 1].unbind(1)
            x = states[:, run.first : run.last]
            found.append(self.proj_out((self.norm_out(x.float()) * (1 + scale) + shift).type_as(x)))
        return torch.cat(found, dim=1)
