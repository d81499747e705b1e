"""Memory per node: one run under memray, its allocations replayed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pocket_lab.measure.drive import build_work
from pocket_lab.measure.job import Job
from pocket_lab.measure.runs import build_input
from pocket_lab.profile.code import OUTSIDE, NodeFinder, node_codes
from pocket_lab.profile.ledger import Ledger
from pocket_lab.records import Caveat, Failure, NodeMemory, Record, Started
from pocket_lab.run.executors import open_pool
from pocket_lab.run.outcome import pack_error

_PYMALLOC = Caveat(
    "pymalloc",
    "small objects come out of arenas that Python takes 1 MiB (or 256 KiB) at a time: an arena counts for the node that made "
    "Python take it; python_allocators=True follows every object instead, more slowly",
)


def profile_memory(job: Job) -> Iterator[Record]:
    """One run of the job's only point under memray; yields Caveats and a NodeMemory for each node, or a Failure."""
    yield from _profile(job, every_object=False)


def profile_every_object(job: Job) -> Iterator[Record]:
    """The same, with each object of Python's own allocator followed too."""
    yield from _profile(job, every_object=True)


def _profile(job: Job, every_object: bool) -> Iterator[Record]:
    from memray import FileDestination, Tracker

    (point,) = job.points
    yield Started(point)
    yield from job.caveats
    codes, caveats = node_codes(job.target, point.target)
    yield from caveats
    if not every_object:
        yield _PYMALLOC
    file = Path(job.scratch) / "run.bin"
    with open_pool(point.executor, point.workers) as pool:
        try:
            work = build_work(job, point, build_input(job, point), pool)
            with Tracker(destination=FileDestination(file), trace_python_allocators=every_object):
                work.once()
        except (Exception, SystemExit) as error:
            yield Failure(point, pack_error(error))
            return
        names = dict.fromkeys([*(code.node for code in codes), OUTSIDE])
        ledger = _replay(file, NodeFinder(codes), list(names))
    for node, account in ledger.accounts.items():
        yield NodeMemory(
            point,
            node,
            peak_bytes=account.peak,
            inclusive_peak_bytes=account.inclusive_peak,
            at_peak_bytes=account.at_peak,
            allocations=account.allocations,
            allocated_bytes=account.allocated,
            temporary=account.temporary,
            leaked_bytes=account.own,
        )


def _replay(file: Path, finder: NodeFinder, names: list[str]) -> Ledger:
    """Resolve each distinct stack once, and play the records in their order."""
    from memray import AllocatorType, FileReader

    releases = {AllocatorType.FREE, AllocatorType.MUNMAP, AllocatorType.PYMALLOC_FREE}
    ledger = Ledger(names)
    stacks: dict[int, list[str]] = {}
    with FileReader(file) as reader:
        for record in reader.get_allocation_records():
            if record.allocator in releases:
                ledger.release(record.tid, record.address)
                continue
            stack = record.stack_id
            if stack not in stacks:
                stacks[stack] = finder.nodes(record.stack_trace()) or [OUTSIDE]
            ledger.allocate(record.tid, record.address, record.size, stacks[stack])
    ledger.close()
    return ledger
