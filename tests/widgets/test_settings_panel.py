"""`SettingsPanel` shows every choice of `Settings`, and follows and leads the workspace."""

import html
import math
import re

import pytest

from s2v_nb.engines import EngineCard, Notice, engine_cards
from s2v_nb.settings import CONTROLS, PRESETS, Settings
from s2v_nb.widgets import SettingsPanel


def text(widget) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", widget.value))


def test_every_control_is_there_with_its_help_and_bounds(workspace):
    panel = SettingsPanel(workspace)

    assert {*panel.controls, "start"} == set(CONTROLS)
    for name, rule in CONTROLS.items():
        assert rule.help[0] in text(panel._headings[name])
    assert "3 to 15 s" in text(panel._headings["duration"])
    assert (panel.controls["duration"].min, panel.controls["duration"].max) == (3.0, 15.0)


def test_panel_and_settings_follow_each_other(workspace):
    one, other = SettingsPanel(workspace), SettingsPanel(workspace)

    one.controls["motion"].value = "high"
    one.controls["duration"].value = 5.5
    workspace.change(seed=7, aspect="9:16")

    assert (workspace.settings.motion, workspace.settings.duration) == ("high", 5.5)
    assert (other.controls["motion"].value, other.controls["duration"].value) == ("high", 5.5)
    assert (one.controls["seed"].value, one.controls["aspect"].value) == (7, "9:16")


def test_start_is_the_best_excerpt_until_a_number_is_chosen(workspace):
    panel = SettingsPanel(workspace)
    assert panel._best.value
    assert panel._start.disabled

    panel._best.value = False
    panel._start.value = 12.5
    assert workspace.settings.start == 12.5

    panel._best.value = True
    assert workspace.settings.start is None
    assert panel._start.disabled


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_changes_what_it_names_and_nothing_else(workspace, name):
    workspace.change(prompt="glow", seed=3, motion="low", duration=11.0)
    panel = SettingsPanel(workspace)
    before = workspace.settings

    panel.presets[name].click()

    assert workspace.settings == before.but(**PRESETS[name])
    assert panel.presets[name].button_style == "info"


def test_another_seed(workspace, monkeypatch):
    monkeypatch.setattr("random.randrange", lambda top: 4321)
    panel = SettingsPanel(workspace)
    dice = next(b for b in panel._labels if b[2] == "studio.dice")[0]

    dice.click()

    assert workspace.settings.seed == 4321


def test_the_language_switch_reaches_labels_options_and_help(workspace):
    workspace.change(motion="high")
    panel = SettingsPanel(workspace)
    workspace.language = "zh"

    assert "运动强度" in text(panel._headings["motion"])
    assert ("高", "high") in panel.controls["motion"].options
    assert panel.controls["motion"].value == "high"
    assert workspace.settings == Settings(motion="high")
    assert panel.presets["quick"].description == "快速预览"


def test_an_engine_that_cannot_run_is_listed_with_the_reason_and_cannot_be_chosen(workspace, monkeypatch):
    cards = [
        EngineCard("preview", ("runs anywhere", "随处可用"), None),
        EngineCard("heavy", ("for singers", "适合歌手"), Notice("studio.no_image", {})),
    ]
    monkeypatch.setattr("s2v_nb.widgets.settings_panel.engine_cards", lambda: cards)
    panel = SettingsPanel(workspace)

    assert [value for _, value in panel._engine.options] == ["auto", "preview"]
    assert "s2v-refused" in panel._about.value
    assert "for singers" in panel._about.value

    panel._engine.value = "preview"
    assert workspace.settings.engine == "preview"


@pytest.mark.parametrize("engine", ["wan-ti2v-5b", "wan-s2v-14b"])
def test_an_engine_on_a_model_is_listed_and_says_what_the_sliders_do_once_it_is_chosen(workspace, monkeypatch, engine):
    monkeypatch.setenv("S2V_NB_DEVICE", "cpu")
    panel = SettingsPanel(workspace)
    controls = next(card.controls for card in engine_cards() if card.name == engine)
    assert engine in [value for _, value in panel._engine.options]
    assert engine in text(panel._about)
    assert controls[0] not in text(panel._about)

    panel._engine.value = engine

    assert workspace.settings.engine == engine
    assert controls[0] in text(panel._about)
    workspace.language = "zh"
    assert controls[1] in text(panel._about)


def test_what_auto_may_take_can_be_limited_where_there_is_a_choice(workspace, monkeypatch, tmp_path):
    monkeypatch.setenv("S2V_NB_DEVICE", "cpu")
    monkeypatch.setattr("s2v_nb.engines.wan.base.located", lambda model: {"transformer": tmp_path})
    workspace.change(seed=5)  # told before this machine was one that can
    panel, other = SettingsPanel(workspace), SettingsPanel(workspace)
    assert panel._limits.layout.display == ""
    assert panel._money.layout.display == "none"  # an hour has no price
    assert "auto is wan-ti2v-5b now." in text(panel._now)

    panel._minutes.value = 0.5
    assert workspace.limits.seconds == 30.0
    assert other._minutes.value == 0.5
    assert "auto is preview now; wan-ti2v-5b would take" in text(other._now)
    assert "more than your limit of 0.5" in text(other._now)

    panel._minutes.value = 0.0
    workspace.price_per_hour = 4.0
    panel._money.value = 0.5
    assert (workspace.limits.seconds, workspace.limits.money) == (math.inf, 0.5)
    assert other._money.layout.display == ""
    assert "would cost" in text(other._now)
    workspace.language = "zh"
    assert "自动选择当前为 preview：" in text(panel._now)
    assert "花费" in text(panel._now)

    workspace.change(engine="preview")
    assert panel._limits.layout.display == "none"


def test_limits_are_hidden_where_only_the_preview_runs(workspace, monkeypatch):
    monkeypatch.setattr("s2v_nb.widgets.settings_panel.engine_cards", lambda: engine_cards()[:1])

    assert SettingsPanel(workspace)._limits.layout.display == "none"


def test_a_value_out_of_bounds_from_python_is_refused_and_nothing_changes(workspace):
    panel = SettingsPanel(workspace)

    with pytest.raises(ValueError, match="duration=99"):
        workspace.change(duration=99)

    assert panel.controls["duration"].value == 8.0
