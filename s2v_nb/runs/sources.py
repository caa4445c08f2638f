"""Pictures and songs as files: what came as an array is written down first, so that another process can open it."""

from pathlib import Path

import PIL.Image

from s2v_nb.media import Audio, Image, load_image
from s2v_nb.runs.material import ImageLike
from s2v_nb.storage import make_folder, replacing


def image_file(image: ImageLike, folder: Path) -> Path:
    """The picture's file; one that has none is written into ``folder``.

    Raises
    ------
    InputError
        If it came as bytes or an array and is no picture. A path is not opened.
    """
    if isinstance(image, str | Path):
        return Path(image).resolve()
    loaded = load_image(image)
    return loaded.path.resolve() if loaded.path else kept_image(loaded, folder)


def audio_file(audio: str | Path | Audio, folder: Path) -> Path:
    """The same of a song; a part of one that was loaded becomes a song of its own."""
    if isinstance(audio, str | Path):
        return Path(audio).resolve()
    if audio.path and (audio.is_whole or not audio.samples.size):  # whole, or only its header
        return audio.path.resolve()
    return kept_audio(audio.as_song(), folder)


def kept_image(image: Image, folder: Path) -> Path:
    path = folder / f"image-{image.sha256[:12]}.png"
    if not path.exists():
        make_folder(path.parent)
        with replacing(path) as scratch:
            PIL.Image.fromarray(image.pixels).save(scratch)
    return path


def kept_audio(audio: Audio, folder: Path) -> Path:
    import soundfile

    path = folder / f"audio-{audio.sha256[:12]}.wav"
    if not path.exists():
        make_folder(path.parent)
        with replacing(path) as scratch:
            soundfile.write(scratch, audio.samples.T, audio.rate, subtype="FLOAT")
    return path
