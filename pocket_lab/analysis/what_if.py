"""What a run would gain if one node were faster: its schedule replayed with other durations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

import pandas as pd

from pocket_lab.analysis.timeline import Step, Strand, Timeline, strands_by_worker
from pocket_lab.errors import UsageError
from pocket_lab.graph.lookup import leads

_OWN = ("prep", "exec", "post", "yield")


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The run takes `gain` (a fraction) less time if `node` is `speedup` times as fast.

    Both replays use the same schedule, so that an unchanged node gains nothing; `before_s` compared with `measured_s` shows how
    well the replay reproduces the run.
    """

    node: str
    speedup: float
    gain: float
    before_s: float
    after_s: float
    measured_s: float
    gainer: str = "the run"


def what_if(traced: Timeline, node: str, speedup: float, wall_s: float, *, drive: str = "run") -> WhatIf:
    """Replay the run of one point, which took `wall_s`, with the node's own phases `speedup` times as fast.

    Items go to the first free worker (list scheduling, Graham 1969) in the order in which they began, on as many workers as
    they had; gaps between spans and failed attempts with their waits do not change. A faster fan-out or inner graph is faster
    with all that it contains, unless a node inside it has its name: then that node alone is. Under "load" the gain is that of
    the requests. Raises UsageError for an unknown node, and for a speedup that is not positive.
    """
    if not speedup > 0:
        raise UsageError(f"speedup={speedup!r}: a node is some positive number of times as fast, for example 2")
    node = _label(traced.spans, node)
    strands = traced.strands
    if drive == "load":
        before_s, after_s = (sum(_strand_s(s, node, factor) for s in strands) for factor in (1.0, speedup))
        measured_s = sum(strand.end_s - strand.start_s for strand in strands)
    else:
        around_s = wall_s - max(strand.end_s for strand in strands) + min(strand.start_s for strand in strands)
        before_s, after_s = (around_s + _group_s(strands, node, factor) for factor in (1.0, speedup))
        measured_s = wall_s
    gain = 1 - after_s / before_s if before_s else 0.0
    return WhatIf(node, speedup, gain, before_s, after_s, measured_s, "a request" if drive == "load" else "the run")


def _label(spans: pd.DataFrame, node: str) -> str:
    """What the trace calls the node of this name, or of a path of names of nodes around it and its own."""
    labels = list(dict.fromkeys(spans["node"]))
    if node in labels:
        return node
    rows = {id: (label, parent) for id, label, parent in zip(spans["id"], spans["node"], spans["parent"], strict=True)}
    found = {}
    for label, parent in rows.values():
        if node.endswith(f"/{label}") and label not in found:
            names = [label]
            while parent in rows:
                around, parent = rows[parent]
                names.insert(0, around)
            if leads(node, tuple(names)):
                found[label] = names
    if len(found) != 1:
        raise UsageError(f'the trace has no node "{node}"; it has {", ".join(labels)}')
    return str(next(iter(found)))


def _group_s(strands: Sequence[Strand], node: str, speedup: float) -> float:
    """How long concurrent strands take, on as many workers as they had."""
    begun_s = min(strand.start_s for strand in strands)
    waits: dict[int, float] = {}
    for own in strands_by_worker(strands).values():
        free_s = begun_s
        for strand in own:
            waits[id(strand)] = max(strand.start_s - free_s, 0.0)
            free_s = strand.end_s
    free = [0.0] * len(strands_by_worker(strands))
    heapify(free)
    for strand in sorted(strands, key=lambda strand: strand.start_s):
        heapreplace(free, free[0] + waits[id(strand)] + _strand_s(strand, node, speedup))
    return max(free)


def _strand_s(strand: Strand, node: str, speedup: float) -> float:
    """How long its steps take, with the gaps between them."""
    total_s, ended_s = 0.0, strand.start_s
    for step in strand.steps:
        total_s += max(step.start_s - ended_s, 0.0) + _step_s(step, node, speedup)
        ended_s = step.end_s
    return total_s


def _step_s(step: Step, node: str, speedup: float) -> float:
    is_faster = step.node == node and step.phase in _OWN
    if not step.inside:
        return step.seconds / speedup if is_faster else step.seconds
    begun_s = min(strand.start_s for strand in step.inside)
    ended_s = max(strand.end_s for strand in step.inside)
    around_s = max(begun_s - step.start_s, 0.0) + max(step.end_s - ended_s, 0.0)
    if is_faster and not any(leaf.node == node for strand in step.inside for leaf in strand.leaves()):
        return (around_s + _group_s(step.inside, node, 1.0)) / speedup
    return around_s + _group_s(step.inside, node, speedup)
