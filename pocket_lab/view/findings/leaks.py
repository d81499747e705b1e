"""The leaks of a target in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from pocket_lab.analysis.leaks import CANNOT_TELL, GROWS, KEPT, WHILE
from pocket_lab.frames.points import location_in
from pocket_lab.records.leaks import WORKER
from pocket_lab.view.text.leaks_table import amount, creation_site, series_name

Row = Mapping[Any, Any]


def leaks_sentences(frame: pd.DataFrame, runs: int) -> Iterator[str]:
    """A sentence per leak, and one about memory if it does not grow."""
    several = frame[location_in(frame)].drop_duplicates().shape[0] > 1
    for row in frame.to_dict("records"):
        point = f"{series_name(row)}: " if several else "worker processes: " if row["process"] == WORKER else ""
        where = f', made in node "{row["node"]}"' if row["node"] else ""
        at = f" at {creation_site(row)}" if row["file"] else ""
        if row["kind"] == "memory":
            yield point + _memory_sentence(row, runs)
        elif row["verdict"] == GROWS:
            count, kind = amount(row["per_run"], row["unit"]), _plural(row["kind"], row["per_run"])
            yield f"{point}Leaks {count} {kind} a run: {row['name']}{where}{at}."
        elif row["verdict"] == KEPT:
            yield f"{point}Kept, but not growing: {row['kind']} {row['name']}{where}{at}."


def _memory_sentence(row: Row, runs: int) -> str:
    if row["verdict"] == GROWS:
        node = f', node "{row["node"]}"' if row["node"] else ""
        source = f"; most of it from {creation_site(row)}{node}" if row["file"] else ""
        per_run, low, high = (amount(row[name], row["unit"]) for name in ("per_run", "low", "high"))
        return f"Leaks {per_run} a run [{low}, {high}] ({row['name']}){source}."
    if row["verdict"] == CANNOT_TELL and WHILE in row["name"]:
        per_run = amount(row["per_run"], row["unit"])
        return f"Memory: cannot tell yet: it rises by {per_run} a run ({row['name']}); use more runs, so that it gets full."
    if row["verdict"] == KEPT:
        return f"Memory: rose by {amount(row['left'], row['unit'])} and has stopped, so it is kept and does not grow."
    if row["verdict"] == CANNOT_TELL:
        return f"Memory: cannot tell from {runs} runs whether it grows; use more runs, for example runs={max(30, 3 * runs)}."
    return f"Memory: no growth seen in {runs} runs."


def _plural(kind: str, count: float) -> str:
    return kind if count == 1 else f"{kind}es" if kind == "process" else f"{kind}s"
