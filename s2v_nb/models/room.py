"""Whether the disk has room for a download, said before anything is fetched."""

from pathlib import Path

from s2v_nb.errors import InputError
from s2v_nb.models.transfer import size_text
from s2v_nb.session import disk


def check_room(what: str, needs: int, folder: Path) -> None:
    """Raise InputError unless ``needs`` more bytes fit on the disk of ``folder``."""
    if needs > disk(folder).free:
        raise no_room(what, needs, folder)


def no_room(what: str, needs: int, folder: Path) -> InputError:
    has = disk(folder).free
    sizes = {"needs": size_text(needs), "has": size_text(has), "short": size_text(max(0, needs - has))}
    return InputError("models.space", model=what, where=str(folder), **sizes)
