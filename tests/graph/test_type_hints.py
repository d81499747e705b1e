"""Type hints along routes: each mismatch by name, and no complaint about what fits or cannot be known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Optional, TypeVar, Union

import pytest

from pocket_lab.errors import GraphError
from pocket_lab.graph.combinators import MapReduce, fan_in, fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Route
from pocket_lab.graph.store import Store

T = TypeVar("T")
NOTHING = object()


def function(given: Any = NOTHING, wanted: Any = NOTHING) -> Callable[..., Any]:
    """A function of one parameter with these hints, or without."""

    def work(value):  # type: ignore[no-untyped-def]
        return value

    work.__annotations__ = {name: hint for name, hint in (("value", wanted), ("return", given)) if hint is not NOTHING}
    return work


def giving(hint: Any, name: str = "a") -> Node:
    return Node(name, exec=function(given=hint))


def taking(hint: Any, name: str = "b") -> Node:
    return Node(name, exec=function(wanted=hint))


def complaint(*paths: Any) -> str:
    """What `validate` says; empty where it has nothing against the graph."""
    graph = Graph(*paths)
    try:
        assert graph.validate() is graph
    except GraphError as error:
        return str(error)
    return ""


def test_a_mismatch_is_told_with_both_nodes_both_types_and_the_action() -> None:
    assert complaint(giving(int) >> taking(str)) == (
        'type mismatch: node "a" outputs int but node "b" expects str (via action "default")'
    )
    assert complaint(giving(list[int]) - "x" >> taking(dict[str, int])) == (
        'type mismatch: node "a" outputs list[int] but node "b" expects dict[str, int] (via action "x")'
    )


def test_every_mismatch_is_told() -> None:
    a, b, c = giving(int), Node("b", exec=function(bytes, str)), taking(float, "c")
    assert complaint(a >> b >> c, a - "x" >> c) == (
        'type mismatch: node "a" outputs int but node "b" expects str (via action "default"); '
        'type mismatch: node "b" outputs bytes but node "c" expects float (via action "default")'
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (int, int),
        (bool, int),
        (int, float),
        (int, complex),
        (float, complex),
        (bool, float),
        (int, object),
        (int, Any),
        (Any, int),
        (NOTHING, int),
        (int, NOTHING),
        (int, int | str),
        (int, Optional[int]),  # noqa: UP045
        (int, Union[int, str]),  # noqa: UP007
        (int | str, str | int | None),
        (None, None),
        (None, int | None),
        (int, float | None),
        (int | None, float | None),
        (list[int], list),
        (list[int], Sequence[int]),
        (list[int], Iterable[Any]),
        (dict[str, int], Mapping[str, int]),
        (dict, Mapping),
        (tuple[int, str], tuple),
        (list, list[int]),
        (dict, dict[str, int]),
        (Literal["a"], str),
        (T, int),
        (int, T),
        (list[int], list[T]),
        (type[int], type),
        (Callable[[int], str], Callable),
    ],
    ids=lambda hint: "NOTHING" if hint is NOTHING else str(hint),
)
def test_what_fits_or_cannot_be_known_is_not_complained_about(given: Any, wanted: Any) -> None:
    assert complaint(giving(given) >> taking(wanted)) == ""


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (float, int),
        (str, int),
        (int | None, int),
        (int | str, int),
        (None, int),
        (list[str], list[int]),
        (dict[str, str], dict[str, int]),
        (object, int),
        (set[int], list[int]),
        (Literal["a"], int),
    ],
    ids=str,
)
def test_what_does_not_fit_is_complained_about(given: Any, wanted: Any) -> None:
    assert complaint(giving(given) >> taking(wanted)).startswith('type mismatch: node "a" outputs ')


def test_of_a_route_its_value_counts() -> None:
    assert complaint(giving(Route[int]) >> taking(int)) == ""
    assert complaint(giving(Route) >> taking(int)) == ""
    assert complaint(giving(Route[int] | int) >> taking(int)) == ""
    assert complaint(giving(Route[str]) - "x" >> taking(int)) == (
        'type mismatch: node "a" outputs str but node "b" expects int (via action "x")'
    )
    assert "outputs int | str" in complaint(giving(Route[int] | Route[str]) >> taking(int))


def test_of_the_pair_that_a_post_returns_the_first_counts_and_of_one_that_exec_returns_both() -> None:
    def post(store: Store, value: Any, prepared: Any, result: Any) -> tuple[int, str]: ...

    def literal(store: Store, value: Any, prepared: Any, result: Any) -> tuple[int, Literal["on", "off"]]: ...

    def route(store: Store, value: Any, prepared: Any, result: Any) -> Route[int] | tuple[int, str]: ...

    for made in (post, literal, route):
        assert complaint(Node("a", exec=function(str), post=made) >> taking(int)) == ""
        assert "outputs int but" in complaint(Node("a", exec=function(str), post=made) >> taking(str))
    assert complaint(giving(tuple[int, str]) >> taking(tuple[int, str])) == ""
    assert "outputs tuple[int, str] but" in complaint(giving(tuple[int, str]) >> taking(int))


def test_of_a_prep_its_input_counts_and_not_the_argument_of_exec() -> None:
    def prep(store: Any, value: str) -> int: ...

    node = Node("b", prep=prep, exec=function(wanted=int))
    assert complaint(giving(str) >> node) == ""
    assert "outputs int but" in complaint(giving(int) >> node)
    assert "outputs int but" in complaint(Node("a", prep=prep) >> taking(str))


def test_of_a_post_alone_its_input_counts() -> None:
    def post(store: Store, value: str, prepared: Any, result: Any) -> Route[str]: ...

    assert "outputs int but" in complaint(giving(int) >> Node("b", post=post))


def test_async_functions_and_methods_have_hints_too() -> None:
    class Steps:
        async def later(self, value: int) -> str: ...

        @staticmethod
        def still(value: int) -> str: ...

    for made in (Steps().later, Steps.still):
        assert complaint(giving(int) >> Node("b", exec=made) >> taking(str, "c")) == ""
        assert "outputs bytes but" in complaint(giving(bytes) >> Node("b", exec=made))
        assert "outputs str but" in complaint(Node("b", exec=made) >> taking(int, "c"))


def test_a_fan_out_takes_iterables_and_gives_a_list() -> None:
    each = fan_out(Node("leaf", exec=function(str, int)), name="each")
    assert complaint(giving(list[int]) >> each >> taking(list[str], "end")) == ""
    assert complaint(giving(list[str]) >> each) == (
        'type mismatch: node "a" outputs list[str] but node "each" expects collections.abc.Iterable[int] (via action "default")'
    )
    assert complaint(each >> taking(str)) == (
        'type mismatch: node "each" outputs list[str] but node "b" expects str (via action "default")'
    )
    assert complaint(giving(list[int]) >> fan_out(Node("leaf", exec=function(str, float)), name="each")) == ""
    assert complaint(giving(int) >> fan_out(Node("leaf", exec=abs)) >> taking(int)) == ""


def test_other_combinators_take_what_their_own_functions_take() -> None:
    def extract(store: Any, text: str) -> list[str]: ...

    made = MapReduce(extract, function(int, str), sum, name="count")
    assert complaint(giving(str) >> made >> taking(int)) == ""
    assert "expects str" in complaint(giving(int) >> made)
    assert complaint(giving(int) >> fan_in(sum, taking(int, "x"), taking(str, "y"), name="all") >> taking(bytes)) == ""


def test_a_graph_as_a_node_takes_what_its_first_node_takes_and_gives_what_its_last_ones_give() -> None:
    first = Node("first", exec=function(int, str))
    inner = Graph(first >> giving(bytes, "one"), first - "x" >> giving(list, "other"), name="inner")
    assert complaint(giving(str) >> inner >> taking(bytes | list, "end")) == ""
    assert complaint(giving(int) >> inner) == (
        'type mismatch: node "a" outputs int but node "inner" expects str (via action "default")'
    )
    assert complaint(inner >> taking(bytes)) == (
        'type mismatch: node "inner" outputs bytes | list but node "b" expects bytes (via action "default")'
    )


def test_a_named_route_out_of_an_inner_graph_is_compared_with_the_nodes_that_may_leave_by_it() -> None:
    judge, end = giving(Route[int], "judge"), giving(bytes, "end")
    inner = Graph(judge - "done" >> end, name="inner")
    assert complaint(inner - "bad" >> taking(int)) == ""
    assert complaint(inner - "bad" >> taking(str), inner >> taking(bytes, "c")) == (
        'type mismatch: node "inner" outputs int but node "b" expects str (via action "bad")'
    )
    assert "outputs int but" in complaint(Graph(inner, name="outer") - "bad" >> taking(str))
    both = Graph(judge - "done" >> giving(Route[str], "other"), name="inner")
    for wanted in (int, str):  # cannot tell which of the two leaves by it
        assert complaint(both - "bad" >> taking(wanted)) == ""
    assert "outputs int | str but" in complaint(both - "bad" >> taking(bytes))


def test_by_default_comes_what_nodes_give_that_choose_no_action_where_there_are_named_routes() -> None:
    first = giving(Route[str], "first")
    ends = Graph(first - "x" >> giving(Route[int], "judge"), first - "y" >> giving(bytes, "end"), name="inner")
    assert complaint(ends - "bad" >> taking(int), ends >> taking(bytes, "c")) == ""
    assert "outputs int | bytes but" in complaint(ends >> taking(bytes))


def test_a_route_out_of_an_inner_graph_that_no_node_can_take_is_found() -> None:
    never = 'node "inner" never leaves by "bad", so its route to "b" is never taken'
    for inside in (giving(int), Node("pass"), fan_out(giving(Route[int]), name="each"), giving(None)):
        assert complaint(Graph(inside, name="inner") - "bad" >> taking(int)) == never
    judge = giving(Route[int], "judge")
    assert complaint(Graph(judge - "bad" >> giving(int, "end"), name="inner") - "bad" >> taking(int)) == never
    post = Node("a", exec=function(int), post=lambda store, value, prepared, result: (result, "bad"))
    for inside in (giving(Route), giving(NOTHING), giving(Any), giving(int | Route[int]), giving(object), post, Graph(judge)):
        assert complaint(Graph(inside, name="inner") - "bad" >> Node("b")) == ""


def test_a_mismatch_inside_a_graph_or_a_fan_out_is_found() -> None:
    inner = Graph(giving(int, "x") >> taking(str, "y"), name="inner")
    found = 'type mismatch: node "x" outputs int but node "y" expects str (via action "default")'
    for path in (Node("a") >> inner, Node("a") >> fan_out(inner), Node("a") >> Graph(fan_out(inner), name="deep")):
        assert complaint(path) == found


def test_hints_that_cannot_be_resolved_are_skipped() -> None:
    def unknown(value: NoSuchName) -> NoSuchName: ...  # type: ignore[name-defined]  # noqa: F821

    def broken(value: "1 +") -> "2 +": ...  # type: ignore[syntax]  # noqa: F722

    for made in (unknown, broken, len, print, lambda value: value, str.upper, object()):
        if callable(made):
            assert complaint(giving(int) >> Node("b", exec=made) >> taking(str, "c")) == ""


def test_a_loop_is_compared_too() -> None:
    again = Node("again", exec=function(str, int))
    assert complaint(again - "again" >> again) == (
        'type mismatch: node "again" outputs str but node "again" expects int (via action "again")'
    )


def test_a_graph_that_mismatches_runs_all_the_same() -> None:
    assert Graph(giving(int) >> taking(str)).run("text") == "text"
