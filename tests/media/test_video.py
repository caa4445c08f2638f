"""Clips are written to a standard that plays anywhere, and read back as they are."""

import json

import av
import numpy as np
import pytest

from s2v_nb import InputError
from s2v_nb.errors import GenerationError
from s2v_nb.media.audio import audio_from_array
from s2v_nb.media.video import probe_video, read_frames, read_sound, sound_rate, write_video

SIZE = (320, 180)


def frames(count: int):
    for i in range(count):
        frame = np.zeros((180, 320, 3), np.uint8)
        frame[:, :160], frame[:, 160:] = (200, 40, 40), (40, 60, 180)
        frame[80:100, i : i + 20] = 255
        yield frame


def song(seconds: float = 9.0, rate: int = 44_100):
    t = np.arange(round(seconds * rate)) / rate
    return audio_from_array(0.4 * np.sin(2 * np.pi * (200 * t + 60 * t * t)), rate)


def write(path, count=72, fps=24, audio=None, comment=None, source=None):
    write_video(path, source or frames(count), size=SIZE, fps=fps, num_frames=count, audio=audio or song(),
                comment=comment or {})  # fmt: skip
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write(tmp_path_factory.mktemp("video") / "x.mp4", comment={"name": "夜 \" ' $ & 😀", "n": [1, 2]})


def test_the_file_is_what_players_expect(written):
    with av.open(str(written)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        context = video.codec_context
        assert (context.name, video.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)  # all BT.709
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 44_100, 2)
        assert audio.bit_rate == pytest.approx(192_000, rel=0.25)
        assert float(video.duration * video.time_base) == float(audio.duration * audio.time_base) == 3.0
    data = written.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart: plays before it is all there


def test_the_comment_survives_with_all_its_characters(written):
    assert json.loads(probe_video(written).comment) == {"name": "夜 \" ' $ & 😀", "n": [1, 2]}


@pytest.mark.parametrize(("fps", "count"), [(24, 72), (24, 81), (30, 90), (30, 91), (24, 193)])
def test_frame_counts_are_exact(tmp_path, fps, count):
    path = write(tmp_path / "x.mp4", count, fps)

    seen = [at for at, _ in read_frames(path)]

    assert np.allclose(seen, np.arange(count) / fps, atol=1e-3)


def test_frames_come_back_with_their_colours(written):
    for i, ((_, found), wanted) in enumerate(zip(read_frames(written), frames(72), strict=True)):
        if i % 20 == 0:
            assert np.abs(found[20, 40].astype(int) - wanted[20, 40]).max() <= 4
            assert np.abs(found[20, 280].astype(int) - wanted[20, 280]).max() <= 4
            assert found[90, i + 10].min() > 235


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 96_000])
def test_sound_is_the_song_in_place(tmp_path, rate):
    audio = song(rate=rate)
    path = write(tmp_path / "x.mp4", audio=audio)

    heard = read_sound(path)

    assert heard.rate == sound_rate(rate)
    assert heard.duration == pytest.approx(3.0, abs=1e-3)
    wanted = audio.resampled(heard.rate).samples[0][5000:100_000]
    part = heard.samples[0][5000:100_000]
    assert int(np.argmax(np.correlate(part, wanted[2000:-2000], "valid"))) == 2000
    assert np.corrcoef(part, wanted)[0, 1] > 0.99


def test_a_song_that_ends_early_is_filled_with_silence(tmp_path):
    heard = read_sound(write(tmp_path / "x.mp4", audio=song(2.0)))

    assert heard.duration == pytest.approx(3.0, abs=1e-3)
    assert np.abs(heard.samples[:, 2 * 44_100 + 4000 :]).max() < 1e-3


def test_wrong_frames_are_a_mistake_and_leave_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="gave 5 frames, but num_frames=72"):
        write(tmp_path / "x.mp4", source=frames(5))
    with pytest.raises(ValueError, match="frame 0 is uint8"):
        write(tmp_path / "x.mp4", source=iter([np.zeros((10, 10, 3), np.uint8)]))
    assert not list(tmp_path.glob("*.wav"))


def test_an_encoder_that_fails_says_why(tmp_path):
    folder = tmp_path / "x.mp4"
    folder.mkdir()

    with pytest.raises(GenerationError, match="Writing the video failed"):
        write(folder)
    assert not list(tmp_path.glob("*.wav"))


def test_an_error_among_the_frames_ends_the_encoder(tmp_path):
    def broken():
        yield from frames(3)
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        write(tmp_path / "x.mp4", source=broken())


def test_files_that_are_no_clips(tmp_path, written):
    for name, data, complaint in (
        ("list.mp4", b"ffconcat version 1.0\nfile /etc/hostname\n", "points to other files"),
        ("hls.mp4", b"#EXTM3U\n/etc/hostname\n", "points to other files"),
        ("photo.mp4", b"\xff\xd8\xff" + bytes(99), "is a picture"),
        ("empty.mp4", b"", "is empty"),
        ("cut.mp4", written.read_bytes()[:900], "is damaged"),
        ("half.mp4", written.read_bytes()[: written.read_bytes().index(b"mdat") + 8], "is damaged"),
        ("codec.mp4", written.read_bytes().replace(b"avc1", b"zzzz"), "is damaged"),
        ("zeros.mp4", b"\0\0\0\x18ftypisom" + bytes(500), "is damaged"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=complaint):
            list(read_frames(tmp_path / name))


def ffmpeg(*arguments):
    import subprocess

    import imageio_ffmpeg

    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, arguments)], check=True)


def test_a_sound_that_begins_late_is_heard_late(tmp_path, written):
    ffmpeg("-i", written, "-itsoffset", "0.3", "-i", written, "-map", "0:v", "-map", "1:a", "-c", "copy",
           tmp_path / "late.mp4")  # fmt: skip
    plain, late = read_sound(written).samples[0], read_sound(tmp_path / "late.mp4").samples[0]

    shift = round(0.3 * 44_100)
    found = np.correlate(late[shift : shift + 60_000], plain[4000:50_000], "valid").argmax() - 4000
    assert abs(found) <= 1024  # a copied edit list counts in packets
    assert not late[: shift - 1100].any()


def test_a_sound_longer_than_its_picture_is_not_decoded_whole(tmp_path, written):
    """An hour of silence in a few kilobytes would fill the memory."""
    ffmpeg("-i", written, "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-map", "0:v", "-map", "1:a", "-c:v", "copy",
           "-t", "600", "-c:a", "aac", "-b:a", "8k", tmp_path / "long.mp4")  # fmt: skip

    assert probe_video(tmp_path / "long.mp4").seconds < 5
    assert read_sound(tmp_path / "long.mp4").duration < 5
