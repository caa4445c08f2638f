"""A hub on 127.0.0.1: the routes of huggingface.co that a download uses, tiny repositories, and trouble on request.

``python -m tests.models.hub COMMAND...`` is `s2v-nb` with the tiny models of `MODELS` in place of the real ones.
"""

import hashlib
import json
import random
import re
import signal
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from s2v_nb.models import catalog
from s2v_nb.models.catalog import Component, Model

FIRST, SECOND = "1" * 40, "2" * 40
CUT = 0.3  # of a file that was cut
ROOT = Path(__file__).resolve().parents[2]


def tensors(count: int, seed: int) -> bytes:
    """A real safetensors file of ``count`` bytes of weights."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}}).encode()
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(count)


def index(*shards: str) -> bytes:
    return json.dumps({"weight_map": {f"w{i}": shard for i, shard in enumerate(shards)}}).encode()


# What a repository holds: path to content. Files from 10 kB on are LFS, as are all weights on the real hub.
WAN = {
    "README.md": b"tiny",
    "transformer/config.json": b'{"a": 1}',
    "transformer/m-1.safetensors": tensors(400_000, 1),
    "transformer/m-2.safetensors": tensors(300_000, 2),
    "transformer/m.safetensors.index.json": index("m-1.safetensors", "m-2.safetensors"),
    "transformer/m-1.bin": b"pickle" * 5000,
    "text_encoder/config.json": b'{"b": 1}',
    "text_encoder/model.safetensors": tensors(200_000, 3),
    "text_encoder/model.pth": b"pickle" * 5000,
    "tokenizer/tokenizer.json": b"{}" + b" " * 20_000,
    "vae/config.json": b'{"c": 1}',
    "vae/v.safetensors": tensors(100_000, 4),
}
QUANT = {"tiny-Q4.gguf": b"GGUF" + random.Random(5).randbytes(50_000), "tiny-Q8.gguf": b"GGUF" + bytes(90_000)}


def _component(key: str, repository: str, revision: str, folder: str, *files: str, licence: str = "MIT") -> Component:
    return Component(key, repository, revision, folder, files, 1_000_000, licence)


def _wan(folder: str, *names: str, licence: str = "MIT") -> Component:
    return _component(f"tiny-{folder}", "tiny/wan", FIRST, folder, *(f"{folder}/{n}" for n in names), licence=licence)


NETWORK = ("config.json", "*.safetensors", "*.safetensors.index.json")
TEXT, WORDS, VAE = _wan("text_encoder", *NETWORK), _wan("tokenizer", "*.json"), _wan("vae", *NETWORK)
MODELS = {
    model.key: model
    for model in (
        Model(
            "tiny", ("", ""),
            {"transformer": _wan("transformer", *NETWORK), "text_encoder": TEXT, "tokenizer": WORDS, "vae": VAE},
        ),
        Model(
            "tiny-q4", ("", ""),
            {"transformer": _component("tiny-q4", "tiny/quant", "", "", "tiny-Q4.gguf"), "vae": VAE},
        ),
        Model("strict", ("", ""), {"vae": _component("strict", "tiny/strict", FIRST, "", "*", licence="OpenRAIL")}),
    )
}  # fmt: skip


@dataclass
class Hub:
    """The server. ``trouble`` holds for each file what the next requests for it meet, '*' for every file.

    'cut' ends the connection at 30 %, 'truncated' ends well at 30 %, 'wrong' sends other bytes of the same length,
    'slow' sends little pieces, 'held' waits for `gate`, a number is an HTTP status. One with a '!' is met by every
    request.
    """

    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)  # name, commit, path
    heads: dict[str, str] = field(default_factory=dict)
    trouble: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    log: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, range

    gate: threading.Event = field(default_factory=threading.Event)
    pause: float = 0.05  # seconds between two pieces of what is slow

    def __post_init__(self) -> None:
        self.publish("tiny/wan", FIRST, WAN)
        self.publish("tiny/quant", FIRST, QUANT)
        self.publish("tiny/strict", FIRST, {"v.safetensors": tensors(1000, 6)})

    def publish(self, repository: str, commit: str, files: dict[str, bytes]) -> None:
        self.repositories.setdefault(repository, {})[commit] = files
        self.heads[repository] = commit

    def met(self, path: str) -> str:
        """What a request for this file meets."""
        for waiting in (self.trouble[path], self.trouble["*"]):
            if waiting:
                return waiting[0].rstrip("!") if waiting[0].endswith("!") else waiting.pop(0)
        return ""

    def fetched(self) -> list[str]:
        """The files whose bytes were asked for, in order; each request counts."""
        return [path for method, path, _ in self.log if method == "GET" and not path.startswith("api:")]

    def __enter__(self) -> "Hub":
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients that were killed in the middle of a request are no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*_)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", path):
            self._api(path, *match.groups())
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(*match.groups())
        elif match := re.fullmatch(r"/cdn/([^/]+/[^/]+)/([^/]+)/(.+)", path):
            self._content(*match.groups())
        else:
            self._answer(404)

    def _api(self, path: str, repository: str, revision: str) -> None:
        self.hub.log.append((self.command, f"api:{path}", ""))
        commit = self.hub.heads.get(repository, "") if revision == "main" else revision
        files = self.hub.repositories.get(repository, {}).get(commit)
        if (status := self.hub.trouble["api"] and self.hub.met("api")) or files is None:
            self._answer(int(status or 404))
            return
        listed = [_listed(name, content) for name, content in files.items()]
        self._answer(200, json.dumps({"id": repository, "sha": commit, "siblings": listed}).encode())

    def _resolve(self, repository: str, commit: str, name: str) -> None:
        content = self.hub.repositories.get(repository, {}).get(commit, {}).get(name)
        if content is None:
            self._answer(404)
        elif len(content) >= 10_000:  # LFS files lie elsewhere
            etag = hashlib.sha256(content).hexdigest()
            linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content)), "X-Repo-Commit": commit}
            self._answer(302, b"", {"Location": f"/cdn/{repository}/{commit}/{name}", **linked})
        else:
            self._content(repository, commit, name)

    def _content(self, repository: str, commit: str, name: str) -> None:
        asked = self.headers.get("Range", "")
        self.hub.log.append((self.command, name, asked))
        content, trouble = self.hub.repositories[repository][commit][name], self.hub.met(name)
        if trouble.isdecimal():
            self._answer(int(trouble), b"", {"Retry-After": "0"})
            return
        if trouble == "held":
            self.hub.gate.wait(60)
        if trouble == "truncated":
            content = content[: int(CUT * len(content))]
        if trouble == "wrong":
            content = bytes(255 - byte for byte in content)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start >= len(content) and asked:
            self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        self._send(content, start, trouble, {"ETag": f'"{git_or_sha(content)}"', "X-Repo-Commit": commit})

    def _send(self, content: bytes, start: int, trouble: str, headers: dict[str, str]) -> None:
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        for key, value in {**headers, "Content-Length": str(len(body)), "Accept-Ranges": "bytes"}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if trouble == "cut":
            self.wfile.write(body[: int(CUT * len(content))])
            self.close_connection = True
            return
        step = max(1, len(body) // 40) if trouble == "slow" else len(body) or 1
        for at in range(0, len(body), step):
            try:
                self.wfile.write(body[at : at + step])
            except OSError:  # the client was killed
                self.close_connection = True
                return
            time.sleep(self.hub.pause if trouble == "slow" else 0)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def places(server: Hub, folder: Path) -> dict[str, str]:
    """The environment of a process that downloads from this server, into this folder."""
    return {
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(folder / "hf"),
        "S2V_NB_MODELS": str(folder / "own"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def git_or_sha(content: bytes) -> str:
    """What the hub calls a file: git's hash of the blob, of LFS files the SHA-256."""
    if len(content) >= 10_000:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _listed(path: str, content: bytes) -> dict:
    entry = {"rfilename": path, "size": len(content)}
    if len(content) >= 10_000:
        lfs = {"sha256": git_or_sha(content), "size": len(content), "pointerSize": 130}
        return {**entry, "blobId": "0" * 40, "lfs": lfs}
    return {**entry, "blobId": git_or_sha(content)}


if __name__ == "__main__":
    from s2v_nb.cli import main
    from s2v_nb.models import hub

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born deaf to Ctrl-C
    catalog.MODELS.clear()
    catalog.MODELS.update(MODELS)
    hub.PAUSES = (0.05, 0.05)
    status = main(sys.argv[1:])
    assert "torch" not in sys.modules
    sys.exit(status)
