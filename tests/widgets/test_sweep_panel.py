"""`SweepPanel` edits the plan, shows each cell as its folder has it, and does with one what a person asks."""

import io
import json
import shutil
import time

import PIL.Image
import pytest

from s2v_nb.errors import InputError
from s2v_nb.jobs import Job, Task
from s2v_nb.jobs.sweep_job import SweepJob
from s2v_nb.jobs.sweep_plan import SweepPlan
from s2v_nb.jobs.tasks import tasks_in
from s2v_nb.sweeps.claim import claiming
from s2v_nb.widgets import Studio, SweepPanel
from s2v_nb.workspace import Workspace
from tests.widgets.runs import from_browser, outbox
from tests.widgets.sweeps import NAME, fail, finish, scores, submit_sweep, write_sweep


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Nothing is heard or made here, so no process is needed."""
    monkeypatch.setattr("s2v_nb.jobs.worker_process.ensure", lambda root: None)


@pytest.fixture
def cells(workspace, cover, song, clip):
    """Low and high motion, each with weights 0.5 and 1: two are done, one has failed, one waits."""
    made = write_sweep(workspace, cover, song)
    finish(made[0], clip, scores("in time", 0.93))
    finish(made[1], clip, scores("no link to the beat", 0.41))
    fail(made[2], "<b>disk</b>")
    workspace.resume()
    return made


@pytest.fixture
def sources(workspace, cover, song):
    workspace.use(image=cover, audio=song)
    return cover, song


def asked(workspace, kind) -> list[dict]:
    return [task.what for task in tasks_in(workspace.tasks) if task.kind == kind]


# --- the plan


def test_a_plan_is_in_order_and_names_what_is_asked():
    plan = SweepPlan(motion=("high", "off"), low=0.5, high=1.5, count=5)

    assert plan.motion == ("off", "high")
    assert plan.weights == (0.5, 0.75, 1.0, 1.25, 1.5)
    assert SweepPlan(low=0.6, high=1.0, count=1).weights == (0.8,)
    assert SweepPlan(low=0.7, high=0.7, count=7).weights == (0.7,)


@pytest.mark.parametrize(
    "choices",
    [{"motion": ("wild",)}, {"low": 0.4}, {"high": 2.0}, {"low": 1.2, "high": 0.8}, {"count": 8}, {"count": 0}],
)
def test_a_plan_out_of_bounds_is_refused(workspace, choices):
    before = workspace.sweep_plan

    with pytest.raises(InputError):
        workspace.plan_sweep(**choices)
    assert workspace.sweep_plan is before


def test_form_and_plan_follow_each_other(workspace):
    one, other = SweepPanel(workspace).form, SweepPanel(workspace, plain=True).form

    one.motions["low"].value = False
    one.motions["off"].value = True
    one.range.value = (0.8, 1.2)
    one.count.value = 2
    one.quality.value = False

    assert workspace.sweep_plan == SweepPlan(motion=("off", "medium", "high"), low=0.8, high=1.2, count=2, draft=False)
    assert [motion for motion, box in other.motions.items() if box.value] == ["off", "medium", "high"]
    assert (other.range.value, other.count.value, other.quality.value) == ((0.8, 1.2), 2, False)
    assert "0.8, 1.2" in "".join(heading.value for heading, _ in other._headings)


def test_what_it_takes_is_told_before_the_click_and_follows_every_choice(workspace):
    form = SweepPanel(workspace).form
    told = [form.expected.value]
    for change in (lambda: workspace.plan_sweep(count=7), lambda: workspace.plan_sweep(draft=False),
                   lambda: workspace.change(resolution="480p"), lambda: workspace.use(price_per_hour=2.5)):  # fmt: skip
        change()
        told.append(form.expected.value)

    assert len(set(told)) == 5
    assert "9 of 9 clips to be made: about" in told[0]
    assert "21 of 21 clips to be made: about" in told[1]
    assert "MB of disk" in told[0]
    assert "costs" not in told[3]
    assert "at 2.5 an hour" in told[4]


def test_a_cap_is_asked_for_only_where_there_is_a_price(workspace):
    form = SweepPanel(workspace).form
    assert form._cap_block.layout.display == "none"

    workspace.price_per_hour = 2.0
    form.cap.value = 1.5

    assert form._cap_block.layout.display == ""
    assert workspace.sweep_plan.spend_cap == 1.5


def test_a_disk_too_small_is_said_before_and_refused(workspace, sources, monkeypatch):
    panel = SweepPanel(workspace)
    monkeypatch.setattr("s2v_nb.sweeps.expected.disk", lambda path: type("Disk", (), {"free": 10**6}))

    workspace.plan_sweep(count=4)
    assert "1 MiB are free; free some" in panel.form.expected.value
    panel.start.click()

    assert workspace.message.key == "sweep.disk"
    assert asked(workspace, "sweep") == []


# --- start and stop


def test_what_is_missing_is_said(workspace, cover, song):
    panel = SweepPanel(workspace)
    for change, key in (({}, "studio.no_image"), ({"image": cover}, "studio.no_audio")):
        workspace.use(**change)
        panel.start.click()
        assert workspace.message.key == key
    workspace.use(audio=song)
    for box in panel.form.motions.values():
        box.value = False
    assert "tick one" in panel.form.expected.value

    panel.start.click()

    assert workspace.message.key == "studio.sweep.no_motion"
    assert workspace.sweep is None


def test_start_asks_for_what_is_planned(workspace, sources):
    workspace.use(price_per_hour=2.0)
    workspace.change(prompt="rain", seed=7, resolution="720p")
    panel = SweepPanel(workspace)
    panel.form.cap.value = 0.5
    assert panel.drawer.layout.display == "none"  # who does not want it is not bothered

    panel.start.click()
    panel.start.click()  # a double click

    (what,) = asked(workspace, "sweep")
    assert what["axes"] == {"motion": ["low", "medium", "high"], "prompt_weight": [0.5, 1.0, 1.5]}
    settings = what["settings"]
    assert [settings[name] for name in ("prompt", "seed", "resolution", "duration")] == ["rain", 7, "480p", 4.0]
    assert (what["price_per_hour"], what["spend_cap"], what["runs"]) == (2.0, 0.5, str(workspace.runs))
    assert [card["line"] for card in panel.grid.cards] == 9 * ["waiting"]  # at once, before the song is heard
    assert (panel.start.disabled, panel.stop.disabled, panel.drawer.layout.display) == (True, False, "")


def test_in_the_quality_that_is_set_all_settings_stay(workspace, sources):
    workspace.change(duration=11.0, resolution="720p")
    workspace.plan_sweep(draft=False)

    workspace.start_sweep()

    (what,) = asked(workspace, "sweep")
    assert (what["settings"]["duration"], what["settings"]["resolution"]) == (11.0, "720p")


def test_stop_is_seen_at_once_and_what_is_missing_can_be_made_later(workspace, cells, cover, song):
    task = submit_sweep(workspace, cover, song)
    workspace.sweep = SweepJob(workspace.sweeps / NAME, task)
    panel = SweepPanel(workspace)
    task.begin()
    (task.folder / "progress.json").write_text(json.dumps({"remaining": 65.0, "spent": 0.0}))
    workspace.sweep.refresh()
    assert "running: 2 of 4 clips, 1 failed" in panel.line.value
    assert "01:05 left" in panel.left.value
    assert 'aria-valuenow="50"' in panel.left.value

    panel.stop.click()
    assert (panel.stop.disabled, panel.stop.description) == (True, "stopping ...")
    assert task.stopping
    task.end("stopped")
    workspace.poll()

    assert "stopped: 2 of 4 clips are there, 1 failed" in panel.line.value
    assert [card["line"] for card in panel.grid.cards][3] == "not made"
    panel.go_on.click()
    assert asked(workspace, "sweep")[-1]["axes"] == {"motion": ["low", "high"], "prompt_weight": [0.5, 1.0]}
    assert workspace.sweep.folder.name == NAME
    assert not workspace.sweep.finished


@pytest.mark.parametrize(
    ("told", "result", "said"),
    [
        ({}, {}, "hearing the song"),
        ({"spent": 0.0, "paused": True}, {}, "a single clip goes first: 2 of 4"),
        ({"spent": 0.0}, {"state": "done", "capped": True}, "stopped at the spend cap: 2 of 4"),
        ({}, {"state": "failed", "key": "failed.died", "values": {"count": 2}, "details": "<i>"}, "ended 2 times"),
    ],
)
def test_how_it_stands_is_said_in_words(workspace, cells, cover, song, told, result, said):
    task = submit_sweep(workspace, cover, song)
    task.begin()
    (task.folder / "progress.json").write_text(json.dumps(told))
    if result:
        task.end(**result)
    workspace.sweep = SweepJob(workspace.sweeps / NAME, task)

    line = SweepPanel(workspace).line.value

    assert said in line
    assert "<i>" not in line
    workspace.poll()
    assert (workspace.message is not None) == (result.get("state") == "failed")


# --- the grid


def test_every_cell_says_how_it_stands(workspace, cells, clip):
    panel = SweepPanel(workspace)
    done, unlinked, failed, waiting = panel.grid.cards

    assert (panel.grid.rows, panel.grid.columns) == (["low", "high"], ["0.5", "1"])
    assert (done["state"], done["line"], done["rank"]) == ("done", "in time, R 0.93", "best")
    assert "8 of 8 moments meet a beat" in done["why"]
    assert (unlinked["line"], unlinked["rank"]) == ("no link to the beat, R 0.41", "")
    assert failed["line"].startswith("failed: Writing the video failed (<b>disk</b>)")
    assert (waiting["state"], waiting["line"]) == ("waiting", "not made")
    assert done["poster"]
    assert not waiting["poster"]
    assert waiting["about"] == "Motion high, prompt weight 1"
    assert "720p, 30 fps, 4 s" in done["tip"]
    assert len(str(panel.grid.cards)) < 3000  # traits hold no pictures


def test_a_cell_is_followed_while_it_is_made(workspace, cells, clip, cover, song):
    workspace.sweep = SweepJob(workspace.sweeps / NAME, submit_sweep(workspace, cover, song))
    panel, cell = SweepPanel(workspace), cells[3]
    seen = []

    def look():
        """Until something changed: a refresh does nothing while the workspace's own thread is at one."""
        end = time.monotonic() + 5
        while (line := panel.grid.cards[3]["line"]) in seen[-1:] and time.monotonic() < end:
            workspace.sweep.refresh()
            time.sleep(0.02)
        seen.append(line)

    workspace.sweep.refresh()
    look()
    with claiming(cell.folder):
        (cell.folder / "parts").mkdir()
        stages = {"frames": {"done": 42, "total": 100}}
        (cell.folder / "progress.json").write_text(json.dumps({"stages": stages}))
        look()
        shutil.copy(clip.path, cell.path)
        look()
        finish(cell, clip, {"verdict": "not enough evidence", "headline": None, "scores": {}})
    look()

    assert seen == ["waiting", "making: 42 %", "measuring", "nothing moves"]
    assert "3 of 4" in panel.fold.description


def test_thumbnails_are_sent_when_asked_for(workspace, cells):
    grid = SweepPanel(workspace).grid
    sent = outbox(grid)

    from_browser(grid, do="poster", id="0", poster=grid.cards[0]["poster"])
    from_browser(grid, do="poster", id="3", poster="")
    from_browser(grid, do="poster", id="../..", poster="x")

    ((content, (picture,)),) = sent
    assert content["id"] == "0"
    assert PIL.Image.open(io.BytesIO(picture)).format == "JPEG"


def test_a_cell_that_is_chosen_is_shown_and_its_plots_are_drawn(workspace, cells):
    panel, other = SweepPanel(workspace), SweepPanel(workspace, plain=True)

    from_browser(panel.grid, do="act", what="show", id="0")
    from_browser(panel.grid, do="act", what="show", id="0")

    assert workspace.shown.path == cells[0].path
    assert workspace.shown.scores["verdict"] == "in time"  # as the sweep measured it
    assert panel.grid.current == other.grid.current == "0"
    assert [what["clip"] for what in asked(workspace, "measure")] == [str(cells[0].path)]


@pytest.mark.parametrize(
    ("name", "key"), [("2", "failed.encoder"), ("3", "studio.sweep.gone"), ("9", "studio.sweep.gone")]
)
def test_a_cell_that_is_not_there_says_why(workspace, cells, name, key):
    panel = SweepPanel(workspace)

    from_browser(panel.grid, do="act", what="show", id=name)

    assert workspace.message.key == key
    assert workspace.shown is None


def test_one_click_makes_a_cell_in_full_quality(workspace, cells, sources):
    panel = SweepPanel(workspace)

    from_browser(panel.grid, do="act", what="final", id="1")

    assert workspace.settings == cells[1].final()
    settings = workspace.settings
    assert (settings.resolution, settings.fps, settings.motion, settings.start) == ("720p", 30, "low", 2.0)
    (what,) = asked(workspace, "clip")
    assert what["settings"]["prompt_weight"] == 1.0
    assert panel.grid.busy
    from_browser(panel.grid, do="act", what="final", id="0")
    assert workspace.message.key == "studio.sweep.busy"
    assert workspace.settings == cells[1].final()  # nothing changed

    workspace.job.task.end("stopped")
    workspace.job.refresh()
    assert not panel.grid.busy


def test_in_a_new_kernel_the_sweep_brings_its_picture_and_song(workspace, cells, cover):
    assert workspace.image is None

    workspace.make_final(cells[0])

    assert (workspace.image.name, workspace.audio.name) == ("cover.png", "song.wav")
    assert workspace.settings == cells[0].final()
    assert len(asked(workspace, "clip")) == 1


def test_another_picture_is_never_taken_for_the_one_that_was_swept(workspace, cells, tmp_path):
    PIL.Image.new("RGB", (640, 480), "teal").save(tmp_path / "other.png")
    workspace.use(image=tmp_path / "other.png")
    before = workspace.settings

    SweepPanel(workspace).grid.on_act({"what": "final", "id": "0"}, [])

    assert workspace.message.key == "studio.other_source"
    assert workspace.settings == before
    assert workspace.job is None


def test_a_clip_that_was_deleted_leaves_its_cell_unmade(workspace, cells):
    from s2v_nb.jobs.history import forget, made_of

    panel = SweepPanel(workspace)
    (cells[2].folder / "attempts.json").touch()
    forget(made_of(cells[0].path))
    workspace.look_at_folder()

    assert panel.grid.cards[0]["line"] == "not made"
    assert not cells[0].folder.exists()


def test_the_plain_grid_does_the_same(workspace, cells, sources):
    panel = SweepPanel(workspace, plain=True)
    grid = panel.grid
    done, _, failed, waiting = grid.cells.values()

    assert done.show.description == "best: in time, R 0.93"
    assert failed.show.description.startswith("failed: Writing")
    assert (done.show.disabled, failed.show.disabled, waiting.show.disabled) == (False, False, True)
    assert (done.final.layout.display, waiting.final.layout.display) == ("", "none")
    assert len(grid.grid.children) == (1 + 2) * (1 + 2)

    done.show.click()
    assert workspace.shown.path == cells[0].path
    assert done.show.button_style == "info"
    failed.show.click()
    assert workspace.message.key == "failed.encoder"
    done.final.click()
    assert workspace.settings == cells[0].final()
    assert done.final.disabled


@pytest.mark.parametrize("plain", [False, True])
def test_the_language_can_be_switched(workspace, cells, plain):
    panel = SweepPanel(workspace, plain=plain)

    workspace.language = "zh"

    assert panel.start.description == "开始扫描"
    assert panel.form.motions["low"].description == "低"
    assert panel.form.quality.options[0][0] == "草稿"
    assert "扫描" in panel.fold.description
    if plain:
        assert panel.grid.cells["0"].show.description == "最佳: 与节拍同步, R 0.93"
    else:
        assert panel.grid.rows == ["低", "高"]
        assert panel.grid.words["final"] == "以成片质量生成这一个"
        assert panel.grid.cards[2]["line"].startswith("失败：")


# --- across kernels


def test_the_last_sweep_is_found_and_shown(workspace, cells, tmp_path):
    fresh = Workspace(tmp_path, language="en")
    fresh.resume()
    panel = SweepPanel(fresh)

    assert [card["state"] for card in panel.grid.cards] == ["done", "done", "failed", "waiting"]
    assert panel.fold.value
    assert "stopped: 2 of 4" in panel.line.value
    assert fresh.message is None
    fresh.close()


def test_an_unfinished_sweep_goes_on_and_is_told(workspace, cells, cover, song, tmp_path):
    import s2v_nb

    task = submit_sweep(workspace, cover, song)
    task.begin()

    page = s2v_nb.studio(tmp_path, language="en")

    assert page.workspace.sweep.task.name == task.name
    assert page.workspace.message.key == "studio.sweep.resumed"
    assert page.panels["sweep"].start.disabled
    task.end("done", capped=False)
    page.workspace.poll()
    assert not page.panels["sweep"].start.disabled
    page.workspace.close()


def test_of_a_sweep_begun_before_only_the_rest_is_expected(workspace, cells, sources):
    form = SweepPanel(workspace).form
    workspace.sweep_plan = SweepPlan(motion=("low", "high"), high=1.0, count=2)
    shutil.move(workspace.sweeps / NAME, workspace.sweeps / workspace._sweep_name())
    workspace.plan_sweep(spend_cap=1.0)

    assert "2 of 4 clips to be made: about" in form.expected.value
    assert "from clips made here" in form.expected.value


@pytest.mark.parametrize("text", ["", "{", "[]", '{"s2v_nb_cells": 1, "what": 5, "cells": 7}',
                                  '{"s2v_nb_cells": 1, "what": {"axes": [1]}, "cells": [{"run": "../../a"}]}',
                                  '{"s2v_nb_cells": 1, "what": {"axes": {"motion": ["low"]}}, "cells": [5]}',
                                  '{"s2v_nb_cells": 1, "what": {"settings": {}, "axes": {"motion": [{}]}}}',
                                  '{"s2v_nb_cells": 1, "what": {"settings": {}, "axes": {"motion": ["low"]}}}',
                                  '{"what": {"settings": {}, "axes": {"motion": ["low"], "prompt_weight": ["x"]}}}',
                                  ])  # fmt: skip
def test_hostile_files_are_no_cells(workspace, text):
    folder = workspace.sweeps / "a"
    folder.mkdir(parents=True)
    (folder / "cells.json").write_text(text)

    workspace.resume()

    assert SweepPanel(workspace).grid.cards == []
    assert workspace.message is None


def test_replaced_panels_watch_no_longer(workspace, cells):
    page = Studio(workspace)
    old = page.panels["sweep"]
    page.use_plain(True)
    before = old.form.expected.value, old.line.value

    workspace.plan_sweep(count=7)
    workspace.job = Job(Task.submit(workspace.tasks, "clip"))
    workspace.sweep.cells = ()

    assert (old.form.expected.value, old.line.value) == before
    assert page.panels["sweep"].grid.busy
