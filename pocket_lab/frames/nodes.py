"""The time and memory of each node at each point of a bench."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pocket_lab.frames.memory import memory_frame
from pocket_lab.frames.points import location_in, parameter_names
from pocket_lab.frames.spans import node_times_frame
from pocket_lab.records.record import Record

_MEMORY = ["peak_bytes", "allocated_bytes", "allocations"]


def nodes_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per point and node: `calls`, seconds, share, waits, errors, and memory where there was a pass for it.

    Sorted by size and workers, then in the order in which nodes begin. Values that one of the two passes does not have, such
    as the times of a plain function, are missing (NaN).
    """
    times, memory = node_times_frame(records), memory_frame(records)
    if memory.empty:
        return times.sort_values(_order(times), kind="stable", ignore_index=True)
    location = [*location_in(memory), *parameter_names(memory)]
    keys, figures = ["node", *location], [name for name in times.columns if name not in location]
    if times.empty:
        times = memory[keys].iloc[:0].reindex(columns=[*figures, *location])
    both = times.merge(memory[[*keys, *_MEMORY]], on=keys, how="outer")  # `merge` sorts by the keys
    order = {node: number for number, node in enumerate(dict.fromkeys([*times["node"], *memory["node"]]))}
    both = both.sort_values("node", key=lambda nodes: nodes.map(order))
    both = both.sort_values(_order(both), kind="stable", ignore_index=True)
    return both[[*figures, *_MEMORY, *location]]


def _order(frame: pd.DataFrame) -> list[str]:
    """The location columns with the parameters one by one, of which numbers are in their order."""
    return [*(name for name in location_in(frame) if name != "params"), *parameter_names(frame)]
