"""Which variables a cell needs from the notebook: those that it reads before it assigns them."""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

import pytest

from pocket_lab.notebook.cell_inputs import cell_inputs
from pocket_lab.notebook.expressions import compile_cell


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ("a = 1 + b\nb = 1", {"b"}),
        ("total += 1", {"total"}),
        ("table = table[table > 1]", {"table"}),
        ("rows = []\nrows.append(1)\nrows = rows + [2]", set()),
        ("if n:\n    a = 1\nprint(a)", {"n", "print", "a"}),
        ("if n:\n    a = 1\nelse:\n    a = 2\nb = a", {"n"}),
        ("for i in items:\n    last = i\nb = last", {"items", "last"}),
        ("while n:\n    n = n - 1", {"n"}),
        ("try:\n    a = f()\nexcept E as error:\n    a = error\nb = a", {"f", "E"}),
        ("try:\n    a = f()\nexcept E:\n    pass\nb = a", {"f", "E", "a"}),
        ("with f() as a:\n    b = a", {"f"}),
        ("import os.path\nfrom x import y as z\nos, z", set()),
        ("def g(x, *y, z=q, **k):\n    w = x\n    return w, y, z, k, h, g", {"q", "h"}),
        ("def g():\n    nonlocal h\n    h = h + 1\nh = 0", {"h"}),
        ("f = lambda x: x + y", {"y"}),
        ("a = [b for b in c if b > d]", {"c", "d"}),
        ("a = {k: v for k, v in c}", {"c"}),
        ("a = (b := 1) + b", set()),
        ("x and (b := 1)\nb", {"x", "b"}),
        ("c = 1 if x else 2", {"x"}),
        ("del a", {"a"}),
        ("a.b = 1\nc[d] = 2", {"a", "c", "d"}),
        ("global a\na = a + 1", set()),
        ("a: int\nb: int = a", {"a"}),
        ("class A(B):\n    x = y\n    z = x\nA", {"B", "y"}),
        ("match p:\n    case {'a': a, **rest}:\n        b = a, rest\n    case [c, *d] as e:\n        b = c, d, e", {"p"}),
    ],
)
def test_what_is_read_before_it_is_assigned(body: str, inputs: set[str]) -> None:
    assert cell_inputs(ast.parse(body).body) == inputs


def run(body: str, names: dict[str, Any]) -> tuple[Any, FunctionType]:
    cell = compile_cell(body, "<cell>", names)
    assert isinstance(cell, FunctionType)
    return cell(), cell


def test_each_run_begins_with_the_value_of_the_notebook() -> None:
    """ipython/ipython 12849: there `a = 1 + b; b = 1` is an UnboundLocalError although the notebook has b."""
    names = {"b": 5, "seen": []}
    value, cell = run("a = 1 + b\nb = 100\nseen.append(a)", names)
    cell()
    assert value is None
    assert names["seen"] == [6, 6]
    assert names["b"] == 5


def test_what_is_assigned_first_does_not_take_the_old_value_along() -> None:
    _, cell = run("figure = object()\nfigure.__class__", {"figure": "an old one, which may be impossible to send"})
    assert not cell.__kwdefaults__


def test_names_of_our_own_parameters_stay_ours() -> None:
    _, cell = run("n = 3 if n is None else n\nworkers += 1", {"n": "of the notebook", "workers": "of the notebook"})
    assert not cell.__kwdefaults__
    assert cell.__defaults__ == (None, 1)


def test_a_variable_that_the_notebook_does_not_have_is_pythons_own_error() -> None:
    with pytest.raises(UnboundLocalError):
        run("a = b\nb = 1", {})
