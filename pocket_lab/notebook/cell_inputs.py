"""Which variables a cell reads before it assigns them, so that their values have to come from the notebook."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def cell_inputs(body: Sequence[ast.stmt]) -> set[str]:
    """The names that some way through the statements reads, or deletes, before it has assigned them.

    A name that is declared `global` is none of them. Functions count where they are defined: what they read may be needed
    from there on.
    """
    reads = _Reads()
    reads.block(body)
    return reads.found - reads.of_module


class _Reads(ast.NodeVisitor):
    """Follows the statements in the order in which they run; `assigned` are the names that every way has assigned by now."""

    def __init__(self) -> None:
        self.assigned: set[str] = set()
        self.found: set[str] = set()
        self.of_module: set[str] = set()

    def block(self, nodes: Sequence[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _apart(self, *nodes: ast.AST) -> set[str]:
        """Follow what may not run at all; what it assigns, which does not count afterwards."""
        before = set(self.assigned)
        self.block(nodes)
        after, self.assigned = self.assigned, before
        return after

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.assigned.add(node.id)
        elif node.id not in self.assigned:
            self.found.add(node.id)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.block([node.value, *node.targets])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.visit(ast.Name(node.target.id, ast.Load()))
        self.block([node.value, node.target])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.block([node.value, node.target])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.block([node.value, node.target])

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._apart(*node.values[1:])

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self.assigned = self._apart(node.body) & self._apart(node.orelse)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.assigned = self._apart(*node.body) & self._apart(*node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._apart(*node.body)
        self._apart(*node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._apart(node.target, *node.body)
        self._apart(*node.orelse)

    visit_AsyncFor = visit_For  # noqa: N815 (the name that ast looks for)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        ways = [self._apart(*node.body, *node.orelse), *(self._apart(handler) for handler in node.handlers)]
        self.assigned |= self._apart(*node.finalbody) | set.intersection(*ways)

    visit_TryStar = visit_Try  # noqa: N815 (as above)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        self.assigned |= {node.name} if node.name else set()
        self.block(node.body)
        self.assigned.discard(node.name or "")

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            self._apart(case)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.generic_visit(node)
        self.assigned |= {node.name} if node.name else set()

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self.assigned |= {node.name} if node.name else set()

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        self.assigned |= {node.rest} if node.rest else set()

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.assigned |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}

    visit_ImportFrom = visit_Import  # noqa: N815 (as above)

    def visit_Global(self, node: ast.Global) -> None:
        self.of_module.update(node.names)

    def visit_FunctionDef(self, node: Any) -> None:
        self.block([*node.decorator_list, *_defaults(node.args)])
        self.assigned.add(node.name)
        self._function(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 (as above)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.block(_defaults(node.args))
        self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.block([*node.decorator_list, *node.bases, *node.keywords])
        self._apart(*node.body)
        self.assigned.add(node.name)

    def _function(self, node: _Function) -> None:
        """What the body of a function takes from outside: what it reads and does not assign, which makes it its own."""
        inside = _Reads()
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        own = {argument.arg for argument in every if argument is not None}
        body = node.body if isinstance(node.body, list) else [node.body]
        inside.block(body)
        outer = {name for part in body for found in ast.walk(part) if isinstance(found, ast.Nonlocal) for name in found.names}
        stored = {found.id for part in body for found in ast.walk(part) if _is_stored(found)}  # type: ignore[attr-defined]
        self.found |= inside.found - inside.of_module - own - (stored - outer) - self.assigned

    def visit_ListComp(self, node: _Comprehension) -> None:
        before = set(self.assigned)
        for generator in node.generators:
            self.block([generator.iter, generator.target, *generator.ifs])
        self.block([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self.assigned = before

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp  # noqa: N815 (as above)


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [default for default in (*arguments.defaults, *arguments.kw_defaults) if default is not None]


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
