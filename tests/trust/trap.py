"""What must never be touched while a stranger's file is read: a folder the kernel watches, and a listening socket."""

import contextlib
import ctypes
import os
import socket
import struct
import threading
from pathlib import Path

IN_ACCESS, IN_OPEN = 0x1, 0x20  # man 7 inotify


class Canary:
    """A folder whose files nobody may open; `seen` names those that were opened or read, by whatever code.

    The kernel tells (inotify), so that a decoder's own C code is seen, too.
    """

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._handle < 0 or self._libc.inotify_add_watch(
            self._handle, os.fsencode(folder), ctypes.c_uint32(IN_ACCESS | IN_OPEN)
        ) < 0:  # fmt: skip
            raise OSError(ctypes.get_errno(), "inotify")

    def seen(self) -> list[str]:
        """The names that were touched since the last call."""
        names, data = [], b""
        try:
            while True:
                data += os.read(self._handle, 65_536)
        except BlockingIOError:
            pass
        while data:
            _, _, _, length = struct.unpack_from("iIII", data)
            name = data[16 : 16 + length].rstrip(b"\0").decode()
            if name:  # else the folder itself was listed
                names.append(name)
            data = data[16 + length :]
        return sorted(set(names))

    def close(self) -> None:
        os.close(self._handle)


class Listener:
    """Sockets on 127.0.0.1 (TCP and UDP on one port) that count whoever comes."""

    def __init__(self) -> None:
        self.calls = 0
        self._tcp, self._udp = _one_port()
        self.port = self._tcp.getsockname()[1]
        for work in (self._accept, self._receive):
            threading.Thread(target=work, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    def _receive(self) -> None:
        while True:
            try:
                self._udp.recv(4096)
            except OSError:
                return
            self.calls += 1

    def close(self) -> None:
        for each in (self._tcp, self._udp):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in it
            each.close()


def _one_port() -> tuple[socket.socket, socket.socket]:
    while True:
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
        else:
            return tcp, udp
