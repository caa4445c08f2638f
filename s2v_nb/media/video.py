"""Clips: writing frame by frame with sound and metadata, and reading back what was really written.

The writer is a pipe into the ffmpeg that imageio-ffmpeg brings. The ready writers of moviepy and imageio-ffmpeg were
tried: both drop ffmpeg's exit status, so a full disk would pass for success, and one asks for an alpha channel that
H.264 cannot carry.
"""

import json
import logging
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from s2v_nb.errors import GenerationError, InputError
from s2v_nb.media.audio import Audio, to_stereo
from s2v_nb.media.container import opened
from s2v_nb.media.files import check_file, describe, read_head
from s2v_nb.storage import scratch_beside

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 4 * 2**30
MAX_PIXELS = 3840 * 2160
MAX_SECONDS = 900.0
MAX_COMMENT = 2**20  # characters; our own are under 50 000
PICTURE_FLAGS = (
    "-vf scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p,"
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv "
    "-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv "
    # superfast with its look-ahead back gives veryfast's quality and size (0.1 dB, 3 %) in 70 % of its time;
    # aq-mode 3 spends bits on dark gradients, where banding shows first
    "-c:v libx264 -profile:v high -preset superfast -crf 18 -x264-params mbtree=1:rc-lookahead=10:aq-mode=3"
).split()
SOUND_FLAGS = "-c:a aac -b:a 192k -ac 2".split()
MIXED_FLAGS = "-map 0:v:0 -map 1:a:0 -movflags +faststart".split()  # picture of the first input, sound of the second


@dataclass(frozen=True)
class VideoInfo:
    """What a probe of a video file finds; ``comment`` is the text of that metadata tag."""

    width: int
    height: int
    fps: float
    seconds: float
    has_audio: bool
    comment: str


def sound_rate(rate: int) -> int:
    """The rate a song of ``rate`` Hz is written at: 44.1 or 48 kHz as it is, other rates whichever fits better."""
    if rate in (44_100, 48_000):
        return rate
    return 44_100 if 44_100 % rate == 0 or rate % 44_100 == 0 else 48_000


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    size: tuple[int, int],
    fps: int,
    num_frames: int,
    audio: Audio,
    comment: dict[str, Any],
) -> None:
    """Write an H.264 High MP4 with AAC sound, one frame at a time.

    Parameters
    ----------
    path : Path
        Ends in ``.mp4``; the folder is also used for the sound on its way to the encoder.
    frames : iterable of uint8 arrays of shape (height, width, 3)
        In time order, ``num_frames`` of them.
    audio : Audio
        Cut or filled with silence to exactly ``num_frames / fps`` seconds.
    comment : dict
        Kept as JSON in the ``comment`` tag.

    Raises
    ------
    GenerationError
        If ffmpeg fails, for example for want of disk space.
    """
    with sound_beside(path, audio, num_frames / fps) as sound:
        coded = [*PICTURE_FLAGS, *SOUND_FLAGS, *MIXED_FLAGS, *comment_flags(comment)]
        with Ffmpeg([*raw_input(size, fps), *sound, *coded, f"file:{path}"]) as encoder:
            encoder.take(checked(frames, size, num_frames))
            encoder.finish()


@contextmanager
def sound_beside(path: Path, audio: Audio, seconds: float) -> Iterator[list[str]]:
    """ffmpeg's flags for ``audio`` as an input; the file they name lives in the block.

    Raises
    ------
    GenerationError
        If the disk does not take it, or anything in the block meets an OSError.
    """
    wave = path.with_suffix(".sound.wav")
    try:
        _write_wave(wave, audio, seconds)
        yield ["-f", "wav", "-i", f"file:{wave}"]
    except OSError as error:
        raise GenerationError("failed.encoder", why=error.strerror or str(error)) from error
    finally:
        wave.unlink(missing_ok=True)


def encode_sound(folder: Path, audio: Audio, seconds: float) -> bytes:
    """AAC in an MP4 of its own, as bytes; copied into a clip it is what `write_video` would have written there.

    Parameters
    ----------
    folder : Path
        Used for files on the way; none is left.
    audio : Audio
        Cut or filled with silence to exactly ``seconds``.

    Raises
    ------
    GenerationError
        If ffmpeg fails, for example for want of disk space.
    """
    coded = scratch_beside(folder / "sound.m4a")
    try:
        with sound_beside(coded, audio, seconds) as sound:
            with Ffmpeg([*sound, *SOUND_FLAGS, f"file:{coded}"]) as encoder:
                encoder.finish()
            return coded.read_bytes()
    finally:
        coded.unlink(missing_ok=True)


def raw_input(size: tuple[int, int], fps: int) -> list[str]:
    return f"-f rawvideo -pix_fmt rgb24 -s {size[0]}x{size[1]} -r {fps} -i pipe:0".split()


def comment_flags(comment: dict[str, Any]) -> list[str]:
    return ["-metadata", "comment=" + json.dumps(comment, ensure_ascii=False, sort_keys=True)]


def checked(frames: Iterable[np.ndarray], size: tuple[int, int], num_frames: int) -> Iterator[np.ndarray]:
    """The frames, once each has the right shape and their count is right."""
    count, shape = 0, (size[1], size[0], 3)
    for frame in frames:
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ValueError(f"frame {count} is {frame.dtype} {frame.shape}, not uint8 {shape}")
        yield frame
        count += 1
    if count != num_frames:
        raise ValueError(f"frames gave {count} frames, but num_frames={num_frames}")


class Ffmpeg:
    """The bundled ffmpeg at work, taking frames through a pipe; use as a context, so that it never outlives the work.

    `finish` waits for it and raises GenerationError, in its own words, if it failed.
    """

    def __init__(self, arguments: list[str], folder: Path | None = None) -> None:
        """``folder`` is where it runs, by default here."""
        import imageio_ffmpeg

        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-nostdin", "-loglevel", "error", *arguments]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - not a pipe: one that nobody reads would stop ffmpeg
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log, cwd=folder
        )

    def __enter__(self) -> "Ffmpeg":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close_pipe()
        self._log.close()

    def take(self, frames: Iterable[np.ndarray]) -> None:
        """Hand over all frames; the encoder may still be working when this returns."""
        assert self._process.stdin is not None
        try:
            for frame in frames:
                self._process.stdin.write(np.ascontiguousarray(frame).data)
        except BrokenPipeError:
            self.finish()  # ffmpeg went first; its own words say why
            raise
        self._close_pipe()

    def finish(self) -> None:
        self._close_pipe()
        if self._process.wait():
            self._log.seek(0)
            words = self._log.read().decode(errors="replace").strip()
            logger.error("ffmpeg exited with %d: %s", self._process.returncode, words)
            raise GenerationError("failed.encoder", why=words.splitlines()[-1] if words else "the encoder stopped")

    def _close_pipe(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()


def _write_wave(path: Path, audio: Audio, seconds: float) -> None:
    """The sound exactly as long as the picture, as float WAV (so nothing is clipped on the way to the encoder)."""
    import soundfile

    audio = audio.resampled(sound_rate(audio.rate))
    length = round(seconds * audio.rate)
    samples = audio.samples[:, :length]
    samples = np.pad(samples, ((0, 0), (0, length - samples.shape[1])))
    soundfile.write(path, samples.T, audio.rate, subtype="FLOAT")


def _check_kind(path: Path) -> None:
    """InputError unless it is an MP4 by its first bytes."""
    check_file(path, "clip", limit_bytes=MAX_FILE_BYTES)
    head = read_head(path)
    if head[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        found, found_zh = describe(head)
        raise InputError("video.format", name=path.name, found=found, found_zh=found_zh)


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    """The opened container; what PyAV raises on broken content becomes one sentence."""
    import av

    _check_kind(path)
    try:
        with opened(path, "mov") as container:
            if not container.streams.video or container.streams.video[0].codec_context is None:
                raise InputError("video.damaged", name=path.name)
            # the picture may turn out larger than the header says
            container.streams.video[0].codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            yield container
    except InputError:
        raise
    except (av.FFmpegError, ValueError, TypeError, AttributeError) as error:
        raise InputError("video.damaged", name=path.name) from error


def probe_video(path: str | Path) -> VideoInfo:
    """Size, rate, length, sound and comment of an MP4, read from the file."""
    path = Path(path)
    with _reading(path) as container:
        stream = container.streams.video[0]
        fps = stream.average_rate or stream.guessed_rate or Fraction(0)
        seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
        comment = container.metadata.get("comment", "")
        info = VideoInfo(
            stream.width, stream.height, float(fps), seconds, bool(container.streams.audio), comment[:MAX_COMMENT]
        )
    if not info.width or not info.height or not info.fps:
        raise InputError("video.damaged", name=path.name)
    if info.width * info.height > MAX_PIXELS or info.seconds > MAX_SECONDS:
        size = {"width": info.width, "height": info.height, "seconds": info.seconds}
        raise InputError("video.too_large", name=path.name, limit="3840 x 2160", longest=MAX_SECONDS, **size)
    return info


def read_frames(path: str | Path, *, size: tuple[int, int] | None = None, gray: bool = False) -> Iterator[tuple]:
    """Yield (seconds, frame) of every decoded frame in time order, as far as 15 minutes.

    Parameters
    ----------
    size : (width, height), pixels
        Scale to this size (area averaging); None keeps the size.
    gray : bool
        Frames uint8 of shape (height, width), else (height, width, 3).

    Raises
    ------
    InputError
        If the file is no MP4, or no frame can be decoded.
    """
    path = Path(path)
    found = False
    with _reading(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        width, height = size or (stream.width, stream.height)
        for frame in container.decode(stream):
            at = float(frame.pts * stream.time_base)
            if at > MAX_SECONDS:  # the header may have promised less
                break
            scaled = frame.reformat(width, height, "gray" if gray else "rgb24", interpolation="AREA")
            found = True
            yield at, scaled.to_ndarray()
    if not found:
        raise InputError("video.damaged", name=path.name)


def read_frame(path: str | Path, at: float, *, size: tuple[int, int]) -> np.ndarray:
    """The frame that is shown ``at`` seconds, as uint8 of shape (height, width, 3), scaled to ``size``.

    Raises
    ------
    InputError
        If the file is no MP4, or no frame can be decoded.
    """
    path, found = Path(path), None
    with _reading(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        container.seek(round(max(0.0, at) / stream.time_base), stream=stream)  # to the key frame before
        for frame in container.decode(stream):
            if found is not None and float(frame.pts * stream.time_base) > at + 1e-6:
                break
            found = frame
        if found is None:
            raise InputError("video.damaged", name=path.name)
        return found.reformat(*size, "rgb24", interpolation="AREA").to_ndarray()


def read_sound(path: str | Path) -> Audio:
    """The sound of an MP4 as it plays, as long as its picture.

    The encoder's delay, which the file's edit list names, is cut off; a sound that begins late begins with silence.

    Raises
    ------
    InputError
        If the file has no sound.
    """
    path = Path(path)
    longest = min(MAX_SECONDS, probe_video(path).seconds + 1)
    with _reading(path) as container:
        if not container.streams.audio:
            raise InputError("video.silent", name=path.name)
        stream = container.streams.audio[0]
        rate = stream.rate
        length = float(stream.duration * stream.time_base) if stream.duration else longest
        end = round(min(longest, length) * rate)  # the last packet is filled up with silence
        samples = _placed(container, stream, end)
    if samples is None:
        raise InputError("video.silent", name=path.name)
    samples = to_stereo(samples)
    return Audio(samples, rate, path.name, "", path, 0.0, samples.shape[1] / rate)


def _placed(container: Any, stream: Any, end: int) -> np.ndarray | None:
    """Samples 0 to ``end`` of a stream, float32 (channel, time), each at its own time; None if there are none."""
    import av

    resampler, placed = av.AudioResampler(format="fltp", rate=stream.rate), None
    for frame in container.decode(stream):
        at = round(float(frame.pts * stream.time_base) * stream.rate) if frame.pts is not None else 0
        if at >= end:
            break
        for part in resampler.resample(frame):
            block = part.to_ndarray()
            if placed is None:
                placed = np.zeros((block.shape[0], end), np.float32)
            block = block[:, max(0, -at) : max(0, end - at)]
            placed[:, max(0, at) : max(0, at) + block.shape[1]] = block
            at += part.samples
    return placed


def is_whole(path: Path) -> bool:
    """True if an MP4's boxes (ISO 14496-12, section 4.2) reach exactly to its end, index and data among them."""
    kinds, at, size = set(), 0, path.stat().st_size
    with path.open("rb") as file:
        while at + 16 <= size:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:  # the length follows in eight bytes
                length = int.from_bytes(head[8:], "big")
            if length < 8:
                return False
            kinds.add(head[4:8])
            at += length
    return at == size and {b"moov", b"mdat"} <= kinds


def ffmpeg_version() -> str:
    """First line of the bundled ffmpeg's own word, or '' if it does not run."""
    import imageio_ffmpeg

    try:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-version"]
        text = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
    except (OSError, RuntimeError, subprocess.SubprocessError):
        return ""
    return text.splitlines()[0]
