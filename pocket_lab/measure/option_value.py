"""The value of an option, parsed; what is wrong with it is one line that names the option."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pocket_lab.errors import UsageError

T = TypeVar("T")


def parse_option(name: str, parse: Callable[[Any], T], value: Any, example: str | None = None) -> T:
    """What the parser makes of a value; raises a UsageError for a value that it refuses and for one of a wrong type."""
    with option_named(name):
        try:
            return parse(value)
        except (TypeError, ValueError, AttributeError, OverflowError):
            hint = "" if example is None else f"; write for example {example}"
            raise UsageError(f"{reprlib.repr(value)} is not a valid value{hint}") from None


@contextmanager
def option_named(name: str) -> Iterator[None]:
    """Put the name of the option in front of a UsageError that does not begin with it, and make it one line."""
    try:
        yield
    except UsageError as error:
        message = " ".join(str(error).split("\n"))
        if not re.match(rf"{re.escape(name)}\b", message):
            message = f"{name}: {message}"
        raise UsageError(message) from None
