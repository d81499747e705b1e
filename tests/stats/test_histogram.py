"""Latencies in log buckets: any quantile to within one per cent, whatever the values and however they were merged."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.stats.histogram import ERROR, Histogram

NANOSECOND, YEAR = 1e-9, 3600 * 24 * 365.0

latencies = st.lists(st.floats(NANOSECOND, YEAR), min_size=1, max_size=60)
shares = st.floats(0.0, 1.0)


def histogram_of(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def is_within(told: float, exact: float) -> bool:
    """Whether two times are within one per cent of each other, and what floats are off."""
    return abs(math.log(told / exact)) <= math.log1p(ERROR) + 1e-9


@given(latencies, shares)
def test_a_quantile_is_within_one_per_cent_of_the_value_of_its_rank(values: list[float], share: float) -> None:
    exact = sorted(values)[math.floor(share * (len(values) - 1))]
    assert is_within(histogram_of(values).quantile(share), exact)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("spread", [0.05, 0.5, 2.0])
def test_percentiles_of_many_latencies_are_within_one_per_cent_of_exact_ones(share: float, spread: float) -> None:
    source = random.Random(7)
    values = [source.lognormvariate(math.log(0.003), spread) for _ in range(20_000)]
    told, exact = histogram_of(values).quantile(share), float(np.quantile(values, share, method="lower"))
    assert abs(told / exact - 1) <= ERROR


@given(latencies, shares, shares)
def test_quantiles_do_not_fall_with_their_share(values: list[float], one: float, other: float) -> None:
    histogram = histogram_of(values)
    assert histogram.quantile(min(one, other)) <= histogram.quantile(max(one, other))


@given(st.lists(latencies, max_size=5))
def test_parts_that_are_added_are_the_whole(parts: list[list[float]]) -> None:
    merged = Histogram()
    for part in parts:
        merged.add(histogram_of(part).buckets)
    whole = histogram_of([value for part in parts for value in part])
    assert merged.buckets == whole.buckets
    assert merged.count == sum(map(len, parts))


@given(latencies)
def test_it_travels_as_sorted_pairs_through_json(values: list[float]) -> None:
    histogram = histogram_of(values)
    assert list(histogram.buckets) == sorted(histogram.buckets)
    again = Histogram(tuple(pair) for pair in json.loads(json.dumps(histogram.buckets)))
    assert again.buckets == histogram.buckets
    assert again.quantile(0.5) == histogram.quantile(0.5)


def test_its_size_does_not_grow_with_the_number_of_values() -> None:
    source = random.Random(1)
    lowest, highest = math.log(NANOSECOND), math.log(YEAR)
    histogram = histogram_of([math.exp(source.uniform(lowest, highest)) for _ in range(50_000)])
    assert histogram.count == 50_000
    assert len(histogram.buckets) < 3900


def test_equal_values_are_one_bucket_around_them() -> None:
    histogram = histogram_of([0.02] * 1000)
    assert len(histogram.buckets) == 1
    assert {round(histogram.quantile(share), 3) for share in (0.0, 0.5, 1.0)} == {0.02}


@pytest.mark.parametrize("seconds", [0.0, -1e-3, 1e-12])
def test_what_is_shorter_than_the_clock_can_tell_counts_as_a_nanosecond(seconds: float) -> None:
    histogram = histogram_of([seconds])
    assert histogram.count == 1
    assert is_within(histogram.quantile(0.5), NANOSECOND)


def test_without_values_there_is_no_quantile() -> None:
    assert math.isnan(Histogram().quantile(0.5))
    assert Histogram().count == 0
    assert Histogram().buckets == ()
