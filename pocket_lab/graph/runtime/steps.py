"""A node made ready for a chain: its functions bound, and its shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pocket_lab.graph.callables import is_async, takes
from pocket_lab.graph.node import Function, Node
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.runtime.hooks import after_failure, after_success
from pocket_lab.graph.runtime.lifecycle import Step
from pocket_lab.graph.runtime.specialise import Shape

_FLAG_OF = {"prep": "PREP", "exec_": "EXEC", "fallback": "FALLBACK", "post": "POST"}
_FUNCTIONS = (*_FLAG_OF, "succeed", "fail")
_LONG = frozenset({"RETRY", "TIMED", "HOOKED", "FALLBACK"})


def prepare(node: Node, on_loop: bool, observers: Sequence[Observer]) -> tuple[Step, Shape]:
    """The functions of a node as a chain calls them, and which chain that is; `on_loop` says whether an event loop runs it."""
    body = node.body(on_loop, observers)
    timeout_s = node.timeout_s
    step = Step(
        name=node.name,
        prep=_bounded(node.prep, timeout_s),
        exec_=_bounded(body or node.exec or (None if node.prep or node.post else _pass_on), timeout_s),
        fallback=node.fallback,
        post=_bounded(node.post, timeout_s),
        waits_s=(*node.retry.waits_s(), None),
        timeout_s=timeout_s,
        succeed=after_success(node) if node.hooks() else None,
        fail=after_failure(node) if node.hooks() else None,
    )
    present = {name: function for name in _FUNCTIONS if (function := getattr(step, name)) is not None}
    conditions = {
        "RETRY": len(step.waits_s) > 1,
        "TIMED": timeout_s is not None,
        "HOOKED": step.succeed is not None,
        "OBSERVED": bool(observers),
    }
    flags = {flag for flag, holds in conditions.items() if holds} | {_FLAG_OF[name] for name in present if name in _FLAG_OF}
    awaited = {name for name, function in present.items() if is_async(function)}
    if on_loop and "RETRY" in flags:
        awaited.add("pause")
    keywords = {(name, "ctx") for name, function in present.items() if takes(function, "ctx")}
    if keywords:
        flags |= {"REPORTS"}
    if body is not None:
        keywords |= {("exec_", "ctx"), ("exec_", "store")}
    return step, Shape(frozenset(flags), frozenset(awaited), frozenset(keywords))


def needs_context(shape: Shape) -> bool:
    """Whether a chain of this shape cannot run without a Context."""
    return bool(shape.flags & {"RETRY", "TIMED", "OBSERVED"}) or shows_context(shape)


def shows_context(shape: Shape) -> bool:
    """Whether a function of the user's gets to see the context, and so can cancel it."""
    return any(key == "ctx" for _, key in shape.keywords)


def is_short(shape: Shape) -> bool:
    """Whether nodes of this shape can share a chain; the others have one each."""
    return not shape.flags & _LONG


def _pass_on(value: Any) -> Any:
    """What a node without functions does."""
    return value


def _bounded(function: Function | None, timeout_s: float | None) -> Function | None:
    """An async function that ends at the timeout; a plain one is left to notice it."""
    if function is None or timeout_s is None or not is_async(function):
        return function
    from pocket_lab.graph.runtime.on_loop import bounded

    return bounded(function)
