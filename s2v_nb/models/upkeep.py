"""What the models take, whether they are still what was downloaded, and freeing what nobody needs.

Only what we brought is ever removed: a person's own folders and links, and other programs' models, stay.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from s2v_nb.errors import InputError
from s2v_nb.models.catalog import MODELS, Component, Model
from s2v_nb.models.hub import is_right
from s2v_nb.models.locks import is_busy
from s2v_nb.models.modelscope import NOTE
from s2v_nb.models.pins import pinned
from s2v_nb.models.store import (
    PARTIAL,
    component_folder,
    located,
    manifest_path,
    matching,
    own_is_whole,
    read_manifest,
    repository_folder,
    snapshot,
    verified_files,
)
from s2v_nb.session import clean_cache, hub_folder, models_folder, remade_sizes
from s2v_nb.storage import silent_seconds

logger = logging.getLogger(__name__)

DAY = 86_400.0
QUIET = 600.0  # seconds after which nobody is writing a partial file any more


# --- what is there


@dataclass(frozen=True)
class Status:
    """Of a model or a component: 'whole', 'partly' or 'missing'; bytes that are here and in all; when it was read.

    ``used`` is in seconds of the epoch, as the disk remembers it: many are mounted so that it is right to a day.
    """

    state: str
    here: int
    total: int
    used: float | None


def status_of(model: Model) -> Status:
    parts = [component_status(component) for component in model.components.values()]
    here = sum(part.here for part in parts)
    state = "whole" if located(model) else "partly" if here else "missing"
    used = max((part.used for part in parts if part.used is not None), default=None)
    return Status(state, here, sum(part.total for part in parts), used if state == "whole" else None)


def component_status(component: Component) -> Status:
    files = list(_files(component))
    sizes = [path.stat() for path in files]
    here = sum(size.st_size for size in sizes)
    if component_folder(component) is None:
        return Status("partly" if here else "missing", here, max(here, component.bytes), None)
    return Status("whole", here, here, max((size.st_atime for size in sizes), default=None))


def _files(component: Component) -> Iterable[Path]:
    """The component's files that are here."""
    own = models_folder() / component.key
    if own.is_dir():
        return (path for path in own.rglob("*") if path.is_file())
    if entries := verified_files(component):
        return [snapshot(component) / entry.path for entry in entries]
    if not pinned(component):
        return ()
    root = snapshot(component)
    names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return [root / name for name in matching(component, names)]


def partial_bytes() -> int:
    """Of downloads that were cut."""
    return sum(_size(path) for path in _partials())


# --- whether it is right


def verify(model: Model, tell: Callable[[str], None] = lambda name: None) -> dict[str, list[str]]:
    """Read every file again and compare; component to the names of its damaged files, for those that have any.

    Damaged files are removed, so that the next download brings them and no others. A person's own folder has no
    hashes to compare with: its weights must be as long as they say, and it is left as it is.

    Raises
    ------
    InputError
        If the model is not here.
    """
    if located(model) is None:
        raise InputError("models.missing", model=model.key)
    damaged = {c.key: _damaged(c, tell) for c in model.components.values()}
    return {key: names for key, names in damaged.items() if names}


def _damaged(component: Component, tell: Callable[[str], None]) -> list[str]:
    tell(component.key)
    own = models_folder() / component.key
    if own.is_dir():
        return [] if own_is_whole(own) else [str(own)]
    root = snapshot(component)
    entries = read_manifest(component)
    with ThreadPoolExecutor(4) as pool:
        right = list(pool.map(lambda entry: is_right(root / entry.path, entry), entries))
    wrong = [entry for entry, is_so in zip(entries, right, strict=True) if not is_so]
    if wrong:
        manifest_path(component).unlink(missing_ok=True)
        for entry in wrong:
            _remove_file(component, root / entry.path)
    return [entry.path for entry in wrong]


# --- removing a model


@dataclass(frozen=True)
class Removed:
    """``freed`` bytes; ``shared`` are components that other models here use, ``own`` a person's own folders."""

    freed: int
    shared: tuple[str, ...]
    own: tuple[str, ...]


def remove(model: Model) -> Removed:
    """Remove what we brought of a model, but for components that another model on this disk uses.

    Raises
    ------
    InputError
        If it is being downloaded right now.
    """
    others = [other for other in MODELS.values() if other.key != model.key and located(other)]
    needed = {component.key for other in others for component in other.components.values()}
    ours = [c for c in model.components.values() if not _is_own(c)]
    gone = [c for c in ours if c.key not in needed]
    if any(is_busy(component) for component in gone):
        raise InputError("models.being_downloaded", model=model.key)
    freed = sum(_remove_component(component) for component in gone)
    for folder in {repository_folder(component) for component in gone}:
        _remove_if_empty(folder)
    shared = tuple(c.key for c in ours if c.key in needed)
    return Removed(freed, shared, tuple(c.key for c in model.components.values() if _is_own(c)))


def _is_own(component: Component) -> bool:
    folder = models_folder() / component.key
    return folder.is_symlink() or (folder.is_dir() and not (folder / NOTE).is_file())


def _remove_component(component: Component) -> int:
    folder = models_folder() / component.key
    if folder.is_dir():
        return _remove_tree(folder)
    files = list(_files(component))
    manifest_path(component).unlink(missing_ok=True)  # first: half of it must never look whole
    return sum(_remove_file(component, path) for path in files)


def _remove_file(component: Component, path: Path) -> int:
    """A file of a snapshot, and its blob unless another snapshot has it; bytes freed."""
    blob = path.resolve()
    freed = _size(blob)
    path.unlink(missing_ok=True)
    if blob in _linked(repository_folder(component)):
        return 0
    blob.unlink(missing_ok=True)
    return freed


def _remove_if_empty(repository: Path) -> None:
    """A repository without files would be listed as a model of no bytes."""
    busy = any(is_busy(c) for c in _components() if repository_folder(c) == repository)
    files = [path for name in ("blobs", "snapshots") for path in (repository / name).rglob("*") if not path.is_dir()]
    if not files and not busy:
        shutil.rmtree(repository, ignore_errors=True)


def _linked(repository: Path) -> set[Path]:
    return {path.resolve() for path in (repository / "snapshots").rglob("*") if path.is_symlink()}


# --- cleaning up


@dataclass(frozen=True)
class Item:
    """What can be freed: ``kind`` is partial, revision, parts or cache."""

    kind: str
    name: str
    bytes: int
    remove: Callable[[], object]


def cleanable(runs: Path) -> list[Item]:
    """What `clean` would free: cut downloads, revisions that are not used any more, pictures of unfinished clips that
    nobody went on with for a day, and what we keep to be quicker. What is being written now is not among it."""
    items = [*_partial_items(), *_old_revisions(), *_old_parts(runs)]
    if cache := sum(remade_sizes().values()):
        items.append(Item("cache", "cache", cache, clean_cache))
    return items


def clean(items: Iterable[Item]) -> int:
    """Free them; bytes freed. What cannot be removed is left."""
    freed = 0
    for item in items:
        try:
            item.remove()
            freed += item.bytes
        except OSError as error:
            logger.warning("%s cannot be removed: %s", item.name, error)
    return freed


def _partial_items() -> list[Item]:
    return [Item("partial", path.name, _size(path), partial(_remove_tree, path)) for path in _partials()]


def _partials() -> list[Path]:
    """Partial files of ours that no process holds, and of others that nobody writes to."""
    found = [path for path in models_folder().glob("*.incomplete") if time.time() - _newest(path) > QUIET]
    busy = {repository_folder(c) for c in _components() if is_busy(c)}
    for path in hub_folder().glob("models--*/blobs/*.incomplete"):
        ours = path.name.endswith(PARTIAL)
        if path.parents[1] not in busy if ours else silent_seconds(path) > QUIET:
            found.append(path)
    return found


def _components() -> list[Component]:
    return list({c.key: c for model in MODELS.values() for c in model.components.values()}.values())


def _old_revisions() -> list[Item]:
    """Of the catalogue's repositories; huggingface_hub knows which files two revisions share."""
    used = {(c.repository, pinned(c)) for c in _components()}
    repositories = {c.repository for c in _components() if pinned(c)}
    if not any(repository_folder(c).is_dir() for c in _components()):
        return []
    from huggingface_hub import scan_cache_dir

    cache = scan_cache_dir(hub_folder())
    items = []
    for repo in cache.repos:
        if repo.repo_type != "model" or repo.repo_id not in repositories:
            continue
        for revision in repo.revisions:
            if (repo.repo_id, revision.commit_hash) not in used:
                plan = cache.delete_revisions(revision.commit_hash)
                name = f"{repo.repo_id}@{revision.commit_hash[:8]}"
                items.append(Item("revision", name, plan.expected_freed_size, plan.execute))
    return items


def _old_parts(runs: Path) -> list[Item]:
    """Of clips that are finished, or that nobody went on with for a day; only in folders that are a run's."""
    items = []
    for parts in sorted(runs.glob("*/parts")):
        run = parts.parent
        if not (run / "spec.json").is_file() or parts.is_symlink():
            continue
        if (run / "clip.mp4").exists() or time.time() - _newest(parts) > DAY:
            items.append(Item("parts", str(parts), _size(parts), partial(_remove_tree, parts)))
    return items


def _newest(folder: Path) -> float:
    newest = 0.0
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            newest = max(newest, path.stat().st_mtime)
    return newest


def _size(path: Path) -> int:
    total = 0
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        with suppress(OSError):
            total += file.lstat().st_size if file.is_file() else 0
    return total


def _remove_tree(path: Path) -> int:
    freed = _size(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return freed
