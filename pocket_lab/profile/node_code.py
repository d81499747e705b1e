"""Which source lines belong to which node, so that frames and line counts can be attributed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import CodeType, FunctionType, MethodType
from typing import Any

from pocket_lab.executors.faults.frames import is_machinery, is_own
from pocket_lab.graph.callables import MOST_WRAPPERS, declared, unwrapped
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.runtime.markers import is_marker, node_of_marker
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe

OUTSIDE = "(outside the nodes)"
RUNTIME = ("[runtime, start-up]", "", 0)  # the frame of what this package does itself


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


def node_names(target: Any, label: str) -> list[str]:
    """The names of all nodes of a graph that have functions of their own, or the label of a plain callable."""
    return list(dict.fromkeys(name for name, _ in _phases(target, label)))


def stack_codes(target: Any, label: str) -> list[NodeCode]:
    """The plain functions of every node, for a `NodeFinder`, also inside decorators; nodes may share them.

    A method, a callable object, a partial and a closure are left out: others of the same code are no nodes.
    """
    return [_code(node, inner) for node, phase in _phases(target, label) if (inner := _plain_function(phase)) is not None]


def _plain_function(phase: Any) -> FunctionType | None:
    """The function inside decorators that are functions themselves, if no object is bound to it."""
    for _ in range(MOST_WRAPPERS):
        if type(phase) is not FunctionType:
            return None
        inner = declared(phase, "__wrapped__")
        if inner is None:
            return phase if phase.__closure__ is None else None
        phase = inner
    return None


def _phases(target: Any, label: str) -> list[tuple[str, Callable[..., Any]]]:
    if isinstance(target, Graph):
        return [(name, phase) for name, node in target.labelled() for _, phase in node.phases()]
    return [(label, target)]


def _code(node: str, function: Any) -> NodeCode:
    code = function.__code__
    return NodeCode(node, function, code.co_filename, code.co_firstlineno, _last_line(code))


def node_codes(target: Any, label: str, also: Iterable[Callable[..., Any]] = ()) -> tuple[list[NodeCode], list[Caveat]]:
    """The functions of every node of a graph, or a plain callable under its label; a Caveat for each that is not Python code.

    Functions of `also` that belong to no node get their own names.
    """
    phases = _phases(target, label)
    known = {id(python_function(phase)) for _, phase in phases}
    phases += [(f"{function.__qualname__}()", function) for function in also if id(function) not in known]
    codes: list[NodeCode] = []
    caveats = []
    for node, phase in phases:
        function = python_function(phase)
        if function is None:
            caveats.append(Caveat("no-python-code", f'node "{node}": {phase!r} is not written in Python and is not profiled'))
        else:
            codes.append(_code(node, function))
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
    phase = unwrapped(phase)
    if isinstance(phase, MethodType):
        phase = unwrapped(phase.__func__)
    if type(phase) is not FunctionType:
        phase = unwrapped(declared(type(phase), "__call__"))
    return phase if type(phase) is FunctionType else None


def _last_line(code: CodeType) -> int:
    own = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
    return max([own, *(_last_line(inner) for inner in code.co_consts if isinstance(inner, CodeType))])


class NodeFinder:
    """Finds the nodes on a stack of (function, file, line) frames.

    A marker frame names the node that all code below it runs for. Below it, and where there is none, the code of another node
    names that node, if no third one has the same code: it was called as a function. Code that has no file of its own, as that
    of exec in "<string>", names none, since its lines say nothing. Those calls are noted for `caveats`.
    """

    def __init__(self, codes: Iterable[NodeCode]) -> None:
        self._by_file: dict[str, list[NodeCode]] = {}
        self._calls: dict[tuple[str, str], None] = {}
        for code in codes:
            if has_own_file(code.file):
                self._by_file.setdefault(code.file, []).append(code)

    def nodes(self, frames: Iterable[tuple[str, str, int]]) -> list[str]:
        """The distinct nodes of a stack, innermost first; its frames come innermost first, too."""
        found: list[str] = []
        node: str | None = None
        for _, file, line in reversed(list(frames)):
            node = self.node_at(file, line, node)
            if node is not None:
                found = [node, *(other for other in found if other != node)]
        return found

    def owner(self, frames: Sequence[tuple[str, str, int]]) -> tuple[str, int] | None:
        """The innermost node of a stack (outermost frame first), and the index at which its part of the stack begins.

        That is behind its marker, or at the outermost frame of its code that was called from the node before it.
        """
        node: str | None = None
        start = 0
        for index, (_, file, line) in enumerate(frames):
            inner = self.node_at(file, line, node)
            if is_marker(file):
                start = index + 1
            elif inner != node:
                start = index
            node = inner
        return None if node is None else (node, start)

    def node_at(self, file: str, line: int, caller: str | None = None) -> str | None:
        """The node of a frame that was called from one of the node `caller`."""
        if is_marker(file):
            return node_of_marker(file)
        nodes = self.nodes_of_code(file, line)
        if caller in nodes or len(nodes) != 1:
            return caller
        if caller is not None:
            self._calls[caller, nodes[0]] = None
        return nodes[0]

    def caveats(self, point: Point) -> Iterator[Caveat]:
        """A Caveat for each node that was seen calling the function of another one itself, since the last time."""
        calls, self._calls = self._calls, {}
        for node, called in calls:
            message = f'"{node}" calls the function of "{called}" itself: such calls count for "{called}"'
            yield Caveat("node-calls", f"{describe(point)}: {message}", point)

    def nodes_of_code(self, file: str, line: int) -> list[str]:
        """The nodes whose code includes this line; of nested functions those of the innermost."""
        if file not in self._by_file:
            return []
        found = [code for code in self._by_file[file] if code.first <= line <= code.last]
        shortest = min((code.last - code.first for code in found), default=0)
        return list(dict.fromkeys(code.node for code in found if code.last - code.first == shortest))


def own_frames(frames: Sequence[tuple[str, str, int]], start: int) -> tuple[tuple[str, str, int], ...]:
    """The part of a stack from this index on, without frames of this package, wherever they are.

    Nor has it the machinery of a pool or an event loop at its beginning.
    """
    part = [frame for frame in frames[start:] if not is_own(frame[1])]
    first = next((index for index, (_, file, _) in enumerate(part) if not is_machinery(file)), 0)
    return tuple(part[first:])


def has_own_file(file: str) -> bool:
    """Whether code of this file is identified by its line: a file, a cell, or a doctest."""
    return not file.startswith("<") or file.startswith(("<ipython-input", "<doctest"))
