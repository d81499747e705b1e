"""A point of a sweep, the key of everything that is measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

from pocket_lab.errors import printable
from pocket_lab.units import format_count

Status = Literal["done", "budget", "cancelled", "failed"]
Params = tuple[tuple[str, str], ...]

_SPECIAL = re.compile(r"[\\,]")
_BETWEEN = re.compile(r"(?<!\\)(?:\\\\)*, ")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Point:
    """What is run, on how much input, with how many workers of which kind, and how it is driven.

    `params` are the names of parameters with the labels of their values, in the order of the sweep.
    """

    target: str
    size: int | None
    workers: int
    executor: str
    drive: str
    rate: float | None = None
    params: Params = ()


POINT_FIELDS = tuple(field.name for field in fields(Point))


def column_of(point: Point, name: str) -> Any:
    """The value of a field as it is in a column: of `params` their text."""
    return params_text(point.params) if name == "params" else getattr(point, name)


@lru_cache(maxsize=100_000)
def params_text(params: Params) -> str:
    """A combination as one text, "chunk=8, cache=1000", from which `parse_params` makes it again; "" for none."""
    return ", ".join(f"{name}={_SPECIAL.sub(_escape, label)}" for name, label in params)


@lru_cache(maxsize=100_000)
def parse_params(text: str) -> Params:
    """The combination of a text that `params_text` made."""
    pairs, begin = [], 0
    for end in [*(found.end() - 2 for found in _BETWEEN.finditer(text)), len(text)]:
        name, _, label = text[begin:end].partition("=")
        pairs.append((name, _ESCAPED.sub(r"\1", label)))
        begin = end + 2
    return tuple(pairs) if text else ()


def describe_params(params: Iterable[tuple[str, str]]) -> str:
    """A combination in words: "chunk 8, cache 1000"."""
    return ", ".join(f"{name} {label}" for name, label in params)


def describe(point: Point) -> str:
    """A point in words, without its target: "size 1000, chunk 8, threads x 2", "threads x 2, load at 50 requests a second"."""
    size = "" if point.size is None else f"size {format_count(point.size)}, "
    params = f"{describe_params(point.params)}, " if point.params else ""
    drive = "" if point.drive == "run" else f", {point.drive}"
    rate = "" if point.rate is None else f" at {point.rate:g} requests a second"
    return printable(f"{size}{params}{point.executor} x {point.workers}{drive}{rate}")


def _escape(found: re.Match[str]) -> str:
    return f"\\{found[0]}"
