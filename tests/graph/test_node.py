"""Nodes: immutable values that say at once what is wrong with them, and cross to other processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from typing import Any

import cloudpickle
import pytest

from pocket_lab.errors import GraphError, UsageError
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
    assert not double.spreads


@pytest.mark.parametrize("name", ["", None, 3, ["n"]])
def test_a_node_without_a_name_is_refused(name: Any) -> None:
    with pytest.raises(GraphError, match="a node needs a name, got "):
        Node(name)


@pytest.mark.parametrize("phase", ["prep", "exec", "fallback", "post"])
def test_a_phase_that_cannot_be_called_is_refused_by_the_names_of_both(phase: str) -> None:
    with pytest.raises(GraphError, match=f'^node "odd": {phase} is 3, which cannot be called$'):
        Node("odd", **{phase: 3})  # type: ignore[arg-type]


@pytest.mark.parametrize("phase", ["prep", "exec", "fallback", "post"])
def test_an_async_phase_is_refused_with_a_way_out(phase: str) -> None:
    async def later(*_: Any) -> None: ...

    with pytest.raises(GraphError, match=rf'^node "odd": {phase} is an async function.*asyncio\.run inside a plain function$'):
        Node("odd", **{phase: later})  # type: ignore[arg-type]


def test_the_waits_of_a_retry_grow_by_the_factor_up_to_the_most() -> None:
    assert Retry().waits_s() == []
    assert Retry(3, delay="100ms").waits_s() == [0.1, 0.1, 0.1]
    assert Retry(5, delay=1, backoff=2, max_delay="5s").waits_s() == [1, 2, 4, 5, 5]


def test_the_waits_of_very_many_retries_stay_at_the_most() -> None:
    waits_s = Retry(1100, delay=1, backoff=2.0).waits_s()
    assert len(waits_s) == 1100
    assert set(waits_s[6:]) == {60.0}


@pytest.mark.parametrize("options", [{"retries": -1}, {"backoff": 0.5}])
def test_a_retry_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match="retries start at 0 and the back-off factor at 1"):
        Retry(**options)


def test_a_delay_that_is_no_duration_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'soon' is not a duration"):
        Graph(Node("slow", exec=abs, retry=Retry(1, delay="soon"))).run(1)


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
