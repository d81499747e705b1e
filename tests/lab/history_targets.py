"""Functions to measure, in a module that a measuring process imports quickly."""

from __future__ import annotations


def work(size: int) -> int:
    return sum(range(size))


def failing(size: int) -> int:
    raise ValueError(f"not {size}")
