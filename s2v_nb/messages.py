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
        "Settings has no {name!r}; choose from {allowed}.",
        "设置项中没有 {name!r}；请从 {allowed} 中选择。",
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
    "image.costly": (
        "{name!r} is built so that reading it takes far too much time or memory; save it again as JPG or PNG.",
        "图片 {name!r} 的结构会占用过多时间或内存；请重新保存为 JPG 或 PNG。",
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
        "{name!r} holds values that are not sound (NaN, infinite or far too large); export the song again.",
        "{name!r} 含有无效数值（NaN、无穷大或过大）；请重新导出歌曲。",
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
    "audio.too_long_rate": (
        "{name!r} is {minutes:.0f} minutes long, at {rate} Hz at most {limit:.0f} are read at once; save it at 48000 Hz.",
        "{name!r} 长 {minutes:.0f} 分钟，{rate} Hz 时一次最多读取 {limit:.0f} 分钟；请以 48000 Hz 重新保存。",
    ),
    "audio.channels": (
        "{name!r} has {channels} channels, 1 to {limit} can be used; export the song in stereo.",
        "{name!r} 有 {channels} 个声道，可用 1 到 {limit} 个；请导出为立体声。",
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
        "{name!r} has {width} x {height} pixels and {seconds:.0f} s; at most {limit} and {longest:.0f} s are measured, give a "
        "smaller or shorter clip.",
        "{name!r} 为 {width} x {height} 像素、{seconds:.0f} 秒；最多测量 {limit}、{longest:.0f} 秒，请换较小或较短的片段。",
    ),
    "video.no_spec": (
        "{name!r} does not say how it was made; give a clip that s2v-nb wrote, or leave out --from.",
        "{name!r} 不含生成信息；请给出本工具生成的片段，或去掉 --from。",
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
        "This clip was made by the engine {engine!r}, which is not here; leave out --from and choose one of {allowed}.",
        "该片段由引擎 {engine!r} 生成，此处没有；请去掉 --from，并从 {allowed} 中选择。",
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
        "The song is {song:.0f} s long; the clip uses {start:.2f} s to {end:.2f} s ({reason}). Another part: "
        "the song panel, or start=.",
        "歌曲长 {song:.0f} 秒；短片使用 {start:.2f} 秒到 {end:.2f} 秒（{reason_zh}）。可在歌曲面板或用 start= 选择其他部分。",
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
        "没有名为 {name!r} 的节拍检测器；请从 {allowed} 中选择。",
    ),
    "tracker.missing": (
        "tracker={name!r} needs the package {package}, which is not installed; install it or leave tracker='auto'.",
        "节拍检测器 {name!r} 需要安装 {package}；请先安装，或使用 tracker='auto'。",
    ),
    "corrections.unknown": (
        "{name!r} is no correction of beats; choose one of {allowed}.",
        "没有名为 {name!r} 的节拍修正；请从 {allowed} 中选择。",
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
    "engine.packages": (
        "it needs packages that are missing ({packages}); install them with `pip install s2v_nb[gpu]`.",
        "缺少所需软件包（{packages}）；请运行 `pip install s2v_nb[gpu]` 安装。",
    ),
    "engine.no_gpu": (
        "it needs an NVIDIA GPU, and none is seen here; rent one, or use preview.",
        "需要 NVIDIA GPU，但此机器上未检测到；请租用 GPU，或使用 preview。",
    ),
    "engine.too_big": (
        "{engine} needs at least {needs:.1f} GB of free GPU memory and {host_needs:.1f} GB of the machine's, found "
        "{has:.1f} GB and {host_has:.1f} GB.",
        "{engine} 至少需要 {needs:.1f} GB 可用显存和 {host_needs:.1f} GB 内存，实际为 {has:.1f} GB 和 {host_has:.1f} GB。",
    ),
    "engine.no_weights": (
        "{engine} has no weights here; fetch them once with `s2v-nb models get {model}`.",
        "{engine} 的权重尚未下载；请运行一次 `s2v-nb models get {model}`。",
    ),
    "engine.too_slow": (
        "{engine} would take {minutes:.1f} minutes, more than your limit of {limit:.1f}; raise it or make less.",
        "{engine} 约需 {minutes:.1f} 分钟，超过您设定的 {limit:.1f} 分钟；请放宽限制或缩短片段。",
    ),
    "engine.too_dear": (
        "{engine} would cost {money:.2f}, more than your limit of {limit:.2f}; raise it or make less.",
        "{engine} 约需花费 {money:.2f}，超过您设定的 {limit:.2f}；请放宽限制或缩短片段。",
    ),
    "engine.refused": (
        "engine={engine!r} cannot run here: {why}",
        "引擎 {engine!r} 无法在此运行：{why_zh}",
    ),
    "notice.engine_chosen": (
        "Made with {engine}. A better engine was passed over: {why}",
        "由 {engine} 制作。未使用更好的引擎：{why_zh}",
    ),
    # what a model will take
    "plan.resident": (
        "All weights stay on the {gpu}: {peak:.1f} GB of its {free:.1f} GB free are needed.",
        "权重全部常驻 {gpu}：需要 {peak:.1f} GB，可用 {free:.1f} GB。",
    ),
    "plan.fp8": (
        "The weights stay on the {gpu} in float8, a little coarser: {peak:.1f} GB of its {free:.1f} GB free are needed.",
        "权重以 float8 常驻 {gpu}（精度略降）：需要 {peak:.1f} GB，可用 {free:.1f} GB。",
    ),
    "plan.host": (
        "The weights pass through the {gpu} from the machine's memory: {peak:.1f} GB of its {free:.1f} GB free are needed.",
        "权重从内存流经 {gpu}：需要 {peak:.1f} GB，可用 {free:.1f} GB。",
    ),
    "plan.disk": (
        "The weights pass through the {gpu} from the disk, which is slow: {peak:.1f} GB of its {free:.1f} GB free are "
        "needed, and the machine's memory holds too little.",
        "权重从磁盘流经 {gpu}（较慢）：需要 {peak:.1f} GB，可用 {free:.1f} GB，内存不足以容纳权重。",
    ),
    "plan.stepped_down": (
        "The GPU's memory ran out at part {part}; the work went on from there in a way that takes less ({way}).",
        "第 {part} 部分显存不足；已改用更省显存的方式（{way}）从该处继续。",
    ),
    "plan.nothing": (
        "{model} needs at least {needs:.1f} GB of free GPU memory and {host_needs:.1f} GB of the machine's, found "
        "{has:.1f} GB and {host_has:.1f} GB; choose 480p or a shorter clip, close other programs, or use preview.",
        "{model} 至少需要 {needs:.1f} GB 可用显存和 {host_needs:.1f} GB 内存，实际为 {has:.1f} GB 和 {host_has:.1f} GB；"
        "请选择 480p 或更短的片段、关闭其他程序，或使用 preview。",
    ),
    "failed.memory": (
        "The machine's memory ran out; finished parts are kept: close other programs and try again.",
        "内存不足；已完成部分已保留：请关闭其他程序后重试。",
    ),
    "failed.gpu_memory": (
        "The memory of the {gpu} ran out ({has:.1f} GB free) even in the way that takes least; finished parts are kept: "
        "choose 480p, or close other programs and try again.",
        "{gpu} 的显存不足（可用 {has:.1f} GB），即使采用最省的方式；已完成部分已保留：请选择 480p，或关闭其他程序后重试。",
    ),
    # uploads
    "upload.empty": (
        "{name!r} is empty; choose the file again.",
        "{name!r} 是空文件；请重新选择。",
    ),
    "upload.too_big": (
        "{name!r} has {size_mib:.0f} MiB, at most {limit_mib:.0f} MiB are taken; choose a smaller file.",
        "{name!r} 大小为 {size_mib:.0f} MiB，最多 {limit_mib:.0f} MiB；请换一个较小的文件。",
    ),
    "upload.disk": (
        "{name!r} needs {size_mib:.0f} MiB and only {free_mib:.0f} MiB may be used on this disk; free some space first.",
        "{name!r} 需要 {size_mib:.0f} MiB，磁盘仅剩 {free_mib:.0f} MiB 可用；请先清理磁盘空间。",
    ),
    "upload.broken": (
        "The upload of {name!r} broke off because its pieces do not fit together; upload it again.",
        "上传 {name!r} 时数据片段不一致，已中断；请重新上传。",
    ),
    "upload.differs": (
        "{name!r} did not arrive as it was sent (its SHA-256 differs); upload it again.",
        "{name!r} 收到的内容与发送的不一致（SHA-256 不同）；请重新上传。",
    ),
    "upload.unreadable": (
        "The browser cannot read {name!r}; is it a folder, or has it changed? Choose one file.",
        "浏览器无法读取 {name!r}；它可能是文件夹或已被修改，请选择一个文件。",
    ),
    # advice on a picture
    "advice.small": (
        "The picture has {width} x {height} pixels and is enlarged {times:.1f} times for {resolution}, which looks soft; "
        "choose a larger picture or a lower resolution.",
        "图片为 {width} x {height} 像素，在 {resolution} 下会放大 {times:.1f} 倍而显得模糊；请换更大的图片或降低分辨率。",
    ),
    "advice.margin": (
        "The clip shows the picture up to its edges ({room:.0%} to spare), so camera moves enlarge it up to {times:.1f} "
        "times; {needed_width} x {needed_height} pixels or more would keep it sharp.",
        "片段几乎用满整幅图片（余量 {room:.0%}），运镜时最多会放大 {times:.1f} 倍；"
        "图片不小于 {needed_width} x {needed_height} 像素可保持清晰。",
    ),
    "advice.crop": (
        "Cropping to {aspect} loses {lost:.0%} of the picture; choose another shape, or fit 'auto' or 'blur' to show it whole.",
        "裁成 {aspect} 会损失 {lost:.0%} 的画面；请换画面比例，或将“适配方式”设为“自动”或“模糊背景”以完整显示。",
    ),
    "advice.whole": (
        "The picture is shown whole on a blurred copy of itself, because cropping it to {aspect} would lose {lost:.0%}; "
        "choose another shape, or fit 'crop' to crop it all the same.",
        "若裁成 {aspect} 会损失 {lost:.0%} 的画面，因此完整显示并以模糊背景填充；可换画面比例，或将“适配方式”设为“裁切”。",
    ),
    "advice.subject": (
        "The subject lies at {x:.0%} of the frame's width and {y:.0%} of its height, near the edge, where camera moves may "
        "cut it; drag the point if it is elsewhere, or use a picture with more room around it.",
        "主体位于画框宽度 {x:.0%}、高度 {y:.0%} 处，靠近边缘，运镜时可能被裁掉；若位置不对请拖动标记，或换一张四周留白更多的图片。",
    ),
    "advice.contrast": (
        "The picture's brightness spans only {span:.0%} of the range from black to white; raise its contrast, or add "
        "'high contrast' to the prompt.",
        "图片亮度仅占黑到白范围的 {span:.0%}；请提高对比度，或在提示词中加入“高对比”。",
    ),
    "advice.bars": (
        "Plain bars at the edges take {part:.0%} of the picture; cut them off first, or they move with it.",
        "图片边缘的纯色边框占 {part:.0%}；请先裁掉，否则会随画面一起移动。",
    ),
    "advice.text": (
        "Lines of text take about {part:.0%} of the picture; camera moves and crops cut them, so a picture with little or no "
        "text works better.",
        "文字约占画面的 {part:.0%}；运镜和裁切会截断文字，最好使用文字很少或没有文字的图片。",
    ),
    # the panel of the picture
    "studio.image.drop": (
        "Drop a picture here (JPG, PNG or WebP)",
        "将图片拖放到此处（JPG、PNG 或 WebP）",
    ),
    "studio.image.browse": ("Browse...", "选择文件…"),
    "studio.image.paste": ("Paste", "粘贴"),
    "studio.image.cancel": ("Cancel", "取消"),
    "studio.image.arrived": ("Uploaded.", "上传完成。"),
    "studio.image.cancelled": ("Upload cancelled.", "上传已取消。"),
    "studio.image.failed": ("Not taken; the message says why.", "未能使用；原因见提示信息。"),
    "studio.image.press": ("Press Ctrl+V (Cmd+V on a Mac) now.", "现在请按 Ctrl+V（Mac 上按 Cmd+V）。"),
    "studio.image.nothing": ("There is no picture on the clipboard.", "剪贴板中没有图片。"),
    "studio.image.list": ("Picture", "图片"),
    "studio.image.none": ("choose one of this folder", "从此文件夹中选择"),
    "studio.image.sample": ("Use the sample", "使用示例"),
    "studio.image.sample_tip": ("A drawn cover: a moon over hills and water", "绘制的封面：山水之上的月亮"),
    "studio.image.small": ("Upload a picture (up to 9 MB)", "上传图片（不超过 9 MB）"),
    "studio.image.empty": ("No picture yet.", "还没有图片。"),
    "studio.image.about": ("{name}, {width} x {height} pixels", "{name}，{width} x {height} 像素"),
    "studio.image.subject": ("Subject: the point that stays in view", "主体：始终保留在画面中的点"),
    "studio.image.auto": ("Find the subject", "自动寻找主体"),
    "studio.image.hint": (
        "The frame is what the clip shows. Drag the point to what must stay in view; a hollow point was found by itself.",
        "画框内是片段显示的部分。请将标记拖到需要保留的位置；空心标记为自动寻找的结果。",
    ),
    "studio.image.x": ("Subject across", "主体横向"),
    "studio.image.y": ("Subject down", "主体纵向"),
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
        "{lost:.0%} of it. Fit 'crop' crops instead.",
        "若裁成 {aspect} 会损失 {lost:.0%} 的画面，因此完整显示并以模糊背景填充。将“适配方式”设为“裁切”可改为裁切。",
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
    "failed.vanished": (
        "{name!r} is no longer there: it was moved, deleted or unmounted while the clip was made; bring it back, or "
        "choose another folder for runs, and try again.",
        "{name!r} 已不存在：生成过程中被移动、删除或卸载；请恢复该文件夹，或为 runs 另选位置后重试。",
    ),
    "failed.internal": (
        "Something failed inside s2v-nb ({why}); try again, and if it happens again report it: the details are in {log}.",
        "程序内部出错（{why}）；请重试，若再次出现请反馈：详情见 {log}。",
    ),
    "cancelled": (
        "Stopped; what is finished is kept, start it again to go on from there.",
        "已停止；已完成的部分保留，再次开始即可继续。",
    ),
    "failed.worker": (
        "The process that makes clips does not start; what it said is in {log}, and `s2v-nb doctor` may say why.",
        "生成片段的进程无法启动；它的输出见 {log}，也可运行 `s2v-nb doctor` 查找原因。",
    ),
    "failed.died": (
        "The process that made the clip was ended {count} times, most likely for want of memory; choose 480p or a "
        "shorter clip and try again.",
        "生成片段的进程已中断 {count} 次，很可能是内存不足；请选择 480p 或更短的时长后重试。",
    ),
    "studio.no_image": (
        "There is no picture yet; drop one into the picture panel or press its sample button.",
        "还没有图片；请拖入一张图片，或点击示例按钮。",
    ),
    "studio.no_audio": (
        "There is no song yet; drop one into the song panel or press its sample button.",
        "还没有歌曲；请拖入一首歌曲，或点击示例按钮。",
    ),
    "label.note": ("note", "提示"),
    # the studio: song and beat
    "studio.song.choose": ("Choose a song", "选择歌曲"),
    "studio.song.list": ("Song", "歌曲"),
    "studio.song.path": ("Path of a song", "歌曲文件路径"),
    "studio.song.sample": ("Use the sample", "使用示例"),
    "studio.song.sample_tip": ("Take the bundled sample song", "使用自带的示例歌曲"),
    "studio.song.file": ("{length}, {rate:g} kHz", "时长 {length}，{rate:g} kHz"),
    "studio.song.listening": ("listening ...", "正在聆听……"),
    "studio.song.beat": (
        "{tempo:.1f} BPM, {metre} beats a bar, sure to {sure:.0f} %",
        "{tempo:.1f} BPM，每小节 {metre} 拍，把握 {sure:.0f} %",
    ),
    "studio.song.no_beat": ("no beat found: the excerpt can lie anywhere", "未找到节拍：选段可放在任意位置"),
    "studio.song.heard": ("The first {length} are heard and shown.", "只聆听并显示前 {length}。"),
    "studio.song.long": (
        "The song is longer than {limit:g} s, so its best part is chosen: {begin} to {end} ({why}).",
        "歌曲长于 {limit:g} 秒，已选取最合适的一段：{begin} 到 {end}（{why}）。",
    ),
    "studio.song.span": ("{begin} to {end}: {why}", "{begin} 到 {end}：{why}"),
    "studio.song.drop": ("Drop a song here", "将歌曲拖放到此处"),
    "studio.song.browse": ("Choose a file", "选择文件"),
    "studio.song.paste": ("Paste", "粘贴"),
    "studio.song.cancel": ("Cancel", "取消"),
    "studio.song.cancelled": ("The upload is cancelled", "已取消上传"),
    "studio.song.arrived": ("The song has arrived", "歌曲已上传"),
    "studio.song.best": ("Best parts", "推荐选段"),
    "studio.song.best_tip": ("Take the part from {begin} to {end}: {why}", "选取 {begin} 到 {end}：{why}"),
    "studio.song.start": ("Start (s)", "起点（秒）"),
    "studio.wave.empty": ("No song yet", "尚无歌曲"),
    "studio.wave.listening": ("Listening to the song ...", "正在聆听歌曲……"),
    "studio.wave.play": ("Play", "播放"),
    "studio.wave.play_tip": ("Play the excerpt in a loop (space)", "循环播放选段（空格键）"),
    "studio.wave.stop": ("Stop", "停止"),
    "studio.wave.click": ("Click", "节拍声"),
    "studio.wave.click_tip": ("A click on each beat, a higher one where the bar begins", "每拍一声，小节开头音调较高"),
    "studio.wave.tap": ("Tap", "打拍"),
    "studio.wave.tap_tip": (
        "Tap along with the music, {count} times or more, here or on the T key",
        "随音乐敲击 {count} 次以上，点击此处或按 T 键",
    ),
    "studio.wave.taps": ("{count} taps", "已敲 {count} 下"),
    "studio.wave.few_taps": (
        "{count} taps are too few; tap at least {least} times",
        "只敲了 {count} 下；至少需要 {least} 下",
    ),
    "studio.wave.start": ("Start of the excerpt", "选段起点"),
    "studio.wave.length": ("Length of the excerpt", "选段时长"),
    "studio.wave.value": ("{begin} to {end}, {length} s", "{begin} 到 {end}，{length} 秒"),
    "studio.wave.drag": (
        "Drag the excerpt; it keeps to the bars, with Alt it moves freely. Arrow: a bar, with Shift: a beat, with Alt: 10 ms",
        "拖动选段，它会对齐小节；按住 Alt 可自由移动。方向键：一小节；Shift：一拍；Alt：10 毫秒",
    ),
    "studio.wave.free": ("no bars to keep to", "没有可对齐的小节"),
    "studio.wave.beat": ("beat", "拍"),
    "studio.wave.downbeat": ("bar", "小节"),
    "studio.wave.drop": ("drop", "爆发"),
    "studio.wave.break": ("break", "停顿"),
    "studio.wave.unplayable": ("The browser cannot play this sound", "浏览器无法播放此声音"),
    "studio.beat.title": ("Correct the beat", "校正节拍"),
    "studio.beat.halve": ("Half tempo", "速度减半"),
    "studio.beat.halve_tip": ("Every second beat only", "只保留每隔一拍"),
    "studio.beat.double": ("Double tempo", "速度加倍"),
    "studio.beat.double_tip": ("A beat also halfway between the beats", "在两拍之间各加一拍"),
    "studio.beat.shift": ("Half a beat later", "后移半拍"),
    "studio.beat.shift_tip": ("Where the off-beat was taken for the beat", "反拍被误认为正拍时使用"),
    "studio.beat.rotate": ("Bar one beat later", "小节后移一拍"),
    "studio.beat.rotate_tip": ("The bar begins one beat later", "小节从后一拍开始"),
    "studio.beat.earlier": ("10 ms earlier", "提前 10 毫秒"),
    "studio.beat.earlier_tip": ("All beats 10 ms earlier", "所有节拍提前 10 毫秒"),
    "studio.beat.later": ("10 ms later", "推后 10 毫秒"),
    "studio.beat.later_tip": ("All beats 10 ms later", "所有节拍推后 10 毫秒"),
    "studio.beat.three": ("3 beats a bar", "每小节 3 拍"),
    "studio.beat.three_tip": ("Count three beats a bar, from the first bar on", "从第一小节起每小节数三拍"),
    "studio.beat.four": ("4 beats a bar", "每小节 4 拍"),
    "studio.beat.four_tip": ("Count four beats a bar, from the first bar on", "从第一小节起每小节数四拍"),
    "studio.beat.undo": ("Undo", "撤销"),
    "studio.beat.undo_tip": ("Without the last correction", "撤销上一次校正"),
    "studio.beat.reset": ("Reset", "重置"),
    "studio.beat.reset_tip": ("The beat as it was heard", "恢复为听到的节拍"),
    "studio.beat.none": ("Nothing is corrected.", "尚未校正。"),
    "studio.beat.done": ("Corrected: {steps}", "已校正：{steps}"),
    "studio.step.halve": ("halve", "减半"),
    "studio.step.double": ("double", "加倍"),
    "studio.step.shift": ("shift", "移半拍"),
    "studio.step.rotate": ("rotate {value}", "小节移 {value} 拍"),
    "studio.step.metre": ("{value} beats a bar", "每小节 {value} 拍"),
    "studio.step.nudge": ("nudge {value:+g} ms", "移 {value:+g} 毫秒"),
    "studio.step.tap": ("tap ({value})", "打拍（{value}）"),
    # end of song and beat
    # stages
    "stage.audio": ("Audio features", "音频特征"),
    "stage.frames": ("Frames", "画面生成"),
    "stage.encoding": ("Encoding", "编码"),
    # the rented machine
    "platform.late": (
        "Models would be kept on the wrong disk, because another cell ran first; restart the kernel, run this cell first.",
        "已有其他单元先运行，模型会存到错误的磁盘；请重启内核，并首先运行此单元。",
    ),
    "idle.command": (
        "{command!r} is not a command ({why}); write it as in a terminal, or leave it empty.",
        "{command!r} 不是有效的命令（{why}）；请按终端中的写法填写，或留空。",
    ),
    "idle.failed": (
        "The machine could not be stopped with {command!r} ({why}); stop it in the platform's console.",
        "未能用 {command!r} 停止机器（{why_zh}）；请在平台控制台中停止。",
    ),
    # the studio: media, progress, the clip, the history
    "studio.media.sound_on": ("Sound on", "打开声音"),
    "studio.media.sound_off": ("Sound off", "关闭声音"),
    "studio.media.download": ("Download", "下载"),
    "studio.media.loading": ("loading ...", "加载中……"),
    "studio.media.gone": (
        "This file is no longer there; it may have been moved or deleted.",
        "文件已不存在，可能已被移动或删除。",
    ),
    "studio.media.broken": (
        "The browser cannot show this file; download it and open it in another program.",
        "浏览器无法显示此文件；请下载后用其他程序打开。",
    ),
    "studio.progress.stop": ("Stop", "停止"),
    "studio.progress.stopping": ("stopping ...", "正在停止……"),
    "studio.progress.none": ("nothing is being made", "当前没有任务"),
    "studio.progress.waiting": ("waiting for the worker", "等待后台进程"),
    "studio.progress.running": ("running", "进行中"),
    "studio.progress.done": ("done in {seconds:.1f} s", "已完成，用时 {seconds:.1f} 秒"),
    "studio.progress.cached": ("done: this very clip was there already", "已完成：此前已生成过同样的片段"),
    "studio.progress.stopped": ("stopped: finished parts are kept", "已停止：完成的部分已保留"),
    "studio.progress.left": ("{left} left", "剩余 {left}"),
    "studio.clip.empty": (
        "No clip yet. Choose a picture and a song and press Generate; the clip plays here.",
        "还没有片段。选择图片和歌曲后点击生成，片段会在此播放。",
    ),
    "studio.clip.again": ("Generate again", "再次生成"),
    "studio.clip.compare": ("Compare with last", "与上一个对比"),
    "studio.clip.tab.clip": ("Clip", "片段"),
    "studio.clip.tab.beats": ("Beats", "节拍"),
    "studio.clip.tab.alignment": ("Alignment", "同步"),
    "studio.clip.tab.settings": ("Settings", "设置"),
    "studio.clip.alt": ("Clip: {prompt}, {size}, {seconds:.1f} s", "片段：{prompt}，{size}，{seconds:.1f} 秒"),
    "studio.verdict.in_time": ("in time", "与节拍同步"),
    "studio.verdict.no_link": ("no link to the beat", "与节拍无关"),
    "studio.verdict.unsure": ("not enough evidence", "证据不足"),
    "studio.verdict.late": (
        "The picture is {verdict}: {lag:.0f} ms after the beat in the median, phase locking R {r:.2f}, p {p}.",
        "画面{verdict}：中位数晚于节拍 {lag:.0f} 毫秒，相位锁定 R {r:.2f}，p {p}。",
    ),
    "studio.verdict.early": (
        "The picture is {verdict}: {lag:.0f} ms before the beat in the median, phase locking R {r:.2f}, p {p}.",
        "画面{verdict}：中位数早于节拍 {lag:.0f} 毫秒，相位锁定 R {r:.2f}，p {p}。",
    ),
    "studio.verdict.late_unsure": (
        "Not enough evidence: {lag:.0f} ms after the beat in the median, phase locking R {r:.2f}, p {p}.",
        "证据不足：中位数晚于节拍 {lag:.0f} 毫秒，相位锁定 R {r:.2f}，p {p}。",
    ),
    "studio.verdict.early_unsure": (
        "Not enough evidence: {lag:.0f} ms before the beat in the median, phase locking R {r:.2f}, p {p}.",
        "证据不足：中位数早于节拍 {lag:.0f} 毫秒，相位锁定 R {r:.2f}，p {p}。",
    ),
    "studio.verdict.nothing": (
        "Not enough evidence: too few visual events, or no beat in the music.",
        "证据不足：视觉事件太少，或音乐中没有节拍。",
    ),
    "studio.verdict.measuring": ("measuring how the clip keeps time ...", "正在测量片段与节拍的同步……"),
    "studio.verdict.none": ("This clip was not measured.", "此片段未经测量。"),
    "studio.made.summary": (
        "motion {motion}, {seconds:g} s, {size}, {fps} fps, seed {seed}",
        "运动{motion}，{seconds:g} 秒，{size}，{fps} fps，种子 {seed}",
    ),
    "studio.made.auto": ("chosen for you", "自动选择"),
    "studio.made.image": ("Picture", "图片"),
    "studio.made.audio": ("Song", "歌曲"),
    "studio.made.engine": ("Engine", "引擎"),
    "studio.made.folder": ("Folder in runs", "runs 中的文件夹"),
    "studio.made.prompt": ("Prompt", "提示词"),
    "studio.made.prompt_weight": ("Prompt weight", "提示词强度"),
    "studio.made.motion": ("Motion", "运动"),
    "studio.made.duration": ("Length", "时长"),
    "studio.made.start": ("Start", "起点"),
    "studio.made.resolution": ("Resolution", "分辨率"),
    "studio.made.aspect": ("Shape", "画面比例"),
    "studio.made.fps": ("Frames per second", "每秒帧数"),
    "studio.made.fit": ("Fit", "适配"),
    "studio.made.quality": ("Quality", "质量"),
    "studio.made.subject": ("Subject", "主体位置"),
    "studio.made.seed": ("Seed", "种子"),
    "studio.motion_word.off": ("off", "关闭"),
    "studio.motion_word.low": ("low", "弱"),
    "studio.motion_word.medium": ("medium", "中"),
    "studio.motion_word.high": ("high", "强"),
    "studio.compare.this": ("this clip", "当前片段"),
    "studio.compare.last": ("the one before", "上一个"),
    "studio.compare.same": ("the same settings", "设置相同"),
    "studio.score.verdict": ("Keeps time", "同步判断"),
    "studio.score.r": ("Phase locking R", "相位锁定 R"),
    "studio.score.lag": ("Median lag", "中位延迟"),
    "studio.score.p": ("p", "p 值"),
    "studio.history.empty": ("No clips yet. What you make is listed here.", "还没有片段。生成的片段会列在这里。"),
    "studio.history.list": ("Clips made before", "已生成的片段"),
    "studio.history.use": ("Use these settings", "使用这些设置"),
    "studio.history.delete": ("Delete", "删除"),
    "studio.history.confirm": ("Delete for ever", "永久删除"),
    "studio.history.keep": ("Keep", "保留"),
    "studio.history.no_poster": ("no preview yet", "暂无预览"),
    "studio.history.no_prompt": ("(no prompt)", "（无提示词）"),
    "studio.history.gone": (
        "The clip {name!r} is no longer there, it may have been deleted elsewhere; choose another one.",
        "片段 {name!r} 已不存在，可能已在别处删除；请选择其他片段。",
    ),
    # the studio: its settings, session and layout
    "control.prompt_weight": (
        "Prompt weight",
        "提示词权重",
    ),
    "control.motion": (
        "Motion",
        "运动强度",
    ),
    "control.duration": (
        "Duration",
        "时长",
    ),
    "control.start": (
        "Start",
        "起点",
    ),
    "control.resolution": (
        "Resolution",
        "分辨率",
    ),
    "control.aspect": (
        "Aspect",
        "画面比例",
    ),
    "control.fps": (
        "Frames a second",
        "帧率",
    ),
    "control.fit": (
        "Fit",
        "适配方式",
    ),
    "control.seed": (
        "Seed",
        "随机种子",
    ),
    "control.engine": (
        "Engine",
        "引擎",
    ),
    "control.quality": (
        "Quality",
        "质量",
    ),
    "option.draft": (
        "draft",
        "草稿",
    ),
    "option.final": (
        "final",
        "成片",
    ),
    "option.off": (
        "off",
        "关",
    ),
    "option.low": (
        "low",
        "低",
    ),
    "option.medium": (
        "medium",
        "中",
    ),
    "option.high": (
        "high",
        "高",
    ),
    "option.auto": (
        "auto",
        "自动",
    ),
    "option.crop": (
        "crop",
        "裁切",
    ),
    "option.blur": (
        "blur",
        "模糊背景",
    ),
    "preset.quick": (
        "Quick look",
        "快速预览",
    ),
    "preset.balanced": (
        "Balanced",
        "均衡",
    ),
    "preset.final": (
        "Final",
        "成片",
    ),
    "preset.quick_tip": (
        "480p, 24 fps, 4 s: to try a song, a crop and a prompt",
        "480p、24 帧、4 秒：试歌曲、构图和提示词",
    ),
    "preset.balanced_tip": (
        "480p, 30 fps, 8 s: to see the whole phrase",
        "480p、30 帧、8 秒：看完整乐句",
    ),
    "preset.final_tip": (
        "720p, 30 fps: the clip you publish",
        "720p、30 帧：用于发布",
    ),
    "studio.title.settings": (
        "Settings",
        "设置",
    ),
    "studio.title.prompt": (
        "Prompt",
        "提示词",
    ),
    "studio.title.image": (
        "Picture",
        "图片",
    ),
    "studio.title.audio": (
        "Song",
        "歌曲",
    ),
    "studio.title.clip": (
        "Clip",
        "片段",
    ),
    "studio.title.history": (
        "Earlier clips",
        "历史片段",
    ),
    "studio.title.progress": (
        "Progress",
        "进度",
    ),
    "studio.bounds": (
        "{low} to {high}{unit}",
        "{low} 到 {high}{unit}",
    ),
    "studio.best_start": (
        "best excerpt",
        "最佳片段",
    ),
    "studio.dice": (
        "another seed",
        "换一个种子",
    ),
    "studio.engine_auto": (
        "auto: the best that runs here",
        "自动：选择此处可用的最佳引擎",
    ),
    "studio.engine_now": (
        "auto is {engine} now.",
        "自动选择当前为 {engine}。",
    ),
    "studio.engine_now_why": (
        "auto is {engine} now; {why}",
        "自动选择当前为 {engine}：{why}",
    ),
    "studio.limit_minutes": (
        "At most, minutes (0: any)",
        "最多分钟数（0 为不限）",
    ),
    "studio.limit_minutes_tip": (
        "How long a clip may take on auto; 0 for no limit",
        "自动选择时每个片段最多用时；0 表示不限",
    ),
    "studio.limit_money": (
        "At most, money (0: any)",
        "最多费用（0 为不限）",
    ),
    "studio.limit_money_tip": (
        "What a clip may cost on auto, at your price per hour; 0 for no limit",
        "自动选择时每个片段最多花费（按您的每小时价格）；0 表示不限",
    ),
    "studio.engine_ready": (
        "runs here",
        "此处可用",
    ),
    "studio.engine_refused": (
        "not here: {why}",
        "此处不可用：{why}",
    ),
    "studio.prompt_hint": (
        "Directions with commas between them, e.g. cinematic, slow pan right, subtle glow",
        "用逗号分隔的指令，例如：电影感，缓慢右摇，轻微辉光",
    ),
    "studio.prompt_unknown": (
        "Not known, without effect: {words}",
        "无法识别、不起作用：{words}",
    ),
    "studio.prompt_empty": (
        "No directions: the camera pushes in slowly and follows the beat.",
        "没有指令：镜头缓慢推近并跟随节拍。",
    ),
    "studio.prompt_known": (
        "Understood: {words}",
        "已识别：{words}",
    ),
    "kind.camera": (
        "Camera",
        "镜头",
    ),
    "kind.beat": (
        "Beat",
        "节拍",
    ),
    "kind.light": (
        "Light",
        "光线",
    ),
    "kind.grade": (
        "Colour",
        "色彩",
    ),
    "kind.texture": (
        "Texture",
        "质感",
    ),
    "studio.generate": (
        "Generate",
        "生成",
    ),
    "studio.generating": (
        "Generating ...",
        "生成中……",
    ),
    "studio.estimate": (
        "About {time} and {memory:.1f} of {limit:.0f} GB memory{money}; {basis}.",
        "约 {time}，内存 {memory:.1f}/{limit:.0f} GB{money}；{basis}。",
    ),
    "studio.estimate_money": (
        ", costs {money} at {price:g} an hour",
        "，按每小时 {price:g} 计费约 {money}",
    ),
    "studio.estimate_measured": (
        "from clips made here",
        "依据本机实际生成",
    ),
    "studio.estimate_guess": (
        "a first guess",
        "初步估计",
    ),
    "studio.estimate_too_big": (
        "This may not fit into the memory of this machine; choose 480p.",
        "可能超出本机内存；请选择 480p。",
    ),
    "studio.seconds": (
        "{seconds:.0f} s",
        "{seconds:.0f} 秒",
    ),
    "studio.minutes": (
        "{minutes:.1f} min",
        "{minutes:.1f} 分钟",
    ),
    "session.gpu": (
        "GPU",
        "显卡",
    ),
    "session.no_gpu": (
        "none",
        "无",
    ),
    "session.memory": (
        "Memory",
        "内存",
    ),
    "session.disk": (
        "Free disk",
        "可用磁盘",
    ),
    "session.models": (
        "Models",
        "模型",
    ),
    "session.spend": (
        "Spent",
        "已花费",
    ),
    "session.price": (
        "Price an hour",
        "每小时价格",
    ),
    "session.more": (
        "Session",
        "会话",
    ),
    "session.clean": (
        "Clean cache",
        "清理缓存",
    ),
    "session.clean_tip": (
        "Removes what can be made again: heard songs, samples, leftovers. Clips, uploads and models stay.",
        "清除可重新生成的内容：已分析的歌曲、示例、残留文件。片段、上传和模型保留。",
    ),
    "session.cleaned": (
        "{megabytes:.1f} MB of cache removed; clips, uploads and models stay.",
        "已清理 {megabytes:.1f} MB 缓存；片段、上传和模型保留。",
    ),
    "session.save": (
        "Save everything",
        "全部保存",
    ),
    "session.save_tip": (
        "One zip of all clips, their settings and reports",
        "将所有片段、设置和报告打包为一个 zip",
    ),
    "session.saving": (
        "Packing ...",
        "打包中……",
    ),
    "session.saved": (
        "{count} clips are in {name} ({megabytes:.1f} MB); the download begins by itself.",
        "{count} 个片段已存入 {name}（{megabytes:.1f} MB），即将自动下载。",
    ),
    "session.saved_large": (
        "{count} clips are in {name} ({megabytes:.0f} MB); download it from JupyterLab's file list (right click).",
        "{count} 个片段已存入 {name}（{megabytes:.0f} MB）；请在 JupyterLab 文件列表中右键下载。",
    ),
    "session.nothing": (
        "There is no clip to save yet; generate one first.",
        "还没有可保存的片段；请先生成一个。",
    ),
    "session.idle_on": (
        "Stop this machine when idle",
        "空闲时停止本机",
    ),
    "session.idle_minutes": (
        "Minutes",
        "分钟",
    ),
    "session.idle_command": (
        "Command",
        "命令",
    ),
    "session.idle_help": (
        "Off unless you switch it on. The command below is shown here and again a minute before it runs, and can be cancelled. {bill}",
        "默认关闭。下面的命令在执行前一分钟会再次显示，可随时取消。{bill}",
    ),
    "session.idle_watching": (
        "Idle stop in {left}.",
        "空闲停止倒计时：{left}。",
    ),
    "session.idle_warning": (
        "Nobody is here: `{command}` runs within a minute.",
        "长时间无人操作：一分钟内将执行 `{command}`。",
    ),
    "session.idle_fired": (
        "`{command}` was run.",
        "已执行 `{command}`。",
    ),
    "session.idle_cancel": (
        "I am here, do not stop",
        "我在，不要停止",
    ),
    "studio.language": (
        "Language",
        "语言",
    ),
    "studio.details": (
        "Details",
        "详情",
    ),
    "studio.dismiss": (
        "Dismiss",
        "关闭",
    ),
    "studio.plain": (
        "This notebook does not show our own controls, so plain ones stand in. Put songs into the folder with the file browser.",
        "此环境无法显示完整控件，已改用基础控件。请用文件浏览器把歌曲放入文件夹。",
    ),
    "studio.resumed": (
        "A clip that was begun before is still being made.",
        "之前开始的片段仍在生成中。",
    ),
    "idle.empty": (
        "There is no command that would stop this machine; write one beside the switch, then switch it on.",
        "没有可停止本机的命令；请先在开关旁填写命令，再打开。",
    ),
    "studio.other_source": (
        "This clip was made from {name!r}, which is not chosen now; choose it again, then press the button.",
        "该片段由 {name!r} 生成，当前未选择该文件；请重新选择后再点击。",
    ),
    # sweeps and series
    "sweep.axis": (
        "{name}={value!r} is no list of values; write {name}=[first, second, ...].",
        "{name}={value!r} 不是取值列表；请写成 {name}=[值1, 值2, ...]。",
    ),
    "sweep.name": (
        "{name!r} is no setting that can be swept; choose from {allowed}.",
        "{name!r} 不是可扫描的设置；请从以下选择：{allowed}。",
    ),
    "sweep.too_many": (
        "The sweep has {count} cells, 1 to {limit} are allowed; give fewer values, or sweep in two steps.",
        "该扫描有 {count} 个单元，允许 1 到 {limit} 个；请减少取值，或分两次扫描。",
    ),
    "sweep.cells": (
        "A cell names {found}, the first one names {allowed}; give every cell the same settings.",
        "某单元包含 {found}，而第一个包含 {allowed}；请让每个单元给出相同的设置。",
    ),
    "sweep.both": (
        "cells and {name} were both given; give a list of cells or axes, not both.",
        "同时给出了 cells 和 {name}；请只用单元列表或坐标轴其中一种。",
    ),
    "sweep.range": (
        "{value!r} is no range; write FROM:TO:COUNT with a count of 2 to {limit}, such as 0.5:1.5:5.",
        "{value!r} 不是有效范围；请写成 起点:终点:个数（个数为 2 到 {limit}），例如 0.5:1.5:5。",
    ),
    "sweep.which": (
        "{count} cells have {values}, but one is meant; give values of one cell, the sweep has {allowed}.",
        "符合 {values} 的单元有 {count} 个，需要恰好一个；该扫描包含 {allowed}。",
    ),
    "sweep.none": (
        "{name} holds no sweep; give the folder that a sweep was written to, or begin one there.",
        "{name} 中没有扫描；请给出扫描所在的文件夹，或在那里新建一个。",
    ),
    "sweep.damaged": (
        "{name} cannot be read ({why}); begin the sweep again with the same folder: finished clips are found there.",
        "无法读取 {name}（{why}）；请用同一文件夹重新开始扫描，已完成的片段会被找到。",
    ),
    "sweep.disk": (
        "{name} needs {needs:.0f} MiB of disk, but {has:.0f} MiB are free; free some, or choose another folder.",
        "{name} 需要 {needs:.0f} MiB 磁盘空间，仅剩 {has:.0f} MiB；请清理空间或选择其他文件夹。",
    ),
    "sweep.cap": (
        "spend_cap={value} with a price of {price:g} an hour cannot be kept; both must be above 0, so give the price too.",
        "spend_cap={value} 与每小时价格 {price:g} 无法执行；两者都必须大于 0，请同时给出价格。",
    ),
    "sweep.runner": (
        "runner={value!r} is not one of {allowed}; choose one of these.",
        "runner={value!r} 不在可选范围内：{allowed}，请从中选择。",
    ),
    "sweep.no_ray": (
        "The Ray runner needs the package ray, which is not installed; run: pip install 's2v_nb[ray]'.",
        "Ray 运行方式需要 ray 软件包，当前未安装；请运行：pip install 's2v_nb[ray]'。",
    ),
    "sweep.ray_address": (
        "No Ray cluster answers at {address!r} ({why}); check the address, or leave it out to use this machine.",
        "{address!r} 没有响应的 Ray 集群（{why}）；请检查地址，或留空以使用本机。",
    ),
    "sweep.ray_workers": (
        "{wanted} workers of {needs} were asked for, the cluster has room for {has}; ask for fewer.",
        "要求 {wanted} 个工作进程（每个 {needs}），集群只能容纳 {has} 个；请减少数量。",
    ),
    "sweep.ray_version": (
        "The cluster's workers have s2v_nb {there}, this machine has {here}; install the same version everywhere.",
        "集群工作进程的 s2v_nb 版本为 {there}，本机为 {here}；请在所有机器上安装相同版本。",
    ),
    "sweep.ray_silent": (
        "No worker of the Ray cluster was ready within {seconds:.0f} s; see whether its machines are busy or gone.",
        "Ray 集群在 {seconds:.0f} 秒内没有工作进程就绪；请检查其机器是否繁忙或已离线。",
    ),
    "sweep.ray_broken": (
        "{count} workers of the Ray cluster died before they were ready ({why}); see Ray's logs.",
        "Ray 集群有 {count} 个工作进程在就绪前退出（{why}）；请查看 Ray 日志。",
    ),
    "series.pairs": (
        "{images} pictures and {audios} songs make no series; give as many of both, or one that goes with all, up to {limit}.",
        "{images} 张图片与 {audios} 首歌曲无法组成系列；请给出相同数量，或其中一种只给一个，最多 {limit} 个。",
    ),
    "series.empty": (
        "{name} holds {images} pictures and {audios} songs; add files, a series needs at least one of both.",
        "{name} 中有 {images} 张图片和 {audios} 首歌曲；系列至少各需要一个。",
    ),
    "sweep.vanished": (
        "{name} was written and cannot be read; see whether the disk is full or was disconnected.",
        "{name} 已写入但无法读取；请检查磁盘是否已满或已断开。",
    ),
    "sweep.changed": (
        "{name} was changed while the sweep ran; run it again, and the clips of the changed file are made.",
        "{name} 在扫描运行期间被修改；请重新运行，以生成新文件的片段。",
    ),
    "sweep.other_source": (
        "{name} is another file than the one this sweep was begun with; put that one back, or begin a sweep in another folder.",
        "{name} 与开始扫描时的文件不同；请恢复原文件，或在其他文件夹中新建扫描。",
    ),
    "sweep.other_there": (
        "{name} holds a sweep of another picture or song; choose another folder for this one.",
        "{name} 中已有另一张图片或另一首歌曲的扫描；请为本次扫描选择其他文件夹。",
    ),
    "sweep.kind": (
        "{name} holds a {found}, not a {wanted}; open it as what it is, or choose another folder.",
        "{name} 中是 {found}，不是 {wanted}；请按其类型打开，或选择其他文件夹。",
    ),
    "sweep.passed_over": (
        "{count} clips were passed over, since those beside them keep time worse; without stop_dominated they are made.",
        "{count} 个片段被跳过，因为相邻的片段更不合拍；不使用 stop_dominated 即可生成。",
    ),
    "sweep.expected_failed": (
        "; {failed} failed before",
        "；此前失败 {failed} 个",
    ),
    "sweep.worker_died": (
        "The process that made this clip died ({why}); it is tried once more, then passed over.",
        "生成该片段的进程意外结束（{why}）；将再试一次，之后跳过。",
    ),
    "sweep.stopped": (
        "Stopped. {done} of {total} clips are done and kept; start the sweep again to go on.",
        "已停止。{total} 个片段中已完成 {done} 个并保留；再次启动扫描即可继续。",
    ),
    "sweep.capped": (
        "{spent:.4g} of {cap:.4g} are spent: {done} of {total} clips are done. Raise the cap to go on.",
        "已花费 {spent:.4g}，上限 {cap:.4g}：{total} 个片段中已完成 {done} 个。提高上限即可继续。",
    ),
    "sweep.failures": (
        "{failed} clips failed twice and were passed over; the table says why. To try them again: retry_failed=True, or --retry-failed.",
        "{failed} 个片段失败两次，已跳过；原因见表格。重试：retry_failed=True 或 --retry-failed。",
    ),
    "sweep.expected": (
        "{cells} clips, {done} done; about {time} and {disk:.0f} MiB of disk are needed ({free:.0f} GiB free)",
        "共 {cells} 个片段，已完成 {done} 个；约需 {time} 和 {disk:.0f} MiB 磁盘（剩余 {free:.0f} GiB）",
    ),
    "sweep.expected_money": (
        ", about {money:.3g} in money",
        "，费用约 {money:.3g}",
    ),
    "sweep.nothing_missing": (
        "{cells} clips, {done} done; nothing is missing",
        "共 {cells} 个片段，已完成 {done} 个；没有缺少的片段",
    ),
    "sweep.state.waiting": (
        "waiting",
        "等待中",
    ),
    "sweep.state.running": (
        "being made",
        "生成中",
    ),
    "sweep.state.done": (
        "done",
        "已完成",
    ),
    "sweep.state.failed": (
        "failed",
        "失败",
    ),
    "sweep.line": (
        "{done} of {total} clips done, {failed} failed",
        "已完成 {done}/{total} 个片段，失败 {failed} 个",
    ),
    "sweep.bar": (
        "Sweep",
        "扫描",
    ),
    "sweep.cells_done": (
        "{done} of {total} clips",
        "{done}/{total} 个片段",
    ),
    "sweep.left": (
        "{time} left",
        "剩余 {time}",
    ),
    "sweep.spent": (
        "{money:.3g} spent",
        "已花费 {money:.3g}",
    ),
    "sweep.best_late": (
        "{verdict}: {met} of {events} moments meet a beat, R {r:.2f} (chance {chance:.2f}), {lag:.0f} ms after it",
        "{verdict}：{events} 个视觉事件中 {met} 个落在节拍上，R {r:.2f}（随机 {chance:.2f}），晚 {lag:.0f} 毫秒",
    ),
    "sweep.best_early": (
        "{verdict}: {met} of {events} moments meet a beat, R {r:.2f} (chance {chance:.2f}), {lag:.0f} ms before it",
        "{verdict}：{events} 个视觉事件中 {met} 个落在节拍上，R {r:.2f}（随机 {chance:.2f}），早 {lag:.0f} 毫秒",
    ),
    # views of sweeps
    "view.thinned": ("{shown} of {total} clips are shown", "显示了 {total} 个片段中的 {shown} 个"),
    "view.sound": ("the sound is that of: {label}", "声音来自：{label}"),
    "view.map.score": ("keeps time: R beyond chance", "合拍程度：R 减去随机水平"),
    "view.map.motion_energy": ("motion energy (heights/s)", "运动能量（画面高度/秒）"),
    "view.map.seconds": ("time to make (s)", "生成耗时（秒）"),
    "view.map.money": ("money (as in the price per hour)", "费用（币种同每小时价格）"),
    "view.mean": ("mean over {names}", "对{names}取平均"),
    "view.clip_number": ("number of the clip", "片段编号"),
    "view.unmeasured": ("nothing to measure", "无法测量"),
    "view.hatched": ("hatched: no clip", "斜线：没有片段"),
    "view.grey": ("grey: nothing to measure", "灰色：无法测量"),
    "view.motion": ("motion (heights/s)", "运动（画面高度/秒）"),
    "view.stop": ("visual stop", "画面停顿"),
    "view.beat": ("beat", "节拍"),
    "view.downbeat": ("downbeat", "强拍"),
    "view.time": ("time (s)", "时间（秒）"),
    "view.page.title_sweep": ("Sweep {name}", "扫描 {name}"),
    "view.page.title_series": ("Series {name}", "系列 {name}"),
    "view.page.sheet": ("All clips side by side", "全部片段"),
    "view.page.best": ("The best three", "最佳三个"),
    "view.page.no_best": (
        "No clip can be ranked: none is done, or none has enough motion to measure.",
        "无法排名：还没有完成的片段，或运动太少无法测量。",
    ),
    "view.page.maps": ("How the clips keep time and move, and what they took", "合拍、运动、耗时与费用"),
    "view.page.curves": ("Motion and beats", "运动与节拍"),
    "view.page.maps_note": (
        "R is how firmly the picture's events keep one place in the beat (1 at best), less what chance gives.",
        "R 表示画面事件在一拍中位置的稳定程度（最高为 1），此处减去随机水平。",
    ),
    "view.page.curves_note": (
        "The motion of each clip with the beats it follows; R is that of the events it was measured by.",
        "各片段的运动与其跟随的节拍；R 来自测量所用的视觉事件。",
    ),
    "view.page.table": ("All clips in numbers", "全部数据"),
    "view.page.shared": ("Settings that all clips share", "所有片段共同的设置"),
    "view.state.done": ("done", "完成"),
    "view.state.waiting": ("not made yet", "尚未生成"),
    "view.state.running": ("being made", "正在生成"),
    "view.state.failed": ("failed", "失败"),
    "view.column.cell": ("Clip", "片段"),
    "view.column.state": ("State", "状态"),
    "view.column.seconds": ("Seconds to make", "生成耗时（秒）"),
    "view.column.money": ("Money", "费用"),
    "view.column.peak_memory_mib": ("Memory (MiB)", "内存（MiB）"),
    "view.column.verdict": ("Keeps time", "同步判断"),
    "view.column.events": ("Events", "事件数"),
    "view.column.r": ("R", "相位锁定 R"),
    "view.column.chance_r": ("R by chance", "随机 R"),
    "view.column.lag_ms": ("Lag (ms)", "延迟（毫秒）"),
    "view.column.f": ("F", "F 值"),
    "view.column.p": ("p", "p 值"),
    "view.column.motion_energy": ("Motion energy (heights/s)", "运动能量（画面高度/秒）"),
    "view.column.error": ("Why it failed", "失败原因"),
    "view.column.run": ("Folder", "文件夹"),
    "view.nothing": (
        "There is nothing to show in {name}, for no clip is done; run the sweep first.",
        "{name} 没有可显示的内容：还没有完成的片段；请先运行扫描。",
    ),
    # the studio's sweep
    "studio.title.sweep": (
        "Sweep: compare settings side by side",
        "扫描：并排比较不同设置",
    ),
    "studio.sweep.title_running": (
        "Sweep: {done} of {total} clips",
        "扫描：{done}/{total} 个片段",
    ),
    "studio.sweep.motion": (
        "Motion",
        "运动强度",
    ),
    "studio.sweep.motion_help": (
        "A row of clips for each",
        "每项一行片段",
    ),
    "studio.sweep.weight": (
        "Prompt weight",
        "提示词权重",
    ),
    "studio.sweep.weight_help": (
        "A column for each: {weights}",
        "每项一列：{weights}",
    ),
    "studio.sweep.range": (
        "Prompt weight, from and to",
        "提示词权重的起止",
    ),
    "studio.sweep.count": (
        "How many",
        "个数",
    ),
    "studio.sweep.quality": (
        "Quality",
        "质量",
    ),
    "studio.sweep.quality_help": (
        "All else is as set above; the best one is made in full quality with one click",
        "其余与上方设置相同；选中最佳后一键生成成片",
    ),
    "studio.sweep.draft": (
        "Drafts",
        "草稿",
    ),
    "studio.sweep.as_set": (
        "As set above",
        "按上方设置",
    ),
    "studio.sweep.cap": (
        "Spend at most",
        "费用上限",
    ),
    "studio.sweep.cap_help": (
        "0 is no limit; it stops after the clip that reaches it",
        "0 表示不限；达到上限的片段完成后停止",
    ),
    "studio.sweep.start": (
        "Start the sweep",
        "开始扫描",
    ),
    "studio.sweep.go_on": (
        "Make the missing clips",
        "补齐缺少的片段",
    ),
    "studio.sweep.go_on_tip": (
        "Goes on with the sweep below as it was begun",
        "按原来的设置继续下方的扫描",
    ),
    "studio.sweep.estimate": (
        "{missing} of {cells} clips to be made: about {time} and {disk:.0f} MB of disk, {free:.0f} GB are free{money}; {basis}.",
        "{cells} 个片段中需生成 {missing} 个：约需 {time}、{disk:.0f} MB 磁盘，可用 {free:.0f} GB{money}；{basis}。",
    ),
    "studio.sweep.estimate_none": (
        "0 of {cells} clips to be made: all are there.",
        "{cells} 个片段均已生成。",
    ),
    "studio.sweep.no_motion": (
        "No motion is chosen; tick one at least.",
        "未选择运动强度；请至少勾选一项。",
    ),
    "studio.sweep.weights": (
        "{count} prompt weights from {low} to {high} are no range; give 1 to {most} of them, from low to high.",
        "从 {low} 到 {high} 的 {count} 个提示词权重无效；请从低到高给出 1 到 {most} 个。",
    ),
    "studio.sweep.busy": (
        "A clip is being made; wait for it or stop it, then press the button again.",
        "正在生成片段；请等待完成或停止后再点击。",
    ),
    "studio.sweep.gone": (
        "This clip is not there; press Start the sweep to make it again.",
        "该片段不存在；请点击“开始扫描”重新生成。",
    ),
    "studio.sweep.resumed": (
        "A sweep that was begun before is still being made.",
        "之前开始的扫描仍在进行。",
    ),
    "studio.sweep.waiting": (
        "waiting for the worker",
        "等待后台进程",
    ),
    "studio.sweep.hearing": (
        "hearing the song",
        "正在聆听歌曲",
    ),
    "studio.sweep.running": (
        "running: {done} of {total} clips{failed}",
        "进行中：{done}/{total} 个片段{failed}",
    ),
    "studio.sweep.paused": (
        "a single clip goes first: {done} of {total} clips{failed}",
        "单个片段优先：{done}/{total} 个片段{failed}",
    ),
    "studio.sweep.done": (
        "done: {done} of {total} clips{failed}",
        "已完成：{done}/{total} 个片段{failed}",
    ),
    "studio.sweep.stopped": (
        "stopped: {done} of {total} clips are there{failed}",
        "已停止：已有 {done}/{total} 个片段{failed}",
    ),
    "studio.sweep.capped": (
        "stopped at the spend cap: {done} of {total} clips are there{failed}",
        "达到费用上限而停止：已有 {done}/{total} 个片段{failed}",
    ),
    "studio.sweep.some_failed": (
        ", {failed} failed",
        "，失败 {failed} 个",
    ),
    "studio.sweep.left": (
        "{time} left",
        "剩余 {time}",
    ),
    "studio.sweep.spent": (
        "{money} spent",
        "已花费 {money}",
    ),
    "studio.sweep.grid": (
        "Clips of the sweep: a row for each motion, a column for each prompt weight",
        "扫描的片段：每行一种运动强度，每列一个提示词权重",
    ),
    "studio.sweep.cell": (
        "Motion {motion}, prompt weight {weight}",
        "运动强度{motion}，提示词权重 {weight}",
    ),
    "studio.sweep.state_waiting": (
        "waiting",
        "等待中",
    ),
    "studio.sweep.state_missing": (
        "not made",
        "未生成",
    ),
    "studio.sweep.state_running": (
        "making: {percent} %",
        "生成中：{percent} %",
    ),
    "studio.sweep.state_measuring": (
        "measuring",
        "测量中",
    ),
    "studio.sweep.state_done": (
        "done",
        "已完成",
    ),
    "studio.sweep.state_failed": (
        "failed: {why}",
        "失败：{why}",
    ),
    "studio.sweep.still": (
        "nothing moves",
        "无可测动作",
    ),
    "studio.sweep.rank_1": (
        "best",
        "最佳",
    ),
    "studio.sweep.rank_2": (
        "2nd",
        "第二",
    ),
    "studio.sweep.rank_3": (
        "3rd",
        "第三",
    ),
    "studio.sweep.play": (
        "Play",
        "播放",
    ),
    "studio.sweep.final": (
        "Make this one in full quality",
        "以成片质量生成这一个",
    ),
    "studio.sweep.final_tip": (
        "{cell}: {height}p, {fps} fps, {seconds:g} s, same start and seed",
        "{cell}：{height}p、{fps} 帧、{seconds:g} 秒，起点和种子不变",
    ),
    # models: the catalogue and the download
    "models.licence": (
        "{model} is under the licence {licence}: read it at {page}, then say yes with accept_licence=True, or --yes.",
        "{model} 使用许可证 {licence}：请先阅读 {page}，再用 accept_licence=True 或 --yes 表示同意。",
    ),
    "models.offline": (
        "{model} is not on this disk, and HF_HUB_OFFLINE is set; unset it and try again, or put the files into {folder}.",
        "本机没有 {model}，且已设置 HF_HUB_OFFLINE；请取消该设置后重试，或把文件放入 {folder}。",
    ),
    "models.offline_now": (
        "The hub cannot be asked: HF_HUB_OFFLINE was set when this process started; start it again without.",
        "无法访问模型库：本进程启动时已设置 HF_HUB_OFFLINE；请取消该设置并重新启动。",
    ),
    "models.space": (
        "{model} needs {needs} more in {where}, which has {has}: free {short}, for example with `s2v-nb models clean`, or set HF_HOME to a larger disk.",
        "{model} 还需要 {needs}，而 {where} 仅剩 {has}：请再腾出 {short}（例如运行 `s2v-nb models clean`），或把 HF_HOME 设到更大的磁盘。",
    ),
    "models.cannot_write": (
        "{folder} cannot be written ({why}); check it, or set HF_HOME and S2V_NB_MODELS to a folder that can.",
        "无法写入 {folder}（{why}）；请检查，或把 HF_HOME 和 S2V_NB_MODELS 设到可写的文件夹。",
    ),
    "models.unreachable": (
        "{host} cannot be reached ({why}); check the network, or set HF_ENDPOINT to a mirror. What has come is kept: the next try goes on from there.",
        "无法连接 {host}（{why}）；请检查网络，或把 HF_ENDPOINT 设为镜像。已下载的部分会保留，下次继续。",
    ),
    "models.busy": (
        "{host} asks us to wait (HTTP {status}); try again in some minutes. What has come is kept.",
        "{host} 暂时繁忙（HTTP {status}）；请几分钟后重试。已下载的部分会保留。",
    ),
    "models.refused": (
        "{host} does not give the files (HTTP {status}); if the model asks for a login run `hf auth login`, else update this package.",
        "{host} 拒绝提供文件（HTTP {status}）；若模型需要登录请运行 `hf auth login`，否则请更新本软件包。",
    ),
    "models.short": (
        "{host} sends other bytes than its list names; try again later, or set HF_ENDPOINT to another mirror.",
        "{host} 发送的内容与其清单不符；请稍后重试，或把 HF_ENDPOINT 设为其他镜像。",
    ),
    "models.strange_list": (
        "{host} lists {file!r} without a hash, so that it could not be checked; set HF_ENDPOINT to another mirror.",
        "{host} 的文件清单中 {file!r} 没有校验值，无法校验；请把 HF_ENDPOINT 设为其他镜像。",
    ),
    "models.no_files": (
        "{repository} does not have all of {files}; update this package.",
        "{repository} 中缺少 {files} 的一部分；请更新本软件包。",
    ),
    "models.damaged": (
        "{file} came damaged twice from {host} and was thrown away; try again later, or set HF_ENDPOINT to another mirror.",
        "从 {host} 下载的 {file} 两次都已损坏，已删除；请稍后重试，或把 HF_ENDPOINT 设为其他镜像。",
    ),
    "models.own_broken": (
        "{folder} is your own folder, but does not hold whole weights (all shards that the index names, or one .safetensors or .gguf file); finish copying, or remove it and they are downloaded.",
        "{folder} 是您自己的文件夹，但其中没有完整的权重（索引列出的全部分片，或单个 .safetensors 或 .gguf 文件）；请补全，或删除后自动下载。",
    ),
    "models.vanished": (
        "{model} was removed while it was downloaded; try again.",
        "{model} 在下载期间被删除；请重试。",
    ),
    "models.no_modelscope": (
        "ModelScope's client is not installed; run `pip install modelscope`, or use --source hub.",
        "未安装 ModelScope 客户端；请运行 `pip install modelscope`，或使用 --source hub。",
    ),
    "models.missing": (
        "{model} is not on this disk; run `s2v-nb models get {model}`.",
        "本机没有 {model}；请运行 `s2v-nb models get {model}`。",
    ),
    "models.being_downloaded": (
        "{model} is being downloaded by another process; stop that first.",
        "另一个进程正在下载 {model}；请先停止下载。",
    ),
    "models.state_whole": (
        "on this disk, {here}, last used {used}",
        "已在本机，{here}，上次使用 {used}",
    ),
    "models.state_partly": (
        "{here} of about {total} on this disk",
        "本机已有 {here}，共约 {total}",
    ),
    "models.state_missing": (
        "not on this disk, about {total}",
        "本机没有，约 {total}",
    ),
    "models.places": (
        "kept in {hub} ({free} free); your own folders in {own}",
        "保存在 {hub}（剩余 {free}）；您自己的文件夹在 {own}",
    ),
    "models.partial": (
        "{size} of downloads that were cut: `s2v-nb models get` goes on with them, `s2v-nb models clean` frees them",
        "中断的下载共 {size}：`s2v-nb models get` 可继续下载，`s2v-nb models clean` 可清除",
    ),
    "models.stopped": (
        "Stopped; what has come of {model} is kept, and `s2v-nb models get {model}` goes on from there.",
        "已停止；{model} 已下载的部分会保留，再次运行 `s2v-nb models get {model}` 即可继续。",
    ),
    "models.ready": (
        "{model} is on this disk, whole and checked",
        "{model} 已完整下载并通过校验",
    ),
    "models.ask_licence": (
        "Do you accept the licence {licence}?",
        "是否同意许可证 {licence}？",
    ),
    "models.is_right": (
        "{model} is as it was published",
        "{model} 与发布内容一致",
    ),
    "models.is_damaged": (
        "{component} is damaged ({files}); `s2v-nb models get {model}` brings what is missing",
        "{component} 已损坏（{files}）；运行 `s2v-nb models get {model}` 重新下载缺少的部分",
    ),
    "models.removed": (
        "{model} is removed, {size} are free again",
        "已删除 {model}，释放 {size}",
    ),
    "models.kept_shared": (
        "kept, since other models on this disk use it: {components}",
        "已保留（本机其他模型仍在使用）：{components}",
    ),
    "models.kept_own": (
        "kept, since it is your own folder: {components}",
        "已保留（这是您自己的文件夹）：{components}",
    ),
    "models.clean_partial": (
        "a download that was cut",
        "中断的下载",
    ),
    "models.clean_revision": (
        "a revision that is not used any more",
        "不再使用的版本",
    ),
    "models.clean_parts": (
        "parts of a clip that nobody goes on with",
        "未完成片段的临时画面",
    ),
    "models.clean_cache": (
        "what was heard, and the sample; made again when needed",
        "听歌结果与示例（需要时自动重新生成）",
    ),
    "models.nothing_to_clean": (
        "There is nothing to free.",
        "没有可清理的内容。",
    ),
    "models.ask_clean": (
        "Free {size}?",
        "是否释放 {size}？",
    ),
    "models.cleaned": (
        "{size} are free again",
        "已释放 {size}",
    ),
    "models.clean_hint": (
        "{size} can be freed; nothing was removed. `s2v-nb models clean --yes` frees it",
        "可释放 {size}；尚未删除任何内容。运行 `s2v-nb models clean --yes` 即可清理",
    ),
    "models.component": (
        "{key}: {size} from {repository}, licence {licence}",
        "{key}：{size}，来自 {repository}，许可证 {licence}",
    ),
    "models.waiting": (
        "{model} (another process is downloading it)",
        "{model}（另一个进程正在下载）",
    ),
    "models.progress": (
        "{model}: {done} of {total}",
        "{model}：已有 {done}，共 {total}",
    ),
    "models.progress_speed": (
        ", {speed}/s, {left} left",
        "，{speed}/秒，剩余 {left}",
    ),
}
