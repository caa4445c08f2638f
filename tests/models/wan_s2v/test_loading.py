"""Weights in every public layout, and what is said of those that cannot be opened."""

import ctypes
import json
import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from s2v_nb.models import reading
from s2v_nb.models.wan_s2v import loading
from s2v_nb.models.wan_s2v.checkpoint import UnknownLayout, our_config, our_names
from s2v_nb.models.wan_s2v.loading import CheckpointError, load_transformer
from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel
from tests.models.wan_s2v import names
from tests.models.wan_s2v.golden import SHARED, official_folder
from tests.models.wan_s2v.tiny import OFFICIAL_SIZES, SIZES, distance, inputs, predict, tiny_transformer

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here")


@pytest.fixture(scope="module")
def tiny() -> WanS2VTransformer3DModel:
    return tiny_transformer()


@pytest.fixture(scope="module")
def weights(tiny) -> dict[str, torch.Tensor]:
    return tiny.state_dict()


@pytest.fixture
def folder(tmp_path, weights) -> Path:
    """The official layout: three shards, an index, config.json."""
    return official_folder(tmp_path / "official", names.under(names.official, weights), OFFICIAL_SIZES)


def single_file(path: Path, weights: dict[str, torch.Tensor], config: dict | None = OFFICIAL_SIZES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    if config is not None:
        (path.parent / "config.json").write_text(json.dumps(config))
    return path


def assert_equal(model: WanS2VTransformer3DModel, weights: dict[str, torch.Tensor]) -> None:
    loaded = model.state_dict()
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)


# All names and shapes of the published network.


def full_names(entry: dict, spelling: str) -> list[tuple[str, str]]:
    """(official, other) for every block or injector of one line of key_map.json."""
    pair = (entry["official"], entry.get(spelling, entry["diffusers"]))
    numbers = range(40) if "{i}" in pair[0] else range(12)
    return [tuple(name.replace("{i}", str(n)).replace("{j}", str(n)) for name in pair) for n in numbers]


@pytest.fixture(scope="module")
def published() -> dict[str, tuple[int, ...]]:
    content = json.loads((SHARED / "state_dict_14b.json").read_text())
    content = content.get("tensors", content)
    entries = content.items() if isinstance(content, dict) else [(e["name"], e) for e in content]
    return {key: tuple(e["shape"] if isinstance(e, dict) else e) for key, e in entries if not key.startswith("_")}


@needs_shared
def test_every_name_and_shape_of_the_published_network_lands(published):
    """1260 of 1260, on the meta device, with the defaults of the class."""
    with torch.device("meta"):
        model = WanS2VTransformer3DModel()
    ours = our_names(published)

    assert len(published) == 1260
    assert {ours[key]: shape for key, shape in published.items()} == {
        name: tuple(tensor.shape) for name, tensor in model.state_dict().items()
    }
    assert sum(p.numel() for p in model.parameters()) == 16_295_755_609


@needs_shared
@pytest.mark.parametrize("spelling", ["diffusers", "diffusers_pr_head"])
def test_the_names_are_those_of_the_map(published, spelling):
    """Official to ours as key_map.json has it, and the pull request's own names to the same."""
    entries = json.loads((SHARED / "key_map.json").read_text())["keys"]
    pairs = dict(pair for entry in entries for pair in full_names(entry, "diffusers"))
    theirs = dict(pair for entry in entries for pair in full_names(entry, spelling))

    assert pairs.keys() == published.keys()
    assert our_names(published) == pairs
    assert our_names(theirs.values()) == {theirs[key]: pairs[key] for key in pairs}


@needs_shared
def test_the_sizes_of_the_published_network_are_read_off_its_weights(published):
    """A file alone, without a configuration, is opened as the 14B network."""
    ours = our_names(published)
    model = loading._empty_model({}, {ours[key]: shape for key, shape in published.items()})

    with torch.device("meta"):
        default = WanS2VTransformer3DModel().config
    assert {name: model.config[name] for name in default if name[0] != "_"} == {
        name: value for name, value in default.items() if name[0] != "_"
    }


# Layouts.


@pytest.mark.parametrize(
    "rename",
    [names.official, names.revision_a, names.with_typo, names.revision_b, names.strays, names.repacked,
     names.repacked_diffusers],
)  # fmt: skip
def test_every_layout_loads_bit_for_bit(tmp_path, weights, rename):
    """Told apart by the names of the tensors alone."""
    file = single_file(tmp_path / "any.safetensors", names.under(rename, weights))

    assert_equal(load_transformer(file), weights)


@pytest.mark.parametrize("inside", ["", "transformer"])
def test_a_folder_is_opened_wherever_the_shards_are(tmp_path, weights, inside):
    """Shards in the root, as the official repository has them, or in transformer/, given from outside or inside."""
    folder = official_folder(tmp_path / "repo" / inside, names.under(names.official, weights), OFFICIAL_SIZES)

    assert_equal(load_transformer(tmp_path / "repo"), weights)
    assert_equal(load_transformer(str(folder)), weights)


def test_other_weights_in_the_root_do_not_matter_beside_a_transformer(tmp_path, weights):
    """A pipeline's folder holds a VAE and a text encoder, too."""
    official_folder(tmp_path / "transformer", names.under(names.revision_a, weights), OFFICIAL_SIZES)
    save_file({"decoder.weight": torch.zeros(2)}, tmp_path / "vae.safetensors")

    assert_equal(load_transformer(tmp_path), weights)


def test_shards_without_an_index_are_all_read(folder, weights):
    """As some downloads leave them."""
    next(folder.glob("*.index.json")).unlink()

    assert_equal(load_transformer(folder), weights)


def test_the_pull_requests_configuration_is_read(tmp_path, weights):
    """Keys of the diffusers spelling, and those that this port has no use for."""
    config = {"_class_name": "WanS2VTransformer3DModel", "_diffusers_version": "0.36", **SIZES}
    file = single_file(tmp_path / "model.safetensors", names.under(names.revision_b, weights), config)

    assert_equal(load_transformer(file), weights)


def test_it_is_saved_and_opened_again_as_diffusers_does(tmp_path, tiny, weights):
    """By `from_pretrained` and by `load_transformer`, in shards."""
    tiny.save_pretrained(tmp_path, max_shard_size="100KB")
    given = inputs()

    assert len(list(tmp_path.glob("*.safetensors"))) > 3
    for model in (WanS2VTransformer3DModel.from_pretrained(tmp_path), load_transformer(tmp_path)):
        assert_equal(model, weights)
        assert torch.equal(predict(model, given), predict(tiny, given))


def test_a_single_file_is_opened_through_the_class(tmp_path, weights):
    """`from_single_file` knows the same layouts."""
    file = single_file(tmp_path / "comfy.safetensors", names.under(names.repacked, weights))
    model = WanS2VTransformer3DModel.from_single_file(str(file), torch_dtype=torch.bfloat16)

    assert model.blocks[0].attn1.to_q.weight.dtype == torch.bfloat16


def test_a_configuration_that_is_given_replaces_the_files(tmp_path, weights):
    """In either spelling; here the file has none."""
    file = single_file(tmp_path / "lonely.safetensors", names.under(names.repacked, weights), config=None)

    assert_equal(load_transformer(file, config=OFFICIAL_SIZES), weights)
    assert_equal(load_transformer(file, config=SIZES), weights)
    with pytest.raises(CheckpointError, match=r"no config\.json beside the weights, and 192 channels"):
        load_transformer(file)


def test_a_file_of_the_published_width_is_taken_for_the_published_network(tmp_path):
    """Heads of 128 channels that twelve blocks hear through, which shapes do not show: here there are three blocks."""
    model = tiny_transformer(num_attention_heads=1, attention_head_dim=128, audio_inject_layers=(0, 1))
    file = single_file(tmp_path / "lonely.safetensors", model.state_dict(), config=None)

    with pytest.raises(ValueError, match=r"audio_inject_layers=.*from 0 to 2"):
        load_transformer(file)


def test_a_silent_configuration_is_filled_from_the_weights(tmp_path, weights):
    """The official file says neither the text's width nor the number of audio layers; nothing more is needed."""
    config = {"dim": 192, "num_heads": 4, "audio_inject_layers": [0, 2]}
    file = single_file(tmp_path / "model.safetensors", names.under(names.official, weights), config)
    model = load_transformer(file)

    assert_equal(model, weights)
    assert {name: model.config[name] for name in SIZES} == SIZES


# float8 repacks of ComfyUI.


@pytest.mark.parametrize("suffix", ["scale_weight", "weight_scale"])
def test_scaled_float8_is_multiplied_out(tmp_path, tiny, weights, suffix):
    """Matrices of the blocks in float8 with a scale each; what only ComfyUI reads is left out."""
    packed: dict[str, torch.Tensor] = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    for name, tensor in names.under(names.repacked, weights).items():
        if ".blocks." in name and name.endswith(".weight") and tensor.ndim == 2:
            scale = tensor.abs().max() / 448
            stem = name.removesuffix(".weight")
            packed |= {name: (tensor / scale).to(torch.float8_e4m3fn), f"{stem}.{suffix}": scale.reshape(())}
            packed[f"{stem}.scale_input"] = torch.ones(())
        else:
            packed[name] = tensor
    model = load_transformer(single_file(tmp_path / "fp8_scaled.safetensors", packed), dtype=torch.float32)

    given = inputs()
    assert_equal(model, weights | {n: t for n, t in model.state_dict().items() if n.startswith("blocks.")})
    assert distance(model.blocks[1].ffn.net[2].weight, weights["blocks.1.ffn.net.2.weight"]) < 0.04
    assert distance(predict(model, given), predict(tiny, given)) < 0.1


# dtypes.


def scaled(weights: dict[str, torch.Tensor], name: str, factors: torch.Tensor) -> dict[str, torch.Tensor]:
    """The weights with one of them divided by factors that lie beside it."""
    divided = weights[name] / factors.reshape(-1, *[1] * (weights[name].ndim - 1))
    return {**weights, name: divided, f"{name.removesuffix('.weight')}.weight_scale": factors}


@pytest.mark.parametrize("shape", [(192,), (192, 1), (1,), ()])
def test_a_scale_for_all_or_for_each_row(tmp_path, weights, shape):
    name = "blocks.0.self_attn.q.weight"  # square: a scale along the wrong axis would fit as well
    factors = torch.linspace(0.5, 2, 192).reshape(shape) if 192 in shape else torch.full(shape, 3.0)
    file = single_file(tmp_path / "a.safetensors", scaled(names.under(names.official, weights), name, factors))
    assert distance(load_transformer(file).blocks[0].attn1.to_q.weight, weights["blocks.0.attn1.to_q.weight"]) < 1e-6


def test_scales_of_blocks_are_refused(tmp_path, weights):
    official = names.under(names.official, weights)
    official["blocks.0.self_attn.q.weight_scale"] = torch.ones(192, 6)
    with pytest.raises(CheckpointError, match="1152 factors"):
        load_transformer(single_file(tmp_path / "a.safetensors", official))


def test_two_whole_models_in_a_folder_are_not_mixed(tmp_path, weights):
    official = names.under(names.official, weights)
    single_file(tmp_path / "a.safetensors", official)
    single_file(tmp_path / "b.safetensors", {key: 2 * tensor for key, tensor in official.items()})
    with pytest.raises(CheckpointError, match=r"a\.safetensors and b\.safetensors both hold .*give the path of one"):
        load_transformer(tmp_path)


def test_the_configuration_may_be_a_file_and_the_dtype_must_be_one(tmp_path, weights):
    official = names.under(names.official, weights)
    file = single_file(tmp_path / "a.safetensors", official)
    config = (tmp_path / "config.json").rename(tmp_path / "other.json")
    assert_equal(WanS2VTransformer3DModel.from_single_file(file, config=config), weights)
    half = WanS2VTransformer3DModel.from_single_file(file, config=config, dtype=torch.bfloat16)
    assert half.blocks[0].attn1.to_q.weight.dtype == torch.bfloat16
    with pytest.raises(ValueError, match=r"dtype='bfloat16': give a type of torch"):
        load_transformer(file, "bfloat16", config=config)


@pytest.mark.parametrize(
    ("stored", "asked", "found"),
    [
        (torch.float32, None, torch.float32),
        (torch.bfloat16, None, torch.bfloat16),
        (torch.float16, None, torch.float32),  # float16 overflows in this network
        (torch.float32, torch.bfloat16, torch.bfloat16),
        (torch.bfloat16, torch.float32, torch.float32),
    ],
)
def test_the_dtype_is_the_one_asked_for_or_the_files(tmp_path, weights, stored, asked, found):
    """Sensitive weights are float32 in every case."""
    stored_weights = {name: tensor.to(stored) for name, tensor in names.under(names.official, weights).items()}
    model = load_transformer(single_file(tmp_path / "any.safetensors", stored_weights), dtype=asked)

    assert model.blocks[0].attn1.to_q.weight.dtype == found
    assert model.blocks[0].attn1.norm_q.weight.dtype == found
    assert model.audio_injector.injector[0].to_k.weight.dtype == found
    kept = [model.patch_embedding, model.proj_out, model.condition_embedder.time_proj, model.blocks[0].norm2]
    assert {module.weight.dtype for module in kept} == {torch.float32}
    assert {model.scale_shift_table.dtype, model.blocks[0].scale_shift_table.dtype} == {torch.float32}
    assert {p.dtype for p in model.condition_embedder.causal_audio_encoder.parameters()} == {torch.float32}
    assert not model.training


# What cannot be opened.


def test_a_missing_shard_is_named(folder):
    """As an interrupted download leaves it."""
    (folder / "diffusion_pytorch_model-00002-of-00003.safetensors").unlink()

    with pytest.raises(CheckpointError, match=r"lacks diffusion_pytorch_model-00002-of-00003\.safetensors.*finish the"):
        load_transformer(folder)


def test_a_shard_less_without_an_index_shows_in_the_tensors(folder):
    """Then the names that are missing say so."""
    next(folder.glob("*.index.json")).unlink()
    (folder / "diffusion_pytorch_model-00002-of-00003.safetensors").unlink()

    with pytest.raises(CheckpointError, match=r"lack|missing"):
        load_transformer(folder)


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_shard_is_named(folder, damage):
    """Cut short, empty, or a page of text that was saved instead."""
    path = folder / "diffusion_pytorch_model-00002-of-00003.safetensors"
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"<html>Not found</html>"}[damage])

    with pytest.raises(CheckpointError, match=r"00002-of-00003.safetensors is not a whole safetensors file.*again"):
        load_transformer(folder)


def without(weights, gone):
    return {name: tensor for name, tensor in weights.items() if name != gone}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda w: without(w, "blocks.1.ffn.2.bias"), r"1 of \d+ tensors are missing \(blocks.1.ffn.net.2.bias"),
        (lambda w: without(w, "patch_embedding.weight"), "lack patch_embedding.weight; is a shard missing"),
        (lambda w: w | {"blocks.1.lora": torch.zeros(1)}, r"1 are not of this network \(blocks.1.lora"),
        (
            lambda w: w | {"blocks.1.ffn.2.bias": torch.zeros(191)},
            r"blocks.1.ffn.net.2.bias is \(191,\), expected \(192,\)",
        ),
        (lambda w: w | {"condition.typo": torch.zeros(1)}, "condition.typo"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path, weights, change, complaint):
    """Missing, extra or of another shape; before any weight is read."""
    file = single_file(tmp_path / "any.safetensors", change(names.under(names.official, weights)))

    with pytest.raises(CheckpointError, match=complaint):
        load_transformer(file)


def test_a_configuration_of_other_sizes_does_not_fit(folder):
    """What the configuration says and the weights show must agree."""
    with pytest.raises(CheckpointError, match=r"ffn.*is \(128,\), expected \(160,\)"):
        load_transformer(folder, config=OFFICIAL_SIZES | {"ffn_dim": 160})


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_plain_wan_network_is_refused(tmp_path, weights, prefix):
    """It has the same blocks, but neither ears nor a past."""
    plain = {
        prefix + name: tensor
        for name, tensor in names.under(names.official, weights).items()
        if not name.startswith(("casual_audio", "audio_injector", "frame_packer", "cond_encoder", "trainable"))
    }

    with pytest.raises(UnknownLayout, match=r"not the weights of a Wan2.2-S2V transformer: \d+ tensors .*no audio"):
        load_transformer(single_file(tmp_path / "wan21.safetensors", plain))


def test_another_network_is_refused(tmp_path):
    """The names it has are shown."""
    file = single_file(tmp_path / "other.safetensors", {"unet.audio_encoder.q": torch.zeros(1)})

    with pytest.raises(UnknownLayout, match=r"unet.audio_encoder.q .*neither blocks.0.self_attn.q.weight nor"):
        load_transformer(file)


def test_one_tensor_under_two_names_is_refused(tmp_path, weights):
    """Both spellings of the audio encoder at once: which one counts cannot be known."""
    name = "condition_embedder.causal_audio_encoder.weights"
    twice = weights | {names.with_typo(name): weights[name].clone()}

    with pytest.raises(UnknownLayout, match=f"several are {name}"):
        load_transformer(single_file(tmp_path / "twice.safetensors", twice))


@pytest.mark.parametrize("name", ["model.pth", "model.bin", "model.ckpt"])
def test_pickle_files_are_never_opened(tmp_path, name):
    """They can run code; the message says so, for a folder and for the file."""
    (tmp_path / name).write_bytes(b"\x80\x04.")

    with pytest.raises(CheckpointError, match=f"only pickle files \\({name}\\), which can run code"):
        load_transformer(tmp_path)
    with pytest.raises(CheckpointError, match=f"{name} is a pickle file"):
        load_transformer(tmp_path / name)


def test_an_empty_folder_and_another_kind_of_file_are_refused(tmp_path):
    """With what would be expected there."""
    with pytest.raises(CheckpointError, match="0 files and folders, none of weights; expected safetensors or GGUF"):
        load_transformer(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(CheckpointError, match=r"notes.txt is of an unknown kind; only .safetensors and .gguf"):
        load_transformer(tmp_path / "notes.txt")


@pytest.mark.parametrize("content", ["{", "[1]", "\udcff"])
@pytest.mark.parametrize("file", ["config.json", "diffusion_pytorch_model.safetensors.index.json"])
def test_json_that_cannot_be_read_is_named(folder, content, file):
    """The configuration and the index of the shards alike."""
    (folder / file).write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(CheckpointError, match=f"{file} (cannot be read as JSON|holds list, expected)"):
        load_transformer(folder)


@pytest.mark.parametrize(
    "weight_map", [{}, {"a": "../elsewhere.safetensors"}, {"a": "/etc/passwd"}, [], {"a": 1}, "all", None]
)
def test_an_index_that_points_elsewhere_is_refused(folder, weight_map):
    """Or to nothing."""
    index = next(folder.glob("*.index.json"))
    index.write_text(json.dumps({"weight_map": weight_map}))

    with pytest.raises(CheckpointError, match="names no files of its own folder"):
        load_transformer(folder)


def test_two_indices_are_too_many(folder):
    """Which one is meant cannot be known."""
    index = next(folder.glob("*.index.json"))
    (folder / "fp8.safetensors.index.json").write_text(index.read_text())

    with pytest.raises(CheckpointError, match="2 indices"):
        load_transformer(folder)


@pytest.mark.parametrize("source", ["nowhere", "./nowhere/model", "/nowhere/model", "a/b/c", "~/model"])
def test_a_path_that_is_not_there_is_said_to_be_so(source, monkeypatch):
    """It is not looked for on the hub."""
    monkeypatch.setattr(loading, "_download", lambda *_: pytest.fail("it went to the hub"))
    with pytest.raises(CheckpointError, match=f"{source} is neither a file nor a folder here, nor owner/name"):
        load_transformer(source)


class Hub:
    """A stand-in for Hugging Face's: one repository whose files lie in a folder."""

    def __init__(self, folder: Path, asked: dict) -> None:
        self.folder, self.asked = folder, asked

    def list_repo_files(self, repository, revision=None):
        self.asked |= {"repository": repository, "revision": revision}
        return [str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()]

    def snapshot_download(self, repository, revision=None, allow_patterns=()):
        self.asked |= {"files": sorted(allow_patterns), "downloaded": (repository, revision)}
        return str(self.folder)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    import huggingface_hub

    asked: dict = {}
    hub = Hub(tmp_path / "hub", asked)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda *_, **__: hub)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    return hub


@pytest.mark.parametrize("inside", ["", "transformer"])
def test_of_a_repository_only_the_transformer_is_fetched(hub, weights, inside):
    """A revision is passed on; 25 GB of other things stay where they are."""
    folder = official_folder(hub.folder / inside, names.under(names.official, weights), OFFICIAL_SIZES)
    (hub.folder / "vae").mkdir()
    (hub.folder / "vae" / "model.safetensors").touch()
    (folder / "models_t5.pth").touch()

    assert_equal(load_transformer("owner/name", revision="c0ffee"), weights)
    assert hub.asked["downloaded"] == ("owner/name", "c0ffee")
    prefix = f"{inside}/" if inside else ""
    assert hub.asked["files"] == sorted(
        [f"{prefix}config.json", f"{prefix}diffusion_pytorch_model.safetensors.index.json"]
        + [f"{prefix}diffusion_pytorch_model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    )


def test_a_repository_without_weights_is_refused(hub):
    """Before anything is fetched."""
    hub.folder.mkdir()
    (hub.folder / "README.md").touch()

    with pytest.raises(CheckpointError, match="owner/name has no safetensors"):
        load_transformer("owner/name")
    assert "downloaded" not in hub.asked


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"enable_motioner": True}, "enable_motioner=True"),
        ({"enable_tsm": True}, "enable_tsm=True"),
        ({"trainable_token_pos_emb": True}, "trainable_token_pos_emb=True"),
        ({"text_len": 226}, "text_len=226"),
        ({"window_size": [4, 4]}, r"window_size=\(4, 4\)"),
        ({"qk_norm": False}, "qk_norm=False"),
    ],
)
def test_other_branches_of_the_official_configuration_are_refused(folder, changed, complaint):
    """Their weights may well fit, but what they mean was not ported."""
    with pytest.raises(ValueError, match=complaint):
        load_transformer(folder, config=OFFICIAL_SIZES | changed)


def test_official_switches_without_effect_are_accepted():
    """Those of training, and spellings that mean the same."""
    config = our_config(OFFICIAL_SIZES | {"qk_norm": True, "window_size": [-1, -1], "patch_size": [1, 2, 2]})

    assert config["qk_norm"] == "rms_norm_across_heads"
    assert config["patch_size"] == (1, 2, 2)
    assert config["attention_head_dim"] == 48
    assert "zero_init" not in config


# Memory.


@needs_proc
def test_no_shard_stays_mapped_after_loading(folder):
    """A tensor that were a view of the file would keep the whole of it."""
    model = load_transformer(folder)

    assert str(folder) not in Path("/proc/self/maps").read_text()
    assert not any(p.is_meta for p in model.parameters())


def anonymous_memory() -> int:
    """Bytes in use of this process that are no pages of a file."""
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back first
    return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024


@needs_proc
@pytest.mark.parametrize("kind", ["plain", "scaled"])
def test_loading_holds_one_tensor_beyond_the_model(tmp_path, monkeypatch, kind):
    """Neither the file nor a second copy of the model is ever in memory beside what was placed so far."""
    with torch.device("meta"):
        model = WanS2VTransformer3DModel(**{**SIZES, "attention_head_dim": 256, "ffn_dim": 4096, "num_layers": 4})
    state = {name: torch.zeros(t.shape, dtype=torch.bfloat16) for name, t in model.state_dict().items()}
    if kind == "scaled":
        state["blocks.0.ffn.net.2.weight_scale"] = torch.ones(1)
    config = json.loads(model.to_json_string())
    file = single_file(tmp_path / "transformer" / "model.safetensors", state, config)
    largest = 4 * max(t.numel() for t in state.values())
    del state, model
    placed: list[int] = []
    beyond: list[int] = []

    def note(values: int) -> None:
        beyond.append(anonymous_memory() - before - sum(placed))
        placed.append(4 * values)

    def read_lazily(self, file, key, read=loading._LazyShard._read):
        tensor = read(self, file, key)
        note(tensor.numel())
        return tensor

    def read_piece(self, piece, read=reading._Readers.read):
        read(self, piece)
        note(piece.target.numel())

    monkeypatch.setattr(reading, "MOST_THREADS", 1)  # one piece at a time is on its way
    monkeypatch.setattr(loading._LazyShard, "_read", read_lazily)
    monkeypatch.setattr(reading._Readers, "read", read_piece)
    before = anonymous_memory()
    loaded = load_transformer(tmp_path, dtype=torch.float32)

    assert sum(placed) == sum(4 * p.numel() for p in loaded.parameters()) > 250e6
    assert file.stat().st_size > 125e6
    assert max(beyond) < 2 * largest + 16e6


# Weights that pass through the device.


@pytest.mark.parametrize("from_disk", [False, True])
def test_streamed_weights_predict_the_same(folder, tiny, from_disk):
    """Those of the blocks are nowhere in the model until it runs."""
    model = load_transformer(folder, stream=True, from_disk=from_disk)
    assert model.blocks[0].attn1.to_q.weight.numel() == 0
    assert model.blocks[0].scale_shift_table.numel() > 0

    model.run_lean(part=16, weights=model.streamed)
    given = inputs()
    expected = predict(tiny, given)
    for _ in range(2):
        assert distance(predict(model, given), expected) < 1e-6
    model.streamed.close()


def test_weights_that_stay_are_not_streamed_and_can_be_trained(folder):
    """As those that diffusers opens."""
    model = load_transformer(folder)

    assert model.streamed is None
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_only_plain_weights_are_streamed(tmp_path, folder, weights):
    """Others would have to be multiplied out each time; and only streamed ones are read from the disk again."""
    official = names.under(names.official, weights)
    file = single_file(tmp_path / "a.safetensors", scaled(official, "blocks.0.self_attn.q.weight", torch.ones(192)))

    with pytest.raises(CheckpointError, match=r"stream=True is for weights that are stored plainly.*scaled"):
        load_transformer(file, stream=True)
    with pytest.raises(ValueError, match=r"from_disk=True.*give stream=True"):
        load_transformer(folder, from_disk=True)


def test_a_file_that_is_cut_after_its_header_was_read_is_damaged(folder, monkeypatch):
    """As when it is replaced while it is read."""
    path = folder / "diffusion_pytorch_model-00002-of-00003.safetensors"
    real = loading.fill

    def cut(*args, **options):
        os.truncate(path, path.stat().st_size - 4)
        return real(*args, **options)

    monkeypatch.setattr(loading, "fill", cut)
    with pytest.raises(CheckpointError, match=r"00002-of-00003\.safetensors ended while it was read; fetch it again"):
        load_transformer(folder)
