"""`save_sweep_page`: a sweep or a series in one HTML file that needs nothing beside it.

As in `s2v_nb.plots.report`, every text is escaped, and the Content-Security-Policy allows pictures, a film and a style
from the file itself and nothing else.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from s2v_nb.errors import InputError, say
from s2v_nb.plots.arrangement import value_word, values_words
from s2v_nb.plots.report import DPI, _base64, _figure, _film, _page, _safe
from s2v_nb.plots.sheet import contact_sheet
from s2v_nb.plots.sweep import curve_panels, heat_map_panels, plot_heat_maps, plot_sweep_curves
from s2v_nb.settings import Settings
from s2v_nb.storage import replacing
from s2v_nb.sweeps.batch import Batch
from s2v_nb.sweeps.table import Best

BEST = 3
COLUMNS: dict[str, str] = {  # of the table, after the swept values: how a number is written
    "state": "",
    "verdict": "",
    "r": ".2f",
    "chance_r": ".2f",
    "lag_ms": "+.1f",
    "f": ".2f",
    "p": ".4f",
    "events": "d",
    "motion_energy": ".3f",
    "seconds": ".1f",
    "money": ".4f",
    "peak_memory_mib": ".0f",
    "error": "",
    "run": "",
}
TABLE = "overflow-wrap:normal;word-break:keep-all;font-size:.85rem"  # wider than the page, it can be scrolled
SHORT = 24  # characters
VERDICTS = {"in time": "in_time", "no link to the beat": "no_link"}  # any other: not enough evidence


def save_sweep_page(sweep: Batch, path: str | Path | None = None) -> Path:
    """Write one HTML file with all clips side by side, the best three and why, plots, the table and the settings.

    The contact sheet is made for it, or taken as it is if it shows the same.

    Parameters
    ----------
    sweep : Sweep or Series
        As far as it is made.
    path : path, optional
        By default ``index.html`` in the sweep's folder; an earlier file is replaced once the new one is whole.

    Returns
    -------
    Path

    Raises
    ------
    GenerationError
        If the contact sheet cannot be written.
    """
    path = Path(path or sweep.out / "index.html")
    rows = sweep.rows()
    done = sum(row["state"] == "done" for row in rows)
    parts = [
        f'<p class="result">{_say("sweep.cells_done", done=done, total=len(rows))}</p>',
        *_sheet(sweep),
        *_best(sweep.best(BEST)),
        *(_plots(sweep) if done else ()),
        *_table(rows, list(sweep.cells[0].values)),
        *_shared(sweep),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as scratch:
        scratch.write_text(_page(_say(f"view.page.title_{sweep.kind}", name=sweep.out.name), parts), encoding="utf-8")
    return path


def _say(key: str, **values: Any) -> str:
    """A sentence in the person's language, as HTML."""
    return _safe(say(key, None, **values))


def _heading(key: str) -> str:
    return f"<h2>{_say(f'view.page.{key}')}</h2>"


def _sheet(sweep: Batch) -> list[str]:
    try:
        return [_heading("sheet"), _film(contact_sheet(sweep))]
    except InputError as error:  # nothing is done yet
        return [f'<p class="notice">{_safe(error.sentence())}</p>']


def _best(found: Sequence[Best]) -> list[str]:
    if not found:
        return [_heading("best"), f"<p>{_say('view.page.no_best')}</p>"]
    figures = "\n".join(_best_clip(each) for each in found)
    return [_heading("best"), f'<div style="display:flex;flex-wrap:wrap;gap:1rem">\n{figures}\n</div>']


def _best_clip(best: Best) -> str:
    cell = best.cell
    words = _safe(": ".join(filter(None, [str(cell.index), values_words(cell.values)])))
    poster = ""
    if cell.poster.exists():
        poster = f'<img alt="{words}" src="data:image/jpeg;base64,{_base64(cell.poster.read_bytes())}">'
    return (
        f'<figure style="flex:1 1 240px;max-width:290px">{poster}<figcaption>{words}</figcaption>'
        f"{_safe(best.why())}</figure>"
    )


def _plots(sweep: Batch) -> list[str]:
    shown = []
    for key, panels, plot in (
        ("maps", heat_map_panels(sweep), plot_heat_maps),
        ("curves", curve_panels(sweep), plot_sweep_curves),
    ):
        figure = _figure(panels.height)
        plot(sweep, ax=list(figure.subplots(panels.rows, panels.columns, squeeze=False).flat))
        shown += [_heading(key), f"<p>{_say(f'view.page.{key}_note')}</p>", _picture(figure, _say(f"view.page.{key}"))]
    return shown


def _picture(figure: Figure, words: str) -> str:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI)
    return f'<img alt="{words}" src="data:image/png;base64,{_base64(png.getvalue())}">'


def _table(rows: Sequence[dict[str, Any]], swept: Sequence[str]) -> list[str]:
    """The columns that hold anything."""
    names = [name for name in COLUMNS if any(row[name] is not None for row in rows)]
    heads = [_head(say("view.column.cell")), *(_head(say(f"studio.made.{name}")) for name in swept)]
    heads += [_head(say(f"view.column.{name}"), is_number=bool(COLUMNS[name])) for name in names]
    body = "\n".join(f"<tr>{''.join(_cells(row, swept, names))}</tr>" for row in rows)
    return [
        _heading("table"),
        f'<div style="overflow-x:auto"><table class="numbers" style="{TABLE}">',
        f"<thead><tr>{''.join(heads)}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>",
    ]


def _cells(row: dict[str, Any], swept: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """One row of the table: numbers to the right, texts to the left."""
    yield f'<th scope="row">{row["cell"]}</th>'
    for name in swept:
        yield _text(value_word(name, row[name]))
    for name in names:
        value = row[name]
        if form := COLUMNS[name]:
            yield f"<td>{'–' if value is None else format(value, form)}</td>"
        else:
            yield _text("–" if value is None else _word(name, value))


def _head(text: str, *, is_number: bool = False) -> str:
    return f"""<th scope="col"{"" if is_number else ' style="text-align:left"'}>{_safe(text)}</th>"""


def _text(text: str) -> str:
    """What is short stays on one line, what is long has room."""
    width = "white-space:nowrap" if len(text) <= SHORT else "min-width:18rem"
    return f'<td style="text-align:left;{width}">{_safe(text)}</td>'


def _word(name: str, value: str) -> str:
    """A state or a verdict in the person's language; anything else as it is."""
    if name == "state":
        return say(f"view.state.{value}")
    return say(f"studio.verdict.{VERDICTS.get(value, 'unsure')}") if name == "verdict" else value


def _shared(sweep: Batch) -> list[str]:
    """What all cells have in common: picture and song, where there is one of each, and settings."""
    values = {
        name: paths[0].name for name, paths in (("image", sweep.images), ("audio", sweep.audios)) if len(paths) == 1
    }
    for field in fields(Settings):
        found = [getattr(cell.settings, field.name) for cell in sweep.cells]
        if all(value == found[0] for value in found):
            values[field.name] = value_word(field.name, found[0])
    rows = "".join(
        f'<tr><th scope="row">{_say(f"studio.made.{name}")}</th><td>{_safe(value)}</td></tr>\n'
        for name, value in values.items()
    )
    return [_heading("shared"), f"<table><tbody>\n{rows}</tbody></table>"]
