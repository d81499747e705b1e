"""Where a resource or an allocation comes from: the line of user code on its stack, and its node."""

from __future__ import annotations

import site
import sysconfig

from pocket_lab.executors.outcome import is_machinery
from pocket_lab.profile.leaks.creation_sites import Stack
from pocket_lab.profile.node_code import NodeFinder

Location = tuple[str, str, int]

_UNKNOWN: Location = ("", "", 0)
_LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {site.getusersitepackages()}
)


def origin_of(stack: Stack, finder: NodeFinder) -> tuple[str, Location]:
    """Return the innermost node of a stack ("" outside the nodes), and its innermost frame outside installed libraries.

    The stack begins with its innermost frame. If all frames are in libraries, the location is empty.
    """
    nodes = finder.nodes(stack)
    own = (frame for frame in stack if finder.node_at(frame[1], frame[2]) is not None or not is_library(frame[1]))
    return (nodes[0] if nodes else ""), next(own, _UNKNOWN)


def is_library(file: str) -> bool:
    """Whether a file belongs to Pocket Lab, Python or an installed package."""
    return file.startswith(("<frozen", "<string>", *_LIBRARIES)) or is_machinery(file)
