"""`Batch`: many clips as one object that lives on disk; what `Sweep` and `Series` share.

sweep/                       the batch's folder, ``out``
    sweep.json               what is made: sources, settings, axes
    table.csv                how it stands, rewritten while it runs
    sources/                 a picture or a song that had no file
    runs/3f9a61c2d0b4/       one run a cell, see `s2v_nb.sweeps.cell`
"""

import csv
import io
import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from s2v_nb.errors import Cancelled, InputError, say, speaks
from s2v_nb.media import load_image
from s2v_nb.media.files import check_file, sha256_of
from s2v_nb.media.image import MAX_FILE_BYTES
from s2v_nb.rhythm import ear
from s2v_nb.runs import Clip, generate
from s2v_nb.runs.material import Song
from s2v_nb.runs.spec import run_name
from s2v_nb.session import price_checked
from s2v_nb.settings import Settings
from s2v_nb.storage import make_folder, parse_json, read_json, replacing, write_json
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.expected import SweepEstimate, expected
from s2v_nb.sweeps.grid import Values
from s2v_nb.sweeps.progress import SweepProgress, usual_sweep_views
from s2v_nb.sweeps.runner import Runner
from s2v_nb.sweeps.shown import html_of
from s2v_nb.sweeps.table import Best, best_cells, rows_of
from s2v_nb.sweeps.workshop import Workshop, engine_of

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1


class Wanted(NamedTuple):
    """A cell as it was asked for: its swept ``values``, all ``settings``, and which picture and song it has."""

    values: Values
    settings: Settings
    image: int = 0
    audio: int = 0


class Batch:
    """Clips that are made together; see `Sweep` and `Series`."""

    kind = ""  # in ``sweep.json``
    axes: dict[str, tuple]
    capped = False  # whether the last run was stopped by its spend cap
    passed_over = 0  # cells that the last run left out as dominated

    def __init__(
        self,
        images: Sequence[Path],
        audios: Sequence[Path],
        wanted: Sequence[Wanted],
        out: Path,
        runs: str | Path | None,
        price_per_hour: float,
    ) -> None:
        """``images`` and ``audios`` are absolute paths; InputError if one cannot be used."""
        self.out = out
        self.runs = Path(runs).resolve() if runs else out / "runs"
        self.price_per_hour = price_checked(price_per_hour)
        self.images, self.audios = tuple(images), tuple(audios)
        self._wanted = [each._replace(settings=_with_engine(each.settings)) for each in wanted]
        self._identify()
        known = read_json(self.out / "sweep.json").get("starts")
        self._starts: dict[str, Any] = known if isinstance(known, dict) else {}

    @classmethod
    def open(cls, out: str | Path) -> Self:
        """The sweep or series of a folder, as it was begun there.

        Raises
        ------
        InputError
            If there is none, or its picture or song is gone.
        """
        folder = Path(out).resolve()
        path = folder / "sweep.json"
        try:
            values = parse_json(path.read_text(encoding="utf-8"))
            if values["s2v_nb_sweep"] != FORMAT:
                raise ValueError(f"format {values['s2v_nb_sweep']!r} instead of {FORMAT}")
            if values["kind"] != cls.kind:
                raise InputError("sweep.kind", name=str(folder), found=values["kind"], wanted=cls.kind)
            opened = cls._from_dict(values, folder)
            opened._compare(values["hashes"])
            return opened
        except FileNotFoundError:
            raise InputError("sweep.none", name=str(folder)) from None
        except InputError:
            raise
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError("sweep.damaged", name=str(path), why=str(error)[:80]) from error

    # --- what there is

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells. Where the settings leave the start open, the song is heard for it once."""
        return tuple(
            Cell(index, wanted.values, settings, self.runs / name, wanted.image, wanted.audio)
            for index, wanted in enumerate(self._wanted)
            for settings, name in [self._resolved(wanted)]
        )

    @property
    def order(self) -> tuple[Cell, ...]:
        """The cells in the order they are made."""
        return self.cells

    def estimate(self) -> SweepEstimate:
        """What the missing cells will take: seconds, money, disk; from the engine's plan and the cells made so far."""
        return expected(self.cells, self.price_per_hour, self.runs)

    def rows(self) -> list[dict[str, Any]]:
        """How every cell stands now, read from the disk: one dict a cell."""
        return rows_of(self.cells, self.price_per_hour)

    def table(self) -> "pd.DataFrame":
        """`rows` as a pandas DataFrame; also written to ``table.csv``."""
        import pandas as pd

        rows = self.rows()
        self.write_table(rows)
        return pd.DataFrame(rows).set_index("cell")

    def write_table(self, rows: list[dict[str, Any]] | None = None) -> Path:
        """Write ``table.csv``; its path."""
        rows = self.rows() if rows is None else rows
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        make_folder(self.out)
        with replacing(self.out / "table.csv") as scratch:
            scratch.write_text(text.getvalue(), encoding="utf-8", errors="replace", newline="")
        return self.out / "table.csv"

    @property
    def notices(self) -> tuple[str, ...]:
        """What the person should know of the clips, each sentence once: an unknown direction, a shortened clip."""
        found: dict[str, None] = {}
        for cell in self.cells:
            for key, values in cell.result.get("notes", []):
                if speaks({"key": key, "values": values}):
                    found.setdefault(say(key, **values))
        return tuple(found)

    def best(self, count: int = 3) -> tuple[Best, ...]:
        """The cells that keep time best, each with the reason; those without motion or measure are left out."""
        return best_cells(self.cells, count)

    def _repr_html_(self) -> str:
        return html_of(self)

    # --- what is done

    def run(
        self,
        runner: str | Runner = "local",
        *,
        spend_cap: float | None = None,
        stop_dominated: bool = False,
        retry_failed: bool = False,
        progress: SweepProgress | None = None,
    ) -> Self:
        """Make every cell that is missing.

        Parameters
        ----------
        runner : 'local', 'ray', or a `Runner`
        spend_cap : float, optional
            Money; when so much was spent on this sweep, it stops after the current cell. Needs a price per hour.
        stop_dominated : bool
            Pass over cells whose measured neighbours on both sides keep time clearly worse than the best cell.
        retry_failed : bool
            Try cells again that failed twice.
        progress : SweepProgress, optional
            Told of each step; its `cancel` stops the work.

        Returns
        -------
        Itself.

        Raises
        ------
        InputError
            If a source or a setting cannot be used, or the disk has too little room; nothing is made then.
        Cancelled
            If it was stopped; finished cells and parts stay, and running it again goes on.
        """
        from s2v_nb.sweeps.driver import Driver

        self._identify()  # a picture that was edited meanwhile, a beat that was corrected, make other clips
        self._refuse_other_sweep()
        views = usual_sweep_views() if progress is None else []
        driver = Driver(self, runner, progress or SweepProgress(*views), spend_cap=spend_cap,
                        stop_dominated=stop_dominated, retry_failed=retry_failed)  # fmt: skip
        try:
            driver.run()
            self.capped, self.passed_over = driver.capped, driver.passed_over
        except (Cancelled, KeyboardInterrupt):
            known = self.__dict__.get("cells", ())  # it may have been stopped while the song was heard
            done = sum(cell.is_done for cell in known)
            raise Cancelled("sweep.stopped", done=done, total=len(self._wanted)) from None
        finally:
            for view in views:
                view.close()
        return self

    def workshop(self) -> Workshop:
        """What all cells share: opened, heard and released."""
        songs = self._songs
        missing = [cell for cell in self.cells if not cell.is_done]
        for index in {cell.image for cell in missing}:
            load_image(self.images[index])  # what cannot be used is refused before anything is made
        for cell in missing:
            songs[cell.audio].rhythm(cell.settings)
        for song in songs:
            song.release()
        self.__dict__.pop("_songs")
        uses_gpu = any(getattr(engine_of(cell.settings.engine), "uses_gpu", False) for cell in self.cells)
        return Workshop(self.images, songs, self.runs, self.price_per_hour, uses_gpu)

    def deliver(self) -> None:
        """What is written at the end of a run, and when it is stopped."""
        self.save()
        self.write_table()

    def make_final(self, cell: Cell, **choices: Any) -> Clip:
        """A cell's clip in full quality, by one call of `generate` in the same folder of runs."""
        return generate(self.images[cell.image], self.audios[cell.audio], cell.final(), runs=self.runs, **choices)

    def save(self) -> Path:
        """Write ``sweep.json``; its path."""
        make_folder(self.out)
        what = {"s2v_nb_sweep": FORMAT, "kind": self.kind, **self._to_dict()}
        what |= {"starts": self._starts, "hashes": self._hashes()}
        write_json(self.out / "sweep.json", what, ascii_only=True)
        return self.out / "sweep.json"

    # --- inside

    def _to_dict(self) -> dict[str, Any]:
        """What `_from_dict` needs, as JSON can hold it."""
        raise NotImplementedError

    @classmethod
    def _from_dict(cls, values: dict[str, Any], folder: Path) -> Self:
        raise NotImplementedError

    def _identify(self) -> None:
        """Hash the sources, and read what was corrected in the songs; what follows from another state is forgotten."""
        for path in self.images:
            check_file(path, "picture", limit_bytes=MAX_FILE_BYTES)
        self._headers = [Song(path).header for path in self.audios]
        self._ears = [ear(header) for header in self._headers]
        self._image_hashes = [sha256_of(path) for path in self.images]
        known = json.dumps([self._hashes(), self._ears])
        if self.__dict__.get("_known") != known:
            self._known = known
            for name in ("cells", "_songs"):
                self.__dict__.pop(name, None)

    def _hashes(self) -> list[str]:
        """Of all pictures, then of all songs."""
        return [*self._image_hashes, *(header.sha256 for header in self._headers)]

    def _compare(self, hashes: list[str]) -> None:
        """InputError if a source is another file than the one of that time."""
        paths = [*self.images, *self.audios]
        for path, now, then in zip(paths, self._hashes(), hashes, strict=True):
            if now != then:
                raise InputError("sweep.other_source", name=path.name)

    def _refuse_other_sweep(self) -> None:
        """InputError if the folder holds a sweep of other sources, whose table and sheet would be written over."""
        there = read_json(self.out / "sweep.json")
        if there and (there.get("kind") != self.kind or not self._may_follow(there.get("hashes"))):
            raise InputError("sweep.other_there", name=str(self.out))

    def _may_follow(self, hashes: Any) -> bool:
        """Whether what is there is an earlier state of this."""
        return hashes == self._hashes()

    @cached_property
    def _songs(self) -> tuple[Song, ...]:
        return tuple(Song(path) for path in self.audios)

    def _resolved(self, wanted: Wanted) -> tuple[Settings, str]:
        """The settings with the start that is meant, and the name of their run."""
        settings, image, audio = wanted.settings, wanted.image, wanted.audio
        if settings.start is None:
            settings = settings.but(start=self._best_start(wanted))
        hashes = self._image_hashes[image], self._headers[audio].sha256
        return settings, run_name(*hashes, settings, engine_of(settings.engine), self._ears[audio])

    def _best_start(self, wanted: Wanted) -> float:
        """Where the song's best part is; kept with the sweep, so that it is not heard for it again."""
        key = json.dumps(self._heard_as(wanted))
        if not isinstance(self._starts.get(key), float):
            self._starts[key] = self._songs[wanted.audio].part(wanted.settings).best.start
        return self._starts[key]

    def _heard_as(self, wanted: Wanted) -> list[Any]:
        """All that decides where a song's best parts are."""
        return [self._headers[wanted.audio].sha256, self._ears[wanted.audio], wanted.settings.duration]


def ways_to(path: Path, folder: Path) -> list[str]:
    """A source as ``sweep.json`` names it: from the folder, so that both can be moved together, and from the root, so
    that the folder can be moved alone."""
    return [os.path.relpath(path, folder), str(path)]


def found(ways: list[str], folder: Path) -> Path:
    """The first of these that is there; the first of all if none is."""
    paths = [folder / way for way in ways]
    return next((path for path in paths if path.exists()), paths[0])


def _with_engine(settings: Settings) -> Settings:
    """With the engine that is meant; InputError if it cannot run here."""
    engine = engine_of(settings.engine)
    if refusal := engine.refusal():
        raise InputError(refusal.key, **refusal.values)
    return settings.but(engine=engine.name)
