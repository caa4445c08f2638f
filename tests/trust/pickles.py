"""A file that tells when somebody unpickles it."""

import pickle
from pathlib import Path


class Trap:
    """Unpickled, it makes the file ``sprung``."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self):
        return Path.touch, (self.sprung,)


def plant(file: Path) -> Path:
    """Write a pickle by that name; the path that appears if it is ever unpickled."""
    sprung = file.with_name("sprung")
    file.write_bytes(pickle.dumps(Trap(sprung), protocol=2))  # the one that torch writes
    return sprung
