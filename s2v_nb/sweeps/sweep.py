"""`Sweep`: the same picture and song with many settings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from s2v_nb.errors import InputError
from s2v_nb.runs.material import AudioLike, ImageLike
from s2v_nb.runs.sources import audio_file, image_file
from s2v_nb.settings import Settings
from s2v_nb.sweeps.batch import Batch, Wanted, found, ways_to
from s2v_nb.sweeps.cell import Cell
from s2v_nb.sweeps.grid import checked_axes, checked_list, combinations, corners_first


class Sweep(Batch):
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

    kind = "sweep"

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
        if cells is not None and axes:
            raise InputError("sweep.both", name=next(iter(axes)))
        self.base = base or Settings()
        self.axes = {} if cells is not None else checked_axes(axes)
        self._list = None if cells is None else checked_list(cells)
        grid = combinations(self.axes) if self._list is None else self._list
        wanted = [Wanted(values, Settings.from_dict({**vars(self.base), **values})) for values in grid]
        folder = Path(out).resolve()
        sources = folder / "sources"
        super().__init__(
            [image_file(image, sources)], [audio_file(audio, sources)], wanted, folder, runs, price_per_hour
        )

    def cell(self, **values: Any) -> Cell:
        """The cell with these values; InputError if there is none or more than one."""
        matching = [cell for cell in self.cells if values.items() <= cell.values.items()]
        if len(matching) != 1:
            raise InputError("sweep.which", values=_words(values), count=len(matching), allowed=_words(self.axes))
        return matching[0]

    @property
    def order(self) -> tuple[Cell, ...]:
        """The cells in the order they are made: corners of the grid first; a list as it was given."""
        if self._list is not None:
            return self.cells
        return tuple(self.cells[index] for index in corners_first([len(values) for values in self.axes.values()]))

    def _to_dict(self) -> dict[str, Any]:
        return {
            "image": ways_to(self.images[0], self.out),
            "audio": ways_to(self.audios[0], self.out),
            "runs": ways_to(self.runs, self.out),
            "base": asdict(self.base),
            "axes": [[name, list(values)] for name, values in self.axes.items()],
            "cells": self._list,
            "price_per_hour": self.price_per_hour,
        }

    @classmethod
    def _from_dict(cls, values: dict[str, Any], folder: Path) -> Self:
        return cls(
            found(values["image"], folder),
            found(values["audio"], folder),
            Settings.from_dict(values["base"]),
            cells=values["cells"],
            out=folder,
            runs=found(values["runs"], folder),
            price_per_hour=values["price_per_hour"],
            **dict(values["axes"]),
        )


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
