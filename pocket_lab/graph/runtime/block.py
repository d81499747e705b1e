"""Blocks: the longest chains of nodes of one kind, each entered only from the node before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pocket_lab.errors import GraphError
from pocket_lab.graph.node import Node
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.runtime.fast_loops import (
    Chain,
    Leave,
    awaited_chain,
    followed_chain,
    observed_chain,
    phased_chain,
    plain_chain,
)
from pocket_lab.graph.runtime.lifecycle import driven, general_chain
from pocket_lab.graph.runtime.steps import Kind, Step, prepare
from pocket_lab.graph.site import OUTERMOST, Site

Routes = Mapping[str, Mapping[str, Node]]
_FAST_CHAINS = {
    "plain": plain_chain,
    "awaited": awaited_chain,
    "observed": observed_chain,
    "followed": followed_chain,
    "phased": phased_chain,
}
_NOTHING: Mapping[str, Node] = {}


@dataclass(frozen=True, slots=True)
class Source:
    """The nodes, routes and options that a plan is compiled from.

    `site` is that of the node whose graph this is. A graph that `leaves` gives the action by which it ended to the graph around
    it; one that does not, since it is the outermost or that of an item, ends with its output.
    """

    name: str
    first: Node
    routes: Routes
    strict: bool = False
    max_steps: int | None = None
    observers: tuple[Observer, ...] = ()
    site: Site = OUTERMOST
    leaves: bool = False

    def nodes(self) -> Iterator[Node]:
        """Every node, some of them more than once."""
        yield self.first
        for targets in self.routes.values():
            yield from targets.values()

    def site_of(self, node: Node) -> Site:
        """The site of one of the nodes; by "default" a run goes on here and not further out."""
        actions = tuple(self.routes.get(node.name, ()))
        beyond = self.site.exits if self.leaves and DEFAULT not in actions else frozenset[str]()
        return Site(actions, beyond.union(actions), self.site.label_of(node.name), self.site.shared)

    def swapped(self, new: Mapping[Node, Node]) -> Source:
        """The same with other nodes instead of some; raises GraphError where two different nodes get one name."""
        before = {node.name: node for node in self.nodes()}
        names: dict[str, Node] = {}
        for node in before.values():
            after = new.get(node, node)
            if names.setdefault(after.name, after) is not after:
                raise GraphError(f'two different nodes are named "{after.name}"; give one of them another name')
        routes = {
            new.get(before[name], before[name]).name: {action: new.get(target, target) for action, target in targets.items()}
            for name, targets in self.routes.items()
        }
        return replace(self, first=new.get(self.first, self.first), routes=routes)


@dataclass(slots=True)
class Left:
    """How a chain ended other than by "default" at its last node; also what a graph inside another gives to it."""

    value: Any
    action: Any
    position: int


@dataclass(eq=False)
class Block:
    """Steps of one kind in a row.

    `routes[i]` maps the actions of step i to the blocks they lead to; `after` is the block that follows the last step.
    """

    steps: Sequence[Step]
    kind: Kind
    on_loop: bool
    routes: list[dict[str, Block]] = field(default_factory=list)
    after: Block | None = None

    def __post_init__(self) -> None:
        self.length = len(self.steps)
        self.is_async = self.kind == "awaited" or (self.on_loop and self.kind == "general")
        self.needs_context = any(step.needs_context for step in self.steps)
        self.shows_context = any(step.shows_context for step in self.steps)

    def chain(self, checked: bool = False, *, steps: Sequence[Step] | None = None, leave: Leave = Left) -> Chain:
        """The function that runs the steps (or these instead); `checked` checks the context before each step."""
        run = self.steps if steps is None else steps
        if self.kind != "general":
            return _FAST_CHAINS[self.kind](run, checked, leave)
        general = general_chain(run, checked, leave, self.on_loop)
        return general if self.on_loop else driven(general)

    @cached_property
    def bare(self) -> Chain:
        """The chain without checks between its steps."""
        return self.chain()

    @cached_property
    def checked(self) -> Chain:
        """The chain that checks the context before each step."""
        return self.chain(checked=True)

    @property
    def routed(self) -> bool:
        """Whether any route leads from here to another block."""
        return bool(self.routes[-1]) or any(action != DEFAULT for routes in self.routes for action in routes)


def compile_blocks(source: Source, on_loop: bool) -> dict[str, Block]:
    """The blocks of a graph by the names of their first nodes."""
    routes = source.routes
    nodes = {node.name: node for node in source.nodes()}
    steps = {name: prepare(node, on_loop, source.observers, source.site_of(node)) for name, node in nodes.items()}
    entered_from = _entries(source)
    blocks: dict[str, Block] = {}
    names: dict[str, list[str]] = {}
    waiting = [source.first.name]
    while waiting:
        head = waiting.pop()
        if head in blocks:
            continue
        chain = names[head] = [head]
        kind = steps[head].kind
        while (following := routes.get(chain[-1], _NOTHING).get(DEFAULT)) is not None:
            if steps[following.name].kind != kind or entered_from[following.name] > 1:
                break
            chain.append(following.name)
        blocks[head] = Block([steps[name] for name in chain], kind, on_loop)
        inside = set(chain[1:])
        waiting += [
            target.name for name in chain for target in routes.get(name, _NOTHING).values() if target.name not in inside
        ]
    for head, block in blocks.items():
        for name in names[head]:
            targets = routes.get(name, _NOTHING)
            block.routes.append({action: blocks[t.name] for action, t in targets.items() if t.name in blocks})
        block.after = block.routes[-1].get(DEFAULT)
    return blocks


def _entries(source: Source) -> dict[str, int]:
    """How many routes lead into each node; a route by another action than "default" counts twice."""
    entries: dict[str, int] = {source.first.name: 1}
    for targets in source.routes.values():
        for action, target in targets.items():
            entries[target.name] = entries.get(target.name, 0) + (1 if action == DEFAULT else 2)
    return entries
