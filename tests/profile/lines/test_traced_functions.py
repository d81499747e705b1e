"""The functions that the option `also` adds to the nodes."""

from __future__ import annotations

import functools
import types
from typing import Any

import pytest

from pocket_lab.errors import UsageError
from pocket_lab.profile.lines.traced_functions import traced_functions


def helper(value: int) -> int:
    return value


class Machine:
    def run(self) -> None: ...

    @staticmethod
    def alone() -> None: ...

    @property
    def state(self) -> int:
        return 1


def names(also: Any) -> set[str]:
    return {function.__qualname__ for function in traced_functions(also)[0]}


def test_a_function_a_method_a_partial_and_several() -> None:
    assert names(helper) == {"helper"}
    assert names([helper, Machine().run, functools.partial(helper, 1), functools.cache(helper)]) == {"helper", "Machine.run"}


def test_a_class_means_its_methods() -> None:
    assert names(Machine) == {"Machine.run", "Machine.alone", "Machine.state"}


def test_a_module_means_what_it_defines_itself() -> None:
    module = types.ModuleType("some_module")
    own = types.FunctionType(helper.__code__, {"__name__": "some_module"}, "own")
    own.__module__ = "some_module"
    module.__dict__.update(own=own, foreign=helper, number=3)
    (function,), caveats = traced_functions(module)
    assert function is own
    assert not caveats


def test_code_that_is_not_python_is_left_out_with_a_caveat() -> None:
    functions, caveats = traced_functions([len, helper])
    assert functions == (helper,)
    assert [caveat.message for caveat in caveats] == ["also: len has no Python function and was left out"]


def test_a_value_without_code_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^also: 'helper' is not a function, class or module$"):
        traced_functions("helper")
    with pytest.raises(UsageError, match="also: 3 is not a function, class or module"):
        traced_functions([3])
