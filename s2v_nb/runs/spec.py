"""`Spec`: all that decides a clip, as JSON in the file's metadata and beside it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from s2v_nb.engines import Engine
from s2v_nb.errors import InputError
from s2v_nb.rhythm import Rhythm
from s2v_nb.settings import Settings
from s2v_nb.storage import parse_json

FORMAT = 1


@dataclass(frozen=True)
class Source:
    """A file a clip was made from: its name (never its path: clips are published) and its SHA-256."""

    name: str
    sha256: str

    def __post_init__(self) -> None:  # a file name need not be Unicode; JSON must be
        object.__setattr__(self, "name", self.name.encode("utf-8", "replace").decode())


@dataclass(frozen=True)
class Spec:
    """Equal specs give equal frames. ``rhythm`` is what was heard (or given), as `Rhythm.to_dict` writes it."""

    image: Source
    audio: Source
    settings: Settings
    engine: str
    engine_version: str
    num_frames: int
    rhythm: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {"s2v_nb": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, text: str, name: str) -> "Spec":
        """The spec in a clip's metadata or in ``spec.json``; ``name`` is that file's, for the error.

        Raises
        ------
        InputError
            If the text is no spec, or one of a later format.
        """
        try:
            values = parse_json(text)
        except ValueError:
            raise InputError("video.no_spec", name=name) from None
        if not isinstance(values, dict) or "s2v_nb" not in values:
            raise InputError("video.no_spec", name=name)
        if values["s2v_nb"] != FORMAT:
            raise InputError("video.bad_spec", name=name, why=f"format {values['s2v_nb']!r} instead of {FORMAT}")
        try:
            return cls._from_dict(values)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError("video.bad_spec", name=name, why=str(error)) from error

    @classmethod
    def _from_dict(cls, values: dict[str, Any]) -> "Spec":
        Rhythm.from_dict(values["rhythm"])  # raises where it is none
        return cls(
            image=Source(str(values["image"]["name"]), str(values["image"]["sha256"])),
            audio=Source(str(values["audio"]["name"]), str(values["audio"]["sha256"])),
            settings=Settings.from_dict(values["settings"]),
            engine=str(values["engine"]),
            engine_version=str(values["engine_version"]),
            num_frames=int(values["num_frames"]),
            rhythm=values["rhythm"],
        )


def run_name(image_sha256: str, audio_sha256: str, settings: Settings, engine: Engine, heard: Any) -> str:
    """The name of a run's folder: 12 hex digits over what it computes.

    ``heard`` is what decides the rhythm, as JSON can hold it: `ear` of the song, or the rhythm that was given.
    """
    what = [image_sha256, audio_sha256, asdict(settings), engine.name, engine.version, heard]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def find_spec(path: Path) -> Spec:
    """The spec of a clip: from the file's metadata, else from the file beside it."""
    from s2v_nb.media.video import MAX_COMMENT, probe_video

    comment = probe_video(path).comment
    beside = spec_path(path)
    if not comment and beside.is_file() and beside.stat().st_size <= MAX_COMMENT:
        comment = beside.read_text(encoding="utf-8", errors="replace")
    return Spec.from_json(comment, path.name)


def spec_path(clip: Path) -> Path:
    """Where the spec beside a clip is: ``spec.json`` in a run's folder, ``NAME.spec.json`` elsewhere."""
    return clip.with_name("spec.json") if clip.name == "clip.mp4" else clip.with_suffix(".spec.json")
