"""From a picture and a song to a clip on disk: whole, once, again, stopped, killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from s2v_nb import Clip, Corrections, InputError, Progress, Settings, analyze, generate, load_audio, load_image
from s2v_nb.engines import Notice
from s2v_nb.errors import Cancelled, GenerationError
from s2v_nb.media.video import probe_video, read_frames, read_sound
from s2v_nb.runs import material, replay
from tests.conftest import tone, write_song
from tests.rhythm.music import band, bar_lines
from tests.trust.disks import limit_files

SMALL = {"duration": 3.0, "resolution": "480p", "fps": 24}


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def frames_of(path) -> list[np.ndarray]:
    return [frame for _, frame in read_frames(path)]


def test_a_clip_is_whole(clip):
    info = probe_video(clip.path)

    assert (info.width, info.height, info.fps) == (854, 480, 30.0)
    assert len(frames_of(clip.path)) == clip.spec.num_frames == 240
    assert read_sound(clip.path).duration == pytest.approx(8.0, abs=1e-3)
    measured = {"poster.jpg", "beats.png", "alignment.png", "alignment.json"}  # by other tests of this session
    assert {p.name for p in clip.path.parent.iterdir()} - measured == {"clip.mp4", "progress.json", "spec.json"}


def test_sound_starts_with_the_excerpts_first_sample(clip, song):
    """No drift and no offset between the song and what plays."""
    wanted = load_audio(song).excerpt(4.0, 8.0).samples[0]
    heard = read_sound(clip.path).samples[0]
    for at in (20_000, 300_000):
        part = wanted[at : at + 30_000]
        found = np.correlate(heard[at - 2000 : at + 32_000], part, "valid").argmax() - 2000
        assert found == 0


def test_the_spec_is_in_the_file_and_beside_it(clip):
    inside = json.loads(probe_video(clip.path).comment)
    beside = json.loads((clip.path.parent / "spec.json").read_text())

    assert inside == beside
    assert inside["settings"]["prompt"] == "slow pan right, subtle glow"
    assert inside["image"]["name"] == "cover.png"
    assert "/" not in json.dumps(inside["image"]) + json.dumps(inside["audio"])  # a published clip tells no path
    assert Clip.open(clip.path).settings == clip.settings
    assert len(clip.rhythm.beats) > 10


def test_the_same_request_is_answered_from_disk(cover, song, tmp_path):
    first = generate(cover, song, runs=tmp_path, **SMALL)
    stamp = first.path.stat().st_mtime_ns

    again = generate(str(cover), load_audio(song), Settings(**SMALL), runs=str(tmp_path))

    assert (first.cached, again.cached) == (False, True)
    assert again.path == first.path
    assert first.path.stat().st_mtime_ns == stamp
    assert generate(cover, song, runs=tmp_path, seed=1, **SMALL).path != first.path


def test_replay_gives_the_same_frames(cover, song, tmp_path):
    made = generate(cover, song, prompt="handheld, rain, film grain", start=2.5, runs=tmp_path / "a", **SMALL,
                    out=tmp_path / "published.mp4")  # fmt: skip

    again = replay(made.path, cover, song, runs=tmp_path / "b", out=tmp_path / "again.mp4")

    assert not again.cached
    pairs = zip(frames_of(made.path), frames_of(again.path), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_replay_finds_its_files_near_the_clip(cover, song, tmp_path):
    for path in (cover, song):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    made = generate(cover, song, runs=tmp_path / "a", out=tmp_path / "x.mp4", **SMALL)

    assert not replay(made.path, runs=tmp_path / "b").cached


def test_replay_refuses_what_would_not_be_the_same(cover, song, tmp_path, files):
    made = generate(cover, song, runs=tmp_path / "a", out=tmp_path / "x.mp4", **SMALL)
    other = write_song(tmp_path / "other.wav", tone(8.0))

    with pytest.raises(InputError, match=r"cover\.png.*--image"):
        replay(made.path, runs=tmp_path)
    with pytest.raises(InputError, match="not the song"):
        replay(made.path, cover, other, runs=tmp_path)
    with pytest.raises(InputError, match="not the picture"):
        replay(made.path, np.zeros((100, 100, 3), np.uint8), song, runs=tmp_path)


def test_replay_of_a_foreign_or_hostile_file(tmp_path, clip):
    from s2v_nb.runs.spec import Spec

    good = json.loads((clip.path.parent / "spec.json").read_text())
    rhythm = good["rhythm"]
    for change in ({"settings": {"duration": 99}}, {"settings": {"shell": "rm"}}, {"rhythm": []}, {"image": None},
                   {"rhythm": {**rhythm, "beats": [2, 1]}}, {"rhythm": {**rhythm, "times": [0, 1, 10**13]}},
                   {"rhythm": {**rhythm, "duration": "x"}}, {"num_frames": "many"}):  # fmt: skip
        with pytest.raises(InputError, match="make a new clip"):
            Spec.from_json(json.dumps({**good, **change}), "x.mp4")
    no_json = ({"num_frames": float("inf")}, {"rhythm": {**rhythm, "tempo": float("nan")}})
    for text in ("", "hello", "[1]", "{}", "null", "[" * 100_000, *(json.dumps({**good, **bad}) for bad in no_json)):
        with pytest.raises(InputError, match="does not say how"):
            Spec.from_json(text, "x.mp4")


def test_bad_input_writes_nothing(cover, song, tmp_path):
    runs = tmp_path / "runs"
    for image, audio, choices in (
        (tmp_path / "none.png", song, {}),
        (cover, tmp_path / "none.mp3", {}),
        (song, cover, {}),
        (cover, song, {"duration": 99}),
        (cover, song, {"motoin": "high"}),
        (cover, song, {"start": 25.0}),
        (cover, song, {"engine": "nope"}),
        (cover, song, {"out": tmp_path / "clip.avi"}),
        (cover, song, {"out": cover / "clip.mp4"}),
        (cover, song, {"out": tmp_path / ("x" * 240 + ".mp4")}),
    ):
        before = listing(tmp_path)
        with pytest.raises(InputError):
            generate(image, audio, runs=runs, **choices)
        assert listing(tmp_path) == before


def test_a_song_that_ends_early_shortens_the_clip_and_says_so(cover, tmp_path):
    short = write_song(tmp_path / "short.wav", tone(4.5))

    clip = generate(cover, short, runs=tmp_path, resolution="480p", start=0.5)

    assert clip.spec.num_frames == 120
    assert "ends 4.00 s early" in clip.notices[0]
    assert len(frames_of(clip.path)) == 120


def test_silence_makes_a_clip_without_beats(cover, tmp_path):
    silent = write_song(tmp_path / "silent.wav", np.zeros((44_100 * 4, 2), np.float32))

    clip = generate(cover, silent, runs=tmp_path, **SMALL)

    assert any("No beat was found" in notice for notice in clip.notices)


def test_a_rhythm_of_ones_own_is_followed(cover, song, tmp_path):
    heard = analyze(song).excerpt(0.0, 3.0)

    mine = generate(cover, song, runs=tmp_path, rhythm=heard.excerpt(0.2, 3.0), **SMALL)
    theirs = generate(cover, song, runs=tmp_path, **SMALL)

    assert mine.path != theirs.path
    assert mine.rhythm.beats[0] != theirs.rhythm.beats[0]


def test_progress_goes_through_its_three_stages(cover, song, tmp_path):
    seen = []
    generate(cover, song, runs=tmp_path, progress=Progress(seen.append), **SMALL)

    stages = [state.stage for state in seen]
    assert list(dict.fromkeys(stages)) == ["audio", "frames", "encoding"]
    assert [s.done for s in seen if s.stage == "frames"] == list(range(73))
    assert seen[-1].done == seen[-1].total == 1


def test_stopping_leaves_no_half_clip(cover, song, tmp_path):
    progress = Progress()
    progress.views.append(lambda state: progress.cancel() if state.stage == "frames" and state.done == 20 else None)

    with pytest.raises(Cancelled):
        generate(cover, song, runs=tmp_path, progress=progress, **SMALL)

    (folder,) = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["parts", "progress.json", "spec.json"]
    assert not list((folder / "parts").iterdir())
    assert not generate(cover, song, runs=tmp_path, **SMALL).cached


def test_finished_parts_are_not_made_again(cover, song, tmp_path):
    """Stopped after two of its three seconds, then finished: the same frames as in one go, and nothing is left over."""
    choices = {**SMALL, "prompt": "handheld, rain, film grain"}
    whole = generate(cover, song, runs=tmp_path / "a", **choices)
    progress, seen = Progress(), []
    progress.views.append(lambda state: progress.cancel() if state.stage == "frames" and state.done == 60 else None)
    with pytest.raises(Cancelled):
        generate(cover, song, runs=tmp_path / "b", progress=progress, **choices)
    assert [path.name for path in tmp_path.glob("b/*/parts/*")] == ["part-0000.mp4"]

    continued = generate(cover, song, runs=tmp_path / "b", progress=Progress(seen.append), **choices)

    assert [(s.first, s.done) for s in seen if s.stage == "frames"] == [(48, done) for done in range(48, 73)]
    pairs = zip(read_frames(whole.path), read_frames(continued.path), strict=True)
    assert all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in pairs)
    assert np.array_equal(read_sound(whole.path).samples, read_sound(continued.path).samples)
    assert sorted(p.name for p in continued.path.parent.iterdir()) == ["clip.mp4", "progress.json", "spec.json"]


def test_a_clip_that_another_process_finished_meanwhile_is_taken(cover, song, tmp_path):
    """The other one has cleared the parts away, so that this one cannot go on: it need not."""
    made = generate(cover, song, runs=tmp_path / "a", **SMALL)

    def finish(state):
        if state.stage == "frames" and state.done == 60:
            (folder,) = (tmp_path / "b").iterdir()
            shutil.copy(made.path, folder / "clip.mp4")
            shutil.rmtree(folder / "parts")

    clip = generate(cover, song, runs=tmp_path / "b", progress=Progress(finish), **SMALL)

    assert len(frames_of(clip.path)) == 72
    assert sorted(p.name for p in clip.path.parent.iterdir()) == ["clip.mp4", "progress.json", "spec.json"]


def test_a_failure_is_kept_with_its_traceback(cover, song, tmp_path, monkeypatch):
    from s2v_nb.engines.preview.render import Renderer

    def broken(self, index):
        raise ArithmeticError("lens fell off")

    with monkeypatch.context() as patch:
        patch.setattr(Renderer, "frame", broken)
        with pytest.raises(ArithmeticError):
            generate(cover, song, runs=tmp_path, **SMALL)
    (folder,) = tmp_path.iterdir()
    assert "lens fell off" in (folder / "error.txt").read_text()
    assert not list(folder.glob("*.mp4"))

    generate(cover, song, runs=tmp_path, **SMALL)

    assert not (folder / "error.txt").exists()


def test_a_full_disk_is_said_plainly(cover, song, tmp_path, monkeypatch):
    """ffmpeg itself hits the limit: its largest file is 100 kB, as `ulimit -f` sets it."""
    limit_files(monkeypatch, lambda command: 100_000)
    with pytest.raises(GenerationError, match="free disk space"):
        generate(cover, song, runs=tmp_path, **SMALL)
    assert not list(tmp_path.rglob("*.mp4"))


def test_what_was_made_stays_on_a_full_disk(cover, song, tmp_path, monkeypatch):
    """There is room for the parts and none for the clip: once there is, nothing but the joining is left."""
    seen = []
    with monkeypatch.context() as patch:
        limit_files(patch, lambda command: 100_000 if "concat" in command else None)
        with pytest.raises(GenerationError, match="free disk space"):
            generate(cover, song, runs=tmp_path, **SMALL)
    assert sorted(path.name for path in tmp_path.rglob("*.mp4")) == ["part-0000.mp4", "part-0001.mp4"]

    generate(cover, song, runs=tmp_path, progress=Progress(seen.append), **SMALL)

    assert {(s.first, s.done) for s in seen if s.stage == "frames"} == {(72, 72)}


def test_sound_that_found_no_room_at_first_is_encoded_again(cover, song, tmp_path, monkeypatch):
    sounds = []

    def small_for_the_first(command):
        if "aac" not in command:
            return None
        sounds.append(command)
        return 1000 if len(sounds) == 1 else None

    limit_files(monkeypatch, small_for_the_first)
    clip = generate(cover, song, runs=tmp_path, **SMALL)

    assert len(sounds) == 2
    assert read_sound(clip.path).duration == pytest.approx(3.0, abs=0.01)
    assert not list(tmp_path.rglob("sound.*"))


def test_killed_at_any_moment_then_finished(cover, song, tmp_path):
    """kill -9 while it works: no file with a final name but whole parts, and the next try makes the clip."""
    code = (
        "import sys; from s2v_nb import generate; generate(sys.argv[1], sys.argv[2], runs=sys.argv[3],"
        " duration=3.0, resolution='480p', fps=24)"
    )
    for sign in ("part-0000.partial-*.mp4", "part-0000.mp4"):
        process = subprocess.Popen([sys.executable, "-c", code, str(cover), str(song), str(tmp_path)])
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob(sign)) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not list(tmp_path.rglob("clip.mp4"))

    seen = []
    clip = generate(cover, song, runs=tmp_path, progress=Progress(seen.append), **SMALL)

    assert len(frames_of(clip.path)) == 72
    assert {state.first for state in seen if state.stage == "frames"} == {48}


def test_a_clip_shows_itself_in_a_notebook(clip, monkeypatch):
    monkeypatch.chdir(clip.path.parents[1])

    shown = clip._repr_html_()

    assert f'src="{clip.path.parent.name}/clip.mp4"' in shown
    assert all(word in shown for word in ("autoplay", "muted", "controls"))


def test_a_clip_opens_in_moviepy(clip):
    with clip.moviepy() as video:
        assert (video.size, video.fps, video.duration) == ([854, 480], 30.0, 8.0)


def test_notices_cannot_carry_html(clip):
    from dataclasses import replace

    assert "<script>" not in replace(clip, notes=(Notice("notice.unknown_words", {"words": "<script>"}),))._repr_html_()


def test_loaded_objects_are_taken_as_paths_are(cover, song, tmp_path):
    by_path = generate(cover, song, runs=tmp_path, **SMALL)

    assert generate(load_image(cover), load_audio(song), runs=tmp_path, **SMALL).path == by_path.path


def test_a_loaded_part_is_not_mistaken_for_the_song(cover, song, tmp_path):
    part = generate(cover, load_audio(song, 10.0, 8.0), runs=tmp_path, start=0.0, **SMALL)
    whole = generate(cover, song, runs=tmp_path, start=0.0, **SMALL)

    assert part.path != whole.path
    wanted = load_audio(song, 10.0, 3.0).samples[0][20_000:50_000]
    heard = read_sound(part.path).samples[0]
    assert np.correlate(heard[18_000:52_000], wanted, "valid").argmax() == 2000


def test_the_song_is_never_overwritten(cover, tmp_path, clip):
    """An MP4 may be the song, and the place of the result."""
    song = tmp_path / "song.mp4"
    song.write_bytes(clip.path.read_bytes())

    with pytest.raises(InputError, match="would be overwritten"):
        generate(cover, song, out=song, runs=tmp_path / "runs", **SMALL)
    assert song.read_bytes() == clip.path.read_bytes()


def test_a_damaged_result_is_made_again(cover, song, tmp_path):
    made = generate(cover, song, runs=tmp_path, **SMALL)
    whole = made.path.read_bytes()
    for left in (2000, len(whole) - 100, 0):
        made.path.write_bytes(whole[:left])

        again = generate(cover, song, runs=tmp_path, **SMALL)

        assert not again.cached
        assert len(frames_of(again.path)) == 72


def test_the_end_is_faded_whatever_the_duration(cover, tmp_path):
    """3.01 s are 90.3 frames: the sound ends with the picture, faded."""
    steady = write_song(tmp_path / "steady.wav", np.full((44_100 * 6, 2), 0.5, np.float32))
    for duration, frames in ((3.01, 90), (3.02, 91)):
        clip = generate(cover, steady, runs=tmp_path, duration=duration, resolution="480p")
        heard = read_sound(clip.path).samples[0]
        assert clip.spec.num_frames == frames
        assert len(heard) == round(frames / 30 * 44_100)
        assert heard[-2000:-600].mean() == pytest.approx(0.5, abs=0.05)
        assert abs(heard[-20:].mean()) < 0.1


def test_a_rhythm_of_the_whole_song_is_cut_to_the_clip(cover, song, tmp_path):
    clip = generate(cover, song, runs=tmp_path, rhythm=analyze(song), **SMALL)

    assert clip.rhythm.duration == 3.0
    assert clip.rhythm.beats.max() < 3.0


def test_names_that_are_no_unicode(cover, song, tmp_path):
    odd = os.fsdecode(bytes(tmp_path) + b"/pic\xe9.png")
    Path(odd).write_bytes(cover.read_bytes())

    clip = generate(odd, song, runs=tmp_path / "runs", **SMALL)

    assert clip.spec.image.name == "pic?.png"


def test_a_copy_has_its_spec_beside_it(cover, song, tmp_path):
    generate(cover, song, runs=tmp_path / "runs", out=tmp_path / "mine.mp4", **SMALL)

    assert json.loads((tmp_path / "mine.spec.json").read_text())["num_frames"] == 72


def test_two_at_once_do_not_disturb_each_other(cover, song, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        clips = list(pool.map(lambda _: generate(cover, song, runs=tmp_path, **SMALL), range(3)))

    assert len({clip.path for clip in clips}) == 1
    assert len(frames_of(clips[0].path)) == 72
    assert sorted(p.name for p in clips[0].path.parent.iterdir()) == ["clip.mp4", "progress.json", "spec.json"]


def test_without_a_start_the_best_part_is_taken(cover, tmp_path):
    """The loud section that returns, from its first bar; the clip and its notice say where it is."""
    audio = band("AAAABBBBAAAABBBB", loud={"A": 0.4})

    clip = generate(cover, audio, runs=tmp_path, **SMALL)

    lines = bar_lines(16)
    assert min(abs(clip.spec.settings.start + 0.02 - lines[4]), abs(clip.spec.settings.start + 0.02 - lines[12])) < 0.06
    assert any(f"{clip.spec.settings.start:.2f} s" in notice and "chorus" in notice for notice in clip.notices)
    again = generate(cover, audio, runs=tmp_path, start=clip.spec.settings.start, **SMALL)
    assert again.cached


def test_a_song_of_hours_is_heard_around_the_excerpt(cover, tmp_path, monkeypatch):
    monkeypatch.setattr(material, "HEARD_SECONDS", 12.0)
    heard = []
    listen = material.analyze
    monkeypatch.setattr(material, "analyze", lambda song: heard.append(song.duration) or listen(song))
    audio = band("AABBAABBAABBAABBAABBAABBAABBAABB")

    clip = generate(cover, audio, runs=tmp_path, start=40.0, **SMALL)

    assert clip.spec.rhythm["beats"]
    assert heard == [pytest.approx(43.0, abs=3.1)]  # 20 s before, the clip, and 20 s after


def test_corrections_make_another_clip(cover, tmp_path):
    audio = band("AABBAABB")
    song = load_audio(write_song(tmp_path / "song.wav", audio.samples.T, audio.rate))
    first = generate(cover, song, runs=tmp_path / "runs", start=2.0, **SMALL)

    Corrections().double().save(song)
    second = generate(cover, song, runs=tmp_path / "runs", start=2.0, **SMALL)

    assert second.path != first.path
    assert len(second.rhythm.beats) >= 2 * len(first.rhythm.beats) - 1
