"""A step: a node with its functions ready to be called, and the kind of loop that can run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pocket_lab.graph.callables import is_async, takes
from pocket_lab.graph.node import Function, Node, Route
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.runtime.hooks import after_failure, after_success
from pocket_lab.graph.runtime.lazy_results import LazyKinds, LazyResults, lazy_results
from pocket_lab.graph.runtime.markers import marked

HandOn = Callable[..., Any]
Kind = Literal["plain", "awaited", "observed", "followed", "phased", "general"]


@dataclass(slots=True, eq=False, repr=False)
class Step:
    """What the runtime needs of a node.

    `waits_s` holds the wait after each attempt and ends with None. A function `shows` the context if it takes it as `ctx`.
    `runs_nodes` says that exec runs other nodes (it takes the store and the context). A step without details is recorded
    with the times at which its only call began and ended. A result of one of `lazy_kinds` goes through `hand_on`, which
    wraps it where an observer asks for that.
    """

    name: str
    kind: Kind
    prep: Callable[..., Any] | None
    exec_: Callable[..., Any] | None
    fallback: Callable[..., Any] | None
    post: Callable[..., Any] | None
    succeed: Callable[..., Any] | None
    fail: Callable[..., Any] | None
    waits_s: tuple[float | None, ...]
    timeout_s: float | None
    awaits_prep: bool
    awaits_exec: bool
    awaits_fallback: bool
    awaits_post: bool
    awaits_succeed: bool
    awaits_fail: bool
    shows_prep: bool
    shows_exec: bool
    shows_fallback: bool
    shows_post: bool
    runs_nodes: bool
    has_one_attempt: bool
    shows_context: bool
    needs_context: bool
    has_details: bool
    lazy_kinds: LazyKinds
    hand_on: HandOn


def prepare(node: Node, on_loop: bool, observers: Sequence[Observer]) -> Step:
    """The step of a node for plain code, or for an event loop with `on_loop`."""
    body = node.body(on_loop, observers)
    timeout_s = node.timeout_s
    prep, post, fallback = _bounded(node.prep, timeout_s), _bounded(node.post, timeout_s), node.fallback
    exec_ = _bounded(body or node.exec or (None if node.prep or node.post else _pass_on), timeout_s)
    succeed, fail = (after_success(node), after_failure(node)) if node.hooks() else (None, None)
    waits_s = (*node.retry.waits_s(), None)
    shows = {name: _takes_ctx(f) for name, f in (("prep", prep), ("exec", exec_), ("fallback", fallback), ("post", post))}
    awaits = {name: _is_async(f) for name, f in (("prep", prep), ("exec", exec_), ("fallback", fallback), ("post", post))}
    awaits |= {"succeed": _is_async(succeed), "fail": _is_async(fail)}
    retries, is_timed = len(waits_s) > 1, timeout_s is not None
    is_guarded = retries or is_timed or fallback is not None or succeed is not None
    is_phased = prep is not None or post is not None
    shows_context = any(shows.values()) or succeed is not None  # a hook may take the context too
    if lazy_results(observers) == "marked":
        prep, post, fallback = _marked(prep, node), _marked(post, node), _marked(fallback, node)
        succeed, fail = _marked(succeed, node), _marked(fail, node)
        exec_ = exec_ if body is not None or exec_ is _pass_on else _marked(exec_, node)  # the nodes inside have their own
    return Step(
        name=node.name,
        kind=_kind(is_guarded or shows_context, is_phased, observers, any(awaits.values())),
        prep=prep,
        exec_=exec_,
        fallback=fallback,
        post=post,
        succeed=succeed,
        fail=fail,
        waits_s=waits_s,
        timeout_s=timeout_s,
        awaits_prep=awaits["prep"],
        awaits_exec=awaits["exec"],
        awaits_fallback=awaits["fallback"],
        awaits_post=awaits["post"],
        awaits_succeed=awaits["succeed"],
        awaits_fail=awaits["fail"],
        shows_prep=shows["prep"],
        shows_exec=shows["exec"],
        shows_fallback=shows["fallback"],
        shows_post=shows["post"],
        runs_nodes=body is not None,
        has_one_attempt=not (retries or is_timed or fallback is not None or body is not None),
        shows_context=shows_context,
        needs_context=retries or is_timed or bool(observers) or shows_context,
        has_details=retries or is_phased,
        lazy_kinds=LazyKinds(Route, observers),
        hand_on=LazyResults(node.name, observers, on_loop).hand_on,
    )


def _kind(is_special: bool, is_phased: bool, observers: Sequence[Observer], is_async: bool) -> Kind:
    """The fastest loop that has all a node needs; `is_special` for what only the general one has."""
    if is_special or is_phased + bool(observers) + is_async > 1:
        return "general"
    if observers:
        return "followed" if lazy_results(observers) else "observed"
    return "phased" if is_phased else "awaited" if is_async else "plain"


def _is_async(function: Function | None) -> bool:
    return function is not None and is_async(function)


def _takes_ctx(function: Function | None) -> bool:
    return function is not None and takes(function, "ctx")


def _marked(function: Function | None, node: Node) -> Function | None:
    return None if function is None else marked(function, node.name)


def _pass_on(value: Any) -> Any:
    """The exec of a node without functions."""
    return value


def _bounded(function: Function | None, timeout_s: float | None) -> Function | None:
    """An async function that ends at the timeout; a plain function notices the timeout when it returns."""
    if function is None or timeout_s is None or not is_async(function):
        return function
    from pocket_lab.graph.runtime.event_loop_waits import bounded

    return bounded(function)
