"""The models we use, in one table: what of which repository, under which licence, how big, with which settings.

A model is made of components. A component is stored once, whoever uses it: all models here read their texts with the
same UMT5-XXL. Sizes are bytes, of the files as they are stored, and serve for planning where the hub cannot be asked;
`Component.loaded` is what is in memory in the data type that we compute in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from s2v_nb.errors import InputError

ROLES = ("transformer", "text_encoder", "tokenizer", "vae", "audio_encoder")
FREE_LICENCES = ("Apache-2.0", "MIT")  # taken without a question; any other needs an explicit yes


@dataclass(frozen=True)
class Component:
    """Files of one repository at one revision, stored once whoever uses them."""

    key: str
    repository: str
    revision: str  # commit; '' is pinned at the first download, see `s2v_nb.models.pins`
    folder: str  # inside the repository, '' for its root
    files: tuple[str, ...]  # patterns below the root of the repository; a star also stands for a slash
    bytes: int
    licence: str  # SPDX
    loaded: int = 0  # bytes in memory; 0 where nothing of it is a network

    @property
    def free(self) -> bool:
        """Whether its licence asks nothing of a person who only makes clips."""
        return self.licence in FREE_LICENCES


@dataclass(frozen=True)
class Model:
    """One choice of weights that makes clips."""

    key: str
    about: tuple[str, str]  # English, Chinese
    components: Mapping[str, Component]  # role, one of `ROLES`, to component
    defaults: Mapping[str, Any] = field(default_factory=dict)
    layout: str = "diffusers"  # of the transformer: diffusers, native, comfyui-fp8, gguf
    loader: str = ""  # what opens the transformer

    @property
    def bytes(self) -> int:
        return sum(component.bytes for component in self.components.values())

    @property
    def licences(self) -> tuple[str, ...]:
        return tuple(sorted({component.licence for component in self.components.values()}))


_TI2V = ("Wan-AI/Wan2.2-TI2V-5B-Diffusers", "b8fff7315c768468a5333511427288870b2e9635")
_T2V = ("Wan-AI/Wan2.1-T2V-14B-Diffusers", "38ec498cb3208fb688890f8cc7e94ede2cbd7f68")
_S2V = ("Wan-AI/Wan2.2-S2V-14B", "dab4e9c55bbe4c8c4d03db1c2c98c7f0ac9c454b")
_FAST = ("FastVideo/FastWan2.2-TI2V-5B-FullAttn-Diffusers", "3e187042a324f6f5fb68fd22110a78725253de8f")
_COMFY = ("Comfy-Org/Wan_2.2_ComfyUI_Repackaged", "c4f60d30c55a624e35427060fdd217579a6c1d77")
_GGUF = ("QuantStack/Wan2.2-S2V-14B-GGUF", "")  # no revision of it is known to us for sure

_HEARING = "wav2vec2-large-xlsr-53-english"
_FP8 = "split_files/diffusion_models"

# UMT5-XXL lies in several of Wan's repositories: this one has it in bfloat16, as it was published, the others in
# float32 with twice the bytes.
TEXT_ENCODER = Component(
    "umt5-xxl",
    *_TI2V,
    "text_encoder",
    ("text_encoder/config.json", "text_encoder/*.safetensors", "text_encoder/*.safetensors.index.json"),
    bytes=11_361_874_539,
    licence="Apache-2.0",
    loaded=11_361_820_672,
)
TOKENIZER = Component(
    "umt5-tokenizer",
    *_TI2V,
    "tokenizer",
    ("tokenizer/*.json", "tokenizer/spiece.model"),
    bytes=21_454_609,
    licence="Apache-2.0",
)
VAE_21 = Component(
    "wan21-vae",
    *_T2V,
    "vae",
    ("vae/config.json", "vae/*.safetensors"),
    bytes=507_600_000,
    licence="Apache-2.0",
    loaded=253_800_000,
)
VAE_22 = Component(
    "wan22-vae",
    *_TI2V,
    "vae",
    ("vae/config.json", "vae/*.safetensors"),
    bytes=2_818_779_509,
    licence="Apache-2.0",
    loaded=1_409_400_000,
)
TI2V = Component(
    "wan-ti2v-5b",
    *_TI2V,
    "transformer",
    ("transformer/config.json", "transformer/*.safetensors", "transformer/*.safetensors.index.json"),
    bytes=19_999_308_424,  # float32
    licence="Apache-2.0",
    loaded=9_999_575_424,
)
FAST_TI2V = Component(
    "fastwan-ti2v-5b",
    *_FAST,
    "transformer",
    ("transformer/config.json", "transformer/*.safetensors", "transformer/*.safetensors.index.json"),
    bytes=9_999_660_000,  # bfloat16
    licence="Apache-2.0",
    loaded=9_999_575_424,
)
# The repository's text encoder and VAE are pickle files; both come from elsewhere.
S2V = Component(
    "wan-s2v-14b",
    *_S2V,
    "",
    ("config.json", "diffusion_pytorch_model*.safetensors", "diffusion_pytorch_model.safetensors.index.json"),
    bytes=32_591_800_000,
    licence="Apache-2.0",
    loaded=32_591_511_218,
)
S2V_FP8 = Component(
    "wan-s2v-14b-fp8",
    *_COMFY,
    _FP8,
    (f"{_FP8}/wan2.2_s2v_14B_fp8_scaled.safetensors",),
    bytes=16_394_821_672,
    licence="Apache-2.0",
    loaded=32_591_511_218,  # our loader gives bfloat16
)
S2V_Q4 = Component(
    "wan-s2v-14b-q4",
    *_GGUF,
    "",
    ("Wan2.2-S2V-14B-Q4_K_M.gguf",),
    bytes=13_900_000_000,
    licence="Apache-2.0",
    loaded=13_900_000_000,
)
S2V_HEARING = Component(  # the folder holds the same weights in other formats, too, and they stay there
    "wav2vec2-xlsr-english",
    *_S2V,
    _HEARING,
    tuple(f"{_HEARING}/{name}" for name in ("config.json", "preprocessor_config.json", "model.safetensors")),
    bytes=1_261_950_000,
    licence="Apache-2.0",
    loaded=1_261_900_000,
)

_TI2V_PARTS = {"text_encoder": TEXT_ENCODER, "tokenizer": TOKENIZER, "vae": VAE_22}
_S2V_PARTS = {"text_encoder": TEXT_ENCODER, "tokenizer": TOKENIZER, "vae": VAE_21, "audio_encoder": S2V_HEARING}
# github.com/Wan-Video/Wan2.2, wan/configs/wan_s2v_14B.py
_S2V_DEFAULTS = {"steps": 40, "guidance": 4.5, "shift": 3.0, "fps": 16, "frames": 80}
_SMALL_S2V = _S2V_DEFAULTS | {"steps": 20, "guidance": 6.0}  # ComfyUI's template for its files
# github.com/Wan-Video/Wan2.2, wan/configs/wan_ti2v_5B.py
_TI2V_DEFAULTS = {
    "steps": 50,
    "guidance": 5.0,
    "shift": 5.0,
    "fps": 24,
    "frames": 121,
    "width": 1280,
    "height": 704,
}
# github.com/hao-ai-lab/FastVideo, FastWan2_2_TI2V_5B_Config: flow_shift 5, dmd_denoising_steps 1000, 757, 522. The
# timesteps are taken as they are (the shift is in them already): sigmas 1, 0.757, 0.522. Each step predicts the clean
# latents, to which fresh noise of the next sigma is added (DMD), which is other than a step of UniPC or Euler. It was
# distilled on text to video alone (FastVideo's issues 711, 738, 785, 806).
_FAST_DEFAULTS = _TI2V_DEFAULTS | {
    "steps": 3,
    "guidance": 1.0,
    "timesteps": (1000, 757, 522),
    "sampler": "dmd",
}
_LOAD_S2V = "s2v_nb.models.wan_s2v.loading.load_transformer"
_LOAD_WAN = "diffusers.WanTransformer3DModel"

MODELS: dict[str, Model] = {
    model.key: model
    for model in (
        Model(
            "wan-ti2v-5b-fast",
            (
                "cover art, quick: the model moves the picture in 3 steps, the beat times it",
                "封面动画（快速）：模型用 3 步让画面动起来，节拍控制时间",
            ),
            {"transformer": FAST_TI2V, **_TI2V_PARTS},
            _FAST_DEFAULTS,
            loader=_LOAD_WAN,
        ),
        Model(
            "wan-ti2v-5b",
            (
                "cover art, final: the same in 50 steps, with guidance by the text",
                "封面动画（精细）：同上，50 步，文字引导更强",
            ),
            {"transformer": TI2V, **_TI2V_PARTS},
            _TI2V_DEFAULTS,
            loader=_LOAD_WAN,
        ),
        Model(
            "wan-s2v-14b",
            ("singer: a face or figure that sings or speaks the song", "歌手：让人物开口演唱或说话"),
            {"transformer": S2V, **_S2V_PARTS},
            _S2V_DEFAULTS,
            layout="native",
            loader=_LOAD_S2V,
        ),
        Model(
            "wan-s2v-14b-fp8",
            ("singer, half the download: weights in float8", "歌手（下载量减半）：float8 权重"),
            {"transformer": S2V_FP8, **_S2V_PARTS},
            _SMALL_S2V,
            layout="comfyui-fp8",
            loader=_LOAD_S2V,
        ),
        Model(
            "wan-s2v-14b-q4",
            ("singer, smallest: weights in four to five bits (GGUF)", "歌手（最小）：4 至 5 位量化权重（GGUF）"),
            {"transformer": S2V_Q4, **_S2V_PARTS},
            _SMALL_S2V,
            layout="gguf",
            loader=_LOAD_S2V,
        ),
    )
}


def get_model(key: str) -> Model:
    """The model of that name.

    Raises
    ------
    InputError
        If there is none; names those that there are.
    """
    if key not in MODELS:
        raise InputError("settings.choice", name="model", value=key, allowed=", ".join(MODELS))
    return MODELS[key]
