"""Functions on one line have hits like others, and all other lines stay where they are."""

from __future__ import annotations

from typing import Any

import pytest
from line_profiler import LineProfiler

from pocket_lab.profile.lines.first_line import with_first_line

ONE_LINE = {
    "short": "def short(value): return value + 1",
    "begins": "def begins(value): return (value,\n  value)",
    "lazily": "def lazily(value): yield value; yield value",
    "later": "async def later(value): return value",
    "doubled": "doubled = lambda value: value * 2",
    "free": "def make(held):\n  def inner(value): return held, value\n  return inner\nfree = make(1)",
    "decorated": "def same(function): return function\n@same\n@same\ndef decorated(value): return value",
    "cell": "def cell(value): return [lambda: value, value]",
}
OTHERS = {
    "several": "def several(value):\n  total = value\n  for step in range(value):\n    total += step\n  return total",
    "empty": "def empty(value):\n  '''Does nothing.'''",
}


def function_of(name: str) -> Any:
    names: dict[str, Any] = {}
    exec({**ONE_LINE, **OTHERS}[name], names)
    return names[name]


@pytest.mark.parametrize("name", [*ONE_LINE, *OTHERS])
def test_only_the_beginning_loses_its_line(name: str) -> None:
    code = function_of(name).__code__
    changed = with_first_line(code)
    assert changed.co_code == code.co_code
    before, after = list(code.co_positions()), list(changed.co_positions())
    (differing,) = [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    assert after[differing] == (None, None, None, None)
    assert with_first_line(changed).co_linetable == changed.co_linetable


@pytest.mark.parametrize("name", ONE_LINE)
def test_the_first_line_has_a_hit_for_each_call(name: str) -> None:
    function = function_of(name)
    function.__code__ = with_first_line(function.__code__)
    profiler = LineProfiler()
    profiler.add_callable(function)
    with profiler:
        for _ in range(3):
            made = function(1)
            if name == "lazily":
                list(made)
            if name == "later":
                with pytest.raises(StopIteration):
                    made.send(None)
    (lines,) = profiler.get_stats().timings.values()
    code = function.__code__
    first = min(line for _, _, line in code.co_lines() if line and line > code.co_firstlineno - (name != "decorated"))
    assert {line: hits for line, hits, _ in lines}[first] >= 3
