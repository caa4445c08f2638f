"""`Series`: many pictures or songs in one style, as clips that belong together."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import PIL.Image

from s2v_nb.errors import InputError
from s2v_nb.media import load_audio, load_image
from s2v_nb.media.files import check_file, sha256_of
from s2v_nb.media.framing import WORST_CROP, kept_by_crop
from s2v_nb.media.image import MAX_FILE_BYTES
from s2v_nb.media.tone import match_tone
from s2v_nb.rhythm import best_excerpts
from s2v_nb.runs.material import HEARD_SECONDS, AudioLike, ImageLike
from s2v_nb.runs.sources import audio_file, image_file
from s2v_nb.settings import Settings
from s2v_nb.storage import read_json, replacing
from s2v_nb.sweeps.batch import Batch, Wanted, found, ways_to

MOST_CLIPS = 200


class Series(Batch):
    """Clips of many pictures or songs with the same settings: one size, one crop rule, one set of directions.

    Parameters
    ----------
    images, audios : lists of paths, or of what `load_image` and `load_audio` return
        As many of the one as of the other, or one that goes with all.
    settings : Settings, optional
    tone : path or picture, optional
        The picture whose colours all others are matched to; the matched ones are kept in ``pictures``.
    different_parts : bool
        Give each clip of one song a part of its own, the best first, instead of the same best part.
    out, runs, price_per_hour
        As in `Sweep`. The finished clips are also numbered in ``out``: ``01-cover.mp4``, ``02-...``.

    Raises
    ------
    InputError
        If the numbers do not fit together, or a file or a setting cannot be used.
    """

    kind = "series"

    def __init__(
        self,
        images: Sequence[ImageLike],
        audios: Sequence[AudioLike],
        settings: Settings | None = None,
        *,
        tone: ImageLike | None = None,
        different_parts: bool = False,
        out: str | Path = "series",
        runs: str | Path | None = None,
        price_per_hour: float = 0.0,
    ) -> None:
        folder = Path(out).resolve()
        pairs = _pairs(len(images), len(audios))
        self._originals = [image_file(image, folder / "sources") for image in images]
        songs = [audio_file(audio, folder / "sources") for audio in audios]
        self._tone = None if tone is None else image_file(tone, folder / "sources")
        for path in [*self._originals, *([self._tone] if self._tone else [])]:
            check_file(path, "picture", limit_bytes=MAX_FILE_BYTES)
        self.settings = (settings or Settings()).but(fit=_one_fit(settings or Settings(), self._originals))
        self.different_parts = different_parts
        self.axes = {}
        pictures = self._originals if self._tone is None else [
            _matched(path, self._tone, folder / "pictures") for path in self._originals
        ]  # fmt: skip
        wanted = [
            Wanted({"image": self._originals[i].name, "audio": songs[j].name}, self.settings, i, j) for i, j in pairs
        ]
        super().__init__(pictures, songs, wanted, folder, runs, price_per_hour)
        names = read_json(folder / "sweep.json").get("delivered")
        self._delivered = [str(name) for name in names] if isinstance(names, list) else []

    def deliver(self) -> None:
        """Also number the finished clips in the series' folder."""
        width = max(2, len(str(len(self.cells))))
        before, self._delivered = self._delivered, []
        for number, cell in enumerate(self.cells, 1):
            if cell.is_done:
                source = self._originals[cell.image] if len(self._originals) > 1 else self.audios[cell.audio]
                self._delivered.append(f"{number:0{width}d}-{source.stem[:60]}.mp4")
                _deliver(cell.path, self.out / self._delivered[-1])
        for name in set(before) - set(self._delivered):  # their numbers have changed
            (self.out / Path(name).name).unlink(missing_ok=True)
        super().deliver()

    def _may_follow(self, hashes: Any) -> bool:
        """Pictures and songs may come and go."""
        return True

    def _best_start(self, wanted: Wanted) -> float:
        if not self.different_parts:
            return super()._best_start(wanted)
        same = [each for each in self._wanted if each.audio == wanted.audio]
        place = next(number for number, each in enumerate(same) if each is wanted)
        starts = self._starts_of(wanted, len(same))
        return starts[place % len(starts)]

    def _starts_of(self, wanted: Wanted, count: int) -> list[float]:
        """Where the song's best parts are, which overlap by a quarter at most; fewer than ``count`` in a short song."""
        key = json.dumps([*self._heard_as(wanted), count])
        if not isinstance(self._starts.get(key), list):
            audio = load_audio(self.audios[wanted.audio], 0.0, HEARD_SECONDS)
            self._starts[key] = [part.start for part in best_excerpts(audio, wanted.settings.duration, count=count)]
        return self._starts[key]

    def _to_dict(self) -> dict[str, Any]:
        return {
            "images": [ways_to(path, self.out) for path in self._originals],
            "audios": [ways_to(path, self.out) for path in self.audios],
            "runs": ways_to(self.runs, self.out),
            "delivered": self._delivered,
            "settings": asdict(self.settings),
            "tone": self._tone and ways_to(self._tone, self.out),
            "different_parts": self.different_parts,
            "price_per_hour": self.price_per_hour,
        }

    @classmethod
    def _from_dict(cls, values: dict[str, Any], folder: Path) -> Self:
        return cls(
            [found(ways, folder) for ways in values["images"]],
            [found(ways, folder) for ways in values["audios"]],
            Settings.from_dict(values["settings"]),
            tone=values["tone"] and found(values["tone"], folder),
            different_parts=values["different_parts"],
            out=folder,
            runs=found(values["runs"], folder),
            price_per_hour=values["price_per_hour"],
        )


def _pairs(images: int, audios: int) -> list[tuple[int, int]]:
    """Which picture goes with which song."""
    if not images or not audios or (images != audios and 1 not in (images, audios)) or max(images, audios) > MOST_CLIPS:
        raise InputError("series.pairs", images=images, audios=audios, limit=MOST_CLIPS)
    return [(i if images > 1 else 0, i if audios > 1 else 0) for i in range(max(images, audios))]


def _one_fit(settings: Settings, images: Iterable[Path]) -> str:
    """One rule for all: what 'auto' would choose for most of the pictures."""
    if settings.fit != "auto":
        return settings.fit
    kept = [kept_by_crop(load_image(path).size, settings.size) for path in images]
    return "blur" if sum(part < WORST_CROP for part in kept) > len(kept) / 2 else "crop"


def _matched(picture: Path, reference: Path, folder: Path) -> Path:
    """The picture in the reference's colours, as a file that is named by both; made once."""
    path = folder / f"{picture.stem[:60]}-{sha256_of(picture)[:8]}-{sha256_of(reference)[:8]}.png"
    if not path.exists():
        pixels = match_tone(load_image(picture), load_image(reference))
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as scratch:
            PIL.Image.fromarray(pixels).save(scratch, compress_level=1)
    return path


def _deliver(clip: Path, target: Path) -> None:
    """The clip under its number: the same file under a second name where the disk can do that, else a copy."""
    if target.exists() and target.stat().st_size == clip.stat().st_size and (
        target.samefile(clip) or target.stat().st_mtime >= clip.stat().st_mtime
    ):  # fmt: skip
        return
    with replacing(target) as scratch:
        with suppress(OSError):
            os.link(clip, scratch)
            return
        shutil.copyfile(clip, scratch)
