"""Both engines on video models, whole, with tiny networks on the CPU."""

import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from s2v_nb import InputError, Settings, Sweep, generate
from s2v_nb.engines import Limits, Request, Work, choose_engine, engine_cards, get_engine
from s2v_nb.engines.wan import base
from s2v_nb.engines.wan.raw import RawParts
from s2v_nb.engines.wan.s2v import SingerEngine
from s2v_nb.engines.wan.spans import Span, equal_spans, full_spans, pieces
from s2v_nb.engines.wan.ti2v import CoverArtEngine
from s2v_nb.errors import LANGUAGES, Cancelled, GenerationError, say
from s2v_nb.media import probe_video, read_frames
from s2v_nb.media.framing import resize
from s2v_nb.models import devices
from s2v_nb.models.cache import CACHE
from s2v_nb.models.loaded import Loaded
from s2v_nb.models.memory import Device
from s2v_nb.models.wan_s2v.lean_pipeline import LeanS2VPipeline
from s2v_nb.models.wan_ti2v.loaded import LoadedTI2V
from s2v_nb.runs import Clip
from s2v_nb.runs.material import Material, Song
from s2v_nb.session import Disk, Gpu
from tests.engines.tiny_engines import ENGINES, PARTS, SIDE, SMALL, generate_and_halt, tell_steps, use
from tests.trust.disks import small_disk

GPU = Device("NVIDIA H100 80GB HBM3", 80e9, 200e9)


@pytest.fixture(scope="module", autouse=True)
def tiny(tiny_models):
    """Both engines run here, on the CPU."""
    with pytest.MonkeyPatch.context() as patch:
        use(patch, tiny_models)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # more are no quicker at so little
        yield
        torch.set_num_threads(threads)
    CACHE.unload()


@pytest.fixture(scope="module")
def request_for(cover, song, tiny) -> Callable[..., Request]:
    """A request for three seconds of the sample, with some settings changed."""
    material = Material(cover, Song(song))

    def make(work: Work | None = None, **choices) -> Request:
        return replace(material.request(Settings(**{**SMALL, **choices})), work=work or Work())

    return make


@dataclass(frozen=True)
class Made:
    """All frames of a clip, and the folder of the model's frames."""

    frames: np.ndarray
    folder: Path


@pytest.fixture(scope="module")
def made(request_for, tmp_path_factory) -> Callable[..., Made]:
    """What an engine makes with some choice of settings, made once."""
    known: dict[tuple, Made] = {}

    def make(engine: str, **choices) -> Made:
        key = engine, *sorted(choices.items())
        if key not in known:
            folder = tmp_path_factory.mktemp("model")
            frames = np.stack(list(get_engine(engine).frames(request_for(Work(folder), **choices))))
            known[key] = Made(frames, folder)
        return known[key]

    return make


@pytest.fixture(scope="module")
def frames_of(made) -> Callable[..., np.ndarray]:
    return lambda engine, **choices: made(engine, **choices).frames


@pytest.fixture(scope="module")
def clip_of(cover, song, tiny, tmp_path_factory) -> Callable[[str], Clip]:
    """The finished clip of an engine, made once."""

    @lru_cache
    def make(engine: str) -> Clip:
        return generate(cover, song, engine=engine, runs=tmp_path_factory.mktemp("runs"), **SMALL)

    return make


@pytest.fixture
def moments(monkeypatch) -> list[str]:
    """What the models were at: 'part 1 call 3', 'part 1 done'."""
    told: list[str] = []
    tell_steps(monkeypatch, told.append)
    return told


def parts_made(moments: list[str]) -> list[int]:
    """The parts that a network was run for."""
    return sorted({int(moment.split()[1]) for moment in moments if "call" in moment})


def no_thread_is_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name == "s2v_nb-model"]


# --- how a clip is cut


@pytest.mark.parametrize("fps", [24, 30])
@pytest.mark.parametrize("seconds", [3.0, 4.5, 8.0, 14.97, 15.0])
@pytest.mark.parametrize(
    ("cut", "source_fps", "longest"), [(equal_spans, 24, 120), (equal_spans, 24, 24), (full_spans, 16, 80)]
)
def test_parts_cover_the_clip_and_meet_on_frames_of_both(cut, source_fps, longest, seconds, fps):
    count = round(seconds * fps)

    spans = cut(count, fps, source_fps, longest)

    assert [span.index for span in spans] == list(range(len(spans)))
    assert spans[0].first == 0
    assert sum(span.count for span in spans) == count
    for span, following in pairwise(spans):
        assert span.first + span.count == following.first
        assert span.count * source_fps == span.source * fps  # the seam is a frame of the model, exactly
    for span in spans:
        assert span.count > 0
        assert span.source % 4 == 0
        assert 0 < span.source <= longest
        assert span.source * fps >= span.count * source_fps  # the model makes enough
    assert spans[-1].source * fps < (spans[-1].count + 4 * fps / source_fps) * source_fps  # and not more than a latent


@pytest.mark.parametrize(("fps", "source_fps"), [(24, 24), (30, 24), (24, 16), (30, 16)])
@pytest.mark.parametrize("seconds", [0.5, 1, 2, 2.5, 4, 5])
def test_pieces_cover_a_part_and_the_last_is_short(fps, source_fps, seconds):
    """Each begins on a frame of the model and needs the frame after its last."""
    source, count, first = round(seconds * source_fps), round(seconds * fps), 7 * fps
    found = pieces(Span(1, first, count, source), source + 1, fps, source_fps)

    assert found[0].first == first
    assert found[0].start == 0
    assert found[-1].first + found[-1].count == first + count
    assert found[-1].end == source + 1
    for piece, following in pairwise(found):
        assert piece.first + piece.count == following.first
        assert piece.end == following.start + 1
        assert following.start * fps == (following.first - first) * source_fps
    assert max(piece.count for piece in found) <= 3 * fps
    assert found[-1].count <= max(count if seconds < 2 else 0, 1.5 * fps)


@pytest.mark.parametrize("count", [72, 200, 240, 449, 450])
def test_equal_parts_are_equal_and_as_few_as_can_be(count):
    sources = [span.source for span in equal_spans(count, 30, 24, 120)]

    assert max(sources) - min(sources) <= 4
    assert len(sources) == -(-sum(sources) // 120)


# --- clips


@pytest.mark.parametrize("engine", ENGINES)
def test_a_clip_is_made_and_nothing_is_left_of_the_work(engine, clip_of):
    clip = clip_of(engine)

    info = probe_video(clip.path)
    frames = [frame for _, frame in read_frames(clip.path, size=(SIDE, SIDE))]
    assert ((info.width, info.height), info.fps, len(frames)) == ((480, 480), 24, 72)
    assert info.seconds == pytest.approx(3.0, abs=0.01)
    assert info.has_audio
    assert np.std(frames[10].astype(float)) > 1  # not one colour
    assert {path.name for path in clip.path.parent.iterdir()} == {"clip.mp4", "spec.json", "progress.json"}
    assert clip.spec.engine == engine
    assert no_thread_is_left()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_plan_says_where_parts_meet_and_what_they_take(engine, request_for):
    plan = get_engine(engine).plan(request_for())

    assert plan.seams == {"wan-ti2v-5b": (1.0, 2.0), "wan-s2v-14b": (1.5,)}[engine]
    assert (plan.size, plan.fps, plan.num_frames) == ((480, 480), 24, 72)
    assert plan.seconds > 0
    assert plan.memory_bytes > 0


@pytest.mark.slow
def test_equal_requests_give_equal_frames_though_the_model_was_loaded_again(request_for, frames_of):
    wanted = frames_of("wan-ti2v-5b")
    CACHE.unload()

    again = np.stack(list(get_engine("wan-ti2v-5b").frames(request_for())))

    assert np.array_equal(again, wanted)


CHANGES = ({"quality": "final"}, {"prompt": "glow"}, {"prompt_weight": 1.5}, {"seed": 1})


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_model_is_told_changes_its_own_frames(engine, change, request_for, frames_of):
    """With motion off nothing lies over them."""
    changed = np.stack(list(islice(get_engine(engine).frames(request_for(motion="off", **change)), 20)))

    assert not np.array_equal(changed, frames_of(engine, motion="off")[:20])


@pytest.mark.parametrize("engine", ["wan-ti2v-5b", pytest.param("wan-s2v-14b", marks=pytest.mark.slow)])
def test_motion_changes_the_frames(engine, request_for, frames_of):
    changed = np.stack(list(islice(get_engine(engine).frames(request_for(motion="low")), 20)))

    assert not np.array_equal(changed, frames_of(engine)[:20])


@pytest.mark.parametrize("engine", ENGINES)
def test_motion_off_leaves_the_models_frames_alone(engine, made):
    clip = made(engine, motion="off")

    raw = [np.load(clip.folder / f"part-{index:02d}.npy") for index in range(PARTS[engine])]
    rate, length = get_engine(engine).source_fps / 24, 72 // PARTS[engine]
    for index in range(0, 72, 3):  # moments of both rates
        part, within = divmod(index, length)
        assert np.array_equal(clip.frames[index], resize(raw[part][round(within * rate)], (480, 480)))


@pytest.mark.parametrize(
    ("engine", "first"),
    [("wan-ti2v-5b", 71), ("wan-s2v-14b", 50), pytest.param("wan-ti2v-5b", 1, marks=pytest.mark.slow)],
)
def test_frames_from_the_middle_on_are_the_same_without_those_before(engine, first, request_for, frames_of):
    found = np.stack(list(get_engine(engine).frames(request_for(), first)))

    assert np.array_equal(found, frames_of(engine)[first:])


def test_each_part_of_cover_art_begins_with_the_last_frame_of_the_one_before(request_for, tmp_path):
    asked: list[np.ndarray] = []
    with pytest.MonkeyPatch.context() as patch:
        make_part = LoadedTI2V.make_part
        patch.setattr(
            LoadedTI2V,
            "make_part",
            lambda self, picture, *a, **k: (asked.append(picture), make_part(self, picture, *a, **k)),
        )
        list(get_engine("wan-ti2v-5b").frames(request_for(Work(tmp_path))))

    raw = [np.load(tmp_path / f"part-{index:02d}.npy") for index in range(3)]
    assert [np.array_equal(picture, part[-1]) for picture, part in zip(asked[1:], raw, strict=False)] == [True, True]


# --- what was made is not made again


def copied(made: Made, place: Path) -> Path:
    """A folder of a model's frames, to be harmed."""
    return shutil.copytree(made.folder, place / "model")


@pytest.mark.parametrize("engine", ENGINES)
def test_parts_on_the_disk_are_used(engine, made, request_for, tmp_path, moments):
    folder = copied(made(engine), tmp_path)
    del moments[:]

    frames = np.stack(list(get_engine(engine).frames(request_for(Work(folder)))))

    assert np.array_equal(frames, made(engine).frames)
    assert not moments


@pytest.mark.parametrize(
    ("engine", "harm"),
    [("wan-ti2v-5b", harm) for harm in ("gone", "cut", "other", "rubbish")] + [("wan-s2v-14b", "cut")],
)
def test_a_part_that_is_lost_or_damaged_is_made_again(engine, harm, made, request_for, tmp_path, moments):
    part = copied(made(engine), tmp_path) / "part-01.npy"
    content = part.read_bytes()
    part.unlink()
    if harm == "cut":
        part.write_bytes(content[: len(content) // 2])
    elif harm == "other":
        np.save(part, np.zeros((5, SIDE, SIDE, 3), np.uint8))
    elif harm == "rubbish":
        part.write_bytes(b"\x93NUMPY" + bytes(200))
    del moments[:]

    frames = np.stack(list(get_engine(engine).frames(request_for(Work(part.parent)))))

    assert np.array_equal(frames, made(engine).frames)
    assert parts_made(moments) == [1]
    assert part.read_bytes() == content


@pytest.mark.parametrize(
    ("engine", "harm"),
    [
        ("wan-ti2v-5b", "gone"),
        ("wan-s2v-14b", "gone"),
        pytest.param("wan-s2v-14b", "rubbish", marks=pytest.mark.slow),
    ],
)
def test_where_what_a_part_needs_is_lost_too_it_is_made_from_further_back(
    engine, harm, made, request_for, tmp_path, moments
):
    folder = copied(made(engine), tmp_path)
    for part in folder.glob("part-*.npy"):
        part.unlink()
    if (note := folder / "resume-01.safetensors").exists():
        note.unlink() if harm == "gone" else note.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    del moments[:]

    frames = np.stack(list(get_engine(engine).frames(request_for(Work(folder)), 60)))

    assert np.array_equal(frames, made(engine).frames[60:])
    assert parts_made(moments) == list(range(PARTS[engine]))


def test_a_full_disk_ends_in_a_sentence_and_leaves_no_half_part(tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        parts = RawParts(disk.place / "model")

        with pytest.raises(GenerationError, match="No space left"), parts.writing(0, (512, 512), 4) as write:
            write(np.ones((4, 512, 512, 3), np.uint8))

        assert not list(parts.folder.iterdir())


def test_too_small_a_disk_is_named_before_anything_is_loaded(request_for, moments, monkeypatch):
    monkeypatch.setattr(base, "disk", lambda place: Disk(10**9, 1000))

    with pytest.raises(InputError, match="MiB of disk, but 0 MiB are free"):
        next(iter(get_engine("wan-ti2v-5b").frames(request_for())))

    assert parts_made(moments) == []


@pytest.mark.parametrize("frames", [2, 4])
def test_a_part_of_another_length_than_it_should_be_is_none(tmp_path, frames):
    parts = RawParts(tmp_path)

    with (
        pytest.raises(ValueError, match=f"part 0 has {frames} frames, expected 3"),
        parts.writing(0, (8, 8), 3) as write,
    ):
        write(np.ones((frames, 8, 8, 3), np.uint8))

    assert not list(tmp_path.iterdir())


# --- stopping


@pytest.mark.parametrize("engine", ENGINES)
def test_the_work_stops_in_the_middle_of_a_part_when_it_is_told_to(engine, request_for, tmp_path, moments):
    def report(frames: float) -> None:
        if frames > 30:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        list(get_engine(engine).frames(request_for(Work(tmp_path, report=report))))

    assert no_thread_is_left()
    assert f"part {PARTS[engine] - 1} done" not in moments
    assert not list(tmp_path.glob("*.partial-*"))
    assert (tmp_path / "part-00.npy").exists()


def test_frames_that_nobody_wants_any_longer_are_not_made(request_for, moments):
    frames = get_engine("wan-ti2v-5b").frames(request_for())
    next(frames)

    frames.close()

    assert no_thread_is_left()


def test_a_clip_that_waits_for_another_one_at_the_model_can_be_stopped(request_for):
    engine = get_engine("wan-ti2v-5b")
    next(engine.frames(request_for()))  # the model is loaded
    calls: list[float] = []

    def report(frames: float) -> None:
        calls.append(frames)
        if len(calls) > 2:
            raise Cancelled("cancelled")

    (loaded,) = [entry.model for key, entry in CACHE._entries.items() if key[0] == "wan-ti2v-5b-fast"]
    with loaded.lock, pytest.raises(Cancelled):
        next(engine.frames(request_for(Work(report=report))))
    assert no_thread_is_left()


# --- memory


@pytest.fixture
def gpu(monkeypatch) -> list[base.MemoryPlan]:
    """The engines plan for a GPU, and compute here; the plans that they loaded a model with."""
    plans: list[base.MemoryPlan] = []
    CACHE.unload()
    monkeypatch.setattr(base, "chosen_device", lambda: "cuda")
    monkeypatch.setattr(base, "measured_device", lambda *, reclaim=True: GPU)
    for kind in (CoverArtEngine, SingerEngine):

        def load(self, folders, plan, device, model, load=kind.load):
            plans.append(plan)
            return load(self, folders, replace(plan, way="resident"), "cpu", model)

        monkeypatch.setattr(kind, "load", load)
    yield plans
    CACHE.unload()


def run_out(monkeypatch, engine: str, times: int) -> None:
    """The GPU's memory runs out in the second part of a clip, so many times."""
    step, left = base.Made.step, [times]

    def full(self, done: int, steps: int) -> None:
        step(self, done, steps)
        if self.next == 1 and done and left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(base.Made, "step", full)


@pytest.mark.parametrize(
    ("engine", "times"), [("wan-ti2v-5b", 2), pytest.param("wan-s2v-14b", 1, marks=pytest.mark.slow)]
)
def test_out_of_memory_the_work_goes_on_from_the_last_part_in_a_way_that_takes_less(
    engine, times, gpu, request_for, frames_of, monkeypatch, moments
):
    wanted = frames_of(engine)
    del gpu[:], moments[:]
    CACHE.unload()
    told: list[base.Notice] = []
    run_out(monkeypatch, engine, times)

    frames = np.stack(list(get_engine(engine).frames(request_for(Work(tell=told.append)))))

    assert np.array_equal(frames, wanted)
    assert moments.count("part 0 done") == 1
    assert [later.peak_bytes < earlier.peak_bytes for earlier, later in pairwise(gpu)] == [True] * times
    assert [(notice.key, notice.values["part"]) for notice in told] == [("plan.stepped_down", 2)] * times
    assert "part 2" in say(told[0].key, "en", **told[0].values)
    assert "第 2 部分" in say(told[0].key, "zh", **told[0].values)


def test_a_clip_that_is_planned_otherwise_uses_the_weights_where_they_are(gpu, request_for, monkeypatch):
    next(get_engine("wan-ti2v-5b").frames(request_for()))
    monkeypatch.setattr(base, "measured_device", lambda *, reclaim=True: replace(GPU, gpu_free=20e9))

    next(get_engine("wan-ti2v-5b").frames(request_for(motion="low")))

    (loaded,) = [entry.model for entry in CACHE._entries.values()]
    assert len(gpu) == 1
    assert (gpu[0].text_streams, loaded.plan.text_streams) == (False, True)


def test_where_nothing_takes_less_a_sentence_says_so_and_parts_are_kept(gpu, request_for, monkeypatch, tmp_path):
    run_out(monkeypatch, "wan-ti2v-5b", times=1000)

    with pytest.raises(GenerationError) as caught:
        list(get_engine("wan-ti2v-5b").frames(request_for(Work(tmp_path))))

    assert "H100" in caught.value.sentence("en")
    assert "80.0 GB" in caught.value.sentence("en")
    assert "显存不足" in caught.value.sentence("zh")
    assert (tmp_path / "part-00.npy").exists()
    assert no_thread_is_left()


def test_a_machine_whose_own_memory_runs_out_says_so(request_for, monkeypatch):
    def full(self, done: int, steps: int) -> None:
        raise MemoryError

    monkeypatch.setattr(base.Made, "step", full)
    with pytest.raises(GenerationError, match="memory ran out"):
        next(get_engine("wan-ti2v-5b").frames(request_for()))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_plan_names_the_way_and_a_doomed_run_is_refused_before_it_begins(engine, gpu, request_for, monkeypatch):
    notices = get_engine(engine).plan(request_for()).notices
    assert [notice.key for notice in notices] == ["plan.resident"]

    monkeypatch.setattr(base, "measured_device", lambda *, reclaim=True: replace(GPU, gpu_free=1e9))
    with pytest.raises(InputError) as caught:
        get_engine(engine).plan(request_for())
    assert "found 1.0 GB" in caught.value.sentence("en")
    assert "1.0 GB" in caught.value.sentence("zh")


# --- which engine


def no_gpu(patch: pytest.MonkeyPatch) -> None:
    patch.delenv("S2V_NB_DEVICE")
    patch.setattr(devices, "_gpus", list)


def a_gpu(patch: pytest.MonkeyPatch, gigabytes: int = 80) -> None:
    patch.delenv("S2V_NB_DEVICE")
    patch.setattr(devices, "memory_limit", lambda: 200 * 10**9)
    patch.setattr(devices, "_gpus", lambda: [Gpu("NVIDIA H100 80GB HBM3", gigabytes * 10**9, 0, 0.0)])


def sentences(notices) -> list[tuple[str, str]]:
    return [tuple(say(notice.key, lang, **notice.values) for lang in LANGUAGES) for notice in notices]


@pytest.mark.parametrize("name", ENGINES)
def test_without_a_gpu_or_packages_an_engine_says_what_it_needs(name, monkeypatch, cover, song, tmp_path):
    no_gpu(monkeypatch)
    with pytest.raises(InputError) as caught:
        generate(cover, song, engine=name, runs=tmp_path, **SMALL)
    assert "needs an NVIDIA GPU" in caught.value.sentence("en")
    assert "需要 NVIDIA GPU" in caught.value.sentence("zh")

    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "ftfy" else name)
    (english, chinese) = sentences([get_engine(name).refusal()])[0]
    assert "(ftfy)" in english
    assert "（ftfy）" in chinese
    assert not list(tmp_path.iterdir())


def test_cards_say_what_the_sliders_do_in_both_languages():
    controls = {card.name: card.controls for card in engine_cards()}

    for name in ENGINES:
        english, chinese = controls[name]
        assert "Motion" in english
        assert "Prompt weight" in english
        assert "运动强度" in chinese
        assert "提示词权重" in chinese


def test_auto_is_the_model_where_gpu_weights_and_limits_allow_it(monkeypatch):
    a_gpu(monkeypatch)

    chosen = choose_engine(Settings(), Limits(seconds=3600, money=10.0, price_per_hour=2.0))

    assert (chosen.engine.name, chosen.passed_over) == ("wan-ti2v-5b", ())


@pytest.mark.parametrize(
    ("machine", "limits", "english", "chinese"),
    [
        (no_gpu, {}, "NVIDIA GPU", "NVIDIA GPU"),
        (partial(a_gpu, gigabytes=2), {}, "found 2.0 GB", "2.0 GB"),
        (a_gpu, {"seconds": 1e-9}, "minutes, more than your limit of 0.0", "分钟"),
        (a_gpu, {"money": 1e-12, "price_per_hour": 4.0}, "would cost", "花费"),
    ],
)
def test_auto_is_the_preview_where_it_must_be_and_says_why(machine, limits, english, chinese, monkeypatch):
    machine(monkeypatch)

    chosen = choose_engine(Settings(), Limits(**limits))

    assert chosen.engine.name == "preview"
    (said,) = sentences(chosen.passed_over)
    assert english in said[0]
    assert chinese in said[1]


def test_auto_without_weights_says_how_to_get_them(monkeypatch, tmp_path):
    a_gpu(monkeypatch)
    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path))

    (said,) = sentences(choose_engine(Settings()).passed_over)

    assert all("s2v-nb models get wan-ti2v-5b-fast" in sentence for sentence in said)


@pytest.mark.parametrize("limit", [{"seconds": -1}, {"money": float("nan")}, {"price_per_hour": "3"}, {"money": True}])
def test_limits_that_are_none_are_refused(limit):
    with pytest.raises(InputError, match=next(iter(limit))):
        Limits(**limit)


# --- many clips


def test_a_sweep_loads_the_model_once_and_reads_each_text_once(cover, song, tmp_path, monkeypatch):
    loads: list[str] = []
    texts: list[str] = []
    load, embedded = CoverArtEngine.load, Loaded._embedded

    def counted_load(self, folders, plan, device, model):
        loads.append(model.key)
        return load(self, folders, plan, device, model)

    def counted_texts(self, new):
        texts.extend(new)
        return embedded(self, new)

    monkeypatch.setattr(CoverArtEngine, "load", counted_load)
    monkeypatch.setattr(Loaded, "_embedded", counted_texts)
    CACHE.unload()
    base_settings = Settings(**{**SMALL, "prompt": "falling snow", "engine": "wan-ti2v-5b"})

    sweep = Sweep(cover, song, base_settings, motion=["off", "high"], out=tmp_path).run()

    assert [cell.state for cell in sweep.cells] == ["done", "done"]
    assert loads == ["wan-ti2v-5b-fast"]
    assert texts.count("falling snow") == 1
    assert len(texts) == len(set(texts))


def test_another_clip_of_the_same_picture_and_song_does_not_hear_and_see_them_again(
    request_for, monkeypatch, frames_of
):
    heard, encoded = LeanS2VPipeline._heard, LeanS2VPipeline._encoded
    calls: list[str] = []
    monkeypatch.setattr(LeanS2VPipeline, "_heard", lambda self, sound: (calls.append("heard"), heard(self, sound))[1])
    monkeypatch.setattr(
        LeanS2VPipeline, "_encoded", lambda self, pixels: (calls.append("encoded"), encoded(self, pixels))[1]
    )
    wanted = frames_of("wan-s2v-14b")
    del calls[:]
    CACHE.unload()
    engine = get_engine("wan-s2v-14b")
    first = next(engine.frames(request_for(prompt="glow")))
    assert calls[:3] == ["heard", "encoded", "encoded"]
    del calls[:]

    frames = np.stack(list(engine.frames(request_for())))

    assert calls == ["encoded"] * (PARTS["wan-s2v-14b"] - 1)  # the end of each part, for the next
    assert np.array_equal(frames, wanted)
    assert not np.array_equal(first, frames[0])


# --- killed


@pytest.mark.parametrize(
    ("engine", "halts"),
    [("wan-ti2v-5b", ("part 0 done", "part 1 call 6")), ("wan-s2v-14b", ("part 0 done", "part 1 call 1"))],
)
def test_killed_between_parts_and_inside_one_the_clip_is_the_same_and_no_part_is_made_twice(
    engine, halts, cover, song, tiny_models, clip_of, tmp_path, moments
):
    undisturbed = clip_of(engine)
    del moments[:]
    runs = tmp_path / "runs"
    told = [kill_at(halt, engine, (cover, song), tiny_models, runs) for halt in halts]
    assert parts_made(told[0]) == [0]
    assert parts_made(told[1]) == [1]
    assert list(runs.glob("*/model/part-00.npy"))

    clip = generate(cover, song, engine=engine, runs=runs, **SMALL)

    assert parts_made(moments) == list(range(1, PARTS[engine]))
    pairs = zip(read_frames(clip.path), read_frames(undisturbed.path), strict=True)
    assert all(np.array_equal(one, other) for (_, one), (_, other) in pairs)
    assert not list(clip.path.parent.glob("model*"))


def kill_at(halt: str, engine: str, files: tuple[Path, Path], models: Path, runs: Path) -> list[str]:
    """Make a clip in another process and kill it at that moment; what it told."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["s2v_nb.models.wan_ti2v.loaded", "s2v_nb.models.wan_s2v.loaded"])
    talk, other = context.Pipe()
    given = (dict(os.environ), models, files, runs, engine, halt, other)
    process = context.Process(target=generate_and_halt, args=given)
    process.start()
    other.close()
    told: list[str] = []
    try:
        while halt not in told:
            told.append(talk.recv())
    finally:
        process.kill()
        process.join()
        talk.close()
    return told
