"""A doubt about a result, with the code that names its kind."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point


@dataclass(frozen=True, slots=True)
class Caveat:
    """A doubt about a result, in one sentence; `point` is None where it holds for the whole sweep."""

    code: str
    message: str
    point: Point | None = None
