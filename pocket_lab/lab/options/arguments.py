"""The options of a verb as arguments of a parser: for the line of a magic and for the shell."""

from __future__ import annotations

import argparse
import difflib
from typing import Any

from pocket_lab.lab.options.option import Face
from pocket_lab.lab.options.table import options_of
from pocket_lab.lab.options.verbs import HISTORY, Verb


def add_arguments(parser: argparse.ArgumentParser, verb: Verb, face: Face) -> None:
    """Add the targets and the options of a verb; an option of the Python function is None if not given."""
    source = " (module:name)" if face == "shell" else " (an expression of this notebook)"
    for name, help in verb.targets:
        is_optional = verb is HISTORY or (verb.has_cell and face == "magic")
        parser.add_argument(name, nargs="?" if is_optional else None, help=help + (source if verb.has_objects else ""))
    for option in options_of(verb.name, face):
        how: dict[str, Any] = {"metavar": option.metavar}
        if option.kind == "flag":
            how = {"action": "store_false" if option.is_on else "store_true"}
        elif option.kind == "axes":
            how["action"] = "append"
        help = option.help_of(verb.name, face).replace("%", "%%")
        default = None if "python" in option.faces else option.default_of(verb.name)
        parser.add_argument(*option.flags, dest=option.name, default=default, help=help, **how)


def with_nearest(message: str, verb: str, face: Face) -> str:
    """The message of a parser that refuses an unknown option, with the nearest option of the verb."""
    unknown = next((word.partition("=")[0] for word in message.split() if word.startswith("--")), None)
    if unknown is None or "unrecognized arguments" not in message:
        return message
    near = difflib.get_close_matches(unknown, [flag for option in options_of(verb, face) for flag in option.flags], 1)
    return f"{message}; did you mean {near[0]}?" if near else message
