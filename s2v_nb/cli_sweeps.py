"""`s2v-nb sweep` and `s2v-nb series`: many clips from a terminal."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2v_nb.cli_options import add_command, add_settings, pair, settings_of, tell, usage_error
from s2v_nb.errors import InputError, say
from s2v_nb.settings import CONTROLS, Choice, Settings

if TYPE_CHECKING:
    from s2v_nb.sweeps import Series, Sweep
    from s2v_nb.sweeps.runner import Runner

SHOWN = ("state", "seconds", "money", "verdict", "r", "lag_ms", "motion_energy")


class _Axis(argparse.Action):
    """``--motion low,high`` and ``--prompt-weight 0.5:1.5:5``, in the order they are typed."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        from s2v_nb.sweeps.grid import parse_values

        swept = dict(namespace.swept or {})
        # a prompt has commas of its own: several are given one by one
        swept[self.dest] = [*swept.get(self.dest, []), values] if self.dest == "prompt" else parse_values(values)
        namespace.swept = swept


def add_commands(commands: Any) -> None:
    """Add both commands to the parser of `s2v-nb`."""
    one = add_command(commands, "sweep", _sweep, "make clips of one picture and song over a grid of settings")
    one.add_argument("--image", metavar="FILE", help="the picture")
    one.add_argument("--audio", metavar="FILE", help="the song")
    _add_axes(one)
    one.add_argument("--out", default="sweep", metavar="DIR", help="the sweep's folder (default: sweep)")
    one.add_argument("--resume", action="store_true", help="go on with the sweep in DIR; nothing else must be given")
    one.add_argument("--stop-dominated", action="store_true", help="pass over cells between clearly worse ones")
    _add_running(one)

    one = add_command(commands, "series", _series, "make clips of all pictures or songs of a folder in one style")
    one.add_argument("folder", metavar="FOLDER", help="holds the pictures and songs, taken in the order of their names")
    add_settings(one)
    one.add_argument("--tone", metavar="FILE", help="the picture whose colours all others are matched to, or 'first'")
    one.add_argument("--different-parts", action="store_true", help="each clip of one song has a part of its own")
    one.add_argument("--out", metavar="DIR", help="the series' folder (default: FOLDER/series)")
    _add_running(one)


def _add_axes(parser: argparse.ArgumentParser) -> None:
    """The options of `Settings`, each with one value, or with several that are swept."""
    parser.set_defaults(swept=None)
    parser.add_argument("--prompt", action=_Axis, help="directions; give it again to sweep several prompts")
    for name, control in CONTROLS.items():
        bounds = "|".join(map(str, control.options)) if isinstance(control, Choice) else f"{control.low}-{control.high}"
        text = f"one of {bounds}; several as A,B" + ("" if isinstance(control, Choice) else " or FROM:TO:COUNT")
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, action=_Axis, metavar="VALUES", help=text)
    parser.add_argument("--subject", metavar="X,Y", type=pair, help="the point to keep, each 0 to 1")
    parser.add_argument("--engine", action=_Axis, metavar="VALUES", help="auto|preview (default auto)")


def _add_running(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", metavar="FOLDER", help="where clips are kept (default: DIR/runs)")
    parser.add_argument("--price", type=float, metavar="MONEY", help="of an hour of one worker: its GPU, or its core")
    parser.add_argument("--cap", type=float, metavar="MONEY", help="stop after the clip that reaches this sum")
    parser.add_argument("--runner", default="local", help="local|ray (default local)")
    parser.add_argument("--workers", type=int, metavar="N", help="with ray: how many (default: one a GPU, or a core)")
    parser.add_argument("--address", metavar="HOST:PORT", help="with ray: of a cluster (default: this machine)")
    parser.add_argument("--retry-failed", action="store_true", help="try clips again that failed twice")
    parser.add_argument("--dry-run", action="store_true", help="only say what it would take")
    parser.add_argument("--no-page", action="store_true", help="write no contact sheet and no HTML page")


# --- the commands


def _sweep(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.session import price_checked
    from s2v_nb.sweeps import Sweep

    swept = options.swept or {}
    if options.resume and not (options.image or options.audio):
        given = [name for name in ("runs", "subject", *swept) if name in swept or getattr(options, name)]
        if given:
            raise usage_error(options.command, f"--{given[0].replace('_', '-')} needs --image and --audio, too")
        sweep = Sweep.open(options.out)
        if options.price is not None:
            sweep.price_per_hour = price_checked(options.price)
        return _run(sweep, options, stop_dominated=options.stop_dominated)
    missing = [f"--{name}" for name in ("image", "audio") if getattr(options, name) is None]
    if missing:
        raise usage_error(options.command, f"{' and '.join(missing)} must be given, or --resume")
    base = {name: values[0] for name, values in swept.items() if len(values) == 1}
    if options.subject:
        base["subject"] = options.subject
    axes = {name: values for name, values in swept.items() if len(values) != 1}
    place = {"out": options.out, "runs": options.runs, "price_per_hour": options.price or 0.0}
    sweep = Sweep(options.image, options.audio, Settings(**base), **place, **axes)
    return _run(sweep, options, stop_dominated=options.stop_dominated)


def _series(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.sweeps import Series

    folder = Path(options.folder)
    images, audios = _sources(folder)
    tone = images[0] if options.tone == "first" else options.tone
    settings = settings_of(options)
    out = options.out or folder / "series"
    series = Series(images, audios, settings, tone=tone, different_parts=options.different_parts, out=out,
                    runs=options.runs, price_per_hour=options.price or 0.0)  # fmt: skip
    return _run(series, options)


def _sources(folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures and songs of a folder, by the ends of their names, in the order of these."""
    from s2v_nb.media.files import PICTURES, SONGS

    if not folder.is_dir():
        raise InputError("file.missing", name=str(folder), what="folder", what_zh="文件夹")
    names = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    images, audios = ([path for path in names if path.suffix.lower() in ends] for ends in (PICTURES, SONGS))
    if not images or not audios:
        raise InputError("series.empty", name=str(folder), images=len(images), audios=len(audios))
    return images, audios


def _run(batch: "Sweep | Series", options: argparse.Namespace, **choices: Any) -> dict[str, Any]:
    from s2v_nb.sweeps.driver import check_cap
    from s2v_nb.sweeps.progress import SweepBar, SweepProgress

    runner = _runner(options)
    if options.cap is not None:
        check_cap(options.cap, batch.price_per_hour)
    estimate = batch.estimate()
    tell(estimate.sentence(), options)
    if options.dry_run:
        return {"out": str(batch.out), "expected": vars(estimate)}
    bar = SweepBar()
    try:
        batch.run(runner, spend_cap=options.cap, retry_failed=options.retry_failed,
                  progress=SweepProgress(bar), **choices)  # fmt: skip
    finally:
        bar.close()
    rows = batch.rows()
    for line in _lines(rows, list(batch.cells[0].values)):
        tell(line, options)
    result = {"out": str(batch.out), "table": str(batch.out / "table.csv"), "cells": rows}
    result["failed"] = sum(row["state"] == "failed" for row in rows)
    if not options.no_page and any(row["state"] == "done" for row in rows):
        result |= _views(batch)
    result["best"] = [{"cell": best.cell.index, "why": best.why()} for best in batch.best(3)]
    for best in batch.best(3):
        values = ", ".join(f"{name} {value}" for name, value in best.cell.values.items())
        tell(f"{values}: {best.why()}", options)
    for label in ("table", "sheet", "page"):
        if label in result:
            tell(f"{label:6} {result[label]}", options)
    result["notices"] = [*batch.notices, *_notes(batch, rows, options.cap)]
    for note in result["notices"]:
        print(f"{say('label.note')}: {note}", file=sys.stderr)
    return result


def _notes(batch: "Sweep | Series", rows: Sequence[dict[str, Any]], cap: float | None) -> list[str]:
    """Why not every clip is there."""
    from s2v_nb.sweeps.table import spent_on

    failed, done = (sum(row["state"] == state for row in rows) for state in ("failed", "done"))
    notes = [say("sweep.failures", failed=failed)] if failed else []
    if batch.capped:
        spent = spent_on(batch.cells, batch.price_per_hour)
        notes.append(say("sweep.capped", spent=spent, cap=cap, done=done, total=len(rows)))
    if batch.passed_over:
        notes.append(say("sweep.passed_over", count=batch.passed_over))
    return notes


def _runner(options: argparse.Namespace) -> "Runner":
    from s2v_nb.sweeps.driver import make_runner

    if options.runner != "ray":
        for name in ("workers", "address"):
            if getattr(options, name) is not None:
                raise usage_error(options.command, f"--{name} belongs to --runner ray")
        return make_runner(options.runner)
    from s2v_nb.sweeps.ray_runner import RayRunner

    return RayRunner(options.address, workers=options.workers)


def _views(batch: "Sweep | Series") -> dict[str, str]:
    """The contact sheet and the page."""
    import matplotlib as mpl

    mpl.use("agg")
    from s2v_nb.plots import contact_sheet, save_sweep_page

    return {"sheet": str(contact_sheet(batch)), "page": str(save_sweep_page(batch))}


def _lines(rows: Sequence[dict[str, Any]], swept: list[str]) -> list[str]:
    """The table as text, columns as wide as what they hold; money only where there is some."""
    names = [*swept, *(name for name in SHOWN if name != "money" or any(row["money"] for row in rows))]
    cells = [names, *([_short(row[name]) for name in names] for row in rows)]
    widths = [min(40, max(len(line[i]) for line in cells)) for i in range(len(names))]
    return ["  ".join(text[:40].ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return "-" if value is None else str(value)
