"""The clips made before: found, ordered, read again only when they changed, and hostile folders left out."""

import json
import os
import shutil
import time

import pytest

from s2v_nb.jobs.history import MOST_CLIPS, clips_in, forget
from tests.widgets.runs import add_run, measure

HOSTILE = ["", "{", "[]", "null", "5", "[" * 100_000, '{"settings": 5}', '{"error": 5}', '{"error": [5]}',
           '{"error": ["failed.died"]}', '{"error": ["no.such", {}]}', '{"error": ["failed.died", {}]}']  # fmt: skip


def test_there_are_none_where_there_is_nothing(tmp_path):
    (tmp_path / "file").touch()

    assert clips_in(tmp_path / "none") == clips_in(tmp_path) == ()
    with pytest.raises(OSError, match="file"):
        clips_in(tmp_path / "file")


def test_a_clip_is_described(clip, song, tmp_path):
    measure(clip, song)
    made = add_run(clip, tmp_path, "0123456789ab", when=1e9, prompt="rain")

    assert (made.name, made.when, made.seconds) == ("0123456789ab", 1e9, 8.0)
    assert (made.image, made.audio, made.engine) == ("cover.png", "song.wav", "preview")
    assert (made.settings.prompt, made.settings.motion) == ("rain", "high")
    assert made.measured
    assert made.scores["verdict"]
    assert {path.parent for path in (made.poster, made.beats_plot, made.alignment_plot)} == {made.path.parent}


def test_the_newest_is_the_first_and_unfinished_ones_are_none(clip, tmp_path):
    for age, name in enumerate(("old", "older", "oldest")):
        add_run(clip, tmp_path, name, when=1e9 - age)
    (tmp_path / "old" / "clip.mp4").unlink()
    (tmp_path / "tasks").mkdir()

    assert [made.name for made in clips_in(tmp_path)] == ["older", "oldest"]


def test_it_changes_with_the_files_beside_it(clip, song, tmp_path):
    measure(clip, song)
    before = add_run(clip, tmp_path, "a", when=1e9, only=("clip.mp4", "spec.json"))
    assert (before.poster, before.scores, before.measured) == (None, None, False)

    for name in ("poster.jpg", "alignment.json"):
        shutil.copy(clip.path.parent / name, tmp_path / "a" / name)
    (after,) = clips_in(tmp_path)

    assert after != before
    assert after.measured
    assert after.poster
    assert clips_in(tmp_path)[0] is after  # not read again


def test_a_clip_that_could_not_be_measured_says_why(clip, tmp_path):
    add_run(clip, tmp_path, "a", when=1e9, only=("clip.mp4", "spec.json"))
    (tmp_path / "a" / "alignment.json").write_text('{"error": ["failed.died", {"count": 2}]}')

    (made,) = clips_in(tmp_path)

    assert (made.measured, made.scores, made.error) == (True, None, ("failed.died", {"count": 2}))


@pytest.mark.parametrize("name", ["spec.json", "alignment.json"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_files_hide_their_clip_and_no_other(clip, tmp_path, name, text):
    good = add_run(clip, tmp_path, "good", when=1e9, only=("clip.mp4", "spec.json"))
    add_run(clip, tmp_path, "bad", when=2e9, only=("clip.mp4", "spec.json"))
    (tmp_path / "bad" / name).write_text(text)

    found = clips_in(tmp_path)

    assert good in found
    if name == "spec.json":
        assert found == (good,)
    else:  # the clip itself is fine
        assert [made.name for made in found] == ["bad", "good"]
        assert found[0].scores is None or isinstance(found[0].scores, dict)


def test_a_file_too_large_is_not_read(clip, tmp_path):
    add_run(clip, tmp_path, "a", when=1e9)
    (tmp_path / "a" / "alignment.json").write_text(json.dumps({"x": "y" * 3_000_000}))

    assert clips_in(tmp_path)[0].scores is None


def test_sixty_clips_cost_next_to_nothing(clip, tmp_path):
    add_run(clip, tmp_path, "0", when=1e9)
    for number in range(1, MOST_CLIPS + 5):
        shutil.copytree(tmp_path / "0", tmp_path / str(number), copy_function=os.link)
    assert len(clips_in(tmp_path)) == MOST_CLIPS

    times = []
    for _ in range(10):
        began = time.perf_counter()
        clips_in(tmp_path)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.03


def test_a_clip_of_a_sweep_has_the_scores_its_sweep_measured(clip, tmp_path):
    """Until it has plots and scores of its own."""
    add_run(clip, tmp_path, "a", when=1e9, only=("clip.mp4", "spec.json"))
    file = tmp_path / "a" / "cell.json"

    file.write_text(json.dumps({"alignment": {"verdict": "in time", "scores": {}}, "seconds": 2.0}))
    assert clips_in(tmp_path)[0].scores == {"verdict": "in time", "scores": {}}
    file.write_text(json.dumps({"alignment": {"error": {"key": "failed.died", "values": {"count": 2}}}, "s": 1}))
    assert (clips_in(tmp_path)[0].scores, clips_in(tmp_path)[0].error) == (None, ("failed.died", {"count": 2}))
    (tmp_path / "a" / "alignment.json").write_text('{"verdict": "not enough evidence"}')
    assert clips_in(tmp_path)[0].scores == {"verdict": "not enough evidence"}


@pytest.mark.parametrize("text", [*HOSTILE, '{"alignment": 5}', '{"alignment": {"error": {"key": "no"}}}'])
def test_a_damaged_cell_is_not_measured(clip, tmp_path, text):
    add_run(clip, tmp_path, "a", when=1e9, only=("clip.mp4", "spec.json"))
    (tmp_path / "a" / "cell.json").write_text(text)

    (made,) = clips_in(tmp_path)

    assert (made.measured, made.scores, made.error) == (False, None, None)


def test_only_what_we_made_is_deleted(clip, tmp_path):
    made = add_run(clip, tmp_path, "a", when=1e9)
    (made.path.parent / "notes.txt").write_text("mine")
    forget(made)
    assert [path.name for path in made.path.parent.iterdir()] == ["notes.txt"]

    other = add_run(clip, tmp_path, "b", when=1e9)
    (other.path.parent / "parts").mkdir()
    for name in ("cell.json", "attempts.json", "claim.json"):  # from a sweep
        (other.path.parent / name).touch()
    forget(other)
    forget(other)  # it is gone already
    assert not other.path.parent.exists()
