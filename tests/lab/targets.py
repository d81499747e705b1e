"""Targets in a module that a measuring process imports fast: without pytest, pandas and matplotlib."""

from __future__ import annotations

import functools
import threading
import time

from pocket_lab import Context, Graph, fan_out, node

GUARD = threading.Lock()


def plain(size: int) -> int:
    return sum(range(3000))


def slower(size: int) -> int:
    return sum(range(3900))


def sleepy(size: int) -> int:
    time.sleep(0.0002)
    return sum(range(3000))


def locked(size: int) -> int:
    with GUARD:
        return sum(range(3000))


@node
def nap(value: float) -> float:
    time.sleep(0.01)
    return value


@node
def nap_longer(value: float) -> float:
    time.sleep(0.02)
    return value


@node
def rest(values: list[float]) -> int:
    time.sleep(0.04)
    return len(values)


naps = Graph(fan_out(nap), name="naps")
long_naps = Graph(fan_out(nap_longer), name="naps")


def many(size: int) -> list[int]:
    return list(range(size))


def count_all(values: list[int], ctx: Context) -> int:
    ctx.report("items", len(values))
    return len(values)


@functools.cache
def cached_nap(value: int) -> int:
    time.sleep(0.01)
    return value


def uses_cache(value: int) -> int:
    return cached_nap(value)
