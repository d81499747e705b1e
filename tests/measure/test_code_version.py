"""The version of a target's code changes with what would run, and with nothing else."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pocket_lab import Graph, Node, Retry, fan_out
from pocket_lab.measure.code_version import code_version

SOURCE = """
import functools, json
from dataclasses import dataclass

FACTOR = 3
TABLE = {"a": 1, "b": [1, 2]}
CHOICES = {"x", "y", "z"}

def helper(value):
    return value * FACTOR

def twice(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments) + function(*arguments)
    return wrapper

@dataclass
class Machine:
    speed: int = 2

    def turn(self, value):
        return helper(value) + self.speed

    @staticmethod
    def stop():
        return "stopped"

def fact(n):
    return 1 if n < 2 else n * fact(n - 1)

@twice
def decorated(value):
    return value + 10

@functools.cache
def cached(value):
    return value + 20

def make(offset):
    def inner(value, scale=4):
        return [item + offset * scale for item in range(value) if item in {5, 6, "seven"}]
    return inner

def target(value):
    '''Do it.'''
    try:
        found = Machine().turn(value) + decorated(value) + cached(value) + fact(3) + make(7)(value)[0]
    except IndexError:
        found = TABLE["a"] if value in CHOICES else json.dumps(value)
    return found
"""


def loaded(source: str) -> ModuleType:
    """The module of a source text, as a cell of a notebook would define it."""
    module = ModuleType("cells")
    module.__dict__["__name__"] = "__main__"
    exec(compile(source, "<cell 1>", "exec"), module.__dict__)
    return module


def version(source: str) -> str | None:
    return code_version(loaded(source).target)


EDITS = [
    ("FACTOR = 3", "FACTOR = 4"),
    ("return value * FACTOR", "return value + FACTOR"),
    ('"b": [1, 2]', '"b": [1, 3]'),
    ('{"x", "y", "z"}', '{"x", "y", "w"}'),
    ("function(*arguments) + function(*arguments)", "function(*arguments) - function(*arguments)"),
    ("speed: int = 2", "speed: int = 3"),
    ("helper(value) + self.speed", "helper(value) - self.speed"),
    ('return "stopped"', 'return "halted"'),
    ("n * fact(n - 1)", "n * fact(n - 2)"),
    ("return value + 10", "return value + 11"),
    ("return value + 20", "return value + 21"),
    ("make(7)", "make(8)"),
    ("scale=4", "scale=5"),
    ("{5, 6,", "{5, 7,"),
    ("offset * scale for", "offset / scale for"),
    ("except IndexError", "except KeyError"),
    ("json.dumps(value)", "json.loads(value)"),
    ("@functools.cache\n", ""),
    ("@twice\n", ""),
]


@pytest.mark.parametrize(("old", "new"), EDITS, ids=[str(number) for number in range(len(EDITS))])
def test_an_edit_of_whatever_the_target_uses_is_another_version(old: str, new: str) -> None:
    assert old in SOURCE
    assert version(SOURCE.replace(old, new)) != version(SOURCE)


@pytest.mark.parametrize(
    "edited",
    [
        "\n\n\n" + SOURCE,
        SOURCE.replace("        found = M", "        # why\n        found = M"),
        SOURCE + "\nUNUSED = 5\n\ndef unused():\n    return UNUSED\n",
        SOURCE.replace("def helper(value):", "def helper( value ):"),
    ],
    ids=["lines moved", "a comment", "what it does not use", "spaces"],
)
def test_what_does_not_change_the_run_keeps_the_version(edited: str) -> None:
    assert version(edited) == version(SOURCE)


def test_functions_of_cells_run_apart_or_together_are_the_same() -> None:
    together = loaded("def one(x): return x in (1, 2)\ndef target(x): return one(x) or x in (1, 2)").target
    apart = loaded("def one(x): return x in (1, 2)")
    exec("def target(x): return one(x) or x in (1, 2)", apart.__dict__)
    assert code_version(together) == code_version(apart.target)


def test_another_process_with_another_hash_seed_finds_the_same(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SOURCE + "\nfrom pocket_lab.measure.code_version import code_version\nprint(code_version(target))\n")
    found = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_a_module_of_the_users_counts_with_the_members_that_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.syspath_prepend(tmp_path)
    for text in ("def used(x): return x\ndef unused(x): return 1\n", "def used(x): return -x\n", "def used(x): return x\n"):
        (tmp_path / "beside_us.py").write_text(text)
        sys.modules.pop("beside_us", None)
        target = loaded("import beside_us\ndef target(x): return beside_us.used(x)").target
        module: Any = sys.modules["beside_us"]
        exec(text, module.__dict__)  # whatever the cache of byte code holds
        found.append(code_version(target))
    sys.modules.pop("beside_us", None)
    assert found[0] == found[2] != found[1]


def graph_of(**changes: Any) -> Graph:
    options: dict[str, Any] = {"delta": 1, "action": "default", "retries": 0, "name": "second", **changes}
    first = Node("first", exec=lambda n: list(range(n)), retry=Retry(options["retries"]))
    inner = fan_out(Node("item", exec=functools.partial(max, options["delta"])))
    second = Node(options["name"], exec=lambda values: len(values))
    return Graph(first >> inner, inner - options["action"] >> second)


@pytest.mark.parametrize("change", [{"delta": 2}, {"action": "other"}, {"retries": 1}, {"name": "last"}])
def test_a_graph_counts_with_its_nodes_routes_and_options(change: dict[str, Any]) -> None:
    assert code_version(graph_of()) == code_version(graph_of())
    assert code_version(graph_of(**change)) != code_version(graph_of())


def test_the_routes_of_inner_graphs_count_too() -> None:
    def inside(action: str, wrap: Any) -> Graph:
        inner = Graph(Node("first", exec=abs) - action >> Node("second", exec=len), name="inner")
        return Graph(wrap(inner) >> Node("end", exec=abs))

    for wrap in (lambda inner: inner, fan_out):
        assert code_version(inside("x", wrap)) == code_version(inside("x", wrap))
        assert code_version(inside("x", wrap)) != code_version(inside("y", wrap))


def test_bound_methods_and_callable_objects_count_with_their_attributes() -> None:
    class Adder:
        def __init__(self, by: int) -> None:
            self.by = by

        def __call__(self, value: int) -> int:
            return value + self.by

    assert code_version(Adder(1)) == code_version(Adder(1)) != code_version(Adder(2))
    assert code_version(Adder(1).__call__) != code_version(Adder(2).__call__)


def of(value: Any) -> str | None:
    """The version of a function that holds a value."""
    return code_version(lambda: value)


def test_arrays_count_by_shape_and_type_and_long_collections_by_their_beginning() -> None:
    assert of(np.zeros(3)) == of(np.ones(3)) != of(np.zeros(4))
    assert of(np.zeros(3)) != of(np.zeros(3, "f4"))
    assert of(list(range(10**6))) != of(list(range(10**6 + 1)))


def test_circles_and_odd_objects_have_a_version_and_deep_ones_have_none() -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise LookupError(name)

    circle: list[Any] = []
    circle.append((circle,))
    assert code_version(lambda: circle)
    assert code_version(Odd())
    deep: list[Any] = []
    for _ in range(10**5):
        deep = [deep]
    assert code_version(lambda: deep) is None
    assert code_version(len) == code_version(len) != code_version(sum)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(plain, plain)
@example(True, 1)
@example(0.0, -0.0)
@example([()], [[]])
def test_constants_have_the_same_version_exactly_where_they_are_written_alike(a: Any, b: Any) -> None:
    assert (of(a) == of(b)) == (repr(a) == repr(b))
