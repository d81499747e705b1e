"""Where a resource or an allocation comes from: the line of user code on its stack, and its node."""

from __future__ import annotations

from pocket_lab.profile.leaks.creation_sites import Stack
from pocket_lab.profile.libraries import is_library
from pocket_lab.profile.node_code import NodeFinder

Location = tuple[str, str, int]

_UNKNOWN: Location = ("", "", 0)


def origin_of(stack: Stack, finder: NodeFinder) -> tuple[str, Location]:
    """Return the innermost node of a stack ("" outside the nodes), and its innermost frame outside installed libraries.

    The stack begins with its innermost frame. If all frames are in libraries, the location is empty.
    """
    nodes = finder.nodes(stack)
    own = (frame for frame in stack if finder.nodes_of_code(frame[1], frame[2]) or not _is_generated(frame[1]))
    return (nodes[0] if nodes else ""), next(own, _UNKNOWN)


def _is_generated(file: str) -> bool:
    """Whether the code was not written by the user."""
    return file == "<string>" or is_library(file)
