"""The whole page: its parts on one workspace, what it says, and what stands in where front ends are missing."""

import importlib
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import s2v_nb
from s2v_nb.errors import InputError
from s2v_nb.jobs import Job, Task
from s2v_nb.widgets import GeneratePanel, ImageUpload, MessageBar, SessionStrip, Studio
from s2v_nb.workspace import Message, Workspace

# the submodule; by its name the package gives the function
page_module = importlib.import_module("s2v_nb.widgets.studio")


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Nothing is heard or made here, so no process is needed."""
    monkeypatch.setattr("s2v_nb.jobs.worker_process.ensure", lambda root: None)


def test_a_page_has_every_panel_on_one_workspace(workspace, cover):
    page = Studio(workspace)
    page.image = cover

    assert {panel.workspace for panel in page.panels.values()} == {workspace}
    assert workspace.image.name == "cover.png"
    assert set(page.panels) == {
        "session", "message", "image", "audio", "prompt", "settings", "generate", "progress", "clip", "history",
        "sweep",
    }  # fmt: skip


def test_studio_is_public_and_takes_what_panels_take(tmp_path, cover):
    page = s2v_nb.studio(tmp_path, image=cover, language="zh")

    assert page.panels["generate"].button.description == "生成"
    assert page.image.name == "cover.png"
    with pytest.raises(TypeError, match="colour"):
        s2v_nb.studio(tmp_path, colour="red")
    page.workspace.close()


def test_heavy_libraries_wait_for_the_worker(tmp_path):
    """The kernel shows the page without torch, librosa, matplotlib or scipy."""
    code = (
        "import sys; from s2v_nb import studio; studio(); "
        "print([m for m in ('torch', 'librosa', 'matplotlib', 'scipy') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_a_page_that_never_answers_gets_plain_widgets_and_keeps_every_choice(workspace, cover):
    page = Studio(workspace, image=cover)
    workspace.change(motion="high")

    page._unanswered()

    assert all(page.panels[name].plain for name in ("image", "audio", "prompt", "clip", "history", "sweep"))
    assert workspace.message.key == "studio.plain"
    assert page.panels["settings"].controls["motion"].value == "high"

    page._presence._received(page._presence, {"do": "here"}, [])  # the page was only opened later
    assert not page.panels["image"].plain
    assert workspace.message is None


def test_titles_stay_when_panels_are_replaced(workspace):
    page = Studio(workspace, language="zh")
    before = [heading.value for heading, _ in page._titles]

    page.use_plain(True)

    assert [heading.value for heading, _ in page._titles] == before
    assert ">图片<" in before[0]


def test_a_busy_kernel_is_no_page_without_front_ends(workspace, monkeypatch):
    """Under Run All the page's answer waits behind the cells."""
    page = Studio(workspace)
    monkeypatch.setattr("s2v_nb.widgets.session_strip._kernel.cell_runs", True)

    page._unanswered()

    assert not page.panels["image"].plain
    assert page._timer.is_alive()
    page._timer.cancel()
    page._timer.join()


def test_a_page_that_answers_stays(workspace):
    page = Studio(workspace)
    first = page.panels["image"]

    page._presence._received(page._presence, {"do": "here"}, [])
    page._unanswered()

    assert page.panels["image"] is first


def test_replaced_panels_watch_no_longer(workspace):
    page = Studio(workspace)
    old = page.panels["generate"]
    page.use_plain(True)
    before = old.expected.value

    workspace.price_per_hour = 3.0

    assert old.expected.value == before
    assert page.panels["generate"].expected.value != before
    assert len(workspace.each_poll) == 1


def test_colab_is_told_to_show_widgets(monkeypatch, tmp_path):
    called = []
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: called.append(True)
    for name, module in {
        "google": types.ModuleType("google"),
        "google.colab": types.ModuleType("c"),
        "google.colab.output": output,
    }.items():
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)

    s2v_nb.studio(tmp_path, plain=True).workspace.close()

    assert called


def test_a_job_that_was_begun_before_is_found(tmp_path):
    first = Workspace(tmp_path)
    task = Task.submit(first.tasks, "clip", image="a", audio="b", settings={}, runs="r")
    task.begin()

    page = s2v_nb.studio(tmp_path)

    assert page.job.task.name == task.name
    assert page.workspace.message.key == "studio.resumed"
    assert page.panels["generate"].button.disabled
    task.end("stopped")
    page.job.refresh()
    assert not page.panels["generate"].button.disabled
    page.workspace.close()
    first.close()


# --- generate


def test_generate_without_picture_or_song_says_what_is_missing(workspace, cover):
    panel = GeneratePanel(workspace)

    panel.button.click()
    assert workspace.message.key == "studio.no_image"

    workspace.use(image=cover)
    panel.button.click()
    assert workspace.message.key == "studio.no_audio"


def test_the_estimate_follows_settings_and_price(workspace):
    panel = GeneratePanel(workspace)
    first = panel.expected.value
    workspace.change(duration=15.0, resolution="720p")
    longer = panel.expected.value
    workspace.price_per_hour = 2.5

    assert len({first, longer, panel.expected.value}) == 3
    assert "at 2.5 an hour" in panel.expected.value
    workspace.language = "zh"
    assert "按每小时 2.5 计费" in panel.expected.value


def test_generate_asks_for_what_is_chosen(workspace, cover, song):
    workspace.use(image=cover, audio=song)
    workspace.change(motion="high", duration=3.0)
    panel = GeneratePanel(workspace)

    panel.button.click()

    asked = workspace.job.task.what
    assert (asked["image"], asked["audio"]) == (str(cover.resolve()), str(song.resolve()))
    assert (asked["settings"]["motion"], asked["settings"]["duration"]) == ("high", 3.0)
    assert panel.button.disabled


# --- messages


def test_one_sentence_with_the_traceback_folded_away(workspace):
    bar = MessageBar(workspace)

    with workspace.reporting():
        raise RuntimeError("<script>alert(1)</script>")

    assert 'role="alert"' in bar.text.value
    assert "<script>" not in bar.text.value
    outside, details = bar.text.value.split("<details>")
    assert "Traceback" not in outside
    assert "Traceback" in details


def test_the_sentence_follows_the_language_and_can_be_dismissed(workspace):
    bar = MessageBar(workspace)
    workspace.report(InputError("studio.no_image"))
    workspace.language = "zh"
    assert "还没有图片" in bar.text.value

    bar._dismiss.click()

    assert workspace.message is None
    assert bar._dismiss.layout.display == "none"


def test_what_a_watcher_raises_is_shown(workspace):
    panel = ImageUpload(workspace)
    panel.watch("price_per_hour", lambda price: 1 / 0)

    workspace.price_per_hour = 1.0

    assert workspace.message.values["why"] == "division by zero"


# --- the session


def test_the_strip_shows_the_machine_and_the_spend(workspace, monkeypatch):
    monkeypatch.setattr("s2v_nb.session.machine_start", lambda: 0.0)
    monkeypatch.setattr("s2v_nb.session.time.time", lambda: 7200.0)
    strip = SessionStrip(workspace)
    strip.look()
    assert "Spent" not in strip.numbers.value

    strip._price.value = 1.5
    strip.look()

    assert workspace.price_per_hour == 1.5
    assert "3.00" in strip.numbers.value
    assert "GPU" in strip.numbers.value


def test_cleaning_says_what_went(workspace):
    strip = SessionStrip(workspace)

    strip._clean()

    assert workspace.message.key == "session.cleaned"
    assert workspace.message.kind == "note"


def test_saving_without_a_clip_says_so(workspace):
    strip = SessionStrip(workspace)

    strip._pack()

    assert workspace.message.key == "session.nothing"
    assert not strip._save.disabled


def test_everything_goes_into_one_zip(clip, tmp_path):
    import zipfile

    workspace = Workspace(tmp_path, runs=clip.path.parent.parent)
    strip = SessionStrip(workspace)

    strip._pack()

    (path,) = (tmp_path / "exports").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        name = clip.path.parent.name
        assert archive.read(f"{name}/clip.mp4") == clip.path.read_bytes()
        assert f"{name}/spec.json" in archive.namelist()
    assert workspace.message.values["count"] >= 1
    workspace.close()


def test_the_idle_stop_is_off_warns_and_can_be_cancelled(workspace, tmp_path):
    now = [0.0]
    strip = SessionStrip(workspace)
    strip._tick()
    assert strip.guard.state == "off"

    strip.command.value = f"touch {tmp_path / 'stopped'}"
    strip.minutes.value = 1
    strip.idle.value = True
    assert strip.guard.state == "watching"
    strip.guard._clock = lambda: now[0]
    strip.guard._restart()
    for _ in range(31):
        now[0] += 1
        strip._tick()

    assert strip.guard.state == "warning"
    assert "touch" in strip.warning.value
    assert strip._alarm.layout.display == ""
    strip.stay.click()
    assert strip.guard.state == "watching"

    for _ in range(70):
        now[0] += 1
        strip._tick()
    assert strip.guard.state == "fired"
    assert (tmp_path / "stopped").exists()


def test_an_idle_stop_without_a_command_is_refused(workspace):
    strip = SessionStrip(workspace)
    strip.command.value = ""

    strip.idle.value = True

    assert workspace.message.key == "idle.empty"
    assert not strip.idle.value
    assert strip.guard.state == "off"


def test_one_guard_for_all_pages_and_a_hand_on_any_of_them_counts(workspace, tmp_path):
    other = Workspace(tmp_path / "other")
    one, two = SessionStrip(workspace), SessionStrip(other)
    one.command.value, one.idle.value = "true", True
    assert two.guard is one.guard
    now = [0.0]
    one.guard._clock = lambda: now[0]
    one.guard._restart()

    for _ in range(40):
        now[0] += 60
        with other.reporting():  # what a click does
            pass
        one._tick()
        two._tick()

    assert one.guard.state == "watching"
    one.idle.value = False
    other.close()


def test_an_upload_keeps_the_machine(workspace):
    assert not workspace.busy
    workspace.transfers = {"song.wav": (10, 100)}

    assert workspace.busy


def test_a_second_studio_shows_the_same_workspace(tmp_path):
    first = s2v_nb.studio(tmp_path, language="zh")
    again = s2v_nb.studio(tmp_path)

    assert again.workspace is first.workspace
    assert again.panels["generate"].button.description == "生成"
    first.workspace.close()
    fresh = s2v_nb.studio(tmp_path)
    assert fresh.workspace is not first.workspace
    fresh.workspace.close()


def test_pages_replaced_long_ago_are_given_up(tmp_path, cover):
    pages = [s2v_nb.studio(tmp_path) for _ in range(page_module.MOST_PAGES + 1)]
    workspace = pages[0].workspace

    assert pages[0].comm is None  # closed
    assert pages[1].comm is not None or pages[1]._model_id is not None
    assert len(workspace.each_poll) == page_module.MOST_PAGES
    workspace.use(image=cover)
    assert workspace.message is None
    workspace.close()


def test_a_job_that_failed_while_nobody_was_there_is_told(tmp_path):
    first = Workspace(tmp_path)
    task = Task.submit(first.tasks, "clip", image="a", audio="b", settings={}, runs="r")
    task.fail(InputError("studio.no_audio"), "")

    page = s2v_nb.studio(tmp_path)
    page.workspace.poll()

    assert page.job.state == "failed"
    assert page.workspace.message.key == "studio.no_audio"
    page.workspace.close()
    first.close()


def test_a_second_click_does_not_make_a_second_job(workspace, cover, song):
    workspace.use(image=cover, audio=song)

    assert workspace.generate() is workspace.generate()


def test_a_file_replaced_under_its_name_is_taken_as_it_is_now(workspace, cover, song, tmp_path):
    import shutil

    mine = Path(shutil.copy(cover, tmp_path / "mine.png"))
    workspace.use(image=mine, audio=song)
    before = workspace.image.sha256
    mine.write_bytes(cover.read_bytes() + b"\0")  # another file, the same picture

    workspace.generate()

    assert workspace.image.sha256 != before


def test_a_song_that_was_computed_becomes_a_file(workspace):
    from s2v_nb.media.audio import audio_from_array

    workspace.use(audio=audio_from_array(np.zeros(44_100 * 4, np.float32), 44_100))

    assert workspace.audio.path.is_file()
    assert workspace.audio.song_duration == 4.0


def test_errors_reach_the_log(workspace, monkeypatch, tmp_path):
    import logging

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = logging.getLogger("s2v_nb")
    monkeypatch.setattr(root, "handlers", [])
    with Workspace(tmp_path).reporting():
        raise RuntimeError("deep inside")

    assert "deep inside" in (tmp_path / "cache" / "s2v_nb" / "s2v-nb.log").read_text()
    for handler in root.handlers:
        handler.close()


def test_a_folder_that_takes_nothing_is_a_sentence_about_the_disk(workspace):
    with workspace.reporting():
        raise PermissionError(13, "Permission denied", "/somewhere")

    assert workspace.message.key == "failed.disk"


def test_work_keeps_the_machine(workspace):
    now = [0.0]
    strip = SessionStrip(workspace)
    strip.command.value, strip.idle.value = "true", True
    strip.guard._clock = lambda: now[0]
    strip.guard._restart()
    workspace.job = Job(Task.submit(workspace.tasks, "clip"))

    for _ in range(3600):
        now[0] += 1
        strip._tick()

    assert strip.guard.state == "watching"


def test_the_language_switch_turns_the_whole_page(workspace):
    page = Studio(workspace)

    page.panels["session"].tongue.value = "zh"

    assert workspace.language == "zh"
    assert page.panels["generate"].button.description == "生成"
    assert page.panels["session"].tongue.value == "zh"


def test_a_message_may_come_from_another_thread(workspace):
    import threading

    bar = MessageBar(workspace)
    thread = threading.Thread(target=lambda: setattr(workspace, "message", Message("studio.no_audio")))
    thread.start()
    thread.join()

    assert "no song yet" in bar.text.value


def test_the_style_sheet_and_every_script_are_in_the_package():
    static = Path(s2v_nb.__file__).parent / "widgets" / "static"
    scripts = {path.stem for path in static.glob("*.js")}

    assert scripts - {"cards"} == {path.stem for path in static.glob("*.css")} - {"studio"}
    for script in static.glob("*.js"):
        text = script.read_text()
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
        assert "eval(" not in text


def test_a_panel_on_its_own_says_what_went_wrong(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel = GeneratePanel(language="en")

    panel.button.click()

    (bar,) = (child for child in panel.children if isinstance(child, MessageBar))
    assert "There is no picture yet" in bar.text.value
    panel.workspace.close()
