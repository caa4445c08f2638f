"""Texts and references dressed as songs and clips, which would make a player open other files or call somebody."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.trust.corpus import Case, World
from tests.trust.corpus_audio import box, encoded, patched, sound, wav

DAMAGED, FORMAT, GOOD = "audio.damaged", "audio.format", "good"
FFCONCAT = "ffconcat version 1.0\nfile '{target}'\n"
HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
DASH = (
    "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static' mediaPresentationDuration='PT9S'>"
    "<Period><AdaptationSet mimeType='audio/mp4'><Representation id='1' bandwidth='9'>"
    "<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
)
TEXTS = {
    "ffconcat": FFCONCAT,
    "concat": "file '{target}'\n",
    "hls": HLS,
    "hls-key": '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:9,\n{target}\n',
    "hls-map": '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MAP:URI="{target}"\n#EXTINF:9,\n{target}\n',
    "m3u": "#EXTM3U\n{target}\n",
    "pls": "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    "dash": DASH,
    "smil": "<?xml version='1.0'?><smil><body><audio src='{target}'/></body></smil>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
}
WAYS = {
    "local": "{canary}",
    "beside": "../../canary/{name}",
    "url": "http://127.0.0.1:{port}/x.wav",
    "tcp": "tcp://127.0.0.1:{port}",
    "nested": "concat:{canary}|{canary}",
    "subfile": "subfile,,start,0,end,0,,:{canary}",
}


def cases() -> list[Case]:
    return [*_texts(), *_behind_a_mark(), *_references()]


def filled(text: str, way: str, world: World) -> bytes:
    values = {"canary": str(world.canary), "name": world.canary.name, "port": world.port}
    return text.format(target=WAYS[way].format(**values), **values).encode()


def _case(name: str, file: str, make: Callable[[World], bytes], expect: str, doors: Any = ("song", "part")) -> Case:
    def write(path: Path, world: World) -> None:
        path.write_bytes(make(world))

    return Case(f"playlist-{name}", "playlist", file, write, dict.fromkeys(doors, expect))


def _texts() -> Iterator[Case]:
    for kind, text in TEXTS.items():
        for way in ("local", "url") if kind != "ffconcat" else WAYS:
            suffix = {"url": "wav", "local": "mp3"}.get(way, "m4a")
            yield _case(f"{kind}-{way}", f"x.{suffix}", lambda world, t=text, w=way: filled(t, w, world), FORMAT)
    for way in ("local", "url"):
        yield _case(f"film-hls-{way}", "x.mp4", lambda world, w=way: filled(HLS, w, world), "video.format", ("clip",))


def _behind_a_mark() -> Iterator[Case]:
    """The first bytes are those of a song, the rest is a playlist."""
    tag = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)
    yield _case("bom", "x.mp3", lambda w: b"\xef\xbb\xbf" + filled(HLS, "local", w), FORMAT)
    yield _case("utf16", "x.mp3", lambda w: filled(HLS, "local", w).decode().encode("utf-16"), FORMAT)
    yield _case("behind-id3", "x.mp3", lambda w: tag + filled(FFCONCAT, "local", w), FORMAT)
    yield _case("behind-id3-hls", "x.aac", lambda w: tag + filled(HLS, "url", w), FORMAT)
    yield _case("behind-adts", "x.aac", lambda w: b"\xff\xf1\x50\x80" + filled(HLS, "local", w), DAMAGED)
    yield _case("behind-ftyp", "x.m4a", lambda w: box(b"ftyp", b"M4A \0\0\0\0") + filled(HLS, "url", w), DAMAGED)
    yield _case("behind-ftyp-film", "x.mp4", lambda w: box(b"ftyp", b"isom\0\0\0\0") + filled(HLS, "url", w),
                "video.damaged", ("clip",))  # fmt: skip
    yield _case("behind-mp3-frame", "x.mp3", lambda w: b"\xff\xfb\x90\x64\n" + filled(FFCONCAT, "local", w), DAMAGED)
    yield _case("behind-riff", "x.wav", lambda w: b"RIFF\0\1\0\0WAVE" + filled(HLS, "local", w), DAMAGED)
    yield _case("behind-ogg", "x.ogg", lambda w: b"OggS" + filled(FFCONCAT, "local", w), DAMAGED)
    yield _case("as-wav-samples", "x.wav", lambda w: wav(44_100, 1, 8, filled(HLS, "local", w) * 400), GOOD)


def _references() -> Iterator[Case]:
    """A whole MP4 whose samples are said to lie in another file (ISO 14496-12, section 8.7; QuickTime's alias)."""
    yield _case("mp4-url-local", "x.m4a", lambda w: _referring(f"file://{w.canary}"), GOOD)
    yield _case("mp4-url-web", "x.m4a", lambda w: _referring(f"http://127.0.0.1:{w.port}/x.m4a"), GOOD)
    yield _case("mp4-alias", "x.m4a", _alias, DAMAGED)
    yield _case("mp4-redirect", "x.m4a", _redirect, DAMAGED)
    yield _case("film-url-web", "x.mp4", lambda w: _referring(f"http://127.0.0.1:{w.port}/x", _film()), GOOD, ("clip",))


def _film() -> bytes:
    return encoded("testsrc=size=128x128:rate=10:d=1 -c:v libx264 -pix_fmt yuv420p -f mp4")


def _referring(target: str, data: bytes | None = None) -> bytes:
    return _with_reference(data or sound("m4a"), box(b"url ", bytes(4), target.encode() + b"\0"))


def _alias(world: World) -> bytes:
    """As QuickTime writes an alias record: the path in a field of type 2."""
    path = str(world.canary).encode()
    record = bytes(10) + b"\x04root" + bytes(23) + bytes(12) + bytes([10]) + b"secret.wav".ljust(63, b"\0") + bytes(16)
    record += bytes(20) + b"\0\x02" + len(path).to_bytes(2, "big") + path + b"\0" * (len(path) % 2) + b"\xff\xff\0\0"
    return _with_reference(sound("m4a"), box(b"alis", bytes(4), record))


def _with_reference(data: bytes, entry: bytes) -> bytes:
    """The file with another data reference, and all boxes around it longer by as much; the index must be last."""
    at = data.index(b"dref") - 4
    old = int.from_bytes(data[at : at + 4], "big")
    new = box(b"dref", bytes(4), (1).to_bytes(4, "big"), entry)
    result = data[:at] + new + data[at + old :]
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = result.rindex(name, 0, at) - 4
        size = int.from_bytes(result[place : place + 4], "big") + len(new) - old
        result = patched(result, place, size.to_bytes(4, "big"))
    return result


def _redirect(world: World) -> bytes:
    """A QuickTime movie that is nothing but the address of another."""
    url = f"http://127.0.0.1:{world.port}/x.mov".encode() + b"\0"
    reference = box(b"rdrf", bytes(4), b"url ", len(url).to_bytes(4, "big"), url)
    return box(b"ftyp", b"qt  \0\0\0\0") + box(b"moov", box(b"rmra", box(b"rmda", reference)))
