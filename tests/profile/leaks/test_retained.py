"""Lines that keep memory: a container that has been growing for long is moved in one piece, which is no growth of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pocket_lab.profile.leaks.extension import Limits
from pocket_lab.profile.leaks.retained import Growth, retained
from pocket_lab.profile.node_code import NodeFinder
from pocket_lab.records.leaks import Retained, TracedMemory
from pocket_lab.records.point import Point

POINT = Point("t", 1, 1, "serial", "run")
LIMITS = Limits(6, math.inf, math.inf, 2**29)


class Keeps:
    """Keeps 60 new objects a run in a container that is large already, and has it moved in the third one."""

    def __init__(self, kept: Any, put: Callable[[Any], None], move: Callable[[], None]) -> None:
        self.kept = kept
        self.put = put
        self.move = move
        self.runs = 0

    def once(self) -> None:
        self.runs += 1
        if self.runs == 3:
            self.move()
        for _ in range(60):
            self.put(object())


def a_list() -> Keeps:
    kept: list[Any] = [None] * 200_000
    return Keeps(kept, kept.append, lambda: kept.extend([None] * 100_000))


def test_a_list_that_is_moved_hides_no_line() -> None:
    """bloomberg/memray 565: a leak of many small objects was not reported where it is."""
    work = a_list()
    records = list(retained(POINT, work, NodeFinder({}), Growth(2_000.0, 60.0), LIMITS))  # type: ignore[arg-type]
    assert len([record for record in records if isinstance(record, TracedMemory)]) == 7
    lines = [record for record in records if isinstance(record, Retained)]
    assert any(record.file == __file__ and record.blocks_per_run >= 60 for record in lines)
    assert work.runs == 7  # the first window told


def test_large_blocks_that_come_in_run_after_run_still_do_not_explain_what_does_not_grow() -> None:
    """A ring of blocks that are older than tracemalloc seems to grow: no line is named for it."""
    ring: list[Any] = [bytearray(50_000) for _ in range(100)]
    work = Keeps(ring, lambda _: ring.append(bytearray(50_000)), lambda: None)

    class Ring:
        def once(self) -> None:
            work.put(None)
            del ring[0]

    assert list(retained(POINT, Ring(), NodeFinder({}), Growth(2_000.0, 60.0), LIMITS)) == []  # type: ignore[arg-type]
