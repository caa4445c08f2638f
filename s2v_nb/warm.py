"""Fill the caches that would slow down the first analysis: librosa's compiled code, matplotlib's list of fonts."""

from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    """Hear a little of the sample and draw it once."""
    import matplotlib as mpl

    mpl.use("agg")
    from s2v_nb.media import load_audio
    from s2v_nb.plots import plot_beats, save
    from s2v_nb.rhythm import analyze
    from s2v_nb.samples import sample_audio

    with TemporaryDirectory() as folder:
        audio = load_audio(sample_audio(Path(folder) / "song.wav"), 0.0, 6.0)
        save(plot_beats(audio, analyze(audio)), Path(folder) / "beats.png")


if __name__ == "__main__":
    main()
