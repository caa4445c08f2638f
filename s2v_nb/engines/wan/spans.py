"""How a clip is cut into parts that a model makes one after the other."""

from dataclasses import dataclass

STEP = 4  # frames of one latent frame: parts are whole numbers of them


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
