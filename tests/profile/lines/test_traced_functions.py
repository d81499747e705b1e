"""The functions that the option `also` adds to the nodes."""

from __future__ import annotations

import functools
import pickle
import types
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from helpers_of_lines import Machine, area, cached_helper, layered

from pocket_lab.errors import UsageError
from pocket_lab.executors.pickling import dumps
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.profile.lines.traced_functions import traced_functions


def helper(value: int) -> int:
    return value


def names(also: Any) -> set[str]:
    return {each.function.__qualname__ for each in traced_functions(also)[0]}


def test_a_function_a_method_a_partial_and_several() -> None:
    assert names(helper) == {"helper"}
    assert names([helper, Machine().run, functools.partial(helper, 1), functools.cache(helper)]) == {"helper", "Machine.run"}


def test_a_class_means_its_methods_of_every_kind_and_the_classes_inside_it() -> None:
    methods = "run alone of_class state kept turn turn_int Inner.deep"
    assert names(Machine) == {f"Machine.{name}" for name in methods.split()}


def test_a_node_means_its_functions_and_a_graph_those_of_all_its_nodes() -> None:
    made = Node("n", exec=helper, post=Machine().run)
    assert names(made) == names([fan_out(made), helper]) == names(Graph(made)) == {"helper", "Machine.run"}
    assert names(Graph(made >> Graph(Node("alone", exec=Machine.alone)))) == {"helper", "Machine.run", "Machine.alone"}


def test_a_descriptor_means_its_functions() -> None:
    assert names(Machine.state) == {"Machine.state"}
    assert names([vars(Machine)["kept"], vars(Machine)["short"]]) == {"Machine.kept", "Machine.run"}


def test_all_implementations_have_the_name_of_what_is_called() -> None:
    helpers, _ = traced_functions(area)
    assert len(helpers) == 3
    assert {each.name for each in helpers} == {"area()"}


def test_what_is_named_itself_has_its_own_name() -> None:
    def outer(value: int) -> int:
        return inner(value)

    def inner(value: int) -> int:
        return value

    place = "test_what_is_named_itself_has_its_own_name.<locals>"
    assert [each.name for each in traced_functions([outer, inner])[0]] == [f"{place}.outer()", f"{place}.inner()"]
    assert [each.name for each in traced_functions(outer)[0]] == [f"{place}.outer()"] * 2


def test_a_module_means_what_it_defines_itself() -> None:
    module = types.ModuleType("some_module")
    own = types.FunctionType(helper.__code__, {"__name__": "some_module"}, "own")
    own.__module__ = "some_module"
    module.__dict__.update(own=own, foreign=helper, number=3)
    (found,), caveats = traced_functions(module)
    assert found.function is own
    assert not caveats


def test_code_that_is_not_python_is_left_out_with_a_caveat() -> None:
    helpers, caveats = traced_functions([len, helper])
    assert [each.function for each in helpers] == [helper]
    assert [caveat.message for caveat in caveats] == ["also: len has no Python function and was left out"]


def test_a_value_without_code_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^also: 'helper' is not a function, class or module$"):
        traced_functions("helper")
    with pytest.raises(UsageError, match="also: 3 is not a function, class or module"):
        traced_functions([3])


def test_a_mock_is_one_callable() -> None:
    for mock in (Mock(), MagicMock(), Mock(spec=helper), Mock(spec=types.ModuleType)):
        assert [each.function.__name__ for each in traced_functions(mock)[0]] == ["__call__"]


ALSO: dict[str, Any] = {
    "class": Machine,
    "property": Machine.state,
    "cached_property": vars(Machine)["kept"],
    "singledispatch": area,
    "decorated": layered,
    "function of a decorated one": layered.__wrapped__,
    "cached": cached_helper,
    "classmethod": Machine.of_class,
}


@pytest.mark.parametrize("also", ALSO.values(), ids=ALSO)
def test_another_process_finds_the_functions_that_are_called_there(also: Any) -> None:
    helpers, _ = traced_functions(also)
    found = pickle.loads(dumps(pickle.loads(dumps(helpers))))
    assert [each.function for each in found] == [each.function for each in helpers], "here that is the same process"
    assert [(each.name, each.inside) for each in found] == [(each.name, each.inside) for each in helpers]
