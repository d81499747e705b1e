"""Loops for nodes without retries, timeouts, fallbacks and hooks, whose functions do not take the context.

They do what `lifecycle` does for such nodes, without the branches for the rest. A chain of ten plain nodes takes less than
1.5 times a loop of ten calls, one of prep, exec and post less than 1.6 times the same thirty calls.

A `try` that is not left by an error costs nothing, so each phase has its own; and a loop does not count its steps, since the
iterator knows how many are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from time import perf_counter as clock
from typing import Any, NoReturn

from pocket_lab.graph.context import Context
from pocket_lab.graph.node import Route
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.runtime.failures import failure_of, not_a_pair, pair_of
from pocket_lab.graph.runtime.steps import Step
from pocket_lab.graph.store import ReadOnlyStore, Store

Chain = Callable[[Any, Store, Any], Any]
Leave = Callable[[Any, Any, int], Any]


def plain_chain(steps: Sequence[Step], checked: bool, leave: Leave) -> Chain:
    """A function that runs steps with an exec only.

    It returns the last output, or what `leave(value, action, position)` makes of the first action other than "default".
    `checked` checks the context before each step.
    """
    functions = tuple(step.exec_ for step in steps)

    def chain(value: Any, store: Store, ctx: Context) -> Any:
        remaining: Any = iter(functions)
        for exec_ in _checking(remaining, ctx) if checked else remaining:
            try:
                value = exec_(value)
            except Exception as error:
                _fail(steps, remaining, "exec", error)
            if value.__class__ is Route:
                action, value = value.action, value.value
                if action != DEFAULT:
                    return leave(value, action, _position(steps, remaining))
        return value

    return chain


def awaited_chain(steps: Sequence[Step], checked: bool, leave: Leave) -> Chain:
    """The same for steps with an async exec."""
    functions = tuple(step.exec_ for step in steps)

    async def chain(value: Any, store: Store, ctx: Context) -> Any:
        remaining: Any = iter(functions)
        for exec_ in _checking(remaining, ctx) if checked else remaining:
            try:
                value = await exec_(value)
            except Exception as error:
                _fail(steps, remaining, "exec", error)
            if value.__class__ is Route:
                action, value = value.action, value.value
                if action != DEFAULT:
                    return leave(value, action, _position(steps, remaining))
        return value

    return chain


def observed_chain(steps: Sequence[Step], checked: bool, leave: Leave) -> Chain:
    """The same as `plain_chain` where observers record each visit."""
    rows = tuple((step.name, step.exec_) for step in steps)

    def chain(value: Any, store: Store, ctx: Context) -> Any:
        record: Any = ctx.sink
        remaining: Any = iter(rows)
        for name, exec_ in _checking(remaining, ctx) if checked else remaining:
            begun = clock()
            try:
                value = exec_(value)
            except BaseException as error:
                record(_failed_visit(name, begun))
                _fail(steps, remaining, "exec", error)
            if value.__class__ is not Route:
                record((name, begun, clock(), DEFAULT, None))
                continue
            try:
                value, action = pair_of(value)
            except BaseException as error:
                record(_failed_visit(name, begun))
                _fail(steps, remaining, "exec", error)
            record((name, begun, clock(), action, None))
            if action != DEFAULT:
                return leave(value, action, _position(steps, remaining))
        return value

    return chain


def followed_chain(steps: Sequence[Step], checked: bool, leave: Leave) -> Chain:
    """The same as `observed_chain` where observers follow lazy results."""
    rows = tuple((step.name, step.exec_, step.hand_on) for step in steps)
    kinds = steps[0].lazy_kinds

    def chain(value: Any, store: Store, ctx: Context) -> Any:
        record: Any = ctx.sink
        remaining: Any = iter(rows)
        for name, exec_, hand_on in _checking(remaining, ctx) if checked else remaining:
            begun = clock()
            try:
                result = exec_(value)
            except BaseException as error:
                record(_failed_visit(name, begun))
                _fail(steps, remaining, "exec", error)
            if not kinds[result.__class__]:
                value = result
                record((name, begun, clock(), DEFAULT, None))
                continue
            ended, action = clock(), DEFAULT
            if result.__class__ is Route:
                try:
                    result, action = pair_of(result)
                except BaseException as error:
                    record(_failed_visit(name, begun))
                    _fail(steps, remaining, "exec", error)
            value = hand_on(result, value, begun, record, ctx.run) if kinds[result.__class__] else result
            result = None
            record((name, begun, ended, action, None))
            if action != DEFAULT:
                return leave(value, action, _position(steps, remaining))
        return value

    return chain


def _failed_visit(name: str, begun: float) -> Any:
    now = clock()
    return (name, begun, now, "", (begun, now, (), "exec"))


def phased_chain(steps: Sequence[Step], checked: bool, leave: Leave) -> Chain:
    """The same as `plain_chain` for steps with a prep or a post."""
    rows = tuple((step.prep or _no_prep, step.exec_ or _no_exec, step.post or _no_post) for step in steps)

    def chain(value: Any, store: Store, ctx: Context) -> Any:
        readonly = ReadOnlyStore(store)
        remaining: Any = iter(rows)
        for prep, exec_, post in _checking(remaining, ctx) if checked else remaining:
            try:
                prepared = prep(readonly, value)
            except Exception as error:
                _fail(steps, remaining, "prep", error)
            try:
                result = exec_(prepared)
            except Exception as error:
                _fail(steps, remaining, "exec", error)
            if result.__class__ is Route:
                action, result = result.action, result.value
                if post is _no_post and action != DEFAULT:
                    return leave(result, action, _position(steps, remaining))
            try:
                answer = post(store, value, prepared, result)
                if answer.__class__ is not tuple:
                    answer = pair_of(answer)
            except Exception as error:
                _fail(steps, remaining, "post", error)
            try:
                value, action = answer
            except ValueError:
                _fail(steps, remaining, "post", not_a_pair(answer))
            if action != DEFAULT:
                return leave(value, action, _position(steps, remaining))
        return value

    return chain


def _no_prep(store: ReadOnlyStore, value: Any) -> Any:
    return value


def _no_exec(prepared: Any) -> Any:
    return prepared


def _no_post(store: Store, value: Any, prepared: Any, result: Any) -> tuple[Any, str]:
    return result, DEFAULT


def _checking(rows: Iterator[Any], context: Context) -> Iterator[Any]:
    """The rows, with a check of the context before each."""
    for row in rows:
        context.check()
        yield row


def _fail(steps: Sequence[Step], remaining: Any, phase: str, error: BaseException) -> NoReturn:
    failure = failure_of(steps[_position(steps, remaining)], phase, error)
    if failure is error:
        raise error
    raise failure from error


def _position(steps: Sequence[Step], remaining: Any) -> int:
    """The index of the step that a loop over `remaining`, an iterator of one row for each step, is at."""
    return len(steps) - length_hint(remaining) - 1
