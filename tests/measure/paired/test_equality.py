"""Equal results are equal, and of unequal ones the first place is named."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.measure.paired.equality import Incomparable, first_difference


@dataclass
class Box:
    value: Any


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


class Angry:
    def __eq__(self, other: object) -> bool:
        raise LookupError("no")

    __hash__ = None  # type: ignore[assignment]


FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        (float("nan"), float("nan")),
        (10**400, 10**400),
        (1 + 2j, 1 + 2j),
        (1 + 2j, 1 + (2 + 1e-12) * 1j),
        (complex(math.nan, 1), complex(math.nan, 1)),
        (ValueError("a", 1), ValueError("a", 1)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2}, {2, 1}),
        (np.float64(1), 1),
        (np.array([1.0, np.nan]), np.array([1.0 + 1e-12, np.nan])),
        (np.array(["x"]), np.array(["x"])),
        (FRAME, FRAME.copy()),
        (pd.Series([0.1 + 0.2]), pd.Series([0.3])),
        (pd.Index([1, 2]), pd.Index([1, 2])),
        (Box([1, Plain(2)]), Box([1, Plain(2)])),
        (Decimal("NaN"), Decimal("NaN")),
        ({float("nan"): 1, 2.0: [3]}, {2.0: [3], float("nan"): 1}),
        (np.array([float("nan"), "x", [0.1 + 0.2]], object), np.array([float("nan"), "x", [0.3]], object)),
        (np.array(["NaT", "2026-01-01"], "M8[D]"), np.array(["NaT", "2026-01-01"], "M8[D]")),
        (np.datetime64("NaT"), np.datetime64("NaT")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_these_are_equal(a: Any, b: Any) -> None:
    assert first_difference(a, b) is None


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ({"rows": [1, 2, 3]}, {"rows": [1, 2, 4]}, "['rows'][2]: 3 against 4"),
        (1, 2, "result: 1 against 2"),
        (10**400, 10**400 + 1, "against"),
        (1.0, 1.0 + 1e-6, "result: 1.0 against 1.000001"),
        ([1], [1, 2], "result: 1 elements against 2"),
        ([1], (1,), "a value of type list against a value of type tuple"),
        (None, [], "None against a value of type list"),
        ({"a": 1}, {}, "['a']: only in the first"),
        ({}, {"a": 1}, "['a']: only in the second"),
        ("x" * 500, "y" * 500, "..."),
        (np.eye(2), np.ones((2, 2)), "[0, 1]: 0.0 against 1.0"),
        ([np.zeros(3)], [np.zeros(4)], "[0]: a value of type ndarray of float64 (3,) against float64 (4,)"),
        (np.zeros(1), [0.0], "a value of type ndarray against a value of type list"),
        (np.zeros(1), np.zeros(1, "f4"), "result: a value of type ndarray of float64 (1,) against float32 (1,)"),
        (1 + 2j, 1 + 2.001j, "result: (1+2j) against (1+2.001j)"),
        ([ValueError("a")], [ValueError("b")], "[0].args[0]: 'a' against 'b'"),
        ({"f": FRAME}, {"f": FRAME.assign(a=[1.0, 3.0])}, "['f']: DataFrame.iloc[:, 0] (column name=\"a\")"),
        (FRAME, FRAME["a"], "a value of type DataFrame against a value of type Series"),
        (pd.Series([1, 2]), pd.Series([1]), "result: Series are different"),
        (Box([1, Plain(2)]), Box([1, Plain(3)]), ".value[1].value: 2 against 3"),
        (Decimal("NaN"), Decimal(1), "result: Decimal('NaN') against Decimal('1')"),
        ({float("nan"): 1}, {float("nan"): 2}, "[nan]: 1 against 2"),
        ([np.array([1, {"a": 2}], object)], [np.array([1, {"a": 3}], object)], "[0][1]['a']: 2 against 3"),
        (np.array(["NaT", 1], "M8[D]"), np.array([1, 1], "M8[D]"), "[0]: NaT against 1970-01-02"),
    ],
)
def test_the_first_difference_is_named_with_its_place(a: Any, b: Any, words: str) -> None:
    assert words in str(first_difference(a, b))
    assert first_difference(b, a) is not None


@pytest.mark.parametrize(("make", "words"), [(object, "type object, which have no =="), (Angry, "whose == raises LookupError")])
def test_what_nothing_can_compare_is_said_with_its_type(make: Any, words: str) -> None:
    with pytest.raises(Incomparable, match=words):
        first_difference([make()], [make()])


def test_values_nested_too_deeply_and_circles_are_incomparable() -> None:
    circles: list[list[Any]] = [[], []]
    for circle in circles:
        circle.append(circle)
    with pytest.raises(Incomparable, match="nested more than"):
        first_difference(*circles)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_a_copy_is_equal(value: Any) -> None:
    assert first_difference(value, copy.deepcopy(value)) is None


@given(values, values)
def test_it_is_symmetric_and_finds_what_python_finds(a: Any, b: Any) -> None:
    assert (first_difference(a, b) is None) == (first_difference(b, a) is None)
    if first_difference(a, b) is not None:
        assert a != b or type(a) is not type(b)
