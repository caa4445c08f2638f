"""Everything that was made, in one zip: clips, their specs, scores and plots."""

import time
import zipfile
from pathlib import Path

from s2v_nb.errors import InputError
from s2v_nb.jobs.history import BESIDE, clips_in
from s2v_nb.runs.spec import spec_path
from s2v_nb.storage import replacing


def save_everything(runs: Path, folder: Path) -> tuple[Path, int]:
    """Write ``s2v_nb-DATE.zip`` into ``folder``: a folder for each finished clip of ``runs``; its path and their count.

    Stored without compression: films do not shrink, and the disk is the only limit.

    Raises
    ------
    InputError
        If there is no clip yet.
    OSError
        If the disk does not take it; no half zip stays.
    """
    made = clips_in(runs, most=None)
    if not made:
        raise InputError("session.nothing")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime("s2v_nb-%Y%m%d-%H%M%S.zip")
    with (
        replacing(path) as scratch,
        zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive,
    ):
        for one in made:
            for file in (spec_path(one.path), *(one.path.parent / name for name in BESIDE)):
                if file.is_file():
                    archive.write(file, f"{one.name}/{file.name}")
    return path, len(made)
