"""A point of a sweep, the key of everything that is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pocket_lab.errors import printable
from pocket_lab.units import format_count

Status = Literal["done", "budget", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Point:
    """What is run, on how much input, with how many workers of which kind, and how it is driven."""

    target: str
    size: int | None
    workers: int
    executor: str
    drive: str
    rate: float | None = None


def describe(point: Point) -> str:
    """A point in words, without its target: "size 1000, threads x 2", "threads x 2, load at 50 requests a second"."""
    size = "" if point.size is None else f"size {format_count(point.size)}, "
    drive = "" if point.drive == "run" else f", {point.drive}"
    rate = "" if point.rate is None else f" at {point.rate:g} requests a second"
    return printable(f"{size}{point.executor} x {point.workers}{drive}{rate}")
