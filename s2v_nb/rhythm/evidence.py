"""Everything the trackers look at, computed once for a song."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from s2v_nb.rhythm.activations import FPS, Activations
from s2v_nb.rhythm.features import BASS_HZ, BRIGHT_HZ, Curve, Spectrum, chroma, harmonic_change, mel_spectrum, rise

SILENCE_DB = 50.0  # under the loud moments
HALF_WINDOW_SECONDS = 0.046  # a window shows a sound this much before its centre reaches it


@dataclass(frozen=True, eq=False)
class Evidence:
    """Mono ``samples`` (time,) at 22 050 Hz, what can be read from them, and the networks' ``activations`` if any."""

    samples: np.ndarray
    activations: Activations | None = None

    def with_activations(self, activations: Activations) -> "Evidence":
        """The same song with what the networks heard; nothing is computed twice."""
        fuller = Evidence(self.samples, activations)
        known = {name: value for name, value in vars(self).items() if name not in ("samples", "activations")}
        vars(fuller).update(known)
        return fuller

    @cached_property
    def spectrum(self) -> Spectrum:
        return mel_spectrum(self.samples)

    @cached_property
    def onset(self) -> Curve:
        """Onset strength of the whole sound, in dB of rise a frame."""
        return Curve(rise(self.spectrum.power), self.spectrum.hop_seconds)

    @cached_property
    def bass(self) -> Curve:
        """The same of what lies under 150 Hz: kicks and bass notes."""
        return Curve(rise(self.spectrum.between(0, BASS_HZ)), self.spectrum.hop_seconds)

    @cached_property
    def sharp(self) -> Curve:
        """Onset strength by windows half as long: less sure of what, surer of when."""
        spectrum = mel_spectrum(self.samples, n_fft=1024)
        return Curve(rise(spectrum.power), spectrum.hop_seconds)

    @cached_property
    def chroma(self) -> np.ndarray:
        return chroma(self.samples)

    @cached_property
    def harmony(self) -> Curve:
        return harmonic_change(self.chroma)

    @cached_property
    def beat(self) -> Curve:
        """Probability of a beat by the networks, downbeats included."""
        return Curve(self._heard.beat + self._heard.downbeat, 1 / FPS)

    @cached_property
    def weak_beat(self) -> Curve:
        """Of a beat that is no downbeat."""
        return Curve(self._heard.beat, 1 / FPS)

    @cached_property
    def downbeat(self) -> Curve:
        return Curve(self._heard.downbeat, 1 / FPS)

    @property
    def _heard(self) -> Activations:
        assert self.activations is not None
        return self.activations

    @cached_property
    def sounding(self) -> tuple[float, float]:
        """When the first sound begins and the last ends, in seconds: before and after there is only silence."""
        level = 10 * np.log10(self.spectrum.power.sum(axis=0) + 1e-12)
        loud = np.flatnonzero(level > np.quantile(level, 0.95) - SILENCE_DB)
        step = self.spectrum.hop_seconds
        return max(0.0, float(loud[0]) * step - HALF_WINDOW_SECONDS), float(loud[-1] + 1) * step

    @cached_property
    def brightness_db(self) -> float:
        """Loud moments above 5 kHz against loud moments of the whole sound, in dB: -18 for metal, -35 for strings."""
        high, whole = self.spectrum.between(BRIGHT_HZ).sum(axis=0), self.spectrum.power.sum(axis=0)
        return float(10 * np.log10((np.quantile(high, 0.9) + 1e-9) / (np.quantile(whole, 0.9) + 1e-9)))
