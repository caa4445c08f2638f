"""Fill what would slow down the first analysis: the beat networks, librosa's compiled code, matplotlib's fonts."""

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    """Fetch the beat networks, hear a little of the sample with each tracker, and draw it once."""
    import matplotlib as mpl
    import numpy as np

    mpl.use("agg")
    from s2v_nb.media import load_audio
    from s2v_nb.models.beatnet import WeightsMissing, fetch_weights
    from s2v_nb.plots import plot_beats, save
    from s2v_nb.rhythm import analyze
    from s2v_nb.samples import sample_audio

    try:
        fetch_weights()
    except WeightsMissing as error:
        print(error.sentence(), file=sys.stderr)
    with TemporaryDirectory() as folder:
        audio = load_audio(sample_audio(Path(folder) / "song.wav"), 0.0, 6.0)
        # a song that nobody has heard: another environment on this machine may have compiled, and kept what it heard
        noise = np.random.default_rng().normal(0, 1e-4, audio.samples.shape)
        audio = replace(audio, samples=audio.samples + noise.astype(audio.samples.dtype))
        analyze(audio, tracker="librosa")
        save(plot_beats(audio, analyze(audio)), Path(folder) / "beats.png")


if __name__ == "__main__":
    main()
