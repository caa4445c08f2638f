"""Whatever lies in a file that the toolkit wrote, reading it gives a value or a sentence; ``bench/fuzz.py`` goes on."""

import json
import random

import pytest

from s2v_nb.errors import InputError
from s2v_nb.storage import parse_json, read_json
from tests.trust.readers import all_readers, complaint

TIMES = 60
TEXTS = (b"", b"null", b"[]", b"{}", b'"x"', b"NaN", b"[" * 99_999, b"\xff\xfe", b'{"a": 1e999}', b"1" * 5000)


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    from s2v_nb.session import cache_folder

    made = all_readers(tmp_path_factory.mktemp("readers"))
    yield made
    (cache_folder() / "speeds.json").unlink(missing_ok=True)


def names() -> list[str]:
    """Known before the readers are made, which takes files."""
    return (
        "spec;spec.json;alignment.json;alignment.json, failed;cell.json of a clip;sweep.json;sweep.json of a series;"
        "cell.json;attempts.json;claim.json;progress.json of a cell;"
        "cells.json;task.json;task.json of a sweep;"
        "begun.json;progress.json;progress.json of a sweep;result.json;result.json, failed;result.json of a sweep;"
        "upload;beats.json;rhythm store;speeds.json;picture;song;clip"
    ).split(";")


def test_every_reader_is_tested(readers):
    assert sorted(readers) == sorted(names())


@pytest.mark.parametrize("name", names())
def test_changed_files_give_a_value_or_a_sentence(readers, name):
    """Good ones are read as such first; the changes are the same in every run."""
    reader, chance = readers[name], random.Random(name)
    for seed in reader.seeds:
        reader.read(seed)
    for _ in range(TIMES):
        data = reader.mutated(chance.randbytes(24)) if reader.document is not None else spoiled(reader.seeds, chance)
        assert complaint(reader, data) is None, data[:4000]
    for text in TEXTS:
        assert complaint(reader, text) is None, text[:40]


def spoiled(seeds: tuple[bytes, ...], chance: random.Random) -> bytes:
    """A good file with some bytes changed near its start, or cut off."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(min(len(data), 3000))] = chance.randrange(256)
    return bytes(data[: chance.randint(1, len(data))] if chance.random() < 0.2 else data)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "1e999", "-1e308", "9" * 400, "9" * 5000, "[" * 99_999, "{", ""])
def test_numbers_that_no_double_holds_are_no_json(tmp_path, text):
    (tmp_path / "x.json").write_text(text)

    with pytest.raises(ValueError, match=r".+"):
        parse_json(text)
    assert read_json(tmp_path / "x.json") == {}


def test_what_we_write_ourselves_is_read():
    numbers = {"time": 1_799_999_999_123_456_789, "seed": 2**32 - 1, "small": 1e-300, "loss": -0.0}

    assert parse_json(json.dumps(numbers)) == numbers


def test_a_size_that_no_file_has_is_refused(tmp_path):
    """A page's message may hold any number; dividing this one overflowed."""
    from s2v_nb.widgets.upload import Incoming

    with pytest.raises(InputError, match="upload"):
        Incoming(tmp_path, "x.png", 10**400)
