"""The critical path of a trace: the spans that its end waited for, and the slack of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from pocket_lab.analysis.timeline import Step, Strand, Timeline, lanes


def critical_path(traced: Timeline, wall_s: float) -> pd.DataFrame:
    """The spans of one point that its end waited for, in their order; `share` is of the wall time.

    From the span that ended last back: before a span stands the one before it in its run; before the first of an item, what
    its worker did before; before the first item of a worker, what stood before the fan-out. Spans with others inside are
    represented by those. No two overlap, so that their shares add up to at most 1.
    """
    ids = [step.id for step in _backwards(traced.strands)][::-1]
    path = traced.spans.set_index("id", drop=False).loc[ids].reset_index(drop=True)
    seconds = path["end_s"] - path["start_s"]
    return path.assign(wall_s=seconds, share=seconds / wall_s if wall_s else 0.0)


def node_slack(traced: Timeline) -> dict[str, float]:
    """Seconds by which each node could take longer before the end would come later, each item on the worker that it had.

    0 for the nodes on the critical path.
    """
    slack: dict[str, float] = {}
    for step, seconds in _slack(traced.strands, 0.0):
        slack[step.node] = min(slack.get(step.node, seconds), seconds)
    return slack


def _backwards(strands: Sequence[Strand]) -> Iterator[Step]:
    """The leaves on the critical path of strands that run side by side, the last one first."""
    if not strands:
        return
    last = max(strands, key=lambda strand: strand.end_s)
    reached_s = last.end_s
    for strand in reversed(lanes(strands)[last.worker]):
        if strand.end_s > reached_s:  # it ran beside the one that is on the path
            continue
        reached_s = strand.start_s
        for step in reversed(strand.steps):
            if step.inside:
                yield from _backwards(step.inside)
            else:
                yield step


def _slack(strands: Sequence[Strand], around_s: float) -> Iterator[tuple[Step, float]]:
    """Every step with its slack; the one around all of them has `around_s`."""
    end_s = max((strand.end_s for strand in strands), default=0.0)
    for lane in lanes(strands).values():
        seconds = around_s + end_s - max(strand.end_s for strand in lane)
        for strand in lane:
            for step in strand.steps:
                yield step, seconds
                yield from _slack(step.inside, seconds)
