"""Nodes and helpers whose lines run a known number of times, imported fast by a measuring process (see `targets`)."""

from __future__ import annotations

from pocket_lab import node


def helper(value: int) -> int:
    total = 0
    for step in range(value):
        total += step
    return total


class Machine:
    def turn(self, value: int) -> int:
        return helper(value) + 1


@node
def split(size: int) -> list[int]:
    return list(range(size))


@node
def work(item: int) -> int:
    result = helper(10)
    return result + Machine().turn(5) + item


@node
async def later(item: int) -> int:
    result = helper(10)
    return result + item
