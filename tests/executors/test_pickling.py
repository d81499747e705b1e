"""Functions under `functools.cache` as bytes: by value where no other process could find them, by name where it can."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from pocket_lab.executors.pickling import dumps
from pocket_lab.executors.registry import open_pool
from pocket_lab.executors.world.settings import Settings


def cached_here(**parameters: Any) -> Any:
    @functools.lru_cache(**parameters)
    def triple(value: int) -> int:
        """Three times."""
        return 3 * value

    return triple


@pytest.mark.parametrize("parameters", [{"maxsize": None}, {"maxsize": 7}, {"maxsize": 0}, {"maxsize": 7, "typed": True}])
def test_a_cached_function_keeps_its_size_its_name_and_what_it_does(parameters: dict[str, Any]) -> None:
    original = cached_here(**parameters)
    original(5)
    again = pickle.loads(dumps(original))
    assert again is not original
    assert again(14) == 42
    assert again.cache_parameters() == {"typed": False, **parameters}
    assert (again.__name__, again.__doc__) == ("triple", "Three times.")


def test_it_arrives_with_an_empty_cache_of_its_own() -> None:
    original = cached_here(maxsize=None)
    original(5)
    again = pickle.loads(dumps(original))
    assert again.cache_info().currsize == 0
    again(1)
    again(2)
    assert original.cache_info().currsize == 1


def test_a_cached_function_that_calls_itself_uses_one_cache() -> None:
    @functools.cache
    def fibonacci(number: int) -> int:
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    again = pickle.loads(dumps(fibonacci))
    assert again(80) == 23416728348467685
    assert again.cache_info().misses == 81


def test_two_names_of_one_cached_function_stay_one() -> None:
    original = cached_here(maxsize=None)
    one, other = pickle.loads(dumps([original, original]))
    assert one is other
    assert pickle.loads(dumps(lambda value: original(value)))(2) == 6


def test_cached_methods_of_a_class_made_here_travel_with_it() -> None:
    class Reader:
        @functools.lru_cache  # noqa: B019
        def read(self, value: int) -> int:
            return value + 1

        @staticmethod
        @functools.cache
        def look(value: int) -> int:
            return value + 2

    again = pickle.loads(dumps(Reader()))
    assert (again.read(1), again.look(1)) == (2, 3)


def test_a_cached_function_of_a_module_is_found_by_its_name() -> None:
    import fnmatch

    compiled = fnmatch._compile_pattern  # type: ignore[attr-defined]
    assert pickle.loads(dumps(compiled)) is compiled
    assert len(dumps(compiled)) < 100


def test_a_worker_process_takes_a_cached_function_and_keeps_its_cache_between_items() -> None:
    @functools.cache
    def double(value: int) -> int:
        return 2 * value

    def hits(value: int) -> tuple[int, int]:
        return double(value), double.cache_info().hits

    with open_pool("processes", 1) as pool:
        answers = [outcome.get() for outcome in pool.imap(hits, [4, 4, 4])]
    assert answers == [(8, 0), (8, 1), (8, 2)]


def test_a_cached_function_of_a_notebook_is_measured_in_the_measuring_process_and_on_its_workers(tmp_path: Path) -> None:
    script = tmp_path / "cell.py"
    script.write_text(
        """
import functools, json
from pocket_lab import Graph, bench, fan_out, node

@functools.cache
def look_up(value):
    return value * value

@node
def score(value, ctx):
    ctx.report("square", look_up(value))
    return look_up(value)

if __name__ == "__main__":
    rows = []
    for target, options in ((look_up, {}), (Graph(fan_out(score)), {"executor": "processes", "input": lambda n: [n] * 4})):
        result = bench(target, size=5, budget=0.5, **options)
        rows.append([list(result.frame["executor"]), result.failures, list(result.metrics["value"])])
    print(json.dumps(rows))
"""
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[["serial"], [], []], [["processes"], [], [25.0]]]


def test_a_dispatcher_made_here_travels_with_its_implementations() -> None:
    class Leaf:
        value = 5

    @functools.singledispatch
    def total(part: Any) -> Any:
        """The sum."""
        raise TypeError(part)

    @total.register
    def _(part: list) -> Any:  # type: ignore[type-arg]
        return sum(total(inner) for inner in part)

    total.register(int, lambda part: part)
    total.register(Leaf, lambda part: part.value)

    class Shape:
        @functools.singledispatchmethod
        def grow(self, value: Any) -> Any:
            return self.grow(1)

        @grow.register
        def _(self, value: int) -> Any:
            return value + 1

    again, leaf, shape = pickle.loads(dumps((total, Leaf, Shape)))
    assert again([1, [2, leaf()], 3]) == 11
    assert (again.__name__, again.__doc__) == ("total", "The sum.")
    assert again.__wrapped__ is again.registry[object]
    assert shape().grow("text") == 2
    with pytest.raises(TypeError, match=r"^text$"):
        again("text")
    assert pickle.loads(dumps(pickle.loads(dumps(total))))([4]) == 4


def test_cached_properties_of_a_class_made_here_travel_with_it() -> None:
    class Circle:
        count = 0

        @functools.cached_property
        def area(self) -> int:
            self.count += 1
            return self.count

    circle = pickle.loads(dumps(Circle))()
    assert (circle.area, circle.area, circle.count) == (1, 1, 1)


def test_a_function_sent_by_value_keeps_its_file_and_so_do_those_inside_it() -> None:
    def outer() -> Any:
        return lambda: None

    rebuilt = cloudpickle.loads(dumps(outer))
    assert rebuilt.__code__.co_filename == outer.__code__.co_filename == __file__
    assert rebuilt.__code__ is not outer.__code__
    assert rebuilt().__code__.co_filename == __file__
    assert rebuilt().__code__.co_firstlineno == outer().__code__.co_firstlineno


@contextlib.contextmanager
def adding(numbers: list[int]) -> Iterator[list[int]]:
    numbers.append(1)
    yield numbers
    numbers.append(2)


def test_a_context_manager_that_nobody_has_entered_is_made_anew_and_may_decorate() -> None:
    @adding([5])
    def add(value: int) -> int:
        return value + 1

    again = pickle.loads(dumps(add))
    assert (again(1), again(2)) == (2, 3)
    with pickle.loads(dumps(adding([3]))) as numbers:
        assert numbers == [3, 1]
    assert numbers == [3, 1, 2]
    entered = adding([])
    with entered, pytest.raises(TypeError, match="generator"):
        dumps(entered)
    with pytest.raises(TypeError, match="generator"):
        dumps(entered)


def test_so_is_an_async_one() -> None:
    @contextlib.asynccontextmanager
    async def holding() -> AsyncIterator[int]:
        yield 7

    @holding()
    async def add(value: int) -> int:
        return value + 1

    assert asyncio.run(pickle.loads(dumps(add))(1)) == 2

    async def enter() -> None:
        manager = holding()
        async with manager:
            with pytest.raises(TypeError, match="async_generator"):
                dumps(manager)

    asyncio.run(enter())


def test_a_class_method_of_a_module_is_found_by_its_name_and_one_made_here_travels_with_its_class() -> None:
    class Made:
        @classmethod
        def name(cls) -> str:
            return cls.__name__

    assert len(dumps(Settings.here)) < 200
    assert pickle.loads(dumps(Settings.here)) == Settings.here
    with open_pool("processes", 1) as pool:
        assert [outcome.get() for outcome in pool.imap(lambda _: Made.name(), [1])] == ["Made"]
        assert pool.everywhere(Made.name) == ["Made"]
