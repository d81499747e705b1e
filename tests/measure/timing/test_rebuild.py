"""Targets built anew: the same behaviour from other code objects, for all that can be a target."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import operator
from typing import Any

import numpy as np
import pytest

from pocket_lab import demo
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, node
from pocket_lab.measure.timing.rebuild import Renewable


def tripled(value: int, *, times: int = 3) -> int:
    """Three times the value."""
    return value * times


@node
def doubled(value: int) -> int:
    return value * 2


@node
def spread(value: int) -> list[int]:
    return list(range(value))


class Adder:
    def __init__(self, term: int) -> None:
        self.term = term

    def __call__(self, value: int) -> int:
        return value + self.term

    def plus(self, value: int) -> int:
        return value + self.term


def renewed(target: Any) -> Any:
    return Renewable(target).build()[0]


def of_the_notebook(function: Any) -> Any:
    """The function as a notebook cell would have made it."""
    function.__module__ = "__main__"
    return function


def test_a_function_of_a_module_comes_back_on_another_code_object_and_is_the_same_otherwise() -> None:
    new = renewed(tripled)
    assert new is not tripled
    assert new.__code__ is not tripled.__code__
    assert new.__globals__ is tripled.__globals__
    assert (new(5), new(5, times=2)) == (15, 10)
    assert inspect.signature(new) == inspect.signature(tripled)
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__", "__kwdefaults__", "__defaults__"):
        assert getattr(new, name) == getattr(tripled, name)


def test_every_build_is_another_one_and_the_target_itself_is_not_touched() -> None:
    code = tripled.__code__
    renewable = Renewable(tripled)
    builds = [renewable.build()[0] for _ in range(10)]
    assert len({id(code), *(id(build.__code__) for build in builds)}) == 11
    assert tripled.__code__ is code


def test_the_heap_is_shifted_by_another_amount_every_time() -> None:
    renewable = Renewable(tripled)
    shifts = {sum(map(len, renewable.build()[1])) for _ in range(8)}
    assert len(shifts) > 4
    assert max(shifts) < 2**21


def test_a_function_of_a_notebook_is_built_anew_with_its_closure_and_its_globals() -> None:
    factor = 4

    def inner(value: int) -> int:
        return value * factor

    def outer(value: int) -> int:
        return inner(value) + 1

    of_the_notebook(inner)
    new = renewed(of_the_notebook(outer))
    assert new(5) == 21
    assert new.__code__ is not outer.__code__
    assert new.__closure__[0].cell_contents.__code__ is not inner.__code__


def test_defaults_attributes_and_closures_stay_with_a_function_of_a_module() -> None:
    kept: list[int] = []

    def remember(value: int, extra: tuple[int, ...] = (7,)) -> tuple[int, ...]:
        kept.append(value)
        return (*kept, *extra)

    remember.label = "mine"  # type: ignore[attr-defined]
    new = renewed(remember)
    assert new(1) == (1, 7)
    assert new.label == "mine"
    assert kept == [1], "a closure of a module's function is shared with the build"


def test_an_async_function_stays_one() -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    new = renewed(later)
    assert inspect.iscoroutinefunction(new)
    assert asyncio.run(new(1)) == 2


def test_a_node_of_a_module_keeps_its_name_and_options_on_a_new_function() -> None:
    patient = doubled.with_(name="patient", timeout="5s")
    new = renewed(patient)
    assert isinstance(new, Node)
    assert (new.name, new.timeout) == ("patient", patient.timeout)
    assert new(4) == 8
    assert new.exec.__code__ is not patient.exec.__code__  # type: ignore[union-attr]


def test_a_graph_gives_the_same_result_from_new_nodes_in_the_same_shape() -> None:
    graph = Graph(spread >> fan_out(doubled) >> Node("sum", exec=sum), name="small")
    new = renewed(graph)
    assert new.name == "small"
    assert list(new.nodes) == list(graph.nodes)
    assert new.run(5) == graph.run(5) == 20
    olds = {id(phase.__code__) for part in graph.walk() for _, phase in part.phases() if hasattr(phase, "__code__")}
    news = {id(phase.__code__) for part in new.walk() for _, phase in part.phases() if hasattr(phase, "__code__")}
    assert olds
    assert not olds & news


def test_a_graph_with_loops_routes_and_a_node_twice_keeps_them() -> None:
    def halve(store: Any, value: int, prepared: int, result: int) -> tuple[int, str]:
        return result // 2, "again" if result > 4 else "end"

    step = Node("step", exec=lambda value: value, post=halve)
    graph = Graph(step >> doubled, step - "again" >> step, step - "end" >> doubled)
    assert renewed(graph).run(100) == graph.run(100)


def test_a_graph_of_an_imported_module_is_built_anew_too() -> None:
    new = renewed(demo.graph)
    assert new is not demo.graph
    names = {part.name for part in demo.graph.walk()}
    assert {part.name for part in new.walk()} == names
    assert new.run(3) == demo.graph.run(3)


@pytest.mark.parametrize(
    ("target", "argument", "result"),
    [
        (sorted, [2, 1], [1, 2]),
        (len, "abc", 3),
        (np.sort, [2, 1], [1, 2]),
        (np.add.reduce, [2, 1], 3),
        (json.dumps, [1], "[1]"),
        (str.upper, "a", "A"),
        ("x".join, ["a", "b"], "axb"),
        (operator.itemgetter(1), "ab", "b"),
        (functools.partial(tripled, times=5), 2, 10),
        (Adder(3), 4, 7),
        (Adder(3).plus, 4, 7),
        (Adder, 4, 4),
        (lambda value: -value, 4, -4),
    ],
    ids=[
        "builtin",
        "len",
        "np.sort",
        "ufunc.reduce",
        "function",
        "str.upper",
        "bound builtin",
        "itemgetter",
        "partial",
        "callable object",
        "bound method",
        "class",
        "lambda",
    ],
)
def test_any_callable_that_can_be_sent_can_be_built(target: Any, argument: Any, result: Any) -> None:
    given = renewed(target)(argument)
    assert (given.term if isinstance(given, Adder) else list(given) if isinstance(given, np.ndarray) else given) == result


def test_an_instance_of_a_notebook_class_is_built_anew_with_its_state_as_it_was_at_first() -> None:
    class Counter:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self) -> int:
            self.calls += 1
            return self.calls

    Counter.__module__ = "__main__"
    counter = Counter()
    renewable = Renewable(counter)
    for _ in range(3):
        new = renewable.build()[0]
        assert [new(), new()] == [1, 2]
    assert counter.calls == 0
