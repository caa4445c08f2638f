"""The memory planner: what fits is chosen, the best first; what does not is refused with what it would need."""

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from s2v_nb import InputError, session
from s2v_nb.errors import LANGUAGES, say
from s2v_nb.models import devices
from s2v_nb.models.cache import ModelCache
from s2v_nb.models.catalog import MODELS
from s2v_nb.models.memory import (
    WAYS,
    Device,
    MemoryPlan,
    Shape,
    fits,
    network_of,
    on_cpu,
    plan,
    plan_within,
    plans,
)
from s2v_nb.session import Gpu

SINGER, COVER_ART = MODELS["wan-s2v-14b"], MODELS["wan-ti2v-5b-fast"]
SHAPES = {SINGER.key: Shape(832, 480, 80), COVER_ART.key: Shape(1280, 704, 121)}
MEASURED = Path(__file__).resolve().parents[2] / "bench" / "results" / "engines_h100.json"


def machine(gpu: float, host: float = 200.0, **other) -> Device:
    """A GPU with so many gigabytes free, in a machine with so many."""
    return Device("NVIDIA H100", gpu * 1e9, host * 1e9, **other)


@pytest.fixture(params=[SINGER, COVER_ART], ids=lambda model: model.key)
def model(request):
    return request.param


def test_all_fits_on_a_big_card(model):
    chosen = plan(model, SHAPES[model.key], machine(140.0))

    assert (chosen.way, chosen.tiles) == ("resident", 1)
    assert not chosen.text_streams
    assert fits(chosen, machine(140.0))


def test_with_less_memory_the_way_is_a_later_one_and_takes_less(model):
    sizes = [140, 80, 60, 48, 40, 32, 24, 20, 16, 12, 10, 8, 7, 6]

    found = [plan(model, SHAPES[model.key], machine(size)) for size in sizes]

    order = [WAYS.index(one.way) for one in found]
    assert order == sorted(order)
    assert {one.way for one in found} == {"resident", "host"}
    assert all(one.peak_bytes <= size * 1e9 for one, size in zip(found, sizes, strict=True))
    assert all(fits(one, machine(size)) for one, size in zip(found, sizes, strict=True))


def test_the_disk_is_the_way_of_a_machine_with_little_memory(model):
    assert plan(model, SHAPES[model.key], machine(8.0, host=8.0)).way == "disk"
    assert plan(model, SHAPES[model.key], machine(8.0, host=64.0)).way == "host"


@pytest.mark.parametrize("allowed", [False, True])
def test_float8_is_for_cards_that_have_it_and_people_who_ask_for_it(model, allowed, monkeypatch):
    """It changes the frames, and what streams does not."""
    monkeypatch.setenv("S2V_NB_FLOAT8", "1" if allowed else "0")
    ways = {
        capability: {plan(model, SHAPES[model.key], machine(size, capability=capability)).way for size in range(8, 100)}
        for capability in ((8, 0), (8, 6), (8, 9), (9, 0))
    }

    assert [("fp8" in found) for found in ways.values()] == [False, False, allowed, allowed]


def test_rungs_come_in_the_order_of_their_ways_and_more_tiles_take_less(model):
    rungs = list(plans(model, SHAPES[model.key], machine(80.0)))

    order = [WAYS.index(rung.way) for rung in rungs]
    assert order == sorted(order)
    for way in WAYS:
        same = [rung for rung in rungs if rung.way == way and rung.part == rungs[0].part]
        assert [rung.tiles for rung in same] == sorted(rung.tiles for rung in same)
        peaks = [rung.peak_bytes for rung in same]
        assert peaks == sorted(peaks, reverse=True)


@pytest.mark.parametrize("device", [machine(2.0), machine(80.0, host=2.0)], ids=["gpu", "host"])
def test_what_fits_nowhere_is_refused_with_what_it_needs(model, device):
    with pytest.raises(InputError) as caught:
        plan(model, SHAPES[model.key], device)

    values = caught.value.values
    for lang in LANGUAGES:
        sentence = caught.value.sentence(lang)
        for number in ("needs", "has", "host_needs", "host_has"):
            assert f"{values[number]:.1f} GB" in sentence
        assert model.key in sentence
        assert "480p" in sentence
    assert values["has"] == device.gpu_free / 1e9
    assert values["needs"] > values["has"] or values["host_needs"] > values["host_has"]


def test_a_machine_with_just_what_the_refusal_names_is_enough(model):
    with pytest.raises(InputError) as caught:
        plan(model, SHAPES[model.key], machine(1.0, host=1.0))
    needs = caught.value.values

    found = plan(model, SHAPES[model.key], machine(needs["needs"] + 0.001, host=needs["host_needs"] + 0.001))

    assert found.way == "disk"


def test_after_running_out_each_plan_takes_clearly_less_until_nothing_is_left(model):
    device = machine(140.0)
    steps: list[MemoryPlan] = [plan(model, SHAPES[model.key], device)]
    with suppress(InputError):
        while len(steps) < 100:
            steps.append(plan(model, SHAPES[model.key], device, below=steps[-1]))

    assert all(after.peak_bytes <= 0.9 * before.peak_bytes for before, after in pairwise(steps))
    assert steps[-1].streams
    assert 3 < len(steps) < 30


def test_the_text_encoder_stays_where_there_is_room_for_it(model):
    roomy, tight = (
        next(found for found in _sizes_down(model) if found.way == "resident" and found.text_streams is streams)
        for streams in (False, True)
    )

    assert roomy.peak_bytes > tight.peak_bytes


def _sizes_down(model) -> Iterator[MemoryPlan]:
    for size in range(140, 8, -1):
        yield plan(model, SHAPES[model.key], machine(size))


def test_money_is_seconds_at_a_price(model):
    given = {"passes": 3, "parts": 2}
    free, paid = (plan(model, SHAPES[model.key], machine(80.0), price_per_hour=price, **given) for price in (0.0, 3.6))

    assert free.money is None
    assert paid.money == pytest.approx(paid.seconds * 3.6 / 3600)
    assert paid.seconds == free.seconds > 0


def test_more_passes_parts_and_pixels_take_longer_and_a_quicker_card_less(model):
    shape, device = SHAPES[model.key], machine(80.0)
    base = plan(model, shape, device, passes=2).seconds

    assert plan(model, shape, device, passes=4).seconds > base
    assert plan(model, shape, device, passes=2, parts=3).seconds == pytest.approx(3 * base)
    assert plan(model, Shape(shape.width, shape.height // 2, shape.frames), device, passes=2).seconds < base
    assert plan(model, shape, machine(80.0, speed=60e12), passes=2).seconds > 5 * base
    assert plan(model, shape, machine(8.0), passes=2).seconds >= base  # the bus may be in the way
    assert plan(model, shape, machine(8.0, host=8.0), passes=2).seconds > 1.5 * base  # and the disk is


def test_within_any_memory_there_is_an_estimate(model):
    shape = SHAPES[model.key]

    assert plan_within(model, shape, machine(80.0)) == plan(model, shape, machine(80.0))
    smallest = plan_within(model, shape, machine(1.0))
    assert smallest.peak_bytes == min(rung.peak_bytes for rung in plans(model, shape, machine(1.0)))
    assert smallest.peak_bytes > 1e9


def test_on_the_cpu_nothing_is_on_a_gpu(model):
    found = on_cpu(model, SHAPES[model.key], passes=2, parts=2)

    assert (found.way, found.peak_bytes, found.streams) == ("resident", 0.0, False)
    assert found.host_bytes > network_of(model).weights
    assert found.seconds == pytest.approx(2 * on_cpu(model, SHAPES[model.key], passes=2).seconds)


def test_every_way_has_a_sentence_with_its_numbers(model):
    for rung in plans(model, SHAPES[model.key], machine(80.0)):
        notice = rung.why(machine(80.0))
        for lang in LANGUAGES:
            sentence = say(notice.key, lang, **notice.values)
            assert f"{rung.peak_bytes / 1e9:.1f} GB" in sentence
            assert "80.0 GB" in sentence
            assert "NVIDIA H100" in sentence


def test_every_model_of_the_catalogue_has_a_network():
    assert all(network_of(model).layers for model in MODELS.values())


def test_the_machines_memory_is_the_containers(model, monkeypatch, tmp_path):
    """A container of 12 GB on a host with hundreds: what streams from memory does not fit, the disk does."""
    (tmp_path / "memory.max").write_text("12000000000\n")
    (tmp_path / "memory.current").write_text("5000000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 4000000000\n")
    monkeypatch.setattr(session, "_CGROUP", tmp_path)
    monkeypatch.delenv("S2V_NB_DEVICE", raising=False)
    monkeypatch.setattr(devices, "_gpus", lambda: [Gpu("NVIDIA GeForce RTX 3070", 8 * 2**30, 2**28, 0.0)])

    device = devices.known_device()

    assert device.host_free == 11e9  # file cache is given back when asked
    assert device.gpu_free == 8 * 2**30 - 2**28
    assert (device.name, device.capability) == ("NVIDIA GeForce RTX 3070", (8, 0))
    if model is SINGER:  # 33 GB of weights
        assert plan(model, SHAPES[model.key], device).way == "disk"


@pytest.mark.parametrize(
    ("name", "float8"),
    [
        ("NVIDIA H100 80GB HBM3", True), ("NVIDIA GeForce RTX 4090", True), ("NVIDIA GeForce RTX 5090", True),
        ("NVIDIA L40S", True), ("NVIDIA L4", True), ("NVIDIA RTX 6000 Ada Generation", True),
        ("NVIDIA A100-SXM4-40GB", False), ("NVIDIA A100-PCIE-40GB", False), ("NVIDIA A40", False),
        ("NVIDIA GeForce RTX 3070", False), ("Tesla T4", False), ("Quadro RTX 5000", False),
        ("NVIDIA RTX A4000", False), ("NVIDIA A800 80GB PCIe", False), ("Tesla V100-SXM2-16GB", False),
    ],
)  # fmt: skip
def test_the_drivers_name_says_whether_a_card_has_float8(name, float8, monkeypatch):
    monkeypatch.delenv("S2V_NB_DEVICE", raising=False)
    monkeypatch.setattr(devices, "_gpus", lambda: [Gpu(name, 2**34, 0, 0.0)])

    assert (devices.known_device().capability >= (8, 9)) is float8


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989), ("NVIDIA GH200 480GB", 989), ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10", 125), ("NVIDIA A40", 150), ("NVIDIA RTX A4000", devices.UNKNOWN_PEAK), ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 165), ("Tesla T4", 65), ("NVIDIA T400 4GB", devices.UNKNOWN_PEAK),
    ],
)  # fmt: skip
def test_the_drivers_name_says_how_quick_a_card_is(name, peak, monkeypatch):
    monkeypatch.delenv("S2V_NB_DEVICE", raising=False)
    monkeypatch.setattr(devices, "_gpus", lambda: [Gpu(name, 2**34, 0, 0.0)])

    assert devices.known_device().speed == pytest.approx(devices.REACHED * peak * 1e12)


@pytest.fixture
def torchs_gpu(monkeypatch) -> None:
    """80 GB, of which others hold 10 and this process 30, 20 of them in use; it may take three quarters."""
    import torch

    said = {
        "mem_get_info": (40e9, 80e9), "memory_reserved": 30e9, "memory_allocated": 20e9,
        "get_per_process_memory_fraction": 0.75, "get_device_name": "NVIDIA H100 80GB HBM3",
        "get_device_capability": (9, 0),
    }  # fmt: skip
    for name, value in said.items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    monkeypatch.setattr(devices, "memory_limit", lambda: 64e9)
    monkeypatch.setattr(devices, "memory_used", lambda: 40e9)


def test_what_we_hold_ourselves_is_no_obstacle_to_a_plan(torchs_gpu, monkeypatch):
    """Else the second clip would be planned otherwise than the first, and the weights loaded again."""

    class Held:
        host_bytes = 32e9

        def close(self) -> None:
            pass

    monkeypatch.setattr(devices, "CACHE", cache := ModelCache())
    with cache.use("singer", Held):
        device = devices.measured_device()
        assert (device.gpu_free, device.host_free) == (60e9, 24e9 + 32e9)  # the limit holds
        device = devices.measured_device(reclaim=False)
        assert (device.gpu_free, device.host_free) == (40e9, 24e9)


def test_hidden_gpus_and_a_chosen_cpu_are_respected(monkeypatch):
    monkeypatch.setattr(devices, "_asked", {})
    monkeypatch.setattr(devices, "gpu_usage", lambda: [Gpu("NVIDIA H100", 2**34, 0, 0.0)])
    monkeypatch.delenv("S2V_NB_DEVICE", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert devices.chosen_device() == "cuda"

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.chosen_device() is None
    assert devices.known_device() is None

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("S2V_NB_DEVICE", "cpu")
    assert devices.chosen_device() == "cpu"
    assert devices.known_device() is None


def _measured() -> list[dict]:
    try:
        return json.loads(MEASURED.read_text())["planner"]["rows"]
    except (OSError, KeyError):
        return []


@pytest.mark.skipif(not _measured(), reason="nothing was measured yet: bench/engines_h100.py")
def test_predictions_are_within_15_percent_of_what_was_measured():
    for row in _measured():
        assert abs(row["predicted_gb"] / row["measured_gb"] - 1) <= 0.15, row
