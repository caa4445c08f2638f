"""The network of Wan2.2-S2V-14B on diffusers' building blocks.

Wan Team, "Wan-S2V: Audio-driven cinematic video generation", 2025; the published network is
https://huggingface.co/Wan-AI/Wan2.2-S2V-14B (Apache-2.0). Flow convention: x0 = x_t - sigma v.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.hooks._helpers import TransformerBlockMetadata, TransformerBlockRegistry
from diffusers.loaders import FromOriginalModelMixin, PeftAdapterMixin
from diffusers.models._modeling_parallel import ContextParallelInput, ContextParallelOutput
from diffusers.models.attention import AttentionMixin
from diffusers.models.cache_utils import CacheMixin
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.normalization import FP32LayerNorm
from torch import nn

from s2v_nb.models.lean import LeanBlocks
from s2v_nb.models.streaming import Streamed
from s2v_nb.models.wan_s2v import blocks
from s2v_nb.models.wan_s2v.blocks import AudioInjector, AudioTokens, WanS2VTransformerBlock
from s2v_nb.models.wan_s2v.checks import check_config, check_inputs
from s2v_nb.models.wan_s2v.embedders import ConditionEmbedder, FramePacker, RotaryPositions, as_tokens
from s2v_nb.models.wan_s2v.layout import PATCH, Shard, TokenLayout, shard_of
from s2v_nb.models.wan_s2v.memo import Memo

VIDEO, REFERENCE, MOTION = 0, 1, 2  # rows of the learned mask that tells kinds of tokens apart

# What diffusers' step caches ask of a block: it returns the hidden states alone.
TransformerBlockRegistry.register(
    WanS2VTransformerBlock,
    TransformerBlockMetadata(return_hidden_states_index=0, return_encoder_hidden_states_index=None),
)


class WanS2VTransformer3DModel(
    ModelMixin, ConfigMixin, PeftAdapterMixin, FromOriginalModelMixin, CacheMixin, AttentionMixin
):
    """Predicts the velocity of one clip's latents from the text, a picture, the clip before it and the sound.

    The arguments are those of the published diffusers configuration; the defaults are the 14B network. Only the branch
    that was published is built: another one in the configuration is a ValueError, not a guess.

    Parameters in ``_keep_in_fp32_modules`` and the residual stream stay float32, as in the reference on CUDA.
    """

    streamed: Streamed | None = None  # the weights that pass through the device, see `load_transformer`
    _supports_gradient_checkpointing = True
    _no_split_modules = ["WanS2VTransformerBlock"]  # noqa: RUF012 - diffusers reads these as class attributes
    _repeated_blocks = ["WanS2VTransformerBlock"]  # noqa: RUF012
    _group_offload_block_modules = ["audio_injector"]  # noqa: RUF012 - 3.8 GB in bf16 that need not stay resident
    _skip_layerwise_casting_patterns = [  # noqa: RUF012
        "patch_embedding", "condition_embedder", "frame_packer", "trainable_condition_mask", "norm",
    ]  # fmt: skip
    # The patch convolutions feed the residual stream, and in bfloat16 oneDNN (torch 2.13, CPU) gets them wrong.
    _keep_in_fp32_modules = [  # noqa: RUF012
        "time_embedder", "time_proj", "causal_audio_encoder", "scale_shift_table",
        "patch_embedding", "pose_embedder", "frame_packer", "norm1", "norm2", "norm3", "norm_out", "proj_out",
    ]  # fmt: skip
    _cp_plan = {  # noqa: RUF012
        "rope": {i: ContextParallelInput(split_dim=1, expected_dims=4, split_output=True) for i in (0, 1)},
        "blocks.0": {"hidden_states": ContextParallelInput(split_dim=1, expected_dims=3)},
        "proj_out": ContextParallelOutput(gather_dim=1, expected_dims=3),
    }

    @register_to_config
    def __init__(
        self,
        patch_size: tuple[int, int, int] = (1, 2, 2),
        num_attention_heads: int = 40,
        attention_head_dim: int = 128,
        in_channels: int = 16,
        out_channels: int = 16,
        text_dim: int = 4096,
        freq_dim: int = 256,
        ffn_dim: int = 13824,
        num_layers: int = 40,
        cross_attn_norm: bool = True,
        qk_norm: str | None = "rms_norm_across_heads",
        eps: float = 1e-6,
        added_kv_proj_dim: int | None = None,
        rope_max_seq_len: int = 1024,
        pose_dim: int = 16,
        audio_dim: int = 1024,
        num_weighted_avg_layers: int = 25,
        num_audio_tokens: int = 4,
        audio_inject_layers: tuple[int, ...] = (0, 4, 8, 12, 16, 20, 24, 27, 30, 33, 36, 39),
        enable_adain: bool = True,
        adain_mode: str = "attn_norm",
        zero_timestep: bool = True,
        enable_motioner: bool = False,
        enable_framepack: bool = True,
        framepack_drop_mode: str = "padd",
        add_last_motion: bool = True,
    ) -> None:
        super().__init__()
        check_config(self.config)
        dim = num_attention_heads * attention_head_dim
        self.patch_embedding = nn.Conv3d(in_channels, dim, kernel_size=patch_size, stride=patch_size)
        self.frame_packer = FramePacker(in_channels, dim, patch_size)
        self.trainable_condition_mask = nn.Embedding(3, dim)
        self.condition_embedder = ConditionEmbedder(
            dim, freq_dim=freq_dim, text_dim=text_dim, pose_dim=pose_dim, patch_size=patch_size,
            audio_dim=audio_dim, audio_layers=num_weighted_avg_layers, audio_tokens=num_audio_tokens,
        )  # fmt: skip
        self.rope = RotaryPositions(attention_head_dim)
        self.blocks = nn.ModuleList(
            WanS2VTransformerBlock(dim, ffn_dim, num_attention_heads, qk_norm, cross_attn_norm, eps)
            for _ in range(num_layers)
        )
        self.audio_injector = AudioInjector(dim, num_attention_heads, len(audio_inject_layers), eps)
        ears = zip(self.audio_injector.injector, self.audio_injector.injector_adain_layers, strict=True)
        for index, pair in zip(sorted(audio_inject_layers), ears, strict=True):
            cast(WanS2VTransformerBlock, self.blocks[index]).ears = pair
        self.norm_out = FP32LayerNorm(dim, eps, elementwise_affine=False)
        self.proj_out = nn.Linear(dim, out_channels * PATCH * PATCH)
        self.scale_shift_table = nn.Parameter(torch.randn(1, 2, dim) / dim**0.5)
        self.gradient_checkpointing = False
        self._memo: Memo | None = None
        self._lean: LeanBlocks | None = None

    def forward(
        self,
        hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        reference_latents: torch.Tensor,
        motion_latents: torch.Tensor | None,
        pose_latents: torch.Tensor | None,
        audio_features: torch.Tensor,
        motion_frames: tuple[int, int] = (73, 19),
        drop_motion_frames: bool = False,
        return_dict: bool = True,
    ) -> Transformer2DModelOutput | tuple[torch.Tensor]:
        """The velocity of the latents at one timestep.

        Parameters
        ----------
        hidden_states : (batch, 16, T, H, W)
            Noisy latents; T at most 30, H and W even and at least 8.
        timestep : (batch,), 0 to 999
        encoder_hidden_states : (batch, up to 512, text_dim)
            The text encoder's output, without its padding.
        reference_latents : (batch, 16, 1, H, W)
        motion_latents : (batch, 16, M, H, W) or None
            The end of the clip before, oldest first; the last 19 count. Needed unless ``drop_motion_frames``.
        pose_latents : (batch, 16, T, H, W) or None
            None is the same as zeros.
        audio_features : (batch, layers, audio_dim, 4 T)
            Hidden states of Wav2Vec2 at the video's rate.
        motion_frames
            Frames of the past in pixels and in latents.
        drop_motion_frames
            For the first clip: nothing came before.

        Returns
        -------
        ``Transformer2DModelOutput`` with ``sample`` (batch, 16, T, H, W), float32; or a tuple with it.

        Raises
        ------
        ValueError
            If a shape does not fit the others or the configuration; names the argument, before anything is computed.
        """
        if drop_motion_frames:
            motion_latents = None
        check_inputs(self.config, hidden_states, timestep, encoder_hidden_states, reference_latents, motion_latents,
                     pose_latents, audio_features, motion_frames, drop_motion_frames)  # fmt: skip
        frames, height, width = hidden_states.shape[2:]
        layout = TokenLayout(frames, height, width, motion=motion_latents is not None)
        shard = self._shard(layout)
        memo = self._memo or Memo()

        # All that depends on neither the noise nor the timestep; kept over the steps inside `remembering`.
        text = memo.recall("text", self._embed_text, encoder_hidden_states)
        audio = memo.recall("audio", self._hear, audio_features, motion_frames)
        rotary = memo.recall("rotary", self.rope, layout, hidden_states.device)
        pose = memo.recall("pose", self._embed_pose, pose_latents, hidden_states.device)
        past = memo.recall("past", self._embed_past, reference_latents, motion_latents)

        states = self._sequence(hidden_states, pose, past, layout.tokens)
        # One timestep more, zero, modulates all that is not noise.
        embedded, modulation = self.condition_embedder.time(torch.cat([timestep, timestep.new_zeros(1)]))
        batch = len(timestep)
        modulation = torch.stack([modulation[:batch], modulation[batch:].expand(batch, -1, -1)], dim=1)
        if self._lean is not None:
            states = self._lean(states, text, modulation, layout.video_tokens, rotary, audio)
        else:
            in_place = self._may_overwrite(states)
            for block in self.blocks:
                states = self._through(block, states, text, modulation, rotary, shard, audio, in_place)

        velocity = self._unpatch(self._head(states, embedded[:batch], shard), layout)
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Inside, what depends on the inputs of a clip alone is computed once for each of them and kept.

        An input counts as the same while it is the same tensor object, unchanged; of tensors made in inference mode a
        change in place is not seen. Leave it after each clip: what was kept goes.
        """
        outer, self._memo = self._memo, Memo()
        try:
            yield
        finally:
            self._memo = outer

    def run_lean(self, **options: Any) -> None:
        """Run the blocks part by part from now on, see `s2v_nb.models.lean.LeanBlocks` for the options.

        It is for inference on one device: without gradients, step caches, LoRA hooks or context parallelism.
        """
        self._lean = LeanBlocks(self.blocks, **options)

    @classmethod
    def from_single_file(cls, pretrained_model_link_or_path_or_dict: Any, **kwargs: Any) -> "WanS2VTransformer3DModel":
        """As `load_transformer`, which tells all layouts apart; float32 unless ``dtype`` is given, as in diffusers."""
        from s2v_nb.models.wan_s2v.loading import load_transformer

        dtype = kwargs.pop("dtype", None) or kwargs.pop("torch_dtype", None)
        return load_transformer(pretrained_model_link_or_path_or_dict, dtype=dtype or torch.float32, **kwargs)

    def _shard(self, layout: TokenLayout) -> Shard:
        parallel = getattr(self._parallel_config, "context_parallel_config", None)
        if parallel is None:
            return shard_of(layout)
        mesh = parallel._flattened_mesh
        return shard_of(layout, mesh.get_local_rank(), mesh.size())

    def _may_overwrite(self, states: torch.Tensor) -> bool:
        """Whether blocks may write to their input, which saves a copy of a long sequence (1.7 GB at 720p).

        Not while gradients are wanted, or hooks of diffusers (step caches) or of torch may come back to it.
        """
        hooked = any(
            hasattr(block, "_diffusers_hook") or block._forward_hooks or block._forward_pre_hooks
            for block in self.blocks
        )
        return states.shape[1] > blocks.PART and not hooked and not torch.is_grad_enabled()

    def _through(self, block: Callable[..., torch.Tensor], *inputs: Any) -> torch.Tensor:
        if torch.is_grad_enabled() and self.gradient_checkpointing:
            return self._gradient_checkpointing_func(block, *inputs)
        return block(*inputs)

    def _kind(self, kind: int, device: torch.device) -> torch.Tensor:
        # Called, not read: offloading brings a layer's weights when the layer is called.
        return self.trainable_condition_mask(torch.tensor(kind, device=device)).float()

    def _embed_text(self, embeddings: torch.Tensor) -> torch.Tensor:
        # The mask's dtype is that of the products: it is neither quantised nor kept in float32.
        return self.condition_embedder.text(embeddings.to(self.trainable_condition_mask.weight.dtype))

    def _hear(self, features: torch.Tensor, motion_frames: tuple[int, int]) -> AudioTokens:
        return AudioTokens(*self.condition_embedder.causal_audio_encoder.clip_tokens(features, motion_frames))

    def _embed_pose(self, latents: torch.Tensor | None, device: torch.device) -> torch.Tensor:
        embedder = self.condition_embedder.pose_embedder
        if latents is None:  # of zeros the bias is left, the same for every token: one is enough
            latents = torch.zeros(1, embedder.in_channels, *embedder.kernel_size, device=device)
        return self._patched(embedder, latents)

    def _embed_past(self, reference: torch.Tensor, motion: torch.Tensor | None) -> torch.Tensor:
        """Tokens of the reference and of the motion frames, float32."""
        tokens = self._patched(self.patch_embedding, reference) + self._kind(REFERENCE, reference.device)
        if motion is None:
            return tokens
        packed = self.frame_packer(motion.to(self.frame_packer.proj.weight.dtype)).float()
        packed = packed + self._kind(MOTION, motion.device)
        batch = max(len(tokens), len(packed))
        return torch.cat([tokens.expand(batch, -1, -1), packed.expand(batch, -1, -1)], dim=1)

    @staticmethod
    def _patched(convolution: nn.Conv3d, latents: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, tokens, dim), float32."""
        return as_tokens(convolution(latents.to(convolution.weight.dtype))).float()

    def _sequence(self, latents: torch.Tensor, pose: torch.Tensor, past: torch.Tensor, tokens: int) -> torch.Tensor:
        """The tokens that enter the first block, float32 (batch, tokens, dim)."""
        video = self._patched(self.patch_embedding, latents)
        if torch.is_grad_enabled():
            video = video + pose + self._kind(VIDEO, latents.device)
            return torch.cat([video, past.expand(len(video), -1, -1)], dim=1)
        states = video.new_empty(len(video), tokens, video.shape[2])  # filled in place: at 720p each copy is 1.5 GB
        states[:, : video.shape[1]] = video
        states[:, video.shape[1] :] = past
        states[:, : video.shape[1]].add_(pose).add_(self._kind(VIDEO, latents.device))
        return states

    def _head(self, states: torch.Tensor, embedded: torch.Tensor, shard: Shard) -> torch.Tensor:
        """Video tokens (batch, tokens, 4 x 16), float32."""
        video = shard.layout.video_tokens
        if (shard.start, shard.stop) == (0, shard.layout.tokens):
            states = states[:, :video]  # under context parallelism all parts must stay of one length until gathered
        shift, scale = (self.scale_shift_table.float() + embedded[:, None].float()).chunk(2, dim=1)

        def patches(x: torch.Tensor) -> torch.Tensor:
            return self.proj_out((self.norm_out(x) * (1 + scale) + shift).to(self.proj_out.weight.dtype))

        if self._lean is None:
            return patches(states)[:, :video].float()
        return torch.cat([patches(part) for part in states.split(self._lean.part, dim=1)], dim=1).float()

    def _unpatch(self, tokens: torch.Tensor, layout: TokenLayout) -> torch.Tensor:
        """(batch, tokens, 4 x 16) to (batch, 16, T, H, W)."""
        rows, columns = layout.grid
        patches = tokens.reshape(-1, layout.frames, rows, columns, PATCH, PATCH, self.config.out_channels)
        return patches.permute(0, 6, 1, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)
