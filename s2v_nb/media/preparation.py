"""What an engine hears of a song: louder or quieter, with silence around it, its drums or its melody in front.

None of this ever reaches the clip's sound track: what is muxed is the person's own song.
"""

import numpy as np

from s2v_nb.errors import InputError
from s2v_nb.media.audio import Audio, audio_from_array
from s2v_nb.media.loudness import integrated_loudness

SPEECH_MODEL_LUFS = -23.0  # EBU R 128; what audio encoders are commonly trained on
CEILING = 10 ** (-1 / 20)  # -1 dBFS
PARTS = ("percussive", "harmonic")
BLOCK_SECONDS, EDGE_SECONDS = 30, 2


def prepare(
    audio: Audio, *, silence: float = 0.0, loudness: float | None = SPEECH_MODEL_LUFS, emphasis: str | None = None
) -> Audio:
    """A song as an engine should hear it.

    Parameters
    ----------
    audio : Audio
    silence : float, seconds
        Put before and after; half a second keeps some engines from cutting into the first and last sound.
    loudness : float or None, LUFS
        Integrated loudness (ITU-R BS.1770-4) to bring it to, as far as no sample passes -1 dBFS; None leaves it.
    emphasis : 'percussive', 'harmonic' or None
        Which half to keep in front: see `emphasised`.
    """
    if emphasis is not None:
        audio = emphasised(audio, emphasis)
    if loudness is not None:
        audio = at_loudness(audio, loudness)
    return with_silence(audio, silence) if silence else audio


def with_silence(audio: Audio, seconds: float = 0.5) -> Audio:
    """The song with silence before and after; its times count from the start of the silence.

    Raises
    ------
    InputError
        If ``seconds`` is not from 0 to 10.
    """
    if not 0 <= seconds <= 10:
        raise InputError("settings.range", name="silence", value=seconds, low=0, high=10, unit=" s")
    count = round(seconds * audio.rate)
    samples = np.pad(audio.samples, ((0, 0), (count, count)))
    return audio_from_array(samples, audio.rate, audio.name)


def at_loudness(audio: Audio, lufs: float = SPEECH_MODEL_LUFS) -> Audio:
    """The song at this integrated loudness, or as near as no sample passes -1 dBFS; silence stays silence.

    Raises
    ------
    InputError
        If ``lufs`` is not from -70 to 0.
    """
    if not -70 <= lufs <= 0:
        raise InputError("settings.range", name="loudness", value=lufs, low=-70, high=0, unit=" LUFS")
    peak = float(np.abs(audio.samples).max(initial=0.0))
    found = integrated_loudness(audio.samples, audio.rate)
    if not np.isfinite(found):
        return audio
    gain = min(10 ** ((lufs - found) / 20), CEILING / peak)
    return audio_from_array(audio.samples * np.float32(gain), audio.rate, audio.name)


def emphasised(audio: Audio, part: str = "percussive", amount: float = 0.7) -> Audio:
    """Drums and attacks ('percussive') or tones ('harmonic') in front, the other part lowered by ``amount`` (0 to 1).

    The parts are told apart by median filters over the spectrogram (Fitzgerald, "Harmonic/percussive separation using
    median filtering", DAFx 2010; librosa).

    Raises
    ------
    InputError
        If ``part`` is neither, or ``amount`` not from 0 to 1.
    """
    if part not in PARTS:
        raise InputError("settings.choice", name="emphasis", value=part, allowed=", ".join(PARTS))
    if not 0 <= amount <= 1:
        raise InputError("settings.range", name="amount", value=amount, low=0, high=1, unit="")
    same = np.array_equal(audio.samples[0], audio.samples[1])
    fronts = [_front(channel, audio.rate, part) for channel in audio.samples[: 1 if same else 2]]
    front = np.stack(fronts * (2 if same else 1))
    return audio_from_array(front + (1 - amount) * (audio.samples - front), audio.rate, audio.name)


def _front(channel: np.ndarray, rate: int, part: str) -> np.ndarray:
    """One channel's percussive or harmonic part, half a minute at a time: the filters need many times its memory."""
    import librosa

    kept = {"percussive": librosa.effects.percussive, "harmonic": librosa.effects.harmonic}[part]
    block, edge = BLOCK_SECONDS * rate, EDGE_SECONDS * rate
    found = np.empty_like(channel)
    for first in range(0, len(channel), block):
        begin = max(0, first - edge)
        heard = kept(channel[begin : first + block + edge])
        found[first : first + block] = heard[first - begin : first - begin + block]
    return found
