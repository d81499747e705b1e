"""The life cycle of a node in its general form: prep, exec, fallback, post, with retries, a timeout, hooks and observers.

It is written once, as a coroutine. On an event loop it is awaited. In plain code `driven` runs it: no function of the nodes
is async there and a wait blocks, so that it ends without ever being suspended.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from time import perf_counter as clock
from typing import Any

from pocket_lab.graph.context import Context, pause, stops
from pocket_lab.graph.node import Route
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.runtime.failures import failure_of, is_late, not_an_action, pair_of
from pocket_lab.graph.runtime.fast_loops import Chain, Leave
from pocket_lab.graph.runtime.steps import Step
from pocket_lab.graph.store import ReadOnlyStore, Store

AsyncChain = Callable[[Any, Store, Any], Coroutine[Any, Any, Any]]


def general_chain(steps: Sequence[Step], checked: bool, leave: Leave, on_loop: bool) -> AsyncChain:
    """A coroutine function that runs any steps in order.

    It returns the last output, or what `leave` makes of the first action other than "default". `checked` calls
    `context.check()` before each step.
    """
    numbered = tuple(enumerate(steps))
    pause_on_loop: Any = None
    if on_loop:
        from pocket_lab.graph.runtime import event_loop_waits

        pause_on_loop = event_loop_waits.pause

    async def chain(value: Any, store: Store, context: Any) -> Any:
        record = None if context is None else context.sink
        readonly = ReadOnlyStore(store)
        begun = prepared_at = executed_at = 0.0
        retried: tuple[float, ...] = ()
        for position, step in numbered:
            if checked:
                context.check()
            ctx, own, action = context, None, DEFAULT
            is_timed = False
            if step.shows_context and context.reports is not None:
                ctx = context.named(step.name)
            if step.timeout_s is not None:
                is_timed, outside = True, ctx
                own = ctx = outside.within(step.timeout_s, step.name)
            if record is not None:
                retried = ()
                begun = prepared_at = clock()
            phase = "prep"
            try:
                prepared = value
                if (prep := step.prep) is not None:
                    for wait_s in step.waits_s:
                        try:
                            prepared = prep(readonly, value, ctx=ctx) if step.shows_prep else prep(readonly, value)
                            if step.awaits_prep:
                                prepared = await prepared
                            break
                        except Exception as error:
                            if stops(error, None) or wait_s is None:
                                raise
                            if not (await pause_on_loop(ctx, wait_s) if on_loop else pause(ctx, wait_s)):
                                raise
                            retried += (clock(),)
                    if is_timed:
                        ctx.check()
                    if record is not None:
                        prepared_at = clock()
                phase = "exec"
                exec_ = step.exec_
                if exec_ is None:
                    result = prepared
                elif step.has_one_attempt:
                    result = exec_(prepared, ctx=ctx) if step.shows_exec else exec_(prepared)
                    if step.awaits_exec:
                        result = await result
                else:
                    for wait_s in step.waits_s:
                        try:
                            if step.runs_nodes:
                                result = exec_(prepared, store=store, ctx=ctx)
                            else:
                                result = exec_(prepared, ctx=ctx) if step.shows_exec else exec_(prepared)
                            if step.awaits_exec:
                                result = await result
                            if is_timed:
                                ctx.check()
                            break
                        except Exception as error:
                            if stops(error, own):
                                raise
                            again_s = None if is_late(error) else wait_s
                            if again_s is not None and (await pause_on_loop(ctx, again_s) if on_loop else pause(ctx, again_s)):
                                retried += (clock(),)
                                continue
                            fallback = step.fallback
                            if fallback is None:
                                raise
                            phase = "fallback"
                            if is_timed:
                                ctx = outside
                            result = fallback(prepared, error, ctx=ctx) if step.shows_fallback else fallback(prepared, error)
                            if step.awaits_fallback:
                                result = await result
                            break
                if record is not None:
                    executed_at = clock()
                post = step.post
                if result.__class__ is Route:
                    action, result = result.action, result.value
                    if post is None and not isinstance(action, str):
                        raise not_an_action(action)
                if post is None:
                    output = result
                else:
                    phase = "post"
                    answer = (
                        post(store, value, prepared, result, ctx=ctx)
                        if step.shows_post
                        else post(store, value, prepared, result)
                    )
                    if step.awaits_post:
                        answer = await answer
                    output, action = pair_of(answer)
                    if is_timed:
                        ctx.check()
                if record is not None:
                    ended = executed_at if post is None else clock()
                    if step.lazy_kinds[output.__class__]:
                        output = step.hand_on(output, value, begun, record, context.run)
                    details = (prepared_at, executed_at, retried, "") if step.has_details else None
                    record((step.name, begun, ended, action, details))
            except BaseException as error:
                failure = failure_of(step, phase, error, own)
                if record is not None:
                    now = clock()
                    prepared_s = now if phase == "prep" else prepared_at
                    record((step.name, begun, now, "", (prepared_s, executed_at if phase == "post" else now, retried, phase)))
                if step.fail is not None:
                    reported = step.fail(store, error, ctx=ctx)
                    if step.awaits_fail:
                        await reported
                if failure is error:
                    raise
                raise failure from error
            if step.succeed is not None:
                reported = step.succeed(store, output, ctx=ctx)
                if step.awaits_succeed:
                    await reported
            value = output
            if action != DEFAULT:
                return leave(value, action, position)
        return value

    return chain


def driven(chain: AsyncChain) -> Chain:
    """The plain function of a coroutine function that is never suspended."""

    def run(value: Any, store: Store, context: Context | None) -> Any:
        try:
            chain(value, store, context).send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a life cycle in plain code waited for an event loop")

    return run
