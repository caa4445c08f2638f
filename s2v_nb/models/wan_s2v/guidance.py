"""How predictions with and without text and sound are put together."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

# predict(prompt, sound): the velocity with the prompt, or the negative one; with the sound, or silence
Predict = Callable[[bool, bool], torch.Tensor]


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance (J. Ho, T. Salimans, 2022), for text and sound at once or apart.

    ``text`` alone is the reference: u + text (ta - u), u with negative prompt and silence, ta with prompt and sound.
    With another ``audio`` it is u + text (t - u) + audio (ta - t), t with the prompt and silence: three passes.
    ``interval`` is the part of the steps that is guided; outside it, as for scales up to 1, one pass is enough
    (T. Kynkaanniemi et al., "Applying guidance in a limited interval", 2024).
    """

    text: float = 4.5
    audio: float | None = None
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        first, last = self.interval
        if not 0 <= first <= last <= 1:
            raise ValueError(
                f"guidance_interval={self.interval}: must be two parts of the steps, 0 <= first <= last <= 1"
            )
        for name, scale in (("guidance_scale", self.text), ("audio_guidance_scale", self.audio)):
            if scale is not None and not 0 <= scale < float("inf"):
                raise ValueError(f"{name}={scale}: must be 0 or above; 1 is no guidance, 4.5 the published value")

    def passes(self, step: int, steps: int) -> int:
        """How often the network runs in this step: 1, 2 or 3."""
        first, last = (round(edge * steps, 6) for edge in self.interval)  # 0.55 * 100 is above 55
        if not first <= step < last:
            return 1
        if self.audio is None or self.audio == self.text:
            return 2 if self.text > 1 else 1
        return 3

    def combine(self, predict: Predict, step: int, steps: int) -> torch.Tensor:
        """The guided velocity of this step."""
        passes = self.passes(step, steps)
        both = predict(True, True)
        if passes == 1:
            return both
        neither = predict(False, False)
        if passes == 2:
            return neither + self.text * (both - neither)
        prompt = predict(True, False)
        assert self.audio is not None
        return neither + self.text * (prompt - neither) + self.audio * (both - prompt)
