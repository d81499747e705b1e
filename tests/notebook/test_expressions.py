"""Which expressions of a stored line are used: those that run nothing."""

from __future__ import annotations

import pytest

from pocket_lab.errors import UsageError
from pocket_lab.notebook.expressions import compile_cell, is_lookup

NAMES = {"graph": 1, "graphs": {}, "exec": 2}


@pytest.mark.parametrize("text", [None, "graph", " graph ", 'graphs["a"]', "graphs[0][1]", "5", "'text'", "missing", "exec"])
def test_a_name_a_constant_key_and_a_constant_are_looked_up(text: str | None) -> None:
    assert is_lookup(text, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        *("f()", "graph.run", "graph[f()]", "graph[graph]", "lambda n: n", "(x := 5)", "[graph]", "f'{graph}'", "graph or 1"),
        *("eval", "open", "__import__", "", "graph; graph", "graph\0", "(" * 5000, "\ud800", "graph if graph else 1"),
    ],
)
def test_what_computes_anything_is_not(text: str) -> None:
    assert not is_lookup(text, NAMES)


@pytest.mark.parametrize("body", ["\0", "x = '\ud800'", "(" * 500 + ")" * 500, "for"])
def test_a_cell_that_cannot_be_parsed_is_one_sentence(body: str) -> None:
    with pytest.raises(UsageError, match="the cell is not valid Python: ") as caught:
        compile_cell(body, "cell.py", {})
    assert "\n" not in str(caught.value)
