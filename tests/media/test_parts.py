"""A clip in parts: the same frames at the same times however it was interrupted, and damage is made good."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from s2v_nb.errors import GenerationError
from s2v_nb.media import load_audio
from s2v_nb.media.parts import finished_parts, join_parts, part_path, write_parts
from s2v_nb.media.video import encode_sound, probe_video, read_frames, read_sound, write_video
from tests.conftest import tone, write_song
from tests.trust.disks import limit_files

SIZE = (96, 64)


def picture(k: int) -> np.ndarray:
    """Frame k: brighter than the one before, with some noise so that the encoder has work and B-frames pay."""
    noise = np.random.default_rng(k // 8).integers(0, 20, (SIZE[1], SIZE[0], 1))
    return (20 + 4 * k + noise + np.zeros(3, int)).astype(np.uint8)


def pictures(first: int = 0, last: int = 10**6) -> Iterator[np.ndarray]:
    return (picture(k) for k in range(first, last))


def count(num_frames: int, part_frames: int = 20, fps: int = 30) -> dict:
    return {"fps": fps, "num_frames": num_frames, "part_frames": part_frames}


def frames_of(path: Path) -> list[np.ndarray]:
    return [frame for _, frame in read_frames(path)]


def exact_times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.pts * stream.time_base for frame in container.decode(stream)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return load_audio(write_song(tmp_path_factory.mktemp("sound") / "s.wav", tone(4.0)))


def make(folder: Path, sound, num_frames: int, *, stop_at: int | None = None, **options) -> Path:
    """A clip in ``folder``; its first attempt ends at frame ``stop_at`` if that is given."""
    numbers, parts, path = count(num_frames, **options), folder / "parts", folder / "clip.mp4"
    if stop_at is not None:
        with pytest.raises(ValueError, match="frames gave"):
            write_parts(parts, islice(pictures(), stop_at), size=SIZE, **numbers)
        assert not list(parts.glob("*partial*"))
    first = finished_parts(parts, size=SIZE, **numbers)
    assert first == (stop_at or 0) // numbers["part_frames"]
    write_parts(parts, pictures(first * numbers["part_frames"]), size=SIZE, first_part=first, **numbers)
    heard = encode_sound(parts, sound, num_frames / numbers["fps"])
    join_parts(path, parts, sound=heard, comment={"made": "in parts"}, **numbers)
    return path


@pytest.mark.parametrize(
    ("num_frames", "part_frames", "fps", "stop_at"),
    [(50, 20, 30, 27), (50, 20, 24, 40), (41, 20, 30, 20), (60, 20, 24, 59), (7, 20, 30, 3), (9, 1, 24, 4)],
)
def test_interrupted_or_not_the_clip_is_the_same(tmp_path, sound, num_frames, part_frames, fps, stop_at):
    options = {"part_frames": part_frames, "fps": fps}
    for name in "ab":
        (tmp_path / name).mkdir()
    whole = make(tmp_path / "a", sound, num_frames, **options)
    continued = make(tmp_path / "b", sound, num_frames, stop_at=stop_at, **options)

    assert len(frames_of(whole)) == num_frames
    assert all(np.array_equal(a, b) for a, b in zip(frames_of(whole), frames_of(continued), strict=True))
    assert exact_times(continued) == [Fraction(k, fps) for k in range(num_frames)]
    assert probe_video(continued).seconds == pytest.approx(num_frames / fps, abs=1e-6)
    assert probe_video(continued).comment == '{"made": "in parts"}'


def test_the_frames_are_the_right_ones_and_in_order(tmp_path, sound):
    for at, frame in enumerate(frames_of(make(tmp_path, sound, 50))):
        assert frame.mean() == pytest.approx(picture(at).mean(), abs=1.9)


def test_there_are_b_frames_and_every_part_begins_with_a_key_frame(tmp_path, sound):
    with av.open(str(make(tmp_path, sound, 50))) as container:
        decoded = list(container.decode(video=0))

    assert any(frame.pict_type == av.video.frame.PictureType.B for frame in decoded)
    assert [decoded[at].key_frame for at in (0, 20, 40)] == [True] * 3


def test_the_sound_is_the_same_as_without_parts(tmp_path, sound):
    path = make(tmp_path, sound, 50)
    write_video(tmp_path / "at_once.mp4", pictures(0, 50), audio=sound, comment={}, size=SIZE, fps=30, num_frames=50)

    assert np.array_equal(read_sound(path).samples, read_sound(tmp_path / "at_once.mp4").samples)


def test_a_damaged_part_and_those_after_it_are_made_again(tmp_path, sound):
    numbers, parts = count(60), tmp_path / "parts"
    write_parts(parts, pictures(), size=SIZE, **numbers)
    middle = part_path(parts, 1)
    good = middle.read_bytes()
    index = good.index(b"moov")
    for damage in (b"", good[:-10], good[: len(good) // 2], good[:index] + bytes(len(good) - index), b"hello" * 100):
        middle.write_bytes(damage)
        assert finished_parts(parts, size=SIZE, **numbers) == 1
    middle.write_bytes(good)
    assert finished_parts(parts, size=SIZE, **numbers) == 3


def test_a_part_of_another_clip_is_no_part(tmp_path):
    parts = tmp_path / "parts"
    write_parts(parts, pictures(), size=SIZE, **count(60))

    assert finished_parts(parts, size=SIZE, **count(60)) == 3
    assert finished_parts(parts, size=SIZE, **count(60, fps=24)) == 0
    assert finished_parts(parts, size=SIZE, **count(60, part_frames=30)) == 0
    assert finished_parts(parts, size=(64, 64), **count(60)) == 0
    assert finished_parts(parts, size=SIZE, **count(50)) == 2  # its last part would be shorter


def test_there_are_no_parts_where_there_is_no_folder(tmp_path):
    assert finished_parts(tmp_path / "none", size=SIZE, **count(60)) == 0


@pytest.mark.parametrize("name", ["it's #1 ? 50% [a] & b", "歌曲", "back\\slash", " spaced ", "line\nbreak"])
def test_a_folder_of_any_name(tmp_path, sound, name):
    folder = tmp_path / name
    folder.mkdir()

    assert len(frames_of(make(folder, sound, 30))) == 30


def test_what_was_finished_stays_when_the_disk_is_full(tmp_path, monkeypatch):
    """The second part meets a limit to ffmpeg's files, as `ulimit -f` sets it; the first is kept."""
    limit_files(monkeypatch, lambda command: 1000 if "part-0001" in command[-1] else None)
    with pytest.raises(GenerationError, match="free disk space"):
        write_parts(tmp_path, pictures(), size=SIZE, **count(60))

    assert [path.name for path in tmp_path.iterdir()] == ["part-0000.mp4"]
    assert finished_parts(tmp_path, size=SIZE, **count(60)) == 1


def test_a_join_that_fails_keeps_the_parts(tmp_path, sound):
    numbers = count(60)
    write_parts(tmp_path / "parts", pictures(), size=SIZE, **numbers)
    part_path(tmp_path / "parts", 2).rename(tmp_path / "away.mp4")

    with pytest.raises(GenerationError, match="Writing the video failed"):
        join_parts(
            tmp_path / "clip.mp4", tmp_path / "parts", sound=encode_sound(tmp_path, sound, 2.0), comment={}, **numbers
        )

    assert finished_parts(tmp_path / "parts", size=SIZE, **numbers) == 2
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["part-0000.mp4", "part-0001.mp4"]
