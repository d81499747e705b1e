"""A forgotten input is said where the first node stumbles over None, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

import pocket_lab
from pocket_lab import Graph, Node
from pocket_lab.errors import NodeError

HINT = "(no size and no input were given, so the input was None)"


def split(text: str) -> list[str]:
    return text.split()


def forget(_: Any) -> None:
    return None


def divide(_: Any) -> float:
    return 1 / 0


def failure(graph: Graph, **options: Any) -> str:
    (text,) = pocket_lab.bench(graph, isolation="kernel", budget=0.05, **options).failures
    return text


@pytest.mark.parametrize("first", [len, split, abs])
def test_the_first_node_without_an_input_says_that_there_was_none(first: Any) -> None:
    graph = Graph(Node("first", exec=first) >> Node("second", exec=str))
    assert failure(graph).endswith(HINT)
    assert failure(Graph(Graph(Node("inner", exec=first), name="nested") >> Node("last", exec=str))).endswith(HINT)
    assert failure(Graph(Graph(Node("n", exec=first), name="nested") >> Node("n", exec=str))).endswith(HINT)


@pytest.mark.parametrize("profile", ["cpu", "leaks"])
def test_a_profile_says_it_too_and_keeps_the_cause(profile: str) -> None:
    with pytest.raises(NodeError) as failed:
        getattr(pocket_lab, profile)(Graph(Node("first", exec=split)))
    assert str(failed.value).endswith(HINT)
    assert isinstance(failed.value.__cause__, AttributeError)


def test_other_failures_have_no_hint() -> None:
    assert HINT not in failure(Graph(Node("first", exec=divide)))
    assert HINT not in failure(Graph(Node("first", exec=forget) >> Node("second", exec=len)))
    assert HINT not in failure(Graph(Node("first", exec=len)), size=3)
    assert HINT not in failure(Graph(Node("first", exec=len)), input=None)
