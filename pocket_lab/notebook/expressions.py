"""What the user typed after a magic: expressions of the notebook, and cell bodies, as Python objects."""

from __future__ import annotations

import ast
import builtins
import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.outcome import text_of
from pocket_lab.measure.option_value import option_named
from pocket_lab.measure.parameters.params import split_texts
from pocket_lab.notebook.cell_inputs import cell_inputs

_OURS = ("n", "workers", "executor", "ctx")  # a parameter of such a name would get our own value

_NOT_PARSED = (SyntaxError, ValueError, RecursionError, MemoryError)  # null characters, lone surrogates, deep nesting


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression such as `graph` or `graphs["a"]`; an unknown name is a UsageError with the nearest one."""
    try:
        return eval(compile(expression, "<magic>", "eval"), dict(names))
    except SyntaxError:
        raise UsageError(f"{expression!r} is not a Python expression; give the name of a variable of this notebook") from None
    except NameError as error:
        near = difflib.get_close_matches(error.name or "", [name for name in names if not name.startswith("_")], 1)
        hint = f"; did you mean {near[0]}?" if near else "; run the cell that defines it first"
        raise UsageError(f"no variable is named {error.name!r} in this notebook{hint}") from None
    except Exception as error:
        raise UsageError(f"{expression!r} has no value: {text_of(error)}") from None


def axes(texts: Sequence[str], names: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters such as "chunk=1,8,64" by name; what is the name of a list, an array or a dict of the notebook is that."""
    with option_named("params"):
        found: dict[str, Any] = split_texts(texts)
    for name, text in found.items():
        value = names.get(text) if text.isidentifier() else None
        if isinstance(value, Iterable) and not isinstance(value, str | bytes):
            found[name] = value
    return found


def is_lookup(expression: str | None, names: Mapping[str, Any]) -> bool:
    """Whether an expression is a variable of the notebook, with constant keys or without, or a constant; also true of None.

    A name that is neither a variable nor one of Python's own is one, too: to evaluate it says that it is missing.
    """
    if expression is None:
        return True
    try:
        found = ast.parse(expression.strip(), mode="eval").body
    except _NOT_PARSED:
        return False
    while isinstance(found, ast.Subscript) and isinstance(found.slice, ast.Constant):
        found = found.value
    is_variable = isinstance(found, ast.Name) and (found.id in names or not hasattr(builtins, found.id))
    return is_variable or isinstance(found, ast.Constant)


def compile_cell(body: str, file: str, names: dict[str, Any]) -> Callable[..., Any]:
    """A cell body as a function of `n` and `workers` that sees the notebook's variables.

    What it assigns is local to a run; a variable of the notebook that it reads before, as in `total += 1`, has the notebook's
    value at the beginning of each run.
    """
    try:
        tree = ast.parse(body, file)
    except SyntaxError as error:
        raise UsageError(f"the cell is not valid Python: {error.msg} (line {error.lineno} of its body)") from None
    except _NOT_PARSED as error:
        raise UsageError(f"the cell is not valid Python: {text_of(error)}") from None
    if not tree.body:
        raise UsageError("the cell has no body to measure")
    wrapper = ast.parse("def cell(n=None, workers=1): pass")
    function = wrapper.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = tree.body
    cell = _defined(wrapper, file, names)
    own = {*cell.__code__.co_varnames, *cell.__code__.co_cellvars}
    if given := sorted(cell_inputs(tree.body) & own & names.keys() - {*_OURS}):
        function.args.kwonlyargs = [ast.arg(name) for name in given]
        function.args.kw_defaults = [ast.Name(name, ast.Load()) for name in given]
        cell = _defined(ast.fix_missing_locations(wrapper), file, names)
    if inspect.isgeneratorfunction(cell):
        raise UsageError("the cell cannot be measured: it has a yield, so nothing would run")
    return cell


def _defined(wrapper: ast.Module, file: str, names: dict[str, Any]) -> FunctionType:
    """The function `cell` of a module that defines it."""
    space: dict[str, Any] = {}
    try:
        exec(compile(wrapper, file, "exec"), names, space)
    except SyntaxError as error:  # statements that a function cannot contain
        raise UsageError(f"the cell cannot be measured: {error.msg} (line {error.lineno} of its body)") from None
    cell: FunctionType = space["cell"]
    return cell
