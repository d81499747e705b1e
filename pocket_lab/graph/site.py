"""The site of a node: what a graph inside it knows of the graphs around."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """Where a node is: its routes, the actions that lead on from it here or further out, and what results call the nodes in it.

    `shared` are names that several nodes of the whole graph have: inside this node such a node is called by a path that begins
    with `label`.
    """

    actions: tuple[str, ...] = ()
    exits: frozenset[str] = frozenset()
    label: str = ""
    shared: frozenset[str] = frozenset()

    def label_of(self, name: str) -> str:
        """What results call the node of this name inside: its name where that is unique, else its path."""
        return f"{self.label}/{name}" if self.label and name in self.shared else name


OUTERMOST = Site()
