"""Look-ups of nodes, also of those inside fan-outs and inner graphs: by name where that is unique, else by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pocket_lab.errors import GraphError, printable
from pocket_lab.graph.nested import FanOut, plans_of, with_plans
from pocket_lab.graph.node import Node, walk
from pocket_lab.graph.site import Site

_MOST_LISTED = 20


class NoSuchNode(GraphError, KeyError):
    """No node has that name."""

    def __str__(self) -> str:
        """The message, which a KeyError would show in quotes."""
        return printable(Exception.__str__(self))


@dataclass(frozen=True, slots=True)
class Location:
    """Where a node is: the nodes around it and itself, outermost first, and for each but the last the number of its plan."""

    nodes: tuple[Node, ...]
    plans: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names on the way; of several graphs in one node also the scope of the store that each works on."""
        names = []
        for node, plan in zip(self.nodes, self.plans, strict=False):
            names.append(node.name)
            if isinstance(node, FanOut) and len(node.fan_out_plan.plans) > 1:
                names.append(node.fan_out_plan.scope(plan))
        return (*names, self.nodes[-1].name)

    @property
    def path(self) -> str:
        """The names with slashes between them."""
        return "/".join(self.names)


class Nodes(Mapping[str, Node]):
    """The nodes of a graph by name; those inside others are found by name or path too, but not counted.

    A path such as "inner/score" names the node and any of those around it, outermost first. Of a fan-in the source may be
    named too, by its scope: "all/concurrent-1/score". A name at the top is that node, whatever is inside others. Raises
    NoSuchNode, which is a KeyError, and GraphError for a name that several nodes have.
    """

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = dict(nodes)

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name] if name in self._nodes else self.locations(name)[0].nodes[-1]

    def __contains__(self, name: object) -> bool:
        return name in self._nodes or (
            isinstance(name, str) and any(leads(name, location.names) for location in _locations(self._nodes.values()))
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        return f"Nodes({self._nodes!r})"

    def locations(self, name: str, purpose: str = "") -> list[Location]:
        """Where the one node of this name or path is: in more than one location if a node is used several times."""
        if name in self._nodes:
            return [Location((self._nodes[name],))]
        every = _locations(self._nodes.values()) if isinstance(name, str) else ()
        found = [location for location in every if leads(name, location.names)]
        found = [location for location in found if location.path == name] or found
        if not found:
            labels = list(dict.fromkeys(label for label, _ in labelled(self)))
            more = f" and {len(labels) - _MOST_LISTED} more" if len(labels) > _MOST_LISTED else ""
            raise NoSuchNode(f'the graph has no node "{name}"{purpose}; it has {", ".join(labels[:_MOST_LISTED])}{more}')
        if (count := len({location.nodes[-1] for location in found})) > 1:
            paths = ", ".join(f'"{location.path}"' for location in found[:_MOST_LISTED])
            raise GraphError(f'{count} nodes are named "{name}": give the path of one, {paths}')
        return found


def replaced(nodes: Nodes, name: str, new: Node) -> dict[Node, Node]:
    """The nodes of a graph that change where the node of this name or path is another one, with the nodes instead of them."""
    return _swaps(nodes.locations(name, " to replace"), new)


def labelled(nodes: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    """Every node, those inside others too, with what results call it: its name where that is unique, else its path."""
    shared = shared_names(nodes.values())
    seen: set[tuple[str, Node]] = set()
    waiting = [("", node) for node in reversed(list(nodes.values()))]
    while waiting:
        around, node = waiting.pop()
        label = Site(label=around, shared=shared).label_of(node.name)
        if (label, node) in seen:
            continue
        seen.add((label, node))
        yield label, node
        for location in reversed(list(_inside(Location((node,))))):
            waiting.append(("/".join([label, *location.names[1:-1]]), location.nodes[-1]))


def shared_names(nodes: Iterable[Node]) -> frozenset[str]:
    """The names that different nodes have, those inside others too; a node with one of its own name inside is that one."""
    found: dict[str, Node] = {}
    shared = set()
    for node in walk(nodes):
        if all(inner.name != node.name for inner in node.inner()) and found.setdefault(node.name, node) is not node:
            shared.add(node.name)
    return frozenset(shared)


def _locations(nodes: Iterable[Node]) -> Iterator[Location]:
    """Where every node is, outer ones first."""
    waiting = [Location((node,)) for node in nodes][::-1]
    while waiting:
        location = waiting.pop()
        yield location
        waiting += list(_inside(location))[::-1]


def _inside(location: Location) -> Iterator[Location]:
    """The locations directly inside one."""
    for number, plan in enumerate(plans_of(location.nodes[-1])):
        for node in dict.fromkeys(plan.source.nodes()):
            yield Location((*location.nodes, node), (*location.plans, number))


def leads(path: str, names: tuple[str, ...]) -> bool:
    """Whether a path names the last of the names, after any of those before it in their order."""
    last = names[-1]
    if path == last:
        return True
    if not path.endswith(f"/{last}"):
        return False
    return any(leads(path[: -len(last) - 1], names[:end]) for end in range(1, len(names)))


def _swaps(locations: Iterable[Location], new: Node) -> dict[Node, Node]:
    """New nodes instead of the outermost ones of the locations, with another node at the locations."""
    inside: dict[Node, list[Location]] = {}
    for location in locations:
        inside.setdefault(location.nodes[0], []).append(location)
    swaps: dict[Node, Node] = {}
    for node, group in inside.items():
        plans = list(plans_of(node))
        for number in {location.plans[0] for location in group if location.plans}:
            inner = [Location(location.nodes[1:], location.plans[1:]) for location in group if location.plans[0] == number]
            plans[number] = plans[number].swapped(_swaps(inner, new))
        swaps[node] = with_plans(node, plans) if group[0].plans else new
    return swaps
