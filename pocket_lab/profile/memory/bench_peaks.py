"""The memory pass of a bench: a run of each point under memray, once the sweep has ended."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

from pocket_lab.errors import ProcessDied
from pocket_lab.measure.job import Job
from pocket_lab.measure.supervisor import measure
from pocket_lab.profile.conflicts import refuse_conflicts
from pocket_lab.profile.memory.instrument import profile_peaks
from pocket_lab.profile.memory.tracker import check_memray
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.memory import NodeMemory, RunMemory
from pocket_lab.records.progress import Heartbeat, Output
from pocket_lab.records.record import Record


def refuse_peaks(job: Job) -> None:
    """Raise before the sweep the UsageError of the pass: memray is missing, or another instrument conflicts with it."""
    check_memray()
    if job.sweep.isolation == "kernel":
        refuse_conflicts("memray")


def measure_peaks(job: Job) -> Generator[Record]:
    """A RunMemory and the NodeMemory of each point that runs; a process that dies becomes a Caveat."""
    unlimited = replace(job, sweep=replace(job.sweep, budget_s=math.inf), earlier=(), caveats=())
    try:
        with closing(measure(unlimited, profile_peaks)) as records:
            for record in records:
                if isinstance(record, RunMemory | NodeMemory | Output | Heartbeat):
                    yield record
    except ProcessDied as died:
        yield Caveat("memory-pass", f"not every point has its memory: {died}")
