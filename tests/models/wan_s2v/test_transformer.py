"""The network against the reference's numbers, and what it does with its inputs."""

from contextlib import contextmanager
from typing import Any

import pytest
import torch

from s2v_nb.models.wan_s2v.loading import load_transformer
from s2v_nb.models.wan_s2v.transformer import WanS2VTransformer3DModel
from tests.models.wan_s2v.golden import GOLDEN, golden, needs_golden, official_folder, part
from tests.models.wan_s2v.tiny import SIZES, distance, inputs, predict, tiny_transformer

CASES = ["a_first_clip", "b_later_clip", "c_non_square", "d_pose", "e_frames_short_motion"]


def having(output: str) -> list[str]:
    """The golden cases that hold this intermediate."""
    if not GOLDEN.is_dir():
        return []
    return [case for case in CASES if f"{case}.output.{output}" in golden("transformer_main")[0]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tensors, metadata = golden("transformer_main")
    return official_folder(tmp_path_factory.mktemp("golden"), part(tensors, "weights."), metadata["config"])


@pytest.fixture(scope="module")
def reference(folder) -> WanS2VTransformer3DModel:
    """The golden network in float32, opened from the official layout."""
    return load_transformer(folder, dtype=torch.float32).requires_grad_(False)


@pytest.fixture(scope="module")
def tiny() -> WanS2VTransformer3DModel:
    return tiny_transformer()


def arguments(case: str) -> dict[str, Any]:
    tensors, metadata = golden("transformer_main")
    given, flags = part(tensors, f"{case}.input."), metadata["cases"][case]
    return {
        "hidden_states": given["noisy_latent"][None],
        "timestep": given["timestep"],
        "encoder_hidden_states": given["text_embeds"][None],
        "reference_latents": given["ref_latent"][None],
        "motion_latents": given["motion_latents"][None],
        "pose_latents": given["pose_latent"][None],
        "audio_features": given["audio_features"],
        "motion_frames": tuple(flags["motion_frames"]),
        "drop_motion_frames": flags["drop_motion_frames"],
    }


def expected(case: str, output: str) -> torch.Tensor:
    return golden("transformer_main")[0][f"{case}.output.{output}"]


@contextmanager
def blocks_seen(model):
    """Fills a list with what enters and leaves each block: ((states, text, modulation, rotary, ...), output)."""
    seen: list[tuple[tuple, torch.Tensor]] = []
    handles = [block.register_forward_hook(lambda _, given, out: seen.append((given, out))) for block in model.blocks]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


# Processors sum in another order: 1.3e-5 was seen in a prediction, 9e-6 in a block's input. Mistakes move them by 0.05.
ROUNDING = 3e-5


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = ROUNDING) -> None:
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= tolerance


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_the_prediction_is_the_references(reference, case):
    """Every case within rounding, at magnitudes of 7."""
    close(predict(reference, arguments(case))[0], expected(case, "prediction"))


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_bfloat16_is_within_one_percent(folder, case, request):
    """With bfloat16 weights, the sensitive ones and the residual stream in float32."""
    assert distance(predict(bfloat16(folder), arguments(case))[0], expected(case, "prediction")) <= 1e-2


def bfloat16(folder, kept: dict = {}) -> WanS2VTransformer3DModel:  # noqa: B006 - opened once
    if folder not in kept:
        kept[folder] = load_transformer(folder, dtype=torch.bfloat16)
    return kept[folder]


@needs_golden
def test_the_residual_stream_is_float32(folder):
    """In bfloat16, too: what enters and leaves each block, and the prediction."""
    model = bfloat16(folder)
    with blocks_seen(model) as seen:
        prediction = predict(model, arguments("b_later_clip"))

    assert {states.dtype for given, out in seen for states in (given[0], out)} == {torch.float32}
    assert {given[1].dtype for given, _ in seen} == {torch.bfloat16}  # the text sets the dtype of the products
    assert prediction.dtype == torch.float32


@needs_golden
@pytest.mark.parametrize("case", having("audio_local"))
def test_both_audio_branches_are_the_references(reference, case):
    """By themselves, and before the past is cut off: the padding on the left shows in the first frames alone."""
    given = arguments(case)
    features, (past, latent_past) = given["audio_features"], given["motion_frames"]
    padded = torch.cat([features[..., :1].expand(*features.shape[:-1], past), features], dim=-1)
    encoder = reference.condition_embedder.causal_audio_encoder

    local, pooled = encoder(padded)
    close(local[:, 0], expected(case, "audio_local")[:, 0])
    close(local, expected(case, "audio_local"))
    close(pooled[:, 0], expected(case, "audio_global")[:, 0, 0])
    close(pooled, expected(case, "audio_global")[:, :, 0])

    clip_local, clip_pooled = encoder.clip_tokens(features, (past, latent_past))
    assert clip_local.shape[1] == given["hidden_states"].shape[2]
    assert torch.equal(clip_local, local[:, latent_past:])
    assert torch.equal(clip_pooled, pooled[:, latent_past:])


@needs_golden
@pytest.mark.parametrize("case", having("time_modulation"))
def test_the_modulation_is_the_references(reference, case):
    """By the timestep, and by zero."""
    with blocks_seen(reference) as seen:
        predict(reference, arguments(case))

    close(seen[0][0][2].transpose(1, 2), expected(case, "time_modulation"), 2e-6)


@needs_golden
@pytest.mark.parametrize("case", having("rope_freqs"))
def test_the_rotary_table_is_the_references(reference, case):
    """Cosine and sine of every token, each once."""
    with blocks_seen(reference) as seen:
        predict(reference, arguments(case))
    cosine, sine = (table[0, :, 0] for table in seen[0][0][3])

    assert torch.equal(cosine[:, 0::2], cosine[:, 1::2])
    close(torch.stack([cosine[:, ::2], sine[:, ::2]], dim=-1), expected(case, "rope_freqs"), 1e-7)


@needs_golden
@pytest.mark.parametrize("case", having("text_embedding"))
def test_the_text_is_the_references(reference, case):
    """Filled up to 512 rows; the filling counts."""
    embedded = reference.condition_embedder.text(arguments(case)["encoder_hidden_states"])

    close(embedded, expected(case, "text_embedding"))


@needs_golden
@pytest.mark.parametrize("case", having("block0_output"))
def test_the_first_block_is_the_references_before_the_audio(reference, case, monkeypatch):
    """Without ears it is the block alone."""
    monkeypatch.setattr(reference.blocks[0], "ears", None)
    with blocks_seen(reference) as seen:
        predict(reference, arguments(case))

    close(seen[0][1], expected(case, "block0_output"))


@needs_golden
@pytest.mark.parametrize("case", having("last_block_after_audio"))
def test_the_blocks_are_the_references_after_the_audio(reference, case):
    """What enters the first block, leaves it, and leaves the last one, where the reference wrote it down."""
    with blocks_seen(reference) as seen:
        predict(reference, arguments(case))

    close(seen[-1][1], expected(case, "last_block_after_audio"))
    if case in having("block0_input"):
        close(seen[0][0][0], expected(case, "block0_input"), 2e-5)
        close(seen[0][1], expected(case, "block0_after_audio"))


def test_no_pose_is_a_pose_of_zeros(tiny):
    """None spares the convolution and changes nothing; another pose does."""
    given = inputs()
    without = predict(tiny, given, pose_latents=None)

    close(without, predict(tiny, given, pose_latents=torch.zeros_like(given["pose_latents"])), 1e-6)
    assert distance(predict(tiny, given), without) > 1e-2


def test_two_in_a_batch_are_two_alone(tiny):
    """Each with its own timestep, text and sound; also where reference, motion and pose are shared."""
    given = inputs(batch=2)
    both = predict(tiny, given)
    for i in range(2):
        close(both[i : i + 1], predict(tiny, {name: value[i : i + 1] for name, value in given.items()}))

    shared = {name: given[name][:1] for name in ("reference_latents", "motion_latents", "pose_latents")}
    repeated = {name: value.expand(2, *value.shape[1:]) for name, value in shared.items()}
    close(predict(tiny, given, **shared), predict(tiny, given, **repeated))


def test_a_dropped_past_is_not_looked_at(tiny):
    """Whatever the motion latents are, the first clip comes out the same."""
    given = inputs()
    first = predict(tiny, given, drop_motion_frames=True)

    assert torch.equal(first, predict(tiny, given, drop_motion_frames=True, motion_latents=None))
    assert distance(predict(tiny, given), first) > 1e-2


def test_a_short_past_is_zeros_before(tiny):
    """Fewer than 19 motion latents are filled up in front; of more the last 19 count."""
    given = inputs()
    motion = given["motion_latents"]
    short = motion[:, :, -5:]
    filled = torch.cat([torch.zeros_like(motion[:, :, :14]), short], dim=2)
    longer = torch.cat([torch.ones_like(short), motion], dim=2)

    assert torch.equal(predict(tiny, given, motion_latents=short), predict(tiny, given, motion_latents=filled))
    assert torch.equal(predict(tiny, given, motion_latents=longer), predict(tiny, given))


def test_a_tuple_instead_of_the_output(tiny):
    """As diffusers' pipelines ask for it."""
    given = inputs()
    with torch.no_grad():
        (sample,) = tiny(**given, return_dict=False)

    assert torch.equal(sample, predict(tiny, given))


# What stays the same over the steps of a clip.


@pytest.fixture
def counted(tiny, monkeypatch):
    """How often each part of the network runs that needs neither noise nor timestep."""
    calls: dict[str, int] = {}
    embedder = tiny.condition_embedder
    parts = {
        "sound": embedder.causal_audio_encoder.encoder, "text": embedder.text_embedder, "places": tiny.rope,
        "pose": embedder.pose_embedder, "motion": tiny.frame_packer,
    }  # fmt: skip
    handles = []
    for name, module in parts.items():
        calls[name] = 0
        handles.append(module.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1})))
    yield calls
    for handle in handles:
        handle.remove()


def steps_of(given: dict, count: int = 3) -> list[dict]:
    """Other noise and another timestep each step; all else is the very same."""
    generator = torch.Generator().manual_seed(5)
    noise = [torch.randn(given["hidden_states"].shape, generator=generator) for _ in range(count)]
    return [given | {"hidden_states": noise[i], "timestep": torch.tensor([900 - 100 * i])} for i in range(count)]


def test_a_clip_is_embedded_once(tiny, counted):
    """Over many steps each part runs once, and every prediction is the same bit for bit."""
    steps = steps_of(inputs())
    plain = [predict(tiny, step) for step in steps]
    counted.update(dict.fromkeys(counted, 0))
    with tiny.remembering():
        kept = [predict(tiny, step) for step in steps]

    assert counted == {"sound": 1, "text": 1, "places": 1, "pose": 1, "motion": 1}
    assert all(torch.equal(a, b) for a, b in zip(plain, kept, strict=True))


def test_both_branches_of_guidance_are_kept(tiny, counted):
    """They differ in text and sound, and share the rest."""
    given = inputs()
    quiet = given | {
        "encoder_hidden_states": inputs(1)["encoder_hidden_states"],
        "audio_features": torch.zeros_like(given["audio_features"]),
    }
    with tiny.remembering():
        kept = [predict(tiny, branch) for _ in range(3) for branch in (given, quiet)]

    assert counted == {"sound": 2, "text": 2, "places": 1, "pose": 1, "motion": 1}
    assert torch.equal(kept[0], predict(tiny, given))
    assert torch.equal(kept[5], predict(tiny, quiet))


@pytest.mark.parametrize(
    "name", ["encoder_hidden_states", "audio_features", "reference_latents", "motion_latents", "pose_latents"]
)
def test_nothing_stale_is_kept(tiny, name):
    """An input that was written to in place, or replaced, is embedded anew."""
    given, other = inputs(), inputs(2)[name]
    given[name] = given[name].clone()
    with tiny.remembering():
        before = predict(tiny, given)
        replaced = predict(tiny, given, **{name: other})
        given[name].copy_(other)
        written = predict(tiny, given)

    assert distance(replaced, before) > 1e-4
    assert torch.equal(written, replaced)
    assert torch.equal(written, predict(tiny, given))


def test_other_frames_and_sizes_are_not_mixed_up(tiny):
    """Rotary positions and the length of the past belong to what is kept."""
    small, large = inputs(), inputs(frames=2, height=16)
    with tiny.remembering():
        kept = [predict(tiny, given) for given in (small, large, small)]
        short_past = predict(tiny, small, motion_frames=(17, 5))

    assert torch.equal(kept[0], kept[2])
    assert torch.equal(kept[1], predict(tiny, large))
    assert torch.equal(short_past, predict(tiny, small, motion_frames=(17, 5)))


def test_inference_tensors_can_be_remembered(tiny):
    """They have no version counter to see changes by."""
    with torch.inference_mode(), tiny.remembering():
        given = {name: value.clone() for name, value in inputs().items()}
        kept = [tiny(**given).sample for _ in range(2)]

    assert torch.equal(kept[0], kept[1])


def test_all_is_forgotten_on_exit(tiny, counted):
    """After an error as well."""
    given = inputs()
    with pytest.raises(ValueError, match="timestep"), tiny.remembering():  # noqa: PT012 - the second one fails
        predict(tiny, given)
        predict(tiny, given, timestep=torch.zeros(2))
    assert tiny._memo is None

    predict(tiny, given)
    assert counted["sound"] == 2


# What is refused.


def wrong(**changed: Any) -> dict[str, Any]:
    return changed


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (wrong(hidden_states=torch.zeros(16, 3, 8, 8)), r"hidden_states has the shape \(16, 3, 8, 8\)"),
        (wrong(hidden_states=torch.zeros(1, 8, 3, 8, 8)), r"hidden_states .*\(batch, 16, frames"),
        (wrong(hidden_states=torch.zeros(1, 16, 3, 9, 8)), "sides even and at least 8"),
        (wrong(hidden_states=torch.zeros(1, 16, 3, 6, 8)), "sides even and at least 8"),
        (wrong(hidden_states=torch.zeros(1, 16, 0, 8, 8)), "one frame or more"),
        (wrong(hidden_states=torch.zeros(1, 16, 31, 8, 8)), "31 latent frames, at most 30 .* at most 120 frames"),
        (wrong(timestep=torch.tensor([1, 2])), r"timestep has the shape \(2,\), expected \(1\)"),
        (wrong(timestep=torch.tensor(5)), "timestep has the shape"),
        (wrong(encoder_hidden_states=torch.zeros(1, 7, 63)), "encoder_hidden_states .* 64"),
        (wrong(encoder_hidden_states=torch.zeros(1, 513, 64)), "1 to 512 tokens"),
        (wrong(encoder_hidden_states=torch.zeros(1, 0, 64)), "1 to 512 tokens"),
        (wrong(encoder_hidden_states=torch.zeros(2, 7, 64)), "encoder_hidden_states has the shape"),
        (wrong(reference_latents=torch.zeros(1, 16, 2, 8, 8)), "reference_latents has the shape"),
        (wrong(reference_latents=torch.zeros(1, 16, 1, 8, 10)), "reference_latents .* 8, 8"),
        (wrong(motion_latents=torch.zeros(1, 16, 19, 10, 8)), "motion_latents .* any, 8, 8"),
        (wrong(motion_latents=torch.zeros(3, 16, 19, 8, 8)), "motion_latents has the shape"),
        (wrong(motion_latents=None), "motion_latents is None: .*drop_motion_frames=True"),
        (wrong(motion_latents=torch.zeros(1, 16, 0, 8, 8)), "motion_latents .*no frames"),
        (wrong(pose_latents=torch.zeros(1, 16, 2, 8, 8)), "pose_latents has the shape"),
        (wrong(pose_latents=torch.zeros(1, 3, 3, 8, 8)), "pose_latents has the shape"),
        (wrong(audio_features=torch.zeros(1, 3, 32, 11)), "audio_features .* 12"),
        (wrong(audio_features=torch.zeros(1, 25, 32, 12)), r"audio_features .*expected \(1, 3, 32, 12\)"),
        (wrong(motion_frames=(73, 18)), r"motion_frames=\(73, 18\)"),
        (wrong(motion_frames=(0, 0)), r"motion_frames=\(0, 0\)"),
    ],
)
def test_wrong_inputs_are_refused_by_name(tiny, monkeypatch, changed, complaint):
    """Before anything is computed."""
    monkeypatch.setattr(tiny.patch_embedding, "forward", lambda *_: pytest.fail("it computed"))
    with pytest.raises(ValueError, match=complaint):
        predict(tiny, inputs(), **changed)


def test_the_longest_clip_runs(tiny):
    """Thirty latent frames, 120 of pixels: one more would sit on the reference's place."""
    assert torch.isfinite(predict(tiny, inputs(frames=30))).all()


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"enable_motioner": True}, "enable_motioner=True .*enable_motioner=False"),
        ({"enable_framepack": False}, "enable_framepack=False"),
        ({"enable_adain": False}, "enable_adain=False"),
        ({"adain_mode": "attn"}, "adain_mode='attn'"),
        ({"zero_timestep": False}, "zero_timestep=False"),
        ({"framepack_drop_mode": "drop"}, "framepack_drop_mode='drop'"),
        ({"add_last_motion": False}, "add_last_motion=False"),
        ({"patch_size": (2, 2, 2)}, r"patch_size=\(2, 2, 2\)"),
        ({"qk_norm": None}, "qk_norm=None"),
        ({"added_kv_proj_dim": 192}, "added_kv_proj_dim=192"),
        ({"audio_inject_layers": (0, 3)}, r"audio_inject_layers=\[0, 3\]: .* 0 to 2"),
        ({"audio_inject_layers": (0, 0)}, "must be different"),
        ({"attention_head_dim": 25}, "attention_head_dim=25"),
        ({"attention_head_dim": 4}, "attention_head_dim=4"),
    ],
)
def test_other_branches_are_refused(changed, complaint):
    """The published branch is the only one that was ported; nothing is guessed."""
    with pytest.raises(ValueError, match=complaint), torch.device("meta"):
        WanS2VTransformer3DModel(**{**SIZES, **changed})


def test_an_unknown_setting_is_refused():
    """A misspelt one is not silently dropped."""
    with pytest.raises(TypeError, match="audio_layers"):
        WanS2VTransformer3DModel(**SIZES, audio_layers=3)


def test_the_injectors_serve_their_blocks_in_ascending_order():
    """However the configuration lists them."""
    model = tiny_transformer(audio_inject_layers=(2, 0))

    assert model.blocks[0].ears[0] is model.audio_injector.injector[0]
    assert model.blocks[2].ears[0] is model.audio_injector.injector[1]
    assert model.blocks[1].ears is None


def test_remembering_inside_remembering_keeps_the_outer_one(tiny):
    with tiny.remembering():
        outer = tiny._memo
        with tiny.remembering():
            assert tiny._memo is not outer
        assert tiny._memo is outer
    assert tiny._memo is None


@pytest.mark.parametrize("single", ["reference_latents", "motion_latents"])
def test_a_reference_or_a_past_may_serve_a_whole_batch(tiny, single):
    given = inputs(batch=2)
    shared = given[single][:1]
    both = predict(tiny, {**given, single: shared.expand(2, -1, -1, -1, -1)})
    assert (predict(tiny, {**given, single: shared}) - both).abs().max() <= 1e-5
