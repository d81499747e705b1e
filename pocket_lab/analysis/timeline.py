"""The spans of one point as a tree: a strand has consecutive steps, a step has concurrent strands inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd


@dataclass(slots=True)
class Step:
    """A span; `inside` are the strands that ran in it: the items of a fan-out, or the run of an inner graph.

    `seconds` is its duration, without the work of generators of other nodes that it resumed. Of these each is a step of its
    own, which follows at the end of the span: the moments at which they worked are not known one by one. Those that a span
    with others inside resumed (a generator of items) are `yielded_s`.
    """

    id: int
    node: str
    phase: str
    start_s: float
    end_s: float
    seconds: float
    inside: list[Strand] = field(default_factory=list)
    yielded_s: float = 0.0


@dataclass(slots=True)
class Strand:
    """Consecutive steps of one worker: a run, or an item of a fan-out."""

    worker: str
    run: int
    steps: list[Step] = field(default_factory=list)

    @property
    def start_s(self) -> float:
        """Start of its first step."""
        return self.steps[0].start_s

    @property
    def end_s(self) -> float:
        """End of its last step."""
        return self.steps[-1].end_s

    def yielded_s(self) -> float:
        """The work of generators that spans with others inside resumed, here and in the strands inside."""
        return sum(step.yielded_s + sum(strand.yielded_s() for strand in step.inside) for step in self.steps)

    def leaves(self) -> Iterator[Step]:
        """The steps with nothing inside, in which functions of nodes run."""
        for step in self.steps:
            if step.inside:
                for strand in step.inside:
                    yield from strand.leaves()
            else:
                yield step


@dataclass(frozen=True, slots=True)
class Timeline:
    """The outermost strands of one point, by start, and the rows of spans that they were made from."""

    strands: tuple[Strand, ...]
    spans: pd.DataFrame


def timeline(spans: pd.DataFrame) -> Timeline:
    """The spans of one point (rows of `Trace.frame`) as a tree; waits for a worker are not steps."""
    outermost: dict[tuple[int | None, int, int | None], Strand] = {}
    inside: dict[int, dict[tuple[int | None, int, int | None], Strand]] = {}
    steps: dict[int, Step] = {}
    yielded: dict[int, list[Step]] = {}
    worked = spans[spans["phase"] != "queue"].sort_values(["start_s", "id"], kind="stable")
    columns = ["id", "parent", "run", "item", "worker", "node", "phase", "start_s", "end_s", "busy_s"]
    for id, parent, run, item, worker, node, phase, start_s, end_s, busy_s in zip(
        *(worked[name].astype(object).where(worked[name].notna(), None) for name in columns), strict=True
    ):
        steps[id] = Step(id, node, phase, start_s, end_s, end_s - start_s if busy_s is None else busy_s)
        if parent is not None and phase == "yield":
            yielded.setdefault(parent, []).append(steps[id])
            continue
        strands = outermost if parent is None else inside.setdefault(parent, {})
        strands.setdefault((parent, run, item), Strand(worker, run)).steps.append(steps[id])
    for parent, strands in inside.items():
        steps[parent].inside = list(strands.values())
    for strand in [*outermost.values(), *(strand for strands in inside.values() for strand in strands.values())]:
        strand.steps = [step for outer in strand.steps for step in _apart(outer, yielded.get(outer.id, []))]
    return Timeline(tuple(outermost.values()), spans)


def _apart(step: Step, yielded: Sequence[Step]) -> list[Step]:
    """A step, and the work of generators in it as steps at its end; those of a span with others inside are part of it."""
    if step.inside:
        step.yielded_s = sum(other.seconds for other in yielded)
        return [step]
    for other in yielded:
        step.seconds = max(step.seconds - other.seconds, 0.0)
        other.start_s = other.end_s = step.end_s
    return [step, *yielded]


def strands_by_worker(strands: Sequence[Strand]) -> dict[str, list[Strand]]:
    """The strands of each worker, by start."""
    found: dict[str, list[Strand]] = {}
    for strand in sorted(strands, key=lambda strand: strand.start_s):
        found.setdefault(strand.worker, []).append(strand)
    return found
