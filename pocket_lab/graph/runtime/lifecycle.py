"""The life cycle of a chain of nodes, written once, for the most general node.

`specialise` cuts from `chain_of` the function of each shape of node: a branch on a flag that does not hold is left out,
a call of a plain function loses its `await` and the keywords that it does not take, and a chain without any `await` is a
plain function. What remains for nodes that only have an exec function is a loop of plain calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import length_hint
from time import perf_counter as clock
from typing import Any

from pocket_lab.errors import DeadlineExceeded, NodeError, ProcessDied
from pocket_lab.executors.outcome import text_of
from pocket_lab.graph import context
from pocket_lab.graph.context import Context, stops
from pocket_lab.graph.node import Route
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.store import ReadOnlyStore, Store
from pocket_lab.units import format_duration

pause: Callable[..., Any] = context.pause

# The flags: what a shape of node has. They are names for `specialise`; here they only have to be there.
PREP = EXEC = FALLBACK = POST = RETRY = TIMED = HOOKED = True
OBSERVED = CHECKED = REPORTS = True
FLAGS = frozenset({"PREP", "EXEC", "FALLBACK", "POST", "RETRY", "TIMED", "HOOKED", "OBSERVED", "CHECKED", "REPORTS"})


Phases = Sequence[tuple[int, str]]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A node made ready to run: what a row of a chain is taken from."""

    name: str
    prep: Callable[..., Any] | None
    exec_: Callable[..., Any] | None
    fallback: Callable[..., Any] | None
    post: Callable[..., Any] | None
    waits_s: tuple[float | None, ...]
    timeout_s: float | None
    succeed: Any
    fail: Any


@dataclass(slots=True)
class Left:
    """How a chain ended other than by "default" at its last node."""

    value: Any
    action: Any
    position: int


def chain_of(
    steps: Sequence[Step], rows: Sequence[Any], phases: Phases, leave: Callable[[Any, str, int], Any]
) -> Callable[[Any, Store, Context | None], Any]:
    """One node after the other: the last output, or at the first action other than "default" what `leave` makes of it.

    `rows` are the fields of the steps that the loop uses, `phases` the lines on which it calls them.
    """

    async def chain(value: Any, store: Store, ctx: Any) -> Any:
        remaining = iter(rows)
        if PREP:
            readonly = ReadOnlyStore(store)
        if OBSERVED:
            record = ctx.sink
            begun = prepared_at = executed_at = 0.0
            retried: tuple[float, ...] = ()
        if TIMED:
            own = None  # the context of this node's timeout, once it runs: until then a late run is not the node's fault
        if CHECKED and HOOKED:
            ctx.check()
        try:
            for name, prep, exec_, fallback, post, waits_s, timeout_s in remaining:
                if CHECKED and not HOOKED:
                    if OBSERVED:
                        begun = 0.0
                    ctx.check()
                if REPORTS:
                    ctx = ctx.named(name)
                if TIMED:
                    outside, ctx = ctx, ctx.within(timeout_s)
                    own = ctx
                if OBSERVED:
                    begun = clock()
                    if RETRY:
                        retried = ()
                if PREP:
                    if RETRY:
                        for wait_s in waits_s:
                            try:
                                prepared = await prep(readonly, value, ctx=ctx)
                                break
                            except Exception as error:
                                if stops(error, None) or wait_s is None or not await pause(ctx, wait_s):
                                    raise
                                if OBSERVED:
                                    retried += (clock(),)
                    else:
                        prepared = await prep(readonly, value, ctx=ctx)
                    if TIMED:
                        ctx.check()
                    if OBSERVED:
                        prepared_at = clock()
                if not EXEC:
                    result = prepared if PREP else value
                elif RETRY or FALLBACK:
                    for wait_s in waits_s:
                        try:
                            result = await exec_(prepared if PREP else value, store=store, ctx=ctx)
                            if TIMED:
                                ctx.check()
                            break
                        except Exception as error:
                            if stops(error, own if TIMED else None):
                                raise
                            if RETRY and wait_s is not None and not is_late(error) and await pause(ctx, wait_s):
                                if OBSERVED:
                                    retried += (clock(),)
                                continue
                            if not FALLBACK:
                                raise
                            if TIMED:
                                ctx = outside
                            result = await fallback(prepared if PREP else value, error, ctx=ctx)
                            break
                else:
                    result = await exec_(prepared if PREP else value, store=store, ctx=ctx)
                    if TIMED:
                        ctx.check()
                if OBSERVED:
                    executed_at = clock()
                if OBSERVED or HOOKED:
                    action = DEFAULT
                if result.__class__ is Route:
                    action, result = result.action, result.value
                    if (HOOKED or OBSERVED) and not isinstance(action, str):
                        raise not_an_action(action)
                    if not (POST or OBSERVED or HOOKED) and action != DEFAULT:
                        value = result
                        break
                if POST:
                    answer = await post(store, value, prepared if PREP else value, result, ctx=ctx)
                    if HOOKED or OBSERVED or answer.__class__ is not tuple:
                        answer = pair_of(answer)
                    value, action = answer
                    if TIMED:
                        ctx.check()
                else:
                    value = result
                if OBSERVED:
                    ended = clock() if POST else executed_at
                    if PREP or POST or RETRY:
                        record((name, begun, ended, action, (prepared_at if PREP else begun, executed_at, retried, "")))
                    else:
                        record((name, begun, ended, action, None))
                if (POST or OBSERVED or HOOKED) and action != DEFAULT:
                    break
            else:
                if not HOOKED:
                    return value
        except BaseException if HOOKED or OBSERVED else Exception as error:  # noqa: B030 (one of the two is cut)
            step = steps[position_of(rows, remaining)]
            phase = phase_at(phases, error)
            failure = failure_of(step, phase, error, own if TIMED else None)
            if OBSERVED and begun:
                now = clock()
                prepared_s = now if phase == "prep" else prepared_at if PREP else begun
                details = (prepared_s, executed_at if phase == "post" else now, retried, phase)
                record((step.name, begun, now, "", details))
            if HOOKED:
                fail = step.fail
                await fail(store, error, ctx=ctx)
            if failure is error:
                raise
            raise failure from error
        if HOOKED:
            succeed = steps[0].succeed
            await succeed(store, value, ctx=ctx)
            if action == DEFAULT:
                return value
        return leave(value, action, position_of(rows, remaining))

    return chain


def position_of(rows: Sequence[Any], remaining: Any) -> int:
    """Which row a loop over `remaining`, an iterator of the rows, is at; the loop itself keeps no count."""
    return len(rows) - length_hint(remaining) - 1


def phase_at(phases: Phases, error: BaseException) -> str:
    """The phase that raised, by the line of the chain that called it; the loop itself takes no note."""
    assert error.__traceback__ is not None
    line = error.__traceback__.tb_lineno
    return next((phase for first, phase in reversed(phases) if first <= line), "exec")


def pair_of(answer: Any) -> tuple[Any, str]:
    """The output and the action that a post returned, in whatever form; raises TypeError for what is neither."""
    pair = (answer.value, answer.action) if isinstance(answer, Route) else answer
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise _not_a_pair(answer)
    if not isinstance(pair[1], str):
        raise not_an_action(pair[1])
    return pair


def not_an_action(action: Any) -> TypeError:
    """The error of an action that is no text."""
    return TypeError(f"an action is a text, got {action!r}")


def is_late(error: BaseException) -> bool:
    """Whether a deadline has passed, so that there is no time for another attempt."""
    return isinstance(error, DeadlineExceeded)


def failure_of(step: Step, phase: str, error: BaseException, own: Context | None) -> BaseException:
    """What a chain raises for an error of a node: a NodeError, or the error itself where it has its name or ends the run."""
    if stops(error, own) or isinstance(error, (NodeError, ProcessDied)):
        return error
    if own is not None and own.owns(error) and step.timeout_s is not None:
        return NodeError(step.name, phase, None, f"it passed its timeout of {format_duration(step.timeout_s)}")
    if phase == "post" and isinstance(error, ValueError) and (raised := error.__traceback__) and raised.tb_next is None:
        return failure_of(step, phase, _not_a_pair(raised.tb_frame.f_locals["answer"]), own)
    return NodeError(step.name, phase, None, text_of(error))


def _not_a_pair(answer: Any) -> TypeError:
    return TypeError(f"post returns (output, action) or a Route, got {answer!r}")
