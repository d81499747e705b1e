"""A step: a node with its functions ready to be called, and the kind of loop that can run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pocket_lab.graph.callables import fitted, is_async
from pocket_lab.graph.node import ARGUMENTS, Function, Node, Route
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.runtime.hooks import after_failure, after_success
from pocket_lab.graph.runtime.lazy_results import LazyKinds, LazyResults, lazy_results
from pocket_lab.graph.runtime.markers import marked
from pocket_lab.graph.site import OUTERMOST, Site

HandOn = Callable[..., Any]
Kind = Literal["plain", "awaited", "observed", "followed", "phased", "general"]


@dataclass(slots=True, eq=False, repr=False)
class Step:
    """What the runtime needs of a node.

    `name` is what errors and observers call it, `actions` are those that have a route. `waits_s` holds the wait after each
    attempt and ends with None. A function `shows` the context if it takes it as `ctx`. `runs_nodes` says that exec runs other
    nodes (it takes the store and the context). A step without details is recorded with the times at which its only call began
    and ended. A result of one of `lazy_kinds` goes through `hand_on`, which wraps it where an observer asks for that.
    """

    name: str
    actions: tuple[str, ...]
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


def prepare(node: Node, on_loop: bool, observers: Sequence[Observer], site: Site = OUTERMOST) -> Step:
    """The step of a node at its site, for plain code, or for an event loop with `on_loop`."""
    body = node.body(on_loop, observers, site)
    timeout_s, name = node.timeout_s, site.label or node.name
    own = {"prep": node.prep, "exec": node.exec, "fallback": node.fallback, "post": node.post}
    fit = {phase: fitted(function, ARGUMENTS[phase]) for phase, function in own.items()}
    if body is not None:
        fit["exec"] = (body, True)
    elif node.exec is None and node.prep is None and node.post is None:
        fit["exec"] = (_pass_on, False)
    if timeout_s is not None:
        fit |= {phase: _bounded(*fit[phase]) for phase in ("prep", "exec", "post")}
    prep, exec_, fallback, post = (function for function, _ in fit.values())
    shows = {phase: takes_ctx for phase, (_, takes_ctx) in fit.items()}
    succeed, fail = (after_success(node), after_failure(node)) if node.hooks() else (None, None)
    waits_s = (*node.retry.waits_s(), None)
    awaits = {name: _is_async(f) for name, f in (("prep", prep), ("exec", exec_), ("fallback", fallback), ("post", post))}
    awaits |= {"succeed": _is_async(succeed), "fail": _is_async(fail)}
    retries, is_timed = len(waits_s) > 1, timeout_s is not None
    is_guarded = retries or is_timed or fallback is not None or succeed is not None
    is_phased = prep is not None or post is not None
    shows_context = any(shows.values()) or succeed is not None  # a hook may take the context too
    if lazy_results(observers) == "marked":
        prep, post, fallback = _marked(prep, name), _marked(post, name), _marked(fallback, name)
        succeed, fail = _marked(succeed, name), _marked(fail, name)
        exec_ = exec_ if body is not None or exec_ is _pass_on else _marked(exec_, name)  # the nodes inside have their own
    return Step(
        name=name,
        actions=site.actions,
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
        hand_on=LazyResults(name, observers, on_loop).hand_on,
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


def _marked(function: Function | None, name: str) -> Function | None:
    return None if function is None else marked(function, name)


def _pass_on(value: Any) -> Any:
    """The exec of a node without functions."""
    return value


def _bounded(function: Function | None, shows: bool) -> tuple[Function | None, bool]:
    """An async function that ends at the timeout; a plain function notices the timeout when it returns."""
    if function is None or not is_async(function):
        return function, shows
    from pocket_lab.graph.runtime.event_loop_waits import bounded

    return bounded(function, shows), True
