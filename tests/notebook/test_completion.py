"""What the Tab key offers on the line of a magic, in a real kernel."""

from __future__ import annotations

import ast
from typing import Any

import pytest


@pytest.fixture(scope="module")
def offered(notebook: Any) -> Any:
    """The completions of a line at its end."""
    cell = (
        "%load_ext pocket_lab\nimport math\nfrom pocket_lab import Graph, node\ngraph_of_words = Graph(node(len))\nmargins = 3"
    )
    assert notebook.run(cell).error is None

    def at_end(line: str) -> list[str]:
        text = notebook.run(f"print(get_ipython().complete(None, {line!r}, {len(line)})[1])").text
        found: list[str] = ast.literal_eval(text)
        return found

    return at_end


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("%pocket_bench gra", ["graph_of_words"]),
        ("r = %pocket_bench graph_of_words --input gra", ["graph_of_words"]),
        ("%pocket_compare graph_of_words gra", ["graph_of_words"]),
        ("%pocket_bench graph_of_words --work", ["--workers"]),
        ("%pocket_bench graph_of_words --executors thr", ["threads"]),
        ("%pocket_bench graph_of_words --executors threads,pro", ["processes"]),
        ("%pocket_history graph_of_words --de", ["--delete"]),
    ],
)
def test_options_their_values_and_variables(offered: Any, line: str, first: list[str]) -> None:
    assert offered(line)[: len(first)] == first


def test_a_prefix_of_a_variable_and_of_an_option_is_told_apart(offered: Any) -> None:
    assert "margins" in offered("%pocket_bench mar")
    assert "math" not in offered("%pocket_bench mat")
    assert "margins" not in offered("%pocket_compare margins margins --mar")


def test_other_lines_are_left_to_ipython(offered: Any) -> None:
    assert "--workers" not in offered("print(1, --wor")
