"""Corrected p values: the step-down rule, order, single values."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.stats.holm import holm

p_values = st.lists(st.floats(0, 1), max_size=12)


@given(p_values)
def test_holm_is_what_the_step_down_rule_says(values: list[float]) -> None:
    obvious = [max(min(1.0, q * sum(r >= q for r in values)) for q in values if q <= own) for own in values]
    assert holm(values) == pytest.approx(obvious)


@given(p_values)
def test_corrected_p_values_keep_their_order_and_never_fall(values: list[float]) -> None:
    corrected = holm(values)
    assert all(0 <= before <= after <= 1 for before, after in zip(values, corrected, strict=True))
    ordered = sorted(zip(values, corrected, strict=True))
    assert all(one[1] <= other[1] for one, other in pairwise(ordered))


def test_one_p_value_is_its_own_correction_and_none_have_none() -> None:
    assert holm([0.03]) == [0.03]
    assert holm([]) == []
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
