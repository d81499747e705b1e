"""Targets that report the native threads of their worker; a measuring process imports this module, and no test."""

from __future__ import annotations

import ctypes
from contextlib import suppress

from threadpoolctl import threadpool_info

from pocket_lab import Context, Graph, fan_out, node


def report(ctx: Context) -> None:
    """The native threads of the calling thread, by library."""
    import numpy as np

    np.linalg.inv(np.eye(2))
    with suppress(OSError):
        ctypes.CDLL("libgomp.so.1")
    for library in threadpool_info():
        ctx.report(library["internal_api"], library["num_threads"], "1")


@node
def look(item: int, ctx: Context) -> int:
    report(ctx)
    return item


@node
async def look_on_a_loop(item: int, ctx: Context) -> int:
    report(ctx)
    return item


def add(value: int, ctx: Context) -> None:
    with suppress(OSError):
        ctypes.CDLL("libgomp.so.1")
    report(ctx)


def plain(size: int) -> int:
    return sum(range(size))


BLOCKING, ON_A_LOOP = Graph(fan_out(look)), Graph(fan_out(look_on_a_loop))
