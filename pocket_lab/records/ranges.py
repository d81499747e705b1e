"""Which numbers a record can have: none that was measured is below zero, or takes thirty years."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_LONGEST_S = 1e9
_CLOCKS_APART_S = 1e-3  # the clocks of two processes
_OF_USERS = ("Metric", "value")
SIGNED = {  # kind, field: what is not a count, a size or a duration
    ("Span", "start_s"),
    ("Span", "end_s"),
    ("NodeActivity", "start_s"),
    ("NodeActivity", "end_s"),
}
_UNBOUNDED = {"budget_s", "needed_s"}
_COUNTED = {"histogram", "recent"}  # pairs of a bucket or a slot, and how many there are


def check_ranges(kind: str, values: Mapping[str, Any]) -> None:
    """Raise ValueError for the first field of a record of this kind with a value that it cannot have."""
    for name, value in values.items():
        if not _is_possible(kind, name, value):
            raise ValueError(f"{name} is {value}, which is impossible")
    start_s, end_s = values.get("start_s"), values.get("end_s")
    if start_s is not None and end_s is not None and end_s < start_s - _CLOCKS_APART_S:
        raise ValueError(f"end_s is {end_s}, before start_s")


def _is_possible(kind: str, name: str, value: Any) -> bool:
    """Whether a field of this kind of record, which has its type, can have the value; NaN is "not known"."""
    if name in _COUNTED:
        return all(count >= 0 for _, count in value)
    if type(value) not in (int, float) or value != value or (kind, name) == _OF_USERS:
        return True
    if (kind, name) not in SIGNED and value < 0:
        return False
    if name == "share" and value > 1 + 1e-9:
        return False
    if name in _UNBOUNDED:
        return True
    return math.isfinite(value) and (not name.endswith("_s") or abs(value) <= _LONGEST_S)
