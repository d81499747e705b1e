"""The target of a job with marker frames below its visits (`graph.runtime.markers`), for an instrument that samples stacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.runtime.markers import marked
from pocket_lab.measure.job import Job


def with_markers(job: Job, observer: Observer) -> Job:
    """The job with an observed target, whose observer asks for markers; a callable is called below a marker of its name."""
    if isinstance(job.target, Graph):
        return replace(job, target=job.target.observed(observer))
    return replace(job, target=MarkedCallable(job.target, job.points[0].target))


class MarkedCallable:
    """A callable, called through a marker frame; in worker processes, too."""

    def __init__(self, function: Callable[..., Any], node: str) -> None:
        self.__wrapped__ = function  # which its signature and its caches are found by
        self.__name__ = node
        self._node = node
        self._call = marked(function, node)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, below the marker."""
        return self._call(*args, **kwargs)

    def __reduce__(self) -> tuple[type[MarkedCallable], tuple[Callable[..., Any], str]]:
        return MarkedCallable, (self.__wrapped__, self._node)
