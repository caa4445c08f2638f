"""The VAE and the text encoder from diffusers' layout."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import UMT5EncoderModel

from s2v_nb.models.wan_checkpoint import CheckpointError
from s2v_nb.models.wan_loading import embed_text, load_text_encoder, load_vae
from tests.models.wan_s2v.tiny import distance
from tests.models.wan_s2v.tiny_pipeline import tiny_text, tiny_vae

CPU = torch.device("cpu")
TEXT = "a cat & a dog"


@pytest.fixture(scope="module")
def text():
    return tiny_text()


@pytest.fixture
def folder(tmp_path, text):
    text[0].save_pretrained(tmp_path, max_shard_size="30KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    return tmp_path


def padded(encoder, tokenizer, prompt: str) -> torch.Tensor:
    """As the reference embeds a text: filled up to 512 tokens, which are hidden by the mask and cut off."""
    tokens = tokenizer([prompt], padding="max_length", max_length=512, truncation=True, return_tensors="pt")
    with torch.no_grad():
        states = encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
    return states[:, : int(tokens.attention_mask.sum())]


@pytest.mark.parametrize("mode", [{}, {"stream": True}, {"stream": True, "from_disk": True}])
def test_a_text_is_embedded_as_the_reference_does(folder, text, mode):
    """Wherever the weights are, and each time again."""
    original, tokenizer = text
    encoder = load_text_encoder(folder, torch.float32, CPU, **mode)
    expected = padded(original, tokenizer, TEXT)

    assert expected.shape == (1, len(TEXT) + 1, original.config.d_model)
    for _ in range(2):
        assert distance(embed_text(tokenizer, encoder, TEXT, CPU), expected) < 1e-5
    if mode:
        assert encoder.encoder.block[1].layer[1].DenseReluDense.wo.weight.numel() > 0  # the last one used, in the slot
        encoder.streamed.release()
        assert {p.numel() for p in encoder.encoder.block.parameters()} == {0}
        assert distance(embed_text(tokenizer, encoder, TEXT, CPU), expected) < 1e-5
        encoder.streamed.close()
    else:
        assert encoder.streamed is None


def test_a_long_text_is_cut(folder, text):
    """At the 512 tokens that the networks take; the last is the end of the text."""
    encoder = load_text_encoder(folder, torch.float32, CPU)
    found = embed_text(text[1], encoder, "a" * 600, CPU)

    assert found.shape[1] == 512
    assert distance(found, padded(*text, "a" * 600)) < 1e-5


def test_an_error_in_the_encoder_leaves_it_usable(folder, text):
    """The block that failed lets its weights go."""
    original, tokenizer = text
    encoder = load_text_encoder(folder, torch.float32, CPU, stream=True)

    def fail(*_):
        raise RuntimeError("out of memory")

    hook = encoder.encoder.block[0].layer[0].register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        embed_text(tokenizer, encoder, TEXT, CPU)
    hook.remove()

    assert distance(embed_text(tokenizer, encoder, TEXT, CPU), padded(original, tokenizer, TEXT)) < 1e-5
    encoder.streamed.close()


@pytest.mark.parametrize(
    "names", [("shared.weight",), ("encoder.embed_tokens.weight",), ("shared.weight", "encoder.embed_tokens.weight")]
)
@pytest.mark.parametrize("tied", [True, False])
def test_the_table_has_either_name(tmp_path, text, names, tied):
    """Or both, and whatever the configuration says of it: the published one says that there are two, and stores one."""
    original, tokenizer = text
    original.save_pretrained(tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    weights = load_file(file)
    table = original.shared.weight
    weights = {n: t for n, t in weights.items() if t.shape != table.shape} | {n: table.clone() for n in names}
    save_file(weights, file, {"format": "pt"})
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": tied}))
    encoder = load_text_encoder(tmp_path, torch.float32, CPU)

    assert encoder.encoder.embed_tokens is encoder.shared
    assert distance(embed_text(tokenizer, encoder, TEXT, CPU), padded(original, tokenizer, TEXT)) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_encoders_dtypes_are_those_that_transformers_gives(folder, dtype):
    """In float16 some weights stay in float32; in bfloat16 none."""
    theirs = UMT5EncoderModel.from_pretrained(folder, dtype=dtype).state_dict()
    ours = load_text_encoder(folder, dtype, CPU).state_dict()

    assert {name: tensor.dtype for name, tensor in ours.items()} == {name: t.dtype for name, t in theirs.items()}
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_a_table_that_is_missing_is_named(tmp_path, text):
    text[0].save_pretrained(tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    save_file({n: t for n, t in load_file(file).items() if "block" in n}, file)

    with pytest.raises(CheckpointError, match=r"missing \(encoder.final_layer_norm.weight"):
        load_text_encoder(tmp_path, torch.float32, CPU)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_vae_is_opened_bit_for_bit(tmp_path, dtype):
    vae = tiny_vae()
    vae.save_pretrained(tmp_path)
    loaded = load_vae(tmp_path, dtype, CPU)

    assert dict(loaded.config)["latents_mean"] == vae.config.latents_mean
    assert loaded.state_dict().keys() == vae.state_dict().keys()
    assert all(torch.equal(tensor, vae.state_dict()[name].to(dtype)) for name, tensor in loaded.state_dict().items())
    assert not loaded.training
