"""Nodes that are busy or wait for known times, in a module that a measuring process imports fast (see `targets`)."""

from __future__ import annotations

import asyncio
import time

from pocket_lab import node


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def through(seconds: float) -> None:
    spin(seconds)


@node
def split(size: int) -> list[float]:
    return [0.1] * size


@node
def busy(seconds: float) -> float:
    through(2 * seconds)
    time.sleep(seconds)
    return seconds


@node
async def waiting(seconds: float) -> float:
    through(seconds / 2)
    await asyncio.sleep(2 * seconds)
    return seconds
