"""A machine that nobody uses is stopped, one that is used never is."""

import subprocess
import sys

import pytest

from s2v_nb.errors import InputError
from s2v_nb.idle import IdleGuard


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Machine:
    """Stands in for subprocess.run and remembers what was asked of it."""

    def __init__(self, status: int = 0, stderr: str = "") -> None:
        self.commands: list[list[str]] = []
        self.status, self.stderr = status, stderr

    def __call__(self, words, **_):
        self.commands.append(words)
        return subprocess.CompletedProcess(words, self.status, "", self.stderr)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def machine():
    return Machine()


def guard(clock, machine, minutes=10, command="stop 'this pod'", **options):
    return IdleGuard(minutes, command, clock=clock, run=machine, **options)


def pass_time(guard, clock, seconds, *, busy=False):
    """Ask once a second, as its owner does."""
    for _ in range(seconds):
        clock.now += 1
        guard.tick(busy)
    return guard.state


@pytest.mark.parametrize(("minutes", "command"), [(None, ""), (None, "stop"), (10, ""), (10, "  ")])
def test_it_is_off_without_minutes_and_command(clock, machine, minutes, command):
    idle = guard(clock, machine, minutes, command)

    assert pass_time(idle, clock, 3600) == "off"
    assert idle.remaining is None
    assert machine.commands == []


def test_it_warns_for_a_minute_and_fires_once(clock, machine):
    idle = guard(clock, machine)

    assert pass_time(idle, clock, 539) == "watching"
    assert idle.remaining == 61
    assert pass_time(idle, clock, 1) == "warning"
    assert idle.remaining == 60
    assert pass_time(idle, clock, 59) == "warning"
    assert machine.commands == []
    assert pass_time(idle, clock, 1) == "fired"
    assert idle.remaining is None
    assert pass_time(idle, clock, 3600) == "fired"
    assert machine.commands == [["stop", "this pod"]]


def test_work_and_touches_keep_it_waiting(clock, machine):
    idle = guard(clock, machine)

    assert pass_time(idle, clock, 5000, busy=True) == "watching"
    assert idle.remaining == 600
    pass_time(idle, clock, 500)
    idle.touch()
    assert pass_time(idle, clock, 539) == "watching"
    assert machine.commands == []


@pytest.mark.parametrize("stay", [IdleGuard.cancel, IdleGuard.touch, lambda idle: idle.tick(True)])
def test_a_warning_can_be_ended(clock, machine, stay):
    idle = guard(clock, machine)
    assert pass_time(idle, clock, 590) == "warning"

    stay(idle)

    assert (idle.state, idle.remaining) == ("watching", 600)
    assert pass_time(idle, clock, 539) == "watching"


def test_cancel_does_nothing_outside_a_warning(clock, machine):
    idle = guard(clock, machine)
    pass_time(idle, clock, 100)

    idle.cancel()

    assert idle.remaining == 500


def test_a_kernel_that_was_blocked_was_at_work(clock, machine):
    """A cell that runs for an hour keeps everybody from asking; its end must not stop the machine."""
    idle = guard(clock, machine)
    pass_time(idle, clock, 590)

    clock.now += 3600

    assert idle.tick(False) == "watching"
    assert idle.remaining == 600
    assert machine.commands == []


def test_a_late_question_still_gives_the_whole_warning(clock, machine):
    idle = guard(clock, machine)
    pass_time(idle, clock, 539)

    clock.now += 50

    assert idle.tick(False) == "warning"
    assert idle.remaining == 60


def test_the_warning_never_fills_the_wait(clock, machine):
    idle = guard(clock, machine, minutes=1, warn_seconds=300)

    assert pass_time(idle, clock, 29) == "watching"
    assert pass_time(idle, clock, 1) == "warning"
    assert pass_time(idle, clock, 30) == "fired"


def test_a_failure_is_a_sentence_and_a_touch_watches_again(clock):
    machine = Machine(status=1, stderr="connecting\nnot allowed\n")
    idle = guard(clock, machine)

    assert pass_time(idle, clock, 600) == "failed"
    assert "(not allowed); stop it in the platform's console" in str(idle.failure)
    assert "控制台" in idle.failure.sentence("zh")
    assert pass_time(idle, clock, 3600, busy=True) == "failed"
    assert len(machine.commands) == 1
    idle.touch()
    assert idle.state == "watching"
    machine.status = 0
    assert pass_time(idle, clock, 600) == "fired"
    assert idle.failure is None


@pytest.mark.parametrize(
    ("error", "part"),
    [(FileNotFoundError(2, "No such file", "stop"), "No such file"), (subprocess.TimeoutExpired("stop", 60), "60 s")],
)
def test_a_command_that_cannot_run_is_a_failure(clock, error, part):
    def run(*_, **__):
        raise error

    idle = guard(clock, run)

    assert pass_time(idle, clock, 600) == "failed"
    assert part in str(idle.failure)


def test_a_real_command_runs_without_a_shell(clock, tmp_path):
    """Quotes hold words together; $ and ; mean nothing."""
    file = tmp_path / "stopped; echo $HOME"
    idle = IdleGuard(10, f"{sys.executable} -c 'import sys; open(sys.argv[1], \"w\")' '{file}'", clock=clock)

    assert pass_time(idle, clock, 600) == "fired"
    assert file.exists()


def test_a_real_command_that_fails_says_why(clock):
    idle = IdleGuard(10, f"{sys.executable} -c 'import sys; sys.exit(\"no key\")'", clock=clock)

    assert pass_time(idle, clock, 600) == "failed"
    assert "(no key)" in str(idle.failure)


@pytest.mark.parametrize("minutes", [0, -5, 1441, float("nan"), float("inf"), "10", True])
def test_wrong_minutes_are_refused(minutes):
    with pytest.raises(InputError, match="minutes"):
        IdleGuard(minutes, "stop")


def test_a_command_with_an_open_quote_is_refused():
    with pytest.raises(InputError, match="No closing quotation"):
        IdleGuard(10, "stop 'pod")
