"""The critical path of a trace: the spans that its end waited for, and the slack of the other spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from pocket_lab.analysis.timeline import Step, Strand, Timeline, strands_by_worker


def critical_path(traced: Timeline, wall_s: float) -> pd.DataFrame:
    """The spans of one point that its end waited for, in their order; `share` is of the wall time.

    It is found backwards from the span that ended last: the predecessor of a span is the previous span of its run; of the first
    span of an item, the previous span of its worker; of the first item of a worker, the span before the fan-out. A span with
    others inside is represented by those. No two overlap, so that their shares add up to at most 1.
    """
    steps = list(_backwards(traced.strands))[::-1]
    path = traced.spans.set_index("id", drop=False).loc[[step.id for step in steps]].reset_index(drop=True)
    seconds = pd.Series([step.seconds for step in steps], dtype=float)
    return path.assign(wall_s=seconds, share=seconds / wall_s if wall_s else 0.0)


def node_slack(traced: Timeline) -> dict[str, float]:
    """Seconds by which each node could take longer without delaying the end, with each item on its own worker.

    0 for the nodes on the critical path.
    """
    slack: dict[str, float] = {}
    for step, seconds in _slack(traced.strands, 0.0):
        slack[step.node] = min(slack.get(step.node, seconds), seconds)
    return slack


def _backwards(strands: Sequence[Strand]) -> Iterator[Step]:
    """The leaves on the critical path of concurrent strands, the last one first."""
    if not strands:
        return
    last = max(strands, key=lambda strand: strand.end_s)
    reached_s = last.end_s
    for strand in reversed(strands_by_worker(strands)[last.worker]):
        if strand.end_s > reached_s:  # it overlaps the one that is on the path
            continue
        reached_s = strand.start_s
        for step in reversed(strand.steps):
            if step.inside:
                yield from _backwards(step.inside)
            else:
                yield step


def _slack(strands: Sequence[Strand], around_s: float) -> Iterator[tuple[Step, float]]:
    """Every step with its slack; the step around all of them has `around_s`."""
    end_s = max((strand.end_s for strand in strands), default=0.0)
    for own in strands_by_worker(strands).values():
        seconds = around_s + end_s - max(strand.end_s for strand in own)
        for strand in own:
            for step in strand.steps:
                yield step, seconds
                yield from _slack(step.inside, seconds)
