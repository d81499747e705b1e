"""Spans in the Trace Event Format, which chrome://tracing, Perfetto and Speedscope open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from pocket_lab.errors import UsageError
from pocket_lab.frames.points import location_in, point_of
from pocket_lab.records.point import describe

_EVENTS_A_WRITE = 10_000


def save_chrome(path: str | Path, spans: pd.DataFrame, name: str) -> Path:
    """Write `Trace.frame` as the JSON of the Trace Event Format and return the path.

    Each point is a process of the format, each worker a thread with its name; a worker process is a separate process. A
    span is a complete event ("X") with its times in microseconds; the wait of an item is an asynchronous pair ("b", "e"),
    since waits overlap. Raises UsageError if the file cannot be written.
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
    """The events, each as JSON."""
    threads: dict[tuple[Any, ...], str] = {}
    processes: dict[tuple[Any, ...], int] = {}
    text = cache(json.dumps)
    columns = ["id", "node", "phase", "action", "start_s", "end_s", "worker", "run", "item", "attempt", "outcome"]
    columns += (location := location_in(spans))
    rows = zip(*(spans[column].astype(object).where(spans[column].notna(), None) for column in columns), strict=True)
    for id, node, phase, action, start_s, end_s, worker, run, item, attempt, outcome, *point in rows:
        ids = threads.get((worker, *point))
        if ids is None:
            own_process = worker if worker.startswith("process ") else ""
            process = processes.setdefault((own_process, *point), len(processes) + 1)
            ids = threads[worker, *point] = f'"pid":{process},"tid":{len(threads) + 1}'
            where = describe(point_of(dict(zip(location, point, strict=True))))
            yield _named("process_name", ids, " ".join(filter(None, [name, where, own_process])))
            yield _named("thread_name", ids, worker)
        begun = f'{{"name":{text(node)},"cat":"{phase}",{ids},"ts":{start_s * 1e6:.3f}'
        args = f'"args":{{"run":{run},"item":{"null" if item is None else item}'
        if phase == "queue":
            yield f'{begun},"ph":"b","id":{id},{args}}}}}'
            yield f'{{"name":{text(node)},"cat":"{phase}",{ids},"ts":{end_s * 1e6:.3f},"ph":"e","id":{id}}}'
        else:
            more = f'"action":{text(action)},"attempt":{attempt},"outcome":"{outcome}"'
            yield f'{begun},"ph":"X","dur":{(end_s - start_s) * 1e6:.3f},{args},{more}}}}}'


def _named(kind: str, ids: str, name: str) -> str:
    return f'{{"name":"{kind}","ph":"M",{ids},"ts":0,"args":{{"name":{json.dumps(name)}}}}}'
