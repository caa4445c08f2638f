"""The whole way from a picture and a song to clips: against the reference, and every option against its promise."""

import gc
import inspect
import weakref
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import torch

diffusers = pytest.importorskip("diffusers", reason="needs diffusers, of the extra 'gpu'")
transformers = pytest.importorskip("transformers", reason="needs transformers, of the extra 'gpu'")
pytest.importorskip("accelerate", reason="needs accelerate, of the extra 'gpu'")

from accelerate.hooks import ModelHook, add_hook_to_module  # noqa: E402
from diffusers import (  # noqa: E402
    AutoencoderKLWan,
    FirstBlockCacheConfig,
    FlowMatchEulerDiscreteScheduler,
    WanPipeline,
)

from s2v_nb.models.wan_s2v import pipeline as pipeline_module  # noqa: E402
from s2v_nb.models.wan_s2v.clips import Resume, song_frames  # noqa: E402
from s2v_nb.models.wan_s2v.colour import measure_drift  # noqa: E402
from s2v_nb.models.wan_s2v.loading import load_transformer  # noqa: E402
from s2v_nb.models.wan_s2v.picture import reference_pixels  # noqa: E402
from s2v_nb.models.wan_s2v.pipeline import WanS2VPipeline  # noqa: E402
from s2v_nb.models.wan_s2v.schedule import flow_unipc  # noqa: E402
from tests.models.wan_s2v.golden import golden, needs_golden, official_folder, part  # noqa: E402
from tests.models.wan_s2v.tiny import tiny_transformer  # noqa: E402
from tests.models.wan_s2v.tiny_pipeline import (  # noqa: E402
    RATE,
    Blocks,
    Calls,
    few,
    lamp_pipeline,
    loudness,
    picture,
    prompts,
    song,
    tiny_pipeline,
    tiny_text,
    tiny_vae,
    untouched,
)


@pytest.fixture(scope="module")
def pipe() -> WanS2VPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def plain(pipe):
    """Three clips with every option left alone."""
    return pipe(**few())


def same(ours, theirs) -> bool:
    """Frames and latents are equal, bit for bit."""
    equal = np.array_equal if isinstance(ours.frames, np.ndarray) else torch.equal
    return equal(ours.frames, theirs.frames) and all(map(torch.equal, ours.latents, theirs.latents))


# Against the reference.


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> WanS2VPipeline:
    """The reference's tiny networks, the transformer from the official layout on disk."""
    tensors, about = golden("end_to_end")
    folder = official_folder(
        tmp_path_factory.mktemp("official"), part(tensors, "weights.transformer."), about["transformer_config"]
    )
    vae = AutoencoderKLWan(**about["vae_config"])
    vae.load_state_dict(part(tensors, "weights.vae_diffusers."))
    hears = transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(**about["wav2vec2_config"]))
    hears.load_state_dict(part(tensors, "weights.wav2vec2."))
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, sampling_rate=RATE)
    return tiny_pipeline(
        transformer=load_transformer(folder), vae=vae.eval(), audio_encoder=hears.eval(), audio_processor=extractor
    )


def reference_run(name: str, **changed):
    """Arguments of one run of the reference, and what came out."""
    tensors, about = golden("end_to_end")
    given, info = part(tensors, f"{name}.input."), about["runs"][name]
    arguments = {
        "image": given["image"].numpy(), "audio": given["waveform"], "sampling_rate": RATE,
        "prompt_embeds": given["prompt_embeds"], "negative_prompt_embeds": given["negative_prompt_embeds"],
        "latents": [given["noise.0"], given["noise.1"]], "num_clips": info["num_repeat"],
        "max_area": info["max_area"], "frames_per_clip": info["infer_frames"], "flow_shift": info["shift"],
        "num_inference_steps": info["sampling_steps"], "guidance_scale": info["guide_scale"], "seed": info["seed"],
        "init_first_frame": info.get("init_first_frame", False), "output_type": "pt",
        "pose_video": given["pose_frames"].numpy() if "pose_frames" in given else None,
    }  # fmt: skip
    return arguments | changed, part(tensors, f"{name}.output.")


@pytest.fixture(scope="module")
def reference_clips(published):
    """For a run of the reference, our clips and what the network was asked; each run is made once."""
    made = {}

    def clips_of(name: str):
        if name not in made:
            arguments, _ = reference_run(name)
            clips: list = []
            with Calls(published.transformer) as calls:
                published(**arguments, on_clip=clips.append)
            made[name] = clips, calls.arguments
        return made[name]

    return clips_of


@needs_golden
@pytest.mark.parametrize("name", ["two_clips", "pose_start_from_ref"])
def test_a_video_is_that_of_the_reference(reference_clips, name):
    """Every tensor on the way that the reference wrote down, with all options at their defaults."""
    _, wanted = reference_run(name)
    clips, calls = reference_clips(name)
    frames = torch.cat([clip.frames for clip in clips]).transpose(0, 1) * 2 - 1

    assert frames.shape == wanted["frames"].shape
    assert (frames - wanted["frames"]).abs().max() < 1e-4
    assert (calls[0]["reference_latents"][0] - wanted["ref_latent"]).abs().max() < 1e-5
    assert (clips[0].resume.latents[0] - wanted["motion_latents.0"]).abs().max() < 1e-5
    for k, clip in enumerate(clips):
        assert (clip.latents[0] - wanted[f"latents.{k}"]).abs().max() < 1e-5
        pose = calls[k * len(calls) // 2]["pose_latents"]
        assert (pose is None) == (f"pose_latents.{k}" not in wanted)
        assert pose is None or (pose[0] - wanted[f"pose_latents.{k}"]).abs().max() < 1e-5


@needs_golden
@pytest.mark.parametrize("name", ["two_clips", "pose_start_from_ref"])
def test_the_reference_runs_go_on_from_their_first_clip(published, reference_clips, tmp_path, name):
    """Bit for bit, with a VAE that rounds."""
    arguments, _ = reference_run(name)
    clips, _ = reference_clips(name)
    clips[0].resume.save(tmp_path / "past.safetensors")
    resumed = published(**arguments, resume_from=Resume.load(tmp_path / "past.safetensors"))

    assert torch.equal(resumed.frames[0], clips[1].frames)
    assert torch.equal(resumed.latents[0], clips[1].latents)


def test_options_at_their_neutral_values_change_nothing(pipe):
    """Named or left out, equal scales, a rate of 16: bit for bit the same."""
    neutral = {"align_audio": False, "fit_length": False, "audio_guidance_scale": 4.5, "guidance_interval": (0.0, 1.0),
               "output_fps": 16, "colour_match": 0.0}  # fmt: skip

    assert same(pipe(**few(guidance_scale=4.5, **neutral)), pipe(**few(guidance_scale=4.5)))


def test_the_defaults_are_the_published_ones():
    """Of the official command line, and its negative prompt to the letter."""
    defaults = {k: p.default for k, p in inspect.signature(WanS2VPipeline.__call__).parameters.items()}

    assert defaults["negative_prompt"] == (
        "画面模糊，最差质量，画面模糊，细节模糊不清，情绪激动剧烈，手快速抖动，字幕，丑陋的，残缺的，多余的手指，"
        "画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，"
        "背景人很多，倒着走"
    )
    published = {"num_inference_steps": 40, "guidance_scale": 4.5, "flow_shift": 3.0, "frames_per_clip": 80,
                 "max_area": 720 * 1280, "init_first_frame": False, "num_clips": None}  # fmt: skip
    assert {name: defaults[name] for name in published} == published


# Clip by clip.


def test_clips_come_one_by_one(pipe, plain):
    """In order, joined the same as without a callback; the result holds no frames then."""
    clips = []
    result = pipe(**few(on_clip=clips.append))

    assert result.frames is None
    assert [(clip.index, clip.clips) for clip in clips] == [(0, 3), (1, 3), (2, 3)]
    assert [len(clip.frames) for clip in clips] == [5, 8, 8]
    assert torch.equal(torch.cat([clip.frames for clip in clips])[None], plain.frames)
    assert all(torch.equal(a.latents, b) for a, b in zip(clips, plain.latents, strict=True))
    assert [clip.resume.clip for clip in clips] == [1, 2, 3]


def pixels_alive() -> int:
    """Bytes of all tensors that hold colour frames of 64 x 64, each storage once."""
    kept = {}
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor and thing.shape[-2:] == (64, 64) and 3 in thing.shape[:-2]:
            kept[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
    return sum(kept.values())


def test_no_more_than_one_clip_of_pixels_is_in_memory(pipe):
    """When a clip is made, those before are gone; while the network runs, there are no pixels but the picture's."""
    gone, while_running, at_clips = [], [], []
    base = pixels_alive()

    def on_clip(clip):
        gone.append([past() is None for past in pasts])
        pasts.append(weakref.ref(clip.frames))
        at_clips.append(pixels_alive() - base)

    pasts = []
    options = {"frames_per_clip": 80, "audio": song(13), "num_inference_steps": 1, "on_clip": on_clip}
    pipe(**few(**options, on_step=lambda clip, step, steps: while_running.append(pixels_alive() - base)))
    clip, still = (4 * 3 * 64 * 64 * n for n in (80, 1))

    assert gone == [[], [True], [True, True]]
    assert len(while_running) == 3
    assert max(while_running[1:]) <= still
    assert max(at_clips[:-1]) <= clip + still
    assert at_clips[-1] <= 2 * clip  # the last one's end is handed out too


@pytest.mark.parametrize("clip", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"frames_per_clip": 76, "audio": song(10), "num_inference_steps": 1},
        {"frames_per_clip": 76, "audio": song(10), "num_inference_steps": 1, "fit_length": True},
        {"init_first_frame": True},
        {"pose_video": np.random.default_rng(0).integers(0, 255, (20, 64, 80, 3), np.uint8)},
        {"output_fps": 24},
        {"output_fps": 30, "init_first_frame": True},
        {"output_fps": 25, "output_type": "uint8", "fit_length": True},
        {"colour_match": 0.7},
        {"colour_match": 1.0, "output_fps": 24, "fit_length": True, "align_audio": True, "guidance_scale": 3.0,
         "audio_guidance_scale": 2.0},
    ],
    ids=lambda options: ", ".join(name for name in options) or "plain",
)  # fmt: skip
def test_a_video_goes_on_where_it_was_left(pipe, tmp_path, clip, options):
    """Through a file, bit for bit, from any clip, whatever else was asked for."""
    clips = []
    pipe(**few(**options, on_clip=clips.append))
    clips[clip - 1].resume.save(tmp_path / "past.safetensors")
    resumed = pipe(**few(**options, resume_from=Resume.load(tmp_path / "past.safetensors")))
    frames = [np.asarray(made.frames) for made in clips[clip:]]

    assert len(clips) == 3
    assert np.array_equal(np.asarray(resumed.frames)[0], np.concatenate(frames))
    assert all(torch.equal(a, b.latents) for a, b in zip(resumed.latents, clips[clip:], strict=True))


@pytest.mark.parametrize("frames", [8, 76])
def test_a_first_look_goes_on_to_the_whole_song(pipe, frames):
    """One clip was asked for; what it left behind, which is pixels alone, is enough for the others."""
    options = {"frames_per_clip": frames, "audio": song(frames * 3 / 16 - 0.1), "num_inference_steps": 1}
    whole, look = pipe(**few(**options)), []
    pipe(**few(**{**options, "num_clips": 1}, on_clip=look.append))
    rest = pipe(**few(**options, resume_from=look[0].resume))

    assert torch.equal(torch.cat([look[0].frames, rest.frames[0]]), whole.frames[0])


def test_what_is_saved_is_small_where_latents_are_enough(pipe):
    """Clips of 73 frames or more need no pixels of the past, shorter ones do; after the last, frames stand alone."""
    kept = {}
    for frames, seconds in ((8, 1.45), (76, 10)):
        clips = []
        pipe(**few(frames_per_clip=frames, audio=song(seconds), num_inference_steps=1, on_clip=clips.append))
        kept[frames] = [(c.resume.latents is None, c.resume.pixels is None) for c in clips]

    assert kept == {
        8: [(False, False), (False, False), (True, False)],
        76: [(False, True), (False, True), (True, False)],
    }


def test_noise_depends_on_the_seed_and_the_clip_alone(pipe):
    """Clip k of seed s starts from the noise of clip 0 of seed s + k, however many clips there are."""
    first = []
    for seed, clips in ((7, 3), (8, 1), (9, 2)):
        with Calls(pipe.transformer) as calls:
            pipe(**few(seed=seed, num_clips=clips, num_inference_steps=1))
        first.append([call["hidden_states"] for call in calls.arguments])

    assert torch.equal(first[0][1], first[1][0])
    assert torch.equal(first[0][2], first[2][0])
    assert torch.equal(first[0][0], torch.randn(1, 16, 2, 8, 8, generator=torch.Generator().manual_seed(7)))


def test_given_noise_takes_the_place_of_the_seed(pipe, plain):
    """With or without the axis of the batch; more of it than clips does no harm."""
    noise = [torch.randn(1, 16, 2, 8, 8, generator=torch.Generator().manual_seed(7 + k)) for k in range(4)]

    assert same(pipe(**few(seed=1, latents=noise)), plain)
    assert same(pipe(**few(seed=1, latents=[n[0] for n in noise])), plain)


def test_a_seed_is_drawn_and_named(pipe):
    """So that the video can be made again."""
    once = pipe(**few(seed=None, num_clips=1))

    assert same(pipe(**few(seed=once.seed, num_clips=1)), once)
    assert pipe(**few(seed=None, num_clips=1)).seed != once.seed


@pytest.mark.parametrize(("num_clips", "made"), [(1, 1), (2, 2), (3, 3), (9, 3), (None, 3)])
def test_there_are_as_many_clips_as_wanted_and_as_the_song_has(pipe, plain, num_clips, made):
    """The first ones are the same whatever follows."""
    result = pipe(**few(num_clips=num_clips))

    assert result.frames.shape[1] == 8 * made - 3
    assert torch.equal(result.frames[0], plain.frames[0, : 8 * made - 3])


# Kinds of output.


def test_kinds_of_output(pipe, plain):
    """The same pixels in every shape."""
    made = {kind: pipe(**few(output_type=kind)).frames for kind in ("np", "uint8", "pil", "latent")}
    as_bytes = (plain.frames[0] * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

    assert plain.frames.shape == (1, 21, 3, 64, 64)
    assert plain.frames.dtype == torch.float32
    assert 0 <= plain.frames.min() < 0.2 < 0.8 < plain.frames.max() <= 1
    assert made["np"].shape == (1, 21, 64, 64, 3)
    assert np.array_equal(made["np"], plain.frames.permute(0, 1, 3, 4, 2).numpy())
    assert made["uint8"].dtype == np.uint8
    assert np.abs(made["uint8"][0].astype(int) - as_bytes).max() <= 1  # a half may be rounded either way
    assert np.array_equal(np.stack([np.asarray(frame) for frame in made["pil"][0]]), made["uint8"][0])
    assert {frame.mode for frame in made["pil"][0]} == {"RGB"}
    assert made["latent"] is None


def test_latents_alone_cost_no_last_decoding(plain):
    """They are those of the other kinds."""
    clips, decoded = [], []

    class Counted(Blocks):
        def decode(self, latents, return_dict):
            decoded.append(latents)
            return super().decode(latents, return_dict)

    pipe = tiny_pipeline(vae=Counted())
    result = pipe(**few(output_type="latent"))
    pipe(**few(output_type="latent", num_clips=1, on_clip=clips.append))

    assert len(decoded) == 2
    assert all(map(torch.equal, result.latents, plain.latents))
    assert (clips[0].frames, clips[0].resume) == (None, None)


# Timing and length.


@pytest.fixture
def lamp(monkeypatch) -> WanS2VPipeline:
    monkeypatch.setattr(pipeline_module, "audio_features", loudness)
    return lamp_pipeline()


def flashes(frames: int, at: list[int]) -> np.ndarray:
    """A song with a click at the time of each of these frames."""
    sound = np.zeros(frames * RATE // 16, np.float32)
    for frame in at:
        sound[round(round(frame * 1.875) * RATE / 30) + 60] = 1.0
    return sound


def lit(result) -> list[int]:
    """Frames that are brighter than the others."""
    brightness = result.frames[0].mean((1, 2, 3))
    return (brightness > (brightness.min() + brightness.max()) / 2).nonzero().flatten().tolist()


CLICKS = [6, 13, 14, 21, 27]


@pytest.mark.parametrize(
    ("options", "late"),
    [
        ({}, 3),  # the reference: what is heard at frame n is seen at n - 3
        ({"align_audio": True}, 0),
        ({"align_audio": True, "fit_length": True}, 0),
        ({"init_first_frame": True}, 0),
        ({"init_first_frame": True, "align_audio": True}, 0),
    ],
)
def test_a_frame_hears_its_own_sound(lamp, options, late):
    """Clicks light the frames of their time, in every clip, where sound and picture are aligned."""
    told = {"prompt_embeds": torch.zeros(1, 2), "num_clips": None, "num_inference_steps": 4}
    result = lamp(**few(audio=flashes(32, CLICKS), **told, **options))

    assert lit(result) == [frame - late for frame in CLICKS]


def test_aligned_sound_is_that_of_the_reference_three_frames_later(pipe):
    """With the whole network: the clip after the first one starts three frames before its place in the song."""
    told = {}
    for name, options in (("plain", {}), ("aligned", {"align_audio": True})):
        with Calls(pipe.transformer) as calls:
            pipe(**few(**options, num_inference_steps=1))
        told[name] = torch.cat([call["audio_features"] for call in calls.arguments], dim=3)

    assert torch.equal(told["aligned"][..., 3:], told["plain"][..., :-3])
    assert torch.equal(told["aligned"][..., :3], told["plain"][..., :1].expand(-1, -1, -1, 3))


@pytest.mark.parametrize("samples", [1100, 7000, 16_000, 17_600, 22_000, 23_501])
@pytest.mark.parametrize("first", [False, True])
def test_a_fitted_video_is_as_long_as_the_song(pipe, samples, first):
    """To the frame, whatever the rate of the song."""
    for rate in (RATE, 22_050):
        sound = song(samples / RATE)
        options = {"fit_length": True, "num_clips": None, "num_inference_steps": 1, "init_first_frame": first}
        result = pipe(**few(audio=np.stack([sound, sound]), sampling_rate=rate, **options))

        assert result.frames.shape[1] == song_frames(samples, rate)


def test_a_fitted_video_costs_less(pipe):
    """The reference makes whole clips, and another at the end of a song that ends with a clip."""
    made = {}
    for fit in (False, True):
        with Calls(pipe.transformer) as calls:
            result = pipe(**few(audio=song(1.15), frames_per_clip=16, num_clips=None, fit_length=fit))
        made[fit] = result, calls.frames

    assert (made[False][1], made[True][1]) == (2 * 8, 2 * (4 + 2))  # latent frames, two steps: 32 and 24 frames
    assert torch.equal(made[True][0].frames[0, :13], made[False][0].frames[0, :13])
    assert made[True][0].frames.shape[1] == 19


# Guidance.


def test_sound_and_text_are_scaled_apart(pipe):
    """Three passes; equal scales are the two of the reference."""
    made = {}
    for audio in (None, 3.0, 1.5):
        with Calls(pipe.transformer) as calls:
            made[audio] = pipe(**few(guidance_scale=3.0, audio_guidance_scale=audio, num_clips=1)), len(calls)

    assert same(made[None][0], made[3.0][0])
    assert not same(made[None][0], made[1.5][0])
    assert [n for _, n in made.values()] == [4, 4, 6]


@pytest.mark.parametrize(
    ("options", "calls_a_clip"),
    [
        ({}, 10),
        ({"guidance_interval": (0.0, 0.6)}, 8),
        ({"guidance_interval": (0.2, 0.6)}, 7),
        ({"guidance_interval": (0.0, 0.0)}, 5),
        ({"guidance_interval": (0.0, 0.6), "audio_guidance_scale": 2.0}, 11),
        ({"guidance_scale": 1.0}, 5),
    ],
)
def test_guidance_in_a_part_of_the_steps_asks_the_network_less(pipe, options, calls_a_clip):
    """One call a step where it is off."""
    with Calls(pipe.transformer) as calls:
        pipe(**few(**{"guidance_scale": 3.0, "num_inference_steps": 5, "num_clips": 2, **options}))

    assert len(calls) == 2 * calls_a_clip


def test_the_unguided_side_hears_nothing(pipe):
    """Features of zero and the negative prompt; the rest is the same."""
    with Calls(pipe.transformer) as calls:
        pipe(**few(guidance_scale=3.0, audio_guidance_scale=2.0, num_inference_steps=1, num_clips=1))
    both, neither, text = calls.arguments
    told = prompts()

    assert both["audio_features"].abs().max() > 0
    assert neither["audio_features"].abs().max() == text["audio_features"].abs().max() == 0
    assert torch.equal(both["encoder_hidden_states"][0], told["prompt_embeds"])
    assert torch.equal(text["encoder_hidden_states"][0], told["prompt_embeds"])
    assert torch.equal(neither["encoder_hidden_states"][0], told["negative_prompt_embeds"])
    assert both["reference_latents"] is neither["reference_latents"]


# Rate and colour.


@pytest.mark.parametrize("fps", [24, 30])
@pytest.mark.parametrize("options", [{}, {"fit_length": True, "num_clips": None, "align_audio": True}])
def test_another_rate_keeps_the_duration(pipe, fps, options):
    """To half a frame; frames that exist at the time of one are passed on."""
    before = pipe(**few(output_type="uint8", **options)).frames[0]
    after = pipe(**few(output_type="uint8", output_fps=fps, **options)).frames[0]

    assert abs(len(after) / fps - len(before) / 16) <= 0.5 / fps + 1e-9
    shared = [(n * 16 // fps, n) for n in range(len(after)) if n * 16 % fps == 0 and n * 16 // fps < len(before)]
    assert len(shared) > 2
    assert all(np.array_equal(before[k], after[n]) for k, n in shared)


def test_another_rate_is_the_same_however_clips_are_cut(pipe):
    """Clip by clip and all at once."""
    clips = []
    whole = pipe(**few(output_type="uint8", output_fps=24)).frames[0]
    pipe(**few(output_type="uint8", output_fps=24, on_clip=clips.append))

    assert np.array_equal(np.concatenate([clip.frames for clip in clips]), whole)


@pytest.mark.parametrize("kind", ["np", "pt", "pil"])
def test_another_rate_in_every_kind(pipe, kind):
    """21 frames at 16 a second are 32 at 24."""
    frames = pipe(**few(output_type=kind, output_fps=24)).frames[0]

    assert len(frames) == 32
    assert kind == "pil" or 0 <= frames.min() < frames.max() <= 1


def test_drift_of_colour_is_told_and_taken_back(pipe):
    """Each clip ends nearer to the picture than it would."""
    clips = {}
    for strength in (0.0, 1.0):
        clips[strength] = []
        pipe(**few(output_type="uint8", colour_match=strength, on_clip=clips[strength].append))
    reference = ((reference_pixels(picture(), 64, 64)[0, :, 0] + 1) * 127.5).round().permute(1, 2, 0).byte().numpy()
    ends = {key: [measure_drift(clip.frames[-1:], reference).delta_e for clip in made] for key, made in clips.items()}

    assert all(clip.drift is None for clip in clips[0.0])
    assert all(clip.drift.delta_e > 5 for clip in clips[1.0])
    assert all(b < 0.7 * a for a, b in zip(ends[0.0], ends[1.0], strict=True))
    assert np.array_equal(clips[0.0][0].frames[0], clips[1.0][0].frames[0])  # nothing yet on the first frame


# Text.


@pytest.fixture(scope="module")
def reader() -> WanS2VPipeline:
    encoder, tokenizer = tiny_text()
    return tiny_pipeline(text_encoder=encoder, tokenizer=tokenizer)


def told(pipe: WanS2VPipeline, **options) -> list[torch.Tensor]:
    """The text that reaches the network: with the prompt, with the negative one."""
    without = {"prompt_embeds": None, "negative_prompt_embeds": None}
    with Calls(pipe.transformer) as calls:
        pipe(**few(**{**without, "guidance_scale": 3.0, "num_inference_steps": 1, "num_clips": 1, **options}))
    return [call["encoder_hidden_states"] for call in calls.arguments]


@pytest.mark.parametrize("text", ["", "abc", "  a &amp;amp; b <\n\t k ", "画面模糊 a", "abcdefghijk " * 60])
def test_text_is_read_as_by_wan(reader, text):
    """Cleaned, cut at 512 tokens, encoded under its mask; without the padding, which the network adds as zeros."""
    wan = WanPipeline(reader.tokenizer, reader.text_encoder, vae=None, scheduler=flow_unipc())
    wanted = wan._get_t5_prompt_embeds(text, max_sequence_length=512)
    ours, _ = told(reader, prompt=text)

    assert 1 <= ours.shape[1] <= 512
    assert torch.equal(ours, wanted[:, : ours.shape[1]])
    assert not wanted[:, ours.shape[1] :].any()


def test_the_negative_prompt_is_the_official_one_unless_another_is_given(reader):
    """An empty one is another."""
    default, official, empty = (
        told(reader, prompt="abc", **negative)[1]
        for negative in ({}, {"negative_prompt": pipeline_module.NEGATIVE_PROMPT}, {"negative_prompt": ""})
    )

    assert torch.equal(default, official)
    assert empty.shape != default.shape


def test_embeddings_with_and_without_a_batch(pipe, plain):
    """(tokens, dim) or (1, tokens, dim); in a half type, too."""
    rows = {name: embeds[None] for name, embeds in prompts().items()}

    assert same(pipe(**few(**rows)), plain)
    assert pipe(**few(prompt_embeds=rows["prompt_embeds"].half(), num_clips=1)).frames.isfinite().all()


def test_embeddings_and_text_give_the_same(reader):
    """Text once encoded need not be encoded again, and no encoder is needed then."""
    by_text = reader(**few(prompt="abc", negative_prompt="k", prompt_embeds=None, negative_prompt_embeds=None,
                           guidance_scale=3.0))  # fmt: skip
    prompt, negative = told(reader, prompt="abc", negative_prompt="k")
    by_embeds = tiny_pipeline()(**few(prompt_embeds=prompt, negative_prompt_embeds=negative, guidance_scale=3.0))

    assert same(by_text, by_embeds)


# What is kept, and what must not be.


def test_step_caches_begin_anew_with_each_clip():
    """A clip is the same whether clips were made before it or not, and whether the last call was stopped."""
    pipe = tiny_pipeline()
    pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=1.0))
    options = {"guidance_scale": 3.0, "num_inference_steps": 4}
    clips = []
    with Calls(pipe.transformer.blocks[-1].ffn) as last_block:
        pipe(**few(**options, on_clip=clips.append))
    resumed = pipe(**few(**options, resume_from=clips[0].resume))
    with pytest.raises(StopIteration):
        pipe(**few(**options, on_step=stop_at(1, 2)))
    again = pipe(**few(**options))

    assert len(last_block) < 3 * 4 * 2  # it does skip
    assert torch.equal(torch.cat([c.frames for c in clips[1:]]), resumed.frames[0])
    assert torch.equal(torch.cat([c.frames for c in clips]), again.frames[0])


def test_what_a_clip_does_not_change_is_computed_once(pipe):
    """The audio encoder runs once a clip and branch, not at every step; nothing is kept afterwards."""
    options = {"num_inference_steps": 3, "guidance_scale": 3.0, "audio_guidance_scale": 2.0}
    embedder = pipe.transformer.condition_embedder
    with (
        Calls(embedder.causal_audio_encoder.encoder) as audio,
        Calls(embedder.text_embedder) as text,
        Calls(pipe.transformer.frame_packer) as past,
        Calls(pipe.transformer) as calls,
    ):
        pipe(**few(**options))

    assert len(calls) == 3 * 3 * 3
    assert (len(audio), len(text), len(past)) == (3 * 2, 3 * 2, 2)
    assert pipe.transformer._memo is None


def stop_at(clip: int, step: int):
    """An ``on_step`` that stops there."""

    def on_step(*now: int) -> None:
        if now[:2] == (clip, step):
            raise StopIteration

    return on_step


def test_steps_are_told_and_may_stop_the_work(pipe, plain):
    """Before each step; whoever stops it can go on with the pipeline afterwards, from the last whole clip."""
    steps, clips = [], []
    pipe(**few(on_step=lambda *now: steps.append(now)))
    with pytest.raises(StopIteration):
        pipe(**few(on_step=stop_at(1, 1), on_clip=clips.append))

    assert steps == [(clip, step, 2) for clip in range(3) for step in range(2)]
    assert len(clips) == 1
    assert pipe.transformer._memo is None
    assert torch.equal(pipe(**few(resume_from=clips[0].resume)).frames[0], plain.frames[0, 5:])
    assert same(pipe(**few()), plain)


def test_a_callback_that_fails_leaves_the_pipeline_whole(pipe, plain):
    """The disk may be full when a clip is saved."""

    def on_clip(clip):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        pipe(**few(on_clip=on_clip))
    assert same(pipe(**few()), plain)


# Refused before any model runs.

BIG = song(1.45)
WRONG = {
    "image of 3 pixels": ({"image": picture(1, 3)}, "3 x 1 pixels"),
    "PIL image of 3 pixels": ({"image": PIL.Image.new("RGB", (3, 3))}, "3 x 3 pixels"),
    "RGBA": ({"image": PIL.Image.new("RGBA", (64, 64))}, "mode RGBA"),
    "RGBA array": ({"image": np.zeros((64, 64, 4), np.uint8)}, "RGB array"),
    "grey array": ({"image": np.zeros((64, 64), np.uint8)}, "RGB array"),
    "float image": ({"image": picture() / 255}, "uint8"),
    "path as image": ({"image": "picture.png"}, "image is a str"),
    "channels first": ({"image": torch.zeros(3, 64, 64)}, r"image is of shape \(3, 64, 64\)"),
    "tiny area": ({"max_area": 1000}, "max_area=1000"),
    "empty audio": ({"audio": BIG[:0]}, "audio is empty"),
    "silent audio": ({"audio": 0 * BIG}, "audio is silent"),
    "NaN audio": ({"audio": np.where(np.arange(len(BIG)) == 5, np.nan, BIG).astype(np.float32)}, "1 NaN"),
    "short audio": ({"audio": BIG[:300]}, "wav2vec2 needs at least"),
    "too short for a feature": ({"audio": BIG[:500]}, "2 are needed"),
    "interleaved audio": ({"audio": np.stack([BIG, BIG], axis=1)}, "audio.T"),
    "16-bit audio": ({"audio": (BIG * 9000).astype(np.int16)}, "int16"),
    "no rate": ({"sampling_rate": 0}, "sampling_rate=0"),
    "half a seed": ({"seed": 1.5}, "seed=1.5: must be a whole number"),
    "half a step": ({"num_inference_steps": 2.5}, "num_inference_steps=2.5: must be a whole number"),
    "half a frame": ({"frames_per_clip": 8.0}, "frames_per_clip=8.0: must be a whole number"),
    "half a clip": ({"num_clips": 1.5}, "num_clips=1.5: must be a whole number"),
    "number to resume from": ({"resume_from": 3}, "resume_from is a int"),
    "resumed without a seed": (
        {"resume_from": Resume(1, torch.zeros(1)), "seed": None, "latents": None}, "seed=None with resume_from"
    ),
    "82 frames": ({"frames_per_clip": 82}, "frames_per_clip=82"),
    "124 frames": ({"frames_per_clip": 124}, "frames_per_clip=124: .*rotary"),
    "no steps": ({"num_inference_steps": 0}, "num_inference_steps=0"),
    "no shift": ({"flow_shift": 0.0}, "flow_shift=0.0"),
    "no clips": ({"num_clips": 0}, "num_clips=0"),
    "no prompt": ({"prompt_embeds": None, "prompt": None}, "no text_encoder and no tokenizer: .*prompt_embeds"),
    "no negative": ({"negative_prompt_embeds": None, "guidance_scale": 3.0}, "no text_encoder and no tokenizer"),
    "flat embeddings": ({"prompt_embeds": torch.zeros(64)}, r"prompt_embeds has the shape \(64,\)"),
    "two prompts": ({"prompt_embeds": torch.zeros(2, 4, 64)}, r"prompt_embeds has the shape \(2, 4, 64\)"),
    "no tokens": ({"prompt_embeds": torch.zeros(0, 64)}, r"prompt_embeds has the shape \(0, 64\)"),
    "too many tokens": ({"prompt_embeds": torch.zeros(513, 64)}, "1 to 512"),
    "other width": ({"prompt_embeds": torch.zeros(5, 4096)}, r"\(1 to 512, 64\)"),
    "array as embeddings": ({"prompt_embeds": np.zeros((5, 64))}, "prompt_embeds is a ndarray"),
    "flat negative": (
        {"negative_prompt_embeds": torch.zeros(64), "guidance_scale": 3.0}, "negative_prompt_embeds has the shape"
    ),
    "too little noise": ({"latents": [torch.zeros(16, 2, 8, 8)] * 2}, "noise of 2 clips, but there are 3"),
    "noise of another shape": (
        {"latents": [torch.zeros(16, 2, 8, 8)] * 2 + [torch.zeros(16, 3, 8, 8)]},
        r"latents\[2\] has the shape \(16, 3, 8, 8\), expected \(1, 16, 2, 8, 8\)",
    ),
    "noise of another size": ({"latents": [torch.zeros(1, 16, 2, 8, 16)] * 3}, r"latents\[0\]"),
    "unknown output": ({"output_type": "mp4"}, "output_type='mp4'"),
    "slow output": ({"output_fps": 8}, "output_fps=8"),
    "no rate of output": ({"output_fps": 0}, "output_fps=0"),
    "too much colour": ({"colour_match": 1.5}, "colour_match=1.5"),
    "negative guidance": ({"guidance_scale": -1.0}, "guidance_scale=-1.0"),
    "interval": ({"guidance_interval": (0.5, 0.2)}, "guidance_interval"),
    "empty pose": ({"pose_video": []}, "no frame"),
    "small pose": ({"pose_video": np.zeros((4, 3, 3, 3), np.uint8)}, "pixels"),
    "later pose frame": ({"pose_video": [picture(), picture(), picture()[..., :1]]}, r"pose_frames\[2\]"),
    "pose without rate": ({"pose_video": [picture()], "pose_fps": 0}, "fps=0"),
    "resume beyond the song": ({"resume_from": Resume(3, pixels=torch.zeros(1, 3, 73, 64, 64))}, "there are 3 clips"),
    "resume without pixels": (
        {"resume_from": Resume(1, torch.zeros(1, 16, 19, 8, 8))}, "resume_from holds latents alone"
    ),
    "resume of another size": ({"resume_from": Resume(1, pixels=torch.zeros(1, 3, 73, 64, 128))}, "resume_from.pixels"),
    "resume of other latents": (
        {"resume_from": Resume(1, torch.zeros(1, 16, 19, 8, 16), torch.zeros(1, 3, 73, 64, 64))},
        "resume_from.latents",
    ),
    "resume without a frame": (
        {"resume_from": Resume(1, pixels=torch.zeros(1, 3, 73, 64, 64)), "output_fps": 24}, "no last frame"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_before_any_model_runs(pipe, name):
    """By name, with what was found."""
    arguments, complaint = WRONG[name]
    with untouched(pipe.transformer, pipe.audio_encoder), pytest.raises(ValueError, match=complaint):
        pipe(**few(**arguments))


@pytest.mark.parametrize("text", [None, ["abc"], 5])
def test_a_prompt_is_a_string(reader, text):
    """It may be empty, but not be left out."""
    networks = (reader.transformer, reader.audio_encoder, reader.text_encoder)
    with untouched(*networks), pytest.raises(ValueError, match=r"prompt=.*give a string"):
        reader(**few(prompt=text, prompt_embeds=None))


@pytest.mark.parametrize("missing", ["transformer", "vae", "scheduler", "audio_encoder"])
def test_a_missing_component_is_named(missing):
    """And only that one."""
    pipe = tiny_pipeline(**{missing: None})
    with pytest.raises(ValueError, match=f"the pipeline has no {missing}: build it with it$"):
        pipe(**few())


def test_components_of_other_models_are_refused():
    """The VAE of Wan 2.2's small model, the base wav2vec2, a small text encoder: all load, none fits."""
    blocks = Blocks()
    blocks.config = SimpleNamespace(z_dim=48)
    encoder, tokenizer = tiny_text()
    encoder.config.d_model = 32
    by_text = {"prompt": "abc", "prompt_embeds": None}
    for components, arguments, complaint in (
        ({"transformer": tiny_transformer(audio_dim=48)}, {}, "audio_encoder has 32 channels, .*takes 48"),
        ({"transformer": tiny_transformer(num_weighted_avg_layers=5)}, {}, "audio_encoder has 3 layers, .*takes 5"),
        ({"vae": blocks}, {}, "vae has 48 latent channels, but the transformer takes 16"),
        ({"text_encoder": encoder, "tokenizer": tokenizer}, by_text, "text_encoder has 32 channels"),
    ):
        with pytest.raises(ValueError, match=complaint):
            tiny_pipeline(**components)(**few(**arguments))


def test_an_audio_encoder_in_training_mode_is_refused():
    """Its dropout would make every video another."""
    pipe = tiny_pipeline()
    pipe.audio_encoder.train()
    with untouched(pipe.transformer, pipe.audio_encoder), pytest.raises(ValueError, match="training mode"):
        pipe(**few())


# With the rest of diffusers.


def test_another_solver_makes_a_video():
    """With another shift of its own, which does not count."""
    made = [tiny_pipeline(scheduler=FlowMatchEulerDiscreteScheduler(shift=s))(**few(num_clips=2)) for s in (1.0, 9.0)]

    assert made[0].frames.isfinite().all()
    assert same(*made)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_few_steps_are_enough_to_run(pipe, steps):
    """Also fewer than the solver's order."""
    assert pipe(**few(num_inference_steps=steps, num_clips=1)).frames.isfinite().all()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_pipeline_is_saved_and_opened_as_a_whole(tmp_path):
    """Every component, those with a default too; the frames are the same."""
    encoder, tokenizer = tiny_text()
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, sampling_rate=RATE)
    parts = {"text_encoder": encoder, "tokenizer": tokenizer, "audio_processor": extractor, "vae": tiny_vae()}
    pipe = tiny_pipeline(**parts)
    pipe.save_pretrained(tmp_path)
    opened = WanS2VPipeline.from_pretrained(tmp_path)
    opened.set_progress_bar_config(disable=True)
    options = few(prompt="abc", prompt_embeds=None, num_clips=1, num_inference_steps=1)

    assert all(component is not None for component in opened.components.values())
    assert same(opened(**options), pipe(**options))


def test_models_take_turns_in_the_order_that_offloading_goes_by():
    """Each is called up by its hook, the audio encoder too, though only its parts are called, and none comes twice."""
    encoder, tokenizer = tiny_text()
    pipe = tiny_pipeline(text_encoder=encoder, tokenizer=tokenizer, vae=tiny_vae())
    order: list[str] = []

    class Noting(ModelHook):
        def __init__(self, name: str) -> None:
            self.name = name

        def pre_forward(self, module, *args, **kwargs):
            order.append(self.name)
            return args, kwargs

    sequence = pipe.model_cpu_offload_seq.split("->")
    for name in sequence:
        add_hook_to_module(getattr(pipe, name), Noting(name))
    pipe(**few(prompt="abc", prompt_embeds=None, num_clips=1, num_inference_steps=1))

    assert sequence == ["text_encoder", "audio_encoder", "transformer", "vae"]
    assert order == ["text_encoder", "audio_encoder", "vae", "transformer", "vae"]


def test_a_network_in_bfloat16_beside_a_vae_in_float32(tmp_path):
    """Near to float32; everything outside the network stays float32."""
    tiny_transformer().save_pretrained(tmp_path)
    options, vae = few(num_clips=1), tiny_vae()
    half, full = (tiny_pipeline(transformer=load_transformer(tmp_path, dtype=d), vae=vae)(**options)
                  for d in (torch.bfloat16, torch.float32))  # fmt: skip

    assert half.latents[0].dtype == torch.float32
    assert 0 < (half.latents[0] - full.latents[0]).norm() / full.latents[0].norm() < 0.05
    assert half.frames.isfinite().all()


def test_a_pipeline_moves_as_one():
    """Components stay registered under their names, in every type."""
    pipe = tiny_pipeline(vae=tiny_vae()).to("cpu")
    halved = pipe.to(torch.bfloat16)

    assert halved.vae.dtype == torch.bfloat16
    assert halved(**few(num_clips=1, num_inference_steps=1)).frames.isfinite().all()


def test_for_latents_no_clip_makes_frames(pipe):
    clips = []
    pipe(**few(output_type="latent", on_clip=clips.append))
    assert len(clips) > 1
    assert all(clip.frames is None for clip in clips)
