"""`save_report`: all there is to know of a finished clip in one HTML file that needs nothing beside it.

The file is shown to others, and what it shows came from others: every text in it is escaped, and its
Content-Security-Policy allows pictures, a film and a style from the file itself and nothing else.
"""

import base64
import html
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from s2v_nb.alignment import AlignmentReport, measure_alignment
from s2v_nb.errors import LANGUAGES, InputError, language
from s2v_nb.media import Audio
from s2v_nb.media.video import probe_video, read_sound
from s2v_nb.plots.alignment import plot_alignment, plot_phase_rose
from s2v_nb.plots.beats import plot_beats
from s2v_nb.plots.features import onset_map_height, plot_onset_map, plot_ribbons, plot_tempo
from s2v_nb.plots.style import WIDTH
from s2v_nb.runs import Clip
from s2v_nb.runs.spec import Spec
from s2v_nb.settings import CONTROLS
from s2v_nb.storage import replacing

MAX_VIDEO_BYTES = 25_000_000  # a larger film makes a page that browsers and mail refuse
DPI = 130
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; base-uri 'none'"

WORDS: dict[str, tuple[str, str]] = {  # English, Chinese
    "title": ("Report of {name}", "{name} 的报告"),
    "too_large": (
        "The film is left out of this page, for it has {megabytes:.0f} MB; it is in the file {name}.",
        "视频有 {megabytes:.0f} MB，未放入本页；请见文件 {name}。",
    ),
    "alignment": ("Does it move with the music?", "画面是否合拍？"),
    "alignment.over_time": ("Motion, brightness and beats over time", "运动、亮度与节拍"),
    "alignment.rose": ("Where in the beat the picture stops or flashes", "画面事件在一拍中的位置"),
    "music": ("What was heard", "听到的音乐"),
    "music.beats": ("Waveform, onsets and bands with the beats", "波形、起音、频段与节拍"),
    "music.tempo": ("Tempo", "速度"),
    "music.onset_map": ("Onsets, bar by bar", "逐小节的起音"),
    "music.ribbons": ("Bass, mid and high", "低、中、高频能量"),
    "settings": ("Settings", "设置"),
    "notices": ("Notices", "提示"),
    "measure": ("measure", "指标"),
    "this_clip": ("this clip", "本片段"),
    "by_chance": ("by chance", "随机水平"),
    "image": ("Picture", "图片"),
    "audio": ("Song", "歌曲"),
    "prompt": ("Prompt", "提示词"),
    "subject": ("Subject (parts of width and height)", "主体位置（宽、高的比例）"),
    "engine": ("Engine", "引擎"),
    "frames": ("Frames", "帧数"),
    "size": ("Width and height (pixels)", "宽与高（像素）"),
}
KINDS: dict[str, tuple[str, str]] = {
    "stops": ("Visual stops", "画面停顿"),
    "speed_maxima": ("Speed maxima", "速度峰值"),
    "flashes": ("Flashes", "闪光"),
}
MEASURES: dict[str, tuple[str, str]] = {
    "events": ("events", "事件数"),
    "lag_ms": ("lag after the beat, median (ms)", "相对节拍的延迟，中位数（毫秒）"),
    "lag_low_ms": ("lag, lower quartile (ms)", "延迟，下四分位（毫秒）"),
    "lag_high_ms": ("lag, upper quartile (ms)", "延迟，上四分位（毫秒）"),
    "r": ("phase locking R, beat", "相位锁定 R，拍"),
    "r_half": ("phase locking R, half beat", "相位锁定 R，半拍"),
    "r_bar": ("phase locking R, bar", "相位锁定 R，小节"),
    "precision": ("events that meet a beat (70 ms)", "落在节拍上的事件（70 毫秒内）"),
    "recall": ("beats that are met (70 ms)", "被命中的节拍（70 毫秒内）"),
    "f": ("F of the two", "二者的 F 值"),
    "aist_motion": ("AIST++ beat alignment", "AIST++ 节拍对齐"),
    "aist_music": ("the same, from the beats", "同上，从节拍计"),
    "av_align": ("AV-Align (one frame)", "AV-Align（一帧内）"),
    "p": ("p, share of permutations that fit as well", "p，同样合拍的随机排列所占比例"),
    "p_songs": ("p_songs, share of other songs that fit as well", "p_songs，同样合拍的其他歌曲所占比例"),
}
STYLE = """
body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; color: #222;
       background: #fff; max-width: 920px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc }
video, img { max-width: 100%; height: auto; display: block } video { max-height: 70vh; background: #000 }
figure { margin: 1.2rem 0 } figcaption { font-weight: 600; margin-bottom: .3rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 } caption { text-align: left; font-weight: 600 }
th, td { text-align: left; font-weight: normal; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #e4e4e4;
         vertical-align: top }
thead th { color: #555 } .numbers td, .numbers thead th + th { text-align: right; font-variant-numeric: tabular-nums }
.notice { border-left: 4px solid #E69F00; padding-left: .8rem } .result { font-size: 1.1rem }
"""


def save_report(
    clip: str | Path | Clip, path: str | Path = "report.html", *, report: AlignmentReport | None = None
) -> Path:
    """Write one HTML file with the film, its settings, how it meets its beats, and what was heard in it.

    Parameters
    ----------
    clip : path or Clip
        Any MP4; of one that does not say how it was made the settings are left out, of one without sound the music.
    path : path
        Where to write; an earlier file is replaced once the new one is whole.
    report : AlignmentReport, optional
        What `measure_alignment` found, if it was measured before.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If ``clip`` is no readable MP4.
    """
    file, path = clip.path if isinstance(clip, Clip) else Path(clip), Path(path)
    probe_video(file)  # refuses what is no film, before anything is written
    sound = _sound(file)
    if report is None and sound is not None:
        report = measure_alignment(file)
    notices = list(clip.notices) if isinstance(clip, Clip) else []
    if sound is None:
        notices.append(InputError("video.silent", name=file.name).sentence())
    parts = [
        _film(file),
        *(f'<p class="notice">{_safe(notice)}</p>' for notice in notices),
        *([] if report is None else _alignment(report)),
        *([] if report is None else _music(sound, report)),
        _settings(clip.spec if isinstance(clip, Clip) else _spec(file)),
    ]
    with replacing(path) as scratch:
        scratch.write_text(_page(_word("title", name=file.name), parts), encoding="utf-8")
    return path


def _sound(file: Path) -> Audio | None:
    try:
        return read_sound(file)
    except InputError as error:
        if error.key != "video.silent":
            raise
        return None


def _spec(file: Path) -> Spec | None:
    try:
        return Clip.open(file).spec
    except InputError:  # not one of ours, or of another version
        return None


def _word(key: str, table: dict[str, tuple[str, str]] = WORDS, /, **values: Any) -> str:
    """A text of a table in the person's language, escaped; a key that the table lacks stands for itself."""
    text = table[key][LANGUAGES.index(language())] if key in table else key
    return _safe(text.format(**values) if values else text)


def _safe(text: object) -> str:
    """Text as HTML; a file name need not be Unicode, the page must be."""
    return html.escape(str(text).encode("utf-8", "replace").decode(), quote=True)


def _page(title: str, parts: Iterable[str]) -> str:
    """The whole file; ``title`` and ``parts`` are HTML."""
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="{"zh-CN" if language() == "zh" else "en"}">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>",
            *parts,
            "</body>\n</html>\n",
        ]
    )


def _film(file: Path) -> str:
    size = file.stat().st_size
    if size > MAX_VIDEO_BYTES:
        return f"<p>{_word('too_large', name=file.name, megabytes=size / 1e6)}</p>"
    return f'<video controls loop playsinline src="data:video/mp4;base64,{_base64(file.read_bytes())}"></video>'


def _alignment(report: AlignmentReport) -> list[str]:
    over_time = _figure(4.8)
    motion, light, lags = over_time.subplots(3, 1, height_ratios=(1.7, 1.3, 1.8))
    motion.sharex(light)
    motion.tick_params(labelbottom=False)
    plot_alignment(report, ax=[motion, light, lags])
    over_time.align_ylabels()
    rose = _figure(4.2, 5.2)
    plot_phase_rose(report, ax=rose.add_subplot(projection="polar"))
    shown = [("alignment.over_time", over_time)] + [("alignment.rose", rose)] * (report.headline is not None)
    tables = sorted(report.to_dict()["scores"].items(), key=lambda table: table[0] != report.headline)
    return [
        f"<h2>{_word('alignment')}</h2>",
        f'<p class="result">{_safe(report.sentence)}</p>',
        *(_picture(key, figure) for key, figure in shown),
        *(_scores(kind, scores) for kind, scores in tables),
    ]


def _scores(kind: str, scores: dict[str, Any]) -> str:
    """The table of one kind of event: measure, this clip, by chance."""
    head = "".join(f'<th scope="col">{_word(key)}</th>' for key in ("measure", "this_clip", "by_chance"))
    rows = "".join(
        f'<tr><th scope="row">{_word(name, MEASURES)}</th><td>{_number(name, value)}</td>'
        f"<td>{_number(name, scores[f'chance_{name}']) if f'chance_{name}' in scores else ''}</td></tr>\n"
        for name, value in scores.items()
        if not name.startswith("chance_")
    )
    caption = f"<caption>{_word(kind, KINDS)}</caption>"
    return f'<table class="numbers">{caption}<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>'


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    if name.endswith("_ms"):
        return f"{value:+.1f}"
    return f"{value:.4f}" if name.startswith("p_") or name == "p" else f"{value:.2f}"


def _music(sound: Audio | None, report: AlignmentReport) -> list[str]:
    """The plots of what was heard; the waveform only where the film has sound of its own."""
    rhythm, shown = report.rhythm, []
    if sound is not None:
        beats = _figure(4.8)
        plot_beats(sound, rhythm, ax=beats.subplots(3, 1, height_ratios=(1.3, 1.2, 1.4), sharex=True))
        beats.align_ylabels()
        shown.append(("music.beats", beats))
    for name, plot, height in (
        ("tempo", plot_tempo, 2.0),
        ("onset_map", plot_onset_map, onset_map_height(rhythm)),
        ("ribbons", plot_ribbons, 2.4),
    ):
        figure = _figure(height)
        plot(rhythm, ax=figure.subplots())
        shown.append((f"music.{name}", figure))
    return [f"<h2>{_word('music')}</h2>", *(_picture(key, figure) for key, figure in shown)]


def _figure(height: float, width: float = WIDTH) -> Figure:
    """A figure in inches that pyplot does not know: no window opens and none has to be closed."""
    return Figure(figsize=(width, height), layout="constrained")


def _picture(key: str, figure: Figure) -> str:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI)
    caption, source = _word(key), _base64(png.getvalue())
    return (
        f'<figure><figcaption>{caption}</figcaption><img alt="{caption}" src="data:image/png;base64,{source}"></figure>'
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _settings(spec: Spec | None) -> str:
    if spec is None:
        return ""
    settings = spec.settings
    values: dict[str, object] = {
        _word("image"): spec.image.name,
        _word("audio"): spec.audio.name,
        _word("prompt"): settings.prompt or "–",
    }
    for name, control in CONTROLS.items():
        unit = getattr(control, "unit", "").strip()
        label = control.help[LANGUAGES.index(language())]
        values[_safe(f"{label} ({unit})" if unit else label)] = getattr(settings, name)
    values[_word("subject")] = "–" if settings.subject is None else "{:.3f}, {:.3f}".format(*settings.subject)
    values[_word("size")] = "{} × {}".format(*settings.size)
    values[_word("frames")] = spec.num_frames
    values[_word("engine")] = f"{spec.engine} {spec.engine_version}"
    rows = "".join(f'<tr><th scope="row">{label}</th><td>{_safe(value)}</td></tr>\n' for label, value in values.items())
    return f"<h2>{_word('settings')}</h2>\n<table><tbody>{rows}</tbody></table>"
