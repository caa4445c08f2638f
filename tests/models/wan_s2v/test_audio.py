"""What the model hears, against the reference's own numbers and against one pass of wav2vec2 over the whole song."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from s2v_nb.models.wan_s2v.audio import (
    audio_features,
    bucket,
    clip_count,
    feature_count,
    features_30fps,
    hidden_states,
    waveform_16k,
)
from tests.conftest import SHARED

transformers = pytest.importorskip("transformers", reason="needs transformers, of the extra 'gpu'")

GOLDEN = SHARED / "s2v" / "golden" / "audio_features.safetensors"
NEAR = 1e-5  # on values of up to 6.2: three units in the last place or so


@pytest.fixture(scope="module")
def golden() -> dict:
    """Tensors by name, and under 'metadata' what the file says about them."""
    if not GOLDEN.is_file():
        pytest.skip("needs ../shared/s2v/golden, numbers of the reference that lie beside the project")
    with safe_open(GOLDEN, "pt") as file:
        return load_file(GOLDEN) | {"metadata": file.metadata()}


@pytest.fixture(scope="module")
def heard(golden):
    """The reference's tiny Wav2Vec2ForCTC and its feature extractor."""
    config = transformers.Wav2Vec2Config(**json.loads(golden["metadata"]["wav2vec2_config"]))
    model = transformers.Wav2Vec2ForCTC(config).eval()
    model.load_state_dict({k[8:]: v.float() for k, v in golden.items() if k.startswith("weights.")})
    extractor = json.loads(golden["metadata"]["feature_extractor"])
    return model, transformers.Wav2Vec2FeatureExtractor(**extractor)


@pytest.fixture(scope="module")
def small():
    """A stable-layer-norm Wav2Vec2Model of two layers with random weights."""
    return tiny(feat_extract_norm="layer")


def tiny(**config):
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    sizes |= {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    return transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config(**sizes, do_stable_layer_norm=True, conv_bias=True, **config)
    ).eval()


def song(seconds: float = 2.0, rate: int = 16_000) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * 220 * t) + 0.1 * np.random.default_rng(1).normal(size=len(t))).astype(np.float32)


@pytest.mark.parametrize(
    ("case", "rate", "frames"), [("speech_2s3", 16_000, (80, 12, 8)), ("stereo_44100", 44_100, (80, 4))]
)
def test_features_are_those_of_the_reference(golden, heard, case, rate, frames):
    """From the sound to what each frame of each clip hears."""
    features = audio_features(*heard, golden[f"{case}.input.waveform"].float(), rate)
    expected = json.loads(golden["metadata"]["cases"])[case]

    assert features.shape == (5, expected["frames_30fps"], 32)
    for length in frames:
        clips = clip_count(features.shape[1], length)
        assert clips == expected["num_clips"][str(length)]
        assert (bucket(features, clips * length) - golden[f"{case}.output.bucket_{length}"]).abs().max() < NEAR


def test_steps_on_the_way_are_those_of_the_reference(golden, heard):
    """Resampled sound, hidden states and 30-fps features each."""
    loaded = waveform_16k(golden["stereo_44100.input.waveform"].float(), 44_100)
    hidden = hidden_states(heard[0], golden["speech_2s3.input.waveform"].float(), heard[1])

    assert (loaded - golden["stereo_44100.output.loaded"]).abs().max() < 1e-6
    assert (hidden - golden["speech_2s3.output.hidden_states"]).abs().max() < NEAR
    assert (features_30fps(hidden) - golden["speech_2s3.output.features_30fps"]).abs().max() < NEAR


def test_last_state_is_normalised(golden, heard):
    """transformers' own last hidden state, which lacks the final LayerNorm, is far from the reference's."""
    model, extractor = heard
    expected = golden["speech_2s3.output.hidden_states"][-1]
    sound = golden["speech_2s3.input.waveform"].float()
    values = extractor(sound.numpy(), sampling_rate=16_000, return_tensors="pt").input_values
    with torch.no_grad():
        theirs = model(values, output_hidden_states=True).hidden_states[-1][0]

    assert (theirs - expected).abs().max() > 0.1
    assert (hidden_states(model, sound, extractor)[-1] - expected).abs().max() < NEAR


@pytest.mark.parametrize("window_seconds", [0.001, 0.02, 0.13, 1.0])
def test_windows_change_nothing(small, window_seconds):
    """However short the windows of the convolutions, the states are those of one pass."""
    sound = waveform_16k(song(2.3456), 16_000)
    with torch.no_grad():
        values = (sound - sound.mean()) / sound.std(correction=0)
        whole = small(values[None], output_hidden_states=True)
    expected = torch.cat([*whole.hidden_states[:-1], whole.last_hidden_state])

    found = hidden_states(small, sound, window_seconds=window_seconds)

    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_group_norm_is_given_the_whole_song():
    """The first layer of the small models measures over all it is given, so their song is not cut."""
    model, sound = tiny(feat_extract_norm="group"), waveform_16k(song(), 16_000)

    assert torch.equal(hidden_states(model, sound, window_seconds=0.1), hidden_states(model, sound))


def test_a_short_way_to_30_fps_is_the_long_way(small):
    """Bringing each layer to 30 as it comes gives what is given by bringing all of them later."""
    states = hidden_states(small, waveform_16k(song(), 16_000))

    assert torch.equal(features_30fps(states), audio_features(small, None, song(), 16_000))


def test_a_model_in_half_precision_gives_float32():
    """The sound is normalised in float32, the model runs in its own type, the result is float32."""
    model, sound = tiny(feat_extract_norm="layer").to(torch.bfloat16), waveform_16k(song(), 16_000)
    values = (sound - sound.mean()) / sound.std(correction=0)
    with torch.no_grad():
        expected = model(values[None].to(torch.bfloat16)).last_hidden_state[0].float()

    found = hidden_states(model, sound)[-1]

    assert found.dtype == torch.float32
    assert (found - expected).norm() < 0.02 * expected.norm()


def test_no_hook_stays_behind(small):
    audio_features(small, None, song(), 16_000)

    assert not any(layer._forward_pre_hooks for layer in small.encoder.layers)


def test_training_mode_and_empty_windows_are_refused(small):
    sound = waveform_16k(song(), 16_000)
    with pytest.raises(ValueError, match=r"window_seconds=0 .*above 0"):
        hidden_states(small, sound, window_seconds=0)
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        hidden_states(tiny(feat_extract_norm="layer").train(), sound)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("samples", [1_201, 10_007])
def test_length_is_rounded_up(rate, samples):
    sound = song(samples / rate, rate)[:samples]
    mono = waveform_16k(torch.from_numpy(np.stack([sound, sound])), rate)

    assert mono.shape == (-(-samples * 16_000 // rate),)
    assert mono.dtype == torch.float32


def test_channels_are_averaged():
    left, right = song(), np.roll(song(), 100)

    assert np.allclose(waveform_16k(np.stack([left, right]), 16_000), (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("audio", "rate", "complaint"),
    [
        (np.zeros((2, 2, 2000), np.float32), 16_000, r"shape \(2, 2, 2000\)"),
        (np.zeros(0, np.float32), 16_000, "empty"),
        (song()[:399], 16_000, r"399 samples, 0\.0249 s at 16000 Hz"),
        (song()[:1000], 44_100, "at least 0.025 s"),
        (np.full(2000, np.nan, np.float32), 16_000, "2000 NaN or infinite"),
        (np.r_[song(), np.inf], 16_000, "1 NaN or infinite samples of 32001"),
        (np.zeros(2000, np.float32), 16_000, "silent.* are 0 "),
        (np.full(2000, 0.25, np.float32), 16_000, "silent"),
        (np.stack([song(), -song()]), 16_000, "do not cancel"),
        (np.ones(2000, np.int16), 16_000, "type int16.*divide"),
        (torch.ones(2000, dtype=torch.int32), 16_000, "type int32"),
        (np.stack([song(), song()], axis=1), 16_000, r"audio\.T"),
        (song(), 0, "sampling_rate=0"),
        (song(), -44_100, "sampling_rate=-44100"),
        (song(), float("nan"), "sampling_rate=nan"),
        (song(), 44_100.5, "whole number"),
    ],
)
def test_bad_sound_is_refused(audio, rate, complaint):
    """The message says what is wrong and what to do."""
    with pytest.raises(ValueError, match=complaint):
        waveform_16k(audio, rate)


def test_one_frame_is_too_short_for_30_fps():
    with pytest.raises(ValueError, match="1 frame of 1/50 s"):
        features_30fps(torch.zeros(3, 1, 4))


def test_song_that_fills_its_clips_has_one_more():
    """150 features are exactly one clip of 80 frames."""
    assert [clip_count(n, 80) for n in (1, 149, 150, 299, 300)] == [1, 1, 2, 2, 3]


def test_bucket_takes_the_nearest_feature():
    """Features that hold their own number show which one each frame hears; 0 is silence after the song."""
    features = torch.arange(1.0, 16.0).reshape(1, 15, 1)

    # 1.875 * (0, 1, 2, ...) = 0, 1.875, 3.75, 5.625, 7.5 (to the even 8), 9.375, 11.25, 13.125, 15
    assert bucket(features, 9).flatten().tolist() == [1, 3, 5, 7, 9, 10, 12, 14, 0]
    assert bucket(features, 6, offset=-3).flatten().tolist() == [1, 1, 1, 1, 3, 5]
    assert not bucket(features, 4, offset=100).any()


@pytest.mark.parametrize("length", [4, 5, 12])
def test_clips_one_by_one_are_the_song_in_one(length):
    features = torch.rand(2, 68, 3)
    clips = [bucket(features, length, offset=r * length) for r in range(4)]

    assert torch.equal(torch.cat(clips, dim=-1), bucket(features, 4 * length))


@pytest.mark.parametrize("samples", [720, 1000, 1039, 1040, 16_000, 16_079, 16_080, 48_123])
def test_features_are_counted_before_they_are_made(small, samples):
    """So that what does not fit the song is told before the network runs."""
    sound = np.sin(np.arange(samples)).astype(np.float32)

    assert feature_count(small, samples) == audio_features(small, None, sound, 16_000).shape[1]


def test_weights_may_be_away_until_they_are_needed(small):
    """As with accelerate's sequential offloading."""
    accelerate = pytest.importorskip("accelerate", reason="needs accelerate, of the extra 'gpu'")
    sound = np.sin(np.arange(4000)).astype(np.float32)
    away = tiny(feat_extract_norm="layer")
    accelerate.cpu_offload(away, torch.device("cpu"), offload_buffers=True)

    assert next(away.parameters()).is_meta
    assert torch.equal(audio_features(away, None, sound, 16_000), audio_features(small, None, sound, 16_000))
