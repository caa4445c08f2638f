"""Pictures that are damaged, lie, or cost more than they seem to."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms

from tests.trust.corpus import Case, World, content

GOOD, DAMAGED, FORMAT, COSTLY = "good", "image.damaged", "image.format", "image.costly"
LARGE, SMALL = "image.too_large", "image.too_small"
SIDE = 7745  # squared it is just under 60 megapixels


def cases() -> list[Case]:
    found = [
        *_truncated(),
        *_lying(),
        *_bombs(),
        *_kinds(),
        *_animated(),
        *_metadata(),
        *_turned(),
        *_polyglots(),
        *_others(),
    ]
    return [_case(*each) for each in found]


def _case(name: str, file: str, make: Any, expect: str, doors: tuple[str, ...] = ("image", "bytes")) -> Case:
    maker = content(make) if isinstance(make, bytes) else make
    return Case(f"image-{name}", "image", file, maker, dict.fromkeys(doors, expect))


# --- how they are made


def picture(width: int = 120, height: int = 80) -> PIL.Image.Image:
    """A picture with some texture, the same every time."""
    noise = np.random.default_rng(7).integers(0, 60, (height, width, 3), np.uint8)
    noise[:, : width // 2, 0] += 150
    noise[: height // 4, :, 1] += 120
    return PIL.Image.fromarray(noise)


def saved(kind: str, image: PIL.Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or picture()).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, data: bytes, *before: bytes, depth: int = 8, color: int = 2, interlace: int = 0
) -> bytes:
    """A PNG whose header claims a size, with whatever ``data`` as its compressed rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    parts = [chunk(b"IHDR", header), *before, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def packed(size: int, value: int = 0) -> bytes:
    """``size`` equal bytes, deflated: a thousand times smaller. Of zeros as quickly as they can be counted."""
    if value:
        return zlib.compress(bytes([value]) * size)
    count, rest = divmod(size, _BLOCK)
    checksum = struct.pack(">HH", size % 65_521, 1)  # Adler-32 of zeros (RFC 1950, section 8.2)
    return b"\x78\x9c" + _deflated(_BLOCK, zlib.Z_FULL_FLUSH) * count + _deflated(rest, zlib.Z_FINISH) + checksum


_BLOCK = 2**20


@cache
def _deflated(size: int, how: int) -> bytes:
    """So many zeros as deflate blocks that look back at nothing before them (RFC 1951)."""
    press = zlib.compressobj(9, wbits=-15)
    return press.compress(bytes(size)) + press.flush(how)


def tiff(tags: list[tuple[int, int, int, int]], after: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one directory at 8: (tag, type, count, value or place); ``after`` begins behind it."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + after


def grey_tiff(
    width: int, height: int, *more: tuple[int, int, int, int], after: bytes = b"", following: int = 0
) -> bytes:
    """An 8-bit grey TIFF, uncompressed; of tags given twice the later holds."""
    tags = {256: (256, 4, 1, width), 257: (257, 4, 1, height), 258: (258, 3, 1, 8), 259: (259, 3, 1, 1),
            262: (262, 3, 1, 1), 273: (273, 4, 1, 8), 277: (277, 3, 1, 1), 278: (278, 4, 1, height),
            279: (279, 4, 1, width * height)}  # fmt: skip
    tags |= {tag[0]: tag for tag in more}
    return tiff(list(tags.values()), after, following)


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG whose frame header claims another size than it has."""
    data = saved("JPEG")
    return patched(data, data.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def exif(orientation: Any, kind: int = 3) -> bytes:
    """An Exif block with an orientation of any value."""
    entry = struct.pack("<HHII", 0x0112, kind, 1, orientation)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + bytes(4)


def with_segments(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG with application segments (marker, data) before its own."""
    data = saved("JPEG")
    return data[:2] + b"".join(struct.pack(">BBH", 0xFF, m, len(d) + 2) + d for m, d in segments) + data[2:]


# --- the classes of the corpus


def _truncated() -> Iterator[tuple]:
    for kind, part in (("JPEG", 0.5), ("PNG", 0.5), ("WEBP", 0.5), ("TIFF", 0.5), ("BMP", 0.5), ("AVIF", 0.5)):
        data = saved(kind)
        yield f"cut-{kind.lower()}", f"x.{kind.lower()}", data[: int(len(data) * part)], DAMAGED
    yield "cut-gif", "x.gif", saved("GIF")[:40], DAMAGED
    yield "head-jpeg", "x.jpg", saved("JPEG")[:24], DAMAGED
    yield "head-png", "x.png", saved("PNG")[:33], DAMAGED
    yield "head-webp", "x.webp", b"RIFF\x00\x10\x00\x00WEBPVP8 ", DAMAGED
    yield "zero-bytes", "x.jpg", b"", "file.empty", ("image",)
    yield "no-bytes-at-all", "x.jpg", b"\0", FORMAT
    yield "nulls", "x.png", bytes(2**20), FORMAT
    yield "noise", "x.webp", random.Random(1).randbytes(2**20), FORMAT


def _lying() -> Iterator[tuple]:
    few = zlib.compress(bytes(999))
    yield "png-65535x65535", "x.png", png(65_535, 65_535, few), LARGE
    yield "png-1x100000", "x.png", png(1, 100_000, few), SMALL
    yield "png-100000x1", "x.png", png(100_000, 1, few), SMALL
    yield "png-0x0", "x.png", png(0, 0, few), DAMAGED
    yield "png-2147483647", "x.png", png(2**31 - 1, 2**31 - 1, few), LARGE
    yield "png-4294967295", "x.png", png(2**32 - 1, 80, few), LARGE
    yield "png-fewer-rows", "x.png", png(5000, 5000, zlib.compress(bytes(15_001 * 3))), GOOD
    yield "png-more-rows", "x.png", png(64, 64, packed(300 * 2**20)), GOOD
    yield "png-interlaced-few", "x.png", png(5000, 5000, few, interlace=1), DAMAGED
    yield "jpeg-65535x65535", "x.jpg", jpeg_of_size(65_535, 65_535), LARGE
    yield "jpeg-1x65500", "x.jpg", jpeg_of_size(1, 65_500), SMALL
    yield "jpeg-7000x7000", "x.jpg", jpeg_of_size(7000, 7000), GOOD
    yield "gif-65535x65535", "x.gif", patched(saved("GIF"), 6, b"\xff" * 4), LARGE
    yield "gif-frame-outside", "x.gif", _gif_frame_outside(), LARGE
    yield "bmp-2147483647", "x.bmp", patched(saved("BMP"), 18, struct.pack("<ii", 2**31 - 1, 2**31 - 1)), LARGE
    yield "bmp-upside-down", "x.bmp", patched(saved("BMP"), 22, struct.pack("<i", -80)), GOOD
    yield "bmp-6000x6000", "x.bmp", patched(saved("BMP"), 18, struct.pack("<ii", 6000, 6000)), DAMAGED
    yield "tiff-65535x65535", "x.tiff", grey_tiff(65_535, 65_535), LARGE
    yield "tiff-strip-outside", "x.tiff", grey_tiff(200, 200, (273, 4, 1, 2**31)), DAMAGED
    yield "webp-16384x16384", "x.webp", _webp_canvas(16_384, 16_384), LARGE
    yield "avif-65535x65535", "x.avif", _avif_of_size(65_535, 65_535), DAMAGED


def _gif_frame_outside() -> bytes:
    """The screen is small; the one frame claims to be far larger, far away."""
    data = saved("GIF")
    return patched(data, data.index(b"\x2c", 13 + 3 * 256) + 1, struct.pack("<HHHH", 60_000, 60_000, 65_535, 65_535))


def _webp_canvas(width: int, height: int) -> bytes:
    data = saved("WEBP", picture().convert("RGBA"), save_all=True, append_images=[picture(120, 80).rotate(3)])
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return patched(data, data.index(b"VP8X") + 12, size)


def _avif_of_size(width: int, height: int) -> bytes:
    data = saved("AVIF")
    return patched(data, data.index(b"ispe") + 8, struct.pack(">II", width, height))


def _bombs() -> Iterator[tuple]:
    """Small files that are just allowed, and cost as much as any."""
    rows = packed(SIDE * (4 * SIDE + 1))
    yield "bomb-rgba-60-megapixels", "x.png", png(SIDE, SIDE, rows, color=6), GOOD, ("image",)
    yield "bomb-rgb-60-megapixels", "x.png", png(SIDE, SIDE, rows), GOOD, ("image",)
    yield (
        "bomb-rgb16-60-megapixels",
        "x.png",
        png(SIDE, SIDE, packed(SIDE * (6 * SIDE + 1)), depth=16),
        GOOD,
        ("image",),
    )
    yield "bomb-grey16-60-megapixels", "x.png", png(SIDE, SIDE, rows, depth=16, color=0), GOOD, ("image",)
    yield "bomb-interlaced-60-megapixels", "x.png", png(SIDE, SIDE, rows, interlace=1), GOOD, ("image",)
    palette = chunk(b"PLTE", bytes(range(256)) * 3), chunk(b"tRNS", bytes(range(256)))
    yield "bomb-palette-60-megapixels", "x.png", png(SIDE, SIDE, rows, *palette, color=3), GOOD, ("image",)
    turned = chunk(b"eXIf", exif(6)[6:])
    yield "bomb-turned-60-megapixels", "x.png", png(SIDE, SIDE, rows, turned, color=6), GOOD, ("image",)
    yield "bomb-over-60-megapixels", "x.png", png(SIDE + 2, SIDE + 2, rows), LARGE, ("image",)
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    yield "bomb-profile-60-megapixels", "x.png", png(SIDE, SIDE, rows, iccp(profile), color=6), GOOD, ("image",)
    other = profile.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")  # red for green
    yield "bomb-other-profile-60-megapixels", "x.png", png(SIDE, SIDE, rows, iccp(other), color=6), GOOD, ("image",)
    for mode in ("F",):
        yield f"bomb-{mode.lower()}-60-megapixels", "x.tiff", _deep_tiff(mode), GOOD, ("image",)
    yield "bomb-cmyk-60-megapixels", "x.jpg", _flat_jpeg("CMYK"), GOOD, ("image",)
    yield "bomb-jpeg-2000-scans", "x.jpg", _many_scans(2000), COSTLY, ("image",)
    yield "bomb-bmp-runs", "x.bmp", _bmp_of_runs, COSTLY, ("image",)
    yield "bomb-png-text", "x.png", png(64, 64, packed(64 * 193), chunk(b"zTXt", b"a\0\0" + packed(2**28))), DAMAGED
    yield "bomb-png-profile", "x.png", png(64, 64, packed(64 * 193), chunk(b"iCCP", b"a\0\0" + packed(2**28))), DAMAGED
    yield "bomb-tiff-strips", "x.tiff", _many_strips, COSTLY, ("image",)
    yield "bomb-tiff-tags", "x.tiff", _long_tags, COSTLY, ("image",)
    yield "bomb-webp-30-megapixels", "x.webp", _flat_webp(5400, 5500), GOOD, ("image",)
    yield "bomb-avif-30-megapixels", "x.avif", _flat_avif, GOOD, ("image",)
    yield "bomb-progressive-60-megapixels", "x.jpg", _flat_progressive, GOOD, ("image",)
    yield "bomb-jpeg-24-scans-60-megapixels", "x.jpg", _many_scans(14, SIDE), GOOD, ("image",)
    yield "bomb-jpeg-exif-directory", "x.jpg", with_segments(*_directory_of_copies(65_000)), COSTLY
    yield "bomb-jpeg-exif-joined", "x.jpg", with_segments(*_directory_of_copies(2_000_000)), COSTLY
    yield "bomb-png-exif-directory", "x.png", png(64, 64, packed(64 * 193), chunk(b"eXIf", _directory(2_000_000))), GOOD
    yield "bomb-webp-exif-directory", "x.webp", saved("WEBP", exif=_directory(500_000)), GOOD
    yield (
        "bomb-avif-exif-directory",
        "x.avif",
        saved("AVIF", exif=_plain_exif()).replace(_plain_exif(), _directory(len(_plain_exif()))),
        COSTLY,
    )
    yield "bomb-tiff-directory", "x.tiff", _directory(5_000_000), COSTLY
    yield "bomb-png-chunks", "x.png", _png_of_chunks, COSTLY, ("image",)
    yield "bomb-jpeg-segments", "x.jpg", _jpeg_filled(b"\xff\xfe\0\2", 2**26), COSTLY, ("image",)
    yield "bomb-jpeg-filling", "x.jpg", _jpeg_filled(b"\xff", 2**26), COSTLY, ("image",)
    yield "bomb-gif-comment", "x.gif", _gif_of_comments, COSTLY, ("image",)
    yield "bomb-gif-60-megapixels", "x.gif", _flat_gif, GOOD, ("image",)


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))


def _deep_tiff(mode: str) -> Callable[[Path, World], None]:
    def make(path: Path, _: World) -> None:
        PIL.Image.new(mode, (SIDE, SIDE)).save(path, compression="tiff_deflate")

    return make


def _flat_jpeg(mode: str) -> Callable[[Path, World], None]:
    def make(path: Path, _: World) -> None:
        PIL.Image.new(mode, (SIDE, SIDE)).save(path, "JPEG", quality=10)

    return make


def _flat_webp(width: int, height: int) -> Callable[[Path, World], None]:
    def make(path: Path, _: World) -> None:
        PIL.Image.new("RGB", (width, height)).save(path, "WEBP", quality=1, method=0)

    return make


def _flat_avif(path: Path, _: World) -> None:
    PIL.Image.new("RGB", (5400, 5500)).save(path, "AVIF", quality=10, speed=10)


def _flat_progressive(path: Path, _: World) -> None:
    PIL.Image.new("RGB", (SIDE, SIDE)).save(path, "JPEG", quality=10, progressive=True, subsampling=0)


def _directory(size: int) -> bytes:
    """Exif data whose every entry is as long as all of it."""
    count = min(65_535, (size - 14) // 12)
    entries = b"".join(struct.pack("<HHII", n, 7, size - 8, 8) for n in range(count))
    return (b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries).ljust(size, b"\0")


def _plain_exif() -> bytes:
    """Exif data that can be found again in a file, as long as the bomb that takes its place."""
    return b"II*\0\x08\0\0\0\0\0\0\0\0\0" + b"here it is".ljust(400_000, b"\0")


def _directory_of_copies(size: int) -> list[tuple[int, bytes]]:
    data = _directory(size)
    return [(0xE1, b"Exif\0\0" + data[at : at + 65_000]) for at in range(0, size, 65_000)]


def _png_of_chunks(path: Path, _: World) -> None:
    data = png(64, 64, packed(64 * 193))
    path.write_bytes(data[:33] + chunk(b"vpAg", b"") * 2**22 + data[33:])


def _jpeg_filled(filling: bytes, size: int) -> Callable[[Path, World], None]:
    def make(path: Path, _: World) -> None:
        data = saved("JPEG")
        path.write_bytes(data[:2] + filling * (size // len(filling)) + data[2:])

    return make


def _gif_of_comments(path: Path, _: World) -> None:
    data = saved("GIF")
    at = 13 + 3 * 256 if data[10] & 7 == 7 else 13 + (3 << (data[10] & 7) + 1)
    path.write_bytes(data[:at] + b"!\xfe" + b"\1x" * 2**23 + b"\0" + data[at:])


def _flat_gif(path: Path, _: World) -> None:
    PIL.Image.new("P", (SIDE, SIDE)).save(path, "GIF")


def _many_scans(count: int, side: int = 6000) -> Callable[[Path, World], None]:
    """A progressive JPEG that repeats its last scan: each costs a pass over all of it."""

    def make(path: Path, _: World) -> None:
        data = saved("JPEG", PIL.Image.new("RGB", (side, side)), quality=10, progressive=True)
        last = data.rindex(b"\xff\xda")
        before = data.rindex(b"\xff\xc4", 0, last)  # the table it needs
        path.write_bytes(data[:-2] + data[before:-2] * count + data[-2:])

    return make


def _bmp_of_runs(path: Path, _: World) -> None:
    """A run-length coded BMP of 16 million runs that lie behind the row's end and add nothing."""
    width = height = 4000
    size = 2**25
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, size, 0, 0, 256, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54 + 1024 + size, 0, 0, 54 + 1024) + info + bytes(range(256)) * 4
                     + b"\xff\x07" * (size // 2))  # fmt: skip


def _many_strips(path: Path, _: World) -> None:
    """Fifteen million strips: each number of the list becomes an object."""
    count = 15_000_000
    first = 8 + 2 + 9 * 12 + 4
    more = (273, 4, count, first), (279, 4, count, first), (278, 4, 1, 1)
    path.write_bytes(grey_tiff(200, 200, *more, after=b"\x08\0\0\0" * count))


def _long_tags(path: Path, _: World) -> None:
    """Many tags whose numbers are the same 64 MiB of the file."""
    size = 2**26
    tags = [(258, 3, size // 2, 200), (277, 3, 1, 1), (338, 3, size // 2, 200), (339, 3, size // 2, 200),
            (320, 3, size // 2, 200), (256, 4, 1, 200), (257, 4, 1, 200), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, size // 4, 200), (279, 4, size // 4, 200)]  # fmt: skip
    path.write_bytes(tiff(tags, b"\x08\0" * (size // 2 + 100)))


def _kinds() -> Iterator[tuple]:
    cmyk = picture().convert("CMYK")
    yield "cmyk-jpeg", "x.jpg", saved("JPEG", cmyk), GOOD
    yield "cmyk-tiff", "x.tiff", saved("TIFF", cmyk), GOOD
    yield (
        "grey16-png",
        "x.png",
        saved("PNG", PIL.Image.fromarray(np.arange(9600, dtype=np.uint16).reshape(80, 120))),
        GOOD,
    )
    yield "rgb16-png", "x.png", png(70, 70, packed(70 * 421, 1), depth=16), GOOD
    yield "float-tiff-nan", "x.tiff", saved("TIFF", PIL.Image.fromarray(_wild_floats())), GOOD
    yield "int-tiff", "x.tiff", saved("TIFF", PIL.Image.fromarray(np.full((80, 120), -(2**31), np.int32))), GOOD
    yield "one-bit", "x.png", saved("PNG", picture().convert("1")), GOOD
    quantized = picture().quantize(16)
    yield "palette-transparent", "x.png", saved("PNG", quantized, transparency=bytes(range(16))), GOOD
    yield "palette-one-clear-colour", "x.gif", saved("GIF", quantized, transparency=3), GOOD
    yield "palette-missing", "x.png", png(70, 70, packed(70 * 71, 1), color=3), DAMAGED
    yield (
        "palette-index-outside",
        "x.png",
        png(70, 70, zlib.compress((b"\0" + b"\xc8" * 70) * 70), chunk(b"PLTE", bytes(9)), color=3),
        GOOD,
    )
    yield "grey-alpha", "x.png", saved("PNG", picture().convert("LA")), GOOD
    yield "lab-tiff", "x.tiff", saved("TIFF", PIL.Image.new("LAB", (80, 80))), GOOD
    yield "ycbcr-tiff", "x.tiff", saved("TIFF", picture().convert("YCbCr")), DAMAGED


def _wild_floats() -> np.ndarray:
    values = np.linspace(0, 1, 9600, dtype=np.float32).reshape(80, 120)
    values[0, :4] = np.nan, np.inf, -np.inf, 3e38
    return values


def _animated() -> Iterator[tuple]:
    frames = [picture().rotate(angle) for angle in range(0, 100)]
    yield "animated-gif-100", "x.gif", saved("GIF", frames[0], save_all=True, append_images=frames[1:]), GOOD
    yield "animated-png", "x.png", saved("PNG", frames[0], save_all=True, append_images=frames[1:9]), GOOD
    yield "animated-webp", "x.webp", saved("WEBP", frames[0], save_all=True, append_images=frames[1:9]), GOOD
    yield "animated-tiff", "x.tiff", saved("TIFF", frames[0], save_all=True, append_images=frames[1:9]), GOOD
    yield "animated-avif", "x.avif", saved("AVIF", frames[0], save_all=True, append_images=frames[1:4]), GOOD
    yield (
        "animated-png-2-billion",
        "x.png",
        png(64, 64, packed(64 * 193), chunk(b"acTL", b"\x7f\xff\xff\xff" + bytes(4))),
        GOOD,
    )
    yield "animated-tiff-loop", "x.tiff", grey_tiff(200, 200, after=bytes(40_000), following=8), GOOD


def _metadata() -> Iterator[tuple]:
    yield "exif-huge", "x.jpg", with_segments(*[(0xE1, b"Exif\0\0" + bytes(65_000))] * 200), GOOD
    yield (
        "exif-png-huge",
        "x.png",
        png(64, 64, packed(64 * 193), chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(2**25))),
        GOOD,
    )
    loop = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    yield "exif-loop", "x.jpg", with_segments((0xE1, b"Exif\0\0" + loop)), GOOD
    counts = b"II*\0\x08\0\0\0" + struct.pack("<H", 65_535) + struct.pack("<HHII", 0x0112, 5, 2**31, 8) * 5000
    yield "exif-counts", "x.jpg", with_segments((0xE1, b"Exif\0\0" + counts)), GOOD
    parts = [(0xE2, b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(65_000)) for n in range(1, 256)]
    yield "profile-huge", "x.jpg", with_segments(*parts), GOOD
    yield "profile-noise", "x.png", png(64, 64, packed(64 * 193), iccp(random.Random(2).randbytes(5000))), GOOD
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + b"<x:xmpmeta>" + b"<a>" * 20_000
    yield "xmp-huge", "x.jpg", with_segments(*[(0xE1, xmp)] * 200), GOOD
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + b"<!ENTITY a '" + b"&b;" * 300_000 + b"'>"
    yield "xmp-png", "x.png", png(64, 64, packed(64 * 193), chunk(b"iTXt", text)), GOOD
    yield "comments", "x.jpg", with_segments(*[(0xFE, b"x" * 65_000)] * 500), GOOD


def _turned() -> Iterator[tuple]:
    for orientation in range(1, 9):
        data = saved("JPEG", exif=exif(orientation))
        yield f"exif-rotation-{orientation}", "x.jpg", data, GOOD
    for orientation, kind in ((0, 3), (9, 3), (65_535, 3), (6, 2), (2**32 - 1, 4), (6, 12)):
        yield f"exif-rotation-odd-{orientation}-{kind}", "x.jpg", saved("JPEG", exif=exif(orientation, kind)), GOOD


def _polyglots() -> Iterator[tuple]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("../../evil.txt", "x")
    yield "polyglot-jpeg-zip", "x.jpg", saved("JPEG") + archive.getvalue(), GOOD
    yield "polyglot-png-html", "x.png", saved("PNG") + b"<script>alert(1)</script>", GOOD
    yield "polyglot-gif-script", "x.gif", saved("GIF", comment=b"*/=1;alert(1);/*"), GOOD
    yield "polyglot-pdf-jpeg", "x.jpg", b"%PDF-1.4\n" + saved("JPEG"), FORMAT
    yield "polyglot-jpeg-playlist", "x.jpg", saved("JPEG") + b"\n#EXTM3U\nfile:///etc/passwd\n", GOOD


def _others() -> Iterator[tuple]:
    yield "wrong-extension-png-as-jpg", "x.jpg", saved("PNG"), GOOD
    yield "wrong-extension-jpeg-as-mp3", "x.mp3", saved("JPEG"), GOOD
    yield "wrong-extension-mp3-as-png", "x.png", b"\xff\xfb\x90\x64" + bytes(4000), FORMAT
    yield (
        "svg-as-png",
        "x.png",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        FORMAT,
    )
    yield "html-as-jpg", "x.jpg", b"<!DOCTYPE html><img src=http://127.0.0.1/>", FORMAT
    yield "eps-as-png", "x.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", FORMAT
    yield "ico-as-png", "x.png", saved("ICO", picture(64, 64)), FORMAT
    yield "ppm-as-bmp", "x.bmp", saved("PPM"), FORMAT
    yield "jpeg2000-as-jpg", "x.jpg", saved("JPEG2000"), FORMAT
    yield "psd-as-png", "x.png", b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 80, 80, 8, 3) + bytes(99), FORMAT
