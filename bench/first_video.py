"""Speed, memory and alignment of the first video; `make bench` writes bench/results/first_video.json.

python bench/first_video.py           everything that needs no fresh clone
python bench/first_video.py --fresh   also a fresh clone to a finished demo, twice
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from common import keep, peak_memory

from s2v_nb import generate, load_audio, measure_alignment, sample_audio, sample_image
from s2v_nb.alignment.calibration import calibration_clip
from s2v_nb.models.beatnet import weights_path
from s2v_nb.samples import SAMPLE_RATE, sample_beats

PLAIN = "static, vignette"  # what moviepy alone can do too: a picture, zoom and light on the beat, dark corners
RICH = "cinematic, slow pan right, subtle glow"
COMMAND = [sys.executable, "-m", "s2v_nb", "generate", "--motion", "high", "--prompt", RICH]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--fresh", action="store_true", help="time a fresh clone instead, and keep the other figures")
    if options.parse_args().fresh:
        path = keep("first_video", {"fresh_clone": fresh_clone()})
    else:
        with TemporaryDirectory() as folder:
            place = Path(folder)
            image, song = sample_image(place / "cover.png"), sample_audio(place / "song.wav")
            figures = {
                "speed": speed(place, image, song),
                "memory": memory(place, image, song),
                "demo_alignment": demo_alignment(place, image, song),
                "calibration": calibration(place, song),
            }
        path = keep("first_video", figures)
    print(path.read_text())


def seconds_of(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def speed(place: Path, image: Path, song: Path) -> dict:
    """8 s at 1280x720 and 30 fps, warm process, median of five, each another seed so that nothing is cached."""
    generate(image, song, prompt=RICH, motion="high", duration=3.0, runs=place / "warm")
    medians = {}
    for name, prompt in (("plain", PLAIN), ("rich", RICH), ("empty prompt", "")):
        times = []
        for seed in range(5):
            choices = {"prompt": prompt, "motion": "high", "seed": seed, "start": 4.0}
            times.append(seconds_of(lambda c=choices, n=name: generate(image, song, runs=place / n, **c)))
        medians[name] = round(statistics.median(times), 2)
    moviepy = statistics.median(seconds_of(lambda: with_moviepy(place, image, song)) for _ in range(3))
    return {
        "what": "picture + song -> MP4 with sound, 8 s, 1280x720, 30 fps, warm process, median seconds",
        **medians,
        "moviepy, plain": round(moviepy, 2),
        "times faster than moviepy": round(moviepy / medians["plain"], 2),
    }


def with_moviepy(place: Path, image: Path, song: Path) -> None:
    """The plain effects written with moviepy alone: zoom and brightness by the beat, vignette, sound."""
    from moviepy import AudioFileClip, CompositeVideoClip, ImageClip

    beats = sample_beats() - 4.0
    x, y = np.meshgrid(np.linspace(-1, 1, 1280), np.linspace(-1, 1, 720))
    dark = (1 - 0.6 * np.clip((np.hypot(x, y) / 1.41 - 0.35) / 0.65, 0, 1) ** 2)[..., None]

    def pulse(t: float) -> float:
        since = t - beats
        return float(np.where(since < 0, np.clip(1 + since / 0.12, 0, 1) ** 2, np.clip(1 - since / 0.4, 0, 1)).max())

    picture = ImageClip(str(image)).resized(width=1280).cropped(y_center=426, height=720).with_duration(8)
    zoomed = picture.resized(lambda t: 1.02 + 0.06 * pulse(t)).with_position("center")
    lit = CompositeVideoClip([zoomed], size=(1280, 720)).transform(
        lambda get, t: (get(t) * dark * (0.92 + 0.08 * pulse(t))).astype(np.uint8)
    )
    sound = AudioFileClip(str(song)).subclipped(4, 12)
    lit.with_audio(sound).write_videofile(
        str(place / "moviepy.mp4"), fps=30, codec="libx264", audio_codec="aac", preset="superfast", logger=None
    )


def memory(place: Path, image: Path, song: Path) -> dict:
    """Peak of `s2v-nb generate` with its encoder, MiB."""
    samples, rate = soundfile.read(song)
    long_song = place / "five_minutes.wav"
    with soundfile.SoundFile(long_song, "w", rate, 2) as file:
        for _ in range(300 * SAMPLE_RATE // len(samples) + 1):
            file.write(samples)
    found = {}
    for name, audio, more in (("8 s of song", song, ["--start", "4"]), ("5 min of song", long_song, ["--start", "150"]),
                              ("5 min, 15 s clip", long_song, ["--start", "150", "--duration", "15"])):  # fmt: skip
        arguments = ["--image", str(image), "--audio", str(audio), "--runs", str(place / name), *more]
        cache = place / f"cache of {name}"  # with nothing heard before
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "S2V_NB_MODELS": str(weights_path().parents[1])}
        found[name] = round(peak_memory([*COMMAND, *arguments], env=environment)[0])
    return {"what": "peak MiB of generate at 720p, encoder and networks included (proportional set size)", **found}


def demo_alignment(place: Path, image: Path, song: Path) -> dict:
    found = {}
    for motion in ("off", "low", "medium", "high"):
        clip = generate(image, song, prompt=RICH, motion=motion, runs=place / "alignment")
        found[motion] = measure_alignment(clip.path).to_dict()
        del found[motion]["clip"]
    return found


def calibration(place: Path, song: Path) -> dict:
    """A frozen picture that flashes on each beat, through the whole chain."""
    soundfile.write(place / "song.mp3", *soundfile.read(song), format="MP3")
    found = {}
    for path in (song, place / "song.mp3"):
        for fps in (24, 30):
            clip = calibration_clip(place / "x.mp4", load_audio(path).excerpt(0, 15), sample_beats(), fps=fps)
            report = measure_alignment(clip)
            scores = report.scores["flashes"]
            found[f"{path.suffix[1:]} {fps} fps"] = {
                "r": round(scores.r, 4),
                "lag_ms": round(scores.lag_ms, 2),
                "half_frame_ms": round(report.frame_ms / 2, 2),
                "p": round(scores.p, 5),
            }
    return found


def fresh_clone() -> dict:
    """Seconds from `git clone` to the demo video, and of a second `make demo` with and without the clip at hand."""
    root = Path(__file__).resolve().parents[1]
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        # empty caches, so that every package is downloaded
        environment = {**os.environ, "UV_CACHE_DIR": f"{folder}/uv", "PIP_NO_CACHE_DIR": "1"}

        def demo() -> None:
            subprocess.run(["make", "-C", str(clone), "demo"], check=True, capture_output=True, env=environment)

        subprocess.run(["git", "clone", "-q", str(root), str(clone)], check=True)
        first, second = seconds_of(demo), seconds_of(demo)
        shutil.rmtree(clone / "runs")
        again = seconds_of(demo)
    return {
        "what": "seconds of make demo in a fresh clone",
        "first, packages downloaded": round(first, 1),
        "second": round(second, 1),
        "second, clip rendered again": round(again, 1),
    }


if __name__ == "__main__":
    main()
