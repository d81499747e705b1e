"""A Job: the target, its input, and the points to measure; everything that a measuring process needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from pocket_lab.graph.graph import Graph
from pocket_lab.measure.parameters.takers import NO_TAKERS, Takers
from pocket_lab.measure.sweep import Sweep
from pocket_lab.measure.worker.native_limit import NativeLimit
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Latency, Sample

OWN = "own"  # the executor of a callable that runs its own workers


class Input(Enum):
    """No input was given; None itself may be an input."""

    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure.

    `earlier` holds the samples of an interrupted measurement of the same points; `scratch` is a folder that the parent
    removes, for files that must not outlive the measuring process. `begun_s` is the begin of the measurement on the clock
    `time.monotonic`, which all processes share; `memory_pass` tells the sweep to leave time for one.
    `native_limit` is that of all planned points, also when some of them are closed. Where the points have parameters, `target`
    and `input` are those of a point only once `Combinations` has given them its values, as `takers` say.
    """

    target: Graph | Callable[..., Any]
    input: Any
    points: tuple[Point, ...]
    sweep: Sweep
    caveats: tuple[Caveat, ...] = ()
    earlier: tuple[Sample | Latency, ...] = ()
    scratch: str = ""
    begun_s: float | None = None
    memory_pass: bool = False
    native_limit: NativeLimit | None = None
    takers: Takers = NO_TAKERS

    @property
    def budget_s(self) -> float:
        """The seconds for all points together."""
        return self.sweep.budget_s

    @property
    def point_timeout_s(self) -> float | None:
        """The most seconds for one batch; None for no limit."""
        return self.sweep.point_timeout_s

    @property
    def isolation(self) -> str:
        """Where it is measured: "process" or "kernel"."""
        return self.sweep.isolation

    @property
    def hint(self) -> str:
        """What to do where a part cannot be pickled."""
        return 'build it inside the function that uses it, or measure in place with isolation="kernel"'

    def parts(self) -> dict[str, Any]:
        """The user's objects that are sent to the measuring process, by the names that error messages use."""
        return {f'target "{self.points[0].target}"': self.target, "input": self.input, **self.sweep.values.objects()}

    @property
    def runs_graphs(self) -> bool:
        """Whether a run is that of a graph."""
        return isinstance(self.target, Graph) or self.takers.is_graph

    def without(self, closed: Collection[Point], budget_s: float, samples: Sequence[Sample | Latency]) -> Job:
        """The open points with the samples that they have so far, within what remains of the budget."""
        return replace(
            self,
            points=tuple(point for point in self.points if point not in closed),
            sweep=replace(self.sweep, budget_s=budget_s),
            caveats=(),
            earlier=(*self.earlier, *samples),
        )
