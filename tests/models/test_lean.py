"""Blocks that are run part by part give what they give at once, for both networks."""

import pytest
import torch
from safetensors.torch import save_file

from s2v_nb.models.lean import frames_in_parts, runs_of
from s2v_nb.models.placing import fill, parts_of
from s2v_nb.models.reading import stored_tensors
from tests.models.wan_s2v import tiny as s2v
from tests.models.wan_s2v.tiny import distance
from tests.models.wan_ti2v import tiny as ti2v

pytestmark = pytest.mark.usefixtures("one_thread")

NEAR = 2e-6  # relative: single numbers are rounded otherwise where sums are of other lengths


@pytest.fixture(scope="module")
def singer():
    return s2v.tiny_transformer()


@pytest.fixture(scope="module")
def mover():
    return ti2v.tiny_transformer()


@pytest.fixture(autouse=True)
def plain_again(singer, mover):
    """The networks are shared: each test finds them as they were built."""
    yield
    singer._lean = mover._lean = None


# Parts.


@pytest.mark.parametrize("part", [1, 7, 64, 1000])
@pytest.mark.parametrize(("tokens", "split"), [(10, 0), (10, 10), (100, 37), (129, 128), (1, 1)])
def test_runs_cover_every_token_once(tokens, split, part):
    """In order, none across the split, none longer than asked for, and of about one length on either side."""
    runs = runs_of(tokens, split, part)

    assert [token for run in runs for token in range(run.first, run.last)] == list(range(tokens))
    for row, side in ((0, split), (1, tokens - split)):
        lengths = [run.last - run.first for run in runs if run.row == row]
        assert sum(lengths) == side
        assert len(lengths) <= -(-side // part)
        assert max(lengths, default=0) <= part
    assert all((run.first < split) == (run.row == 0) for run in runs)


def test_frames_are_never_cut():
    """A frame longer than a part is one by itself."""
    assert list(frames_in_parts(5, 10, 20)) == [(0, 2), (2, 4), (4, 5)]
    assert list(frames_in_parts(3, 10, 9)) == [(0, 1), (1, 2), (2, 3)]
    assert list(frames_in_parts(3, 10, 10**6)) == [(0, 3)]


# The same prediction.


@pytest.mark.parametrize("part", [13, 64, 10**6])
@pytest.mark.parametrize("given", [{}, {"batch": 2, "frames": 2}, {"frames": 5, "height": 16, "width": 12}])
def test_the_singer_predicts_the_same(singer, part, given):
    """With sound, a batch, other sizes; a part may be a fraction of a frame or all."""
    arguments = s2v.inputs(**given)
    plain = s2v.predict(singer, arguments)
    singer.run_lean(part=part)

    assert distance(s2v.predict(singer, arguments), plain) < NEAR


@pytest.mark.parametrize("changed", [{"drop_motion_frames": True}, {"pose_latents": None}, {"motion_frames": (17, 5)}])
def test_the_singers_first_clip_is_the_same(singer, changed):
    """Without a past, without a pose, with a short past."""
    plain = s2v.predict(singer, s2v.inputs(), **changed)
    singer.run_lean(part=20)

    assert distance(s2v.predict(singer, s2v.inputs(), **changed), plain) < NEAR


def test_the_singer_remembers_and_is_not_changed_by_it(singer):
    """What is kept over the steps is not written to."""
    singer.run_lean(part=20)
    with singer.remembering():
        first, second = (s2v.predict(singer, s2v.inputs()) for _ in range(2))

    assert torch.equal(first, second)


@pytest.mark.parametrize("part", [7, 24, 10**6])
@pytest.mark.parametrize("given", [{}, {"batch": 2, "frames": 2}, {"frames": 1}])
@pytest.mark.parametrize("ndim", [1, 2])
def test_the_mover_predicts_the_same(mover, part, given, ndim):
    """With a timestep for each token, as beside a picture, and with one for all."""
    arguments = ti2v.inputs(**given)
    if ndim == 1:
        arguments["timestep"] = arguments["timestep"][:, -1]
    plain = ti2v.predict(mover, arguments)
    mover.run_lean(part=part)

    assert distance(ti2v.predict(mover, arguments), plain) < NEAR
    with torch.no_grad():
        (sample,) = mover(**arguments, return_dict=False)
    assert sample.shape == arguments["hidden_states"].shape


# Stopping.


class Stop(Exception):
    """Raised by a check."""


@pytest.mark.parametrize("network", ["singer", "mover"])
@pytest.mark.parametrize("from_disk", [None, False, True])
def test_a_check_may_stop_it_anywhere(singer, mover, tmp_path, network, from_disk):
    """It is called before each part of each block; afterwards the network runs as before, wherever its weights are."""
    original, tiny = {"singer": (singer, s2v), "mover": (mover, ti2v)}[network]
    arguments = tiny.inputs()
    plain = tiny.predict(original, arguments)
    model, options = original, {}
    if from_disk is not None:
        save_file(original.state_dict(), tmp_path / "a.safetensors")
        model = tiny.tiny_transformer(seed=1).to("meta")
        for name, buffer in original.named_buffers():
            model.get_submodule(name.rpartition(".")[0])._buffers[name.rpartition(".")[2]] = buffer
        streamed = fill(model, stored_tensors(tmp_path / "a.safetensors"), dtype=torch.float32,
                        device=torch.device("cpu"), passing=parts_of(model), from_disk=from_disk)  # fmt: skip
        options = {"weights": streamed}
    calls = 0
    stop_at = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == stop_at:
            raise Stop

    model.run_lean(part=50, check=check, **options)
    assert distance(tiny.predict(model, arguments), plain) < NEAR
    every = calls
    assert every == {"singer": 2 * 3 + 2, "mover": 2 * 3}[network]
    for stop_at in range(1, every + 1):
        calls = 0
        with pytest.raises(Stop):
            tiny.predict(model, arguments)
        assert calls == stop_at
    assert distance(tiny.predict(model, arguments), plain) < NEAR
    if options:
        streamed.close()
