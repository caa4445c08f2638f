"""The directions a prompt may hold, in English and Chinese: one table, read by the parser, the panels and the docs.

A direction adds its effects to a `Look`. Amounts are for strength 1: travel of the camera per second in parts of the
frame (zoom: natural logarithm of the scale per second, roll: degrees per second), light and texture from 0 to 1.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Look:
    """Everything the renderer can do, each as one number; 0 is none."""

    # the camera's travel a second
    zoom: float = 0.0
    pan: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    dolly: float = 0.0
    truck: float = 0.0
    # the camera's unrest
    handheld: float = 0.0
    sway: float = 0.0
    drift: float = 0.0
    breathe: float = 0.0
    rock: float = 0.0
    # the answer to the beat, on top of what `motion` gives
    punch: float = 0.0
    bounce: float = 0.0
    shake: float = 0.0
    flash: float = 0.0
    # light
    glow: float = 0.0
    soft: float = 0.0
    vignette: float = 0.0
    leak: float = 0.0
    flare: float = 0.0
    rays: float = 0.0
    haze: float = 0.0
    candle: float = 0.0
    exposure: float = 0.0
    # colour
    warmth: float = 0.0
    saturation: float = 0.0
    contrast: float = 0.0
    teal_orange: float = 0.0
    mono: float = 0.0
    sepia: float = 0.0
    fade: float = 0.0
    magenta: float = 0.0
    night: float = 0.0
    # texture
    grain: float = 0.0
    dust: float = 0.0
    rain: float = 0.0
    snow: float = 0.0
    embers: float = 0.0
    sparkle: float = 0.0
    bokeh: float = 0.0
    letterbox: float = 0.0
    # how fast particles and light move, 1 is natural
    pace: float = 1.0


CAMERA = ("zoom", "pan", "tilt", "roll", "dolly", "truck", "handheld", "sway", "drift", "breathe", "rock")
BEAT = ("punch", "bounce", "shake", "flash")
MOVING = (*CAMERA, *BEAT, "rain", "snow", "dust", "embers", "sparkle", "candle")


@dataclass(frozen=True)
class Direction:
    """One direction: its ``name``, the Chinese ``name_zh``, other ways to say it in both languages, what it does."""

    name: str
    name_zh: str
    kind: str
    effects: dict[str, float]
    synonyms: tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.name, self.name_zh, *self.synonyms


def _d(kind: str, name: str, name_zh: str, synonyms: str = "", /, **effects: float) -> Direction:
    return Direction(name, name_zh, kind, effects, tuple(s.strip() for s in synonyms.split("|") if s.strip()))


DIRECTIONS: tuple[Direction, ...] = (
    _d("camera", "zoom in", "推近", "push in|push-in|zoom|move closer|closer|放大|镜头推近|拉近", zoom=0.028),
    _d("camera", "zoom out", "拉远", "pull out|pull back|pull-out|pull-back|wider|缩小|镜头拉远", zoom=-0.028),
    _d("camera", "pan right", "右摇", "pan to the right|move right|rightwards|向右平移|向右摇|右移|向右", pan=0.022),
    _d("camera", "pan left", "左摇", "pan to the left|move left|leftwards|向左平移|向左摇|左移|向左", pan=-0.022),
    _d("camera", "tilt up", "上摇", "pan up|move up|upwards|rise|rising|向上摇|上移|向上|升起", tilt=-0.022),
    _d("camera", "tilt down", "下摇", "pan down|move down|downwards|descend|向下摇|下移|向下|下降", tilt=0.022),
    _d("camera", "roll left", "左旋", "rotate left|counterclockwise|counter-clockwise|逆时针|向左旋转", roll=-0.5),
    _d("camera", "roll right", "右旋", "rotate right|clockwise|rotate|rotation|roll|顺时针|向右旋转|旋转", roll=0.5),
    _d("camera", "dolly in", "推轨", "dolly|dolly forward|track in|parallax|3d|推镜|视差|立体", dolly=0.009, zoom=0.016),
    _d("camera", "dolly out", "拉轨", "dolly back|track out|后拉|拉镜", dolly=-0.009, zoom=-0.016),
    _d("camera", "vertigo", "眩晕变焦", "dolly zoom|hitchcock zoom|希区柯克变焦", dolly=0.014, zoom=-0.016),
    _d("camera", "truck right", "右移轨", "track right|slide right|横移向右|向右滑动", truck=0.004, pan=0.014),
    _d("camera", "truck left", "左移轨", "track left|slide left|横移向左|向左滑动", truck=-0.004, pan=-0.014),
    _d("camera", "orbit", "环绕", "arc|arc shot|circle around|around|环绕镜头|绕行", truck=0.005, roll=0.2, pan=0.010),
    _d("camera", "crane up", "升镜", "boom up|pedestal up|jib up|升降镜头|摇臂上升", tilt=-0.018, zoom=-0.014),
    _d("camera", "crane down", "降镜", "boom down|pedestal down|jib down|摇臂下降", tilt=0.018, zoom=0.014),
    _d("camera", "spiral", "螺旋", "spiral in|twist|swirl|螺旋推进|扭转", zoom=0.026, roll=1.0),
    _d("camera", "handheld", "手持", "hand-held|hand held|documentary|手持感|手持镜头|纪实", handheld=1.0),
    _d("camera", "sway", "摇摆", "swing|side to side|轻摇|摆动|左右摇摆", sway=1.0),
    _d("camera", "drift", "漂移", "drifting|float|floating|glide|gliding|漂浮|飘动|滑行", drift=1.0),
    _d("camera", "breathe", "呼吸", "breathing|呼吸感|呼吸镜头", breathe=1.0),
    _d("camera", "rock", "晃动", "rocking|pendulum|boat|钟摆|摇晃", rock=1.0),
    _d("camera", "static", "固定镜头", "locked off|locked-off|tripod|still camera|no camera movement|静止|固定|三脚架"),
    _d("beat", "punch", "冲击", "zoom punch|kick|impact|hit|冲击感|重拍推进", punch=1.0),
    _d("beat", "pulse", "脉动", "pulsing|throb|beat|脉冲|律动", punch=0.5, flash=0.5),
    _d("beat", "bounce", "弹跳", "jump|bouncy|hop|跳动|弹动", bounce=1.0),
    _d("beat", "shake", "震动", "camera shake|quake|tremble|抖动|震颤|镜头抖动", shake=1.0),
    _d("beat", "flash", "闪光", "flashes|strobe|light pulse|闪烁|频闪|光脉冲", flash=1.0),
    _d("light", "glow", "辉光", "glowing|bloom|shine|luminous|发光|光晕", glow=1.0),
    _d("light", "dreamy", "梦幻", "dream|dreamlike|ethereal|soft focus|梦境|梦幻感|柔焦|空灵", soft=0.8, glow=0.5, drift=0.4),
    _d("light", "soft light", "柔光", "diffused light|diffusion|softer|漫射光", soft=0.6, contrast=-0.15),
    _d("light", "vignette", "暗角", "dark edges|dark corners|晕影|四角压暗", vignette=1.0),
    _d("light", "light leak", "漏光", "light leaks|film leak|leak|漏光效果|胶片漏光", leak=1.0),
    _d("light", "lens flare", "镜头光斑", "flare|anamorphic flare|anamorphic|眩光|镜头眩光|耀斑", flare=1.0),
    _d("light", "god rays", "光束", "sun rays|light rays|sunbeams|rays|volumetric light|耶稣光|丁达尔|体积光|光线", rays=1.0),
    _d("light", "haze", "薄雾", "fog|foggy|mist|misty|smoke|雾|雾气|烟雾|朦胧", haze=1.0),
    _d("light", "candlelight", "烛光", "firelight|flicker|candle|火光|摇曳", warmth=0.4, candle=1.0),
    _d("light", "bright", "明亮", "high key|high-key|brighter|lighter|高调|更亮", exposure=0.3),
    _d("light", "dark", "暗调", "low key|low-key|darker|moody|低调|更暗|情绪", exposure=-0.35, contrast=0.2, vignette=0.3),
    _d("grade", "warm", "暖色", "warmer|warm tones|warm light|暖调|暖色调|温暖", warmth=1.0),
    _d("grade", "cool", "冷色", "cooler|cold|cool tones|blue tones|冷调|冷色调|寒冷", warmth=-1.0),
    _d("grade", "golden hour", "黄金时刻", "golden|sunset|sunrise|黄昏|夕阳|日落|金色", warmth=1.0, saturation=0.25, glow=0.4),
    _d("grade", "teal and orange", "青橙", "teal orange|teal-orange|blockbuster|青橙色调|橙青", teal_orange=1.0),
    _d("grade", "cinematic", "电影感", "film look|movie|filmic|cinema|电影|电影质感|大片",
       teal_orange=0.45, vignette=0.45, contrast=0.2, glow=0.2, grain=0.25),
    _d("grade", "monochrome", "黑白", "black and white|black & white|b&w|bw|grayscale|mono|单色|灰度", mono=1.0),
    _d("grade", "noir", "黑色电影", "film noir|黑色片", mono=1.0, contrast=0.7, vignette=0.8, grain=0.4),
    _d("grade", "sepia", "棕褐", "old photo|antique|怀旧棕|老照片", sepia=1.0),
    _d("grade", "vintage", "复古", "retro|nostalgic|old film|70s|怀旧|胶片感|老电影",
       fade=0.7, warmth=0.4, saturation=-0.25, grain=0.5, vignette=0.4),
    _d("grade", "faded", "褪色", "matte|washed out|低饱和|哑光", fade=1.0, saturation=-0.2),
    _d("grade", "vivid", "鲜艳", "saturated|colorful|colourful|vibrant|高饱和|浓郁|多彩", saturation=0.6),
    _d("grade", "pastel", "粉彩", "desaturated|muted|soft colors|soft colours|柔和色彩|淡彩|马卡龙",
       saturation=-0.35, exposure=0.15, fade=0.3),
    _d("grade", "high contrast", "高对比", "contrasty|punchy|hard contrast|强对比|高反差", contrast=0.7),
    _d("grade", "low contrast", "低对比", "flat|低反差|平淡", contrast=-0.5),
    _d("grade", "bleach bypass", "漂白", "silver retention|留银|银残留", saturation=-0.55, contrast=0.6),
    _d("grade", "moonlight", "月光", "night|day for night|nocturnal|夜晚|夜色|月夜", night=1.0, vignette=0.4),
    _d("grade", "neon", "霓虹", "cyberpunk|synthwave|vaporwave|赛博朋克|蒸汽波", magenta=1.0, saturation=0.35, glow=0.6),
    _d("texture", "film grain", "胶片颗粒", "grain|grainy|noise|颗粒|噪点|胶片噪点", grain=1.0),
    _d("texture", "dust", "尘埃", "dust particles|particles|floating dust|motes|粒子|灰尘|浮尘", dust=1.0),
    _d("texture", "rain", "下雨", "rainy|raindrops|downpour|雨|雨天|雨滴", rain=1.0, warmth=-0.25),
    _d("texture", "snow", "下雪", "snowy|snowfall|snowflakes|雪|飘雪|雪花", snow=1.0, warmth=-0.2),
    _d("texture", "embers", "火星", "sparks|fireflies|ash|萤火虫|余烬|火花", embers=1.0),
    _d("texture", "sparkle", "闪粉", "sparkles|glitter|stars|twinkle|星光|亮片|星星|闪耀", sparkle=1.0),
    _d("texture", "bokeh", "散景", "bokeh lights|blurred lights|焦外|光斑|虚化光点", bokeh=1.0),
    _d("texture", "letterbox", "宽银幕", "widescreen|cinemascope|black bars|黑边|遮幅", letterbox=1.0),
)  # fmt: skip

# adverb -> (factor on strength, factor on speed)
ADVERBS: dict[str, tuple[float, float]] = {
    "slow": (1.0, 0.5), "slowly": (1.0, 0.5), "slower": (1.0, 0.5), "calm": (0.8, 0.6), "lazy": (1.0, 0.5),
    "fast": (1.0, 2.0), "quick": (1.0, 2.0), "quickly": (1.0, 2.0), "rapid": (1.0, 2.2), "faster": (1.0, 2.0),
    "subtle": (0.45, 0.8), "subtly": (0.45, 0.8), "gentle": (0.55, 0.7), "gently": (0.55, 0.7), "soft": (0.55, 0.8),
    "softly": (0.55, 0.8), "slight": (0.45, 0.8), "slightly": (0.45, 0.8), "light": (0.55, 1.0), "faint": (0.35, 1.0),
    "smooth": (0.9, 0.8), "smoothly": (0.9, 0.8), "weak": (0.5, 1.0), "little": (0.5, 0.8), "mild": (0.6, 0.9),
    "strong": (1.6, 1.2), "strongly": (1.6, 1.2), "intense": (1.8, 1.3), "heavy": (1.7, 1.1), "dramatic": (1.7, 1.3),
    "deep": (1.5, 1.0), "bold": (1.5, 1.1), "very": (1.4, 1.2), "extreme": (2.0, 1.6), "big": (1.5, 1.2),
    "缓慢": (1.0, 0.5), "慢速": (1.0, 0.5), "慢慢": (1.0, 0.5), "慢": (1.0, 0.5), "缓缓": (1.0, 0.5),
    "快速": (1.0, 2.0), "迅速": (1.0, 2.0), "快": (1.0, 2.0), "急速": (1.0, 2.2),
    "轻微": (0.45, 0.8), "微微": (0.45, 0.8), "淡淡": (0.45, 0.9), "柔和": (0.55, 0.8), "轻柔": (0.55, 0.7),
    "细微": (0.4, 0.8), "稍微": (0.5, 0.8), "淡": (0.5, 1.0), "平滑": (0.9, 0.8),
    "强烈": (1.6, 1.2), "明显": (1.4, 1.1), "浓": (1.6, 1.0), "强": (1.6, 1.2), "剧烈": (1.8, 1.4),
    "非常": (1.4, 1.2), "很": (1.3, 1.1), "极": (2.0, 1.5), "大幅": (1.7, 1.3),
}  # fmt: skip

FILLERS = frozenset(
    "a an the of in on to at camera shot shots movement move motion effect effects style styled lighting light lights "
    "look feel mood tone tones toned color colors colour colours grade grading filter image picture video some more "
    "please add 的 地 镜头 效果 风格 色调 画面 一点 一些 感 光 有".split()
)
NEGATIONS = frozenset("no without not 无 没有 不要 别".split())
JOINERS = frozenset("and with plus then 和 与 加 并 及".split())

BY_PHRASE: dict[str, Direction] = {phrase: d for d in DIRECTIONS for phrase in d.phrases}
assert {name for d in DIRECTIONS for name in d.effects} <= {field.name for field in fields(Look)}
