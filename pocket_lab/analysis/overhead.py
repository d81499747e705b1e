"""What of a traced run no node accounts for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pocket_lab.analysis.timeline import Strand, Timeline


@dataclass(frozen=True, slots=True)
class Overhead:
    """Seconds of a run in which no function of a node was at work on any worker, and their share of `wall_s`.

    `instrument_s` is what recording the spans took of that, already taken off.
    """

    seconds: float
    share: float
    wall_s: float
    instrument_s: float


def overhead(traced: Timeline, wall_s: float, visits: int, outside_s: float, *, drive: str = "run") -> Overhead:
    """What the runtime itself took of the run of one point: sending items, going from node to node, starting and ending.

    Under "load" it is taken of the time of the requests, as clients may have nothing to do. `outside_s` is the cost of
    recording one of the `visits`, which workers do side by side. The work of generators that a fan-out reads is a node's, even
    where other workers were at work at that time: the rest is at least the result.
    """
    strands, spans = traced.strands, traced.spans
    if drive == "load":
        wall_s = sum(strand.end_s - strand.start_s for strand in strands)
        idle_s = sum(strand.end_s - strand.start_s - _busy_s([strand]) - strand.yielded_s() for strand in strands)
        workers = 1
    else:
        idle_s = wall_s - _busy_s(strands) - sum(strand.yielded_s() for strand in strands)
        workers = max(spans.loc[spans["phase"] != "queue", "worker"].nunique(), 1)
    instrument_s = min(visits * outside_s / workers, max(idle_s, 0.0))
    seconds = max(idle_s - instrument_s, 0.0)
    return Overhead(seconds, seconds / wall_s if wall_s else 0.0, wall_s, instrument_s)


def _busy_s(strands: Sequence[Strand]) -> float:
    """The seconds during which at least one leaf was at work."""
    total_s, reached_s = 0.0, -float("inf")
    for start_s, end_s in sorted((step.start_s, step.end_s) for strand in strands for step in strand.leaves()):
        total_s += max(end_s - max(start_s, reached_s), 0.0)
        reached_s = max(reached_s, end_s)
    return total_s
