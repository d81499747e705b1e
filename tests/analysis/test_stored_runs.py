"""Two stored runs: the machine's part of a change is taken out; what is not corrected is called changed only far beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.analysis.compare.control_variates import CRITICAL, Blocks, Speed, blocks_of, correct
from pocket_lab.analysis.compare.stored import CORRECTED, NO_REFERENCES, NOT_CPU, TOO_SHORT, StoredRun, compare_runs
from pocket_lab.frames.bench import bench_frame
from pocket_lab.frames.references import references_frame
from pocket_lab.frames.samples import samples_frame, without_warm_up
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Reference, Sample

OPPOSITE = {"slower": "faster", "faster": "slower", "same": "same", "cannot tell": "cannot tell"}


def stored(run_s: Sequence[float], size: int | None = 1, cpu: float = 0.5, **point: Any) -> list[Record]:
    """A sample of four runs for each value, of whose time the share `cpu` is CPU time."""
    location = Point("t", size, **{"workers": 1, "executor": "serial", "drive": "run", **point})
    return [Sample(location, number + 1, 4, 4 * wall, 4 * cpu * wall, 4) for number, wall in enumerate(run_s)]


def run(records: Sequence[Record], name: str = "t", basis: str = "wall") -> StoredRun:
    samples = samples_frame(records)
    return StoredRun(
        name, without_warm_up(samples), references_frame(records), bench_frame(records, samples).assign(basis=basis)
    )


def machine_run(
    seed: int,
    *,
    speed: Callable[[float], float] = lambda at_s: 0.0,
    change: float = 0.0,
    follows: float = 0.8,
    seconds: int = 60,
    per_second: int = 20,
    every: int = 1,
    name: str = "t",
    sizes: Sequence[int] = (1,),
) -> StoredRun:
    """A run on a machine whose log speed changes, with references in every so many rounds."""
    noise = np.random.default_rng(seed)
    records: list[Record] = []
    for number in range(1, per_second * seconds + 1):
        at_s = number / per_second
        now = speed(at_s) + noise.normal(0, 0.03)
        if number % every == 0:
            memory, integers, matrix = (7e-4 * math.exp(now * part + noise.normal(0, 0.02)) for part in (1.1, 0.9, 1.0))
            records.append(Reference(number, at_s, memory, integers, matrix))
        for size in sizes:
            cpu_s = 1e-3 * math.exp(change + follows * now + noise.normal(0, 0.02))
            records.append(Sample(Point("t", size, 1, "serial", "run"), number, 3, 5 * cpu_s, 3 * cpu_s, 3))
    return run(records, name, "cpu")


def wander(seed: int, size: float) -> Callable[[float], float]:
    """A speed that wanders over a minute."""
    steps = np.random.default_rng(seed).normal(0, size, 70).cumsum()
    return lambda at_s: float(steps[int(at_s)])


def only(a: StoredRun, b: StoredRun, **options: Any) -> dict[Any, Any]:
    (row,) = compare_runs(a, b, **options).to_dict("records")
    return row


@pytest.mark.parametrize("every", [1, 4])
def test_a_slower_machine_is_no_change_and_a_change_on_a_slower_machine_is_found(every: int) -> None:
    before = machine_run(1, speed=wander(1, 0.03), name="before", every=every)
    slower = wander(2, 0.03)
    same = only(before, machine_run(2, speed=lambda at_s: 0.4 + slower(at_s), name="after", every=every))
    assert same["reason"] == CORRECTED
    assert same["machine_ratio"] > 1.2
    assert same["cpu_ratio"] > 1.15
    assert same["ratio"] == pytest.approx(1.0, abs=0.05)
    assert same["verdict"] in ("same", "cannot tell")
    assert (same["target_a"], same["target_b"], same["basis"]) == ("before", "after", "cpu")
    assert same["b_s"] / same["a_s"] == pytest.approx(same["cpu_ratio"])
    changed = only(before, machine_run(3, speed=slower, change=math.log(1.15), every=every))
    assert changed["verdict"] == "slower"
    assert changed["ratio_low"] < 1.15 < changed["ratio_high"]


def test_of_two_hundred_pairs_of_unchanged_code_at_most_one_in_a_hundred_is_called_changed_and_ten_per_cent_are_found() -> None:
    runs = [machine_run(seed, speed=wander(seed, 0.02), seconds=40, per_second=6) for seed in range(21)]
    longer = [machine_run(seed, speed=wander(seed, 0.02), change=math.log(1.1), seconds=40, per_second=6) for seed in range(21)]
    pairs = [(one, other) for one in range(21) for other in range(one)]
    unchanged = [only(runs[one], runs[other])["verdict"] for one, other in pairs]
    found = [only(runs[other], longer[one])["verdict"] for one, other in pairs]
    assert len(pairs) == 210
    assert sum(verdict in ("slower", "faster") for verdict in unchanged) <= 2
    assert unchanged.count("same") > 100
    assert found.count("slower") > 180
    assert "faster" not in found


def test_the_coefficients_come_from_within_the_runs_only() -> None:
    noise = np.random.default_rng(4)
    speeds = [noise.normal(level, 0.1, (60, 3)) for level in (0.0, 0.3)]
    a, b = (Blocks(change + speed @ [0.5, 0.2, 0.1], speed) for change, speed in zip((0.0, 0.2), speeds, strict=True))
    found = correct(a, b)
    assert found.change == pytest.approx(0.2, abs=0.01)
    assert found.machine == pytest.approx(0.3, abs=0.03)
    back = correct(b, a)
    assert (back.change, back.machine) == pytest.approx((-found.change, -found.machine))
    assert back.error == pytest.approx(found.error)


def test_a_coefficient_is_never_negative_nor_above_its_limit() -> None:
    noise = np.random.default_rng(5)
    speed = noise.normal(0, 0.1, (60, 3))
    for weight, limit in ((-1.0, 0.0), (9.0, 1.2)):
        a = Blocks(weight * speed[:, 1], speed)
        b = Blocks(weight * speed[:, 1], speed + np.array([0.0, 0.1, 0.0]))
        assert correct(a, b).change == pytest.approx(-0.1 * limit, abs=0.01)


@given(st.floats(-0.5, 0.5), st.integers(0, 5))
def test_a_change_of_the_machine_widens_the_interval(shift: float, seed: int) -> None:
    noise = np.random.default_rng(seed)
    speed = noise.normal(0, 0.05, (40, 3))
    a, b = Blocks(speed.mean(axis=1), speed), Blocks(speed.mean(axis=1) + shift, speed + shift)
    assert correct(a, b).error >= math.hypot(0.015, 0.05 * shift) - 1e-9


def test_blocks_are_seconds_and_a_round_without_references_has_its_time_from_its_neighbours() -> None:
    records: list[Record] = [Reference(number, number / 2, 1e-3, 2e-3, 3e-3) for number in range(1, 20, 3)]
    records += stored([1.0] * 20)
    blocks = blocks_of(samples_frame(records), Speed.of(references_frame(records)))
    assert len(blocks) == 7  # the seconds in which there were references
    assert blocks.references[0] == pytest.approx(np.log([1e-3, 2e-3, 3e-3]))
    assert blocks.target == pytest.approx(np.full(7, math.log(0.5)))
    assert len(blocks_of(samples_frame(records), Speed.of(references_frame([])))) == 0


def test_the_time_of_a_resumed_run_goes_on() -> None:
    frame = references_frame(
        [Reference(n + 1, at_s, 1.0, 1.0, 1.0) for n, at_s in enumerate([0.0, 1.0, 2.0, 0.5, 1.5, 0.0, 1.0])]
    )
    assert frame["at_s"].to_list() == [0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0]


def test_a_run_without_references_or_too_short_is_called_changed_only_far_beyond_the_noise() -> None:
    bare = run(stored([1.0, 1.01] * 400, cpu=1.0), basis="cpu")
    for other, reason in (
        (run(stored([1.15, 1.16] * 400, cpu=1.0), basis="cpu"), NO_REFERENCES),
        (machine_run(1, seconds=8), NO_REFERENCES),
    ):
        assert only(bare, other)["reason"] == reason
    row = only(machine_run(1, seconds=8), machine_run(2, seconds=90, change=0.15))
    assert (row["reason"], row["verdict"], row["seconds_needed"]) == (TOO_SHORT, "cannot tell", 60.0)
    assert only(machine_run(1, seconds=8), machine_run(2, seconds=8, change=0.7))["verdict"] == "slower"


def test_what_waits_may_differ_by_the_share_in_which_it_runs() -> None:
    verdicts = {}
    for share in (0.02, 0.98):
        before, after = (run(stored([wall, 1.01 * wall] * 20, cpu=share)) for wall in (1.0, 2.0))
        row = only(before, after)
        verdicts[share] = row["verdict"]
        assert (row["basis"], row["reason"]) == ("wall", NOT_CPU)
        assert (row["ratio"], row["wall_ratio"]) == pytest.approx((2.0, 2.0))
        assert only(after, before)["verdict"] == OPPOSITE[row["verdict"]]
    assert verdicts == {0.02: "slower", 0.98: "cannot tell"}


@pytest.mark.parametrize(("basis", "cpu", "clock"), [("cpu", 1.0, "cpu_s"), ("wall", 0.3, "wall_s")])
def test_a_change_that_is_not_corrected_is_the_ratio_of_the_two_times_that_are_shown_with_their_intervals(
    basis: str, cpu: float, clock: str
) -> None:
    """Also where the machine became slower during a run, so that the mean of its parts is far from its median."""
    one, other = [1e-6] * 70 + [2e-6] * 30, [1.2e-6, 1.1e-6] * 50
    before, after = run(stored(one, cpu=cpu), basis=basis), run(stored(other, cpu=cpu), basis=basis)
    row = only(before, after)
    assert row["reason"] != CORRECTED
    for side, of in (("a", before), ("b", after)):
        figures = of.points.iloc[0]
        for end in ("", "low_", "high_"):
            assert row[f"{side}_{end}s"] == figures[clock.replace("_s", f"_{end}s")]
        assert row[f"{side}_low_s"] <= row[f"{side}_s"] <= row[f"{side}_high_s"]
    assert row["ratio"] == pytest.approx(row["b_s"] / row["a_s"])
    assert row["ratio"] == pytest.approx(row[f"{basis}_ratio"])
    assert row["ratio_low"] < row["ratio"] < row["ratio_high"]


def test_the_interval_of_uncorrected_runs_is_welchs_or_wider() -> None:
    noise = np.random.default_rng(5)
    one, other = (np.exp(noise.normal(middle, spread, 10)) for middle, spread in ((0.0, 0.03), (0.3, 0.08)))
    row = only(run(stored(one.tolist(), cpu=0.001)), run(stored(other.tolist(), cpu=0.001)))
    error = math.sqrt(scipy.stats.sem(np.log(one)) ** 2 + scipy.stats.sem(np.log(other)) ** 2)
    assert math.log(row["ratio_high"] / row["ratio"]) >= CRITICAL * error


def test_only_points_that_both_runs_have_are_compared_also_without_a_size() -> None:
    before = run(stored([1.0] * 6, size=1) + stored([2.0] * 6, size=2) + stored([2.0] * 6, size=2, workers=4))
    after = run(stored([1.0] * 6, size=3) + stored([4.0] * 6, size=2))
    frame = compare_runs(before, after)
    assert list(frame["size"]) == [2]
    assert frame["ratio"].item() == pytest.approx(2.0)
    unsized = compare_runs(run(stored([1.0] * 6, size=None)), run(stored([3.0] * 6, size=None)))
    assert unsized["ratio"].item() == pytest.approx(3.0)
    assert compare_runs(before, run(stored([1.0] * 6, size=9))).empty


def test_points_of_stored_runs_are_by_size_and_workers_in_whatever_order_they_were_visited() -> None:
    locations: list[dict[str, Any]] = [{"size": 20, "workers": 2}, {"size": 3}, {"size": 20}]
    runs = run([record for location in locations for record in stored([1.0] * 6, **location)])
    frame = compare_runs(runs, runs)
    assert list(zip(frame["size"], frame["workers"], strict=True)) == [(3, 1), (20, 1), (20, 2)]


def test_stored_runs_of_too_few_samples_tell_nothing() -> None:
    row = only(run(stored([1.0] * 4)), run(stored([9.0] * 50)))
    assert row["verdict"] == "cannot tell"
    assert row["ratio"] == pytest.approx(9.0)
    assert math.isnan(row["ratio_low"])


def test_verdicts_on_many_points_are_corrected_for_their_number() -> None:
    def verdicts(change: float, points: int) -> set[str]:
        a, b = (machine_run(seed, change=seed * change, seconds=30, sizes=range(points)) for seed in (0, 1))
        return set(compare_runs(a, b)["verdict"])

    assert verdicts(0.046, 1) == {"slower"}
    assert verdicts(0.046, 12) == {"same"}
    assert verdicts(0.09, 12) == {"slower"}


def test_pages_laid_out_in_another_way_are_no_change_of_a_target_that_hardly_reads_memory() -> None:
    """The memory workload of one process took a fifth longer: less than half of that may be the machine."""

    def moved(seed: int, memory: float) -> StoredRun:
        found = machine_run(seed, seconds=60)
        return StoredRun(
            found.name, found.samples, found.references.assign(memory_s=found.references["memory_s"] * memory), found.points
        )

    plain, row = only(moved(1, 1.0), moved(2, 1.0)), only(moved(1, 1.0), moved(2, 1.2))
    assert abs(math.log(row["ratio"] / plain["ratio"])) < 0.2 * math.log(1.2)
    assert plain["verdict"] == row["verdict"] == "same"
