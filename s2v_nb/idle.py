"""Stops a rented machine that nobody uses: a plain object that somebody asks about once a second.

It is off unless minutes and a command are given. It starts no thread and knows no widget.
"""

import shlex
import subprocess
import time
from collections.abc import Callable
from typing import Any

from s2v_nb.errors import GenerationError, InputError

LEAST_MINUTES, MOST_MINUTES = 1, 24 * 60
COMMAND_SECONDS = 60


class IdleGuard:
    """Runs a command after some time without work and without a touch, and warns before.

    Parameters
    ----------
    minutes : float or None
        Idle time after which the command runs, 1 to 1440; None is off.
    command : str
        What stops the machine, as typed in a terminal but run without a shell (no ``$NAME``, no ``;``); '' is off.
    warn_seconds : float
        Length of the warning; it is always shown whole before the command runs.
    clock, run
        Stand-ins for ``time.monotonic`` and ``subprocess.run``.

    Attributes
    ----------
    state : str
        'off', 'watching', 'warning' (it fires in `remaining` seconds unless `cancel` is called), 'fired' or 'failed'.
    failure : GenerationError or None
        Why the command failed, as a sentence. A failed guard watches again once somebody touches it.

    Raises
    ------
    InputError
        If the minutes are out of bounds or the command cannot be split into words.
    """

    def __init__(
        self,
        minutes: float | None = None,
        command: str = "",
        warn_seconds: float = 60,
        clock: Callable[[], float] = time.monotonic,
        run: Callable[..., Any] = subprocess.run,
    ) -> None:
        self.command, self._words = command, _words(command)
        self._wait = _seconds(minutes)
        self._warning = min(warn_seconds, self._wait / 2)
        self._clock, self._run = clock, run
        self.failure: GenerationError | None = None
        self.state = "watching" if self._wait and self._words else "off"
        self._asked = self._fires = clock()
        self._restart()

    @property
    def remaining(self) -> float | None:
        """Seconds until the command runs; None if it will not."""
        return max(0.0, self._fires - self._clock()) if self.state in ("watching", "warning") else None

    def touch(self) -> None:
        """Somebody is here: the wait begins anew."""
        if self.state in ("watching", "warning", "failed"):
            self._restart()

    def cancel(self) -> None:
        """Stay on: ends a warning, and the wait begins anew."""
        if self.state == "warning":
            self._restart()

    def tick(self, busy: bool) -> str:
        """Look at the clock, about once a second; the state. ``busy``: work is running, which counts as a touch."""
        now = self._clock()
        # whoever could not ask for so long was kept from it by work, a cell that blocked the kernel
        blocked, self._asked = now - self._asked > max(10.0, self._warning), now
        if self.state not in ("watching", "warning"):
            return self.state
        if busy or blocked:
            self._restart()
        elif now >= self._fires and self.state == "warning":
            self._fire()
        elif now >= self._fires - self._warning and self.state == "watching":
            self.state, self._fires = "warning", now + self._warning
        return self.state

    def _restart(self) -> None:
        self._fires = self._clock() + self._wait
        if self.state != "off":
            self.state = "watching"

    def _fire(self) -> None:
        self.state, self.failure = "fired", None
        if why := self._failure_of_command():
            self.state = "failed"
            self.failure = GenerationError("idle.failed", command=self.command, why=why[0], why_zh=why[1])

    def _failure_of_command(self) -> tuple[str, str] | None:
        """What went wrong, in English and Chinese; None if nothing did."""
        try:
            done = self._run(
                self._words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_SECONDS
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {COMMAND_SECONDS} s", f"{COMMAND_SECONDS} 秒内没有响应"
        except (OSError, ValueError) as error:  # not there, not executable, not text
            return str(error), str(error)
        if done.returncode == 0:
            return None
        said = (done.stderr or done.stdout or "").strip().splitlines()
        return (said[-1], said[-1]) if said else (f"exit status {done.returncode}", f"退出状态 {done.returncode}")


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise InputError("idle.command", command=command, why=str(error)) from error


def _seconds(minutes: float | None) -> float:
    """0 for off."""
    if minutes is None:
        return 0.0
    if isinstance(minutes, bool) or not isinstance(minutes, int | float):
        raise InputError(
            "settings.number", name="minutes", value=minutes, low=LEAST_MINUTES, high=MOST_MINUTES, unit=""
        )
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise InputError("settings.range", name="minutes", value=minutes, low=LEAST_MINUTES, high=MOST_MINUTES, unit="")
    return minutes * 60.0
