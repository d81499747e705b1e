"""The code whose lines are counted: that of the functions of every node, and of all functions written inside them.

Identity is the function and its code object, not file and line: all that `exec` and `dataclasses` make is in "<string>", and
two nodes with the same decorator have its lines each for itself.
"""

from __future__ import annotations

import dis
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.profile.lines.called_functions import Called, called_functions
from pocket_lab.profile.lines.traced_functions import Helper
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.sources import CALLERS

Key = tuple[str, str, str, int, int]


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A code object: the node that it runs for, its name, the function whose time includes its own, its file and its lines.

    `number` tells apart blocks with the same node, name and lines.
    """

    node: str
    function: str
    inside: str
    file: str
    first: int
    lines: tuple[int, ...]
    number: int

    @property
    def key(self) -> Key:
        """What identifies the block in every process."""
        return self.node, self.function, self.file, self.first, self.number


@dataclass(frozen=True, slots=True)
class TracedFunction:
    """A function of a node or a helper, and the blocks of `code_tree` of its code, in that order."""

    function: FunctionType
    blocks: tuple[CodeBlock, ...]


def traced_code(target: Any, label: str, helpers: Iterable[Helper] = ()) -> tuple[list[TracedFunction], list[Caveat]]:
    """The functions of every node of a graph (or of a callable), then helpers; a Caveat for what has no lines to count.

    A function belongs to the nodes that it is a phase, a hook or a decorator of; then to `helpers`, under names of their own;
    then to the nodes whose functions refer to it.
    """
    owners = _Owners()
    caveats = []
    phases = _phases(target, label)
    found = [(node, called_functions(phase)) for node, phase in phases]
    for (node, phase), (_, functions) in zip(phases, found, strict=True):
        if not functions:
            caveats.append(Caveat("no-python-code", f'node "{node}": {phase!r} is not written in Python, and has no lines'))
        owners.add(node, (called for called in functions if not called.is_referred))
    helpers = list(helpers)
    owners.add_helpers(helper for helper in helpers if not helper.is_referred)
    owners.add_referred([(node, called) for node, functions in found for called in functions if called.is_referred])
    owners.add_helpers(helper for helper in helpers if helper.is_referred)
    return owners.traced(), [*caveats, *owners.shared()]


def code_tree(code: CodeType, inside: str) -> Iterator[tuple[CodeType, str]]:
    """A code object and all that are written inside it, each before its own, with the name of the one around it."""
    yield code, inside
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from code_tree(inner, code.co_qualname)


def _phases(target: Any, label: str) -> list[tuple[str, Callable[..., Any]]]:
    if isinstance(target, Graph):
        return [(name, function) for name, node in target.labelled() for _, function in [*node.phases(), *node.hooks()]]
    return [(label, target)]


def calls_between_nodes(traced: Iterable[TracedFunction]) -> Iterator[Caveat]:
    """A Caveat for each node whose code names a global that is another node, or calls its function."""
    functions = {id(each.function): each for each in traced if each.blocks[0].inside != CALLERS}
    pairs: dict[tuple[str, str], None] = {}
    for each in functions.values():
        node, names = each.blocks[0].node, each.function.__globals__
        for value in (names[name] for name in _globals_of(each.function.__code__) if name in names):
            for called in called_functions(value.exec if isinstance(value, Node) else value):
                callee = functions.get(id(called.function), each).blocks[0].node
                if callee != node:
                    pairs[node, callee] = None
    for node, callee in pairs:
        message = f'"{node}" can call the function of "{callee}" itself: such calls count in the lines of "{callee}"'
        yield Caveat("node-calls", f"{message}, and their time in the lines of both")


def _globals_of(code: CodeType) -> list[str]:
    """The names of globals that a code object or one inside it loads."""
    loads = (load for inner, _ in code_tree(code, "") for load in dis.get_instructions(inner))
    return sorted({load.argval for load in loads if load.opname in ("LOAD_GLOBAL", "LOAD_NAME")})


class _Owners:
    """Each function once, with the names that it is shown under and the function that calls it."""

    def __init__(self) -> None:
        self._functions: dict[int, FunctionType] = {}
        self._names: dict[int, dict[str, None]] = {}
        self._inside: dict[int, str] = {}

    def add(self, name: str, functions: Iterable[Called]) -> None:
        """Functions of a node, which may have others already."""
        for called in functions:
            self._add(name, called.function, called.inside)

    def add_helpers(self, helpers: Iterable[Helper]) -> None:
        """Helpers, but for those that belong to a node."""
        for helper in helpers:
            if id(helper.function) not in self._functions:
                self._add(helper.name, helper.function, helper.inside or CALLERS)

    def add_referred(self, referred: Iterable[tuple[str, Called]]) -> None:
        """Functions that those of nodes refer to, unless they are helpers, or functions of any node."""
        known = set(self._functions)
        for name, called in referred:
            if id(called.function) not in known:
                self._add(name, called.function, called.inside)

    def _add(self, name: str, function: FunctionType, inside: str) -> None:
        self._functions[id(function)] = function
        self._names.setdefault(id(function), {})[name] = None
        self._inside.setdefault(id(function), inside)

    def shared(self) -> Iterator[Caveat]:
        """A Caveat for each function of several nodes."""
        for number, names in self._names.items():
            if len(names) > 1:
                name = self._functions[number].__code__.co_qualname
                message = f"{', '.join(names)} call the same function {name}, whose lines are counted together"
                yield Caveat("shared-source", message)

    def traced(self) -> list[TracedFunction]:
        """All functions with their blocks."""
        numbers: Counter[tuple[Any, ...]] = Counter()
        traced = []
        for number, function in self._functions.items():
            name = ", ".join(self._names[number])
            blocks = []
            for code, inside in code_tree(function.__code__, self._inside[number]):
                lines = tuple(sorted({line for _, _, line in code.co_lines() if line}))
                block = CodeBlock(name, code.co_qualname, inside, code.co_filename, code.co_firstlineno, lines, 0)
                numbers[block.key] += 1
                blocks.append(CodeBlock(*block.key[:2], inside, *block.key[2:4], lines, numbers[block.key] - 1))
            traced.append(TracedFunction(function, tuple(blocks)))
        return traced
