"""The command line as a person and as a script meet it: real processes, exit status, one JSON object."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from s2v_nb.media.video import probe_video
from tests.conftest import write_song
from tests.rhythm.music import band


def run(*arguments, folder, language="en", **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "s2v_nb", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "S2V_NB_LANGUAGE": language, "XDG_CACHE_HOME": str(folder / "cache"), **environment},
    )


def only_json(result: subprocess.CompletedProcess) -> dict:
    """The one object on stdout."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory, cover, song):
    folder = tmp_path_factory.mktemp("cli")
    result = run("generate", "--image", cover, "--audio", song, "--prompt", "slow zoom in, purple elephant",
                 "--duration", 3, "--resolution", "480p", "--fps", 24, "--aspect", "1:1", "--out", "my clip.mp4",
                 "--json", folder=folder)  # fmt: skip
    return folder, result


def test_generate_makes_the_file_and_says_so(made):
    folder, result = made

    values = only_json(result)

    assert result.returncode == 0
    assert (values["clip"], values["frames"], values["cached"]) == ("my clip.mp4", 72, False)
    assert probe_video(folder / "my clip.mp4").width == 480
    assert any("purple elephant" in notice for notice in values["notices"])
    assert "note: " in result.stderr
    assert "Frames: 72/72" in result.stderr
    assert "\r" not in result.stderr  # no bar in a pipe


def test_from_makes_it_again(made, cover, song):
    folder, _ = made

    result = run("generate", "--from", "my clip.mp4", "--image", cover, "--audio", song, "--runs", "other", "--out",
                 "again.mp4", folder=folder)  # fmt: skip

    assert result.returncode == 0
    assert result.stdout == "again.mp4\n"
    assert (folder / "again.mp4").stat().st_size > 1000


def test_from_refuses_other_choices(made):
    result = run("generate", "--from", "my clip.mp4", "--motion", "high", folder=made[0])

    assert result.returncode == 2
    assert "--motion cannot be given" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--image", "none.jpg", "--audio", "none.mp3"], "'none.jpg' was not found"),
        (["--image", "COVER", "--audio", "COVER"], "it is a picture"),
        (["--image", "COVER", "--audio", "SONG", "--duration", "20"], "duration=20 is outside 3.0 to 15.0 s"),
        (["--image", "COVER", "--audio", "SONG", "--duration", "x"], "duration='x' is not a number"),
        (["--image", "COVER", "--audio", "SONG", "--fps", "25"], "fps=25 is not one of 30, 24"),
        (["--image", "COVER", "--audio", "SONG", "--subject", "9,9"], "subject="),
        (["--image", "COVER", "--audio", "SONG", "--out", "x.avi"], "does not end in .mp4"),
        (["--image", "COVER"], "--audio must be given"),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--from", "SONG"], "is not an MP4"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(tmp_path, cover, song, arguments, complaint):
    names = {"COVER": str(cover), "SONG": str(song)}

    result = run("generate", *[names.get(a, a) for a in arguments], folder=tmp_path)

    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert [p.name for p in tmp_path.iterdir() if p.name != "cache"] == []


@pytest.mark.parametrize(
    "arguments", [["generate", "--bogus"], ["generate", "--image", "x"], ["analyze"], ["nonsense"]]
)
def test_wrong_usage_is_json_too(tmp_path, arguments):
    result = run(*arguments, "--json", folder=tmp_path)

    assert result.returncode == 2
    assert only_json(result)["error"]


@pytest.mark.parametrize("plot", ["x.xyz", "/nowhere/x.png"])
def test_a_plot_without_a_place_is_refused_first(tmp_path, song, plot):
    result = run("analyze", song, "--plot", plot, folder=tmp_path)

    assert result.returncode == 2
    assert "no place for a plot" in result.stderr


def test_a_reader_that_goes_away_is_no_failure_with_a_traceback(tmp_path, song):
    command = f"{sys.executable} -m s2v_nb analyze '{song}' --json | head -c 5"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path)

    assert "Traceback" not in result.stderr


def test_a_user_without_a_home(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    code = (
        "import pathlib; pathlib.Path.home = classmethod(lambda c: (_ for _ in ()).throw(RuntimeError('no home')));"
        "from s2v_nb.cli import main; raise SystemExit(main(['directions', '--json']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)

    assert result.returncode == 0


def test_errors_are_json_too_and_in_chinese(tmp_path, cover):
    result = run("generate", "--image", cover, "--audio", "无.mp3", "--json", folder=tmp_path, language="zh")

    assert result.returncode == 2
    assert only_json(result)["error"] == "找不到 '无.mp3'；请检查音频的路径。"


def test_analyze(tmp_path, song):
    result = run("analyze", song, "--json", "--plot", "beats.png", folder=tmp_path)

    values = only_json(result)
    assert values["tempo"] == pytest.approx(112, abs=0.1)
    assert len(values["beats"]) >= 48
    assert (tmp_path / "beats.png").read_bytes()[:4] == b"\x89PNG"
    assert "112.0" in run("analyze", song, folder=tmp_path).stdout


def test_alignment(clip, tmp_path):
    result = run("alignment", clip.path, "--json", "--plot", "a.png", folder=tmp_path)

    assert only_json(result)["verdict"] == "in time"
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_doctor_says_what_is_there(tmp_path):
    values = only_json(run("doctor", "--json", folder=tmp_path))

    assert values["ffmpeg"].startswith("ffmpeg version")
    assert {"python", "cores", "memory", "free disk", "gpu", "engines", "packages"} <= set(values)


def test_directions_lists_both_languages(tmp_path):
    result = run("directions", folder=tmp_path)

    assert "pan right" in result.stdout
    assert "右摇" in result.stdout
    assert len(result.stdout.splitlines()) >= 40


def test_an_internal_failure_is_a_sentence_with_the_traceback_in_the_log(tmp_path, cover, song):
    """The encoder is made unfindable: not the person's fault, so status 1."""
    result = run("generate", "--image", cover, "--audio", song, "--duration", 3, "--json", folder=tmp_path,
                 IMAGEIO_FFMPEG_EXE="/nowhere/ffmpeg")  # fmt: skip

    assert result.returncode == 1
    assert "Writing the video failed" in only_json(result)["error"]
    assert "Traceback" not in result.stderr
    assert "Traceback" in (tmp_path / "cache/s2v_nb/s2v-nb.log").read_text()


def test_ctrl_c_stops_with_one_sentence(tmp_path, cover, song):
    import signal
    import time

    process = subprocess.Popen(
        [sys.executable, "-m", "s2v_nb", "generate", "--image", cover, "--audio", song, "--duration", "15"],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        # a shell's background job, as these tests may be, has it ignored, and so would all that it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("part-*.mp4")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Stopped" in words
    assert "Traceback" not in words
    assert not list(tmp_path.rglob("clip*.mp4"))


def test_demo_prints_what_it_made(tmp_path):
    result = run("demo", "--duration", 3, "--resolution", "480p", "--json", folder=tmp_path)

    values = only_json(result)
    for name in ("video", "beat plot", "alignment"):
        assert (tmp_path / values[name]).stat().st_size > 10_000
    report = json.loads((tmp_path / "demo/alignment.json").read_text())
    assert report["duration"] == 3.0


def test_demo_with_bad_input_writes_nothing(tmp_path):
    result = run("demo", "--image", "none.jpg", folder=tmp_path)

    assert result.returncode == 2
    assert not (tmp_path / "demo").exists()


def test_version_and_help(tmp_path):
    assert run("--version", folder=tmp_path).stdout.startswith("s2v-nb 0.")
    shown = run("generate", "--help", folder=tmp_path).stdout
    assert "0.5-1.5" in shown
    assert "off|low|medium|high" in shown
    assert run(folder=tmp_path).returncode == 2


@pytest.fixture
def annotated(tmp_path):
    audio = band("AABB")
    folder = tmp_path / "songs"
    folder.mkdir()
    write_song(folder / "one.wav", audio.samples.T, audio.rate)
    clip = {"file": "one.wav", "beats": (np.arange(16) * 60 / 112).tolist(), "downbeats": None}
    (folder / "annotations.json").write_text(json.dumps({"clips": [clip]}))
    return folder


def test_a_folder_is_evaluated(annotated, tmp_path):
    values = only_json(run("analyze", annotated, "--evaluate", "annotations.json", "--json", folder=tmp_path))

    assert values["scores"]["f"][0] > 0.95
    assert values["songs"] == 1


def test_corrections_are_kept_and_followed(annotated, tmp_path):
    song = annotated / "one.wav"
    plain = only_json(run("analyze", song, "--json", folder=tmp_path))
    double = only_json(run("analyze", song, "--correct", "double, nudge 10", "--json", folder=tmp_path))
    again = only_json(run("analyze", song, "--json", folder=tmp_path))
    undone = only_json(run("analyze", song, "--correct", "reset", "--json", folder=tmp_path))

    assert double["tempo"] == pytest.approx(2 * plain["tempo"], rel=0.01)
    assert again["beats"] == double["beats"]
    assert undone["beats"] == plain["beats"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--correct", "dance"], "'dance' is no correction"),
        (["--correct", "nudge"], "nudge=None"),
        (["--tracker", "dancer"], "tracker='dancer'"),
        (["--evaluate", "annotations.json"], "is not a folder"),
    ],
)
def test_what_analyze_cannot_do_is_one_sentence(annotated, tmp_path, options, complaint):
    result = run("analyze", annotated / "one.wav", *options, folder=tmp_path)

    assert result.returncode == 2
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_doctor_says_how_beats_are_heard(tmp_path):
    assert "BeatNet" in only_json(run("doctor", "--json", folder=tmp_path))["beats"]
