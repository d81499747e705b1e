"""One place of a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["done", "budget", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Point:
    """One place of a sweep: what is run, on how much input, with how many workers of which kind."""

    target: str
    size: int | None
    workers: int
    executor: str
    drive: str
    rate: float | None = None
