"""How a clip is cut into parts that a model makes one after the other."""

from dataclasses import dataclass
from itertools import pairwise

STEP = 4  # frames of one latent frame: parts are whole numbers of them
SEAM = 8  # frames of the model: half a second at 16 a second, a third at 24, whole frames at 24 and 30
PIECE, LAST_PIECE = 2.0, 1.0  # seconds


@dataclass(frozen=True)
class Span:
    """One part: ``count`` frames of the clip from ``first`` on, made from ``source`` frames of the model.

    Seams fall on frames of both: at 24 frames a second on every fourth of the model, at 16 on every eighth.
    """

    index: int
    first: int
    count: int
    source: int  # a multiple of `STEP`


def equal_spans(num_frames: int, fps: int, source_fps: int, longest: int) -> list[Span]:
    """Parts as equal as whole latent frames allow, none longer than ``longest`` frames of the model.

    Full parts and a short last one would cost more: attention grows with the square of the length.
    """
    total = _latents(num_frames, fps, source_fps)
    parts = -(-total * STEP // longest)
    share, left = divmod(total, parts)
    return _spans([STEP * (share + (k < left)) for k in range(parts)], num_frames, fps, source_fps)


def full_spans(num_frames: int, fps: int, source_fps: int, length: int) -> list[Span]:
    """Parts of ``length`` frames, as a model was trained on, and what is left."""
    total = STEP * _latents(num_frames, fps, source_fps)
    lengths = [min(length, total - start) for start in range(0, total, length)]
    return _spans(lengths, num_frames, fps, source_fps)


def _latents(num_frames: int, fps: int, source_fps: int) -> int:
    """Latent frames that last as long as the clip, the last one begun counted."""
    return max(1, -(-num_frames * source_fps // (fps * STEP)))


def _spans(lengths: list[int], num_frames: int, fps: int, source_fps: int) -> list[Span]:
    spans, start = [], 0
    for index, length in enumerate(lengths):
        first, end = (-(-edge * fps // source_fps) for edge in (start, start + length))
        spans.append(Span(index, first, min(end, num_frames) - first, length))
        start += length
    return spans


@dataclass(frozen=True)
class Piece:
    """Frames of the clip that are finished together: ``count`` from ``first`` on, from frames ``start`` to ``end`` of
    the part. The frame at ``end`` is the first of the next piece where there is one: what lies before it is between."""

    first: int
    count: int
    start: int
    end: int


def pieces(span: Span, frames: int, fps: int, source_fps: int) -> list[Piece]:
    """A part of ``frames`` frames in pieces of about `PIECE` seconds, so that the first is finished while the last is
    made; the last is of `LAST_PIECE`, so that little is left to do once the model is done.

    They depend on the part alone; seams fall on frames of the model and of the clip.
    """
    last_piece = LAST_PIECE * source_fps
    before = span.source - last_piece
    number = max(1, round(before / (PIECE * source_fps)))
    cuts = [before * k / number for k in range(number + 1)] if before >= last_piece else [0]
    starts = sorted({SEAM * round(cut / SEAM) for cut in cuts})
    found = []
    for start, end in pairwise([*starts, span.source]):
        first, last = (span.first + -(-edge * fps // source_fps) for edge in (start, end))
        last = min(last, span.first + span.count)
        if last > first:
            found.append(Piece(first, last - first, start, min(end + 1, frames)))
    return found
