"""Runs folders with real clips, and front ends answered without a browser."""

import json
import os
import shutil
from pathlib import Path

from s2v_nb.jobs.history import Made, clips_in
from s2v_nb.plots.beside import draw_beside
from s2v_nb.runs import Clip
from s2v_nb.runs.poster import draw_poster


def measure(clip: Clip, song: Path) -> None:
    """Poster, plots and scores beside a clip, once."""
    if not (clip.path.parent / "alignment.json").exists():
        draw_poster(clip.path)
        draw_beside(clip.path, song, clip.path.parent)


def add_run(clip: Clip, runs: Path, name: str, *, when: float, only: tuple[str, ...] = (), **settings) -> Made:
    """A copy of a clip's run under ``name``, as if made at ``when`` (seconds since 1970) with other settings."""
    folder = runs / name
    shutil.copytree(clip.path.parent, folder)
    if only:
        for file in folder.iterdir():
            if file.name not in only:
                file.unlink()
    spec = json.loads((folder / "spec.json").read_text())
    spec["settings"].update(settings)
    (folder / "spec.json").write_text(json.dumps(spec))
    os.utime(folder / "clip.mp4", (when, when))
    return next(made for made in clips_in(runs) if made.name == name)


def outbox(front) -> list[tuple[dict, list[bytes]]]:
    """What the widget sends to its front end from now on: (content, buffers)."""
    sent: list[tuple[dict, list[bytes]]] = []
    front.send = lambda content, buffers=None: sent.append((content, buffers or []))
    return sent


def from_browser(front, **content) -> None:
    """A message as the front end sends it."""
    front._handle_custom_msg(content, [])
