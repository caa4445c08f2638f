"""Which commit of a repository is used: the catalogue's, else the one that was found at the first download.

models.lock.json    {"QuantStack/Wan2.2-S2V-14B-GGUF": "5f0c..."}, in the folder of our models
"""

import re
from pathlib import Path

from s2v_nb.models.catalog import Component
from s2v_nb.session import models_folder
from s2v_nb.storage import read_json, write_json

COMMIT = re.compile(r"[0-9a-f]{40}")


def lock_file() -> Path:
    return models_folder() / "models.lock.json"


def pinned(component: Component) -> str:
    """The commit to use; '' where the catalogue names none and nothing of the repository was downloaded yet."""
    if component.revision:
        return component.revision
    commit = read_json(lock_file()).get(component.repository)
    return commit if isinstance(commit, str) and COMMIT.fullmatch(commit) else ""


def pin(component: Component, commit: str) -> None:
    """Keep to ``commit`` from now on, also without a network."""
    if not COMMIT.fullmatch(commit):
        raise ValueError(f"commit={commit!r} is not 40 hexadecimal digits")
    lock_file().parent.mkdir(parents=True, exist_ok=True)
    write_json(lock_file(), read_json(lock_file()) | {component.repository: commit})
