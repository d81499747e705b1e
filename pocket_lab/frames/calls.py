"""Stacks as a call tree: one row per call, depth first, the heaviest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pocket_lab.frames.points import LOCATION_COLUMNS, location_columns, location_in, with_point_types
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Stack
from pocket_lab.stats.median_interval import NAN

WALL, CPU, BYTES = "s", "cpu_s", "B"
_TIME_COLUMNS = ["node", "depth", "function", "file", "line", "self_s", "total_s", "self_cpu_s", "cpu_s", "share", "samples"]
_MEMORY_COLUMNS = ["node", "depth", "function", "file", "line", "self_bytes", "total_bytes", "share", "allocations"]


_NO_CPU = {"self_cpu_s": NAN, "cpu_s": NAN}


@dataclass(slots=True)
class _Call:
    """A function at one position of the call tree, with its own weight and its total with all calls below it, by unit."""

    function: str
    file: str
    line: int
    own: dict[str, float] = field(default_factory=dict)
    total: dict[str, float] = field(default_factory=dict)
    count: int = 0
    below: dict[tuple[str, str, int], _Call] = field(default_factory=dict)

    def callee(self, function: str, file: str, line: int) -> _Call:
        """The call of a function from this one, created at its first occurrence."""
        key = function, file, line
        if key not in self.below:
            self.below[key] = _Call(function, file, line)
        return self.below[key]


def times_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per call under each node: self and total wall seconds, self and total (`cpu_s`) CPU seconds, share, samples.

    Depth 0 is the node, depth 1 its own function. `share` is of the wall time of all nodes at the point; CPU seconds are
    NaN where the system does not report those of a thread.
    """
    rows = []
    for point, roots in _trees(records, (WALL, CPU)).items():
        whole = sum(root.total.get(WALL, 0.0) for root in roots)
        has_cpu = any(CPU in root.total for root in roots)
        for node, depth, call in _in_order(roots, WALL):
            wall_s = call.total.get(WALL, 0.0)
            times = {"self_s": call.own.get(WALL, 0.0), "total_s": wall_s}
            times |= {"self_cpu_s": call.own.get(CPU, 0.0), "cpu_s": call.total.get(CPU, 0.0)} if has_cpu else _NO_CPU
            share = {"share": wall_s / whole if whole else 0.0, "samples": call.count}
            rows.append({**_position(node, depth, call), **times, **share, **location_columns(point)})
    return with_point_types(pd.DataFrame(rows, columns=[*_TIME_COLUMNS, *LOCATION_COLUMNS]))


def bytes_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per call under each node: self and total bytes that were alive at the peak of the process."""
    rows = []
    for point, roots in _trees(records, (BYTES,)).items():
        whole = sum(root.total.get(BYTES, 0.0) for root in roots)
        for node, depth, call in _in_order(roots, BYTES):
            total = call.total.get(BYTES, 0.0)
            sizes = {"self_bytes": int(call.own.get(BYTES, 0.0)), "total_bytes": int(total)}
            share = {"share": total / whole if whole else 0.0, "allocations": call.count}
            rows.append({**_position(node, depth, call), **sizes, **share, **location_columns(point)})
    return with_point_types(pd.DataFrame(rows, columns=[*_MEMORY_COLUMNS, *LOCATION_COLUMNS]))


def own_times(calls: pd.DataFrame) -> pd.DataFrame:
    """One row per point and function of a node with its self time, on the clock and on the cores, summed over its callers.

    The largest self time comes first; `share` is of the time of all nodes at the point.
    """
    called = calls[(calls["depth"] > 0) & (calls["self_s"] > 0)]
    location = location_in(calls)
    key = ["node", "function", "file", "line", *location]
    sums = called.groupby(key, sort=False, dropna=False)[["self_s", "self_cpu_s"]].sum(min_count=1).reset_index()
    whole = sums.groupby(location, dropna=False)["self_s"].transform("sum")
    sums["share"] = (sums["self_s"] / whole.where(whole > 0)).fillna(0.0)
    return sums.sort_values("self_s", ascending=False, ignore_index=True)


def _position(node: str, depth: int, call: _Call) -> dict[str, Any]:
    return {"node": node, "depth": depth, "function": call.function, "file": call.file, "line": call.line}


def _trees(records: Iterable[Record], units: Sequence[str]) -> dict[Point, list[_Call]]:
    """The call trees of each point, one per node."""
    roots: dict[Point, dict[str, _Call]] = {}
    for record in records:
        if not isinstance(record, Stack) or record.unit not in units:
            continue
        nodes = roots.setdefault(record.point, {})
        call = nodes.setdefault(record.node, _Call(record.node, "", 0))
        path = [call]
        for frame in record.frames:
            call = call.callee(*frame)
            path.append(call)
        call.own[record.unit] = call.own.get(record.unit, 0.0) + record.weight
        for caller in path:
            caller.total[record.unit] = caller.total.get(record.unit, 0.0) + record.weight
            caller.count += record.count if record.unit == units[0] else 0
    return {point: list(nodes.values()) for point, nodes in roots.items()}


def _in_order(roots: list[_Call], unit: str) -> Iterable[tuple[str, int, _Call]]:
    """The calls depth first, by weight; iterative, because a stack may be deeper than Python's recursion limit."""

    def heaviest_last(calls: Iterable[_Call]) -> list[_Call]:
        return sorted(calls, key=lambda call: call.total.get(unit, 0.0))

    waiting = [(root.function, 0, root) for root in heaviest_last(roots)]
    while waiting:
        node, depth, call = waiting.pop()
        yield node, depth, call
        waiting += [(node, depth + 1, below) for below in heaviest_last(call.below.values())]
