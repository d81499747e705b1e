"""The sums over the points in the rounds are those of a loop over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.measure.points.open_points import OpenPoints
from pocket_lab.records.point import Point
from pocket_lab.stats.median_interval import FEWEST


@dataclass
class Sampler:
    point: Point
    batch_s: float = 0.0
    runs_s: list[float] = field(default_factory=list)
    is_settled: bool = False


CHANGES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([0.001, 0.01, 0.1]), st.integers(0, 8), st.booleans(), st.booleans()),
    max_size=40,
)


@given(CHANGES)
def test_after_any_changes_the_sums_are_those_of_all_points(changes: list[tuple[int, float, int, bool, bool]]) -> None:
    samplers = [Sampler(Point("t", number % 2, 1, "serial", "run")) for number in range(6)]
    points: OpenPoints[Sampler] = OpenPoints(0.002)
    here: list[Sampler] = []
    for number, batch_s, rounds, is_settled, leaves in changes:
        sampler = samplers[number]
        sampler.batch_s, sampler.runs_s, sampler.is_settled = batch_s, [1.0] * rounds, is_settled
        points.update(sampler)
        here = [one for one in here if one is not sampler]
        if leaves:
            points.remove(sampler)
        else:
            here.append(sampler)
        needed_s = {id(one): max(one.batch_s, 0.002) * max(FEWEST - len(one.runs_s), 0) for one in here}
        assert len(points) == len(here)
        assert points.planned_s == pytest.approx(sum(needed_s.values()))
        assert (points.planned_s > 0) == any(needed_s.values())
        for one in here:
            shorter = [other for other in here if other.batch_s < one.batch_s]
            assert points.needed_by_shorter_s(one) == pytest.approx(sum(needed_s[id(other)] for other in shorter))
            alike = [other for other in here if other is not one and other.point.size == one.point.size]
            assert points.has_others_unsettled(one) == any(not other.is_settled for other in alike)
