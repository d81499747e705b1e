"""A point in words."""

from __future__ import annotations

from pocket_lab.records.point import Point
from pocket_lab.units import format_count


def place_of(point: Point) -> str:
    """Where in a sweep a point is: "size 1000, threads x 2"."""
    size = "" if point.size is None else f"size {format_count(point.size)}, "
    return f"{size}{point.executor} x {point.workers}"
