"""MP4 and AAC files handed to ffmpeg's libraries as a bare stream of bytes: without a name, and with nothing to follow.

A demuxer is forced and no protocol is allowed, so that no playlist, reference or name can make them open another file.
"""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from s2v_nb.media.files import tag_size

# a QuickTime index that is itself compressed: of two megabytes it makes two gigabytes, and nobody writes it any more
_PACKED_INDEX = re.compile(rb"dcom.{8}cmvd", re.DOTALL)
_BLOCK = 2**22
_FARTHEST = 2**62 - 2**32


@contextmanager
def opened(path: Path, demuxer: str) -> Iterator[Any]:
    """The file as a PyAV container.

    Raises
    ------
    av.FFmpegError, ValueError
        If the content is not what the demuxer reads.
    """
    import av

    with os.fdopen(os.open(path, os.O_RDONLY), "rb") as file:  # by number: PyAV would look at the name
        if demuxer == "mov" and _has_packed_index(file):
            raise ValueError("a compressed index")
        options = {"format_whitelist": demuxer, "protocol_whitelist": ""}
        with av.open(Behind(file, tag_size(file)), format=demuxer, options=options, metadata_errors="replace") as found:
            yield found


class Behind:
    """A file from ``start`` on: a decoder would read an ID3 tag before it, and unpack it a thousandfold."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        file.seek(start)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)  # type: ignore[attr-defined]

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Never before the start, where a damaged file may point to: the decoder's callback could not say so."""
        if whence != io.SEEK_SET:
            place += self.tell() if whence == io.SEEK_CUR else self._file.seek(0, io.SEEK_END) - self._start
        return self._file.seek(self._start + min(max(0, place), _FARTHEST)) - self._start


def _has_packed_index(file: BinaryIO) -> bool:
    last = b""
    while block := file.read(_BLOCK):
        if _PACKED_INDEX.search(last + block):
            return True
        last = block[-16:]
    return False
