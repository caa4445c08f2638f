"""The plots and scores that lie beside a finished clip; the demo and the studio show the same ones."""

from pathlib import Path

from s2v_nb.alignment import AlignmentReport, measure_alignment
from s2v_nb.media import load_audio
from s2v_nb.plots.alignment import plot_alignment
from s2v_nb.plots.beats import plot_beats
from s2v_nb.plots.style import save
from s2v_nb.rhythm import analyze
from s2v_nb.runs.material import HEARD_SECONDS
from s2v_nb.runs.spec import find_spec
from s2v_nb.storage import replacing, write_json

AROUND_SECONDS = 8.0  # of the song, before and after the clip


def draw_beside(clip: Path, audio: Path, folder: Path) -> AlignmentReport:
    """Write ``beats.png``, ``alignment.png`` and, last, ``alignment.json`` of a clip into ``folder``; the report."""
    spec = find_spec(clip)
    start, seconds = spec.settings.start or 0.0, spec.num_frames / spec.settings.fps
    around = load_audio(audio, max(0.0, start - AROUND_SECONDS), seconds + 2 * AROUND_SECONDS)
    heard = load_audio(audio, 0.0, HEARD_SECONDS)  # as `generate` heard it, so that nothing is heard twice
    rhythm = analyze(heard).excerpt(around.start, around.duration) if heard.is_whole else analyze(around)
    begin = start - around.start
    with replacing(folder / "beats.png") as scratch:
        save(plot_beats(around, rhythm, excerpt=(begin, begin + seconds)), scratch)
    report = measure_alignment(clip)
    with replacing(folder / "alignment.png") as scratch:
        save(plot_alignment(report), scratch)
    write_json(folder / "alignment.json", report.to_dict())
    return report
