"""Nodes: immutable values that say at once what is wrong with them, and cross to other processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from functools import partial
from typing import Any

import cloudpickle
import pytest

from pocket_lab.errors import GraphError
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route, node


@node
def double(value: int) -> int:
    return value * 2


@node(name="renamed", retry=Retry(2))
def halve(value: int) -> float:
    return value / 2


class Steps:
    @node
    def inside(value: int) -> int:  # type: ignore[misc]
        return value - 1


patient = double.with_(retry=Retry(3))


def test_a_decorated_function_is_a_node_of_its_name_and_still_callable() -> None:
    assert isinstance(double, Node)
    assert (double.name, double(4), repr(double)) == ("double", 8, "Node('double')")
    assert (halve.name, halve.retry.retries, halve(3)) == ("renamed", 2, 1.5)


def test_a_node_without_an_exec_function_cannot_be_called() -> None:
    with pytest.raises(GraphError, match='node "bare" has no exec function to call'):
        Node("bare")(1)


def test_a_node_does_not_change_and_a_copy_with_changes_is_another() -> None:
    with pytest.raises(FrozenInstanceError):
        double.name = "other"  # type: ignore[misc]
    other = double.with_(name="other", retry=Retry(1))
    assert (double.name, double.retry.retries) == ("double", 0)
    assert (other.name, other.retry.retries, other(4)) == ("other", 1, 8)
    assert other != double
    assert len({double, other, double}) == 2


def test_phases_are_those_that_are_given_in_the_order_in_which_they_run() -> None:
    full = Node("full", post=max, fallback=min, exec=abs, prep=len)
    assert full.phases() == [("prep", len), ("exec", abs), ("fallback", min), ("post", max)]
    assert double.inner() == ()
    assert not double.fans_out


@pytest.mark.parametrize("name", ["", None, 3, ["n"]])
def test_a_node_without_a_name_is_refused(name: Any) -> None:
    with pytest.raises(GraphError, match="a node needs a name, got "):
        Node(name)


@pytest.mark.parametrize("phase", ["prep", "exec", "fallback", "post"])
def test_a_phase_that_cannot_be_called_is_refused_by_the_names_of_both(phase: str) -> None:
    with pytest.raises(GraphError, match=f'^node "odd": {phase} is 3, which cannot be called$'):
        Node("odd", **{phase: 3})  # type: ignore[arg-type]


@pytest.mark.parametrize("hook", ["on_success", "on_failure", "on_complete", "on_error"])
def test_a_hook_that_cannot_be_called_is_refused_by_the_names_of_both(hook: str) -> None:
    with pytest.raises(GraphError, match=f'^node "odd": {hook} is 3, which cannot be called$'):
        Node("odd", **{hook: 3})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["prep", "exec", "fallback", "post", "on_success", "on_failure", "on_complete", "on_error"])
def test_one_async_function_makes_a_node_async_and_what_contains_it_too(field: str) -> None:
    async def later(*_: Any) -> None: ...

    made, plain = Node("odd", **{field: later}), Node("odd", **{field: max})  # type: ignore[arg-type]
    assert (made.is_async, plain.is_async) == (True, False)
    assert (fan_out(made).is_async, fan_out(plain).is_async) == (True, False)
    assert (Graph(made).as_node().is_async, Graph(plain).as_node().is_async) == (True, False)


def test_a_partial_and_an_object_with_an_async_call_are_async_too() -> None:
    class Client:
        async def __call__(self, value: int) -> int:
            return value + 1

    async def add(plus: int, value: int) -> int:
        return value + plus

    client, partly = Node("client", exec=Client()), Node("partly", exec=partial(add, 10))
    assert (client.is_async, partly.is_async) == (True, True)
    assert Graph(client >> partly).run(0) == 11


@pytest.mark.parametrize("timeout", [-1, "-1s", "soon", float("nan"), True, [1], "5 parsecs"], ids=repr)
def test_a_timeout_that_makes_no_sense_is_refused_by_the_name_of_the_node(timeout: Any) -> None:
    with pytest.raises(GraphError, match=r'^node "slow": timeout=.* is not a duration; write for example 100ms, 30s or 5m$'):
        Node("slow", timeout=timeout)


def test_a_retry_that_is_no_retry_is_refused_by_the_name_of_the_node() -> None:
    with pytest.raises(GraphError, match=r'^node "n": retry is 3, not a Retry$'):
        Node("n", retry=3)  # type: ignore[arg-type]


def test_the_waits_of_a_retry_grow_by_the_factor_up_to_the_most() -> None:
    assert Retry().waits_s() == []
    assert Retry(3, delay="100ms").waits_s() == [0.1, 0.1, 0.1]
    assert Retry(5, delay=1, backoff=2, max_delay="5s").waits_s() == [1, 2, 4, 5, 5]


def test_the_waits_of_very_many_retries_stay_at_the_most() -> None:
    waits_s = Retry(1100, delay=1, backoff=2.0).waits_s()
    assert len(waits_s) == 1100
    assert set(waits_s[6:]) == {60.0}


@pytest.mark.parametrize(
    "options", [{"retries": -1}, {"backoff": 0.5}, {"retries": "2"}, {"retries": 1.5}, {"backoff": float("nan")}]
)
def test_a_retry_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match="retries start at 0 and the back-off factor at 1"):
        Retry(**options)


@pytest.mark.parametrize("option", ["delay", "max_delay"])
@pytest.mark.parametrize("value", ["soon", -1, None], ids=repr)
def test_a_wait_that_is_no_duration_is_refused_by_the_name_of_the_option(option: str, value: Any) -> None:
    with pytest.raises(GraphError, match=rf"^Retry\({option}=\.\.\.\): {value!r} is not a duration"):
        Retry(1, **{option: value})


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_node_of_a_module_crosses_by_reference(dumps: Any) -> None:
    assert pickle.loads(dumps(double)) is double
    assert pickle.loads(dumps(halve)) is halve
    assert pickle.loads(dumps(Steps.inside)) is Steps.inside
    assert b"test_node" in dumps(double)


def test_a_changed_copy_of_a_node_of_a_module_crosses_as_the_copy() -> None:
    arrived = pickle.loads(cloudpickle.dumps(patient))
    assert arrived is not patient
    assert (arrived.name, arrived.retry, arrived(4)) == ("double", Retry(3), 8)


def test_a_node_from_inside_a_function_crosses_by_value_with_what_it_closes_over() -> None:
    factor = 5

    @node(retry=Retry(1), fallback=lambda prepared, error: -1)
    def local(value: int) -> Route:
        return Route(value * factor, "on")

    arrived = pickle.loads(cloudpickle.dumps(local))
    assert arrived is not local
    assert (arrived.name, arrived.retry, arrived(3)) == ("local", Retry(1), Route(15, "on"))
    assert arrived.fallback(0, None) == -1


def test_a_node_and_a_graph_by_value_work_in_a_process_that_does_not_know_this_module() -> None:
    @node
    def shout(text: str) -> str:
        return text.upper()

    @node
    def twice(text: str) -> str:
        return text * 2

    code = "import sys, pickle; graph = pickle.load(sys.stdin.buffer); print(graph.run('ab'), 'test_node' in sys.modules)"
    payload = cloudpickle.dumps(Graph(shout >> twice))
    answer = subprocess.run([sys.executable, "-c", code], input=payload, capture_output=True, check=True)
    assert answer.stdout.decode().split() == ["ABAB", "False"]


def test_nodes_of_one_pickle_stay_one_node() -> None:
    local = Node("local", exec=lambda value: value)
    one, other = pickle.loads(cloudpickle.dumps([local, local]))
    assert one is other
