"""The records of a failed point: the error with its frames, a sample without a time, and the end of the point."""

from __future__ import annotations

from collections.abc import Iterator

from pocket_lab.errors import NodeError
from pocket_lab.executors.faults.foreign import is_a
from pocket_lab.executors.outcome import pack_error, root_cause, text_of
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.worker.kernel_names import explained
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.stats.median_interval import NAN

_NO_INPUT = "no size and no input were given, so the input was None"


def failed_point(point: Point, round_number: int, error: BaseException) -> Iterator[Record]:
    """The records of an error at a point, in the order in which they are yielded."""
    yield Failure(point, pack_error(explained(error)))
    yield Sample(point, round_number, 0, NAN, NAN, 0, error=text_of(error))
    yield Closed(point, "failed")


def with_hint(error: BaseException, job: Job, point: Point) -> BaseException:
    """The error with what explains it, such as the None of a missing input on which the first node of a graph failed."""
    if job.input is not Input.ABSENT or point.size is not None or not isinstance(job.target, Graph):
        return explained(error)
    cause = root_cause(error)
    if type(error) is not NodeError or not is_a(cause, TypeError, AttributeError):
        return explained(error)
    if "NoneType" not in text_of(cause) or error.node not in _first_names(job.target):
        return explained(error)
    hinted = NodeError(error.node, error.phase, error.item, f"{error.reason} ({_NO_INPUT})")
    hinted.__cause__ = error.__cause__
    return hinted.with_traceback(error.__traceback__)


def _first_names(graph: Graph) -> Iterator[str]:
    """What errors call the nodes that a run calls first: of a graph as a node, its own and that of its first node."""
    first: tuple[Node, ...] = (graph.first,)
    while first:
        yield from (name for name, node in graph.labelled() if node is first[0])
        first = first[0].inner()[:1]
