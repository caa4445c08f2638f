"""Checking, removing and cleaning, on models that were really downloaded."""

import os
import time
from pathlib import Path

import pytest

from s2v_nb.errors import InputError
from s2v_nb.models import catalog
from s2v_nb.models.download import fetch, located
from s2v_nb.models.locks import alone
from s2v_nb.models.upkeep import clean, cleanable, remove, status_of, verify
from s2v_nb.session import models_on_disk
from tests.models.hub import FIRST, MODELS, QUANT, SECOND, WAN, Hub

TINY, QUANTISED = MODELS["tiny"], MODELS["tiny-q4"]
SIZE = sum(len(content) for name, content in WAN.items() if not name.endswith((".bin", ".pth", ".md")))


@pytest.fixture
def server():
    with Hub() as server:
        yield server


@pytest.fixture(autouse=True)
def here(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    before = dict(catalog.MODELS)
    catalog.MODELS.clear()
    catalog.MODELS.update(MODELS)
    yield tmp_path
    catalog.MODELS.clear()
    catalog.MODELS.update(before)


def on_disk(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def age(path: Path, seconds: float) -> None:
    for each in (path, *path.rglob("*")):
        os.utime(each, (time.time() - seconds,) * 2)


# --- status


def test_status_counts_what_is_here():
    assert status_of(TINY).state == "missing"
    fetch(QUANTISED)
    assert (status_of(TINY).state, status_of(TINY).here) == ("partly", len(WAN["vae/v.safetensors"]) + 8)  # the VAE

    fetch(TINY)

    status = status_of(TINY)
    assert (status.state, status.here, status.total) == ("whole", SIZE, SIZE)
    assert 0 <= time.time() - status.used < 3600


# --- verify


def test_a_flipped_byte_is_found_and_only_its_file_fetched_again(server):
    """Size and date stay: only the hash tells."""
    shard = fetch(TINY)["transformer"] / "m-1.safetensors"
    assert verify(TINY) == {}
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.resolve().write_bytes(content)
    assert located(TINY)

    assert verify(TINY) == {"tiny-transformer": ["transformer/m-1.safetensors"]}

    assert located(TINY) is None
    server.log.clear()
    fetch(TINY)
    assert server.fetched() == ["transformer/m-1.safetensors"]
    assert verify(TINY) == {}


def test_what_is_not_here_cannot_be_verified():
    with pytest.raises(InputError, match="s2v-nb models get tiny"):
        verify(TINY)


# --- remove


def test_what_another_model_uses_stays(here):
    fetch(TINY)
    fetch(QUANTISED)

    removed = remove(TINY)

    assert removed.shared == ("tiny-vae",)
    assert located(TINY) is None
    assert located(QUANTISED)
    assert removed.freed == SIZE - len(WAN["vae/v.safetensors"]) - 8
    assert remove(QUANTISED).shared == ()
    assert list((here / "hf").rglob("*.safetensors")) == []
    assert models_on_disk() == []


def test_a_person_s_own_folder_stays(here):
    own = here / "own/tiny-vae"
    own.mkdir(parents=True)
    (own / "v.safetensors").write_bytes(WAN["vae/v.safetensors"])
    fetch(TINY)

    assert remove(TINY).own == ("tiny-vae",)
    assert (own / "v.safetensors").is_file()


def test_a_file_that_two_revisions_share_stays_for_the_other(server, here):
    """The cache has one blob for both."""
    from huggingface_hub import hf_hub_download

    fetch(TINY)
    server.publish("tiny/wan", SECOND, WAN)
    other = Path(hf_hub_download("tiny/wan", "vae/v.safetensors", revision=SECOND, cache_dir=here / "hf/hub",
                 endpoint=server.url))  # fmt: skip

    remove(TINY)

    assert other.read_bytes() == WAN["vae/v.safetensors"]


def test_what_is_being_downloaded_is_not_removed():
    fetch(TINY)
    with alone(TINY.components["vae"], lambda: None), pytest.raises(InputError, match="being downloaded"):
        remove(TINY)
    assert located(TINY)


# --- clean


def test_clean_shows_first_and_frees_what_it_showed(server, here):
    """A cut download, an old revision, forgotten parts and what was heard go; models, clips and new work stay."""
    fetch(TINY)
    blobs = here / "hf/hub/models--tiny--wan/blobs"
    (blobs / ("9" * 64 + ".s2v_nb.incomplete")).write_bytes(bytes(1000))
    old = here / "hf/hub/models--tiny--wan/snapshots" / SECOND
    old.mkdir()
    (blobs / "old").write_bytes(bytes(2000))
    (old / "x.safetensors").symlink_to("../../blobs/old")
    for name, days in (("forgotten", 2), ("today", 0)):
        parts = here / "runs" / name / "parts"
        parts.mkdir(parents=True)
        (parts.parent / "spec.json").write_text("{}")
        (parts / "part-0000.mp4").write_bytes(bytes(3000))
        age(parts, days * 86_400)
    heard = here / "cache/s2v_nb/rhythm/song.json"
    heard.parent.mkdir(parents=True)
    heard.write_text("{}" * 200)
    before = on_disk(here)

    items = cleanable(here / "runs")

    assert [(item.kind, item.bytes) for item in items] == [
        ("partial", 1000), ("revision", 2000), ("parts", 3000), ("cache", 400),
    ]  # fmt: skip
    assert on_disk(here) == before
    assert clean(items) == before - on_disk(here) == 6400
    assert located(TINY)
    assert (here / "runs/today/parts/part-0000.mp4").is_file()
    assert cleanable(here / "runs") == []


def test_what_is_being_downloaded_now_is_not_cleaned(here):
    fetch(TINY)
    partial = here / "hf/hub/models--tiny--wan/blobs" / ("9" * 64 + ".s2v_nb.incomplete")
    partial.write_bytes(bytes(1000))
    others = partial.with_name("8" * 64 + ".incomplete")  # huggingface_hub's own, written to just now
    others.write_bytes(bytes(1000))

    with alone(TINY.components["vae"], lambda: None):
        assert cleanable(here) == []
    age(others, 3600)
    assert sorted(item.name for item in cleanable(here)) == [others.name, partial.name]


def test_other_people_s_models_are_not_cleaned(here):
    """Revisions of repositories that are not in the catalogue are not ours to judge."""
    fetch(TINY)
    stranger = here / "hf/hub/models--some--one/snapshots" / FIRST
    stranger.mkdir(parents=True)
    (stranger / "x.safetensors").write_bytes(QUANT["tiny-Q4.gguf"])

    assert cleanable(here) == []


def test_parts_of_a_folder_that_is_no_run_stay(here):
    parts = here / "runs/holiday/parts"
    parts.mkdir(parents=True)
    (parts / "film.mp4").write_bytes(bytes(10))
    age(parts, 10 * 86_400)

    assert cleanable(here / "runs") == []
