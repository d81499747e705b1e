"""Large objects that functions of a target capture, and that go to each worker process with them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from pocket_lab.executors.pickling import dumps
from pocket_lab.executors.registry import is_remote
from pocket_lab.graph.callables import name_of
from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import Job
from pocket_lab.records.caveat import Caveat
from pocket_lab.units import format_bytes

LARGE = 1 << 20  # bytes


def captured_caveats(job: Job) -> Iterator[Caveat]:
    """The names and sizes of large objects, where a point of the job has worker processes.

    Functions that those import by name capture nothing.
    """
    executors = sorted({point.executor for point in job.points if is_remote(point.executor)})
    if not executors:
        return
    target = job.target
    functions = [f for node in target.walk() for _, f in node.phases()] if isinstance(target, Graph) else [target]
    named: set[int] = set()
    for function in functions:
        for name, value in _captured(inspect.unwrap(function) if callable(function) else function):
            if id(value) not in named and (size := _size(value)) >= LARGE:
                named.add(id(value))
                message = (
                    f'{name_of(function)} captures "{name}" ({format_bytes(size)}), which goes to each worker of '
                    f"{', '.join(executors)}, and again where it has changed: load it in the function, or pass it as input"
                )
                yield Caveat("captured-large", message)


def _captured(function: Any) -> Iterator[tuple[str, Any]]:
    """The variables of a function that are pickled with it, by name."""
    if not isinstance(function, FunctionType) or not _goes_by_value(function):
        return
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            value = cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
        yield name, value
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _goes_by_value(function: FunctionType) -> bool:
    return function.__module__ in (None, "__main__") or "<" in function.__qualname__


def _size(value: Any) -> int:
    """The bytes of its pickle; 0 for what goes by its name, and for what cannot be pickled."""
    if isinstance(value, ModuleType | type) or callable(value):
        return 0
    try:
        return len(dumps(value))
    except Exception:  # any class may fail to pickle in its own way
        return 0
