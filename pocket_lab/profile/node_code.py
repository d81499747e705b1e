"""Which source lines belong to which node, so that frames and line counts can be attributed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.runtime.lazy_results import node_of_marker
from pocket_lab.records.caveat import Caveat

OUTSIDE = "(outside the nodes)"


@dataclass(frozen=True, slots=True)
class NodeCode:
    """A Python function of a node, and its first and last source line."""

    node: str
    function: Callable[..., Any]
    file: str
    first: int
    last: int

    @property
    def key(self) -> tuple[str, int]:
        """The file and the first line."""
        return self.file, self.first


def node_codes(target: Any, label: str, also: Iterable[Callable[..., Any]] = ()) -> tuple[list[NodeCode], list[Caveat]]:
    """The functions of every node of a graph, or a plain callable under its label; a Caveat for each that is not Python code.

    Functions of `also` that belong to no node get their own names.
    """
    phases = (
        [(node.name, phase) for node in target.walk() for _, phase in node.phases()]
        if isinstance(target, Graph)
        else [(label, target)]
    )
    known = {id(python_function(phase)) for _, phase in phases}
    phases += [(f"{function.__qualname__}()", function) for function in also if id(function) not in known]
    codes: list[NodeCode] = []
    caveats = []
    for node, phase in phases:
        function = python_function(phase)
        if function is None:
            caveats.append(Caveat("no-python-code", f'node "{node}": {phase!r} is not written in Python and is not profiled'))
        else:
            code = function.__code__
            codes.append(NodeCode(node, function, code.co_filename, code.co_firstlineno, _last_line(code)))
    return _label_shared(codes, caveats), caveats


def _label_shared(codes: list[NodeCode], caveats: list[Caveat]) -> list[NodeCode]:
    """Nodes with the same source lines cannot be distinguished on a stack: they get one label, and a Caveat."""
    sharing: dict[tuple[str, int, int], dict[str, None]] = {}
    for code in codes:
        sharing.setdefault((code.file, code.first, code.last), {})[code.node] = None
    for names in sharing.values():
        if len(names) > 1:
            caveats.append(Caveat("shared-source", f"{', '.join(names)} have the same source lines and are shown as one"))
    return [replace(code, node=", ".join(sharing[code.file, code.first, code.last])) for code in codes]


def python_function(phase: Any) -> Any:
    """The function inside wrappers, methods, partials and callable objects; None if there is none."""
    phase = inspect.unwrap(phase)
    while hasattr(phase, "func"):  # functools.partial
        phase = inspect.unwrap(phase.func)
    if inspect.ismethod(phase):
        phase = phase.__func__
    if not inspect.isfunction(phase) and inspect.isfunction(getattr(type(phase), "__call__", None)):  # noqa: B004
        phase = type(phase).__call__
    return phase if inspect.isfunction(phase) else None


def _last_line(code: CodeType) -> int:
    own = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
    return max([own, *(_last_line(inner) for inner in code.co_consts if isinstance(inner, CodeType))])


class NodeFinder:
    """Finds the nodes on a stack of (function, file, line) frames, innermost first.

    A frame that resumes a lazy result of a node names that node, whatever code is below it.
    """

    def __init__(self, codes: Iterable[NodeCode]) -> None:
        self._by_file: dict[str, list[NodeCode]] = {}
        self._labels: dict[str, str] = {}
        for code in codes:
            self._by_file.setdefault(code.file, []).append(code)
            self._labels |= dict.fromkeys([*code.node.split(", "), code.node], code.node)

    def nodes(self, frames: Iterable[tuple[str, str, int]]) -> list[str]:
        """The distinct nodes of a stack, innermost first."""
        found = [self.node_at(file, line) for _, file, line in frames]
        return list(dict.fromkeys(node for node in found if node is not None))

    def owner(self, frames: Sequence[tuple[str, str, int]]) -> tuple[str, int] | None:
        """The innermost node of a stack (outermost frame first), and the index at which its part of the stack begins.

        Functions written inside a node belong to it, so that its part begins at the outermost frame with no other node below.
        """
        owner: tuple[str, int] | None = None
        for index in range(len(frames) - 1, -1, -1):
            _, file, line = frames[index]
            node = self.node_at(file, line)
            if node is not None:
                if owner is not None and node != owner[0]:
                    break
                owner = node, index
        return owner

    def node_at(self, file: str, line: int) -> str | None:
        """The node to which a line of a file belongs, or which a marker names."""
        if file in self._by_file:
            return self._node(file, line)
        marked = node_of_marker(file)
        return None if marked is None else self._labels.get(marked, marked)

    @staticmethod
    def without_markers(frames: Iterable[tuple[str, str, int]]) -> tuple[tuple[str, str, int], ...]:
        """The frames of a stack but for those that only name a node."""
        return tuple(frame for frame in frames if node_of_marker(frame[1]) is None)

    def _node(self, file: str, line: int) -> str | None:
        """The node whose lines include this one; of nested functions the innermost."""
        candidates = [code for code in self._by_file[file] if code.first <= line <= code.last]
        return min(candidates, key=lambda code: code.last - code.first).node if candidates else None
