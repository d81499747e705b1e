"""Spans in the Trace Event Format, which chrome://tracing, Perfetto and Speedscope open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pocket_lab.errors import UsageError

_POINT = ["size", "workers", "executor", "drive"]
_EVENTS_A_WRITE = 10_000


def save_chrome(path: str | Path, spans: pd.DataFrame, name: str) -> Path:
    """Write `Trace.frame` as the JSON of the Trace Event Format and return the path.

    Each point is a process of the format, each worker a thread with its name; a worker process is a process of its own. A
    span is a complete event ("X") with its times in microseconds; the wait of an item is an asynchronous pair ("b", "e"),
    as waits overlap. Raises UsageError where the file cannot be written.
    """
    target = Path(path)
    events = trace_events(spans, name)
    try:
        with target.open("w", encoding="utf-8") as file:
            file.write('{"displayTimeUnit":"ms","traceEvents":[\n')
            first = True
            while chunk := [event for event, _ in zip(events, range(_EVENTS_A_WRITE), strict=False)]:
                file.write(("" if first else ",\n") + ",\n".join(chunk))
                first = False
            file.write("\n]}\n")
    except OSError as error:
        raise UsageError(f"the trace cannot be written to {target}: {error.strerror}") from error
    return target.resolve()


def trace_events(spans: pd.DataFrame, name: str) -> Iterator[str]:
    """The events, each as its JSON."""
    lanes: dict[tuple[Any, ...], tuple[int, int]] = {}
    processes: dict[tuple[Any, ...], int] = {}
    texts: dict[Any, str] = {}
    columns = ["id", "node", "phase", "action", "start_s", "end_s", "worker", "run", "item", "attempt", "outcome", *_POINT]
    rows = zip(*(spans[column].astype(object).where(spans[column].notna(), None) for column in columns), strict=True)
    for id, node, phase, action, start_s, end_s, worker, run, item, attempt, outcome, *point in rows:
        lane = lanes.get((worker, *point))
        if lane is None:
            apart = worker if worker.startswith("process ") else ""
            process = processes.setdefault((apart, *point), len(processes) + 1)
            lane = lanes[worker, *point] = (process, len(lanes) + 1)
            yield _named("process_name", *lane, " ".join(filter(None, [name, _spoken(point), apart])))
            yield _named("thread_name", *lane, worker)
        texts.setdefault(node, json.dumps(node))
        texts.setdefault(action, json.dumps(action))
        where = f'"pid":{lane[0]},"tid":{lane[1]},"cat":"{phase}"'
        details = f'"args":{{"run":{run},"item":{"null" if item is None else item}'
        if phase == "queue":
            yield f'{{"name":{texts[node]},"ph":"b","id":{id},"ts":{start_s * 1e6:.3f},{where},{details}}}}}'
            yield f'{{"name":{texts[node]},"ph":"e","id":{id},"ts":{end_s * 1e6:.3f},{where}}}'
        else:
            times = f'"ts":{start_s * 1e6:.3f},"dur":{(end_s - start_s) * 1e6:.3f}'
            more = f'"action":{texts[action]},"attempt":{attempt},"outcome":"{outcome}"'
            yield f'{{"name":{texts[node]},"ph":"X",{times},{where},{details},{more}}}}}'


def _named(kind: str, process: int, thread: int, name: str) -> str:
    return json.dumps({"name": kind, "ph": "M", "pid": process, "tid": thread, "ts": 0, "args": {"name": name}})


def _spoken(point: list[Any]) -> str:
    size, workers, executor, drive = point
    return f"{'' if size is None else f'size {size}, '}{executor} x {workers}, {drive}"
