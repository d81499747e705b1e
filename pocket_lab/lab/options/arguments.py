"""The options of a verb as arguments of a parser: for a magic's line and for the shell."""

from __future__ import annotations

import argparse
import difflib
from typing import Any

from pocket_lab.lab.options.option import Face
from pocket_lab.lab.options.table import options_of
from pocket_lab.lab.options.verbs import Verb


def add_arguments(parser: argparse.ArgumentParser, verb: Verb, face: Face) -> None:
    """Add the targets and the options of a verb; what is not given is None, so that the verb's own default holds."""
    for name, help in verb.targets:
        source = "module:name" if face == "shell" else "an expression of this notebook"
        optional: dict[str, Any] = {"nargs": "?"} if verb.has_cell and face == "magic" else {}
        parser.add_argument(name, help=f"{help} ({source})", **optional)
    add_options(parser, verb.name, face)


def add_options(parser: argparse.ArgumentParser, verb: str, face: Face) -> None:
    """Add the options of a verb alone."""
    for option in options_of(verb, face):
        how: dict[str, Any] = {"action": "store_true"} if option.kind == "flag" else {"metavar": option.metavar}
        help = option.help_of(verb, face).replace("%", "%%")
        parser.add_argument(*option.flags, dest=option.name, default=None, help=help, **how)


def nearest_option(parser: argparse.ArgumentParser, message: str) -> str:
    """The message of a parser, with the nearest option where it refuses an unknown one."""
    unknown = next((word for word in message.split() if word.startswith("--")), None)
    if unknown is None or "unrecognized" not in message:
        return message
    known = [flag for action in parser._actions for flag in action.option_strings]
    near = difflib.get_close_matches(unknown, known, 1)
    return f"{message}; did you mean {near[0]}?" if near else message
