"""`Sweep`: the same picture and song with many settings, as one object that lives on disk.

sweep/                       the sweep's folder, ``out``
    sweep.json               what is swept: sources, base settings, axes
    table.csv                how it stands, rewritten while it runs
    sources/                 a picture or a song that had no file
    runs/3f9a61c2d0b4/       one run a cell, see `s2v_nb.sweeps.cell`
"""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2v_nb.errors import InputError
from s2v_nb.media.files import check_file, sha256_of
from s2v_nb.media.image import MAX_FILE_BYTES
from s2v_nb.rhythm import ear
from s2v_nb.runs import Clip, generate
from s2v_nb.runs.material import AudioLike, ImageLike, Song
from s2v_nb.runs.sources import audio_file, image_file
from s2v_nb.runs.spec import run_name
from s2v_nb.session import price_checked
from s2v_nb.settings import Settings
from s2v_nb.storage import read_json, replacing, write_json
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.expected import SweepEstimate, expected
from s2v_nb.sweeps.grid import Values, checked_axes, checked_list, combinations, corners_first
from s2v_nb.sweeps.progress import SweepProgress, usual_sweep_views
from s2v_nb.sweeps.runner import Runner
from s2v_nb.sweeps.table import Best, best_cells, rows_of
from s2v_nb.sweeps.workshop import Workshop, engine_of

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1


class Sweep:
    """Clips of one picture and one song over a grid of settings; resumable, and never computed twice.

    Parameters
    ----------
    image, audio : path, or what `load_image` and `load_audio` return
    base : Settings, optional
        What all cells share.
    cells : sequence of dicts, optional
        An explicit list of cells instead of a grid: ``[{"motion": "low", "seed": 1}, ...]``.
    out : path
        The sweep's folder.
    runs : path, optional
        Where its clips are kept, by default ``runs`` in ``out``. Clips that `generate` made there count as done.
    price_per_hour : float
        Of one worker's machine; then money is told, too.
    **axes
        Fields of `Settings`, each with its values: ``motion=["low", "high"], prompt_weight=[0.5, 1.0, 1.5]``. The
        first is the rows of tables and sheets, the second the columns.

    Raises
    ------
    InputError
        If a name is no setting, a value is out of its bounds, or a source is missing.

    Examples
    --------
    >>> sweep = Sweep("cover.jpg", "song.mp3", motion=["low", "high"], prompt_weight=[0.5, 1.0])  # doctest: +SKIP
    >>> sweep.estimate()  # doctest: +SKIP
    >>> sweep.run().table()  # doctest: +SKIP
    """

    def __init__(
        self,
        image: ImageLike,
        audio: AudioLike,
        base: Settings | None = None,
        *,
        cells: Sequence[Mapping[str, Any]] | None = None,
        out: str | Path = "sweep",
        runs: str | Path | None = None,
        price_per_hour: float = 0.0,
        **axes: Any,
    ) -> None:
        self.out = Path(out).resolve()
        self.runs = Path(runs).resolve() if runs else self.out / "runs"
        self.base = base or Settings()
        self.price_per_hour = price_checked(price_per_hour)
        if cells is not None and axes:
            raise InputError("sweep.both", name=next(iter(axes)))
        self.axes = {} if cells is not None else checked_axes(axes)
        self._list = None if cells is None else checked_list(cells)
        self._settings = [self._settled(values) for values in self._values]  # all are checked before anything is made
        self.images = (image_file(image, self.out / "sources"),)
        self.audios = (audio_file(audio, self.out / "sources"),)
        self._identify()

    @classmethod
    def open(cls, out: str | Path) -> "Sweep":
        """The sweep of a folder, as it was begun there.

        Raises
        ------
        InputError
            If there is none, or its picture or song is gone.
        """
        folder = Path(out)
        try:
            return cls._from_dict(json.loads((folder / "sweep.json").read_text(encoding="utf-8")), folder)
        except FileNotFoundError:
            raise InputError("sweep.none", name=str(folder)) from None
        except InputError:
            raise
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise InputError("sweep.damaged", name=str(folder / "sweep.json"), why=str(error)[:80]) from error

    # --- what there is

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, rows first. Where the settings leave the start open, the song is heard for it once."""
        return tuple(
            Cell(index, values, resolved, self.runs / name, *source)
            for index, (values, settings, source) in enumerate(
                zip(self._values, self._settings, self._sources, strict=True)
            )
            for resolved, name in [self._resolved(settings, *source)]
        )

    def cell(self, **values: Any) -> Cell:
        """The cell with these values; InputError if there is none or more than one."""
        found = [cell for cell in self.cells if values.items() <= cell.values.items()]
        if len(found) != 1:
            raise InputError("sweep.which", values=_words(values), count=len(found), allowed=_words(self.axes))
        return found[0]

    @property
    def order(self) -> tuple[Cell, ...]:
        """The cells in the order they are made: corners of the grid first; a list as it was given."""
        if self._list is not None:
            return self.cells
        return tuple(self.cells[index] for index in corners_first([len(values) for values in self.axes.values()]))

    def estimate(self) -> SweepEstimate:
        """What the missing cells will take: seconds, money, disk; from the engine's plan and the cells made so far."""
        return expected(self.cells, self.price_per_hour, self.out)

    def rows(self) -> list[dict[str, Any]]:
        """How every cell stands now, read from the disk: one dict a cell."""
        return rows_of(self.cells)

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
        self.out.mkdir(parents=True, exist_ok=True)
        with replacing(self.out / "table.csv") as scratch:
            scratch.write_text(text.getvalue(), encoding="utf-8", newline="")
        return self.out / "table.csv"

    def best(self, count: int = 3) -> tuple[Best, ...]:
        """The cells that keep time best, each with the reason; those without motion or measure are left out."""
        return best_cells(self.cells, count)

    # --- what is done

    def run(
        self,
        runner: str | Runner = "local",
        *,
        spend_cap: float | None = None,
        stop_dominated: bool = False,
        retry_failed: bool = False,
        progress: SweepProgress | None = None,
    ) -> "Sweep":
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
        Sweep
            Itself.

        Raises
        ------
        InputError
            If a source or a setting cannot be used, or the disk has too little room; nothing is made then.
        Cancelled
            If it was stopped; finished cells and parts stay, and running it again goes on.
        """
        from s2v_nb.sweeps.driver import Driver

        driver = Driver(self, runner, progress or SweepProgress(*usual_sweep_views()), spend_cap=spend_cap,
                        stop_dominated=stop_dominated, retry_failed=retry_failed)  # fmt: skip
        driver.run()
        return self

    def workshop(self) -> Workshop:
        """What all cells share: opened, heard and released."""
        songs = self._songs
        for cell in self.cells:
            if not cell.is_rendered:
                songs[cell.audio].rhythm(cell.settings)
        for song in songs:
            song.release()
        self.__dict__.pop("_songs")
        return Workshop(self.images, songs, self.price_per_hour)

    def make_final(self, cell: Cell, **choices: Any) -> Clip:
        """A cell's clip in full quality, by one call of `generate` in the same folder of runs."""
        return generate(self.images[cell.image], self.audios[cell.audio], cell.final(), runs=self.runs, **choices)

    def save(self) -> Path:
        """Write ``sweep.json``; its path."""
        self.out.mkdir(parents=True, exist_ok=True)
        write_json(self.out / "sweep.json", self._to_dict())
        return self.out / "sweep.json"

    # --- inside

    @property
    def _values(self) -> tuple[Values, ...]:
        return self._list if self._list is not None else combinations(self.axes)

    @property
    def _sources(self) -> list[tuple[int, int]]:
        """Which picture and which song each cell has."""
        return [(0, 0)] * len(self._values)

    def _settled(self, values: Values) -> Settings:
        settings = Settings.from_dict({**vars(self.base), **values})
        engine = engine_of(settings.engine)
        if refusal := engine.refusal():
            raise InputError(refusal.key, **refusal.values)
        return settings.but(engine=engine.name)

    def _identify(self) -> None:
        """Hashes of the sources, and what was known of them from an earlier run in this folder."""
        for path in self.images:
            check_file(path, "picture", limit_bytes=MAX_FILE_BYTES)
        self._image_hashes = [sha256_of(path) for path in self.images]
        self._headers = [Song(path).header for path in self.audios]
        self._ears = [ear(header) for header in self._headers]
        known = read_json(self.out / "sweep.json").get("starts")
        self._starts: dict[str, float] = known if isinstance(known, dict) else {}

    @cached_property
    def _songs(self) -> tuple[Song, ...]:
        return tuple(Song(path) for path in self.audios)

    def _resolved(self, settings: Settings, image: int, audio: int) -> tuple[Settings, str]:
        """The settings with the start that is meant, and the name of their run."""
        if settings.start is None:
            settings = settings.but(start=self._best_start(settings, audio))
        hashes = self._image_hashes[image], self._headers[audio].sha256
        return settings, run_name(*hashes, settings, engine_of(settings.engine), self._ears[audio])

    def _best_start(self, settings: Settings, audio: int) -> float:
        what = [self._headers[audio].sha256, self._ears[audio], settings.duration]
        key = json.dumps(what)
        if not isinstance(self._starts.get(key), float):
            self._starts[key] = self._songs[audio].part(settings).best.start
        return self._starts[key]

    def _to_dict(self) -> dict[str, Any]:
        return {
            "s2v_nb_sweep": FORMAT,
            # from the sweep's folder, so that all can be moved together
            "images": [os.path.relpath(path, self.out) for path in self.images],
            "audios": [os.path.relpath(path, self.out) for path in self.audios],
            "runs": os.path.relpath(self.runs, self.out),
            "base": asdict(self.base),
            "axes": self.axes,
            "cells": self._list,
            "order": list(self.axes),
            "price_per_hour": self.price_per_hour,
            "starts": self._starts,
        }

    @classmethod
    def _from_dict(cls, values: dict[str, Any], folder: Path) -> "Sweep":
        if values["s2v_nb_sweep"] != FORMAT:
            raise ValueError(f"format {values['s2v_nb_sweep']!r} instead of {FORMAT}")
        axes = {} if values["cells"] is not None else {name: values["axes"][name] for name in values["order"]}
        return cls(
            folder / values["images"][0],
            folder / values["audios"][0],
            Settings.from_dict(values["base"]),
            cells=values["cells"],
            out=folder,
            runs=folder / values["runs"],
            price_per_hour=values["price_per_hour"],
            **axes,
        )


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
