"""Partial evaluation (Futamura 1971) of the life cycle: `chain_of` without what a shape of node does not need."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from pocket_lab.graph.context import Context
from pocket_lab.graph.runtime import lifecycle
from pocket_lab.graph.runtime.lifecycle import FLAGS, Phases, Step
from pocket_lab.graph.store import Store

Chain = Callable[[Any, Store, Context | None], Any]
Leave = Callable[[Any, str, int], Any]
_PHASES = ("prep", "exec_", "fallback", "post")
_STEP_FIELDS = frozenset(Step.__slots__)


@dataclass(frozen=True, slots=True)
class Shape:
    """What nodes have in common that run in one loop.

    `flags` are those of `lifecycle` that hold, `awaited` the functions whose calls are awaited, `keywords` the pairs of a
    function and a keyword that it takes.
    """

    flags: frozenset[str]
    awaited: frozenset[str] = frozenset()
    keywords: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_async(self) -> bool:
        """Whether its chains are coroutine functions."""
        return bool(self.awaited)

    def checked(self) -> Shape:
        """The shape of the same nodes in a run that can be stopped."""
        return replace(self, flags=self.flags | {"CHECKED"})

    def chain(self, steps: Sequence[Step], leave: Leave) -> Chain:
        """The function that runs these steps in order; it returns the value at the end, or what `leave` makes of an exit."""
        chain_of, fields, phases = _specialised(self)
        one = fields[0] if len(fields) == 1 else None
        rows = tuple(getattr(s, one) if one else tuple(getattr(s, field) for field in fields) for s in steps)
        return chain_of(steps, rows, phases, leave)


@cache
def _specialised(shape: Shape) -> tuple[Callable[..., Chain], tuple[str, ...], Phases]:
    """`chain_of` for a shape, the fields of a step that its rows hold, and the lines on which it calls them."""
    cutter = _Cutter(shape)
    module = ast.fix_missing_locations(ast.Module([cutter.visit(_source())], []))
    namespace: dict[str, Any] = {**vars(lifecycle)}
    if "pause" in shape.awaited:
        from pocket_lab.graph.runtime import on_loop

        namespace["pause"] = on_loop.pause
    exec(compile(module, lifecycle.__file__, "exec"), namespace)
    return namespace["chain_of"], cutter.fields, sorted(cutter.phases)


def _source() -> ast.stmt:
    """A new syntax tree of `chain_of`, with the line numbers of its file."""
    lines, first = inspect.getsourcelines(lifecycle.chain_of)
    tree = ast.parse("".join(lines))
    return ast.increment_lineno(tree, first - 1).body[0]


class _Cutter(ast.NodeTransformer):
    """Folds the flags, and fits calls and loops to what is there."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self.fields: tuple[str, ...] = ()
        self.phases: list[tuple[int, str]] = []

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in FLAGS:
            return ast.copy_location(ast.Constant(node.id in self._shape.flags), node)
        if node.id == "result" and not self._shape.flags & {"POST", "RETRY", "FALLBACK"}:  # nobody asks for the input again
            return ast.copy_location(ast.Name("value", node.ctx), node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        self.generic_visit(node)
        return None if ast.unparse(node.targets[0]) == ast.unparse(node.value) else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        if isinstance(node.op, ast.Not) and isinstance(operand, ast.Constant):
            return ast.copy_location(ast.Constant(not operand.value), node)
        return ast.copy_location(ast.UnaryOp(node.op, operand), node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        decisive = isinstance(node.op, ast.Or)  # the value that settles it
        operands = []
        for operand in (self.visit(value) for value in node.values):
            if not isinstance(operand, ast.Constant):
                operands.append(operand)
            elif operand.value is decisive:
                if not operands:
                    return operand
                operands.append(operand)
                break
        if not operands:
            return ast.copy_location(ast.Constant(not decisive), node)
        return operands[0] if len(operands) == 1 else ast.copy_location(ast.BoolOp(node.op, operands), node)

    def visit_If(self, node: ast.If) -> Any:
        test = self.visit(node.test)
        if isinstance(test, ast.Constant):
            return self._block(node.body if test.value else node.orelse)
        return ast.copy_location(ast.If(test, self._block(node.body), self._block(node.orelse)), node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self.visit(node.test)
        if isinstance(test, ast.Constant):
            return cast(ast.expr, self.visit(node.body if test.value else node.orelse))
        return ast.copy_location(ast.IfExp(test, self.visit(node.body), self.visit(node.orelse)), node)

    def visit_Await(self, node: ast.Await) -> ast.expr:
        call = self.visit(node.value)
        return ast.copy_location(ast.Await(call), node) if call.func.id in self._shape.awaited else call

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in _STEP_FIELDS | {"fail"}:
            function = node.func.id
            if function in _PHASES:
                self.phases.append((node.lineno, function.rstrip("_")))
            node.keywords = [k for k in node.keywords if (function, k.arg) in self._shape.keywords]
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        self.generic_visit(node)
        if isinstance(node.target, ast.Tuple):
            used = {name.id for part in node.body for name in ast.walk(part) if isinstance(name, ast.Name)}
            names = [name for name in node.target.elts if cast(ast.Name, name).id in used]
            self.fields = tuple(cast(ast.Name, name).id for name in names)
            node.target = names[0] if len(names) == 1 else ast.copy_location(ast.Tuple(names, ast.Store()), node.target)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        self.generic_visit(node)
        if self._shape.is_async:
            return node
        return ast.copy_location(ast.FunctionDef(**{field: getattr(node, field) for field in node._fields}), node)

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        folded: list[ast.stmt] = []
        for statement in statements:
            result = self.visit(statement)
            folded += result if isinstance(result, list) else [result] if result is not None else []
        return folded
