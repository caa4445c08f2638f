"""What lies in a sweep's folder may be anything; what happens to it while it runs, too."""

import json
import os

import matplotlib.pyplot as plt
import pytest

from s2v_nb import Corrections, InputError, Series, Settings, Sweep, load_audio, sample_image
from s2v_nb.errors import Cancelled, GenerationError, SentenceError
from s2v_nb.plots import plot_heat_maps, plot_sweep_curves
from s2v_nb.sweeps import batch as batch_module
from s2v_nb.sweeps import workshop as workshop_module
from s2v_nb.sweeps.cell import Attempts
from s2v_nb.sweeps.claim import owner
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.sweeps.runner import LocalRunner
from s2v_nb.sweeps.workshop import Workshop
from tests.sweeps.fakes import FakeRunner, fill

BASE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24)


@pytest.fixture
def sweep(cover, song, tmp_path, monkeypatch) -> Sweep:
    """Two finished cells, one that is missing; nothing is decoded for it."""
    monkeypatch.setattr(Sweep, "workshop", lambda self: None)
    found = Sweep(cover, song, BASE, seed=[1, 2, 3], out=tmp_path / "sweep", price_per_hour=3.6)
    for cell in found.cells[:2]:
        fill(cell)
    found.save()
    return found


def everything(sweep: Sweep) -> None:
    """All that reads a sweep's files."""
    again = Sweep.open(sweep.out)
    json.dumps(again.rows(), allow_nan=False)
    again.estimate().sentence("zh")
    again.best()
    again.notices  # noqa: B018
    again._repr_html_()
    for plot in (plot_heat_maps, plot_sweep_curves):
        plt.close(plot(again)[0].figure)
    again.run(FakeRunner())


CELL = {
    "seconds": ["x", -1, [], {}, True, 1e400],
    "money": ["x", -3],
    "motion_energy": ["x", [1]],
    "file_bytes": [None, 0, "x"],
    "peak_memory_bytes": ["x"],
    "notes": [3, [["no such key", {}]], [1], [["notice.no_beats"]]],
    "curves": [[], {"motion": [1]}, {"fps": 0, "motion": [1]}, {"fps": 24, "motion": "x"}],
    "alignment": [
        None, [], {}, {"error": 3}, {"verdict": 3, "headline": None, "scores": {}}, {"verdict": "x", "scores": []},
        {"verdict": "x", "headline": "stops", "scores": {}},
        {"verdict": "x", "headline": "stops", "scores": {"stops": {"r": None}}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in CELL.items() for value in values])
def test_a_hostile_cell_counts_as_missing_or_as_it_is(sweep, name, value):
    path = sweep.cells[0].folder / "cell.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, name: value}))

    everything(sweep)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        '{"count": Infinity}',
        '{"count": 1, "seconds": NaN, "failures": []}',
        '{"count": -5, "seconds": -1, "failures": [1, {}, {"key": "x"}]}',
        "\xff",
        "[" * 99999,
    ],
)
def test_hostile_attempts_and_claims(sweep, text):
    for name in ("attempts.json", "claim.json"):
        (sweep.cells[2].folder).mkdir(exist_ok=True)
        (sweep.cells[2].folder / name).write_bytes(text.encode("latin-1"))
        os.utime(sweep.cells[2].folder / name, (0, 0))

    everything(sweep)
    assert Attempts.of(sweep.cells[2].folder).seconds >= 0


@pytest.mark.parametrize("claim", ['{"where": "x", "process": "x", "started": "", "token": "", "began": "x"}', "{}"])
def test_a_hostile_claim_that_is_fresh_holds_for_a_while_only(sweep, claim):
    (sweep.cells[2].folder).mkdir()
    (sweep.cells[2].folder / "claim.json").write_text(claim)

    assert sweep.cells[2].state == "running"
    os.utime(sweep.cells[2].folder / "claim.json", (0, 0))
    assert sweep.cells[2].state == "waiting"


def test_a_corrected_beat_makes_other_clips_of_the_same_sweep(cover, tmp_path, song, monkeypatch):
    """Build the sweep, correct a beat, run: the cells are those of the corrected song."""
    monkeypatch.setattr(Sweep, "workshop", lambda self: None)
    own = tmp_path / "song.wav"
    own.write_bytes(song.read_bytes())
    sweep = Sweep(cover, own, BASE, seed=[1], out=tmp_path / "sweep")
    before = sweep.cells[0].name
    Corrections().nudge(12).save(load_audio(own))
    sweep.run(runner := FakeRunner())

    assert runner.made[0].name == sweep.cells[0].name != before


def test_a_picture_that_is_changed_while_it_runs_is_named(cover, song, tmp_path):
    own = tmp_path / "own.png"
    own.write_bytes(cover.read_bytes())
    sweep = Sweep(own, song, BASE, seed=[1], out=tmp_path / "sweep")
    workshop = sweep.workshop()
    own.write_bytes(own.read_bytes() + b"more")
    with pytest.raises(InputError, match=r"own\.png was changed while the sweep ran"):
        workshop.make(sweep.cells[0], SweepProgress().of_cell())
    assert not sweep.cells[0].path.exists()


def test_another_picture_is_told_when_it_is_opened_and_keeps_out(sweep, song, tmp_path):
    other = sample_image(tmp_path / "other.png")
    other.write_bytes(other.read_bytes() + b"another")
    with pytest.raises(InputError, match="holds a sweep of another picture or song"):
        Sweep(other, song, BASE, seed=[1], out=sweep.out).run(FakeRunner())

    values = json.loads((sweep.out / "sweep.json").read_text())
    values["image"] = [str(other)]
    (sweep.out / "sweep.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"other\.png is another file"):
        Sweep.open(sweep.out)


def test_a_sweep_is_no_series(sweep):
    with pytest.raises(InputError, match="holds a sweep, not a series"):
        Series.open(sweep.out)


def test_where_nothing_can_be_noted_it_ends_all_the_same(sweep):
    """A quota, a folder of somebody else's: what fails twice is left, though no file says so."""

    class Broken(FakeRunner):
        def open(self, workshop, progress):
            crew = super().open(workshop, progress)
            from s2v_nb.sweeps.runner import Outcome

            crew.wait = lambda: [Outcome(cell, False, GenerationError("failed.disk", name="x", why="quota"))
                                 for cell in [crew.given.pop() for _ in list(crew.given)]]  # fmt: skip
            return crew

    sweep.run(Broken())
    assert [cell.state for cell in sweep.cells] == ["done", "done", "waiting"]


def test_what_fails_around_a_clip_is_that_cells_failure(sweep, monkeypatch):
    """The other cells go on, and it can be tried again."""

    def broken():
        raise AttributeError("partially initialized module")

    monkeypatch.setattr(workshop_module, "peak_memory", broken)
    cell = sweep.cells[0]
    with pytest.raises(SentenceError, match="partially initialized module"):
        Workshop((), (), sweep.runs).render(cell, SweepProgress().of_cell())
    assert [failure["key"] for failure in cell.attempts.failures] == ["failed.internal"]
    assert owner(cell.folder) is None


def test_stopped_while_a_clip_is_measured_nobody_has_the_next_one(cover, song, tmp_path):
    """The one that was rendered meanwhile is free for the next attempt, though this process lives on."""
    sweep = Sweep(cover, song, BASE, seed=[1, 2], out=tmp_path)
    with LocalRunner().open(sweep.workshop(), SweepProgress()) as crew:
        crew.give(sweep.cells[0])
        crew.wait()

        def interrupted():
            raise KeyboardInterrupt

        measured, crew._measured = crew._measured, interrupted
        crew.give(sweep.cells[1])
        with pytest.raises(KeyboardInterrupt):
            crew.wait()
        crew._measured = measured
    assert [cell.state for cell in sweep.cells] == ["done", "waiting"]
    assert sweep.cells[1].is_rendered


def test_ctrl_c_while_the_song_is_heard_does_not_hear_it_again(cover, song, tmp_path, monkeypatch):
    sweep = Sweep(cover, song, BASE.but(start=None), seed=[1], out=tmp_path)
    asked = []

    def interrupted(*_):
        asked.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_module.Batch, "_best_start", interrupted)
    with pytest.raises(Cancelled, match="0 of 1"):
        sweep.run()
    assert asked == [1]


def test_a_name_that_is_no_unicode(cover, song, tmp_path, monkeypatch):
    monkeypatch.setattr(Sweep, "workshop", lambda self: None)
    odd = os.fsencode(tmp_path) + b"/pic\xff.png"
    with open(odd, "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(cover.read_bytes())
    sweep = Sweep(os.fsdecode(odd), song, BASE, seed=[1], out=tmp_path / "sweep").run(FakeRunner())

    assert Sweep.open(sweep.out).cells == sweep.cells
    assert Series([os.fsdecode(odd)], [song], BASE, out=tmp_path / "series").write_table().exists()


def test_what_was_made_without_a_price_counts_at_todays(sweep):
    """Two hours at 3.6 an hour: over the cap before anything is made."""
    for cell in sweep.cells[:2]:
        values = json.loads((cell.folder / "cell.json").read_text())
        (cell.folder / "cell.json").write_text(json.dumps({**values, "seconds": 3600.0, "money": None}))
    runner = FakeRunner()
    sweep.run(runner, spend_cap=7.0)

    assert runner.made == []
    assert sweep.capped
    assert sweep.rows()[0]["money"] == pytest.approx(3.6)
