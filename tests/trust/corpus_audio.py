"""Songs that are damaged, lie about themselves, or cost more than they seem to."""

import io
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import soundfile

from tests.trust.corpus import Case, World, content
from tests.trust.corpus_images import packed

GOOD, DAMAGED, FORMAT = "good", "audio.damaged", "audio.format"
RATE, CHANNELS, LONG, VALUES = "audio.rate", "audio.channels", "audio.too_long", "audio.not_finite"
DENSE = "audio.too_long_rate"
DOORS = ("song", "part", "heard")
HOUR = 3600
KINDS = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"),
         "mp3": ("MP3", "MPEG_LAYER_III"), "aiff": ("AIFF", "PCM_16")}  # fmt: skip


def cases() -> list[Case]:
    makers = (
        _truncated,
        _empty,
        _silent,
        _values,
        _rates,
        _channels,
        _depths,
        _variable,
        _lying,
        _long,
        _bombs,
        _others,
    )
    return [_case(*each) for maker in makers for each in maker()]


def _case(name: str, file: str, make: Any, *expect: str) -> Case:
    """``expect`` of the whole song, of a part, of its first ten minutes; the last one given holds for the rest."""
    maker = content(make) if isinstance(make, bytes) else make
    doors = DOORS if len(expect) > 1 else DOORS[:2]
    return Case(
        f"audio-{name}", "audio", file, maker, dict(zip(doors, [*expect, expect[-1], expect[-1]], strict=False))
    )


# --- how they are made


def tone(seconds: float = 3.0, rate: int = 44_100, channels: int = 2) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return np.stack([0.3 * np.sin(2 * np.pi * 220 * (k + 1) * time) for k in range(channels)], axis=1)


@cache
def sound(kind: str) -> bytes:
    """Three seconds of a tone in this format."""
    if kind in ("m4a", "aac"):
        return encoded(
            f"sine=frequency=220:duration=3:sample_rate=44100 -c:a aac -f {'ipod' if kind == 'm4a' else 'adts'}"
        )
    return written(tone(rate=48_000 if kind == "opus" else 44_100), 48_000 if kind == "opus" else 44_100, *KINDS[kind])


def written(samples: np.ndarray, rate: int, kind: str = "WAV", subtype: str = "PCM_16", **options: Any) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype, **options)
    return buffer.getvalue()


@cache
def encoded(source: str) -> bytes:
    """What ffmpeg makes of a source that it generates itself, with these options."""
    source, _, options = source.partition(" ")
    with tempfile.TemporaryDirectory() as folder:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi", "-i", source, *options.split()]
        subprocess.run([*command, f"{folder}/x"], check=True)
        return Path(folder, "x").read_bytes()


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def wav(rate: int, channels: int, bits: int, data: bytes, *, code: int = 1, claimed: int | None = None) -> bytes:
    """A WAV by hand: its header may claim any rate, number of channels and length."""
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", code, channels, rate, min(rate * frame, 2**32 - 1), frame & 0xFFFF, bits)
    size = len(data) if claimed is None else claimed
    parts = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(len(parts), 2**32 - 1)) + parts


def sparse_wav(rate: int, channels: int, bits: int, seconds: int) -> Callable[[Path, World], None]:
    """Silence that takes no room on the disk."""

    def make(path: Path, _: World) -> None:
        size = seconds * rate * channels * bits // 8
        with path.open("wb") as file:
            head = wav(rate, channels, bits, b"", claimed=size)
            file.write(head)
            file.truncate(len(head) + size)

    return make


# --- the classes of the corpus


def _truncated() -> Iterator[tuple]:
    for kind in (*KINDS, "aac"):
        data = sound(kind)
        yield f"cut-{kind}", f"x.{kind}", data[: len(data) // 2], DAMAGED if kind in ("flac", "aac") else GOOD
    yield "cut-m4a", "x.m4a", sound("m4a")[: len(sound("m4a")) // 2], DAMAGED
    for kind, size in (("wav", 30), ("flac", 30), ("ogg", 40), ("opus", 40), ("aiff", 30), ("m4a", 30)):
        yield f"head-{kind}", f"x.{kind}", sound(kind)[:size], DAMAGED
    yield "head-mp3", "x.mp3", sound("mp3")[:20], DAMAGED


def _empty() -> Iterator[tuple]:
    yield "zero-bytes", "x.wav", b"", "file.empty"
    yield "zero-length-wav", "x.wav", written(np.zeros((0, 2)), 44_100), GOOD
    yield "zero-length-flac", "x.flac", sound("flac")[:42], DAMAGED
    yield "id3-only", "x.mp3", b"ID3\x04\0\0\0\0\x07\x76" + bytes(1014), FORMAT
    yield "id3-claims-256-mib", "x.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + sound("mp3"), FORMAT
    yield "nulls", "x.mp3", bytes(2**20), FORMAT


def _silent() -> Iterator[tuple]:
    for kind, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")):
        yield (
            f"silence-{kind.lower()}",
            f"x.{kind.lower()}",
            written(np.zeros((88_200, 2)), 44_100, kind, subtype),
            GOOD,
        )
    yield "silence-m4a", "x.m4a", encoded("anullsrc=r=44100:d=3 -c:a aac -f ipod"), GOOD


def _values() -> Iterator[tuple]:
    for name, value in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf), ("1e38", 1e38), ("5000", 5000.0)):
        samples = tone(seconds=2.5)
        samples[60_000] = value
        yield f"floats-{name}", "x.wav", written(samples, 44_100, subtype="FLOAT"), VALUES
    yield "doubles-1e300", "x.wav", written(tone() + 1e300, 44_100, subtype="DOUBLE"), VALUES
    yield "floats-denormal", "x.wav", written(tone() * 1e-40, 44_100, subtype="FLOAT"), GOOD
    yield "floats-over-scale", "x.wav", written(tone() * 20, 44_100, subtype="FLOAT"), GOOD
    for kind in ("m4a", "aac"):
        data = bytearray(sound(kind))
        data[2000:2400] = bytes(range(200)) * 2
        yield f"garbled-{kind}", f"x.{kind}", bytes(data), DAMAGED if kind == "m4a" else GOOD


def _rates() -> Iterator[tuple]:
    for rate in (8_000, 11_025, 22_050, 96_000, 192_000):
        yield f"rate-{rate}", "x.wav", written(tone(rate=rate), rate), GOOD
    for rate in (0, 1, 7_999, 192_001, 384_000, 2**31 - 1, 2**32 - 1):
        expect = DAMAGED if rate in (0, 2**32 - 1) else RATE
        yield f"rate-{rate}", "x.wav", wav(rate, 2, 16, bytes(40_000)), expect
    yield "rate-7350-aac", "x.aac", encoded("sine=sample_rate=7350:d=3 -c:a aac -ar 7350 -f adts"), RATE


def _channels() -> Iterator[tuple]:
    for count in range(1, 9):
        yield f"channels-{count}", "x.wav", written(tone(channels=count), 44_100), GOOD
    yield "channels-6-flac", "x.flac", written(tone(channels=6), 44_100, "FLAC"), GOOD
    yield "channels-6-m4a", "x.m4a", encoded("anullsrc=r=44100:cl=5.1:d=3 -c:a aac -f ipod"), GOOD
    yield "channels-0", "x.wav", wav(44_100, 0, 16, bytes(40_000)), DAMAGED
    yield "channels-9", "x.wav", wav(44_100, 9, 16, bytes(18 * 4000)), CHANNELS
    yield "channels-1024", "x.wav", wav(44_100, 1024, 16, bytes(2048 * 400)), CHANNELS
    yield "channels-65535", "x.wav", wav(44_100, 65_535, 8, bytes(65_535 * 40)), DAMAGED


def _depths() -> Iterator[tuple]:
    for subtype in ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "MS_ADPCM"):
        yield f"depth-{subtype.lower()}", "x.wav", written(tone(), 44_100, subtype=subtype), GOOD
    yield "depth-24-flac", "x.flac", written(tone(), 44_100, "FLAC", "PCM_24"), GOOD
    yield "depth-65535", "x.wav", wav(44_100, 2, 65_528, bytes(40_000)), DAMAGED
    yield "depth-unknown-code", "x.wav", wav(44_100, 2, 16, bytes(40_000), code=0x1234), DAMAGED
    yield "depth-alac", "x.m4a", encoded("sine=d=3 -c:a alac -f ipod"), GOOD


def _variable() -> Iterator[tuple]:
    for level in (0.0, 0.9):
        data = written(tone(6), 44_100, *KINDS["mp3"], bitrate_mode="VARIABLE", compression_level=level)
        yield f"variable-mp3-{level:g}", "x.mp3", data, GOOD
    yield "variable-mp3-no-index", "x.mp3", _without_xing(), GOOD


def _without_xing() -> bytes:
    """Frames of several bitrates behind one another, and no word of how many."""
    parts = [
        written(tone(1), 44_100, *KINDS["mp3"], bitrate_mode="CONSTANT", compression_level=n / 4) for n in range(4)
    ]
    return b"".join(part[part.index(b"\xff\xfb", 40) :] for part in parts)


def _lying() -> Iterator[tuple]:
    data = bytes(44_100 * 4 * 3)
    yield "claims-4-gib-wav", "x.wav", wav(44_100, 2, 16, data, claimed=2**32 - 1), GOOD
    yield "claims-nothing-wav", "x.wav", wav(44_100, 2, 16, data, claimed=0), GOOD
    flac = sound("flac")
    yield "claims-26-days-flac", "x.flac", patched(flac, 21, bytes([flac[21] | 0x0F]) + b"\xff" * 4), LONG, DAMAGED
    yield "claims-nothing-flac", "x.flac", patched(flac, 21, bytes([flac[21] & 0xF0]) + bytes(4)), GOOD
    aiff = sound("aiff")
    yield "claims-27-hours-aiff", "x.aiff", patched(aiff, aiff.index(b"COMM") + 10, b"\xff" * 4), GOOD
    m4a = sound("m4a")
    for name, value in (("27-hours", 2**32 - 1), ("nothing", 0)):
        yield f"claims-{name}-m4a", "x.m4a", _with_duration(m4a, value), GOOD
    mp3 = sound("mp3")
    at = max(mp3.find(b"Xing"), mp3.find(b"Info"))
    yield "claims-27-hours-mp3", "x.mp3", patched(mp3, at + 8, b"\x00\xff\xff\xff"), LONG, GOOD
    ogg = sound("ogg")
    last = ogg.rindex(b"OggS")
    yield "claims-forever-ogg", "x.ogg", _repaged(patched(ogg, last + 6, b"\xff" * 7 + b"\x7f"), last), LONG, GOOD


def _with_duration(data: bytes, value: int) -> bytes:
    for name, place in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        data = patched(data, data.index(name) + place, struct.pack(">I", value))
    return data


def _repaged(data: bytes, at: int) -> bytes:
    """An Ogg whose last page has its checksum made good (RFC 3533, section 6)."""
    page = bytearray(patched(data[at:], 22, bytes(4)))
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return data[:at] + patched(bytes(page), 22, struct.pack("<I", crc))


def _long() -> Iterator[tuple]:
    yield "hours-wav", "x.wav", sparse_wav(8_000, 1, 8, 30 * HOUR), LONG, GOOD
    yield "hours-mp3", "x.mp3", _hours_of_mp3, LONG, GOOD
    yield "hours-flac", "x.flac", _hours_of_flac, LONG, GOOD
    yield "hours-m4a", "x.m4a", _hours_of_m4a, LONG, GOOD
    yield "hours-aac", "x.aac", _hours_of_aac, LONG, GOOD
    yield "a-gibibyte-wav", "x.wav", sparse_wav(44_100, 2, 16, 6080), LONG, GOOD
    yield "over-a-gibibyte-wav", "x.wav", sparse_wav(44_100, 2, 16, 6090), "file.too_big"
    yield "20-minutes-stereo", "x.wav", sparse_wav(48_000, 2, 16, 1200), GOOD
    yield "20-minutes-8-channels", "x.wav", sparse_wav(48_000, 8, 16, 1200), GOOD
    yield "20-minutes-192-khz", "x.wav", sparse_wav(192_000, 2, 8, 1200), DENSE, GOOD, DENSE
    yield "20-minutes-aac", "x.aac", _minutes_of_aac, GOOD


def _hours_of_mp3(path: Path, _: World) -> None:
    data = sound("mp3")
    frames = data[data.index(b"\xff\xfb", 500) :]
    path.write_bytes(frames * (3 * HOUR // 3))


def _hours_of_flac(path: Path, _: World) -> None:
    with soundfile.SoundFile(path, "w", 8_000, 1, format="FLAC", subtype="PCM_16") as file:
        for _minute in range(180):
            file.write(np.zeros(60 * 8_000, np.int16))


def _hours_of_m4a(path: Path, _: World) -> None:
    """A minute, encoded once and copied behind itself."""
    minute = path.with_name("minute.m4a")
    minute.write_bytes(encoded("anullsrc=r=8000:cl=mono:d=60 -c:a aac -b:a 8k -f ipod"))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-stream_loop", "179", "-i", minute]
    subprocess.run([*command, "-c", "copy", "-f", "ipod", path], check=True)
    minute.unlink()


def _hours_of_aac(path: Path, _: World) -> None:
    path.write_bytes(encoded("sine=frequency=220:duration=3:sample_rate=8000 -c:a aac -f adts") * HOUR)


def _minutes_of_aac(path: Path, _: World) -> None:
    path.write_bytes(sound("aac") * 390)


def _bombs() -> Iterator[tuple]:
    yield "bomb-tag-pictures-aac", "x.aac", _tag_of_pictures() + sound("aac"), GOOD
    yield "bomb-tag-pictures-mp3", "x.mp3", _tag_of_pictures() + sound("mp3"), GOOD
    yield "bomb-packed-index", "x.m4a", _packed_index(), DAMAGED
    yield "bomb-flac-picture", "x.flac", _flac_block(6, _cover(2**24 - 100)), GOOD
    yield "bomb-flac-blocks", "x.flac", _many_blocks, GOOD
    yield "bomb-ogg-pages", "x.ogg", _many_pages, DAMAGED


@cache
def _tag_of_pictures() -> bytes:
    """Forty compressed pictures of 32 MiB each in an ID3v2.4 tag of a megabyte."""
    press = zlib.compressobj(9)
    size = 32 * 2**20
    picture = press.compress(b"\0image/png\0\3\0" + bytes(size - 13)) + press.flush()
    frame = b"APIC" + _synchsafe(len(picture) + 4) + b"\0\x09" + _synchsafe(size) + picture
    return b"ID3\4\0\0" + _synchsafe(40 * len(frame)) + frame * 40


def _synchsafe(value: int) -> bytes:
    return bytes(value >> shift & 127 for shift in (21, 14, 7, 0))


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", 8 + len(data)) + kind + data


def _packed_index() -> bytes:
    """A compressed index (QuickTime) of two megabytes that makes two gigabytes."""
    packed_zeros = packed(127 * 2**24)
    cmov = box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", struct.pack(">I", 127 * 2**24), packed_zeros))
    return box(b"ftyp", b"M4A \0\0\0\0M4A ") + box(b"moov", cmov)


def _flac_block(kind: int, data: bytes) -> bytes:
    flac = sound("flac")
    return flac[:42] + bytes([kind]) + len(data).to_bytes(3, "big") + data + flac[42:]


def _cover(size: int) -> bytes:
    """A FLAC picture of zeros (RFC 9639, section 8.8)."""
    kind = b"image/png"
    return struct.pack(">II", 3, len(kind)) + kind + bytes(4 + 16) + struct.pack(">I", size) + bytes(size)


def _many_blocks(path: Path, _: World) -> None:
    flac = sound("flac")
    path.write_bytes(flac[:42] + b"\x02\0\0\x04abcd" * 2**22 + flac[42:])


def _many_pages(path: Path, _: World) -> None:
    path.write_bytes(sound("ogg")[:58] + b"OggS\0\0" + bytes(20) + b"\0" * 2**25)


def _others() -> Iterator[tuple]:
    yield "wrong-extension-flac-as-mp3", "x.mp3", sound("flac"), GOOD
    yield "wrong-extension-mp3-as-wav", "x.wav", sound("mp3"), GOOD
    yield "wrong-extension-wav-as-raw", "x.raw", sound("wav"), GOOD
    yield "picture-as-mp3", "x.mp3", b"\x89PNG\r\n\x1a\n" + bytes(99), FORMAT
    yield "avi-as-wav", "x.wav", b"RIFF\xff\0\0\0AVI LIST" + bytes(99), FORMAT
    yield "matroska-as-mp3", "x.mp3", encoded("sine=d=3 -c:a aac -f matroska"), FORMAT
    yield "midi-as-wav", "x.wav", b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", FORMAT
    yield "film-without-sound", "x.m4a", encoded("color=size=64x64:d=1 -c:v libx264 -f mp4"), DAMAGED
    yield "text", "x.mp3", b"just words\n" * 99, FORMAT
    yield "polyglot-mp3-zip", "x.mp3", sound("mp3") + b"PK\3\4" + bytes(200), GOOD
    yield "polyglot-wav-playlist", "x.wav", sound("wav") + b"\n#EXTM3U\nfile:///etc/passwd\n", GOOD
    yield "id3-twice", "x.mp3", (b"ID3\x04\0\0\0\0\x07\x76" + bytes(1014)) * 2 + sound("mp3"), GOOD
