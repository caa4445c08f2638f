"""`s2v-nb models`: what is on the disk, bringing it, checking it, freeing it. Needs no GPU and imports no torch."""

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from s2v_nb.cli_options import Parser, add_command, tell
from s2v_nb.errors import Cancelled, language, say
from s2v_nb.models.catalog import MODELS, Model, get_model


def add_commands(commands: Any) -> None:
    """Add `models` with its own commands to the parser of `s2v-nb`."""
    text = "list, download, check and remove models"
    models = commands.add_parser("models", help=text, description=text)
    inner = models.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=Parser)
    add_command(inner, "list", _list, "say which models there are, what is on this disk, and when it was last used")
    one = _with_model(inner, "get", _get, "download what is missing of a model; goes on where a download was cut")
    one.add_argument("--yes", action="store_true", help="say yes to a licence that asks for it")
    one.add_argument("--source", default="auto", help="auto|hub|modelscope (default auto)")
    _with_model(inner, "verify", _verify, "read a model again and compare it with the published hashes")
    _with_model(inner, "remove", _remove, "remove a model; what other models on this disk use stays")
    one = add_command(inner, "clean", _clean, "show what can be freed, and free it after a yes")
    one.add_argument("--yes", action="store_true", help="free it without asking")
    one.add_argument("--runs", default="runs", metavar="FOLDER", help="where clips are kept (default: runs)")


def _with_model(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser = add_command(commands, name, run, text)
    parser.add_argument("model", metavar="KEY", help="|".join(MODELS))
    return parser


# --- the commands


def _list(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.models.transfer import size_text
    from s2v_nb.models.upkeep import partial_bytes, status_of
    from s2v_nb.session import disk, hub_folder, models_folder

    rows = [_row(model, asdict(status_of(model))) for model in MODELS.values()]
    for row in rows:
        for line in _described(row):
            tell(line, options)
    partial, free = partial_bytes(), disk(hub_folder()).free
    tell(say("models.places", hub=str(hub_folder()), own=str(models_folder()), free=size_text(free)), options)
    if partial:
        tell(say("models.partial", size=size_text(partial)), options)
    places = {"hub": str(hub_folder()), "own": str(models_folder()), "free": free, "partial": partial}
    return {"models": rows, **places}


def _row(model: Model, status: dict[str, Any]) -> dict[str, Any]:
    about = model.about[1 if language() == "zh" else 0]
    return {"model": model.key, "about": about, "licence": " ".join(model.licences), **status}


def _described(row: dict[str, Any]) -> list[str]:
    from s2v_nb.models.transfer import size_text

    used = time.strftime("%Y-%m-%d", time.localtime(row["used"])) if row["used"] else "-"
    size = {"here": size_text(row["here"]), "total": size_text(row["total"])}
    state = say(f"models.state_{row['state']}", used=used, **size)
    return [f"{row['model']:18} {state}", f"{'':18} {row['about']} ({row['licence']})"]


def _get(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.models.download import fetch, introduction
    from s2v_nb.models.transfer import BarView

    model, began = get_model(options.model), time.monotonic()
    for line in introduction(model):
        print(line, file=sys.stderr)
    view = BarView()
    try:
        folders = fetch(model, progress=view, accept_licence=_accepted(model, options), source=options.source)
    except KeyboardInterrupt:
        raise Cancelled("models.stopped", model=model.key) from None
    finally:
        view.close()
    tell(say("models.ready", model=model.key), options)
    places = {role: str(folder) for role, folder in folders.items()}
    return {"model": model.key, "folders": places, "seconds": round(time.monotonic() - began, 3)}


def _accepted(model: Model, options: argparse.Namespace) -> bool:
    from s2v_nb.models.download import missing_components

    asking = {component.licence for component in missing_components(model) if not component.free}
    return bool(options.yes or (asking and _asked(say("models.ask_licence", licence=", ".join(sorted(asking))))))


def _asked(question: str) -> bool:
    """A person's yes; nobody is asked where nobody can answer."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是", "好")


def _verify(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.models.upkeep import verify

    model = get_model(options.model)
    damaged = verify(model, lambda name: print(name, file=sys.stderr))
    for key, names in damaged.items():
        tell(say("models.is_damaged", component=key, files=", ".join(names), model=model.key), options)
    if not damaged:
        tell(say("models.is_right", model=model.key), options)
    return {"model": model.key, "damaged": damaged, "failed": bool(damaged)}


def _remove(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.models.transfer import size_text
    from s2v_nb.models.upkeep import remove

    removed = remove(get_model(options.model))
    tell(say("models.removed", model=options.model, size=size_text(removed.freed)), options)
    if removed.shared:
        tell(say("models.kept_shared", components=", ".join(removed.shared)), options)
    if removed.own:
        tell(say("models.kept_own", components=", ".join(removed.own)), options)
    return {"model": options.model, **asdict(removed)}


def _clean(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.models.transfer import size_text
    from s2v_nb.models.upkeep import clean, cleanable

    items = cleanable(Path(options.runs))
    total = sum(item.bytes for item in items)
    for item in items:
        tell(f"{size_text(item.bytes):>9}  {say(f'models.clean_{item.kind}')}: {item.name}", options)
    freed = 0
    if not items:
        tell(say("models.nothing_to_clean"), options)
    elif options.yes or _asked(say("models.ask_clean", size=size_text(total))):
        freed = clean(items)
        tell(say("models.cleaned", size=size_text(freed)), options)
    else:
        tell(say("models.clean_hint", size=size_text(total)), options)
    found = [{"kind": item.kind, "name": item.name, "bytes": item.bytes} for item in items]
    return {"found": found, "bytes": total, "freed": freed}
