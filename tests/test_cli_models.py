"""`s2v-nb models` as a person and as a script meet it: real processes, a real server."""

import json

import pytest

from tests.models.hub import WAN, Hub
from tests.models.test_download import finish, places, start

SHARD = "transformer/m-1.safetensors"


@pytest.fixture(scope="module")
def server():
    with Hub() as server:
        yield server


@pytest.fixture(scope="module")
def s2v_nb(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    environment = {**places(server, folder), "XDG_CACHE_HOME": str(folder / "cache"), "S2V_NB_LANGUAGE": "en"}

    def run(*arguments, **more):
        result = finish(start("models", *arguments, **{**environment, **more}))
        assert "Traceback" not in result.stderr
        return result

    run.folder = folder
    return run


def only_json(result) -> dict:
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def test_from_nothing_to_nothing(s2v_nb, server):
    """list, get, list, verify, a damaged file, get, remove, clean: one after the other, as people do."""
    states = {row["model"]: row["state"] for row in only_json(s2v_nb("list", "--json"))["models"]}
    assert states == {"tiny": "missing", "tiny-q4": "missing", "strict": "missing"}

    got = s2v_nb("get", "tiny")
    assert (got.returncode, got.stdout) == (0, "tiny is on this disk, whole and checked\n")
    assert "tiny-vae: 1.0 MB from tiny/wan, licence MIT" in got.stderr
    assert "\r" not in got.stderr

    text = s2v_nb("list").stdout
    assert "tiny               on this disk, 1.0 MB, last used 20" in text
    assert "tiny-q4            100.1 kB of about 1.1 MB on this disk" in text
    assert str(s2v_nb.folder / "hf/hub") in text

    right = s2v_nb("verify", "tiny")
    assert (right.returncode, right.stdout) == (0, "tiny is as it was published\n")

    shard = next((s2v_nb.folder / "hf").rglob("m-1.safetensors")).resolve()
    shard.write_bytes(bytes(len(WAN[SHARD])))
    damaged = s2v_nb("verify", "tiny", "--json")
    assert damaged.returncode == 1
    assert only_json(damaged)["damaged"] == {"tiny-transformer": [SHARD]}

    server.trouble[SHARD] = ["cut"]
    assert s2v_nb("get", "tiny").returncode == 0
    removed = only_json(s2v_nb("remove", "tiny", "--json"))
    assert removed["freed"] > 1_000_000
    assert (removed["shared"], removed["own"]) == ([], [])


def test_clean_asks_first(s2v_nb):
    """Nobody can answer in a pipe: it shows, and says how."""
    cut = s2v_nb.folder / "hf/hub/models--tiny--wan/blobs" / ("9" * 64 + ".s2v_nb.incomplete")
    cut.parent.mkdir(parents=True, exist_ok=True)
    cut.write_bytes(bytes(5000))

    shown = s2v_nb("clean", "--runs", s2v_nb.folder)
    assert "5.0 kB  a download that was cut: 9999" in shown.stdout
    assert "nothing was removed" in shown.stdout
    assert cut.exists()

    freed = only_json(s2v_nb("clean", "--yes", "--json", "--runs", s2v_nb.folder))
    assert freed["freed"] == freed["bytes"] == 5000
    assert not cut.exists()


def test_a_licence_needs_a_yes(s2v_nb):
    refused = s2v_nb("get", "strict", "--json")
    assert refused.returncode == 2
    assert "OpenRAIL" in only_json(refused)["error"]

    assert s2v_nb("get", "strict", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["get", "nothing"], "model='nothing' is not one of tiny, tiny-q4, strict"),
        (["verify", "tiny-q4"], "tiny-q4 is not on this disk; run `s2v-nb models get tiny-q4`"),
        (["get"], "the following arguments are required: KEY"),
        ([], "required: ACTION"),
    ],
)
def test_bad_input_is_one_sentence(s2v_nb, arguments, sentence):
    result = s2v_nb(*arguments)

    assert (result.returncode, result.stdout) == (2, "")
    assert sentence in result.stderr


def test_a_server_that_refuses_is_a_failure_in_chinese_too(s2v_nb, server):
    server.trouble["api"] = ["403!"]
    result = s2v_nb("get", "tiny-q4", S2V_NB_LANGUAGE="zh")
    server.trouble.clear()

    assert result.returncode == 1
    assert "拒绝提供文件（HTTP 403）" in result.stderr
