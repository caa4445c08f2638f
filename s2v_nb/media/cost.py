"""What a picture's headers would make a decoder do, judged before it is asked.

Pillow reads headers in Python, one small part after the other, and believes what they say: a file of a few kilobytes
can ask for minutes or for gigabytes. The sizes below are far above those of real pictures.
"""

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

MOST_PARTS = 100_000  # chunks of a PNG: libpng's own are of 8 KiB
MOST_SEGMENTS = 10_000  # before a JPEG's or a GIF's picture
MOST_NUMBERS = 2**18  # bytes of one list of numbers in a TIFF directory: strips of a row each, 65 000 of them
MOST_READ = 2**29  # bytes that a TIFF directory may have read in vain
MOST_SCANS, MOST_SCANNED = 100, 1500  # of a progressive JPEG, and these times its megapixels
_UNIT = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # bytes, by TIFF type
_OPAQUE = (1, 2, 7)  # kept as they are; of all others each value becomes an object
_BLOCK = 2**20


class TooCostly(Exception):
    """A header asks for more time or memory than any real picture does."""


def check_headers(file: BinaryIO) -> None:
    """Raise TooCostly where a picture file's headers are a trap; leaves ``file`` at its start."""
    file.seek(0)
    head = file.read(34)
    if head.startswith(b"\xff\xd8"):
        _check_jpeg(file)
    elif head.startswith(b"\x89PNG"):
        _check_png(file)
    elif head.startswith(b"GIF8"):
        _check_gif(file)
    elif head.startswith(b"BM") and head[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        raise TooCostly("a BMP of runs, which Pillow unpacks in Python")
    elif head[:4] in _TIFF_MARKS:
        check_directory(file, 0)
    elif head[4:8] == b"ftyp":
        _check_avif(file)
    file.seek(0)


def check_exif(data: bytes) -> None:
    """The same of a block of Exif data, with or without its mark."""
    check_directory(io.BytesIO(data.removeprefix(b"Exif\0\0")), 0)


_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")


def check_directory(file: BinaryIO, start: int) -> None:
    """A TIFF's first directory, which begins by its header at ``start``: all of it is read into memory at once.

    Its values may overlap, so that each of 65 535 can be as long as the file.
    """
    end = file.seek(0, io.SEEK_END) - start
    held, read = end + 2**16, MOST_READ
    for kind, count, place in _entries(file, start):
        size = count * _UNIT.get(kind, 0)
        if place + size > end:  # read as far as it goes, and dropped
            read -= max(0, end - place)
        elif size > MOST_NUMBERS and kind not in _OPAQUE:
            raise TooCostly("a long list of numbers")
        else:
            held -= size
        if held < 0 or read < 0:
            raise TooCostly("a directory that is longer than its file")


def _entries(file: BinaryIO, start: int) -> Iterator[tuple[int, int, int]]:
    """(type, count, place) of each entry; none where there is no directory (TIFF 6.0, section 2; BigTIFF is wider)."""
    file.seek(start)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    wide = b"+" in head[2:4]
    try:
        place = struct.unpack_from(order + ("Q" if wide else "I"), head, 8 if wide else 4)[0]
        file.seek(start + place)
        count = struct.unpack(order + ("Q" if wide else "H"), file.read(8 if wide else 2))[0]
    except (struct.error, OverflowError, ValueError):
        return
    length, form = (20, order + "2xHQQ") if wide else (12, order + "2xHII")
    entries = file.read(length * min(count, 2**16))
    yield from struct.iter_unpack(form, entries[: len(entries) // length * length])


def _check_png(file: BinaryIO) -> None:
    file.seek(8)
    for _ in range(MOST_PARTS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        file.seek(int.from_bytes(head[:4], "big") + 4, io.SEEK_CUR)
    raise TooCostly("too many chunks")


def _check_gif(file: BinaryIO) -> None:
    """What stands before the first picture: Pillow joins comments piece by piece."""
    head = file.read(13) if file.seek(0) == 0 else b""
    if len(head) == 13 and head[10] & 0x80:
        file.seek(3 << (head[10] & 7) + 1, io.SEEK_CUR)  # the palette
    for _ in range(MOST_SEGMENTS):
        mark = file.read(1)
        if mark in (b"", b",", b";"):
            return
        if mark == b"!":
            file.seek(1, io.SEEK_CUR)
            _skip_blocks(file)
    raise TooCostly("too many blocks")


def _skip_blocks(file: BinaryIO) -> None:
    for _ in range(MOST_SEGMENTS):
        size = file.read(1)
        if size in (b"", b"\0"):
            return
        file.seek(size[0], io.SEEK_CUR)
    raise TooCostly("too many blocks")


def _check_jpeg(file: BinaryIO) -> None:
    exif, megapixels = [], 0.0
    for marker, data in _segments(file):
        if marker == 0xE1 and data.startswith(b"Exif"):
            exif.append(data[6:])  # Pillow joins them
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(data) > 4:
            megapixels = int.from_bytes(data[1:3], "big") * int.from_bytes(data[3:5], "big") / 1e6
    if exif:
        check_exif(b"".join(exif))
    _check_scans(file, min(MOST_SCANS, round(MOST_SCANNED / min(max(megapixels, 1), 60))))


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of each segment before the first scan (ISO 10918-1, annex B)."""
    file.seek(2)
    for _ in range(MOST_SEGMENTS):
        head = file.read(2)
        if len(head) < 2 or head[1] == 0xDA:
            return
        if head[0] != 0xFF or head[1] in (0, 0xFF):  # filling: one byte on, as Pillow does
            file.seek(-1, io.SEEK_CUR)
        elif not 0xD0 <= head[1] <= 0xD9:
            size = int.from_bytes(file.read(2), "big")
            yield head[1], file.read(max(0, size - 2))
    raise TooCostly("too many segments")


def _check_scans(file: BinaryIO, most: int) -> None:
    """Each scan may be a few bytes, and is a pass over all pixels."""
    file.seek(0)
    found, last = 0, b""
    while block := file.read(_BLOCK):
        found += (last + block).count(b"\xff\xda")
        last = block[-1:]
        if found > most:
            raise TooCostly("too many scans")


def _check_avif(file: BinaryIO) -> None:
    """Exif data may stand anywhere in it."""
    file.seek(0)
    data, at = file.read(), 0
    for mark in _TIFF_MARKS:
        at = data.find(mark)
        while at >= 0:
            check_directory(file, at)
            at = data.find(mark, at + 1)
