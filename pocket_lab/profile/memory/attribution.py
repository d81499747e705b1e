"""Which node each stack of a capture belongs to, and through which of the node's lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pocket_lab.executors.faults.frames import is_own
from pocket_lab.graph.runtime.markers import INHERITED, is_marker
from pocket_lab.profile.libraries import is_library
from pocket_lab.profile.memory.capture import Frame, Ints, Mask, Stacks
from pocket_lab.profile.node_code import NodeFinder


@dataclass(frozen=True, slots=True)
class Attribution:
    """The nodes of every stack, as arrays indexed by stack number.

    `owner` is the index in `names` of the innermost node (the last name means "no node"), `site` the number of the stack
    that ends with the frame of that node which says best where it was (0 without one), `chain` an index into `chains`, the
    distinct combinations of nodes on a stack, innermost first.
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
    """Find the nodes on every stack, in one pass, since a stack follows its parent; `outside` is the name for no node.

    Nodes that only a marker names come after the given ones. What a node has given to a thread of another one is not inside
    that one.
    """
    index = {name: number + 1 for number, name in enumerate(nodes)}  # 0 is no node
    names: list[str | None] = [None, *nodes]
    found: dict[tuple[int, Frame], tuple[int, int]] = {}
    owner, site, rank, chain = [0], [0], [0], [0]
    chains: list[tuple[int, ...]] = [()]
    known: dict[tuple[int, ...], int] = {(): 0}
    for number, parent, frame in zip(range(1, len(stacks)), stacks.parents[1:], stacks.frames[1:], strict=True):
        outer = owner[parent]
        key = outer, frame
        if key not in found:
            name = finder.node_at(frame[1], frame[2], names[outer])
            if name is not None and name not in index:
                index[name] = len(names)
                names.append(name)
            found[key] = 0 if name is None else index[name], _site_rank(frame, name, finder)
        node, better = found[key]
        is_new = node != outer or better == _MARKER
        before = 0 if is_new else rank[parent]
        has_better = better > before or better == _OWN_CODE
        owner.append(node)
        site.append(number if has_better and node else 0 if is_new else site[parent])
        rank.append(better if has_better and node else before)
        if not is_new:
            chain.append(chain[parent])
            continue
        around = chains[chain[parent]]
        if node not in around and _is_given(frame):
            around = ()
        within = (node, *(other for other in around if other != node))
        if within not in known:
            known[within] = len(chains)
            chains.append(within)
        chain.append(known[within])
    numbers = np.array(owner)
    return Attribution(
        (*(name for name in names if name is not None), outside),
        np.where(numbers == 0, len(names), numbers) - 1,  # "no node" comes last
        np.array(site),
        np.array(chain),
        tuple(tuple(node - 1 for node in within) for within in chains),
    )


_NO_SITE, _MARKER, _LIBRARY, _OTHER_CODE, _OWN_CODE = -1, 0, 1, 2, 3


def _is_given(frame: Frame) -> bool:
    """Whether it is the marker of work that its node has given to the thread, which another one may have started."""
    return is_marker(frame[1]) and frame[0].endswith(INHERITED)


def _site_rank(frame: Frame, node: str | None, finder: NodeFinder) -> int:
    """How well a frame says where in the node something happens.

    The innermost frame of the node's own code does it best, then the outermost of other code that is not of a library, as of a
    decorator, then the outermost of a library. A frame of this package says nothing.
    """
    _, file, line = frame
    if is_marker(file):
        return _MARKER
    if is_own(file):
        return _NO_SITE
    if node in finder.nodes_of_code(file, line):
        return _OWN_CODE
    return _LIBRARY if is_library(file) else _OTHER_CODE
