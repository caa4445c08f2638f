"""What is on the disk, looked up without a network and without huggingface_hub.

    MODELS/KEY/                           a person's own folder or link for a component, looked at first
    HUB/models--OWNER--NAME/
        blobs/HASH                        a file that is there to its last byte
        blobs/HASH.s2v_nb.incomplete      one that is not; the next download goes on from its end
        snapshots/COMMIT/PATH             links to the blobs, as huggingface_hub lays them out
        s2v_nb/KEY.json                   written last, when all files of the component were checked

Only the last file makes a component of the cache complete: other programs' downloads may have been cut.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from s2v_nb.models.catalog import Component, Model
from s2v_nb.models.pins import pinned
from s2v_nb.session import hub_folder, models_folder
from s2v_nb.storage import read_json, write_json

PARTIAL = ".s2v_nb.incomplete"


@dataclass(frozen=True)
class Entry:
    """A file of a repository: ``size`` in bytes, ``sha256`` of its content or, of small files, git's ``blob`` hash."""

    path: str  # below the root of the repository
    size: int
    sha256: str = ""
    blob: str = ""

    @property
    def hash(self) -> str:
        """What the file is called in the cache, as in huggingface_hub."""
        return self.sha256 or self.blob


def located(model: Model) -> dict[str, Path] | None:
    """Role to the folder that holds the files of its component; None unless all of them are here and whole."""
    found = {role: component_folder(component) for role, component in model.components.items()}
    if any(folder is None for folder in found.values()):
        return None
    return {role: folder for role, folder in found.items() if folder is not None}


def component_folder(component: Component) -> Path | None:
    """The folder of a component's files; None unless they are here and whole."""
    own = models_folder() / component.key
    if own.is_dir():
        return own if own_is_whole(own) else None
    folder = snapshot(component) / component.folder if pinned(component) else None
    return folder if folder is not None and verified_files(component) else None


def repository_folder(component: Component) -> Path:
    """Of Hugging Face's cache."""
    return hub_folder() / f"models--{component.repository.replace('/', '--')}"


def snapshot(component: Component) -> Path:
    return repository_folder(component) / "snapshots" / pinned(component)


def partial_path(component: Component, entry: Entry) -> Path:
    return repository_folder(component) / "blobs" / (entry.hash + PARTIAL)


def matching(component: Component, paths: list[str]) -> list[str]:
    """Those of ``paths`` that belong to the component; a list from outside may hold names that lead elsewhere."""
    inside = [path for path in paths if not path.startswith("/") and ".." not in path.split("/")]
    return [path for path in inside if any(fnmatchcase(path, pattern) for pattern in component.files)]


# --- what we wrote after checking


def manifest_path(component: Component) -> Path:
    return repository_folder(component) / "s2v_nb" / f"{component.key}.json"


def write_manifest(component: Component, entries: list[Entry]) -> None:
    """Say that all ``entries`` were checked; the last step of a download."""
    path = manifest_path(component)
    path.parent.mkdir(parents=True, exist_ok=True)
    files = {entry.path: {"size": entry.size, "sha256": entry.sha256, "blob": entry.blob} for entry in entries}
    write_json(path, {"revision": pinned(component), "patterns": list(component.files), "files": files})


def read_manifest(component: Component) -> list[Entry]:
    """The files of the component at its revision, as they were checked; empty if they never were."""
    kept = read_json(manifest_path(component))
    if kept.get("revision") != pinned(component) or kept.get("patterns") != list(component.files):
        return []
    try:
        return [
            Entry(str(path), int(file["size"]), str(file["sha256"]), str(file["blob"]))
            for path, file in kept["files"].items()
        ]
    except (LookupError, TypeError, ValueError, AttributeError):
        return []


def verified_files(component: Component) -> list[Entry]:
    """The checked files of the component if each still has its size, else none."""
    root = snapshot(component)
    entries = read_manifest(component)
    return entries if all(_size(root / entry.path) == entry.size for entry in entries) else []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


# --- a person's own folder


def own_is_whole(folder: Path) -> bool:
    """Whether a folder has all that its kind needs: a tokenizer its vocabulary, a network every shard to its end."""
    if any((folder / name).is_file() for name in ("tokenizer.json", "spiece.model")):
        return True
    shards = _shards(folder)
    return bool(shards) and all(_ends_where_it_should(shard) for shard in shards)


def _shards(folder: Path) -> list[Path]:
    """The files that the index names, or the only file of weights; none where it is not clear."""
    indices = list(folder.glob("*.safetensors.index.json"))
    if indices:
        names = _named_by(read_json(indices[0])) if len(indices) == 1 else []
        return [folder / name for name in names]
    found = list(folder.glob("*.safetensors")) or list(folder.glob("*.gguf"))
    return found if len(found) == 1 else []


def _named_by(index: Mapping[str, Any]) -> list[str]:
    weight_map = index.get("weight_map")
    names = sorted(set(map(str, weight_map.values()))) if isinstance(weight_map, dict) else []
    return names if all(Path(name).name == name for name in names) else []


def _ends_where_it_should(path: Path) -> bool:
    try:
        status = path.stat()
        return _whole(path, status.st_size, status.st_mtime_ns)
    except OSError:
        return False


@lru_cache(maxsize=256)
def _whole(path: Path, size: int, modified: int) -> bool:
    """Whether the file is as long as its header says; of GGUF only the first bytes are looked at.

    https://github.com/huggingface/safetensors#format: 8 bytes of length, a JSON header, the data.
    """
    with path.open("rb") as file:
        start = file.read(8)
        if path.suffix == ".gguf":
            return start[:4] == b"GGUF"
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, 100_000_000):
            return False
        header = file.read(length)
    try:
        tensors = json.loads(header)
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        return bool(size == 8 + length + max(ends, default=0))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return False
