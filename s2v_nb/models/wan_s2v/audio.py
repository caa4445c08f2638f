"""What the model hears: a song as the hidden states of wav2vec2, first 50, then 30 times a second, then once a frame.

Lengths: ``n50`` frames at wav2vec2's own rate (one in 320 samples of 16 kHz), ``n30`` at 30 a second. A song of four
minutes is 1.2 GB of float32 at 50 a second and 0.7 GB at 30, so each layer is brought to 30 as soon as it is there.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import soxr
import torch
from torch.nn import functional

RATE = 16_000  # Hz, what wav2vec2 was trained on
FIELD = 400  # samples that one frame of wav2vec2 sees; a song must have as many
WINDOW_SECONDS = 10.0  # of sound through the convolutions at once: about 0.3 GB for the large model
PER_FRAME = 30 / 16  # 30-fps features for each frame of video
MOST_CHANNELS = 32


def waveform_16k(audio: np.ndarray | torch.Tensor, sampling_rate: int) -> torch.Tensor:
    """The sound as one channel at 16 kHz.

    Parameters
    ----------
    audio : array or tensor of floats, shape (samples,) or (channel, samples), -1 to 1
    sampling_rate : int, Hz

    Returns
    -------
    torch.Tensor, float32, shape (ceil(samples * 16000 / sampling_rate),), on the CPU
        The mean of the channels, resampled by soxr in quality HQ (as ``librosa.load`` does).

    Raises
    ------
    ValueError
        If the sound has another shape or type, holds NaN or infinity, is silent or too short for wav2vec2.
    """
    rate = _checked_rate(sampling_rate)
    mono = _mono(audio)
    length = -(-len(mono) * RATE // rate)
    if length < FIELD:
        raise ValueError(
            f"audio has {len(mono)} samples, {len(mono) / rate:.4f} s at {rate} Hz, but wav2vec2 needs at least "
            f"{FIELD / RATE} s; is sampling_rate right, and is the excerpt long enough?"
        )
    if mono.min() == mono.max():
        raise ValueError(
            f"audio is silent: all {len(mono)} samples are {mono[0]:g} once its channels are averaged, and silence "
            "cannot be brought to unit loudness; choose a part of the song that sounds, or channels that do not cancel"
        )
    out = mono if rate == RATE else soxr.resample(mono, rate, RATE, quality="HQ")
    out = np.pad(out[:length], (0, max(0, length - len(out))))  # soxr alone may return one sample more or less
    return torch.from_numpy(np.array(out, np.float32))


def _checked_rate(sampling_rate: float) -> int:
    """The sampling rate as a whole number of hertz."""
    if not sampling_rate > 0 or sampling_rate != int(sampling_rate):  # written so that NaN is refused too
        raise ValueError(
            f"sampling_rate={sampling_rate} must be a whole number of hertz above 0, such as 44100; "
            "take it from the file that the sound was read from"
        )
    return int(sampling_rate)


def _mono(audio: np.ndarray | torch.Tensor) -> np.ndarray:
    """Float32 of shape (samples,): the mean of the channels, once the sound has been checked."""
    sound = audio.detach().cpu() if isinstance(audio, torch.Tensor) else np.asarray(audio)
    if isinstance(sound, torch.Tensor):
        sound = (sound.float() if sound.is_floating_point() else sound).numpy()  # numpy knows no bfloat16
    if sound.ndim not in (1, 2):
        raise ValueError(f"audio has shape {sound.shape}, but must be (samples,) or (channel, samples)")
    if not np.issubdtype(sound.dtype, np.floating):
        raise ValueError(
            f"audio is of type {sound.dtype}, but must be floats from -1 to 1; divide 16-bit samples by 32768"
        )
    if not sound.size:
        raise ValueError(f"audio is empty, its shape is {sound.shape}; was the excerpt beyond the end of the song?")
    if sound.ndim == 2 and len(sound) > MOST_CHANNELS:
        raise ValueError(
            f"audio has shape {sound.shape}, so {len(sound)} channels, but {MOST_CHANNELS} is the most; "
            "is it (samples, channels)? Then pass audio.T"
        )
    sound = sound.astype(np.float32)
    if not np.isfinite(sound).all():
        raise ValueError(
            f"audio holds {np.count_nonzero(~np.isfinite(sound))} NaN or infinite samples of {sound.size}, but all "
            "must be finite; was the file damaged, or silence divided by its loudness?"
        )
    return sound if sound.ndim == 1 else sound.mean(axis=0)


def hidden_states(
    model: Any, waveform: torch.Tensor, processor: Any = None, *, window_seconds: float = WINDOW_SECONDS
) -> torch.Tensor:
    """Every hidden state of wav2vec2, the last one after the encoder's final LayerNorm.

    Parameters
    ----------
    model : transformers ``Wav2Vec2Model`` or ``Wav2Vec2ForCTC``, in evaluation mode
        Used where it is and in the type it has. Its attention should be SDPA, the default: 'eager' takes memory with
        the square of the length.
    waveform : torch.Tensor, shape (samples,), at 16 kHz
    processor : ``Wav2Vec2FeatureExtractor`` or ``Wav2Vec2Processor``, optional
        Normalises the whole song; without it, to zero mean and unit variance, which is what the released ones do.
    window_seconds : float
        How much sound goes through the convolutions at once: bounds the memory, changes nothing in the result.

    Returns
    -------
    torch.Tensor, float32, shape (layers + 1, n50, dim), on the CPU
        State 0 is what enters the first layer. transformers >= 5 gives the last state without the final LayerNorm in
        ``hidden_states``, which the S2V model was not trained on.

    Raises
    ------
    ValueError
        If the model is in training mode (dropout would make the features random) or the window is not positive.
    """
    return _each_state(model, waveform, processor, window_seconds, at_30fps=False)


def features_30fps(hidden: torch.Tensor) -> torch.Tensor:
    """From 50 to 30 frames a second, linearly, first and last frame kept.

    Parameters
    ----------
    hidden : torch.Tensor, shape (layers, n50, dim)

    Returns
    -------
    torch.Tensor, float32, shape (layers, int(n50 / 50 * 30), dim)

    Raises
    ------
    ValueError
        If there is a single frame, which leaves none at 30 a second.
    """
    layers, n50, dim = hidden.shape
    out = torch.empty(layers, _n30(n50), dim)
    for row, state in zip(out, hidden, strict=True):
        row.copy_(_at_30fps(state))
    return out


def audio_features(
    model: Any,
    processor: Any,
    audio: np.ndarray | torch.Tensor,
    sampling_rate: int,
    *,
    window_seconds: float = WINDOW_SECONDS,
) -> torch.Tensor:
    """A song as 30-fps features, float32 of shape (layers + 1, n30, dim) on the CPU.

    `features_30fps` of `hidden_states` of `waveform_16k`, which see, without holding the song at 50 frames a second.
    """
    return _each_state(model, waveform_16k(audio, sampling_rate), processor, window_seconds, at_30fps=True)


def feature_count(model: Any, samples: int) -> int:
    """How many 30-fps features ``samples`` samples of 16 kHz give: ``n30`` of `audio_features`, before it is run."""
    return _n30(_n50(wav2vec2(model).config, samples))


def wav2vec2(model: Any) -> Any:
    """The network without a CTC head; ValueError if it is in training mode."""
    encoder = getattr(model, "wav2vec2", model)
    if encoder.training:
        raise ValueError("model is in training mode, whose dropout makes features random; call model.eval() first")
    return encoder


def clip_count(n30: int, frames_per_clip: int) -> int:
    """How many clips a song takes; one that ends exactly with a clip has one more, silent, as in the reference."""
    return int(n30 / (frames_per_clip * PER_FRAME)) + 1


def bucket(features: torch.Tensor, frames: int, offset: int = 0) -> torch.Tensor:
    """The features that each frame of video hears.

    Frame k takes the feature nearest to time (k + offset) / 16 s, halves to the even one. Clip r of a song is
    ``bucket(features, F, offset=r * F)``, so that the whole song is never held twice.

    Parameters
    ----------
    features : torch.Tensor, shape (layers, n30, dim)
    frames : int
        Frames of video, 16 a second.
    offset : int
        Frames of video by which to start later in the song. With -3 the picture no longer leads the sound by the three
        frames that are cut from the start of the first clip.

    Returns
    -------
    torch.Tensor, shape (1, layers, dim, frames)
        Zeros after the song. Before the song, its first feature: only the frames that are cut away lie there, and what
        the frames after them hear through the model's convolution should be no silence that the song does not have.
    """
    layers, n30, dim = features.shape
    index = np.round((np.arange(frames) + offset) * PER_FRAME).astype(np.int64)
    heard = torch.from_numpy(np.flatnonzero(index < n30))
    out = features.new_zeros(1, layers, dim, frames)
    out[0, :, :, heard] = features[:, torch.from_numpy(index).clamp(min=0)[heard]].transpose(1, 2)
    return out


def _at_30fps(state: torch.Tensor) -> torch.Tensor:
    """One layer, (n50, dim), as float32 of (n30, dim)."""
    channels = state.float().T[None]
    return functional.interpolate(channels, size=_n30(len(state)), mode="linear", align_corners=True)[0].T


def _n30(n50: int) -> int:
    """How many frames are left at 30 a second; computed as in the reference, rounding errors and all."""
    n30 = int(n50 / 50 * 30)
    if n30 < 1:
        raise ValueError(f"the sound has {n50} frame of 1/50 s, but 2 are needed for one of 1/30 s; use a longer one")
    return n30


def _each_state(
    model: Any, waveform: torch.Tensor, processor: Any, window_seconds: float, *, at_30fps: bool
) -> torch.Tensor:
    """Every hidden state, float32 of shape (layers + 1, n50 or n30, dim) on the CPU."""
    encoder = wav2vec2(model)
    if not window_seconds > 0:
        raise ValueError(f"window_seconds={window_seconds} must be above 0; {WINDOW_SECONDS} suits the large model")
    with torch.no_grad():
        frames = _frames(encoder, _normalised(waveform, processor), window_seconds)
        return _through_layers(encoder.encoder, frames, at_30fps)


def _normalised(waveform: torch.Tensor, processor: Any) -> torch.Tensor:
    """The whole song as wav2vec2 expects it, float32 of shape (samples,)."""
    sound = waveform.detach().cpu().numpy().astype(np.float32)
    if processor is not None:
        return torch.from_numpy(np.asarray(processor(sound, sampling_rate=RATE, return_tensors="np").input_values[0]))
    return torch.from_numpy((sound - sound.mean()) / np.sqrt(sound.var() + np.float32(1e-7)))


def _frames(model: Any, sound: torch.Tensor, window_seconds: float) -> torch.Tensor:
    """What enters the encoder, (1, n50, dim): convolutions and projection, a window at a time.

    Frame i is made of samples i*hop to i*hop + field and of nothing else, so windows that share field - hop samples
    give what one pass would.
    """
    weight = model.feature_projection.projection.weight
    device = "cpu" if weight.is_meta else weight.device  # offloaded weights come, and take the sound along, by a hook
    parts = []
    for window in _windows(model.config, len(sound), window_seconds):
        convolved = model.feature_extractor(sound[None, window].to(device, weight.dtype))
        parts.append(model.feature_projection(convolved.transpose(1, 2))[0])
    return torch.cat(parts, dim=1)


def _windows(config: Any, samples: int, window_seconds: float) -> Iterator[slice]:
    """Stretches of samples whose frames, put together, are those of the whole."""
    hop, field = _hop_and_field(config)
    frames = _n50(config, samples)
    per_window = max(1, int(window_seconds * RATE) // hop)
    if config.feat_extract_norm != "layer":  # 'group' measures loudness over all it is given, so it is given all
        per_window = frames
    for first, end in pairwise([*range(0, frames, per_window), frames]):
        yield slice(first * hop, (end - 1) * hop + field)


def _hop_and_field(config: Any) -> tuple[int, int]:
    """Samples from one frame to the next, and samples that one frame sees."""
    strides = [1, *config.conv_stride]
    field = 1 + sum((kernel - 1) * prod(strides[: i + 1]) for i, kernel in enumerate(config.conv_kernel))
    return prod(strides), field


def _n50(config: Any, samples: int) -> int:
    """How many frames the convolutions make."""
    hop, field = _hop_and_field(config)
    return (samples - field) // hop + 1


def _through_layers(encoder: Any, frames: torch.Tensor, at_30fps: bool) -> torch.Tensor:
    """Run the encoder over all frames, for each of them attends to all, and take every layer's input as it passes.

    One layer is on the device at a time; asked for its hidden states, the encoder would hold them all there.
    """
    n50, dim = frames.shape[1:]
    out = torch.empty(len(encoder.layers) + 1, _n30(n50) if at_30fps else n50, dim)
    rows = iter(out)

    def take(state: torch.Tensor) -> None:
        here = state[0].to("cpu", torch.float32)
        next(rows).copy_(_at_30fps(here) if at_30fps else here)

    def before_layer(module: Any, args: tuple, kwargs: dict) -> None:
        take(args[0] if args else kwargs["hidden_states"])

    with ExitStack() as hooks:
        for layer in encoder.layers:
            hooks.callback(layer.register_forward_pre_hook(before_layer, with_kwargs=True).remove)
        take(encoder(frames).last_hidden_state)
    return out
