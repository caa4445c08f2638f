"""What all commands of `s2v-nb` share: the parser, the options of `Settings`, what is printed where."""

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from s2v_nb.errors import InputError, language
from s2v_nb.settings import CONTROLS, Choice, Settings, number_or_text


class Parser(argparse.ArgumentParser):
    """Wrong usage is bad input like any other: one sentence, status 2, JSON where asked for."""

    def error(self, message: str) -> NoReturn:
        raise InputError("usage", complaint=message, command=self.prog)


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], dict[str, Any]], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_settings(parser: argparse.ArgumentParser) -> None:
    """One option per field of `Settings`; values are checked there, so that bounds and sentences are the same."""
    index = 1 if language() == "zh" else 0
    parser.add_argument("--prompt", help='directions, e.g. "slow pan right, subtle glow"')
    for name, control in CONTROLS.items():
        bounds = "|".join(map(str, control.options)) if isinstance(control, Choice) else f"{control.low}-{control.high}"
        default = "auto" if (value := getattr(Settings(), name)) is None else value
        text = f"{control.help[index]} ({bounds}; default {default})".replace("%", "%%")
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, dest=name, metavar=name.upper(), type=number_or_text, help=text)
    parser.add_argument("--subject", metavar="X,Y", type=pair, help="the point to keep, each 0 to 1")
    parser.add_argument("--engine", help="auto|preview|wan-ti2v-5b|wan-s2v-14b (default auto)")


def pair(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def settings_of(options: argparse.Namespace) -> Settings:
    names = (*CONTROLS, "prompt", "subject", "engine")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return Settings(**given)


def usage_error(command: str, complaint: str) -> InputError:
    return InputError("usage", complaint=complaint, command=f"s2v-nb {command}")


def tell(line: str, options: argparse.Namespace) -> None:
    """To stdout for a person, to stderr where stdout belongs to the JSON object."""
    printable = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in line)  # names may hold escape codes
    print(printable, file=sys.stderr if options.json else sys.stdout)
