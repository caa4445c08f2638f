"""A contact sheet is a film: what it shows is decoded again and compared with the clips."""

import json
import os
import sys

import numpy as np
import pytest

from s2v_nb import InputError, Series, Settings, Sweep
from s2v_nb.errors import GenerationError
from s2v_nb.media.audio import audio_from_array
from s2v_nb.media.video import VideoInfo, probe_video, read_frame, read_frames, read_sound, write_video
from s2v_nb.plots import contact_sheet, lettering, sheet_layout, style
from s2v_nb.plots.arrangement import arranged, setting_word, value_word
from s2v_nb.plots.lettering import wrapped
from s2v_nb.plots.sheet import FORMAT, Sheet, Tile, sheet_of, sheet_of_clips, write_sheet
from tests.sweeps.fakes import fill

BASE = Settings(start=4.0, duration=3.0, resolution="480p", fps=24)
PROMPTS = ["缓慢向右移动镜头，柔和的光晕", "slow pan right", ""]
HALF, FULL = 100, 200


@pytest.fixture
def make(cover, song, tmp_path):
    """A sweep of which nothing is made."""

    def made(**choices) -> Sweep:
        return Sweep(cover, song, choices.pop("base", BASE), out=tmp_path / "sweep", **choices)

    return made


@pytest.fixture(scope="module")
def filmed(small_sweep, tmp_path_factory):
    return contact_sheet(small_sweep, tmp_path_factory.mktemp("sheet") / "sheet.mp4")


def grey_film(path, levels, *, size=(64, 48), fps=24, sound=0.1):
    """A film whose k-th frame is a flat grey of the k-th level."""
    frames = (np.full((size[1], size[0], 3), level, np.uint8) for level in levels)
    audio = audio_from_array(np.full((2, 44_100), sound, np.float32), 44_100)
    write_video(path, frames, size=size, fps=fps, num_frames=len(levels), audio=audio, comment={})
    return path


def boxes(sheet: Sheet) -> list:
    """Where the clips of a sheet stand."""
    infos = [probe_video(tile.path) if tile.path else None for tile in sheet.tiles]
    layout = sheet_layout.laid_out(sheet, [info for info in infos if info])
    return [layout.inside(k, info) if info else layout.box(k) for k, info in enumerate(infos)]


def part(picture: np.ndarray, box) -> np.ndarray:
    return picture[box.top : box.top + box.height, box.left : box.left + box.width].astype(float)


def shown_at(path, seconds: float) -> np.ndarray:
    info = probe_video(path)
    return read_frame(path, seconds, size=(info.width, info.height))


def test_the_sheet_is_a_film_with_the_song(filmed, small_sweep):
    info = probe_video(filmed)
    heard, own = read_sound(filmed), read_sound(small_sweep.cells[0].path)

    assert (info.fps, info.seconds) == (24, pytest.approx(3.0))
    assert info.width <= 1920
    assert info.height <= 1080
    assert info.width % 2 == info.height % 2 == 0
    assert heard.rate == own.rate
    assert np.corrcoef(heard.samples[0, :100_000], own.samples[0, :100_000])[0, 1] > 0.99


def test_every_tile_is_its_clip(filmed, small_sweep):
    """Nearest to its own clip of all, in the middle of the film; two are still and look the same."""
    places, picture = boxes(sheet_of(small_sweep)), shown_at(filmed, 1.5)
    for place, cell in zip(places, small_sweep.cells, strict=True):
        tile = part(picture, place)
        size = (place.width, place.height)
        away = [np.abs(tile - read_frame(other.path, 1.5, size=size)).mean() for other in small_sweep.cells]
        assert away[cell.index] < 3
        assert away[cell.index] == min(away)
        assert cell.values["motion"] == "off" or sorted(away)[1] > 2 * away[cell.index]


def test_rows_and_columns_are_labelled(filmed, small_sweep):
    """Each margin holds bright letters beside its tiles, other ones for other values."""
    first, second, third, _ = boxes(sheet_of(small_sweep))
    picture = shown_at(filmed, 0.0)
    labels = [
        picture[first.top : first.top + first.height, : first.left],
        picture[third.top : third.top + third.height, : third.left],
        picture[: first.top, first.left : first.left + first.width],
        picture[: first.top, second.left : second.left + second.width],
    ]

    assert all((label > 200).sum() > 100 for label in labels)
    assert np.abs(labels[0].astype(int) - labels[1]).max() > 150
    assert np.abs(labels[2].astype(int) - labels[3]).max() > 150
    sheet = sheet_of(small_sweep)
    assert (sheet.row_name, sheet.row_labels) == ("motion", ("off", "high"))
    assert (sheet.column_name, sheet.column_labels) == ("prompt weight", ("0.5", "1.5"))


def test_clips_are_shown_by_time_and_hold_their_last_frame(tmp_path):
    """One of 24 frames a second and one second, one of 30 and two: at any time each shows its own frame."""
    slow = grey_film(tmp_path / "slow.mp4", np.linspace(20, 230, 24).round(), fps=24)
    fast = grey_film(tmp_path / "fast.mp4", np.linspace(230, 20, 60).round(), fps=30)
    sheet = sheet_of_clips([("slow", slow), ("fast", fast)])
    written = write_sheet(sheet, tmp_path / "sheet.mp4")

    assert (probe_video(written).fps, probe_video(written).seconds) == (30, pytest.approx(2.0))
    left, right = boxes(sheet)
    frames = [frame for _, frame in read_frames(written)]
    for k in (0, 7, 29, 45, 59):
        now = k / 30
        assert part(frames[k], left).mean() == pytest.approx(20 + 210 / 23 * min(23, int(now * 24 + 1e-6)), abs=4)
        assert part(frames[k], right).mean() == pytest.approx(230 - 210 / 59 * k, abs=4)


def test_clips_of_other_shapes_stand_whole_in_the_middle(tmp_path):
    wide = grey_film(tmp_path / "wide.mp4", [FULL] * 3, size=(160, 80))
    tall = grey_film(tmp_path / "tall.mp4", [HALF] * 3, size=(80, 160))
    sheet = sheet_of_clips([("wide", wide), ("tall", tall)])
    picture = shown_at(write_sheet(sheet, tmp_path / "sheet.mp4"), 0.0)

    layout = sheet_layout.laid_out(sheet, [probe_video(wide), probe_video(tall)])
    first, second = layout.box(0), layout.box(1)
    assert first.width == first.height  # between both shapes
    inside = boxes(sheet)
    assert inside[0].width == 2 * inside[0].height
    assert inside[1].height == 2 * inside[1].width
    assert part(picture, inside[0]).mean() == pytest.approx(FULL, abs=3)
    assert part(picture, inside[1]).mean() == pytest.approx(HALF, abs=3)
    assert picture[second.top + 10, second.left + 4].max() < 10  # beside the tall one


def test_what_is_missing_says_so(tmp_path):
    """A dark tile with words; the sound is that of the first clip there is."""
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    good = grey_film(tmp_path / "good.mp4", [FULL] * 3, size=(320, 240), sound=0.3)
    sheet = Sheet((Tile("a", None, "not made yet"), Tile("b", tmp_path / "broken.mp4"), Tile("c", good)))
    written = write_sheet(sheet, tmp_path / "sheet.mp4")

    layout = sheet_layout.laid_out(sheet, [probe_video(good)])
    tiles = [part(shown_at(written, 0.0), layout.box(k)) for k in range(3)]
    assert all(np.median(tile) < 60 and (tile > 120).sum() > 50 for tile in tiles[:2])
    assert np.abs(tiles[0] - tiles[1]).max() > 80  # other words
    assert tiles[2].mean() == pytest.approx(FULL, abs=3)
    assert np.median(np.abs(read_sound(written).samples)) == pytest.approx(0.3, abs=0.02)


def test_films_without_sound_have_a_silent_sheet(tmp_path, monkeypatch):
    film = grey_film(tmp_path / "film.mp4", [HALF] * 3)
    mute = VideoInfo(64, 48, 24.0, 0.125, False, "")
    monkeypatch.setattr(sys.modules["s2v_nb.plots.sheet"], "probe_video", lambda path: mute)

    written = write_sheet(sheet_of_clips([("mute", film)]), tmp_path / "sheet.mp4")

    assert np.abs(read_sound(written).samples).max() < 1e-3


def test_cells_that_are_not_done_say_how_they_stand(make):
    sweep = make(motion=["low", "medium", "high"], prompt_weight=[0.5, 1.0])
    fill(sweep.cells[0])
    for cell in sweep.cells[1:3]:
        cell.folder.mkdir(parents=True)
        error = GenerationError("failed.disk", name="clip.mp4", why="No space left on device")
        for _ in range(cell.index):
            cell.attempts.begun(0.0).failed(error)

    tiles = sheet_of(sweep).tiles

    assert [tile.path for tile in tiles] == [sweep.cells[0].path, *[None] * 5]
    assert [tile.why for tile in tiles[3:]] == ["not made yet"] * 3
    assert tiles[1].why == "not made yet"  # it failed once, and is tried again
    assert tiles[2].why.startswith("failed: ")
    assert "No space left on device" in tiles[2].why


def test_nothing_to_show_is_refused(make):
    sweep = make(motion=["low", "high"])

    with pytest.raises(InputError, match="no clip is done"):
        contact_sheet(sweep)
    assert not sweep.out.exists()


def test_a_sheet_that_shows_the_same_is_kept(tmp_path):
    films = [grey_film(tmp_path / f"{name}.mp4", [HALF] * 3) for name in "ab"]
    path = write_sheet(sheet_of_clips([("a", films[0]), ("b", films[1])]), tmp_path / "sheet.mp4")
    os.utime(path, (1, 1))

    write_sheet(sheet_of_clips([("a", films[0]), ("b", films[1])]), path)
    assert path.stat().st_mtime == 1
    grey_film(films[1], [FULL] * 3)
    write_sheet(sheet_of_clips([("a", films[0]), ("b", films[1])]), path)
    assert path.stat().st_mtime > 1
    os.utime(path, (1, 1))
    write_sheet(sheet_of_clips([("a", films[0]), ("c", films[1])]), path)
    assert path.stat().st_mtime > 1
    assert json.loads(probe_video(path).comment)["s2v_nb_sheet"] == FORMAT
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "sheet.mp4"]


# --- what stands where


def test_further_settings_are_joined_to_the_rows(make):
    """Every cell stands under the labels of its values, whatever the order of the axes."""
    sweep = make(motion=["low", "high"], prompt_weight=[0.5, 1.0, 1.5], seed=[1, 2], aspect=["16:9", "1:1"])
    found = arranged(sweep)

    assert found.rows[:3] == ("low, seed 1, shape 16:9", "low, seed 1, shape 1:1", "low, seed 2, shape 16:9")
    assert (len(found.rows), found.columns) == (8, ("0.5", "1", "1.5"))
    for label, row in zip(found.rows, found.cells, strict=True):
        for weight, cell in zip((0.5, 1.0, 1.5), row, strict=True):
            values = cell.values
            assert values["prompt_weight"] == weight
            assert label == f"{values['motion']}, seed {values['seed']}, shape {values['aspect']}"


def test_many_cells_are_thinned_evenly_and_it_is_said(make):
    sweep = make(prompt_weight=np.linspace(0.5, 1.5, 10).round(2), seed=list(range(20)))
    sheet = sheet_of(sweep)

    assert (len(sheet.tiles), sheet.columns) == (64, 8)
    assert sheet.note == "64 of 200 clips are shown"
    assert (sheet.row_labels[0], sheet.row_labels[-1]) == ("0.5", "1.5")
    seeds = [int(label) for label in sheet.column_labels]
    assert (seeds[0], seeds[-1]) == (0, 19)
    assert set(np.diff(seeds)) <= {2, 3}
    assert arranged(sweep).thinned().note("zh") == "显示了 200 个片段中的 64 个"


def test_one_setting_wraps_under_its_own_labels(make):
    """A second axis of one value is none."""
    sheet = sheet_of(make(prompt=PROMPTS, motion=["low"]))

    assert sheet.columns is None
    assert sheet.labels_above == ["缓慢向右移动镜头，柔和的光晕", "slow pan right", "(no prompt)"]
    assert (sheet.row_labels, sheet.column_name) == ((), "prompt")


def test_a_list_is_numbered_as_in_the_table(make):
    """With what differs; what all share is left out."""
    sweep = make(cells=[{"motion": "low", "seed": 1, "fps": 24}, {"motion": "high", "seed": 2, "fps": 24}])

    assert sheet_of(sweep).labels_above == ["0: motion low, seed 1", "1: motion high, seed 2"]


def test_a_series_names_its_pictures(cover, song, tmp_path):
    other = tmp_path / "other.png"
    other.write_bytes(cover.read_bytes())
    series = Series([cover, other], [song], BASE, out=tmp_path / "series")

    assert sheet_of(series).labels_above == ["cover.png", "other.png"]


def test_whose_sound_is_heard_is_said_where_clips_differ(make):
    sweep = make(start=[4.0, 6.0], motion=["low", "high"])
    for cell in sweep.cells[1:]:
        fill(cell)

    assert sheet_of(sweep).note == "the sound is that of: 4 s, high"


@pytest.mark.parametrize("size", [(854, 480), (480, 854), (480, 480), (1280, 720)])
def test_a_sheet_is_never_too_large(size):
    """Nor a tile larger than its clip; its shape stays, and all tiles are inside."""
    info = VideoInfo(*size, 24.0, 3.0, True, "")
    long = "a label that is rather long for such a tile, " * 3
    for count in (1, 2, 3, 5, 12, 37, 64):
        for label in ("0.5", long, PROMPTS[0]):
            tiles = tuple(Tile(label, None) for _ in range(count))
            grid = Sheet(tiles, 4, (label,) * -(-count // 4), (label,) * 4, "row", "column", "note")
            for sheet in (Sheet(tiles), Sheet(tiles, note=label, column_name=label), grid):
                layout = sheet_layout.laid_out(sheet, [info])
                last = layout.box(count - 1)
                width, height = layout.size
                assert width <= 1920
                assert height <= 1080
                assert width % 2 == height % 2 == 0
                assert layout.tile[0] <= size[0]
                assert last.left + last.width < width
                assert last.top + last.height < height
                assert layout.tile[0] / layout.tile[1] == pytest.approx(size[0] / size[1], rel=0.1)


def test_five_wide_clips_stand_three_and_two():
    info = VideoInfo(854, 480, 24.0, 3.0, True, "")
    layout = sheet_layout.laid_out(Sheet(tuple(Tile("x", None) for _ in range(5))), [info])

    assert (layout.columns, layout.rows) == (3, 2)


# --- words


def test_settings_are_named_in_words(monkeypatch):
    assert setting_word("prompt_weight", "en") == "prompt weight"
    assert setting_word("aspect", "zh") == "画面比例"
    values = [("duration", 4.0), ("motion", "high"), ("start", None), ("prompt", ""), ("seed", 4_000_000_000)]
    assert [value_word(*value, "en") for value in values] == [
        "4 s",
        "high",
        "chosen for you",
        "(no prompt)",
        "4000000000",
    ]
    assert value_word("motion", "high", "zh") == "高"
    assert value_word("subject", (0.25, 0.5)) == "0.25, 0.5"
    assert value_word("prompt", "off") == "off"  # a text, not the option of that name


def test_chinese_words_are_drawn_where_there_are_letters(make, monkeypatch):
    monkeypatch.setenv("S2V_NB_LANGUAGE", "zh")
    sweep = make(motion=["low", "high"], prompt_weight=[0.5, 1.0], seed=[1, 2])
    monkeypatch.setattr(lettering, "plain", lambda text, longest=48: "??" if not text.isascii() else text)
    assert sheet_of(sweep).row_labels[0] == "low, seed 1"

    monkeypatch.setattr(lettering, "plain", lambda text, longest=48: text)
    sheet = sheet_of(sweep)
    assert (sheet.row_labels[0], sheet.tiles[0].why) == ("低，种子 1", "尚未生成")


def test_lines_are_broken_between_words_and_characters():
    def room(text: str) -> float:
        return lettering.length_of(text, 24)

    assert wrapped("slow pan right", 24, room("slow pan")) == ["slow pan", "right"]
    assert wrapped("slow pan right", 24, room("slow pan r"), most=1)[0].endswith("…")
    assert wrapped("x" * 90, 24, 100)[0].endswith("…")
    assert all(room(line) <= 100 for line in wrapped("x" * 90 + " y", 24, 100))
    assert wrapped("costs $5", 24, 500) == ["costs $5"]
    if lettering.drawn_language() == "en" and style.plain("节拍") != "节拍":
        pytest.skip("no font with Chinese characters")
    lines = wrapped("缓慢向右，移动镜头", 24, room("缓慢向右") + 1)
    assert lines == ["缓慢向", "右，移动", "镜头"]  # a comma begins no line
