"""Any usual song becomes float stereo; excerpts are exact to the sample; nothing else is opened."""

import numpy as np
import pytest
import soundfile

from s2v_nb import InputError, load_audio
from s2v_nb.media.audio import audio_from_array, to_stereo
from tests.conftest import tone, write_song

EXACT, LOSSY = (".wav", ".flac", ".aiff"), (".mp3", ".ogg", ".opus", ".m4a", ".aac")


@pytest.mark.parametrize("suffix", EXACT + LOSSY)
def test_formats_sound_as_they_were_written(tmp_path, suffix):
    rate = 48_000 if suffix == ".opus" else 44_100
    samples = tone(3.0, rate)
    path = write_song(tmp_path / f"song{suffix}", samples, rate)

    audio = load_audio(path)

    assert (audio.rate, audio.samples.shape[0], audio.samples.dtype) == (rate, 2, np.float32)
    assert audio.duration == pytest.approx(3.0, abs=0.06)
    heard = audio.samples.T[5000:100_000]
    shift = best_shift(samples[5000:100_000, 0], heard[:, 0])
    # ADTS has no place to name the encoder's delay of 1024 samples; every other format has
    assert shift == (1024 if suffix == ".aac" else 0)
    if suffix in EXACT:
        assert np.abs(heard - samples[5000:100_000]).max() < 1e-4


def best_shift(wanted: np.ndarray, heard: np.ndarray, reach: int = 2600) -> int:
    """Samples by which ``heard`` comes late."""
    middle = wanted[reach:-reach]
    return int(np.argmax(np.correlate(heard[: len(middle) + 2 * reach], middle, "valid"))) - reach


@pytest.mark.parametrize("suffix", EXACT + LOSSY)
def test_a_part_is_the_same_as_that_part_of_the_whole(tmp_path, suffix):
    rate = 48_000 if suffix == ".opus" else 44_100
    path = write_song(tmp_path / f"song{suffix}", tone(4.0, rate), rate)

    whole, part = load_audio(path), load_audio(path, start=1.2345, duration=1.5)

    first = round(1.2345 * rate)
    assert part.samples.shape == (2, round(1.5 * rate))
    assert part.start == first / rate
    # lossy decoders may round differently after a seek, but not by a sample
    expected = whole.samples[:, first : first + part.samples.shape[1]]
    assert np.abs(part.samples - expected)[:, 4000:].max() < (1e-6 if suffix in EXACT else 2e-3)
    assert part.sha256 == whole.sha256


def test_mono_becomes_stereo(tmp_path):
    path = write_song(tmp_path / "mono.wav", tone(channels=1))

    samples = load_audio(path).samples

    assert samples.shape[0] == 2
    assert np.array_equal(samples[0], samples[1])


def test_surround_is_mixed_down_without_the_lfe():
    six = np.zeros((6, 100), np.float32)
    six[3] = 1.0  # only the low-frequency channel sounds
    assert not to_stereo(six).any()
    six[0] = 1.0
    left, right = to_stereo(six)
    assert left.max() > 0.3
    assert not right.any()


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000, 192_000])
def test_unusual_rates(tmp_path, rate):
    audio = load_audio(write_song(tmp_path / "x.wav", tone(1.0, rate), rate))

    assert audio.rate == rate
    assert audio.resampled(44_100).duration == pytest.approx(1.0, abs=1e-4)


def test_excerpts_are_exact_and_know_where_they_came_from(tmp_path):
    audio = audio_from_array(np.arange(44_100 * 4, dtype=np.float32)[None], 44_100)

    excerpt = audio.excerpt(1.5, 2.0)

    assert excerpt.samples[0, 0] == 66_150
    assert excerpt.samples.shape[1] == 88_200
    assert excerpt.excerpt(2.0, 1.0).samples[0, 0] == 88_200
    assert audio.excerpt(3.5, 2.0).duration == 0.5


def test_fades_only_where_the_song_was_cut():
    audio = audio_from_array(np.ones((2, 44_100 * 4), np.float32), 44_100)

    begin, middle, end = (audio.excerpt(s, 1.0).faded().samples[0] for s in (0.0, 1.0, 3.0))

    assert (begin[0], begin[-1] < 0.01) == (1.0, True)
    assert middle[0] == 0.0
    assert middle[22_050] == 1.0
    assert (end[0], end[-1]) == (0.0, 1.0)


PLAYLISTS = {
    "ffconcat.mp3": "ffconcat version 1.0\nfile {target}\n",
    "concat.wav": "file '{target}'\n",
    "hls.m4a": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "pls.ogg": "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    "dash.mp4": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>{target}</MPD>",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_playlists_are_never_followed(tmp_path, name):
    target = write_song(tmp_path / "secret.wav", tone())
    (tmp_path / name).write_text(PLAYLISTS[name].format(target=target))

    with pytest.raises(InputError, match="points to other files"):
        load_audio(tmp_path / name)


def refused(path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_audio(path)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_refusals_say_what_is_wrong(tmp_path):
    good = write_song(tmp_path / "good.m4a", tone()).read_bytes()

    assert "empty" in refused(tmp_path / "empty.wav", b"")
    assert "damaged" in refused(tmp_path / "head.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ")
    assert "damaged" in refused(tmp_path / "cut.m4a", good[: len(good) // 3])
    assert "is a picture" in refused(tmp_path / "cover.mp3", b"\x89PNG\r\n\x1a\n" + bytes(99))
    assert "Matroska" in refused(tmp_path / "film.mp3", b"\x1a\x45\xdf\xa3" + bytes(99))
    assert "unknown" in refused(tmp_path / "noise.mp3", bytes(range(128, 255)) * 9)


def test_numbers_that_are_no_sound(tmp_path):
    samples = tone()
    samples[100] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, 44_100, subtype="FLOAT")

    with pytest.raises(InputError, match="NaN"):
        load_audio(tmp_path / "nan.wav")


def test_the_sound_of_a_video_is_a_song(tmp_path, clip):
    from s2v_nb.media.video import read_sound

    assert load_audio(clip.path).duration == pytest.approx(read_sound(clip.path).duration, abs=0.03)


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match="not found"):
        load_audio(tmp_path / "nowhere.mp3")
    with pytest.raises(InputError, match="not a file"):
        load_audio("/dev/zero")
    with pytest.raises(InputError, match="neither a path nor a loaded song"):
        load_audio(None)


def test_wrong_suffix_does_not_matter(tmp_path):
    path = write_song(tmp_path / "song.flac", tone())

    assert load_audio(path.rename(tmp_path / "song.mp3")).rate == 44_100


def test_a_large_tag_before_the_sound(tmp_path):
    """Cover art of a megabyte stands before the first frame of many MP3s."""
    plain = write_song(tmp_path / "plain.mp3", tone()).read_bytes()
    art = bytes(2**20)
    size = bytes([len(art) >> 21 & 127, len(art) >> 14 & 127, len(art) >> 7 & 127, len(art) & 127])
    (tmp_path / "tagged.mp3").write_bytes(b"ID3\x04\x00\x00" + size + art + plain)

    assert load_audio(tmp_path / "tagged.mp3").duration == pytest.approx(4.0, abs=0.06)


def test_a_part_of_a_part_ends_where_the_part_ends():
    audio = audio_from_array(np.arange(44_100 * 4, dtype=np.float32)[None], 44_100)
    part = audio.excerpt(2.0, 2.0)

    assert part.excerpt(1.0, 1.5).duration == 0.5
    assert part.excerpt(0.0, 1.0).duration == 0.0


def test_a_part_is_a_song_of_its_own(song):
    whole, part = load_audio(song), load_audio(song, 10.0, 8.0)

    assert whole.as_song() is whole
    assert part.as_song().start == 0.0
    assert part.as_song().sha256 != whole.sha256
    assert part.as_song().sha256 == load_audio(song, 10.0, 8.0).as_song().sha256


def test_a_name_is_never_believed(tmp_path):
    """libsndfile would take song.raw for headerless sound."""
    path = write_song(tmp_path / "x.wav", tone())

    assert load_audio(path.rename(tmp_path / "song.raw")).duration == 4.0


def test_adts_is_read_to_its_end(tmp_path):
    """Its length is only guessed from the bit rate, and silence after noise misleads the guess."""
    samples = np.concatenate([np.random.default_rng(0).normal(0, 0.2, (44_100 * 2, 2)), np.zeros((44_100 * 12, 2))])

    assert load_audio(write_song(tmp_path / "x.aac", samples.astype(np.float32))).duration > 13.9


def test_two_tags_before_the_sound(tmp_path):
    plain = write_song(tmp_path / "plain.mp3", tone()).read_bytes()
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x10" + bytes(16)
    (tmp_path / "tagged.mp3").write_bytes(tag + tag + plain)

    assert load_audio(tmp_path / "tagged.mp3").duration == pytest.approx(4.0, abs=0.06)
