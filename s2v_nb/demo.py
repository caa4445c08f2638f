"""The demo: from a picture and a song to the clip, the beat plot and the alignment report, in one call."""

from pathlib import Path
from typing import Any

from s2v_nb.media import load_audio, load_image
from s2v_nb.progress import Progress, TerminalView
from s2v_nb.runs import generate
from s2v_nb.samples import sample_audio, sample_image
from s2v_nb.settings import Settings

PROMPT = "cinematic, slow pan right, subtle glow"


def make_demo(
    image: str | None, audio: str | None, settings: Settings, folder: Path, *, runs: str | Path = "runs"
) -> dict[str, Any]:
    """Make the clip, plots and report in ``folder``; the sample stands in for a picture or song not given."""
    if image:
        load_image(image)  # what cannot be used is refused before anything is written
    if audio:
        load_audio(audio, settings.start or 0.0, settings.duration)
    folder.mkdir(parents=True, exist_ok=True)
    picture = Path(image) if image else sample_image(folder / "sample_cover.png")
    song = Path(audio) if audio else sample_audio(folder / "sample_song.wav")
    view = TerminalView()
    clip = generate(picture, song, settings, out=folder / "demo.mp4", runs=runs, progress=Progress(view))
    view.close()
    import matplotlib as mpl

    mpl.use("agg")
    from s2v_nb.plots.beside import draw_beside

    report = draw_beside(clip.path, song, folder)
    return {
        "video": str(clip.path),
        "beat plot": str(folder / "beats.png"),
        "alignment": str(folder / "alignment.png"),
        "notices": " ".join(clip.notices),
        "report": str(report),
    }
