"""Where something comes from: of a stack, the line that its user wrote, and the node that it belongs to."""

from __future__ import annotations

import site
import sysconfig

from pocket_lab.executors.outcome import is_machinery
from pocket_lab.profile.leaks.creation_sites import Stack
from pocket_lab.profile.node_code import NodeFinder

Place = tuple[str, str, int]

_UNKNOWN: Place = ("", "", 0)
_LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {site.getusersitepackages()}
)


def origin_of(stack: Stack, finder: NodeFinder) -> tuple[str, Place]:
    """The innermost node of a stack ("" outside the nodes), and its innermost frame outside installed libraries.

    The stack begins with its innermost frame. Where all of it is libraries' own, the place is unknown.
    """
    nodes = finder.nodes(stack)
    own = (frame for frame in stack if finder.node_at(frame[1], frame[2]) is not None or not is_library(frame[1]))
    return (nodes[0] if nodes else ""), next(own, _UNKNOWN)


def is_library(file: str) -> bool:
    """Whether a file is Pocket Lab's, Python's, or an installed package's."""
    return file.startswith(("<frozen", "<string>", *_LIBRARIES)) or is_machinery(file)
