"""Where clips begin and end, and what is kept of one for the next."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from s2v_nb.models.wan_s2v.audio import clip_count
from s2v_nb.models.wan_s2v.clips import (
    CUT,
    LONGEST,
    MOTION_PIXELS,
    Resume,
    check_frames_per_clip,
    fitted_clips,
    song_frames,
    whole_clips,
)


@pytest.mark.parametrize("cut", [0, CUT])
@pytest.mark.parametrize("frames_per_clip", [4, 8, 20, 48, 80, 120])
def test_no_song_loses_or_gains_a_frame(cut, frames_per_clip):
    """Every length up to 25 s: what is kept is what was wanted, and no shorter clips would do."""
    for wanted in range(1, 401):
        spans = fitted_clips(wanted, frames_per_clip, cut)
        *full, last = spans

        assert sum(s.frames - s.cut - s.dropped for s in spans) == wanted
        assert all(s.frames == frames_per_clip and not s.dropped for s in full)
        assert last.frames % 4 == 0
        assert 0 < last.frames <= frames_per_clip
        assert 0 <= last.dropped < 4
        assert last.frames - last.cut - last.dropped > 0
        assert [s.index for s in spans] == list(range(len(spans)))
        assert [s.start for s in spans] == [frames_per_clip * r for r in range(len(spans))]
        assert [s.cut for s in spans] == [cut, *([0] * len(full))]


def test_no_silent_clip_follows_a_song_that_ends_with_a_clip():
    """The reference has one more then; the fitted ones have not."""
    assert len(whole_clips(clip_count(300, 80), 80, 0)) == 3
    assert len(fitted_clips(160, 80, 0)) == 2
    assert len(fitted_clips(157, 80, CUT)) == 2


def test_clips_of_the_reference_are_all_of_one_length():
    """Whether the song needs it or not; three frames are lost at the start."""
    spans = whole_clips(3, 80, CUT)

    assert [(s.start, s.frames, s.cut, s.dropped) for s in spans] == [(0, 80, 3, 0), (80, 80, 0, 0), (160, 80, 0, 0)]


@pytest.mark.parametrize(
    ("samples", "rate", "frames"),
    [(16_000, 16_000, 16), (1, 44_100, 1), (44_100, 44_100, 16), (44_101, 44_100, 17), (3000, 48_000, 1),
     (3001, 48_000, 2), (22_050 * 240, 22_050, 3840), (44_100 * 3601, 44_100, 57_616)],
)  # fmt: skip
def test_a_song_has_as_many_frames_as_begin_before_its_end(samples, rate, frames):
    """Exactly: rounding errors begin no frame."""
    assert song_frames(samples, rate) == frames


@pytest.mark.parametrize("frames", [4, 8, 76, 80, 120])
def test_lengths_that_clips_can_have(frames):
    """Fours, up to the place of the reference picture."""
    check_frames_per_clip(frames)
    assert LONGEST == 120


@pytest.mark.parametrize("frames", [0, -4, 1, 82, 121, 124, 160])
def test_lengths_that_clips_cannot_have(frames):
    """The message names the number and the limit."""
    with pytest.raises(ValueError, match=rf"frames_per_clip={frames}: .*120"):
        check_frames_per_clip(frames)


# What the next clip needs.


def full_resume() -> Resume:
    random = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 16, 19, 2, 2, generator=random)
    pixels = torch.randn(1, 3, MOTION_PIXELS, 16, 16, generator=random)
    return Resume(3, latents, pixels, np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3))


@pytest.mark.parametrize("without", [(), ("pixels",), ("latents",), ("pixels", "last_frame")])
def test_what_was_saved_comes_back(tmp_path, without):
    """Bit for bit; what was None stays None; nothing else is left in the folder."""
    kept = {k: None if k in without else v for k, v in vars(full_resume()).items()}
    Resume(**kept).save(tmp_path / "past.safetensors")
    loaded = Resume.load(str(tmp_path / "past.safetensors"))

    assert loaded.clip == 3
    for name in ("latents", "pixels"):
        assert (loaded.__dict__[name] is None) == (kept[name] is None)
        assert kept[name] is None or torch.equal(loaded.__dict__[name], kept[name])
    assert np.array_equal(loaded.last_frame, kept["last_frame"])
    assert [path.name for path in tmp_path.iterdir()] == ["past.safetensors"]


def test_views_are_saved_as_what_they_show(tmp_path):
    """A part of a clip, a frame with its channels first: neither is laid out as it is saved."""
    whole = full_resume()
    part = Resume(1, whole.latents.transpose(3, 4), whole.pixels[..., ::2], whole.last_frame[::-1].transpose(1, 0, 2))
    part.save(tmp_path / "past.safetensors")
    loaded = Resume.load(tmp_path / "past.safetensors")

    assert torch.equal(loaded.latents, part.latents)
    assert torch.equal(loaded.pixels, part.pixels)
    assert np.array_equal(loaded.last_frame, part.last_frame)


@pytest.mark.parametrize("arguments", [{"clip": 0, "latents": torch.zeros(1)}, {"clip": 1}, {"clip": -1}])
def test_a_past_must_be_of_a_clip_and_hold_something(arguments):
    """The first clip has none."""
    with pytest.raises(ValueError, match="needs a clip from 1 on"):
        Resume(**arguments)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x08\x00\x00\x00\x00\x00\x00\x00{}", None, "stranger"])
def test_another_file_is_refused(tmp_path, content):
    """A half of a file, an empty one, one of other tensors."""
    path = tmp_path / "past.safetensors"
    if content is None:
        full_resume().save(path)
        path.write_bytes(path.read_bytes()[:1000])
    elif content == "stranger":
        save_file({"weight": torch.zeros(2)}, path, metadata={"clip": "2"})
    else:
        path.write_bytes(content)

    with pytest.raises(ValueError, match=r"past\.safetensors"):
        Resume.load(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    """As by everything else that opens files."""
    with pytest.raises(FileNotFoundError):
        Resume.load(tmp_path / "none.safetensors")
