"""Who takes the parameters of a sweep: the input function, the target, or a function that makes the target."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pocket_lab.errors import UsageError, valid_unicode
from pocket_lab.graph.callables import (
    SUPPLIED,
    Signature,
    declared,
    is_async,
    name_of,
    takes,
    takes_argument,
    unwrapped,
    with_options,
)
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.path import Linkable

_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Takers:
    """The names of the parameters that go to the input function and to the target.

    A factory returns the graph to run; a run `is_graph` also of a node or an async function.
    """

    input: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    is_factory: bool = False
    is_graph: bool = False

    @classmethod
    def of(cls, target: Any, input: Any, values: Mapping[str, Any], has_input: bool) -> tuple[Takers, Any]:
        """The takers of the parameters, and the target with these values; raises UsageError for a name that nothing takes.

        A function without an input of its own is called with them, where it may be a factory.
        """
        names = tuple(values)
        function: Any = target.exec if isinstance(target, Node) else None if isinstance(target, Graph) else target
        to_input = tuple(name for name in names if callable(input) and Signature(input).takes_keyword(name))
        to_target = tuple(name for name in names if callable(function) and Signature(function).takes_keyword(name))
        for name in names:
            if name not in (*to_input, *to_target):
                raise UsageError(f"params: {_not_taken(name, target, function, input)}")
        given = {name: values[name] for name in to_target}
        is_plain = callable(function) and function is target
        if is_plain and given and _may_be_factory(target, given, has_input):
            made = target(**given)
            if isinstance(made, Graph | Node):
                return cls(to_input, to_target, is_factory=True, is_graph=True), measurable(made)
        takers = cls(to_input, to_target, is_graph=isinstance(target, Graph | Node) or is_async(target))
        return takers, takers.target_with(target, values)

    def target_with(self, target: Any, values: Mapping[str, Any]) -> Graph | Callable[..., Any]:
        """What is measured with these values: a graph or a callable."""
        given, name = {name: values[name] for name in self.target}, target_name(target)
        if self.is_factory:
            made = target(**given)
            if not isinstance(made, Graph | Node):
                raise UsageError(f"{name_of(target)} returned a {type(made).__name__}, and a Graph for other parameters")
            return measurable(made)
        if given and isinstance(target, Node):
            assert target.exec is not None
            target = target.with_(exec=with_options(target.exec, given))
        elif given:
            target = with_options(target, given)
        return measurable(target, name)

    def input_with(self, input: Any, values: Mapping[str, Any]) -> Any:
        """The input, or the function of the size that makes it, with these values."""
        return with_options(input, {name: values[name] for name in self.input}) if self.input else input


NO_TAKERS = Takers()


def target_name(target: Any) -> str:
    """The name under which results show a target."""
    name = declared(target, "name")
    return valid_unicode(name if isinstance(name, str) and name else name_of(target))


def measurable(target: Any, name: str | None = None) -> Graph | Callable[..., Any]:
    """A node or an async function as a graph, which a run of either is; other targets as they are."""
    if not isinstance(target, Graph | Node) and is_async(target):
        target = _awaited(target, name or target_name(target))
    return Graph(target, name=target.name) if isinstance(target, Node) else target


def _awaited(function: Callable[..., Any], name: str) -> Node:
    """An async function as a node, which runs it on an event loop."""
    if takes_argument(function):
        return Node(name, exec=function)

    async def call(_: Any) -> Any:
        return await function()

    async def call_with(_: Any, ctx: Context) -> Any:
        return await function(ctx=ctx)

    return Node(name, exec=call_with if takes(function, "ctx") else call)


def _may_be_factory(function: Callable[..., Any], given: dict[str, Any], has_input: bool) -> bool:
    """Whether a function that needs nothing but parameters may return a graph: its hint says so, or its code names one."""
    bound = Signature(with_options(function, given))
    if is_async(function) or bound.needs_argument:
        return False
    if has_input and not bound.takes_argument:  # a plain function of no input can have none
        return True
    return "Graph" in str(_returned(function)) or _names_ours(unwrapped(function))


def _returned(function: Callable[..., Any]) -> Any:
    try:
        return inspect.signature(function).return_annotation
    except (TypeError, ValueError):
        return None


def _names_ours(function: Any) -> bool:
    """Whether the code of a function names a graph, a node, or something else of this package."""
    try:
        used = inspect.getclosurevars(function)
    except (TypeError, ValueError):
        return False
    return any(_is_ours(value) for value in (*used.globals.values(), *used.nonlocals.values()))


def _is_ours(value: Any) -> bool:
    if isinstance(value, Linkable):
        return True
    name = value.__name__ if isinstance(value, ModuleType) else declared(value, "__module__")
    return isinstance(name, str) and name.partition(".")[0] == _PACKAGE


def _not_taken(name: str, target: Any, function: Any, input: Any) -> str:
    """What is wrong with a name that nothing takes, with the names that are taken."""
    known: list[str] = []
    texts = []
    for what, one in ((f"the input function {name_of(input)}", input), (_target_name(target), function)):
        if callable(one):
            names = [each for each in Signature(one).keywords if each not in (*SUPPLIED, "size", "n")]
            known += names
            texts.append(f"{what} takes {', '.join(names) if names else 'none'}")
    if isinstance(target, Graph):
        texts.append("a Graph takes none itself: give a function that returns it, bench(build, params=...)")
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"nothing takes {name!r}: {', and '.join(texts)}{hint}"


def _target_name(target: Any) -> str:
    return f'node "{target.name}"' if isinstance(target, Node) else name_of(target)
