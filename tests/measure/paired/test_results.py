"""A comparison says where the results of its sides differ, and nothing where they are equal or the check is off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from pocket_lab import Graph, Node, Variant, compare, fan_out


def found(a: Any, b: Any, **options: Any) -> list[tuple[str, str]]:
    codes = ("unequal-results", "results-not-compared")
    result = compare(a, b, **{"size": 3, "budget": 0.1, **options})
    return [(caveat.code, caveat.message) for caveat in result.caveats if caveat.code in codes]


def rows(last: int) -> Callable[[int], Any]:
    return lambda n: {"rows": [1, 2, last], "total": sum(range(n))}


def test_unequal_results_are_said_with_their_place_and_not_where_the_check_is_off() -> None:
    ((code, message),) = found(rows(3), Variant(rows(4), name="second"))
    assert code == "unequal-results"
    assert message.startswith("size 3, serial x 1: the result of second differs from that of <lambda> on the same input, at")
    assert message.endswith("['rows'][2]: 3 against 4")
    assert found(rows(3), rows(4), check_equal=False) == []
    assert found(rows(3), rows(3)) == []


def test_each_pair_is_checked_on_its_own() -> None:
    messages = [
        message for _, message in found(lambda n: n, lambda n: n if n < 2 else -n, size=None, sizes="1,2,3", budget=0.3)
    ]
    assert [message.rpartition(": ")[2] for message in messages] == ["2 against -2", "3 against -3"]


@pytest.mark.parametrize("executor", ["threads", "processes", "asyncio"])
def test_graphs_on_workers_and_maps_are_checked_too(executor: str) -> None:
    def item(by: int) -> Any:
        async def later(value: int) -> int:
            await asyncio.sleep(0)
            return value * by

        return later if executor == "asyncio" else lambda value: value * by

    a, b = (Graph(fan_out(Node("item", exec=item(by))), name=f"by {by}") for by in (1, 2))
    options: dict[str, Any] = {"input": list(range(3)), "size": None, "workers": 2, "executor": executor, "budget": 0.5}
    for drive in ("run", "map"):
        pair = (a, b) if drive == "run" else tuple(Graph(Node("item", exec=item(by)), name=f"by {by}") for by in (1, 2))
        ((code, message),) = found(*pair, drive=drive, **options)
        assert code == "unequal-results"
        assert message.endswith("[1]: 1 against 2")


def test_what_cannot_be_compared_is_said() -> None:
    def changes(values: list[int]) -> list[int]:
        values.append(random.randrange(10))
        return values

    ((code, message),) = found(lambda values: list(values), changes, input=lambda n: [n])
    assert (code, message.rpartition(": ")[2]) == ("results-not-compared", "changes changes its input")
    ((code, message),) = found(lambda n: object(), lambda n: object())
    assert code == "results-not-compared"
    assert "type object, which have no ==" in message
    assert found(lambda n: iter([n]), lambda n: iter([n])) == []
