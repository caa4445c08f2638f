"""Every sentence a musician reads, in English and Chinese, in one table: key -> (English, Chinese)."""

MESSAGES: dict[str, tuple[str, str]] = {
    # settings
    "settings.choice": (
        "{name}={value!r} is not one of {allowed}; choose one of these.",
        "{name}={value!r} 不在可选范围内：{allowed}，请从中选择。",
    ),
    "settings.range": (
        "{name}={value!r} is outside {low} to {high}{unit}; choose a value in that range.",
        "{name}={value!r} 超出范围 {low} 到 {high}{unit}，请在此范围内选择。",
    ),
    "settings.number": (
        "{name}={value!r} is not a number; give a number from {low} to {high}{unit}.",
        "{name}={value!r} 不是数字，请输入 {low} 到 {high}{unit} 之间的数字。",
    ),
    "settings.integer": (
        "{name}={value!r} is not a whole number; give one from {low} to {high}.",
        "{name}={value!r} 不是整数，请输入 {low} 到 {high} 之间的整数。",
    ),
    "settings.prompt": (
        "prompt has {length} characters, at most {high} are read; shorten it to comma-separated directions.",
        "提示词有 {length} 个字符，最多 {high} 个；请缩短为用逗号分隔的指令。",
    ),
    "settings.text": (
        "{name}={value!r} is not text; write it as a string.",
        "{name}={value!r} 不是文本，请以字符串形式填写。",
    ),
    "settings.subject": (
        "subject={value!r} is not a point; give (x, y), each from 0 (left, top) to 1 (right, bottom), or None.",
        "subject={value!r} 不是坐标；请给出 (x, y)，取值 0（左、上）到 1（右、下），或 None。",
    ),
    "settings.unknown": (
        "Settings has no {name!r}; it has {allowed}.",
        "设置项中没有 {name!r}；可用的有 {allowed}。",
    ),
    # files
    "file.missing": (
        "{name!r} was not found; check the path of the {what}.",
        "找不到 {name!r}；请检查{what_zh}的路径。",
    ),
    "file.not_regular": (
        "{name!r} is not a file; give the path of one {what} file.",
        "{name!r} 不是文件；请给出一个{what_zh}文件的路径。",
    ),
    "file.unreadable": (
        "{name!r} cannot be read ({why}); check that you may open it.",
        "无法读取 {name!r}（{why}）；请检查访问权限。",
    ),
    "file.empty": (
        "{name!r} is empty; choose the {what} again.",
        "{name!r} 是空文件；请重新选择{what_zh}。",
    ),
    "file.too_big": (
        "{name!r} has {size_mib:.0f} MiB, at most {limit_mib:.0f} are read; choose a smaller {what} file.",
        "{name!r} 大小为 {size_mib:.0f} MiB，最多 {limit_mib:.0f} MiB；请换一个较小的{what_zh}文件。",
    ),
    "image.format": (
        "{name!r} is not a picture we open (it {found}); give a JPG, PNG or WebP.",
        "{name!r} 不是可用的图片（{found_zh}）；请使用 JPG、PNG 或 WebP。",
    ),
    "image.damaged": (
        "{name!r} is damaged or cut off and cannot be read as a picture; save or download it again.",
        "图片 {name!r} 已损坏或不完整；请重新保存或下载。",
    ),
    "image.too_large": (
        "{name!r} has {width} x {height} pixels, at most {limit} megapixels are read; make it smaller first.",
        "{name!r} 为 {width} x {height} 像素，最多 {limit} 百万像素；请先缩小图片。",
    ),
    "image.too_small": (
        "{name!r} has {width} x {height} pixels; each side needs {limit} or more, choose a larger picture.",
        "{name!r} 为 {width} x {height} 像素；每边至少需要 {limit} 像素，请换一张更大的图片。",
    ),
    "image.array": (
        "image is an array of shape {shape} and type {dtype}; give uint8 of shape (height, width, 3).",
        "image 数组形状为 {shape}、类型为 {dtype}；应为 uint8，形状 (高, 宽, 3)。",
    ),
    "image.type": (
        "image={value!r} is neither a path nor a picture; give a path, bytes, a PIL image or an array.",
        "image={value!r} 不是路径也不是图片；请给出路径、字节、PIL 图像或数组。",
    ),
    "audio.format": (
        "{name!r} is not a song we open (it {found}); give a WAV, MP3, FLAC, OGG, Opus or M4A file.",
        "{name!r} 不是可用的音频（{found_zh}）；请使用 WAV、MP3、FLAC、OGG、Opus 或 M4A。",
    ),
    "audio.damaged": (
        "{name!r} is damaged or holds no sound that can be read; save or download the song again.",
        "音频 {name!r} 已损坏或没有可读取的声音；请重新保存或下载。",
    ),
    "audio.not_finite": (
        "{name!r} holds values that are not sound (NaN or infinite); export the song again.",
        "{name!r} 含有无效数值（NaN 或无穷大）；请重新导出歌曲。",
    ),
    "audio.rate": (
        "{name!r} has a sample rate of {rate} Hz; {low} to {high} Hz can be used, export the song at 44100 Hz.",
        "{name!r} 采样率为 {rate} Hz；可用范围 {low} 到 {high} Hz，请以 44100 Hz 重新导出。",
    ),
    "audio.too_short": (
        "{name!r} has {seconds:.1f} s of sound from start={start:g} s on; at least {low:g} s are needed, "
        "choose an earlier start or a longer song.",
        "{name!r} 从 {start:g} 秒起只有 {seconds:.1f} 秒声音；至少需要 {low:g} 秒，请把起点提前或换一首更长的歌。",
    ),
    "audio.too_long": (
        "{name!r} is {minutes:.0f} minutes long, at most {limit:.0f} minutes are read at once; cut out a part first.",
        "{name!r} 长 {minutes:.0f} 分钟，一次最多读取 {limit:.0f} 分钟；请先截取一段。",
    ),
    "audio.array": (
        "audio samples have shape {shape}; give float samples of shape (channel, time) with 1 to 8 channels.",
        "音频数组形状为 {shape}；应为浮点数，形状 (声道, 时间)，1 到 8 个声道。",
    ),
    "audio.type": (
        "audio={value!r} is neither a path nor a loaded song; give a path or what load_audio returns.",
        "audio={value!r} 不是路径也不是已载入的歌曲；请给出路径或 load_audio 的结果。",
    ),
    "video.format": (
        "{name!r} is not an MP4 video (it {found}); give a clip made here or another MP4.",
        "{name!r} 不是 MP4 视频（{found_zh}）；请给出本工具生成的片段或其他 MP4。",
    ),
    "video.damaged": (
        "{name!r} is damaged or holds no picture that can be read; make or download the clip again.",
        "视频 {name!r} 已损坏或没有可读取的画面；请重新生成或下载。",
    ),
    "video.too_large": (
        "{name!r} has {width} x {height} pixels and {seconds:.0f} s; at most {limit} and {longest:.0f} s are measured.",
        "{name!r} 为 {width} x {height} 像素、{seconds:.0f} 秒；最多测量 {limit}、{longest:.0f} 秒。",
    ),
    "video.no_spec": (
        "{name!r} does not say how it was made; --from needs a clip that s2v-nb wrote.",
        "{name!r} 不含生成信息；--from 需要本工具生成的片段。",
    ),
    "video.bad_spec": (
        "{name!r} says how it was made in a form we cannot read ({why}); make a new clip instead.",
        "{name!r} 的生成信息无法读取（{why}）；请重新生成。",
    ),
    "video.silent": (
        "{name!r} has no sound; give its song with audio=.",
        "{name!r} 没有声音；请用 audio= 给出歌曲。",
    ),
    "replay.missing": (
        "{name!r}, the {what} of this clip, was not found; give it with --{option}.",
        "找不到该片段的{what_zh} {name!r}；请用 --{option} 指定。",
    ),
    "replay.other": (
        "{name!r} is not the {what} this clip was made from; give the original with --{option}, "
        "or leave out --from to make a new clip.",
        "{name!r} 不是该片段原来的{what_zh}；请用 --{option} 指定原文件，或去掉 --from 生成新片段。",
    ),
    "replay.version": (
        "This clip was made by version {made} of the {engine} engine, here is {here}; install that version "
        "to get the same frames, or leave out --from.",
        "该片段由 {engine} 引擎 {made} 版生成，当前为 {here} 版；请安装该版本以得到相同画面，或去掉 --from。",
    ),
    "replay.engine": (
        "This clip was made by the engine {engine!r}, which is not here; there are {allowed}.",
        "该片段由引擎 {engine!r} 生成，此处没有；可用的有 {allowed}。",
    ),
    "out.name": (
        "out={name!r} does not end in .mp4 or is longer than {limit} bytes; name the clip like clip.mp4.",
        "out={name!r} 不以 .mp4 结尾或超过 {limit} 字节；请命名为 clip.mp4 之类。",
    ),
    "out.folder": (
        "{name!r} is not a folder that can be written to; choose another place with --out.",
        "无法写入 {name!r}；请用 --out 选择其他位置。",
    ),
    "out.source": (
        "out={name!r} is your picture or song, which would be overwritten; choose another name.",
        "out={name!r} 是你的图片或歌曲，会被覆盖；请换一个名字。",
    ),
    # excerpts
    "excerpt.whole": ("the whole song", "整首歌曲"),
    "excerpt.phrase": ("begins with a phrase", "从乐句开头开始"),
    "excerpt.repeats": (
        "section {label}, which comes {times} times, as a chorus does",
        "段落 {label}，共出现 {times} 次，类似副歌",
    ),
    "excerpt.energy": ("full of energy", "能量充沛"),
    "excerpt.clear": ("clear beat", "节拍清晰"),
    "excerpt.tempo": ("90-130 BPM", "每分钟 90-130 拍"),
    "excerpt.bar": ("begins with a bar", "从小节开头开始"),
    "notice.best_excerpt": (
        "The song is {song:.0f} s long; the clip uses {start:.2f} s to {end:.2f} s ({reason}). start=... chooses "
        "another part.",
        "歌曲长 {song:.0f} 秒；短片使用 {start:.2f} 秒到 {end:.2f} 秒（{reason}）。可用 start=... 选择其他部分。",
    ),
    "folder.missing": (
        "{name!r} is not a folder of songs; give the folder that the annotations belong to.",
        "{name!r} 不是歌曲文件夹；请给出标注所属的文件夹。",
    ),
    "annotations.damaged": (
        "{name!r} holds no annotations ({why}); give JSON with clips, each with file, beats and downbeats.",
        "{name!r} 不是有效的标注文件（{why}）；应为包含 clips 的 JSON，每项含 file、beats 和 downbeats。",
    ),
    # beats
    "beatnet.missing": (
        "The beat networks are not here and could not be fetched ({why}); beats are heard by librosa, less surely. "
        "With a network, `python -m s2v_nb.warm` fetches them (9 MB).",
        "节拍检测模型尚未下载，且无法获取（{why_zh}）；改用 librosa 检测节拍，准确度较低。联网后运行 `python -m s2v_nb.warm` 即可下载（9 MB）。",
    ),
    "tracker.weights": (
        "tracker='beatnet' needs the beat networks, which could not be fetched ({why}); mend that, or choose "
        "tracker='librosa' or 'auto'.",
        "tracker='beatnet' 需要节拍检测模型，但无法获取（{why_zh}）；请先解决，或选择 tracker='librosa' 或 'auto'。",
    ),
    "tracker.unknown": (
        "tracker={name!r} is not known; choose one of {allowed}.",
        "没有名为 {name!r} 的节拍检测器；可选：{allowed}。",
    ),
    "tracker.missing": (
        "tracker={name!r} needs the package {package}, which is not installed; install it or leave tracker='auto'.",
        "节拍检测器 {name!r} 需要安装 {package}；请先安装，或使用 tracker='auto'。",
    ),
    "corrections.unknown": (
        "{name!r} is no correction of beats; there are {allowed}.",
        "没有名为 {name!r} 的节拍修正；可用的有：{allowed}。",
    ),
    "corrections.value": (
        "{name}={value!r} is not possible; give {allowed}.",
        "{name}={value!r} 无效；请给出 {allowed}。",
    ),
    "corrections.taps": (
        "{count} taps are not enough or not times; tap along for {low} beats or more.",
        "点击次数（{count}）不足或无效；请跟着节拍至少点击 {low} 次。",
    ),
    "corrections.no_file": (
        "{name!r} has no file, so that its corrections cannot be kept beside it; load the song from a file.",
        "{name!r} 没有对应的文件，无法保存修正；请从文件载入歌曲。",
    ),
    "corrections.unwritable": (
        "Corrections cannot be kept in {name!r} ({why}); move the song to a folder you may write to, under a "
        "shorter name.",
        "无法在 {name!r} 中保存修正（{why}）；请把歌曲移到可写的文件夹，或改用较短的文件名。",
    ),
    "corrections.damaged": (
        "{name!r} beside the song cannot be read ({why}); delete it to hear the song as it is.",
        "歌曲旁的 {name!r} 无法读取（{why}）；删除该文件即可恢复自动检测。",
    ),
    "plot.name": (
        "plot={name!r} is no place for a plot; name it like plot.png (or .svg, .pdf), in a folder that exists.",
        "plot={name!r} 不能用作图的文件名；请在已有文件夹中命名为 plot.png（或 .svg、.pdf）。",
    ),
    "usage": (
        "{complaint}; `{command} --help` lists what can be given.",
        "命令用法有误：{complaint}；可用 `{command} --help` 查看全部选项。",
    ),
    "engine.unknown": (
        "engine={value!r} is not here; choose one of {allowed}.",
        "没有引擎 {value!r}；请从 {allowed} 中选择。",
    ),
    # notices: nothing is wrong, but the person should know
    "notice.unknown_words": (
        "These words of the prompt are not known and had no effect: {words}. `s2v-nb directions` lists what is.",
        "提示词中以下内容无法识别，未产生效果：{words}。可用 `s2v-nb directions` 查看全部指令。",
    ),
    "notice.motion_off": (
        "Motion is off: the picture stands still, so these directions had no effect: {words}.",
        "运动已关闭，画面静止，以下指令未产生效果：{words}。",
    ),
    "notice.shortened": (
        "The song ends {missing:.2f} s early, so the clip lasts {seconds:.2f} s.",
        "歌曲提前 {missing:.2f} 秒结束，因此片段时长为 {seconds:.2f} 秒。",
    ),
    "notice.excerpt": (
        "The song is {song:.0f} s long; the clip uses {start:g} s to {end:g} s. Choose another part with start.",
        "歌曲长 {song:.0f} 秒；片段使用 {start:g} 秒到 {end:g} 秒。可用 start 选择其他部分。",
    ),
    "notice.no_beats": (
        "No beat was found in this part of the song, so nothing moves to a beat.",
        "这段音乐中没有找到节拍，因此画面不会随节拍运动。",
    ),
    "notice.no_split": (
        "The picture has no clear foreground, so the dolly moves the picture as a whole.",
        "画面没有清晰的前景，推拉镜头将作用于整幅画面。",
    ),
    "notice.surround": (
        "The picture is shown whole on a blurred copy of itself, because cropping it to {aspect} would lose "
        "{lost:.0%} of it. fit='crop' crops instead.",
        "若裁成 {aspect} 会损失 {lost:.0%} 的画面，因此完整显示并以模糊背景填充。fit='crop' 可改为裁切。",
    ),
    # failures
    "failed.encoder": (
        "Writing the video failed ({why}); check free disk space with `s2v-nb doctor` and try again.",
        "写入视频失败（{why}）；请用 `s2v-nb doctor` 检查磁盘空间后重试。",
    ),
    "failed.disk": (
        "Writing to {name!r} failed ({why}); check free disk space with `s2v-nb doctor` and try again.",
        "写入 {name!r} 失败（{why}）；请用 `s2v-nb doctor` 检查磁盘空间后重试。",
    ),
    "failed.internal": (
        "Something failed inside s2v-nb ({why}); the details are in {log}.",
        "程序内部出错（{why}）；详情见 {log}。",
    ),
    "cancelled": (
        "Stopped; finished clips are kept, the half-made one is gone.",
        "已停止；已完成的片段保留，未完成的已清除。",
    ),
    "label.note": ("note", "提示"),
    # stages
    "stage.audio": ("Audio features", "音频特征"),
    "stage.frames": ("Frames", "画面生成"),
    "stage.encoding": ("Encoding", "编码"),
}
