"""Paths: `a >> b` and `a - "action" >> b` are values that a Graph merges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pocket_lab.errors import GraphError

DEFAULT = "default"


class Linkable:
    """A node, or a graph, which is a node of the path."""

    __slots__ = ()

    name: str

    def as_node(self) -> Linkable:
        """The node of the path."""
        return self

    def __rshift__(self, other: Any) -> Any:
        return Path.of(self.as_node()) >> other

    def __sub__(self, action: str) -> Exit:
        return Path.of(self.as_node()) - action


@dataclass(frozen=True, slots=True)
class Edge:
    """A route from one node to another, taken on an action."""

    source: Linkable
    action: str
    target: Linkable


@dataclass(frozen=True, slots=True)
class Path:
    """An immutable chain of routes; `>>` goes on from its last node."""

    first: Linkable
    last: Linkable
    edges: tuple[Edge, ...] = ()

    @classmethod
    def of(cls, node: Linkable) -> Path:
        """The path that is one node."""
        return cls(node, node)

    def __rshift__(self, other: Any) -> Any:
        return Exit(self, DEFAULT) >> other

    def __sub__(self, action: str) -> Exit:
        return Exit(self, action)


@dataclass(frozen=True, slots=True)
class Exit:
    """A path with an action whose target node is still missing."""

    path: Path
    action: str

    def __post_init__(self) -> None:
        if not isinstance(self.action, str) or not self.action:
            raise GraphError(f'node "{self.path.last.name}": an action is a text, got {self.action!r}')

    def __rshift__(self, other: Any) -> Any:
        if isinstance(other, Exit):
            return Exit(self >> other.path, other.action)
        tail = as_path(other, f'node "{self.path.last.name}" routes "{self.action}" to')
        edge = Edge(self.path.last, self.action, tail.first)
        return Path(self.path.first, tail.last, (*self.path.edges, edge, *tail.edges))


def as_path(value: Any, role: str) -> Path:
    """A node, graph or path as a path; anything else is a GraphError whose message begins with the role."""
    if isinstance(value, Path):
        return value
    if isinstance(value, Linkable):
        return Path.of(value.as_node())
    if isinstance(value, Exit):
        raise GraphError(f'node "{value.path.last.name}": the action "{value.action}" leads nowhere, add >> and a node')
    several = isinstance(value, list | tuple | set | frozenset) and any(isinstance(one, Linkable) for one in value)
    nodes = " (one input goes to several nodes by fan_in(combine, ...) or run_concurrent)" if several else ""
    hint = ", decorate the function with @node" if callable(value) else ""
    raise GraphError(f"{role} {value!r}{nodes}, which is not a node{hint}")
