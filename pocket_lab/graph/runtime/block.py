"""Blocks: the longest runs of nodes of one shape that are entered only from the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pocket_lab.graph.node import Node
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.runtime.lifecycle import Left, Step
from pocket_lab.graph.runtime.specialise import Chain, Leave, Shape
from pocket_lab.graph.runtime.steps import is_short, needs_context, prepare, shows_context

Routes = Mapping[str, Mapping[str, Node]]
_NOTHING: Mapping[str, Node] = {}


@dataclass(frozen=True, slots=True)
class Source:
    """What a plan is compiled from."""

    name: str
    first: Node
    routes: Routes
    strict: bool = False
    max_steps: int | None = None
    observers: tuple[Observer, ...] = ()

    def nodes(self) -> Iterator[Node]:
        """Every node, some of them more than once."""
        yield self.first
        for targets in self.routes.values():
            yield from targets.values()


@dataclass(eq=False)
class Block:
    """Steps of one shape in a row; `routes[i]` says where the actions of step i lead, `after` where the last goes on to."""

    steps: Sequence[Step]
    shape: Shape
    routes: list[dict[str, Block]] = field(default_factory=list)
    after: Block | None = None

    def __post_init__(self) -> None:
        self.length = len(self.steps)
        self.needs_context = needs_context(self.shape)
        self.shows_context = shows_context(self.shape)

    def chain(self, checked: bool = False, *, steps: Sequence[Step] | None = None, leave: Leave = Left) -> Chain:
        """The function that runs the steps (or others of this shape); `checked` asks the context before each."""
        shape = self.shape.checked() if checked else self.shape
        return shape.chain(self.steps if steps is None else steps, leave)

    @cached_property
    def bare(self) -> Chain:
        """The chain that asks nobody between its steps."""
        return self.chain()

    @cached_property
    def checked(self) -> Chain:
        """The chain that asks the context before each step whether to go on."""
        return self.chain(checked=True)

    @property
    def routed(self) -> bool:
        """Whether any route leads on from here, beyond the chain itself."""
        return bool(self.routes[-1]) or any(action != DEFAULT for routes in self.routes for action in routes)


def compile_blocks(source: Source, on_loop: bool) -> dict[str, Block]:
    """The blocks of a graph by the names of their first nodes."""
    routes, prepared = source.routes, {node.name: prepare(node, on_loop, source.observers) for node in source.nodes()}
    entered_from = _entries(source)
    blocks: dict[str, Block] = {}
    names: dict[str, list[str]] = {}
    waiting = [source.first.name]
    while waiting:
        head = waiting.pop()
        if head in blocks:
            continue
        chain = names[head] = [head]
        shape = prepared[head][1]
        while is_short(shape):
            following = routes.get(chain[-1], _NOTHING).get(DEFAULT)
            if following is None or prepared[following.name][1] != shape or entered_from[following.name] > 1:
                break
            chain.append(following.name)
        blocks[head] = Block([prepared[name][0] for name in chain], shape)
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
    """How many ways lead into each node; one by another action than "default" counts for two."""
    entries: dict[str, int] = {source.first.name: 1}
    for targets in source.routes.values():
        for action, target in targets.items():
            entries[target.name] = entries.get(target.name, 0) + (1 if action == DEFAULT else 2)
    return entries
