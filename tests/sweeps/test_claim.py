"""Two processes never have the same cell; who died, or was silent for long, has none."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from s2v_nb.sweeps import claim
from s2v_nb.sweeps.claim import Claim, bury, claiming, forget_dead, here, owner
from tests.sweeps.fakes import leave_dead_claim


def holder(folder) -> subprocess.Popen:
    """Another process that holds the folder until it is killed."""
    code = (
        "import sys, time; from pathlib import Path; from s2v_nb.sweeps.claim import claiming\n"
        "with claiming(Path(sys.argv[1])) as c: print(c is not None, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    return process


def test_one_has_it_until_it_is_done(tmp_path):
    with claiming(tmp_path) as mine:
        assert mine.process == os.getpid()
        assert owner(tmp_path) == mine
        with claiming(tmp_path) as other:
            assert other is None

    assert owner(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_killed_owner_is_noticed_at_once_and_its_time_is_known(tmp_path):
    process = holder(tmp_path)
    with claiming(tmp_path) as none:
        assert none is None
    os.utime(tmp_path / "claim.json", (time.time() + 7,) * 2)  # as if it had worked for seven seconds
    process.send_signal(signal.SIGKILL)  # not waited for: a zombie is dead, too
    wait_until(lambda: owner(tmp_path) is None)
    with claiming(tmp_path) as mine:
        assert mine.lost_seconds == pytest.approx(7, abs=1.5)
    process.wait()
    process.stdout.close()


def test_of_many_at_once_one_has_it(tmp_path):
    """Also when the one before has died."""
    for _ in range(20):
        leave_dead_claim(tmp_path)
        had, ready = [], threading.Barrier(8)

        def attempt(had=had, ready=ready):
            ready.wait()
            with claiming(tmp_path) as mine:
                if mine is not None:
                    had.append(mine.token)
                ready.wait()

        threads = [threading.Thread(target=attempt) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(had) == 1


def test_an_owner_elsewhere_counts_while_it_touches_its_claim(tmp_path, monkeypatch):
    path = write(tmp_path, Claim("another machine", 1, "1", "far", time.time()))
    assert owner(tmp_path).token == "far"

    os.utime(path, (time.time() - claim.SILENT_SECONDS - 1,) * 2)
    assert owner(tmp_path) is None
    with claiming(tmp_path) as mine:
        assert mine is not None


def test_the_claim_is_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(claim, "BEAT_SECONDS", 0.05)
    with claiming(tmp_path):
        os.utime(tmp_path / "claim.json", (0, 0))
        wait_until(lambda: (tmp_path / "claim.json").stat().st_mtime > 0)


def test_a_number_that_another_process_has_now_is_not_the_owner(tmp_path):
    write(tmp_path, Claim(here(), os.getpid(), "another start", "old", time.time()))

    assert owner(tmp_path) is None


def test_a_claim_that_cannot_be_read_holds_for_a_while(tmp_path):
    path = tmp_path / "claim.json"
    path.write_text("{")
    assert owner(tmp_path) is not None

    os.utime(path, (time.time() - 100,) * 2)
    assert owner(tmp_path) is None


def test_only_the_dead_owners_claim_is_buried(tmp_path):
    write(tmp_path, Claim("far", 7, "1", "x", time.time() - 5))

    assert bury(tmp_path, "far", 8) == 0.0
    assert owner(tmp_path) is not None
    assert bury(tmp_path, "far", 7) == pytest.approx(5, abs=1)
    assert not (tmp_path / "claim.json").exists()


def test_only_a_dead_owners_claim_is_forgotten(tmp_path):
    forget_dead(tmp_path)  # there is none
    with claiming(tmp_path) as mine:
        forget_dead(tmp_path)
        assert owner(tmp_path) == mine
    leave_dead_claim(tmp_path)

    forget_dead(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_links_it_works_as_well(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "link", refuse)
    with claiming(tmp_path) as mine, claiming(tmp_path) as other:
        assert mine is not None
        assert other is None


def write(folder, what: Claim):
    path = folder / "claim.json"
    path.write_text(json.dumps(vars(what)))
    return path


def wait_until(condition, seconds: float = 10.0) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)
