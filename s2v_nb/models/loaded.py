"""What all loaded Wan models share: their networks placed as a plan says, texts embedded once, a way to stop."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from s2v_nb.models.cache import give_back
from s2v_nb.models.memory import MemoryPlan
from s2v_nb.models.wan_loading import embed_text, load_text_encoder, load_vae
from s2v_nb.models.wan_s2v.attention import best_attention_backend, set_attention
from s2v_nb.models.wan_s2v.fp8 import in_fp8, quantize_blocks

logger = logging.getLogger(__name__)

KEPT_TEXTS = 64

_texts: OrderedDict[tuple[str, str], torch.Tensor] = OrderedDict()  # (folder, text) -> embeddings on the CPU
_texts_lock = Lock()


class Loaded:
    """A transformer and a VAE on a device; the text encoder comes when a text is new.

    Parameters
    ----------
    folders : role to folder, as `s2v_nb.models.download.located` gives them
    defaults : of the model in the catalogue

    ``check`` is called often while the networks run, and may raise to stop them; `stopping` sets it.
    """

    transformer: Any = None
    vae: Any = None

    def __init__(self, folders: Mapping[str, Path], plan: MemoryPlan, device: Any, defaults: Mapping[str, Any]) -> None:
        self.folders, self.plan, self.device = dict(folders), plan, torch.device(device)
        self.defaults = defaults
        self.dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        self.lock = Lock()  # one clip at a time
        self._check: Callable[[], None] = lambda: None
        self._text_encoder: Any = None

    @property
    def host_bytes(self) -> float:
        """What the weights take of the machine's memory."""
        return self.plan.host_bytes

    def follow(self, plan: MemoryPlan) -> None:
        """Work as a plan says that has the weights where this model has them."""
        self.plan = plan
        self.transformer._lean.part = plan.part
        if plan.text_streams:
            self._drop_text_encoder()

    def check(self) -> None:
        self._check()

    def stopping(self, check: Callable[[], None]) -> None:
        """Call this from now on while networks run."""
        self._check = check

    def embed(self, *texts: str) -> list[torch.Tensor]:
        """Embeddings of each text (1, tokens, dim) without padding, on the device; a text is read once a process."""
        folder = str(self.folders["text_encoder"])
        with _texts_lock:
            new = [text for text in dict.fromkeys(texts) if (folder, text) not in _texts]
        found = self._embedded(new) if new else {}
        with _texts_lock:
            for text, embeds in found.items():
                _texts[folder, text] = embeds.cpu()
            for text in texts:  # the ones that are asked for go last
                _texts.move_to_end((folder, text))
            while len(_texts) > KEPT_TEXTS:
                _texts.popitem(last=False)
            return [_texts[folder, text].to(self.device) for text in texts]

    def rest(self) -> None:
        """The transformer waits for other networks: what streams gives its room on the device back."""
        if self.transformer.streamed is not None:
            self.transformer.streamed.release()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def close(self) -> None:
        if self.transformer is not None and self.transformer.streamed is not None:
            self.transformer.streamed.close()
        self._drop_text_encoder()
        self.__dict__.update(transformer=None, vae=None, pipeline=None)

    def _ready(self, load: Callable[..., Any], *, compiled: bool = True, dynamic: bool = False) -> None:
        """Place the networks as the plan says; ``compiled`` and ``dynamic`` as in `LeanBlocks`, on a GPU."""
        place: dict[str, Any] = {
            "device": self.device,
            "stream": self.plan.streams,
            "from_disk": self.plan.way == "disk",
        }
        if self.plan.way == "fp8":
            place["device"] = torch.device("cpu")
        self.transformer = load(self.folders["transformer"], self.dtype, **place)
        if self.plan.way == "fp8":
            quantize_blocks(self.transformer, self.device, in_fp8)
        set_attention(self.transformer, best_attention_backend(self.dtype))
        options: dict[str, Any] = {"weights": self.transformer.streamed} if self.plan.streams else {}
        options["compiled"] = compiled and self.device.type == "cuda"
        self.transformer.run_lean(part=self.plan.part, dynamic=dynamic, check=self.check, **options)
        self.vae = load_vae(self.folders["vae"], self.dtype, self.device)

    def _embedded(self, texts: list[str]) -> dict[str, torch.Tensor]:
        if self._text_encoder is None:
            self.rest()
            self._text_encoder = self._load_text_encoder()
        tokenizer, encoder = self._text_encoder
        try:
            with torch.no_grad():
                return {text: embed_text(tokenizer, encoder, text, self.device) for text in texts}
        finally:
            if self.plan.text_streams:
                self._drop_text_encoder()

    def _load_text_encoder(self) -> tuple[Any, Any]:
        from transformers import AutoTokenizer

        logger.info("the text encoder is loaded")
        streams = self.plan.text_streams and self.device.type == "cuda"
        tokenizer = AutoTokenizer.from_pretrained(self.folders["tokenizer"], trust_remote_code=False)
        encoder = load_text_encoder(
            self.folders["text_encoder"], self.dtype, self.device, stream=streams, from_disk=streams
        )
        return tokenizer, encoder

    def _drop_text_encoder(self) -> None:
        if self._text_encoder is not None:
            streamed = getattr(self._text_encoder[1], "streamed", None)
            if streamed is not None:
                streamed.close()
            self._text_encoder = None
            give_back()
