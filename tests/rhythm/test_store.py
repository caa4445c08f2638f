"""What was heard once is not heard again."""

import pytest

from s2v_nb import analyze
from s2v_nb.rhythm import analysis, store
from tests.rhythm.music import band


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_the_second_time_is_read_and_equal(monkeypatch):
    song = band("AB")
    first = analyze(song)

    monkeypatch.setattr(analysis, "_listen", lambda *_: pytest.fail("heard again"))

    assert analyze(song).to_dict() == first.to_dict()


def test_other_samples_trackers_and_versions_are_other_songs(monkeypatch):
    song, other = band("AB"), band("AC")
    keys = {store.key(song, "beatnet"), store.key(song, "librosa"), store.key(other, "beatnet")}
    keys.add(store.key(song.excerpt(0.0, 2.0), "beatnet"))
    monkeypatch.setattr(store, "RHYTHM_VERSION", "next")
    keys.add(store.key(song, "beatnet"))

    assert len(keys) == 5


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"duration": "x"}', '{"duration": NaN, "beats": []}'])
def test_a_damaged_file_is_heard_anew(damage):
    song = band("AB")
    right = analyze(song)
    (path,) = store.folder().glob("*.json")
    path.write_text(damage)

    assert analyze(song).to_dict() == right.to_dict()


def test_the_oldest_go_first(monkeypatch):
    monkeypatch.setattr(store, "MOST_FILES", 2)
    for bars in ("A", "B", "C"):
        analyze(band(bars))

    assert len(list(store.folder().glob("*.json"))) == 2


def test_a_full_disk_only_costs_time(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "replacing", full)

    assert analyze(band("AB")).tempo == pytest.approx(112, rel=0.02)
