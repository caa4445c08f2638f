"""`RayRunner`: the cells of a sweep on every GPU, or core, that a Ray cluster has.

One actor a GPU keeps its model loaded and takes one cell after the other. Where an actor sees the sweep's folder it
works in it, as a process of this machine would; elsewhere it works on its own disk and sends the finished run back.
Which cells are missing is read from the folder each time, so that a killed driver is simply started again.
"""

import json
import logging
import os
import secrets
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from s2v_nb import __version__
from s2v_nb.errors import GenerationError, InputError, SentenceError
from s2v_nb.progress import Progress
from s2v_nb.session import take_cores
from s2v_nb.storage import replacing
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.claim import bury, claiming, here
from s2v_nb.sweeps.progress import SweepProgress
from s2v_nb.sweeps.runner import Crew, Outcome
from s2v_nb.sweeps.workshop import Workshop, sent

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
READY_SECONDS = 120.0  # for an actor's process to start and import what it needs
STARTS = 3  # of a cluster of our own: on a busy machine its parts give each other up too early
MOST_DEATHS = 3  # of actors before they were ready, in a row
SENT_LAST = ("clip.mp4", "cell.json")  # a folder that has these is finished, so they come last


class RayRunner:
    """Workers on a Ray cluster.

    Parameters
    ----------
    address : str, optional
        Of a cluster (``host:6379``, or ``auto`` for the one this machine belongs to), by default ``$RAY_ADDRESS``.
        Without one, the cluster this program is connected to, else a private one on this machine, which ends with the
        sweep.
    workers : int, optional
        By default as many as the cluster has room for: one a GPU if an engine uses one, else one for each
        ``cpus_per_worker`` cores.
    cpus_per_worker, gpus_per_worker : float, optional
        What each worker is given, by default 1 core, and 1 GPU for an engine that uses one. A worker keeps to cores
        of its own, with its encoder, as far as the machine has so many.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        cpus_per_worker: float = 1,
        gpus_per_worker: float | None = None,
    ) -> None:
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise InputError("settings.range", name="workers", value=workers, low=1, high=1000, unit="")
        if not cpus_per_worker > 0:
            raise InputError(
                "settings.range", name="cpus_per_worker", value=cpus_per_worker, low=0.1, high=1000, unit=""
            )
        self.address, self.workers = address or os.environ.get("RAY_ADDRESS"), workers
        _ray(self.address)
        self.cpus_per_worker, self.gpus_per_worker = cpus_per_worker, gpus_per_worker

    def open(self, workshop: Workshop, progress: SweepProgress) -> AbstractContextManager[Crew]:
        return _RayCrew(self, workshop, progress)


# A cluster of our own listens on this machine only (the name is Ray's: elsewhere it is for laptops), behind a token of
# its own, and does not report to Ray's makers. Ray reads these when it is imported.
_PRIVATE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns of a change to come
}


def _ray(address: str | None = None) -> Any:
    """The ray package, prepared for a private cluster if there is no ``address`` and nobody has imported it before.

    Raises
    ------
    InputError
        If it is not installed.
    """
    with nullcontext() if address or "ray" in sys.modules else _private():
        try:
            import ray
        except ImportError:
            raise InputError("sweep.no_ray") from None
    return ray


@contextmanager
def _private() -> Iterator[None]:
    """With the variables of a cluster of our own, as far as the person has not set them."""
    ours = {name: value for name, value in _PRIVATE.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


class Worker:
    """What runs on the cluster, one process each; it is made an actor by `_RayCrew`."""

    def __init__(self, cpus: float) -> None:
        take_cores(max(1, round(cpus)))
        self._workshop: Workshop | None = None
        self._shared = True

    def ready(self, probe: str, pictures: list[str]) -> dict[str, Any]:
        """Who this is, and whether it sees the driver's folder and pictures."""
        return {
            "where": here(), "process": os.getpid(), "version": __version__, "shared": Path(probe).exists(),
            "sees": all(Path(picture).exists() for picture in pictures),
        }  # fmt: skip

    def equip(self, workshop: Workshop, shared: bool) -> None:
        self._workshop, self._shared = workshop, shared

    def make(self, cell: Cell) -> tuple[bool, SentenceError | None, dict[str, bytes]]:
        """(made, error, files to send back); nothing is raised, since Ray would wrap it."""
        assert self._workshop is not None
        try:
            if self._shared:
                return self._workshop.make(cell, Progress()), None, {}
            return True, None, self._made_here(cell)
        except SentenceError as error:
            return False, error, {}

    def _made_here(self, cell: Cell) -> dict[str, bytes]:
        assert self._workshop is not None
        place = Path(tempfile.mkdtemp(prefix="s2v_nb-"))
        try:
            own = replace(cell, folder=place / cell.name)
            self._workshop.make(own, Progress())
            return {path.name: path.read_bytes() for path in own.folder.iterdir() if path.is_file()}
        finally:
            shutil.rmtree(place, ignore_errors=True)


@dataclass(eq=False)
class _Hand:
    """An actor as the driver knows it."""

    actor: Any
    where: str = ""
    process: int = 0
    shared: bool = True
    cell: Cell | None = None
    claim: ExitStack | None = None  # held here for a worker that does not see the folder
    asked: float = 0.0


class _RayCrew(AbstractContextManager):
    """The actors of one sweep. One that dies is replaced; what it was at counts as failed once."""

    ahead = 0

    def __init__(self, runner: RayRunner, workshop: Workshop, progress: SweepProgress) -> None:
        self._ray = _ray(runner.address)
        self._runner, self._workshop, self._progress = runner, workshop, progress
        self._coming: dict[Any, _Hand] = {}  # asked whether they are ready
        self._busy: dict[Any, _Hand] = {}
        self._free: list[_Hand] = []
        self._deaths = 0
        self._outcomes: list[Outcome] = []
        self._own_cluster = False

    def __enter__(self) -> "_RayCrew":
        self._stack = ExitStack()
        if not self._runner.address:
            self._stack.enter_context(_private())  # its workers read them, too
        self._own_cluster = _connect(self._ray, self._runner.address)
        try:
            self._probe = self._workshop.runs / f".seen-{uuid.uuid4().hex}"
            self._probe.parent.mkdir(parents=True, exist_ok=True)
            self._probe.touch()
            self._put: dict[bool, Any] = {}
            self._options, self._wanted = self._plan()
            for _ in range(self._wanted):
                self._hire()
            while not self._free:  # the first is enough to begin
                self._progress.check()
                self._welcome(POLL_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        hands = [*self._free, *self._coming.values(), *self._busy.values()]
        for hand in hands:
            with suppress(Exception):  # it may be gone already
                self._ray.kill(hand.actor)
        for hand in hands:
            self._let_go(hand)
        with suppress(OSError):
            self._probe.unlink(missing_ok=True)
        if self._own_cluster:
            self._ray.shutdown()
        self._stack.close()

    @property
    def workers(self) -> int:
        return len(self._free) + len(self._busy)

    def give(self, cell: Cell) -> None:
        hand = self._free.pop(0)
        if not hand.shared:
            hand.claim = ExitStack()
            if hand.claim.enter_context(claiming(cell.folder)) is None:
                self._let_go(hand)
                self._free.append(hand)
                self._outcomes.append(Outcome(cell, made=False))
                return
        hand.cell, hand.asked = cell, time.monotonic()
        self._busy[hand.actor.make.remote(cell)] = hand

    def wait(self) -> list[Outcome]:
        self._welcome(0.0)
        outcomes, self._outcomes = self._outcomes, []
        if not self._busy:
            if not self._free:
                self._welcome(POLL_SECONDS)
            return outcomes
        done, _ = self._ray.wait(list(self._busy), timeout=0.0 if outcomes else POLL_SECONDS)
        return outcomes + [self._ended(ref) for ref in done]

    # --- inside

    def _plan(self) -> tuple[dict[str, Any], int]:
        """What each actor asks of the cluster, and how many there are to be."""
        there = self._ray.cluster_resources()
        gpus = self._runner.gpus_per_worker
        if gpus is None:
            gpus = 1 if self._workshop.uses_gpu and there.get("GPU", 0) else 0
        cpus = self._runner.cpus_per_worker
        room = there.get("GPU", 0) / gpus if gpus else there.get("CPU", 1) / cpus
        wanted = self._runner.workers or max(1, int(room))
        if wanted > max(1, int(room)):
            needs = f"{gpus:g} GPU" if gpus else f"{cpus:g} CPU"
            raise InputError("sweep.ray_workers", wanted=wanted, needs=needs, has=int(room))
        return {"num_cpus": cpus, "num_gpus": gpus, "max_restarts": 0, "scheduling_strategy": "SPREAD"}, wanted

    def _hire(self) -> None:
        actor = self._ray.remote(Worker).options(**self._options).remote(self._runner.cpus_per_worker)
        hand = _Hand(actor, asked=time.monotonic())
        pictures = [str(image) for image in self._workshop.images if isinstance(image, Path)]
        self._coming[actor.ready.remote(str(self._probe), pictures)] = hand

    def _welcome(self, seconds: float) -> None:
        """Take in the actors that got ready."""
        if not self._coming:
            return
        done, _ = self._ray.wait(list(self._coming), timeout=seconds)
        for ref in done:
            hand = self._coming.pop(ref)
            try:
                known = self._ray.get(ref)
                if known["version"] != __version__:
                    raise InputError("sweep.ray_version", there=known["version"], here=__version__)
                hand.where, hand.process, hand.shared = known["where"], known["process"], known["shared"]
                self._ray.get(hand.actor.equip.remote(self._equipment(known["sees"]), hand.shared))
            except self._ray.exceptions.RayError as error:
                self._bear_death(error)
                self._hire()
                continue
            self._deaths = 0
            self._free.append(hand)
        waited = time.monotonic() - min((hand.asked for hand in self._coming.values()), default=time.monotonic())
        if not self._free and not self._busy and waited > READY_SECONDS:
            raise GenerationError("sweep.ray_silent", seconds=READY_SECONDS)

    def _equipment(self, sees: bool) -> Any:
        """The workshop in Ray's store, put there once; for who does not see our pictures, with their bytes."""
        if sees not in self._put:
            workshop = self._workshop
            if not sees:
                workshop = replace(workshop, images=tuple(sent(image) for image in workshop.images))
            self._put[sees] = self._ray.put(workshop)
        return self._put[sees]

    def _ended(self, ref: Any) -> Outcome:
        hand = self._busy.pop(ref)
        cell, hand.cell = hand.cell, None
        assert cell is not None
        try:
            made, error, files = self._ray.get(ref)
            if not hand.shared:
                error = _written(cell, files, error, time.monotonic() - hand.asked)
        except self._ray.exceptions.RayError as died:
            return self._buried(hand, cell, died)
        self._let_go(hand)
        self._free.append(hand)
        return Outcome(cell, made and error is None, error)

    def _buried(self, hand: _Hand, cell: Cell, died: Exception) -> Outcome:
        """A worker died: what it was at may be tried elsewhere, and another is hired."""
        seconds = bury(cell.folder, hand.where, hand.process)
        self._let_go(hand)
        error = GenerationError("sweep.worker_died", why=_why(died))
        error.__cause__ = died
        if not cell.is_done:
            cell.attempts.worked(seconds).failed(error, str(died))
        self._hire()
        return Outcome(cell, made=False, error=error)

    def _bear_death(self, error: Exception) -> None:
        self._deaths += 1
        if self._deaths >= MOST_DEATHS:
            raise GenerationError("sweep.ray_broken", count=self._deaths, why=_why(error)) from error

    def _let_go(self, hand: _Hand) -> None:
        if hand.claim is not None:
            hand.claim.close()
            hand.claim = None


def _connect(ray: Any, address: str | None) -> bool:
    """Connect to a cluster; True if nobody was connected before, so that we disconnect."""
    if ray.is_initialized():
        return False
    place: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    for left in reversed(range(STARTS)):
        try:
            ray.init(**place, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False)
            break
        except Exception as error:  # of many kinds, even a bare Exception
            ray.shutdown()  # what did start
            if not left or address:
                raise InputError("sweep.ray_address", address=address or "127.0.0.1", why=_why(error)) from error
            logger.warning("Ray did not start and is started again: %s", error)
    return True


def _written(cell: Cell, files: dict[str, bytes], error: SentenceError | None, took: float) -> SentenceError | None:
    """Write down here what became of a cell elsewhere; the error, if there is one now."""
    try:
        attempts = cell.attempts.begun(0.0)
        if error is not None:
            attempts.worked(took).failed(error)
            return error
        if attempts.seconds and "cell.json" in files:  # what earlier attempts took belongs to it
            result = json.loads(files["cell.json"])
            result["seconds"] = round((result["seconds"] or 0.0) + attempts.seconds, 3)
            files["cell.json"] = json.dumps(result).encode()
        _write_run(cell.folder, files)
    except OSError as problem:
        return GenerationError("failed.disk", name=str(cell.folder), why=problem.strerror or str(problem))
    return None


def _write_run(folder: Path, files: dict[str, bytes]) -> None:
    """What a worker sent, as if it had worked here; what marks it as finished comes last."""
    for name in sorted(files, key=lambda name: SENT_LAST.index(name) if name in SENT_LAST else -1):
        if Path(name).name == name and name not in ("claim.json", "attempts.json"):  # a name that leads nowhere else
            with replacing(folder / name) as scratch:
                scratch.write_bytes(files[name])


def _why(error: Exception) -> str:
    """The first line of an error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:120]
