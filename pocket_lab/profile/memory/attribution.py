"""Which node each stack of a capture belongs to, and through which of the node's lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pocket_lab.graph.runtime.lazy_results import node_of_marker
from pocket_lab.profile.memory.allocation_ledger import Mask
from pocket_lab.profile.memory.capture import Frame, Ints, Stacks
from pocket_lab.profile.node_code import NodeFinder


@dataclass(frozen=True, slots=True)
class Attribution:
    """The nodes of every stack, as arrays indexed by stack number.

    `owner` is the index in `names` of the innermost node (the last name means "no node"), `site` the number of the stack
    that ends with the innermost frame of that node (0 without a node), `chain` an index into `chains`, the distinct
    combinations of nodes on a stack, innermost first.
    """

    names: tuple[str, ...]
    owner: Ints
    site: Ints
    chain: Ints
    chains: tuple[tuple[int, ...], ...]

    def under(self, node: int) -> Mask:
        """Return which stacks contain the node."""
        has = np.array([node in chain for chain in self.chains])
        result: Mask = has[self.chain]
        return result

    def holds_others(self, node: int) -> bool:
        """Return whether another node ran inside this one."""
        return any(node in chain[1:] for chain in self.chains)


def attribute(stacks: Stacks, finder: NodeFinder, nodes: Sequence[str], outside: str) -> Attribution:
    """Find the nodes on every stack, in one pass, since a stack follows its parent; `outside` is the name for no node."""
    index = {name: number for number, name in enumerate(nodes)}
    node_of: dict[Frame, int | None] = {}
    owner, site, chain = [len(nodes)], [0], [0]
    chains: list[tuple[int, ...]] = [()]
    known: dict[tuple[int, ...], int] = {(): 0}
    for number, parent, frame in zip(range(1, len(stacks)), stacks.parents[1:], stacks.frames[1:], strict=True):
        if frame not in node_of:
            name = finder.node_at(frame[1], frame[2])
            node_of[frame] = None if name is None else index[name]
        node = node_of[frame]
        if node is None:
            owner.append(owner[parent])
            site.append(site[parent])
            chain.append(chain[parent])
            continue
        within = (node, *(other for other in chains[chain[parent]] if other != node))
        if within not in known:
            known[within] = len(chains)
            chains.append(within)
        owner.append(node)
        site.append(number if node_of_marker(frame[1]) is None else 0)
        chain.append(known[within])
    return Attribution((*nodes, outside), np.array(owner), np.array(site), np.array(chain), tuple(chains))
