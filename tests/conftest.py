"""Shared by all tests: real files in every format, and a song and a clip that are made once."""

import os
import subprocess
import tempfile
from pathlib import Path

import matplotlib as mpl

from s2v_nb.session import cache_folder

os.environ.setdefault("MPLBACKEND", "agg")
os.environ["S2V_NB_LANGUAGE"] = "en"
# the networks and the list of fonts are taken from this machine, but nothing that was heard before
os.environ.setdefault("S2V_NB_MODELS", str(cache_folder() / "models"))
os.environ.setdefault("MPLCONFIGDIR", mpl.get_cachedir())
os.environ["S2V_NB_WORKER_IDLE"] = "20"  # seconds; no worker outlives the tests for long
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="s2v_nb-tests-")

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from s2v_nb import Settings, Sweep, generate, sample_audio, sample_image
from s2v_nb.models.beatnet import weights_path
from s2v_nb.runs import Clip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What listens to songs first: librosa compiles code as it is imported, which once crashed in a process that was
    full of other libraries after a thousand tests."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/rhythm"))


SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="session")
def cover(files) -> Path:
    return sample_image(files / "cover.png")


@pytest.fixture(scope="session")
def song(files) -> Path:
    return sample_audio(files / "song.wav")


@pytest.fixture(scope="session")
def clip(cover, song, tmp_path_factory) -> Clip:
    """Eight seconds of the sample at motion high."""
    return generate(cover, song, prompt="slow pan right, subtle glow", motion="high", start=4.0, resolution="480p",
                    runs=tmp_path_factory.mktemp("runs"))  # fmt: skip


@pytest.fixture(scope="session")
def small_sweep(cover, song, tmp_path_factory) -> Sweep:
    """Two by two clips of three seconds at four units of money an hour; its cells are not to be changed."""
    base = Settings(prompt="fast pan right", start=4.0, duration=3.0, resolution="480p", aspect="1:1", fps=24)
    out = tmp_path_factory.mktemp("small_sweep")
    return Sweep(cover, song, base, motion=["off", "high"], prompt_weight=[0.5, 1.5], out=out, price_per_hour=4.0).run()


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory) -> Path:
    """A folder of models with tiny networks for both engines on video models, beside the networks that hear beats."""
    from tests.engines.tiny_models import write_models

    folder = write_models(tmp_path_factory.mktemp("tiny_models"))
    (folder / "beatnet").symlink_to(weights_path().parent)
    return folder


@pytest.fixture(scope="session")
def beats_folder() -> Path:
    folder = SHARED / "beats"
    if not (folder / "annotations.json").is_file():
        pytest.skip("needs ../shared/beats, music with annotated beats that lies beside the project")
    return folder


def tone(seconds: float = 4.0, rate: int = 44_100, channels: int = 2, pitch: float = 220.0) -> np.ndarray:
    """A quiet sweep, float32 (time, channel), other in each channel so that mixed-up channels show."""
    t = np.arange(round(seconds * rate)) / rate
    parts = [0.3 * np.sin(2 * np.pi * (pitch * (k + 1) * t + 20 * t * t)) for k in range(channels)]
    return np.stack(parts, axis=1).astype(np.float32)


def write_song(path: Path, samples: np.ndarray, rate: int = 44_100) -> Path:
    """Write a song in the format its name says, by another library than the one that reads it where there is one."""
    if path.suffix in (".m4a", ".aac"):
        wave = write_song(path.with_suffix(".source.wav"), samples, rate)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-i", wave, "-c:a", "aac", path]
        subprocess.run(command, check=True)
        wave.unlink()
        return path
    kinds = {".opus": ("OGG", "OPUS"), ".ogg": ("OGG", "VORBIS"), ".mp3": ("MP3", None), ".aiff": ("AIFF", "PCM_16")}
    kind, subtype = kinds.get(path.suffix, (path.suffix[1:].upper(), None))
    soundfile.write(path, samples, rate, format=kind, subtype=subtype)
    return path
