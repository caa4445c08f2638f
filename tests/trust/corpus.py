"""Hostile files, made anew by a script and never committed: `python -m tests.trust.corpus FOLDER` writes them all.

Each is a `Case`: how to make it, and what the toolkit must say to it. Nothing here is random but for fixed seeds.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class World:
    """What the traps point to: a song nobody may open, and a port where somebody listens."""

    canary: Path
    port: int


@dataclass(frozen=True)
class Case:
    """One hostile file.

    ``expect`` maps a door of `tests.trust.doors` to 'good' or to the key of the sentence it must give; ``file`` is its
    name, or a whole path where the file is not of our making.
    """

    name: str
    group: str
    file: str
    make: Callable[[Path, World], None]
    expect: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path, world: World) -> Path:
        """Make it in a folder of its own; its path, relative to that folder."""
        own = folder / self.name
        own.mkdir(parents=True)
        self.make(own / self.file, world)
        return Path(self.file)


def content(data: bytes) -> Callable[[Path, World], None]:
    """A maker of a file with these bytes."""
    return lambda path, world: path.write_bytes(data) and None  # type: ignore[func-returns-value]


@cache
def all_cases() -> list[Case]:
    from tests.trust import corpus_audio, corpus_images, corpus_paths, corpus_playlists

    cases = [
        case for module in (corpus_images, corpus_audio, corpus_playlists, corpus_paths) for case in module.cases()
    ]
    assert len({case.name for case in cases}) == len(cases)
    return cases


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    canary = folder / "canary" / "secret.wav"
    canary.parent.mkdir(parents=True)
    canary.write_bytes(b"nobody reads this")
    for case in all_cases():
        case.write(folder, World(canary, 9))
        print(f"{case.group}: {case.name}")


if __name__ == "__main__":
    main()
