"""The seconds of one run: one definition, for a batch and for many."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.stats.histogram import Histogram
from pocket_lab.stats.run_time import run_seconds, run_seconds_array

batches = st.lists(st.tuples(st.floats(0.0, 1e3), st.integers(0, 50)), max_size=20)


@given(batches)
def test_many_batches_have_the_values_of_each(batches: list[tuple[float, int]]) -> None:
    totals, loops = (np.array([batch[side] for batch in batches], float) for side in (0, 1))
    np.testing.assert_array_equal(run_seconds_array(totals, loops), [run_seconds(*batch) for batch in batches])


def test_under_load_the_length_of_the_window_does_not_count() -> None:
    histogram = Histogram()
    for _ in range(50):
        histogram.record(0.002)
    assert run_seconds(1.0, 50, histogram.buckets) == histogram.quantile(0.5)
    assert run_seconds(9.0, 50, histogram.buckets) == histogram.quantile(0.5)


def test_without_a_completed_run_there_is_no_value() -> None:
    assert math.isnan(run_seconds(1.0, 0))
    assert math.isnan(run_seconds(1.0, 5, ()))
