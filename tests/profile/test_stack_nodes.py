"""The node that runs, by the code on the stack and by who has started a thread."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.profile.stack_nodes import StackNodes


def outer(value: Any) -> Any:
    return inner(value)


def inner(value: Any) -> Any:
    return value()


def test_the_innermost_node_is_named_and_what_it_starts_has_its_node() -> None:
    made = StackNodes.of(Graph(Node("a", exec=outer) >> Node("b", exec=inner)), "g")
    nodes = pickle.loads(pickle.dumps(made))
    before = threading.Thread.start
    nodes.start()
    try:
        assert nodes() is None
        assert outer(nodes) == "b"
        with ThreadPoolExecutor(1) as pool:
            assert inner(lambda: pool.submit(nodes).result()) == "b"
            assert pool.submit(nodes).result() is None
    finally:
        nodes.close()
    assert threading.Thread.start is before
    with ThreadPoolExecutor(1) as pool:
        assert inner(lambda: pool.submit(nodes).result()) is None
