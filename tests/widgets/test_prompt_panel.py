"""`PromptPanel` reads the prompt as it is typed; chips add directions and take them out."""

import re

from s2v_nb.widgets import PromptPanel


def text(widget) -> str:
    return re.sub(r"<[^>]+>", " ", widget.value)


def pressed(panel) -> set[str]:
    return {chip["name"] for group in panel._chips.groups for chip in group["chips"] if chip["on"]}


def test_typing_reaches_the_settings_and_unknown_words_are_named(workspace):
    panel = PromptPanel(workspace)

    panel._prompt.value = "slow pan right, purple <b>elephant"

    assert workspace.settings.prompt == "slow pan right, purple <b>elephant"
    assert "pan right" in text(panel._read)
    assert "s2v-warning" in panel._read.value
    assert "<b>elephant" not in panel._read.value
    assert pressed(panel) == {"pan right"}


def test_chips_add_and_take_out(workspace):
    panel = PromptPanel(workspace)

    panel._chips.on_toggle({"name": "glow"}, [])
    panel._chips.on_toggle({"name": "zoom in"}, [])
    assert workspace.settings.prompt == "glow, zoom in"
    assert panel._prompt.value == "glow, zoom in"

    panel._chips.on_toggle({"name": "glow"}, [])
    assert workspace.settings.prompt == "zoom in"
    assert pressed(panel) == {"zoom in"}


def test_a_direction_that_shares_its_part_is_refused_by_no(workspace):
    workspace.change(prompt="subtle glow and rain")
    panel = PromptPanel(workspace)

    panel._chips.on_toggle({"name": "glow"}, [])

    assert pressed(panel) == {"rain"}


def test_what_is_no_direction_changes_nothing(workspace):
    panel = PromptPanel(workspace)

    panel._chips.on_toggle({"name": "<script>"}, [])
    panel._chips._received(panel._chips, {"do": "fly"}, [])

    assert workspace.settings.prompt == ""
    assert workspace.message is not None  # an unknown message is told, not swallowed


def test_chinese_chips_add_chinese_words(workspace):
    panel = PromptPanel(workspace)
    workspace.language = "zh"

    panel._chips.on_toggle({"name": "glow"}, [])

    assert workspace.settings.prompt == "辉光"
    assert panel._chips.groups[0]["label"] == "镜头"
    assert pressed(panel) == {"glow"}


def test_a_prompt_that_is_too_long_becomes_a_sentence(workspace):
    panel = PromptPanel(workspace)

    panel._prompt.value = "glow, " * 500

    assert workspace.message.key == "settings.prompt"
    assert workspace.settings.prompt == ""


def test_plain_shows_no_front_end(workspace):
    panel = PromptPanel(workspace, plain=True)

    panel._prompt.value = "glow"

    assert panel._chips is None
    assert workspace.settings.prompt == "glow"
