"""ModelScope as a second source of the same files, where its client is installed (``pip install modelscope``).

Its commits are not those of the Hugging Face hub, so that what comes from it is not pinned. The client compares sizes
and hashes with those that ModelScope names; we compare the sizes again, and look whether every file of weights is as
long as its header says. A component gets its place, ``MODELS/KEY/``, in one move.
"""

import importlib.util
import logging
import shutil
from collections.abc import Callable
from typing import Any

from s2v_nb.errors import InputError
from s2v_nb.models.catalog import Component
from s2v_nb.models.hub import DownloadFailed
from s2v_nb.models.room import check_room
from s2v_nb.models.store import matching, own_is_whole
from s2v_nb.session import models_folder
from s2v_nb.storage import make_folder, write_json

logger = logging.getLogger(__name__)

NOTE = "s2v_nb.source.json"  # beside the files: we brought them, and may remove them


def have_modelscope() -> bool:
    return importlib.util.find_spec("modelscope") is not None


def bring_from_modelscope(component: Component) -> None:
    """Download a component to ``MODELS/KEY/``.

    Raises
    ------
    InputError
        If the client is not installed, or the disk has no room.
    DownloadFailed
        If ModelScope does not have the files, or they came broken.
    """
    if not have_modelscope():
        raise InputError("models.no_modelscope")
    scratch = models_folder() / f"{component.key}.incomplete"  # kept: the client goes on from what is there
    make_folder(scratch)
    here = sum(path.stat().st_size for path in scratch.rglob("*") if path.is_file())
    check_room(component.key, component.bytes - here, scratch)
    sizes = _asked(component, lambda: _download(component, str(scratch)))
    broken = [path for path, size in sizes.items() if not _has_size(scratch / path, size)]
    if broken or not sizes or not own_is_whole(scratch / component.folder):
        raise DownloadFailed("models.damaged", file=(broken or [component.repository])[0], host="modelscope.cn")
    write_json(scratch / component.folder / NOTE, {"source": "modelscope.cn", "repository": component.repository})
    (scratch / component.folder).replace(models_folder() / component.key)
    shutil.rmtree(scratch, ignore_errors=True)


def _download(component: Component, folder: str) -> dict[str, int]:
    """The files of the component, and the sizes that ModelScope names."""
    from modelscope import HubApi, snapshot_download  # type: ignore[import-not-found,unused-ignore]

    listed = {str(f["Path"]): int(f["Size"]) for f in HubApi().get_model_files(component.repository, recursive=True)}
    wanted = matching(component, list(listed))
    snapshot_download(component.repository, local_dir=folder, allow_patterns=wanted)
    return {path: listed[path] for path in wanted}


def _asked(component: Component, action: Callable[[], dict[str, int]]) -> dict[str, int]:
    try:
        return action()
    except Exception as error:  # its client raises all kinds of things
        logger.warning("ModelScope did not give %s", component.repository, exc_info=error)
        raise DownloadFailed("models.unreachable", host="modelscope.cn", why=str(error)) from error


def _has_size(path: Any, size: int) -> bool:
    try:
        return bool(path.stat().st_size == size)
    except OSError:
        return False
