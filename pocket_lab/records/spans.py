"""Who ran when, and what each node took."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point


@dataclass(frozen=True, slots=True)
class Span:
    """One phase of a visit to a node, in seconds since the run of its point began, stamped where it was.

    `phase` is "prep", "exec" (with its fallback) or "post"; "retry" is an attempt that failed with the wait after it; "queue"
    is how long an item waited for a worker: from when its fan-out began, or `map`, until its first node did. `run` counts the
    outermost runs from 0, `parent` is the id of the span inside of which it lies (of a fan-out, or of a graph in a graph).
    `action` is set on the last phase of a visit, `attempt` counts from 1, `outcome` is "ok" or "failed". `worker` is the
    name of a thread or of an asyncio task, or "process" and its id; `item` the index of the nearest item around it.

    The phase "yield" is the work of a generator, or of another lazy result of the node, inside the span that resumed it (its
    parent): from the first resumption there to the last; all `resumptions` took `busy_s`, and timing them `cost_s` more.
    """

    point: Point
    run: int
    id: int
    parent: int | None
    node: str
    phase: str
    action: str
    start_s: float
    end_s: float
    worker: str
    item: int | None
    attempt: int
    outcome: str
    busy_s: float | None = None
    cost_s: float = 0.0
    resumptions: int = 0


@dataclass(frozen=True, slots=True)
class Traced:
    """One run of a point (under load, one window) that took `wall_s`, with its number of `visits` to nodes.

    The cost of the instrument, calibrated in the same process: `inside_s` is part of every span, `outside_s` follows every
    visit.
    """

    point: Point
    wall_s: float
    visits: int
    inside_s: float
    outside_s: float


@dataclass(frozen=True, slots=True)
class NodeTime:
    """What one node took in one traced run: `wall_s` without the nodes inside it, `queue_s` the waits of its items."""

    point: Point
    node: str
    calls: int
    wall_s: float
    share: float
    queue_s: float
    errors: int
