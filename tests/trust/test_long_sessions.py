"""Long sessions: memory does not grow, what is stopped gives its memory back, and many at once do not mix.

``bench/trust.py memory`` makes 300 previews; here it is a few, with a wider bound.
"""

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from s2v_nb import Progress, generate
from s2v_nb.errors import Cancelled
from s2v_nb.session import release_memory
from tests.trust.kills import SMALL, frames


def resident() -> int:
    """Bytes of this process, once what is not used was given back."""
    gc.collect()
    release_memory()
    return psutil.Process().memory_info().rss


def test_previews_in_one_kernel_do_not_pile_up(cover, song, tmp_path):
    """Four after the first two: less than a plate of the picture each."""
    base = 0
    for number in range(6):
        generate(cover, song, runs=tmp_path, seed=number, prompt="slow zoom in, rain", **SMALL)
        if number == 1:
            base = resident()

    assert resident() - base < 20 * 2**20


def test_what_is_stopped_gives_its_memory_back_and_leaves_no_thread(cover, song, tmp_path):
    generate(cover, song, runs=tmp_path, **SMALL)
    before, threads, children = resident(), psutil.Process().num_threads(), psutil.Process().children()
    for seed in range(1, 4):
        progress = Progress()
        progress.views.append(lambda state, p=progress: p.cancel() if state.done == 30 else None)
        with pytest.raises(Cancelled):
            generate(cover, song, runs=tmp_path, seed=seed, progress=progress, **SMALL)

    assert resident() - before < 40 * 2**20
    assert psutil.Process().num_threads() <= threads + 2
    assert set(psutil.Process().children()) <= set(children)  # no encoder goes on


def test_eight_at_once_are_each_as_if_alone(cover, song, tmp_path):
    """Four clips in threads of one process, and two of them in each of two processes beside it, in one folder."""
    choices = [{**SMALL, "prompt": "handheld, rain", "seed": seed} for seed in range(4)]
    code = (
        "import sys; from concurrent.futures import ThreadPoolExecutor; from s2v_nb import generate\n"
        f"choices = {choices[:2]!r}\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    list(pool.map(lambda one: generate(sys.argv[1], sys.argv[2], runs=sys.argv[3], **one), choices))\n"
    )
    beside = [subprocess.Popen([sys.executable, "-c", code, cover, song, tmp_path / "both"]) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda one: generate(cover, song, runs=tmp_path / "threads", **one), choices))
    assert [process.wait(240) for process in beside] == [0, 0]
    alone = [frames(generate(cover, song, runs=tmp_path / "alone", **one).path) for one in choices[:2]]

    assert [frames(clip.path) for clip in made[:2]] == alone
    assert [frames(tmp_path / "both" / clip.path.parent.name / "clip.mp4") for clip in made[:2]] == alone
    assert len({frames(clip.path) for clip in made}) == 4
