"""Which code belongs to which node: by function and code object, whatever file and line they share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pocket_lab import Graph, Node, fan_out, node
from pocket_lab.profile.lines.code_blocks import calls_between_nodes, traced_code
from pocket_lab.profile.lines.traced_functions import traced_functions


def polite(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def layer(*args: Any) -> Any:
        return function(*args)

    return layer


@node
@polite
def first(value: int) -> int:
    return value


@node
@polite
def second(value: int) -> int:
    def inner(value: int) -> list[int]:
        return sorted([value], key=lambda key: -key)

    return inner(value)[0]


def shown(target: Any, also: Any = ()) -> list[tuple[str, str, str]]:
    functions, _ = traced_code(target, "label", traced_functions(also)[0])
    return [(block.node, block.function, block.inside) for function in functions for block in function.blocks]


def test_two_nodes_have_the_same_decorator_each_for_itself() -> None:
    functions, caveats = traced_code(Graph(first >> fan_out(second)), "graph")
    blocks = [block for function in functions for block in function.blocks]
    layers = [block for block in blocks if block.function == "polite.<locals>.layer"]
    assert [layer.node for layer in layers] == ["first", "second"]
    assert layers[0].lines == layers[1].lines
    assert not caveats


def test_functions_inside_a_function_are_blocks_of_its_node() -> None:
    assert shown(Graph(second))[1:] == [
        ("second", "second", "polite.<locals>.layer"),
        ("second", "second.<locals>.inner", "second"),
        ("second", "second.<locals>.inner.<locals>.<lambda>", "second.<locals>.inner"),
    ]


def test_functions_of_exec_have_one_file_and_line_and_stay_apart() -> None:
    made: list[Any] = []
    for value in (1, 2):
        names: dict[str, Any] = {}
        exec(f"def made(size):\n    return {value}\n", names)
        made.append(names["made"])
    functions, caveats = traced_code(Graph(Node("a", exec=made[0]) >> Node("b", exec=made[1])), "graph")
    assert [function.blocks[0].node for function in functions] == ["a", "b"]
    assert not caveats
    both, _ = traced_code(made[0], "label", traced_functions(made[1])[0])
    assert [function.function for function in both] == made
    twins = [function.blocks[0] for function in traced_code(len, "label", traced_functions(made)[0])[0]]
    assert [twin.number for twin in twins] == [0, 1], "nothing else tells them apart"


def test_hooks_belong_to_their_node() -> None:
    def noted(store: Any) -> None: ...

    assert ("a", noted.__code__.co_qualname, "") in shown(Graph(Node("a", exec=first.exec, on_complete=noted)))


def test_a_function_of_several_nodes_is_counted_once_under_all_their_names() -> None:
    def work(value: int) -> int:
        return value

    functions, (caveat,) = traced_code(Graph(Node("a", exec=work) >> Node("b", exec=polite(work))), "graph")
    assert [function.blocks[0].node for function in functions] == ["a, b", "b"]
    assert caveat.code == "shared-source"
    assert caveat.message.startswith("a, b call the same function ")


@node
def third(value: int) -> int:
    return sum(second(number) for number in range(value))


def test_a_node_that_can_call_another_one_is_named() -> None:
    (caveat,) = calls_between_nodes(traced_code(Graph(third >> first >> second), "graph")[0])
    assert caveat.code == "node-calls"
    assert caveat.message.startswith('"third" can call the function of "second" itself')
    assert not list(calls_between_nodes(traced_code(Graph(third >> first), "graph")[0]))


def test_a_helper_has_its_own_name_unless_it_belongs_to_a_node() -> None:
    def inner(value: int) -> int:
        return value

    def outer(value: int) -> int:
        return inner(value)

    here = "test_a_helper_has_its_own_name_unless_it_belongs_to_a_node.<locals>"
    assert shown(outer) == [("label", f"{here}.outer", ""), ("label", f"{here}.inner", f"{here}.outer")]
    assert shown(outer, inner)[1] == (f"{here}.inner()", f"{here}.inner", "(its callers)")
    assert shown(outer, outer) == shown(outer)


def test_what_is_not_python_is_a_caveat() -> None:
    functions, (caveat,) = traced_code(Graph(Node("length", exec=len)), "graph")
    assert not functions
    assert caveat.message == 'node "length": <built-in function len> is not written in Python, and has no lines'
