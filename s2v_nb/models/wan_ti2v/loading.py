"""Opening the transformer of Wan2.2-TI2V-5B from diffusers' layout; see `s2v_nb.models.wan_loading` for the rest."""

from pathlib import Path

import torch
from accelerate import init_empty_weights

from s2v_nb.models.placing import parts_of
from s2v_nb.models.wan_checkpoint import check_streaming, filled, read_json, stored_in
from s2v_nb.models.wan_ti2v.transformer import WanTI2VTransformer3DModel


def load_ti2v_transformer(
    folder: str | Path,
    dtype: torch.dtype,
    *,
    device: str | torch.device,
    stream: bool = False,
    from_disk: bool = False,
) -> WanTI2VTransformer3DModel:
    """Open the transformer.

    Parameters
    ----------
    folder
        The one with the transformer's config.json.
    dtype
        Of the weights; those that the model keeps in float32 stay so.
    stream
        Keep the blocks' weights in the machine's memory; they pass through the device while the network runs. Give
        the model's ``streamed`` to its `run_lean` as ``weights``; without that it cannot run.
    from_disk
        With ``stream``: leave them on the disk instead, and read them each time.

    Raises
    ------
    CheckpointError
        If the files are damaged, incomplete or of another network, before any weight is read.
    """
    check_streaming(stream, from_disk)
    with init_empty_weights():  # but the tables of positions, which are not in the files, are real
        model = WanTI2VTransformer3DModel.from_config(read_json(Path(folder) / "config.json"))
    passing = parts_of(model) if stream else ()
    model.streamed = filled(model, stored_in(Path(folder)), dtype, device, passing=passing, from_disk=from_disk)
    return model.eval()
