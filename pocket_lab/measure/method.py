"""The method of a sweep: the options that decide what its times mean, whatever the points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

METHOD_OPTIONS = ("isolation", "fresh_input", "store", "caches", "native_threads")


class Difference(NamedTuple):
    """An option that two sweeps have with different values."""

    option: str
    a: Any
    b: Any


def method_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    """The options of the method that differ between two sweeps (the fields of `Sweep` by name); a missing one is unknown."""
    for option in METHOD_OPTIONS:
        if option in a and option in b and a[option] != b[option]:
            yield Difference(option, a[option], b[option])
