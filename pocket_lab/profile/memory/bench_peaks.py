"""The memory pass of a bench: a run of each point under memray, once the sweep has ended."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from functools import partial

from pocket_lab.errors import ProcessDied
from pocket_lab.measure.itinerary import corners_first
from pocket_lab.measure.job import Job
from pocket_lab.measure.points.combinations import each_combination
from pocket_lab.measure.supervisor import measure
from pocket_lab.profile.conflicts import refuse_conflicts
from pocket_lab.profile.memory.held.caveats import CODES
from pocket_lab.profile.memory.instrument import profile_peaks
from pocket_lab.profile.memory.tracker import check_memray
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.memory import NodeMemory, RunMemory
from pocket_lab.records.progress import Closed, Heartbeat, Output
from pocket_lab.records.record import Record


def refuse_peaks(job: Job) -> None:
    """Raise before the sweep the UsageError of the pass: memray is missing, or another instrument conflicts with it."""
    check_memray()
    if job.sweep.isolation == "kernel":
        refuse_conflicts("memray")


def measure_peaks(job: Job, budget_s: float) -> Generator[Record]:
    """A RunMemory and the NodeMemory of each point that runs within the budget, the corners of the sweep first.

    Caveats say what these leave out. A Caveat says which points are missing, because the budget ended or the process died.
    """
    points = tuple(corners_first(job.points))
    job = replace(job, points=points, sweep=replace(job.sweep, budget_s=budget_s), earlier=(), caveats=())
    missing = set(points)
    try:
        with closing(measure(job, partial(each_combination, profile_peaks), is_rest=True)) as records:
            for record in records:
                is_of_memory = isinstance(record, Caveat) and record.code in CODES
                if is_of_memory or isinstance(record, RunMemory | NodeMemory | Output | Heartbeat):
                    if isinstance(record, RunMemory):
                        missing.discard(record.point)
                    yield record
                elif isinstance(record, Closed) and record.status == "failed":
                    missing.discard(record.point)
    except ProcessDied as died:
        yield Caveat("memory-pass", f"not every point has its memory: {died}")
        return
    if missing:
        left = f"{len(missing)} of {len(points)} points {'has' if len(missing) == 1 else 'have'}"
        yield Caveat("memory-pass", f"the budget ended, and {left} no memory figures: raise it, or measure fewer points")
