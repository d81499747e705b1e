"""Waits and timeouts on an event loop; imported only for graphs with async nodes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pocket_lab.graph.context import NAP_S, Context


async def pause(context: Context, wait_s: float) -> bool:
    """As `context.pause`, on an event loop."""
    end_s = time.monotonic() + wait_s
    if context.deadline_s is not None and end_s > context.deadline_s:
        return False
    while (left_s := end_s - time.monotonic()) > 0:
        context.check_cancelled()
        await asyncio.sleep(min(left_s, NAP_S))
    context.check_cancelled()
    return context.deadline_s is None or time.monotonic() < context.deadline_s


def bounded(function: Callable[..., Any], takes_ctx: bool = False) -> Callable[..., Any]:
    """An async function that ends at the deadline of its `ctx`, with that context's error."""

    async def call(*args: Any, ctx: Context, **keywords: Any) -> Any:
        try:
            async with asyncio.timeout(ctx.left_s()) as scope:
                return await (function(*args, ctx=ctx, **keywords) if takes_ctx else function(*args, **keywords))
        except TimeoutError:
            if not scope.expired():
                raise
            raise ctx.late() from None

    return call
