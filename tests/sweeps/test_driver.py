"""Which cell comes next, what a failure means, when it stops; without rendering."""

import itertools
import threading
import time

import pytest

from s2v_nb import InputError, Settings, Sweep
from s2v_nb.errors import Cancelled, GenerationError
from s2v_nb.sweeps import driver
from s2v_nb.sweeps.claim import claiming
from s2v_nb.sweeps.progress import SweepProgress
from tests.sweeps.fakes import FakeRunner, fill, tree

BASE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24)


@pytest.fixture
def make(cover, song, tmp_path, monkeypatch):
    """A sweep whose cells are not rendered, so that nothing is decoded or heard for it."""
    monkeypatch.setattr(Sweep, "workshop", lambda self: None)

    def made(**choices):
        choices.setdefault("out", tmp_path / "sweep")
        if "cells" not in choices:
            choices = {"motion": ["low", "medium", "high"], "prompt_weight": [0.5, 1.0, 1.5], **choices}
        return Sweep(cover, song, BASE, **choices)

    return made


def test_corners_first_and_each_once(make):
    sweep, runner = make(), FakeRunner()
    sweep.run(runner)

    assert [cell.index for cell in runner.made] == [0, 8, 2, 6, 4, 1, 3, 5, 7]
    assert {row["state"] for row in sweep.rows()} == {"done"}


def test_what_is_there_is_never_made_again(make):
    make().run(FakeRunner())
    before = tree(make().runs)
    again = FakeRunner()
    make().run(again)

    assert again.made == []
    assert tree(make().runs) == before


def test_a_row_that_is_added_is_made_and_the_rest_stays(make):
    make().run(FakeRunner())
    runner = FakeRunner()
    make(motion=["off", "low", "medium", "high"]).run(runner)

    assert {cell.values["motion"] for cell in runner.made} == {"off"}
    assert len(runner.made) == 3


def test_cells_that_compute_the_same_are_made_once(make):
    """prompt_weight 1.0 is the default, so both cells are one run."""
    runner = FakeRunner()
    sweep = make(cells=[{"seed": 1}, {"seed": 2}, {"seed": 1}])
    sweep.run(runner)

    assert [cell.index for cell in runner.made] == [0, 1]
    assert [row["state"] for row in sweep.rows()] == ["done"] * 3


def test_a_cell_that_fails_twice_is_marked_and_the_rest_goes_on(make):
    def act(cell):
        if cell.index == 8:
            raise GenerationError("failed.encoder", why="it does not like this one")
        fill(cell)

    sweep, runner = make(), FakeRunner(act)
    sweep.run(runner)
    states = [row["state"] for row in sweep.rows()]

    assert [cell.index for cell in runner.made].count(8) == 2
    assert states == ["done"] * 8 + ["failed"]
    assert "does not like" in sweep.rows()[8]["error"]

    sweep.run(quiet := FakeRunner(act))
    assert quiet.made == []
    sweep.run(retried := FakeRunner(), retry_failed=True)
    assert [cell.index for cell in retried.made] == [8]
    assert sweep.cells[8].state == "done"


def test_a_full_disk_stops_it_and_marks_nothing(make, monkeypatch):
    def act(cell):
        monkeypatch.setattr(driver, "disk", lambda _: type("Disk", (), {"free": 0}))
        raise GenerationError("failed.disk", name="x", why="No space left on device")

    sweep = make()
    with pytest.raises(GenerationError, match="No space"):
        sweep.run(FakeRunner(act))
    assert {cell.state for cell in sweep.cells} == {"waiting"}


def test_too_small_a_disk_is_refused_before_anything_is_made(make, monkeypatch):
    from s2v_nb.sweeps import expected

    monkeypatch.setattr(expected, "disk", lambda _: type("Disk", (), {"free": 2**20}))
    runner = FakeRunner()
    with pytest.raises(InputError, match="MiB of disk, but 1 MiB are free"):
        make().run(runner)
    assert runner.made == []


@pytest.mark.parametrize("ahead", [0, 1])
def test_the_cap_stops_after_the_cell_that_reaches_it(make, ahead):
    """Each cell costs 1; a cap of 2.5 is reached by the third."""
    sweep = make(price_per_hour=10.0)
    runner = FakeRunner(lambda cell: fill(cell, seconds=360, price=10.0), ahead=ahead)
    sweep.run(runner, spend_cap=2.5)
    assert len(runner.made) == 3

    sweep.run(runner, spend_cap=2.5)  # what was spent before counts
    assert len(runner.made) == 3
    sweep.run(runner, spend_cap=100)
    assert len(runner.made) == 9


def test_failed_and_interrupted_attempts_cost_money_too(make):
    sweep = make(price_per_hour=10.0)
    sweep.cells[5].attempts.begun(0).worked(720)  # 2
    runner = FakeRunner(lambda cell: fill(cell, seconds=360, price=10.0))
    sweep.run(runner, spend_cap=2.5)

    assert len(runner.made) == 1


@pytest.mark.parametrize(("cap", "price"), [(0, 1), (-1, 1), (float("nan"), 1), (2, 0)])
def test_a_cap_needs_a_price(make, cap, price):
    with pytest.raises(InputError, match="both must be above 0"):
        make(price_per_hour=price).run(FakeRunner(), spend_cap=cap)


def test_dominated_cells_are_passed_over_if_asked(make):
    """In a row of five with both ends bad, what is between two bad ones need not be made."""
    score = {0.5: 0.4, 0.7: 0.4, 0.9: 0.4, 1.1: 0.9, 1.3: 0.9}

    def act(cell):
        fill(cell, r=score[cell.values["prompt_weight"]])

    axis = {"motion": ["low"], "prompt_weight": [0.5, 0.7, 0.9, 1.1, 1.3]}
    sweep, runner = make(**axis), FakeRunner(act)
    sweep.run(runner, stop_dominated=True)
    made = [cell.values["prompt_weight"] for cell in runner.made]

    assert 0.7 not in made
    assert {0.5, 0.9, 1.1, 1.3} == set(made)
    assert sweep.cell(prompt_weight=0.7).state == "waiting"
    sweep.run(runner)
    assert sweep.cell(prompt_weight=0.7).state == "done"


def test_a_cheaper_cell_is_not_dominated(make):
    """Worse in time but faster: that is a choice, not a loss."""

    def act(cell):
        best = cell.values["prompt_weight"] == 1.3
        fill(cell, r=0.9 if best else 0.4, seconds=10 if best else 5)

    runner = FakeRunner(act)
    make(motion=["low"], prompt_weight=[0.5, 0.7, 0.9, 1.1, 1.3]).run(runner, stop_dominated=True)
    assert len(runner.made) == 5


def test_cancelled_it_says_how_far_it_came_and_goes_on(make):
    progress = SweepProgress()
    sweep = make()
    progress.views.append(lambda state: progress.cancel() if state.done == 4 else None)
    with pytest.raises(Cancelled, match="4 of 9 clips are done"):
        sweep.run(FakeRunner(), progress=progress)

    assert (sweep.out / "table.csv").read_text().count(",done,") == 4
    rest = FakeRunner()
    sweep.run(rest)
    assert len(rest.made) == 5


def test_ctrl_c_is_a_sentence(make):
    def act(cell):
        raise KeyboardInterrupt

    with pytest.raises(Cancelled, match="0 of 9"):
        make().run(FakeRunner(act))


def test_progress_counts_and_tells_what_is_left(make):
    seen = []
    make(price_per_hour=10.0).run(
        FakeRunner(lambda cell: fill(cell, seconds=36, price=10.0)), progress=SweepProgress(seen.append)
    )

    assert [state.done for state in seen] == list(range(10))
    assert seen[-1].spent == pytest.approx(0.9)
    assert seen[-1].remaining == 0
    assert all(a.fraction <= b.fraction for a, b in itertools.pairwise(seen))


def test_a_cell_that_somebody_else_makes_is_waited_for(make):
    """And taken over if its maker gives up."""
    sweep, runner = make(motion=["low"], prompt_weight=[0.5, 1.0]), FakeRunner()
    free = threading.Event()

    def hold():
        with claiming(sweep.cells[0].folder):
            free.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    while sweep.cells[0].state != "running":
        time.sleep(0.01)
    threading.Timer(0.8, free.set).start()
    sweep.run(runner)
    other.join()

    assert [cell.index for cell in runner.made] == [1, 0]
    assert all(cell.state == "done" for cell in sweep.cells)


def test_a_cell_that_never_ends_comes_last(make):
    sweep = make()
    for _ in range(driver.HOPELESS_ATTEMPTS):
        sweep.cells[0].attempts.begun(0.0)
    runner = FakeRunner()
    sweep.run(runner)

    assert runner.made[-1].index == 0


def test_an_unknown_runner_is_named(make):
    with pytest.raises(InputError, match="runner='slurm' is not one of local, ray"):
        make().run("slurm")
