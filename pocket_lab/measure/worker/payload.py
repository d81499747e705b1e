"""A task and its job as bytes for another process; what cannot be sent is named."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from pocket_lab.errors import UsageError
from pocket_lab.executors.pickling import dumps
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node


class Sendable(Protocol):
    """A job for a measuring process."""

    @property
    def hint(self) -> str:
        """What helps where a part cannot be sent."""

    def parts(self) -> dict[str, Any]:
        """What of the user's is in it."""


def dump(task: Callable[..., Any], job: Sendable) -> bytes:
    """The pickled (task, job); raises a UsageError that names the object which cannot be sent, and the way out."""
    try:
        return dumps((task, job))
    except Exception as error:  # any class may fail to pickle in its own way
        place, reason = _culprit(job, error)
        raise UsageError(f"{place} cannot be sent to the measuring process ({reason}); {job.hint}") from error


def _culprit(job: Sendable, error: Exception) -> tuple[str, Exception]:
    found = _unpicklable(job.parts(), error)
    while found is not None:
        place, part, error = found
        inner = {f"{place}: {name}": value for name, value in _parts(part)}
        found = _unpicklable(inner, error)
        if found is None:
            return place, error
    return "the job", error


def _unpicklable(parts: dict[str, Any], error: Exception) -> tuple[str, Any, Exception] | None:
    for place, part in parts.items():
        try:
            dumps(part)
        except Exception as found:  # as above
            return place, part, found
    return None


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """The named things inside a thing that are pickled with it."""
    if isinstance(thing, Graph):
        yield from ((f'node "{node.name}"', node) for node in thing.nodes.values())
        yield "store", thing.store
    elif isinstance(thing, Node):
        yield from thing.phases()
        yield from ((f'node "{node.name}"', node) for node in thing.inner())
    elif inspect.isfunction(thing):
        used = inspect.getclosurevars(thing)
        yield from ((f'variable "{name}"', value) for name, value in {**used.nonlocals, **used.globals}.items())
    elif isinstance(thing, dict):
        yield from ((f"key {key!r}", value) for key, value in thing.items())
    elif hasattr(thing, "__dict__") and not inspect.ismodule(thing):
        yield from ((f'attribute "{name}"', value) for name, value in vars(thing).items())
