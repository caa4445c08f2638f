"""Songs: WAV, MP3, FLAC, OGG, Opus, AIFF and M4A become float stereo; excerpts are cut to the sample."""

import base64
import hashlib
import html
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

import numpy as np

from s2v_nb.errors import InputError
from s2v_nb.media.container import Behind, opened
from s2v_nb.media.files import audio_kind, check_file, describe, read_head, sha256_of, tag_size

if TYPE_CHECKING:
    import soundfile

MAX_FILE_BYTES = 2**30
MAX_MINUTES = 20  # in memory at once; longer songs are read in excerpts
MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_CHANNELS = 8
MAX_VALUE = 1000.0  # 60 dB over full scale: of no recording, but squares of it are still numbers
_BLOCK = 2**18  # samples
_MOST_SAMPLES = MAX_MINUTES * 60 * 48_000  # of a channel, held at once: 440 MiB of stereo
_FRAMES_AT_ONCE = 50
_MOST_CLAIMED = 2**62  # samples; libsndfile's word for a length that nobody knows is above
_FFMPEG_DEMUXER = {"m4a": "mov", "aac": "aac", "flac": "flac"}


@dataclass(frozen=True, eq=False)
class Audio:
    """A song, or a part of it: ``samples`` float32 of shape (2, time) at ``rate`` Hz, -1 to 1.

    ``start`` (seconds) says where in the song the samples begin, ``song_duration`` (seconds) how long the whole is;
    ``sha256`` names the whole file.
    """

    samples: np.ndarray
    rate: int
    name: str
    sha256: str
    path: Path | None = None
    start: float = 0.0
    song_duration: float = 0.0

    @property
    def duration(self) -> float:
        """Seconds of the samples held here."""
        return self.samples.shape[1] / self.rate

    @property
    def is_whole(self) -> bool:
        """Whether the samples are the whole song."""
        return self.start == 0 and self.duration >= self.song_duration - 0.5 / self.rate

    @property
    def mono(self) -> np.ndarray:
        """The mean of both channels, float32 of shape (time,)."""
        return self.samples.mean(axis=0)

    def _repr_html_(self) -> str:
        if not self.samples.size:
            return f"<code>{html.escape(self.name)}: {self.duration:.2f} s</code>"
        if self.path is None or not self.is_whole:
            source = f"data:audio/mpeg;base64,{base64.b64encode(self._mp3()).decode()}"
        else:
            source = quote(os.path.relpath(self.path).replace(os.sep, "/"))  # relative: plays after a reload too
        return f'<audio controls preload="metadata" src="{html.escape(source, quote=True)}"></audio>'

    def _mp3(self) -> bytes:
        """For a player in a page; MP3 plays in every browser, at the rates it knows."""
        import soundfile

        rate = next((r for r in (22_050, 44_100, 48_000) if r >= self.rate), 48_000)
        buffer = io.BytesIO()
        samples = np.clip(self.resampled(rate).samples.T, -1, 1)
        soundfile.write(buffer, samples, rate, format="MP3", subtype="MPEG_LAYER_III")
        return buffer.getvalue()

    def excerpt(self, start: float, duration: float) -> "Audio":
        """The part from ``start`` (seconds, in the song) on, cut to the sample; shorter where the song ends."""
        first = round((start - self.start) * self.rate)
        last = max(0, first + round(duration * self.rate))
        first = max(0, first)
        return replace(self, samples=self.samples[:, first:last], start=self.start + first / self.rate)

    def as_song(self) -> "Audio":
        """A part taken for a song of its own: times count from its first sample, and it has a name of its own."""
        if self.is_whole:
            return self
        part = f"{self.sha256} {self.start:.6f} {self.samples.shape[1]} {self.rate}"
        sha256 = hashlib.sha256(part.encode()).hexdigest()
        return replace(self, path=None, start=0.0, song_duration=self.duration, sha256=sha256)

    def faded(self, seconds: float = 0.01) -> "Audio":
        """With short fades where the song was cut, so that no cut clicks; its own start and end stay untouched."""
        samples = self.samples.copy()
        n = min(round(seconds * self.rate), samples.shape[1] // 2)
        ramp = np.linspace(0, 1, n, endpoint=False, dtype=np.float32)
        if n and self.start > 0:
            samples[:, :n] *= ramp
        if n and self.start + self.duration < self.song_duration - 1 / self.rate:
            samples[:, -n:] *= ramp[::-1]
        return replace(self, samples=samples)

    def resampled(self, rate: int) -> "Audio":
        """At another sample rate (soxr, very high quality)."""
        if rate == self.rate:
            return self
        import soxr

        samples = soxr.resample(self.samples.T, self.rate, rate, quality="VHQ").T
        return replace(self, samples=np.ascontiguousarray(samples, dtype=np.float32), rate=rate)


def load_audio(source: "str | Path | Audio", start: float = 0.0, duration: float | None = None) -> Audio:
    """Load a song, or the part of it that begins at ``start``, as float stereo at its own sample rate.

    The file is recognised by its content and opened only if it is WAV, MP3, FLAC, OGG (Vorbis, Opus), AIFF or
    M4A/AAC; playlists and other texts that point to further files never are. Mono becomes stereo, more than two
    channels are mixed down.

    Parameters
    ----------
    source : path or Audio
    start, duration : float, seconds
        The part to read; ``None`` reads to the end.

    Raises
    ------
    InputError
        If the file is missing, damaged, not a song, not a number anywhere, of more than 8 channels, or too long to hold
        at once: 20 minutes, above 48 kHz as many samples as these.
    """
    if isinstance(source, Audio):
        whole = start <= source.start and duration is None
        return source if whole else source.excerpt(start, source.duration if duration is None else duration)
    if not isinstance(source, str | Path):
        raise InputError("audio.type", value=type(source).__name__)
    path = Path(source)
    check_file(path, "song", limit_bytes=MAX_FILE_BYTES)
    head = read_head(path)
    kind = audio_kind(head)
    if kind is None:
        found, found_zh = describe(head)
        raise InputError("audio.format", name=path.name, found=found, found_zh=found_zh)
    read = _read_with_ffmpeg if kind in ("m4a", "aac") else _read_with_soundfile
    samples, rate, total = read(path, kind, start, duration)
    first = round(start * rate) / rate
    return Audio(samples, rate, path.name, sha256_of(path), path, first, max(total, first))


def audio_from_array(samples: np.ndarray, rate: int, name: str = "audio") -> Audio:
    """A song from float ``samples`` of shape (channel, time) or (time,)."""
    samples = np.atleast_2d(np.asarray(samples, dtype=np.float32))
    if samples.ndim != 2 or not 1 <= samples.shape[0] <= 8:
        raise InputError("audio.array", shape=str(samples.shape))
    if not np.isfinite(samples).all():
        raise InputError("audio.not_finite", name=name)
    _check_rate(name, rate)
    digest = hashlib.sha256(f"{rate} {samples.shape}".encode() + samples.tobytes()).hexdigest()
    return Audio(to_stereo(samples), rate, name, digest, None, 0.0, samples.shape[1] / rate)


def to_stereo(samples: np.ndarray) -> np.ndarray:
    """Two channels: mono doubled, 5.0 and 5.1 by ITU-R BS.775 (without the LFE), others as the mean of all."""
    channels = samples.shape[0]
    if channels == 2:
        return samples
    if channels == 1:
        return np.repeat(samples, 2, axis=0)
    parts = np.full((2, channels), 1 / channels, np.float32)
    if channels in (5, 6):  # left, right, center, (LFE,) back left, back right
        parts[:] = 0
        parts[0, [0, 2, -2]] = parts[1, [1, 2, -1]] = np.array([1, 0.7071, 0.7071]) / (1 + 2 * 0.7071)
    return parts @ samples


def _check_rate(name: str, rate: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError("audio.rate", name=name, rate=rate, low=MIN_RATE, high=MAX_RATE)


def _check_length(name: str, samples: int, rate: int) -> None:
    """InputError if so many samples a channel are too many to be held at once."""
    if samples > MAX_MINUTES * 60 * rate:
        raise InputError("audio.too_long", name=name, minutes=samples / rate / 60, limit=MAX_MINUTES)
    if samples > _MOST_SAMPLES:
        limit = _MOST_SAMPLES / rate / 60
        raise InputError("audio.too_long_rate", name=name, minutes=samples / rate / 60, rate=rate, limit=limit)


def _check_channels(name: str, channels: int) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError("audio.channels", name=name, channels=channels, limit=MAX_CHANNELS)


class _Stereo:
    """Takes a song's blocks in time order and holds them as stereo, so that nothing large is in memory twice.

    Raises InputError where a value is no sound.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._held, self.count = name, np.empty((2, most), np.float32), 0  # untouched memory costs nothing

    def add(self, block: np.ndarray) -> None:
        """``block`` is float32 of shape (channel, time), not longer than what is still missing."""
        with np.errstate(all="ignore"):
            mixed = to_stereo(block)
        if not (np.abs(mixed) <= MAX_VALUE).all():  # written so that NaN is refused too
            raise InputError("audio.not_finite", name=self._name)
        self._held[:, self.count : self.count + mixed.shape[1]] = mixed
        self.count += mixed.shape[1]

    @property
    def samples(self) -> np.ndarray:
        """What there is, float32 of shape (2, time)."""
        found = self._held[:, : self.count]
        return found if 2 * self.count > self._held.shape[1] else found.copy()


def _read_with_soundfile(path: Path, kind: str, start: float, duration: float | None) -> tuple[np.ndarray, int, float]:
    """(samples (2, time), rate, seconds of the whole song) by libsndfile, which follows no references."""
    import soundfile

    try:
        # a nameless stream: from a name like song.raw soundfile would conclude what the content is
        with os.fdopen(os.open(path, os.O_RDONLY), "rb") as stream, _soundfile(stream) as file:
            rate, total = file.samplerate, file.frames / file.samplerate
            _check_rate(path.name, rate)
            _check_channels(path.name, file.channels)
            first = round(start * rate)
            if kind == "flac" and file.frames > _MOST_CLAIMED:  # it was written into a pipe
                return _read_with_ffmpeg(path, kind, start, duration)
            wanted = file.frames - first if duration is None else min(round(duration * rate), file.frames - first)
            _check_length(path.name, wanted, rate)
            if wanted <= 0:
                return np.zeros((2, 0), np.float32), rate, total
            file.seek(first)
            samples = _read_blocks(file, wanted, path.name)
    except (soundfile.LibsndfileError, ZeroDivisionError, TypeError) as error:
        raise InputError("audio.damaged", name=path.name) from error
    if not samples.shape[1]:
        raise InputError("audio.damaged", name=path.name)
    return samples, rate, total


def _soundfile(stream: BinaryIO) -> "soundfile.SoundFile":
    import soundfile

    return soundfile.SoundFile(Behind(stream, tag_size(stream)))


def _read_blocks(file: "soundfile.SoundFile", wanted: int, name: str) -> np.ndarray:
    """(2, time), as much as there is."""
    held = _Stereo(name, wanted)
    while held.count < wanted:
        block = file.read(min(_BLOCK, wanted - held.count), dtype="float32", always_2d=True)
        if not len(block):
            break
        held.add(block.T)
    return held.samples


def _read_with_ffmpeg(path: Path, kind: str, start: float, duration: float | None) -> tuple[np.ndarray, int, float]:
    """The same by ffmpeg with a forced demuxer. Decoded from the beginning, since AAC seeks are not sample-exact."""
    import av

    try:
        with opened(path, _FFMPEG_DEMUXER[kind]) as container:
            if not container.streams.audio or not container.streams.audio[0].rate:
                raise InputError("audio.damaged", name=path.name)
            stream = container.streams.audio[0]
            rate = stream.rate
            _check_rate(path.name, rate)
            _check_channels(path.name, stream.codec_context.channels)
            # of ADTS the length is only guessed
            total = float(stream.duration * (stream.time_base or 0)) if kind == "m4a" and stream.duration else 0.0
            _check_length(
                path.name, round((duration if duration is not None else max(0.0, total - start)) * rate), rate
            )
            first = round(start * rate)
            last = round(total * rate) if total else None  # the last packet is filled up with silence
            if duration is not None:
                last = min(first + round(duration * rate), last or sys.maxsize)
            samples, end = _collect(_joined(_decoded(container, stream)), first, last, path.name, rate)
    except InputError:
        raise
    except (av.FFmpegError, ValueError, TypeError, AttributeError) as error:  # PyAV's words for a stream it cannot read
        raise InputError("audio.damaged", name=path.name) from error
    return samples, rate, max(total, end / rate)


def _decoded(container, stream) -> Iterator[np.ndarray]:  # type: ignore[no-untyped-def]
    """Float32 blocks of shape (channel, time)."""
    import av

    resampler = av.AudioResampler(format="fltp", rate=stream.rate)
    for frame in container.decode(stream):
        as_it_is = frame.format.name == "fltp" and frame.sample_rate == stream.rate
        for part in [frame] if as_it_is else resampler.resample(frame):
            yield part.to_ndarray()


def _joined(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same in fewer blocks: a frame of AAC is a fiftieth of a second, and each costs some calls."""
    some: list[np.ndarray] = []
    for block in blocks:
        some.append(block)
        if len(some) == _FRAMES_AT_ONCE:
            yield np.concatenate(some, axis=1)
            some = []
    if some:
        yield np.concatenate(some, axis=1)


def _collect(
    blocks: Iterator[np.ndarray], first: int, last: int | None, name: str, rate: int
) -> tuple[np.ndarray, int]:
    """Samples ``first`` to ``last`` of a stream of blocks, as stereo, and how far the stream was read."""
    most = min(MAX_MINUTES * 60 * rate, _MOST_SAMPLES)
    held, at = _Stereo(name, most if last is None else max(0, min(last - first, most))), 0
    for block in blocks:
        end = at + block.shape[1]
        part = block[:, max(0, first - at) : None if last is None else max(0, last - at)]
        if part.size:
            _check_length(name, held.count + part.shape[1], rate)
            held.add(part)
        at = end
        if last is not None and at >= last:
            break
    if at == 0:
        raise InputError("audio.damaged", name=name)
    return held.samples, at
