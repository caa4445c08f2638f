"""A sweep of real clips: made, measured, found again, resumed from its folder."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from s2v_nb import InputError, Settings, Sweep, generate, load_audio, load_image
from s2v_nb.media.video import probe_video, read_frames
from s2v_nb.sweeps.progress import SweepProgress
from tests.sweeps.fakes import FakeRunner, fill, tree

BASE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24)


@pytest.fixture(scope="module")
def sweep(cover, song, tmp_path_factory) -> Sweep:
    """Two by two real clips."""
    return Sweep(
        cover, song, BASE, motion=["off", "high"], prompt_weight=[0.5, 1.5], out=tmp_path_factory.mktemp("sweep"),
        price_per_hour=3.6,
    ).run()  # fmt: skip


def test_every_cell_is_the_clip_of_its_settings(sweep, cover, song, tmp_path):
    for cell in sweep.cells:
        clip = cell.clip
        assert (clip.settings.motion, clip.settings.prompt_weight) == tuple(cell.values.values())
        assert probe_video(clip.path).seconds == pytest.approx(3.0)
    alone = generate(cover, song, BASE, motion="high", prompt_weight=1.5, runs=tmp_path)
    pairs = zip(read_frames(alone.path), read_frames(sweep.cells[3].path), strict=True)
    assert alone.path.parent.name == sweep.cells[3].name
    assert all(np.array_equal(one, other) for (_, one), (_, other) in pairs)


def test_the_table_has_what_each_cell_took_and_how_it_keeps_time(sweep):
    table = sweep.table()

    assert isinstance(table, pd.DataFrame)
    assert list(table["state"]) == ["done"] * 4
    assert (table["seconds"] > 0).all()
    assert np.allclose(table["money"], table["seconds"] * 3.6 / 3600, atol=1e-5)
    assert (table["peak_memory_mib"] > 50).all()
    assert list(table["motion_energy"] > 0.01) == [False, False, True, True]
    assert table["r"].isna().tolist() == [True, True, False, False]
    assert table.loc[3, "r"] > 0.9
    again = pd.read_csv(sweep.out / "table.csv", index_col="cell")
    assert list(again["run"]) == list(table["run"])


def test_the_best_are_those_in_time_with_a_reason(sweep):
    best = sweep.best()

    assert [each.cell.values["motion"] for each in best] == ["high", "high"]  # a still picture keeps no time
    assert "moments meet a beat" in best[0].why("en")
    assert "落在节拍上" in best[0].why("zh")


def test_it_is_found_again_by_its_folder(sweep):
    again = Sweep.open(sweep.out)

    assert again.cells == sweep.cells
    assert again.axes == sweep.axes
    assert again.rows() == sweep.rows()


def test_nothing_is_done_twice(sweep):
    before = tree(sweep.runs)
    Sweep.open(sweep.out).run()

    assert tree(sweep.runs) == before


def test_clips_of_generate_count_and_what_they_took_is_not_known(cover, song, tmp_path):
    clip = generate(cover, song, BASE, motion="low", runs=tmp_path / "runs")
    before = clip.path.stat().st_mtime_ns
    sweep = Sweep(cover, song, BASE, motion=["low"], out=tmp_path).run()
    row = sweep.rows()[0]

    assert clip.path.stat().st_mtime_ns == before
    assert (row["state"], row["seconds"], row["money"]) == ("done", None, None)
    assert row["r"] > 0.9  # it was measured


def test_a_damaged_clip_is_made_again(sweep, cover, song, tmp_path):
    shutil.copytree(sweep.out, tmp_path / "copy")
    copy = Sweep.open(tmp_path / "copy")
    whole = copy.cells[2].path.read_bytes()
    copy.cells[2].path.write_bytes(whole[: len(whole) // 2])
    assert [cell.state for cell in copy.cells] == ["done", "done", "waiting", "done"]

    copy.run()
    assert [frame.sum() for _, frame in read_frames(copy.cells[2].path)] == [
        frame.sum() for _, frame in read_frames(sweep.cells[2].path)
    ]


def test_a_sweep_can_be_moved(sweep, cover, song, tmp_path):
    shutil.copytree(sweep.out, tmp_path / "there" / "sweep")
    for source in (cover, song):
        shutil.copy(source, tmp_path / "there")
    values = json.loads((tmp_path / "there/sweep/sweep.json").read_text())
    values |= {"image": [f"../{cover.name}", "/gone.png"], "audio": ["/gone.wav", f"../{song.name}"]}
    (tmp_path / "there/sweep/sweep.json").write_text(json.dumps(values))

    assert {cell.state for cell in Sweep.open(tmp_path / "there/sweep").cells} == {"done"}


def test_an_open_start_is_heard_once_and_kept(cover, song, tmp_path, monkeypatch):
    """A finished sweep is found without hearing the song again."""
    sweep = Sweep(cover, song, BASE.but(start=None), seed=[1, 2], out=tmp_path)
    for cell in sweep.cells:
        fill(cell)
    sweep.run(FakeRunner())
    sweep.save()
    from s2v_nb.runs import material

    def refuse(*_, **__):
        raise AssertionError("heard again")

    monkeypatch.setattr(material, "best_excerpts", refuse)
    assert [cell.settings.start for cell in Sweep.open(tmp_path).cells] == [sweep.cells[0].settings.start] * 2


def test_arrays_become_files_so_that_it_can_be_found_again(cover, song, tmp_path):
    picture, part = load_image(cover).pixels, load_audio(song, 2.0, 6.0)
    sweep = Sweep(picture, part, BASE.but(start=0.0), seed=[1], out=tmp_path)
    sweep.save()

    assert Sweep.open(tmp_path).cells == sweep.cells
    assert {path.suffix for path in (tmp_path / "sources").iterdir()} == {".png", ".wav"}


def test_the_estimate_follows_what_cells_took(sweep, cover, song, tmp_path):
    fresh = Sweep(cover, song, BASE, seed=[1, 2, 3, 4], out=tmp_path, price_per_hour=36.0)
    for cell in fresh.cells[:2]:
        fill(cell, seconds=50.0)
    estimate = fresh.estimate()

    assert (estimate.cells, estimate.done, estimate.missing) == (4, 2, 2)
    assert estimate.seconds == pytest.approx(100, rel=0.01)
    assert estimate.money == pytest.approx(1.0, rel=0.01)
    assert "4 clips, 2 done; about 1:40" in str(estimate)
    assert "费用约 1" in estimate.sentence("zh")
    assert sweep.estimate().missing == 0


def test_one_cell_in_full_quality(sweep, monkeypatch):
    asked = {}
    from s2v_nb.sweeps import batch

    monkeypatch.setattr(batch, "generate", lambda *source, **choices: asked.update(source=source, **choices))
    sweep.make_final(sweep.cell(motion="high", prompt_weight=1.5))

    assert asked["source"][2].but(resolution="480p", fps=24, quality="draft") == sweep.cells[3].settings
    assert asked["source"][2].size == (1280, 720)


def test_a_cell_is_asked_for_by_its_values(sweep):
    assert sweep.cell(motion="off", prompt_weight=0.5) is sweep.cells[0]
    with pytest.raises(InputError, match="2 cells have motion=off, but one is meant"):
        sweep.cell(motion="off")


def test_progress_of_real_work_reaches_the_end(cover, song, tmp_path):
    seen = []
    Sweep(cover, song, BASE, seed=[7], out=tmp_path).run(progress=SweepProgress(seen.append))

    assert {state.current.stage for state in seen if state.current} == {"frames", "encoding"}
    assert seen[-1].done == 1
    assert max(state.fraction for state in seen) == 1.0


@pytest.mark.parametrize(
    ("choices", "complaint"),
    [
        ({"motion": ["fast"]}, "motion='fast' is not one of"),
        ({"prompt_weight": [3]}, "outside 0.5 to 1.5"),
        ({"engine": ["magic"]}, "magic"),
        ({"price_per_hour": -1, "seed": [1]}, "price=-1"),
        ({"cells": [{"seed": 1}], "motion": ["low"]}, "not both"),
    ],
)
def test_what_cannot_be_made_is_refused_at_once(cover, song, tmp_path, choices, complaint):
    with pytest.raises(InputError, match=complaint):
        Sweep(cover, song, BASE, out=tmp_path / "new", **choices)
    assert not (tmp_path / "new").exists()


def test_a_picture_that_cannot_be_used_is_refused_before_anything_is_made(song, tmp_path):
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"no picture" * 100)
    sweep = Sweep(tmp_path / "x.png", song, BASE, seed=[1, 2], out=tmp_path / "out")
    with pytest.raises(InputError, match=r"x\.png"):
        sweep.run()
    assert {cell.state for cell in sweep.cells} == {"waiting"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"s2v_nb_sweep": 99, "kind": "sweep"}', '{"s2v_nb_sweep": 1}'])
def test_a_damaged_file_is_a_sentence(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read"):
        Sweep.open(tmp_path)


def test_no_sweep_there(tmp_path):
    with pytest.raises(InputError, match="holds no sweep"):
        Sweep.open(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"s2v_nb_cell": 1, "alignment": 3}', "\xff"])
def test_a_damaged_cell_counts_as_missing(cover, song, tmp_path, text):
    sweep = Sweep(cover, song, BASE, seed=[1], out=tmp_path)
    fill(sweep.cells[0])
    (sweep.cells[0].folder / "cell.json").write_text(text)
    (sweep.cells[0].folder / "attempts.json").write_text(text)

    assert sweep.cells[0].state == "waiting"
    assert sweep.rows()[0]["seconds"] is None
