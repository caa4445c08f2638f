"""Opening what the Wan networks share from diffusers' layout: the VAE and the text encoder.

Each is a folder with config.json and safetensors, in one file or in shards with an index. The weights go straight to
their place, see `s2v_nb.models.placing`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKLWan
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from transformers import UMT5Config, UMT5EncoderModel

from s2v_nb.models.placing import Part
from s2v_nb.models.reading import Stored
from s2v_nb.models.streaming import stream_modules
from s2v_nb.models.wan_checkpoint import check_streaming, filled, read_json, stored_in
from s2v_nb.models.wan_s2v.embedders import TEXT_TOKENS

# The text encoder's table of tokens; where a file has it under both names, the first is the one that is looked up.
TABLES = ("encoder.embed_tokens.weight", "shared.weight")
TABLE = "shared.weight"


def load_vae(folder: str | Path, dtype: torch.dtype, device: str | torch.device) -> AutoencoderKLWan:
    """Open a VAE, that of Wan 2.1 (8x8x4) or of Wan 2.2 (16x16x4).

    Raises
    ------
    CheckpointError
        If the files are damaged, incomplete or of another network, before any weight is read.
    """
    with init_empty_weights():
        vae = AutoencoderKLWan.from_config(read_json(Path(folder) / "config.json"))
    filled(vae, stored_in(Path(folder)), dtype, device)
    return vae.eval()


def load_text_encoder(
    folder: str | Path,
    dtype: torch.dtype,
    device: str | torch.device,
    stream: bool = False,
    from_disk: bool = False,
) -> UMT5EncoderModel:
    """Open the text encoder, UMT5-XXL, for `embed_text`.

    Parameters
    ----------
    stream
        Keep the weights in the machine's memory; those of the blocks pass through the device when they are called,
        the table of tokens (2.1 GB) stays where it is. The encoder's attribute ``streamed`` has them (None otherwise).
    from_disk
        With ``stream``: leave the blocks' weights on the disk instead, and read them each time.

    Raises
    ------
    CheckpointError
        If the files are damaged, incomplete or of another network, before any weight is read.
    """
    check_streaming(stream, from_disk)
    with init_empty_weights():
        encoder = UMT5EncoderModel(UMT5Config.from_dict(read_json(Path(folder) / "config.json")))
    encoder.set_input_embeddings(encoder.shared)  # one table, whatever the configuration says of two
    blocks = list(encoder.encoder.block)
    passing = [Part("blocks", [[block] for block in blocks])] if stream else ()
    outside = [TABLE] if stream else []
    stored = _with_one_table(stored_in(Path(folder)))
    encoder.streamed = filled(encoder, stored, dtype, device, passing=passing, from_disk=from_disk, outside=outside)
    if encoder.streamed is not None:
        stream_modules(blocks, encoder.streamed.stream("blocks"))
    return encoder.eval()


@torch.no_grad()
def embed_text(tokenizer: Any, encoder: UMT5EncoderModel, text: str, device: str | torch.device) -> torch.Tensor:
    """The encoder's output (1, tokens, dim) for a text, without padding: at most 512 tokens, on ``device``."""
    tokens = tokenizer([prompt_clean(text)], max_length=TEXT_TOKENS, truncation=True, return_tensors="pt")
    table = encoder.get_input_embeddings()
    embedded = table(tokens.input_ids.to(table.weight.device)).to(device)
    return encoder(inputs_embeds=embedded).last_hidden_state


def _with_one_table(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """The tensors with the table under the name that the model has it by."""
    tables = [stored[name] for name in TABLES if name in stored]
    others = {name: tensor for name, tensor in stored.items() if name not in TABLES}
    return {TABLE: tables[0], **others} if tables else others
