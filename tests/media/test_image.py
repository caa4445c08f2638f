"""Any picture becomes upright RGB, or one clear sentence."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from s2v_nb import InputError, load_image

RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture
def halves() -> PIL.Image.Image:
    """120 x 80: left red, right blue; the top left corner white, so that every turn shows."""
    pixels = np.zeros((80, 120, 3), np.uint8)
    pixels[:, :60], pixels[:, 60:] = RED, BLUE
    pixels[:20, :20] = 255
    return PIL.Image.fromarray(pixels)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "gif", "tiff"])
def test_formats_open_with_their_colours(tmp_path, halves, suffix):
    path = tmp_path / f"cover.{suffix}"
    halves.save(path)

    image = load_image(path)

    assert image.size == (120, 80)
    assert np.abs(image.pixels[60, 30].astype(int) - RED).max() < 30
    assert np.abs(image.pixels[60, 90].astype(int) - BLUE).max() < 30
    assert (image.name, len(image.sha256)) == (path.name, 64)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_ends_upright(tmp_path, halves, orientation):
    """The file is turned so that its EXIF tag brings it back."""
    turns = PIL.Image.Transpose
    stored = {
        1: None, 2: turns.FLIP_LEFT_RIGHT, 3: turns.ROTATE_180, 4: turns.FLIP_TOP_BOTTOM, 5: turns.TRANSPOSE,
        6: turns.ROTATE_90, 7: turns.TRANSVERSE, 8: turns.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    (halves.transpose(stored) if stored is not None else halves).save(tmp_path / "x.png", exif=exif)

    assert np.array_equal(load_image(tmp_path / "x.png").pixels, np.asarray(halves))


def test_transparency_is_laid_over_white(tmp_path):
    layers = np.zeros((80, 120, 4), np.uint8)
    layers[:, :60] = (200, 30, 30, 255)
    layers[:, 60:] = (0, 0, 0, 0)
    PIL.Image.fromarray(layers).save(tmp_path / "logo.png")

    pixels = load_image(tmp_path / "logo.png").pixels

    assert tuple(pixels[40, 20]) == (200, 30, 30)
    assert tuple(pixels[40, 100]) == (255, 255, 255)


def test_a_white_logo_does_not_vanish(tmp_path):
    layers = np.zeros((80, 120, 4), np.uint8)
    layers[20:60, 20:60] = 255
    PIL.Image.fromarray(layers).save(tmp_path / "logo.png")

    pixels = load_image(tmp_path / "logo.png").pixels

    assert pixels[40, 40].min() == 255
    assert pixels[40, 100].max() < 64


def test_half_transparency_blends(tmp_path):
    layers = np.full((80, 120, 4), (100, 0, 200, 128), np.uint8)
    PIL.Image.fromarray(layers).save(tmp_path / "veil.webp", lossless=True)

    assert np.abs(load_image(tmp_path / "veil.webp").pixels[0, 0].astype(int) - (177, 127, 227)).max() <= 1


def test_palette_with_transparency(tmp_path, halves):
    picture = halves.quantize(4)
    picture.save(tmp_path / "p.png", transparency=picture.getpixel((100, 70)))

    pixels = load_image(tmp_path / "p.png").pixels

    assert tuple(pixels[60, 90]) == (255, 255, 255)
    assert np.abs(pixels[60, 30].astype(int) - RED).max() < 12


def test_sixteen_bit_grey_keeps_its_range(tmp_path):
    ramp = np.linspace(0, 65535, 120).astype(np.uint16)
    PIL.Image.fromarray(np.tile(ramp, (80, 1))).save(tmp_path / "deep.png")

    row = load_image(tmp_path / "deep.png").pixels[0, :, 0].astype(int)

    assert (row[0], row[-1]) == (0, 255)
    assert np.abs(row - ramp / 257).max() <= 1


@pytest.mark.parametrize("mode", ["CMYK", "L", "LA", "1", "I", "F"])
def test_odd_modes_become_rgb(tmp_path, halves, mode):
    path = tmp_path / ("x.tiff" if mode in ("CMYK", "I", "F") else "x.png")
    halves.convert(mode).save(path)

    pixels = load_image(path).pixels

    assert (pixels.dtype, pixels.shape) == (np.uint8, (80, 120, 3))
    assert pixels[5, 5].min() > 200  # the white corner is still the brightest


def test_an_embedded_profile_is_converted(tmp_path, halves):
    """Swapped primaries would show as swapped colours if the profile were ignored."""
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("LAB"))
    halves.save(tmp_path / "bad.png", icc_profile=profile.tobytes())  # LAB profile on RGB: broken, must be survived
    halves.save(tmp_path / "srgb.png", icc_profile=PIL.ImageCms.ImageCmsProfile(
        PIL.ImageCms.createProfile("sRGB")).tobytes())  # fmt: skip

    assert np.array_equal(load_image(tmp_path / "bad.png").pixels, np.asarray(halves))
    assert np.abs(load_image(tmp_path / "srgb.png").pixels.astype(int) - np.asarray(halves)).max() <= 2


def test_the_first_frame_of_an_animation(tmp_path, halves):
    other = PIL.Image.new("RGB", halves.size, (0, 255, 0))
    halves.save(tmp_path / "x.gif", save_all=True, append_images=[other] * 3)

    assert load_image(tmp_path / "x.gif").pixels[60, 30, 0] > 150


def test_arrays_bytes_and_pil_images_are_taken_too(halves):
    buffer = io.BytesIO()
    halves.save(buffer, "PNG")

    loaded = [load_image(source) for source in (halves, np.asarray(halves), buffer.getvalue())]

    assert all(np.array_equal(image.pixels, np.asarray(halves)) for image in loaded)
    assert loaded[0].sha256 == loaded[1].sha256
    assert load_image(loaded[0]) is loaded[0]


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with hardly any data behind it: a decompression bomb."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    )


def refused(tmp_path: Path, name: str, data: bytes) -> str:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_image(tmp_path / name)
    assert name in str(caught.value)
    return str(caught.value)


def test_refusals_say_what_is_wrong(tmp_path, halves):
    buffer = io.BytesIO()
    halves.save(buffer, "JPEG", quality=95)
    good = buffer.getvalue()

    assert "empty" in refused(tmp_path, "empty.jpg", b"")
    assert "damaged" in refused(tmp_path, "cut.jpg", good[: len(good) // 2])
    assert "damaged" in refused(tmp_path, "head.png", b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert "is a text" in refused(tmp_path, "note.png", b"hello, this is no picture")
    assert "points to other files" in refused(tmp_path, "list.jpg", b"#EXTM3U\nfile:///etc/passwd\n")
    assert "points to other files" in refused(tmp_path, "drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert "zip archive" in refused(tmp_path, "x.webp", b"PK\x03\x04" + bytes(100))
    assert "60 megapixels" in refused(tmp_path, "big.png", png_of_size(10_000, 6_001))
    assert "60 megapixels" in refused(tmp_path, "bomb.png", png_of_size(65_535, 65_535))
    assert "64 or more" in refused(tmp_path, "thin.png", png_of_size(1, 100_000))


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match="not found"):
        load_image(tmp_path / "nowhere.jpg")
    with pytest.raises(InputError, match="not a file"):
        load_image(tmp_path)
    with pytest.raises(InputError, match="not a file"):
        load_image("/dev/zero")
    with pytest.raises(InputError, match="neither a path nor a picture"):
        load_image(3)
    with pytest.raises(InputError, match="uint8 of shape"):
        load_image(np.zeros((80, 80), np.uint8))
