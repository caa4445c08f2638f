"""The table of models holds together, and nothing in it can bring a pickle file."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from s2v_nb.errors import InputError
from s2v_nb.models.catalog import MODELS, ROLES, Component, get_model
from s2v_nb.models.transfer import size_text

PAGE = Path(__file__).resolve().parents[2] / "docs/models.md"
COMPONENTS = [component for model in MODELS.values() for component in model.components.values()]
PICKLES = ("x.bin", "x.pth", "x.pt", "x.ckpt", "x.pkl", "x.msgpack", "x.h5", "x.py")


def test_models_are_known_by_their_keys():
    assert list(MODELS) == [model.key for model in MODELS.values()]
    assert get_model("wan-s2v-14b").components["audio_encoder"].repository == "Wan-AI/Wan2.2-S2V-14B"


def test_an_unknown_model_is_answered_with_those_that_there_are():
    with pytest.raises(InputError, match=r"'wan' is not one of .*wan-ti2v-5b-fast"):
        get_model("wan")


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_a_model_has_all_that_makes_a_clip(model):
    assert set(model.components) <= set(ROLES)
    assert {"transformer", "text_encoder", "tokenizer", "vae"} <= set(model.components)
    assert {"steps", "guidance", "shift", "fps", "frames"} <= set(model.defaults)
    assert all(model.about)
    assert model.bytes == sum(component.bytes for component in model.components.values())


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.key)
def test_a_component_is_pinned_and_brings_no_pickle(component):
    """Every file that may come lies in the component's folder and is JSON, safetensors, GGUF or a vocabulary."""
    assert re.fullmatch(r"[0-9a-f]{40}|", component.revision)
    assert component.bytes > 0
    assert component.licence
    prefix = f"{component.folder}/" if component.folder else ""
    for pattern in component.files:
        assert pattern.startswith(prefix)
        assert pattern.endswith((".json", ".safetensors", ".gguf", "spiece.model"))
        assert not any(fnmatchcase(prefix + name, pattern) for name in PICKLES)


def test_one_key_is_one_component():
    """What two models share is stored once: the same key never means two things, and no two keys the same files."""
    by_key: dict[str, Component] = {}
    for component in COMPONENTS:
        assert by_key.setdefault(component.key, component) == component
    places = [(c.repository, c.folder, c.files) for c in by_key.values()]
    assert len(set(places)) == len(places)


def test_all_models_read_texts_with_the_same_network():
    assert len({model.components["text_encoder"].key for model in MODELS.values()}) == 1
    assert len({model.components["tokenizer"].key for model in MODELS.values()}) == 1


def test_the_distilled_model_names_its_own_steps():
    fast = get_model("wan-ti2v-5b-fast").defaults

    assert len(fast["timesteps"]) == fast["steps"] == 3
    assert list(fast["timesteps"]) == sorted(fast["timesteps"], reverse=True)


def test_the_page_lists_every_model_with_its_size_and_every_component():
    """docs/models.md is held to the table."""
    page = PAGE.read_text(encoding="utf-8")

    for model in MODELS.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{model.key}` | "))
        assert row.endswith(f"| {size_text(model.bytes)} | {model.defaults['steps']} |")
    for component in COMPONENTS:
        assert f"`{component.key}`" in page
        assert component.repository in page
