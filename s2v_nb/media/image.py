"""Pictures: any file that Pillow opens safely becomes upright 8-bit RGB."""

import hashlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
import PIL.ImageCms

from s2v_nb.errors import InputError
from s2v_nb.media.cost import TooCostly, check_exif, check_headers
from s2v_nb.media.files import check_file, describe, read_head, sha256_of

MAX_MEGAPIXELS = 60
MAX_FILE_BYTES = 256 * 2**20
MIN_SIDE = 64
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
_MEGAPIXELS = {"WEBP": 30, "AVIF": 30}  # their decoders hold the picture four times
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
_STRIP = 2**20  # pixels
_LONGEST_RAW = 2**16  # characters of Exif data written as text
# EXIF orientation -> a view of the upright pixels in which they stand as they are stored (Exif 2.32, section 4.6.4)
_TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright[:, ::-1].swapaxes(0, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: upright[::-1].swapaxes(0, 1),
}


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
        If the file is missing, damaged, no picture, over 60 megapixels (WebP and AVIF: 30), or under 64 pixels on a
        side; or if it is built to take far more time or memory than its pixels need.
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


def _decode(file: BinaryIO, name: str, head: bytes) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the pixels are judged below
        try:
            check_headers(file)
            picture = PIL.Image.open(file, formats=[f for f in FORMATS if f in _openable()])
        except TooCostly:
            raise InputError("image.costly", name=name) from None
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


def _check_size(name: str, width: int, height: int, limit: int = MAX_MEGAPIXELS) -> None:
    if width * height > limit * 1_000_000:
        raise InputError("image.too_large", name=name, width=width, height=height, limit=limit)
    if min(width, height) < MIN_SIDE:
        raise InputError("image.too_small", name=name, width=width, height=height, limit=MIN_SIDE)


def _to_rgb(picture: PIL.Image.Image, name: str) -> np.ndarray:
    # before load(): the header alone decides whether to spend the memory
    _check_size(name, *picture.size, _MEGAPIXELS.get(picture.format or "", MAX_MEGAPIXELS))
    try:
        picture.load()
        return _upright_rgb(picture)
    except MemoryError:
        raise
    except Exception as error:  # truncated or lying content: Pillow raises OSError, SyntaxError, struct.error ...
        raise InputError("image.damaged", name=name) from error


def _upright_rgb(picture: PIL.Image.Image) -> np.ndarray:
    """RGB uint8 of shape (height, width, 3), contiguous; strip by strip, so that nothing large is there twice."""
    orientation = _orientation(picture)
    width, height = picture.size if orientation < 5 else picture.size[::-1]
    pixels = np.empty((height, width, 3), np.uint8)
    as_stored = _TURNED[orientation](pixels)
    convert = _converter(picture)
    for top, strip in _strips(picture):
        as_stored[top : top + strip.height] = convert(strip)
    return pixels


def _strips(picture: PIL.Image.Image) -> Iterator[tuple[int, PIL.Image.Image]]:
    """(first row, part) of the picture, in parts of some megapixel."""
    rows = max(1, _STRIP // picture.width)
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _orientation(picture: PIL.Image.Image) -> int:
    """EXIF orientation (also from XMP), 1 to 8; 1 where there is none, or it makes no sense."""
    try:
        check_exif(picture.info.get("exif", b""))
        if len(picture.info.get("Raw profile type exif", "")) > _LONGEST_RAW:
            return 1
        value = picture.getexif().get(0x0112, 1)
    except Exception:  # TooCostly, or whatever a hostile directory raises: the pixels are good all the same
        return 1
    return value if isinstance(value, int) and value in _TURNED else 1


def _converter(picture: PIL.Image.Image) -> Callable[[PIL.Image.Image], PIL.Image.Image | np.ndarray]:
    """What makes a strip of this picture RGB; what must be known of the whole picture is found out here."""
    scale, to_srgb = _scale(picture), _profile(picture)
    ground = _ground(picture) if picture.has_transparency_data else None

    def convert(strip: PIL.Image.Image) -> np.ndarray:
        strip = to_srgb(_to_8_bit(strip, scale))
        return np.asarray(strip.convert("RGB") if ground is None else _laid_over(strip.convert("RGBA"), ground))

    return convert


def _scale(picture: PIL.Image.Image) -> float:
    """What stands for white in a picture of whole or real numbers; of other pictures 255."""
    if picture.mode not in ("I", "F"):
        return 255.0
    highest = max(float(_numbers(strip).max()) for _, strip in _strips(picture))
    return 65535.0 if highest > 255 else 255.0 if highest > 1 else 1.0


def _numbers(strip: PIL.Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(strip, dtype=np.float32))


def _to_8_bit(strip: PIL.Image.Image, scale: float) -> PIL.Image.Image:
    """Deep grey values as 8 bit; others unchanged."""
    if strip.mode in _SIXTEEN_BIT:
        return PIL.Image.fromarray((np.asarray(strip).astype(np.uint16) >> 8).astype(np.uint8))
    if strip.mode in ("I", "F"):
        return PIL.Image.fromarray((np.clip(_numbers(strip) / scale, 0, 1) * 255 + 0.5).astype(np.uint8))
    return strip


def _profile(picture: PIL.Image.Image) -> Callable[[PIL.Image.Image], PIL.Image.Image]:
    """Converts by the embedded colour profile; without one, or with a broken one, the numbers stay as they are."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return lambda strip: strip
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = PIL.ImageCms.createProfile("sRGB")
        transform = PIL.ImageCms.buildTransform(source, srgb, picture.mode, mode)
        if mode == picture.mode and _changes_nothing(transform, mode):  # as of most pictures: seconds on a large one
            return lambda strip: strip
        transform.apply(picture.crop((0, 0, 1, 1)))
    except (PIL.ImageCms.PyCMSError, OSError, ValueError):
        return lambda strip: strip
    return transform.apply if mode != picture.mode else transform.apply_in_place


def _changes_nothing(transform: PIL.ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether no colour of a grid over all of them is changed by more than a level."""
    levels = np.linspace(0, 255, 17).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(17, -1, 3)
    after = np.asarray(transform.apply(PIL.Image.fromarray(cube).convert(mode)))[..., :3]
    return int(np.abs(after.astype(int) - cube).max()) <= 1


def _ground(picture: PIL.Image.Image) -> int:
    """The grey level that goes behind a transparent picture: white, but near-black behind what is almost white."""
    counts = np.zeros(256, np.int64)
    for _, strip in _strips(picture):
        layers = strip.convert("RGBA")
        seen = layers.getchannel("A").point([0] * 128 + [255] * 128)
        counts += np.array(layers.convert("RGB").histogram(seen)).reshape(3, 256).sum(axis=0)
    mean = float(counts @ np.arange(256)) / max(1, int(counts.sum()))
    return 16 if mean > 230 else 255  # a white logo would vanish on white


def _laid_over(layers: PIL.Image.Image, ground: int) -> PIL.Image.Image:
    flat = PIL.Image.new("RGB", layers.size, (ground, ground, ground))
    flat.paste(layers, mask=layers.getchannel("A"))
    return flat
