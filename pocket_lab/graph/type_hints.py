"""Type hints along the routes of a graph: where what one node gives cannot be what the next one takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pocket_lab.graph.callables import declared, unwrapped
from pocket_lab.graph.nested import FanOut, GraphNode
from pocket_lab.graph.node import Node, Route
from pocket_lab.graph.runtime.plan import Plan

_PROMOTED: dict[Any, Any] = {float: int | float, complex: int | float | complex}  # PEP 484, the numeric tower


def mismatches(plan: Plan) -> list[str]:
    """A sentence for each route whose ends have hints that do not fit, inner graphs included; what has no hint is skipped."""
    found = []
    for source, action, target in _routes(plan):
        given, wanted = output_hint(source), input_hint(target)
        if not fits(given, wanted):
            found.append(
                f'type mismatch: node "{source.name}" outputs {_text(given)} but node "{target.name}" expects '
                f'{_text(wanted)} (via action "{action}")'
            )
    for node in dict.fromkeys(plan.source.nodes()):
        for inner in _plans(node):
            found += mismatches(inner)
    return found


def fits(given: Any, wanted: Any) -> bool:
    """Whether every value of one hint is one of the other; Any fits all, and so does what beartype cannot compare."""
    if given is Any or wanted is Any:
        return True
    takes = [part for other in _parts(wanted) for part in _parts(_promoted(other))]
    return all(any(_fits_one(gives, part) for part in takes) for gives in _parts(given))


def _fits_one(given: Any, wanted: Any) -> bool:
    from beartype.door import is_subhint
    from beartype.roar import BeartypeException

    if isinstance(given, type) and not get_args(given) and get_args(wanted):
        wanted = get_origin(wanted)  # a bare list may hold anything
    try:
        return is_subhint(given, wanted)
    except BeartypeException:
        return True


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else (hint,)


def _promoted(hint: Any) -> Any:
    """The hint, with the types that PEP 484 accepts as a float or a complex, inside containers too."""
    if hint in _PROMOTED:
        return _PROMOTED[hint]
    if isinstance(hint, GenericAlias) and any(arg in _PROMOTED for arg in get_args(hint)):
        return GenericAlias(get_origin(hint), tuple(_PROMOTED.get(arg, arg) for arg in get_args(hint)))
    return hint


def input_hint(node: Node) -> Any:
    """The hint of what a node takes; Any where there is none."""
    if node.prep is not None:
        return _parameter(node.prep, 1)
    if isinstance(node, GraphNode):
        return input_hint(node.plan.source.first)
    if isinstance(node, FanOut):
        item = input_hint(node.fan_out_plan.plan(0).source.first)
        return Any if item is Any else Iterable[item]  # type: ignore[valid-type]
    if node.exec is not None:
        return _parameter(node.exec, 0)
    return Any if node.post is None else _parameter(node.post, 1)


def output_hint(node: Node) -> Any:
    """The hint of what a node gives to the next one; Any where there is none."""
    if node.post is not None:
        return _without_action(_returned(node.post))
    if isinstance(node, GraphNode):
        return _last(node.plan)
    if isinstance(node, FanOut):
        result = _last(node.fan_out_plan.plan(0))
        return Any if result is Any else list[result]  # type: ignore[valid-type]
    if node.exec is not None:
        return _without_action(_returned(node.exec), pair=False)
    return Any if node.prep is None else _returned(node.prep)


def _routes(plan: Plan) -> Iterator[tuple[Node, str, Node]]:
    nodes = {node.name: node for node in plan.source.nodes()}
    for name, targets in plan.source.routes.items():
        for action, target in targets.items():
            yield nodes[name], action, target


def _plans(node: Node) -> tuple[Plan, ...]:
    if isinstance(node, GraphNode):
        return (node.plan,)
    return node.fan_out_plan.plans if isinstance(node, FanOut) else ()


def _last(plan: Plan) -> Any:
    """The hint of what comes out of a graph: that of every node without a route."""
    ends = [output_hint(node) for node in dict.fromkeys(plan.source.nodes()) if not plan.source.routes.get(node.name)]
    return _union(ends)


def _without_action(hint: Any, pair: bool = True) -> Any:
    """The hint of the output alone: of T in Route[T], and in (T, str) where a post returns it."""
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        return _union([_without_action(part, pair) for part in get_args(hint)])
    if hint is Route:
        return Any
    if get_origin(hint) is Route or (pair and get_origin(hint) is tuple and len(get_args(hint)) == 2):
        return get_args(hint)[0]
    return Any if pair else hint


def _union(hints: list[Any]) -> Any:
    return Any if not hints or any(hint is Any for hint in hints) else reduce(or_, hints)


def _parameter(function: Callable[..., Any], position: int) -> Any:
    try:
        name = list(inspect.signature(function).parameters)[position]
    except (TypeError, ValueError, IndexError):
        return Any
    return _hint(function, name)


def _returned(function: Callable[..., Any]) -> Any:
    return _hint(function, "return")


def _hint(function: Callable[..., Any], name: str) -> Any:
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        return Any
    try:
        names = declared(unwrapped(function), "__globals__")  # of the innermost function, which get_type_hints may never find
        hint = get_type_hints(function, names if type(names) is dict else {}).get(name, Any)
    except Exception:  # a hint is any expression, and raises what it likes
        return Any
    return Any if isinstance(hint, TypeVar) else hint


def _text(hint: Any) -> str:
    return inspect.formatannotation(hint)
