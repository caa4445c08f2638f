"""The pipeline in little memory: the VAE hands its frames on as they come, other networks rest meanwhile."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch

from s2v_nb.models import wan_vae
from s2v_nb.models.wan_s2v.pipeline import WanS2VPipeline

KEPT = 8  # latents of pictures and features of songs


class LeanS2VPipeline(WanS2VPipeline):
    """See `WanS2VPipeline`; ``tiles``, ``rest`` and ``check`` are set by whoever made it.

    ``rest`` is called before the VAE works, so that what streams gives up its room on the device.
    """

    tiles: int = 1
    rest: Callable[[], None] = staticmethod(lambda: None)
    check: Callable[[], None] = staticmethod(lambda: None)
    _opening = False
    _known: OrderedDict[tuple[str, int, str], torch.Tensor] | None = None  # diffusers reads __init__: none of our own

    def _past(self, job: Any, resume: Any) -> Any:
        self._opening = resume is None
        try:
            return super()._past(job, resume)
        finally:
            self._opening = False

    def _encode(self, pixels: torch.Tensor) -> torch.Tensor:
        if self._opening or pixels.shape[2] == 1:  # the picture, and the past that is made of it
            return self._once("picture", pixels, self._encoded).to(self._execution_device)
        return self._encoded(pixels)

    def _encoded(self, pixels: torch.Tensor) -> torch.Tensor:
        self.rest()
        return wan_vae.encode(self.vae, pixels, tiles=self.tiles)

    def _once(self, kind: str, given: torch.Tensor, work: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """``work(given)``, or what it gave when a clip before had the same picture or the same sound."""
        content = hashlib.sha256(given.detach().cpu().contiguous().numpy().data).hexdigest()
        key = kind, self.tiles, content  # tiles are seen in the last digits
        if self._known is None:
            self._known = OrderedDict()
        if key not in self._known:
            self._known[key] = work(given).cpu()
        self._known.move_to_end(key)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return self._known[key]

    def _decode(self, latents: torch.Tensor, last: int) -> torch.Tensor:
        self.rest()
        skip = 1 + wan_vae.FRAMES_PER_LATENT * (latents.shape[2] - 1) - last
        chunks = wan_vae.decode(self.vae, latents, tiles=self.tiles, skip=skip, check=self.check)
        exact = torch.float16 if latents.is_cuda else torch.float32  # finer than the VAE's own bfloat16
        return torch.cat([chunk.to(exact) for chunk in chunks], dim=2)

    def _hear(self, sound: torch.Tensor) -> torch.Tensor:
        return self._once("sound", sound, self._heard)

    def _heard(self, sound: torch.Tensor) -> torch.Tensor:
        """The audio encoder is on the device for as long as it listens."""
        self.rest()
        self.audio_encoder.to(self._execution_device)
        try:
            return super()._hear(sound)
        finally:
            self.audio_encoder.to("cpu")


def load_audio_encoder(folder: Any) -> tuple[Any, Any]:
    """Wav2Vec2 and its processor, in the machine's memory."""
    from transformers import AutoFeatureExtractor, Wav2Vec2Model

    encoder = Wav2Vec2Model.from_pretrained(folder, use_safetensors=True, trust_remote_code=False)
    return encoder.eval().requires_grad_(False), AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=False)
