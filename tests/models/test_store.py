"""What is on the disk: a person's own folders, and why a broken one is never taken for whole."""

import json
import subprocess
import sys

import pytest

from s2v_nb.models.catalog import Component, Model
from s2v_nb.models.pins import pin, pinned
from s2v_nb.models.store import Entry, located, matching, own_is_whole, read_manifest, snapshot, write_manifest
from tests.models.hub import FIRST, SECOND, index, tensors

PART = Component("part", "tiny/part", FIRST, "vae", ("vae/*.safetensors",), 1, "MIT")
PARTS = Model("parts", ("", ""), {"vae": PART})


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path / "own"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)


def folder(tmp_path, **files: bytes):
    for name, content in files.items():
        (tmp_path / name.replace("__", ".").replace("_", "-")).write_bytes(content)
    return tmp_path


GOOD = tensors(300, 1)
BOTH = index("m-1.safetensors", "m-2.safetensors")


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        ({"a__safetensors": GOOD}, True),
        ({"a__gguf": b"GGUF rest"}, True),
        ({"tokenizer__json": b"{}"}, True),
        ({"spiece__model": b"words"}, True),
        ({"m_1__safetensors": GOOD, "m_2__safetensors": GOOD, "m__safetensors__index__json": BOTH}, True),
        ({}, False),
        ({"config__json": b"{}"}, False),
        ({"a__bin": GOOD}, False),
        ({"a__safetensors": GOOD[:-1]}, False),
        ({"a__safetensors": GOOD + b"x"}, False),
        ({"a__safetensors": GOOD[:40]}, False),
        ({"a__safetensors": b""}, False),
        ({"a__safetensors": b"\xff" * 300}, False),
        ({"a__safetensors": (4).to_bytes(8, "little") + b"null"}, False),
        ({"a__gguf": b""}, False),
        ({"a__gguf": b"<html>"}, False),
        ({"a__safetensors": GOOD, "b__safetensors": GOOD}, False),
        ({"m_1__safetensors": GOOD, "m__safetensors__index__json": BOTH}, False),
        ({"m_1__safetensors": GOOD, "m__safetensors__index__json": b"{"}, False),
        ({"m_1__safetensors": GOOD, "m__safetensors__index__json": index("../m-1.safetensors")}, False),
    ],
)  # fmt: skip
def test_which_folders_are_whole(tmp_path, files, whole):
    assert own_is_whole(folder(tmp_path, **files)) is whole


def test_an_own_folder_or_a_link_is_taken_first(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder(elsewhere, a__safetensors=GOOD)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/part").symlink_to(elsewhere)

    assert located(PARTS) == {"vae": tmp_path / "own/part"}


def test_a_file_that_was_cut_later_is_noticed(tmp_path):
    own = tmp_path / "own/part"
    own.mkdir(parents=True)
    folder(own, a__safetensors=GOOD)
    assert located(PARTS)

    (own / "a.safetensors").write_bytes(GOOD[:-1])

    assert located(PARTS) is None


def in_the_cache(content: bytes = GOOD) -> None:
    place = snapshot(PART) / "vae"
    place.mkdir(parents=True)
    (place / "a.safetensors").write_bytes(content)


def test_files_in_the_cache_are_nothing_until_they_were_checked():
    in_the_cache()
    assert located(PARTS) is None

    write_manifest(PART, [Entry("vae/a.safetensors", len(GOOD), sha256="0" * 64)])

    assert located(PARTS) == {"vae": snapshot(PART) / "vae"}


@pytest.mark.parametrize("harm", ["cut", "gone", "other revision", "other files", "no json"])
def test_what_was_checked_once_must_still_be_there(harm, monkeypatch):
    in_the_cache()
    write_manifest(PART, [Entry("vae/a.safetensors", len(GOOD), sha256="0" * 64)])
    component = PART
    if harm == "cut":
        (snapshot(PART) / "vae/a.safetensors").write_bytes(GOOD[:-1])
    elif harm == "gone":
        (snapshot(PART) / "vae/a.safetensors").unlink()
    elif harm == "no json":
        next(snapshot(PART).parents[1].glob("s2v_nb/*.json")).write_text("{")
    elif harm == "other revision":
        component = Component("part", "tiny/part", SECOND, "vae", PART.files, 1, "MIT")
    else:  # a later version of this package wants more of the repository
        component = Component("part", "tiny/part", FIRST, "vae", (*PART.files, "vae/config.json"), 1, "MIT")

    assert located(Model("parts", ("", ""), {"vae": component})) is None


def test_a_manifest_that_somebody_wrote_otherwise_says_nothing():
    in_the_cache()
    write_manifest(PART, [])
    path = next(snapshot(PART).parents[1].glob("s2v_nb/*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": {"a": 1}}))

    assert read_manifest(PART) == []


def test_a_commit_is_kept_and_anything_else_refused():
    loose = Component("q", "tiny/q", "", "", ("*.gguf",), 1, "MIT")
    assert pinned(loose) == ""
    with pytest.raises(ValueError, match="40 hexadecimal"):
        pin(loose, "main")

    pin(loose, SECOND)

    assert pinned(loose) == SECOND
    assert pinned(PART) == FIRST


def test_names_that_lead_out_of_the_folder_belong_to_nothing():
    """A star stands for a slash, too, and a mirror may list what it likes."""
    assert matching(PART, ["vae/a.safetensors", "vae/../../a.safetensors", "/vae/a.safetensors"]) == [
        "vae/a.safetensors"
    ]


def test_looking_imports_neither_huggingface_hub_nor_torch():
    code = (
        "import sys; from s2v_nb.models.catalog import MODELS; from s2v_nb.models.store import located\n"
        "print({located(m) for m in MODELS.values()}, {'huggingface_hub', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "{None} set()\n"
