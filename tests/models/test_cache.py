"""What is held in memory: one load for all who ask, the one used longest ago goes first, nothing in use is closed."""

import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from s2v_nb.models.cache import ModelCache


class Model:
    def __init__(self, name: str = "") -> None:
        self.name, self.closed = name, 0

    def close(self) -> None:
        self.closed += 1


class Loads:
    """Counts loads, and holds them up until `go`."""

    def __init__(self) -> None:
        self.count = 0
        self.go = threading.Event()
        self.begun = threading.Event()

    def __call__(self) -> Model:
        self.count += 1
        self.begun.set()
        assert self.go.wait(30)
        return Model()


@pytest.fixture
def cache() -> ModelCache:
    return ModelCache()


def put(cache: ModelCache, key: str) -> Model:
    with cache.use(key, lambda: Model(key)) as model:
        return model


def in_threads(count: int, work) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def users(cache: ModelCache, key: str) -> int:
    return cache._entries[key].users


def test_the_second_to_ask_gets_the_same_model(cache):
    first = put(cache, "a")

    with cache.use("a", lambda: pytest.fail("it is here")) as again:
        assert again is first
    assert "a" in cache
    assert "b" not in cache
    assert len(cache) == 1


def test_all_who_ask_meanwhile_wait_for_one_load(cache):
    loads, got = Loads(), []

    def ask() -> None:
        with cache.use("a", loads) as model:
            got.append(model)

    threads = in_threads(8, ask)
    assert loads.begun.wait(30)
    assert "a" not in cache  # it is still on its way
    loads.go.set()
    for thread in threads:
        thread.join(30)

    assert loads.count == 1
    assert len(got) == 8
    assert len({id(model) for model in got}) == 1
    assert users(cache, "a") == 0


def test_a_load_that_fails_fails_for_all_who_waited_and_the_next_tries_again(cache):
    begun, go, errors = threading.Event(), threading.Event(), []
    count = [0]

    def fail() -> Model:
        count[0] += 1
        begun.set()
        assert go.wait(30)
        raise OSError("the disk went away")

    def ask() -> None:
        try:
            with cache.use("a", fail):
                pytest.fail("there is no model")
        except OSError as error:
            errors.append(str(error))

    threads = in_threads(1, ask)
    assert begun.wait(30)
    waiting = cache._entries["a"]
    threads += in_threads(3, ask)
    while waiting.users < 4:
        pass
    go.set()
    for thread in threads:
        thread.join(30)

    assert errors == ["the disk went away"] * 4
    assert count == [1]
    assert waiting.users == 0
    assert len(cache) == 0
    assert put(cache, "a").name == "a"


def test_the_one_used_longest_ago_makes_room(cache):
    models = {key: put(cache, key) for key in "abc"}
    put(cache, "a")  # b is the oldest now

    with cache.use("d", Model, has_room=lambda: len(cache) < 4):
        assert [models[key].closed for key in "abc"] == [0, 1, 0]
        assert "b" not in cache
        assert "d" in cache


def test_all_idle_ones_go_if_that_is_what_it_takes_and_then_the_load_is_tried(cache):
    models = [put(cache, key) for key in "ab"]

    with cache.use("c", Model, has_room=lambda: False) as model:
        assert isinstance(model, Model)
        assert [old.closed for old in models] == [1, 1]
        assert len(cache) == 1


def test_with_room_for_both_nothing_is_closed(cache):
    first = put(cache, "a")

    put(cache, "b")

    assert first.closed == 0
    assert len(cache) == 2


def test_a_model_in_use_is_never_closed(cache):
    with cache.use("a", Model) as model:
        with cache.use("b", Model, has_room=lambda: False):
            pass
        assert cache.unload("a") == 0
        assert cache.unload() == 1  # b
        assert model.closed == 0
        assert "a" in cache
    assert cache.unload() == 1
    assert model.closed == 1


def test_a_model_stays_usable_until_the_last_of_its_users_is_gone(cache):
    with ExitStack() as stack:
        model = stack.enter_context(cache.use("a", Model))
        with cache.use("a", Model):
            pass
        assert cache.unload() == 0
        assert model.closed == 0


def test_an_error_inside_the_block_leaves_the_model_for_the_next(cache):
    with pytest.raises(ZeroDivisionError), cache.use("a", Model):
        raise ZeroDivisionError

    assert users(cache, "a") == 0
    assert cache.unload() == 1


def test_unload_is_of_one_or_of_all_and_counts(cache):
    models = {key: put(cache, key) for key in "abc"}

    assert cache.unload("b") == 1
    assert [models[key].closed for key in "abc"] == [0, 1, 0]
    assert cache.unload("b") == 0
    assert cache.unload() == 2
    assert len(cache) == 0


def test_a_model_that_cannot_be_closed_does_not_hold_up_the_others(cache):
    class Stuck(Model):
        def close(self) -> None:
            raise OSError("stuck")

    with cache.use("a", Stuck):
        pass
    other = put(cache, "b")

    assert cache.unload() == 2
    assert other.closed == 1


def test_two_models_are_loaded_one_after_the_other_so_that_room_is_not_counted_twice(cache):
    room, loads = [1], Loads()

    def load() -> Model:
        model = loads()
        room[0] -= 1
        return model

    def ask(key: str) -> None:
        with cache.use(key, load, has_room=lambda: room[0] > 0):
            pass

    found: list[bool] = []
    first = in_threads(1, lambda: ask("a"))
    assert loads.begun.wait(30)

    def second() -> None:
        with cache.use("b", Model, has_room=lambda: found.append(room[0] > 0) or room[0] > 0):
            pass

    other = in_threads(1, second)
    loads.go.set()
    for thread in first + other:
        thread.join(30)

    assert found[0] is False  # it looked when the first had taken its room


MEMORY = """
import numpy as np
from pathlib import Path
from s2v_nb.models.cache import ModelCache

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

class Model:
    def __init__(self):
        self.weights = [np.ones(1_000_000, np.float32) for _ in range(100)]  # 400 MB in many pieces
        self.itself = self  # as networks are, it is part of a cycle
    def close(self):
        self.weights = None

cache, before = ModelCache(), resident()
with cache.use("a", Model):
    held = resident()
cache.unload()
print(held - before, resident() - before)
"""


def test_memory_is_back_after_unload():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)

    held, left = map(int, done.stdout.split())
    assert held > 350e6
    assert left < 200e6
