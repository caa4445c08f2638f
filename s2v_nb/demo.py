"""The demo: from a picture and a song to the clip, the beat plot and the alignment report, in one call."""

import json
from pathlib import Path
from typing import Any

from s2v_nb.media import load_audio, load_image
from s2v_nb.progress import Progress, TerminalView
from s2v_nb.runs import Clip, generate
from s2v_nb.runs.generation import HEARD_SECONDS
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
    report = _draw(clip, song, folder)
    return {
        "video": str(clip.path),
        "beat plot": str(folder / "beats.png"),
        "alignment": str(folder / "alignment.png"),
        "notices": " ".join(clip.notices),
        "report": str(report),
    }


def _draw(clip: Clip, song: Path, folder: Path) -> Any:
    """Write both plots and the report; the report is returned."""
    import matplotlib as mpl

    mpl.use("agg")
    from s2v_nb.alignment import measure_alignment
    from s2v_nb.plots import plot_alignment, plot_beats, save
    from s2v_nb.rhythm import analyze

    report = measure_alignment(clip.path)
    (folder / "alignment.json").write_text(json.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n")
    save(plot_alignment(report), folder / "alignment.png")
    settings = clip.spec.settings
    begin, seconds = settings.start or 0.0, clip.spec.num_frames / settings.fps
    around = load_audio(song, max(0.0, begin - 8), seconds + 16)
    start = begin - around.start
    heard = load_audio(song, 0.0, HEARD_SECONDS)  # as `generate` heard it, so that nothing is heard twice
    rhythm = analyze(heard).excerpt(around.start, around.duration) if heard.is_whole else analyze(around)
    save(plot_beats(around, rhythm, excerpt=(start, start + seconds)), folder / "beats.png")
    return report
