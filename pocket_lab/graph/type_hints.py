"""Type hints along the routes of a graph: where what one node gives cannot be what the next one takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pocket_lab.graph.callables import declared, unwrapped
from pocket_lab.graph.nested import FanOut, GraphNode, plans_of
from pocket_lab.graph.node import Node, Route
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.runtime.plan import Plan

_PROMOTED: dict[Any, Any] = {float: int | float, complex: int | float | complex}  # PEP 484, the numeric tower


def mismatches(plan: Plan) -> list[str]:
    """A sentence for each route whose ends have hints that do not fit, inner graphs included; what has no hint is skipped.

    Also for each named route out of an inner graph that no node inside can take, by the hints of what they return, and out of
    a fan-out without a post.
    """
    found: list[str] = []
    seen, waiting = set[Plan](), [plan]
    while waiting:
        inside = waiting.pop()
        if inside not in seen:
            seen.add(inside)
            found += _mismatches_of(inside)
            waiting += [inner for node in dict.fromkeys(inside.source.nodes()) for inner in plans_of(node)][::-1]
    return found


def _mismatches_of(plan: Plan) -> Iterator[str]:
    for source, action, target in _routes(plan):
        given, wanted = _given(source, action, plan), input_hint(target)
        if not given:
            yield f'node "{source.name}" never leaves by "{action}", so its route to "{target.name}" is never taken'
        elif not any(fits(hint, wanted) for hint in given):
            yield (
                f'type mismatch: node "{source.name}" outputs {_text(_union(given))} but node "{target.name}" expects '
                f'{_text(wanted)} (via action "{action}")'
            )


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


def _given(node: Node, action: str, plan: Plan) -> list[Any]:
    """The hints of what a node of a graph gives to a route, one of which has to fit; empty where the route is never taken.

    By a named route out of an inner graph comes what any node inside gives that may leave by it, by "default" then what those
    give that cannot choose an action.
    """
    if isinstance(node, FanOut) and node.post is None and action != DEFAULT:
        return []
    if not isinstance(node, GraphNode) or node.post is not None:
        return [output_hint(node)]
    if action != DEFAULT:
        return [output_hint(end) for end in _ends(node.plan, action) if _chooses(end)]
    ends = _ends(node.plan)
    if len(plan.source.routes[node.name]) > 1:
        ends = [end for end in ends if not _chooses(end)] or ends
    return [_union([output_hint(end) for end in ends])]


def _ends(plan: Plan, action: str | None = None) -> list[Node]:
    """The nodes at which a run may leave a graph by an action that has no route there, or that have no route at all.

    Of a graph as a node, those inside it.
    """
    found: dict[Node, None] = {}
    seen, waiting = set[Plan](), [plan]
    while waiting:
        inside = waiting.pop()
        if inside in seen:
            continue
        seen.add(inside)
        for node in inside.source.nodes():
            routes = inside.source.routes.get(node.name, {})
            if action in routes or (action is None and routes):
                continue
            if isinstance(node, GraphNode) and node.post is None:
                waiting.append(node.plan)
            else:
                found[node] = None
    return list(found)


def _chooses(node: Node) -> bool:
    """Whether a node may take another action than "default", as far as the hint of what it returns tells."""
    if node.post is not None:
        return True
    if node.exec is None:
        return False
    returned = _returned(node.exec)
    return returned in (Any, object) or any(Route in (part, get_origin(part)) for part in _parts(returned))


def _last(plan: Plan) -> Any:
    """The hint of what comes out of a graph: that of every node without a route."""
    return _union([output_hint(node) for node in _ends(plan)])


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
