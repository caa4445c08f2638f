"""One frame of a clip as a picture beside it."""

from pathlib import Path

from s2v_nb.media.video import probe_video, read_frame
from s2v_nb.storage import replacing

POSTER_WIDTH = 480


def draw_poster(clip: Path) -> None:
    """One frame from the middle, as ``poster.jpg`` beside the clip."""
    import PIL.Image

    info = probe_video(clip)
    size = (POSTER_WIDTH, round(POSTER_WIDTH * info.height / info.width))
    middle = read_frame(clip, info.seconds / 2, size=size)
    with replacing(clip.parent / "poster.jpg") as scratch:
        PIL.Image.fromarray(middle).save(scratch, quality=85)
