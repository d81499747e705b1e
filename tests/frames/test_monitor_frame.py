"""Figures of a monitor: none from too few visits or too short a time."""

from __future__ import annotations

import math

import pytest

from pocket_lab.frames.monitor import traffic_frame
from pocket_lab.records.traffic import NodeTraffic
from pocket_lab.stats.histogram import Histogram


def traffic(visits: int, window_s: float) -> NodeTraffic:
    histogram = Histogram()
    histogram.record_all([0.01] * visits)
    return NodeTraffic("g", "n", visits, 0, 0.01 * visits, 0.0, window_s, 1.0, ((0, visits),), histogram.buckets)


@pytest.mark.parametrize(("visits", "known"), [(6, []), (19, []), (20, ["p95_s"]), (99, ["p95_s"]), (100, ["p95_s", "p99_s"])])
def test_a_percentile_needs_as_many_visits_as_one_in_it(visits: int, known: list[str]) -> None:
    row = traffic_frame([traffic(visits, 60.0)]).iloc[0]
    assert row["p50_s"] == pytest.approx(0.01, rel=0.01)
    assert [name for name in ("p95_s", "p99_s") if math.isfinite(row[name])] == known


@pytest.mark.parametrize(("window_s", "per_s"), [(60.0, 0.5), (5.0, 6.0), (1.0, 30.0), (0.02, math.nan)])
def test_throughput_is_over_the_time_that_the_frame_names_and_not_over_a_moment(window_s: float, per_s: float) -> None:
    row = traffic_frame([traffic(30, window_s)]).iloc[0]
    assert row["window_s"] == window_s
    assert row["throughput_per_s"] == pytest.approx(per_s, nan_ok=True)
