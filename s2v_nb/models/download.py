"""Bringing a model to the disk: once, and only ever a whole one.

    from s2v_nb.models.catalog import get_model
    from s2v_nb.models.download import fetch

    folders = fetch(get_model("wan-ti2v-5b-fast"))     # {"transformer": Path(...), "vae": ...}

Each component is downloaded under a lock of its own, so that of several processes one downloads and the others wait.
The files are checked against the hashes that the hub names before they get their name in the cache, and what we write
last says that all are there (`s2v_nb.models.store`). A killed download goes on where it ended.
"""

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path

from s2v_nb.errors import InputError, say
from s2v_nb.models import hub
from s2v_nb.models.catalog import Component, Model
from s2v_nb.models.hub import DownloadFailed, bring, entries_of, is_offline, is_right
from s2v_nb.models.locks import LOOK, alone
from s2v_nb.models.modelscope import bring_from_modelscope, have_modelscope
from s2v_nb.models.room import check_room, no_room
from s2v_nb.models.store import (
    Entry,
    component_folder,
    located,
    own_is_whole,
    partial_path,
    repository_folder,
    snapshot,
    write_manifest,
)
from s2v_nb.models.transfer import BarView, Meter, TransferView, size_text
from s2v_nb.progress import in_notebook
from s2v_nb.session import hub_folder, models_folder
from s2v_nb.storage import make_folder, sync

__all__ = ["DownloadFailed", "fetch", "introduction", "located"]
logger = logging.getLogger(__name__)

AT_ONCE = 4  # files of a component
SOURCES = ("auto", "hub", "modelscope")


def fetch(
    model: Model, *, progress: TransferView | None = None, accept_licence: bool = False, source: str = "auto"
) -> dict[str, Path]:
    """Bring what is missing of a model to the disk; nothing is done, and no network used, if nothing is.

    Parameters
    ----------
    progress
        Told of every step; may raise to stop the download, for instance `Cancelled`. None: a bar in a notebook,
        nothing elsewhere.
    accept_licence
        The yes that licences other than Apache-2.0 and MIT need.
    source
        'hub': Hugging Face or the mirror in HF_ENDPOINT; 'modelscope'; 'auto': the hub, and where that cannot be
        reached ModelScope, if its client is installed.

    Returns
    -------
    dict of str to Path
        As `located`: role to the folder that holds the component's files.

    Raises
    ------
    InputError
        If the licence needs a yes, the disk has no room or cannot be written, or HF_HUB_OFFLINE is set.
    DownloadFailed
        If the files cannot be had; what came so far is kept and the next call goes on from there.
    """
    if source not in SOURCES:
        raise InputError("settings.choice", name="source", value=source, allowed=", ".join(SOURCES))
    hub.settle()
    if (found := located(model)) is not None:
        return found
    missing = missing_components(model)
    _check_own_folders(missing)
    _check_licences(model, missing, accept_licence)
    if is_offline():
        raise InputError("models.offline", model=model.key, folder=str(models_folder()))
    with _shown(model, progress) as view, _disk_errors():
        _fetch_from(source, model, missing, view)
    found = located(model)
    if found is None:  # somebody removed it this very moment
        raise DownloadFailed("models.vanished", model=model.key)
    return found


def introduction(model: Model) -> list[str]:
    """What a download would bring, and under which licences, one line for each component that is missing."""
    return [
        say(
            "models.component",
            key=component.key,
            repository=component.repository,
            size=size_text(component.bytes),
            licence=component.licence,
        )
        for component in missing_components(model)
    ]


def missing_components(model: Model) -> list[Component]:
    return [component for component in model.components.values() if component_folder(component) is None]


def _check_own_folders(missing: list[Component]) -> None:
    """A person's own folder is hers to mend: nothing is put into it, and nothing beside it."""
    for component in missing:
        own = models_folder() / component.key
        if own.is_dir():
            raise InputError("models.own_broken", folder=str(own))


def _check_licences(model: Model, missing: list[Component], accepted: bool) -> None:
    for component in missing:
        if not component.free and not accepted:
            page = f"{hub.PUBLIC}/{component.repository}"
            raise InputError("models.licence", model=model.key, licence=component.licence, page=page)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """What the disk refuses, as a sentence."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError("models.cannot_write", folder=str(error.filename or hub_folder()), why=why) from error


@contextmanager
def _shown(model: Model, progress: TransferView | None) -> Iterator[TransferView | None]:
    """The view to use: in a notebook a bar, below the licences, unless the caller has a view."""
    if progress is not None or not in_notebook():
        yield progress
        return
    print("\n".join(introduction(model)))
    view = BarView()
    try:
        yield view
    finally:
        view.close()


def _fetch_from(source: str, model: Model, missing: list[Component], view: TransferView | None) -> None:
    if source != "modelscope":
        try:
            _fetch_from_hub(model, missing, view)
            return
        except DownloadFailed as error:
            if source == "hub" or error.key != "models.unreachable" or not have_modelscope():
                raise
            logger.warning("%s Trying ModelScope.", error)
    for component in missing_components(model):
        bring_from_modelscope(component)


def _fetch_from_hub(model: Model, missing: list[Component], view: TransferView | None) -> None:
    wanted = {component: entries_of(component) for component in missing}
    meter = Meter(model.key, sum(e.size for entries in wanted.values() for e in entries), view)

    def look(*, waiting: bool = False) -> None:
        meter.tell(sum(_here(c, e) for c, entries in wanted.items() for e in entries), waiting=waiting)

    _check_space(model, wanted)
    look()
    for component, entries in wanted.items():
        with alone(component, lambda: look(waiting=True)):
            if component_folder(component) is None:  # else another process was quicker
                _fetch_component(component, entries, look)
    look()


def _here(component: Component, entry: Entry) -> int:
    """Bytes of a file that are on the disk."""
    for path in (snapshot(component) / entry.path, _blob(component, entry), partial_path(component, entry)):
        with suppress(OSError):
            return min(entry.size, path.stat().st_size)
    return 0


def _blob(component: Component, entry: Entry) -> Path:
    return repository_folder(component) / "blobs" / entry.hash


def _check_space(model: Model, wanted: dict[Component, list[Entry]]) -> None:
    needs = sum(entry.size - _here(component, entry) for component, es in wanted.items() for entry in es)
    check_room(model.key, needs, hub_folder())


def _fetch_component(component: Component, entries: list[Entry], look: Callable[..., None]) -> None:
    make_folder(repository_folder(component) / "blobs")
    stop = threading.Event()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(_fetch_file, component, entry, stop) for entry in entries]
        try:
            _watch(jobs, look)
        except BaseException:
            stop.set()
            for job in jobs:
                job.cancel()
            raise
    if not own_is_whole(snapshot(component) / component.folder):  # the list lacked what the index names
        raise DownloadFailed("models.no_files", repository=component.repository, files=", ".join(component.files))
    write_manifest(component, entries)


def _watch(jobs: Iterable[Future[None]], look: Callable[..., None]) -> None:
    """Wait for all, looking now and then; the first error ends it."""
    waiting = set(jobs)
    while waiting:
        done, waiting = wait(waiting, timeout=LOOK, return_when=FIRST_EXCEPTION)
        for job in done:
            job.result()
        look()


def _fetch_file(component: Component, entry: Entry, stop: threading.Event) -> None:
    """One file into the cache, checked. A damaged one is thrown away and fetched once more."""
    blob, partial = _blob(component, entry), partial_path(component, entry)
    pointer = snapshot(component) / entry.path
    if _was_here(blob, pointer, entry):
        return
    for attempt in (1, 2):
        try:
            bring(component, entry, partial, stop)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_room(component.key, entry.size - _here(component, entry), hub_folder()) from error
            raise
        if is_right(partial, entry):
            sync(partial)
            partial.replace(blob)
            _link(blob, pointer)
            return
        partial.unlink()
        logger.warning("%s of %s came damaged, attempt %d", entry.path, component.repository, attempt)
    raise DownloadFailed("models.damaged", file=entry.path, host=hub.host())


def _was_here(blob: Path, pointer: Path, entry: Entry) -> bool:
    """Whether another program has brought the file already; what is broken is removed."""
    for path in (pointer, blob):
        if path.exists() and is_right(path, entry):
            if path is blob:
                _link(blob, pointer)
            return True
        path.unlink(missing_ok=True)
    return False


def _link(blob: Path, pointer: Path) -> None:
    """The file's place in the snapshot, as huggingface_hub makes it; moved there where the disk knows no links."""
    make_folder(pointer.parent)
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:
        blob.replace(pointer)
