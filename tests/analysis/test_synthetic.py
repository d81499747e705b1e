"""What is said of synthetic sweeps of known truth; tests/benchmarks/synthetic_sweeps.py does the same for a thousand."""

from __future__ import annotations

import statistics

import pytest
from scoring import Score, score
from synthetic import MACHINES, WORKLOADS, make_sweep

from pocket_lab.analysis.growth import CANNOT_TELL
from pocket_lab.lab.bench import Bench
from pocket_lab.records.samples import Sample
from pocket_lab.stats.median_interval import FEWEST

SWEEPS = 56


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    return [score(seed) for seed in range(SWEEPS)]


def test_the_sweeps_are_of_every_kind(scores: list[Score]) -> None:
    assert {one.machine for one in scores} == set(MACHINES)
    assert {one.workload for one in scores} == set(WORKLOADS)


def test_nothing_wrong_is_said(scores: list[Score]) -> None:
    wrong = [(one.seed, text) for one in scores for text in (one.wrong_law, one.wrong_advice, one.wrong_reason) if text]
    assert wrong == []


def test_intervals_of_speed_ups_hold_the_true_one(scores: list[Score]) -> None:
    found = sum(one.intervals for one in scores)
    assert found >= 60
    assert sum(one.missed for one in scores) <= 0.06 * found


def test_silence_is_kept_where_the_data_do_not_tell_and_only_there(scores: list[Score]) -> None:
    assert all(one.named for one in scores if one.could_name)
    assert all(one.has_advice for one in scores if one.could_advise)
    assert sum(bool(one.named) for one in scores) >= 12
    assert sum(one.has_advice for one in scores) >= 15


def test_of_fewer_than_six_rounds_nothing_is_said() -> None:
    thin = [sweep for sweep in map(make_sweep, range(12, 12 + 140, 7)) if sweep.rounds < FEWEST]
    assert len(thin) >= 5
    for sweep in thin:
        bench = Bench("thin", sweep.records)
        assert bench.growth is None or bench.growth.law == CANNOT_TELL
        assert bench.advice is None
        assert bench.noise is None
        assert bench.frame[["speedup", "speedup_low", "speedup_high", "efficiency"]].isna().all(axis=None)


def test_a_usual_machine_shows_the_true_times() -> None:
    sweep = next(sweep for sweep in map(make_sweep, range(0, 140, 14)) if sweep.is_well_measured)
    for point, work in sweep.work.items():
        walls = [
            one.wall_s / one.loops for one in sweep.records if isinstance(one, Sample) and one.point == point and one.round
        ]
        assert statistics.median(walls) == pytest.approx(work.run_s, rel=0.05)
