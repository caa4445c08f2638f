"""Pictures: any file that Pillow opens safely becomes upright 8-bit RGB."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.ImageOps

from s2v_nb.errors import InputError
from s2v_nb.media.files import check_file, describe, read_head, sha256_of

MAX_MEGAPIXELS = 60
MAX_FILE_BYTES = 256 * 2**20
MIN_SIDE = 64
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, eq=False)
class Image:
    """An upright picture: ``pixels`` uint8 of shape (height, width, 3), sRGB.

    ``sha256`` names its content (of the file's bytes, or of the pixels if it came as an array).
    """

    pixels: np.ndarray
    name: str
    sha256: str
    path: Path | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.pixels, dtype=dtype, copy=copy)

    def _repr_png_(self) -> bytes:
        small = PIL.Image.fromarray(self.pixels)
        small.thumbnail((640, 640))
        buffer = io.BytesIO()
        small.save(buffer, "PNG")
        return buffer.getvalue()


def load_image(source: "str | Path | bytes | np.ndarray | PIL.Image.Image | Image") -> Image:
    """Load a picture as upright 8-bit RGB.

    JPG, PNG and WebP, and BMP, GIF, TIFF, AVIF (of animations the first frame). EXIF rotation is applied, embedded
    colour profiles are converted to sRGB, transparency is laid over white (over near-black where the visible part is
    itself almost white), 16-bit, CMYK and palette pictures become RGB.

    Parameters
    ----------
    source : path, bytes of a file, PIL image, uint8 array of shape (height, width, 3), or Image

    Raises
    ------
    InputError
        If the file is missing, damaged, no picture, over 60 megapixels, or under 64 pixels on a side.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, PIL.Image.Image):
        pixels = _to_rgb(source, "image")
        return Image(pixels, "image", _hash_of_pixels(pixels))
    if isinstance(source, bytes):
        pixels = _decode(io.BytesIO(source), "image", source[:4096])
        return Image(pixels, "image", hashlib.sha256(source).hexdigest())
    if isinstance(source, str | Path):
        path = Path(source)
        check_file(path, "picture", limit_bytes=MAX_FILE_BYTES)
        with path.open("rb") as file:
            pixels = _decode(file, path.name, read_head(path))
        return Image(pixels, path.name, sha256_of(path), path)
    raise InputError("image.type", value=type(source).__name__)


def _from_array(array: np.ndarray) -> Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise InputError("image.array", shape=str(array.shape), dtype=str(array.dtype))
    _check_size("image", array.shape[1], array.shape[0])
    pixels = np.ascontiguousarray(array)
    return Image(pixels, "image", _hash_of_pixels(pixels))


def _hash_of_pixels(pixels: np.ndarray) -> str:
    return hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def _decode(file: Any, name: str, head: bytes) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the pixels are judged below
        try:
            picture = PIL.Image.open(file, formats=[f for f in FORMATS if f in _openable()])
        except PIL.Image.DecompressionBombError:
            raise InputError("image.too_large", name=name, width="?", height="?", limit=MAX_MEGAPIXELS) from None
        except PIL.UnidentifiedImageError:
            found, found_zh = describe(head)
            key = "image.damaged" if found == "is a picture" else "image.format"
            raise InputError(key, name=name, found=found, found_zh=found_zh) from None
        except Exception as error:  # a hostile header may raise anything; it is damage all the same
            raise InputError("image.damaged", name=name) from error
        return _to_rgb(picture, name)


def _openable() -> set[str]:
    PIL.Image.init()
    return set(PIL.Image.OPEN)


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise InputError("image.too_large", name=name, width=width, height=height, limit=MAX_MEGAPIXELS)
    if min(width, height) < MIN_SIDE:
        raise InputError("image.too_small", name=name, width=width, height=height, limit=MIN_SIDE)


def _to_rgb(picture: PIL.Image.Image, name: str) -> np.ndarray:
    _check_size(name, *picture.size)  # before load(): the header alone decides whether to spend the memory
    try:
        picture.load()
        picture = PIL.ImageOps.exif_transpose(picture)
        return np.ascontiguousarray(_flatten(_to_srgb(_to_8_bit(picture))))
    except MemoryError:
        raise
    except Exception as error:  # truncated or lying content: Pillow raises OSError, SyntaxError, struct.error ...
        raise InputError("image.damaged", name=name) from error


def _to_8_bit(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Pictures with deep grey values as 8 bit; others unchanged."""
    if picture.mode in _SIXTEEN_BIT:
        return PIL.Image.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
        top = 65535.0 if values.max() > 255 else 255.0 if values.max() > 1 else 1.0
        return PIL.Image.fromarray((np.clip(values / top, 0, 1) * 255 + 0.5).astype(np.uint8))
    return picture


def _to_srgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Convert by the embedded colour profile; without one, or with a broken one, leave the numbers as they are."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = PIL.ImageCms.profileToProfile(picture, source, PIL.ImageCms.createProfile("sRGB"), outputMode=mode)
    except (PIL.ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return converted or picture


def _flatten(picture: PIL.Image.Image) -> np.ndarray:
    """RGB uint8 with transparency laid over a plain ground."""
    if not picture.has_transparency_data:
        return np.asarray(picture.convert("RGB"))
    layers = np.asarray(picture.convert("RGBA"))
    color, alpha = layers[..., :3], layers[..., 3:]
    if alpha.min() == 255:
        return color
    visible = color[alpha[..., 0] > 127]
    ground = 16 if visible.size and visible.mean() > 230 else 255  # a white logo would vanish on white
    blended = color.astype(np.uint16) * alpha + np.uint16(ground) * (255 - alpha.astype(np.uint16))
    return ((blended + 127) // 255).astype(np.uint8)
