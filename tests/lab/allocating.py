"""Nodes that allocate known amounts of memory, in a module that a measuring process imports fast (see `targets`)."""

from __future__ import annotations

import asyncio
import time

from pocket_lab import node

MIB = 2**20


@node
def hold(size: int) -> bytes:
    large = bytearray(50 * MIB)
    time.sleep(0.03)
    return bytes(len(large) // len(large))


@node
def shrink(size: int) -> bytes:
    large = bytearray(50 * MIB)
    small = large[: 10 * MIB]
    del large
    return bytes(small)


@node
def burst(kept: bytes) -> int:
    extra = bytearray(120 * MIB)
    time.sleep(0.03)
    return len(extra)


@node
def piece(item: int) -> int:
    block = bytearray(20 * MIB)
    time.sleep(0.1)
    return len(block)


@node
async def waits(item: int) -> int:
    block = bytearray(10 * MIB)
    await asyncio.sleep(0.05)
    return len(block)


@node
def grows(size: int) -> int:
    return len(bytearray(size * MIB))


@node
def doubled(size: int) -> bytes:  # ones, so that every page is touched: of untouched ones only what was resident counts
    first = b"\1" * (size * MIB)
    return b"\1" * len(first)


@node
def tripled(kept: bytes) -> int:
    return len(b"\1" * (3 * len(kept)))
