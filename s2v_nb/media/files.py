"""What a file really is, told by its first bytes; its name is never believed.

Text that names other files (playlists, ffconcat, HLS, DASH) makes ffmpeg open those files, so nothing is handed to a
decoder before its content was recognised here, and ffmpeg is then told which demuxer to use.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from s2v_nb.errors import InputError

# the ends of names by which files are listed for a choice; what a file is, its content says
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
SONGS = (".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff")
WHAT = {"picture": "图片", "song": "音频", "clip": "视频"}

_TEXT_MARKS = (b"ffconcat", b"#EXTM3U", b"[playlist]", b"<?xml", b"<MPD", b"<svg", b"<!DOCTYPE", b"<html", b"file ")


def check_file(path: Path, what: str, *, limit_bytes: int) -> None:
    """Raise InputError unless ``path`` is a readable, non-empty regular file of at most ``limit_bytes``.

    ``what`` is 'picture', 'song' or 'clip'. The check comes before any open, so that no pipe or device is waited on.
    """
    names = {"name": path.name or str(path), "what": what, "what_zh": WHAT[what]}
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a null byte in the path
        raise InputError("file.missing", **names) from None
    if not stat.S_ISREG(status.st_mode):
        raise InputError("file.not_regular", **names)
    if not os.access(path, os.R_OK):
        raise InputError("file.unreadable", why="no permission", **names)
    if status.st_size == 0:
        raise InputError("file.empty", **names)
    if status.st_size > limit_bytes:
        raise InputError("file.too_big", size_mib=status.st_size / 2**20, limit_mib=limit_bytes / 2**20, **names)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_head(path: Path, size: int = 4096) -> bytes:
    """The first ``size`` bytes, without an ID3v2 tag that stands before them (it may hold megabytes of cover art)."""
    with path.open("rb") as file:
        file.seek(tag_size(file))
        return file.read(size)


def tag_size(file: BinaryIO) -> int:
    """How many bytes of ID3v2 tags a file begins with."""
    at = 0
    for _ in range(4):  # some files carry more than one tag
        file.seek(at)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        b = head[6:10]  # ID3v2.4 section 3.1: the size is stored in 4 x 7 bits
        at += 10 + ((b[0] & 127) << 21 | (b[1] & 127) << 14 | (b[2] & 127) << 7 | (b[3] & 127))
    return at


def audio_kind(head: bytes) -> str | None:
    """'wav', 'flac', 'ogg', 'aiff', 'mp3', 'm4a' or 'aac', by the first bytes after any ID3 tag; None if no song."""
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp":
        return "m4a"
    return _mpeg_kind(head.lstrip(b"\0"))  # some taggers pad with zeros between the tag and the sound


def _mpeg_kind(head: bytes) -> str | None:
    """'mp3' or 'aac' if a frame header stands first: eleven set bits, then the layer (ISO 11172-3, 13818-7)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    layer_3, bitrate, rate = head[1] & 0x06 == 0x02, head[2] >> 4, head[2] >> 2 & 3
    return "mp3" if layer_3 and bitrate != 15 and rate != 3 and head[1] & 0x18 != 0x08 else None


def describe(head: bytes) -> tuple[str, str]:
    """What an unwelcome file seems to be: ('looks like a playlist', Chinese)."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64]
    if any(start.lower().startswith(mark.lower()) for mark in _TEXT_MARKS):
        return "is a text that points to other files", "它是指向其他文件的文本"
    if start and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return "is a text", "它是文本文件"
    for mark, name, name_zh in (
        (b"\x89PNG", "is a picture", "它是图片"),
        (b"\xff\xd8\xff", "is a picture", "它是图片"),
        (b"GIF8", "is a picture", "它是图片"),
        (b"II*\0", "is a picture", "它是图片"),
        (b"MM\0*", "is a picture", "它是图片"),
        (b"RIFF", "is a RIFF file of another kind", "它是其他类型的 RIFF 文件"),
        (b"\x1a\x45\xdf\xa3", "is a Matroska or WebM video", "它是 Matroska 或 WebM 视频"),
        (b"PK\x03\x04", "is a zip archive", "它是压缩包"),
        (b"%PDF", "is a PDF", "它是 PDF 文档"),
        (b"OggS", "is an Ogg sound", "它是 Ogg 音频"),
        (b"fLaC", "is a FLAC sound", "它是 FLAC 音频"),
    ):
        if head.startswith(mark):
            return name, name_zh
    if head[4:8] == b"ftyp":
        return _ftyp(head[8:12])
    if _mpeg_kind(head):
        return "is an MPEG sound", "它是 MPEG 音频"
    return "holds something unknown", "内容无法识别"


def _ftyp(brand: bytes) -> tuple[str, str]:
    if brand in (b"avif", b"avis"):
        return "is a picture", "它是图片"
    if brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"):  # ISO 23008-12; telephones write these
        return "is a HEIC picture", "它是 HEIC 图片"
    return "is an MP4 file", "它是 MP4 文件"
