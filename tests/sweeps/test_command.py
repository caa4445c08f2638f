"""`s2v-nb sweep` and `s2v-nb series`, in a process where the exit status matters."""

import json
import shutil

import pytest

from s2v_nb import Sweep
from s2v_nb.cli import main

SMALL = "--start 4 --duration 3 --resolution 480p --fps 24".split()


@pytest.fixture
def told(capsys):
    """Run the command; (status, stdout, stderr)."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("command")


def test_from_the_command_to_the_page(told, cover, song, folder):
    status, out, err = told("sweep", "--image", cover, "--audio", song, "--motion", "off,high", "--prompt-weight",
                            "0.5:1.5:2", *SMALL, "--out", folder, "--price", 2, "--json")  # fmt: skip
    found = json.loads(out)

    assert status == 0
    assert "4 clips, 0 done; about" in err
    assert "4 of 4 clips done" in err
    assert [(row["motion"], row["prompt_weight"]) for row in found["cells"]] == [
        ("off", 0.5), ("off", 1.5), ("high", 0.5), ("high", 1.5)
    ]  # fmt: skip
    assert {row["state"] for row in found["cells"]} == {"done"}
    for name in ("table", "sheet", "page"):
        assert found[name].startswith(str(folder))
    assert (folder / "index.html").stat().st_size > 10_000


def test_resumed_it_needs_nothing_but_the_folder(told, folder):
    status, out, _ = told("sweep", "--out", folder, "--resume", "--no-page")

    assert status == 0
    assert "4 clips, 4 done; nothing is missing" in out
    assert out.count(" done ") == 4


def test_a_dry_run_makes_nothing(told, cover, song, tmp_path):
    status, out, _ = told("sweep", "--image", cover, "--audio", song, "--seed", "1,2,3", *SMALL, "--out",
                          tmp_path / "new", "--dry-run", "--json")  # fmt: skip
    assert status == 0
    assert json.loads(out)["expected"]["cells"] == 3
    assert not (tmp_path / "new").exists()


def test_one_value_is_a_setting_and_prompts_may_hold_commas(told, cover, song, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Sweep, "estimate", lambda self: seen.append(self) or pytest.skip("seen"))
    with pytest.raises(pytest.skip.Exception):
        told("sweep", "--image", cover, "--audio", song, "--motion", "high", "--prompt", "zoom in, glow", "--prompt",
             "pan left", "--aspect", "16:9,1:1", "--subject", "0.2,0.3", *SMALL, "--out", tmp_path)  # fmt: skip

    assert seen[0].axes == {"prompt": ("zoom in, glow", "pan left"), "aspect": ("16:9", "1:1")}
    assert seen[0].base.motion == "high"
    assert seen[0].base.subject == (0.2, 0.3)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--image and --audio must be given, or --resume"),
        (("--resume",), "holds no sweep"),
        (("--workers", 2, "--image", "COVER", "--audio", "SONG"), "--workers belongs to --runner ray"),
        (("--motion", "fast,slow", "--image", "COVER", "--audio", "SONG"), "motion='fast' is not one of"),
        (("--seed", "0:9:1", "--image", "COVER", "--audio", "SONG"), "FROM:TO:COUNT"),
        (("--cap", 1, "--image", "COVER", "--audio", "SONG"), "both must be above 0"),
        (("--runner", "slurm", "--image", "COVER", "--audio", "SONG"), "runner='slurm'"),
    ],
)
def test_wrong_usage_is_a_sentence(told, cover, song, tmp_path, arguments, complaint):
    given = [{"COVER": cover, "SONG": song}.get(str(argument), argument) for argument in arguments]
    status, _, err = told("sweep", "--out", tmp_path / "nothing", *given)

    assert status == 2
    assert complaint in err


def test_a_series_of_a_folder(told, cover, song, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("b.png", "a.png"):
        shutil.copy(cover, tmp_path / "in" / name)
    shutil.copy(song, tmp_path / "in")
    status, out, _ = told("series", tmp_path / "in", *SMALL, "--motion", "high", "--tone", "first", "--json")

    assert status == 0
    assert [row["image"] for row in json.loads(out)["cells"]] == ["a.png", "b.png"]
    assert {path.name for path in (tmp_path / "in/series").glob("*.mp4")} >= {"01-a.mp4", "02-b.mp4"}


def test_a_folder_without_songs(told, cover, tmp_path):
    shutil.copy(cover, tmp_path)
    status, _, err = told("series", tmp_path)

    assert status == 2
    assert "1 pictures and 0 songs" in err
