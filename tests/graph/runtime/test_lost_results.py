"""What a worker process cannot give back is the NodeError of its item, and takes nothing else along."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pocket_lab.errors import NodeError
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import open_pool
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Route
from pocket_lab.graph.store import Store


class Unloadable:
    def __reduce__(self) -> Any:
        return int, ("no number",)


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("with a lock")
        self.lock = threading.Lock()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with open_pool("processes", 2) as opened:
        opened.everywhere(int)  # so that its processes and threads are not those of a test
        yield opened


def returns(make: Callable[[], Any]) -> Graph:
    """Writes its input to the store, and returns it; for 2 it returns something else."""

    def note(store: Store, value: int, prepared: Any, result: Any) -> Any:
        store.set("seen", value)
        return result, "default"

    return Graph(Node("pass", exec=lambda value: value) >> Node("give", exec=lambda n: make() if n == 2 else n, post=note))


SENTENCES: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: {"held": threading.Lock()},
        "cannot be sent back from its process (its part ['held'] is of type lock, TypeError: ",
    ),
    (lambda: (n for n in range(3)), "cannot be sent back from its process (it is of type generator, TypeError: "),
    (Unloadable, "cannot be rebuilt from its pickle (ValueError: invalid literal"),
]


@pytest.mark.parametrize(("make", "why"), SENTENCES)
def test_a_result_is_the_error_of_its_item_and_the_writes_stay(pool: Pool, make: Callable[[], Any], why: str) -> None:
    graph = returns(make)
    with pytest.raises(NodeError) as caught:
        graph.map(range(4), context=Context(pool))
    assert (caught.value.node, caught.value.item) == ("give", 2)
    assert str(caught.value).startswith(f'node "give" failed in transfer (item 2): its result {why}')
    assert 'or use executor="threads"' in str(caught.value)
    assert graph.store.get("item-2:seen") == 2
    with pytest.raises(NodeError, match=r"item 2"):
        list(graph.imap(range(4), context=Context(pool)))
    with pytest.raises(NodeError, match=r"item 2"):
        Graph(fan_out(graph)).run(range(4), context=Context(pool))
    results = graph.map(range(4), context=Context(pool), on_error="collect")
    assert [type(result) for result in results] == [int, int, NodeError, int]


@pytest.mark.parametrize(("make", "way"), [(threading.Lock, "sent back"), (Unloadable, "rebuilt")])
def test_a_store_entry_is_named_by_its_key_and_those_before_it_stay(pool: Pool, make: Callable[[], Any], way: str) -> None:
    def write(store: Store, value: int, prepared: Any, result: Any) -> Any:
        store.set("before", value)
        store.set("odd", make() if value == 2 else value)
        store.set("after", value)
        return result, "default"

    graph = Graph(Node("write", exec=abs, post=write))
    results = graph.map(range(4), context=Context(pool), on_error="collect")
    assert [result for result in results if isinstance(result, int)] == [0, 1, 3]
    assert isinstance(results[2], NodeError)
    assert f'node "write" failed in transfer (item 2): the store entry "odd" cannot be {way}' in str(results[2])
    assert graph.store.get("item-2:before") == 2
    assert graph.store.get("item-2:after") == (2 if way == "sent back" else None)
    assert graph.store.get("item-3:after") == 3


def test_where_routes_decide_which_node_is_the_last_the_graph_is_named(pool: Pool) -> None:
    a, b = Node("a", exec=abs), Node("b", exec=lambda _: threading.Lock())
    choose = Node("choose", exec=lambda value: Route(value, "odd" if value % 2 else "even"))
    graph = Graph(choose - "odd" >> a, choose - "even" >> b, name="both")
    with pytest.raises(NodeError, match=r'node "both" failed in transfer \(item 1\): its result'):
        graph.map([1, 2], context=Context(pool))


def test_an_error_that_cannot_be_pickled_keeps_its_text_and_its_item(pool: Pool) -> None:
    def fail(_: int) -> None:
        raise Unpicklable

    with pytest.raises(NodeError, match=r'node "fail" failed in exec \(item 0\): Unpicklable: with a lock'):
        Graph(Node("fail", exec=fail)).map(range(2), context=Context(pool))
