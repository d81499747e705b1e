"""A run that returns its work undone has a caveat, whatever the kind, and one that returns a value has none."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from pocket_lab import Graph, Node, bench, compare, fan_out
from pocket_lab.executors.serial import SerialPool
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.timing.lazy_result import lazy_caveats
from pocket_lab.measure.work import build_work


def generator(n: int) -> Iterator[int]:
    yield from range(n)


def async_generator(n: int) -> Any:
    async def items() -> AsyncIterator[int]:
        yield n

    return items()


class Later:
    def __await__(self) -> Iterator[None]:
        yield


LAZY: dict[str, Callable[[int], Any]] = {
    "a generator": generator,
    "a generator of an expression": lambda n: (item for item in range(n)),
    "an async generator": async_generator,
    "an iterator (map)": lambda n: map(str, range(n)),
    "an iterator (filter)": lambda n: filter(None, range(n)),
    "an iterator (zip)": lambda n: zip(range(n), range(n), strict=True),
    "an awaitable (Later)": lambda n: Later(),
}
DONE: list[Callable[[int], Any]] = [
    lambda n: list(range(n)),
    lambda n: range(n),
    lambda n: None,
    lambda n: io.StringIO("a file"),
    lambda n: [],
    lambda n: "text",
]


def messages(target: Any, **options: Any) -> list[str]:
    job = plan_job(target, options.pop("input", Input.ABSENT), parse_sweep(sizes=3, **options))
    point = job.points[0]
    value = [1, 2] if point.drive == "map" else 3
    work = build_work(job, point, value, SerialPool())
    work.calibrate(0.001)
    return [caveat.message for caveat in lazy_caveats(work.take_first_result(), point)]


@pytest.mark.parametrize("kind", LAZY)
@pytest.mark.parametrize("drive", ["run", "map"])
@pytest.mark.parametrize("is_graph", [False, True], ids=["callable", "graph"])
def test_undone_work_is_said_with_its_kind(kind: str, drive: str, is_graph: bool) -> None:
    target = Graph(Node("n", exec=LAZY[kind])) if is_graph else LAZY[kind]
    (message,) = messages(target, drive=drive)
    assert f"a run returns {kind.removesuffix(' of an expression')} that nothing consumes" in message


@pytest.mark.parametrize("target", DONE, ids=range(len(DONE)))
def test_a_value_is_no_caveat(target: Callable[[int], Any]) -> None:
    assert messages(target) == messages(target, drive="map") == []


def test_what_a_later_node_consumes_is_no_caveat() -> None:
    assert messages(Graph(Node("lazy", exec=generator) >> Node("sum", exec=sum))) == []
    assert messages(Graph(Node("list", exec=lambda n: [n]) >> fan_out(Node("g", exec=lambda n: list(generator(n)))))) == []


def test_bench_and_both_sides_of_a_comparison_say_it() -> None:
    (caveat,) = [caveat for caveat in bench(generator, size=5, budget=0.2).caveats if caveat.code == "lazy-result"]
    assert "generator" in caveat
    compared = compare(generator, lambda n: list(range(n)), size=5, budget=0.2).caveats
    assert [caveat.message.split(",")[0] for caveat in compared if caveat.code == "lazy-result"] == ["generator"]


def of_chunk(chunk: int) -> Any:
    return Graph(Node("plus", exec=lambda size: size + chunk))


def test_a_function_that_builds_a_graph_which_nothing_runs_says_so_and_one_that_is_known_to_build_it_is_run() -> None:
    def unseen(chunk: int) -> Any:
        return of_chunk(chunk)

    def hinted(chunk: int) -> Graph:
        built: Graph = of_chunk(chunk)
        return built

    options: dict[str, Any] = {"params": {"chunk": [3]}, "budget": 0.3, "references": False}
    (caveat,) = [caveat for caveat in bench(unseen, **options).caveats if caveat.code == "lazy-result"]
    assert "a run builds a Graph and does not run it, so only the building is in the times" in caveat
    ran = bench(hinted, input=1, **options)
    assert [caveat.code for caveat in ran.caveats].count("lazy-result") == 0
    assert ran.failures == []
