"""Lines that keep memory: a container that has been growing for long is moved in one piece, which is no growth of its own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from pocket_lab.profile.leaks.extension import Limits
from pocket_lab.profile.leaks.retained import Growth, retained
from pocket_lab.profile.node_code import NodeFinder
from pocket_lab.records.leaks import Retained, TracedMemory
from pocket_lab.records.point import Point

POINT = Point("t", 1, 1, "serial", "run")
LIMITS = Limits(6, math.inf, math.inf, 2**29)


OLD = [object() for _ in range(90_000)]
NAMES = [f"name{number}" for number in range(30_000)]


class Keeps:
    """Keeps 60 new objects a run in a container that is large already, and has it moved in the third one."""

    def __init__(self, put: Callable[[Any], Any], move: Callable[[], Any]) -> None:
        self.put = put
        self.move = move
        self.runs = 0

    def once(self) -> None:
        self.runs += 1
        if self.runs == 3:
            self.move()
        for _ in range(60):
            self.put(object())


def in_a_list() -> Keeps:
    kept: list[Any] = [None] * 200_000
    return Keeps(kept.append, lambda: kept.extend([None] * 100_000))


def in_a_set() -> Keeps:
    kept = set(OLD[:40_000])
    return Keeps(kept.add, lambda: kept.update(OLD))


def in_a_dict() -> Keeps:
    kept: dict[Any, Any] = dict.fromkeys(OLD[:40_000])
    return Keeps(lambda value: kept.setdefault(value), lambda: kept.update(dict.fromkeys(OLD)))


def in_a_deque() -> Keeps:
    kept: deque[Any] = deque(OLD)
    return Keeps(kept.append, lambda: kept.extend(OLD[:1_000]))


def in_attributes() -> Keeps:
    class Holder:
        pass

    holder = Holder()
    for name in NAMES[:10_000]:
        setattr(holder, name, None)
    return Keeps(
        lambda value: setattr(holder, f"new{id(value)}", value), lambda: [setattr(holder, name, None) for name in NAMES]
    )


def in_a_graph() -> Keeps:
    """Of objects in circles, of which the outermost alone is held."""

    class Link:
        def __init__(self, value: Any) -> None:
            self.value = value
            self.others: list[Link] = []

    newest = Link(None)

    def put(value: Any) -> None:
        nonlocal newest
        link = Link(value)
        link.others.append(newest)
        newest.others.append(link)
        newest = link

    return Keeps(put, int)


@pytest.mark.parametrize("make", [in_a_list, in_a_set, in_a_dict, in_a_deque, in_attributes, in_a_graph])
def test_a_container_that_is_moved_hides_no_line_and_counts_for_none(make: Callable[[], Keeps]) -> None:
    """A leak of many small objects, as that of bloomberg/memray 565, which itself is not tried here."""
    work = make()
    records = list(retained(POINT, work, NodeFinder({}), Growth(12_000.0, 400.0), LIMITS))  # type: ignore[arg-type]
    assert len([record for record in records if isinstance(record, TracedMemory)]) == 7
    lines = [record for record in records if isinstance(record, Retained)]
    (found,) = [line for line in lines if line.line == Keeps.once.__code__.co_firstlineno + 5]
    assert found.file == __file__
    assert found.blocks_per_run == pytest.approx(60, abs=5)
    assert found.bytes_per_run < 60 * 40
    assert all(line.bytes_per_run < 20_000 for line in lines), "of a block that has only been moved"
    assert work.runs == 7  # the first window told


def test_large_blocks_that_come_in_run_after_run_still_do_not_explain_what_does_not_grow() -> None:
    """A ring of blocks that are older than tracemalloc seems to grow: no line is named for it."""
    ring: list[Any] = [bytearray(50_000) for _ in range(100)]

    class Ring:
        def once(self) -> None:
            ring.append(bytearray(50_000))
            del ring[0]

    assert list(retained(POINT, Ring(), NodeFinder({}), Growth(2_000.0, 60.0), LIMITS)) == []  # type: ignore[arg-type]
