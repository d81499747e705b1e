"""A paired: blocks of rounds, both sides in each, targets built anew, errors that end their pair alone."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import pytest

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, node
from pocket_lab.graph.store import Store
from pocket_lab.measure.job import Input
from pocket_lab.measure.paired.pair import BLOCKS, MOST_ROUNDS
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.paired.sampler import sample_pairs
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records.environment import Environment
from pocket_lab.records.progress import Closed, Failure
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block, Sample, Waits


def duel_of(a: Any, b: Any, given: Any = Input.ABSENT, precision: float = 1e-9, **options: Any) -> PairedJob:
    sweep = parse_sweep(**{"budget": 0.5, **options})
    return PairedJob(plan_job(a, given, sweep, "a"), plan_job(b, given, sweep, "b"), precision, sweep.budget_s)


def of_kind(records: list[Record], kind: type[Any]) -> list[Any]:
    return [record for record in records if isinstance(record, kind)]


def busy(size: int) -> int:
    return sum(range(500))


def longer(size: int) -> int:
    return sum(range(1000))


@pytest.fixture(scope="module")
def one_pair() -> list[Record]:
    """The records of two functions that sleep, so that a busy machine does not delay them much."""

    def one(size: int) -> None:
        time.sleep(0.0003)

    def other(size: int) -> None:
        time.sleep(0.0004)

    return list(sample_pairs(duel_of(one, other, size=1, budget=2.0)))


def test_every_round_has_a_batch_of_both_sides_of_every_pair_next_to_each_other_in_random_order() -> None:
    samples = of_kind(list(sample_pairs(duel_of(busy, longer, sizes="1,2,3", budget=1.0))), Sample)
    neighbours = list(zip(samples[::2], samples[1::2], strict=False))
    assert len(neighbours) > 30
    for one, other in neighbours:
        assert one.round == other.round
        assert one.point.size == other.point.size
        assert {one.point.target, other.point.target} == {"a", "b"}
    assert {one.point.target for one, _ in neighbours} == {"a", "b"}, "now one side goes first, now the other"
    visits = Counter((sample.point, sample.round) for sample in samples)
    assert set(visits.values()) == {1}
    order = [tuple(s.point.size for s, _ in neighbours if s.round == number) for number in range(1, 9)]
    assert len(set(order)) > 1, "the order of the pairs is drawn anew each round"


def test_blocks_are_numbered_and_divide_the_rounds_among_them(one_pair: list[Record]) -> None:
    blocks: dict[int, list[int]] = {}
    for record in one_pair:
        if isinstance(record, Block):
            blocks[record.number] = []
        elif isinstance(record, Sample) and record.point.target == "a":
            blocks[max(blocks)].append(record.round)
    assert list(blocks) == list(range(1, len(blocks) + 1))
    assert len(blocks) > 5
    rounds = [number for block in blocks.values() for number in block]
    assert rounds == list(range(1, len(rounds) + 1))
    full = [len(block) for block in blocks.values()][:-1]
    assert all(4 < count <= MOST_ROUNDS for count in full)  # how many depends on how busy the machine is


LOADED: list[int] = []


def slow_once(size: int) -> int:
    if not LOADED:
        time.sleep(0.15)  # longer than what is looked at twice
        LOADED.append(size)
    return sum(range(500))


def test_both_sides_have_batches_of_loops_though_the_first_run_of_all_compiles_or_loads() -> None:
    LOADED.clear()
    graph = Graph(Node("one", exec=busy) >> Node("two", exec=busy))
    for targets in ((graph, graph), (slow_once, busy)):
        records = list(sample_pairs(duel_of(*targets, size=1, budget=1.5)))
        third = [place for place, record in enumerate(records) if isinstance(record, Block)][2]
        samples = of_kind(records[third:], Sample)
        loops = {side: {s.loops for s in samples if s.point.target == side} for side in "ab"}
        assert min(loops["a"] | loops["b"]) > 8
        assert max(loops["a"]) < 10 * max(loops["b"])


def test_both_targets_are_other_code_objects_in_every_block() -> None:
    import sys

    codes: dict[str, list[Any]] = {"a": [], "b": []}

    def one(size: int) -> None:
        code = sys._getframe().f_code
        if not codes["a"] or codes["a"][-1] is not code:
            codes["a"].append(code)
        time.sleep(0.0003)  # a busy machine delays it less than a computation

    def other(size: int) -> None:
        code = sys._getframe().f_code
        if not codes["b"] or codes["b"][-1] is not code:
            codes["b"].append(code)
        time.sleep(0.0003)

    blocks = len(of_kind(list(sample_pairs(duel_of(one, other, size=1, budget=1.0))), Block))
    for side in ("a", "b"):
        assert blocks - 1 <= len({id(code) for code in codes[side]}) <= blocks  # the budget may end before the last is built
        assert len(codes[side]) >= 5
    assert one.__code__ not in [code for code in codes["a"] if code is one.__code__]


def test_a_pair_ends_when_ten_blocks_make_it_precise_and_the_other_goes_on() -> None:
    wild = random.Random(1)

    def target(size: int) -> None:
        time.sleep(0.001 if size == 1 else wild.uniform(0.0005, 0.02))

    records = list(sample_pairs(duel_of(target, target, sizes="1,2", precision=0.05, budget=4.0)))
    status = {closed.point.size: closed.status for closed in of_kind(records, Closed)}
    assert status == {1: "done", 2: "budget"}
    end = max(place for place, record in enumerate(records) if isinstance(record, Closed) and record.point.size == 1)
    assert len(of_kind(records[:end], Block)) >= BLOCKS
    later = {sample.point.size for sample in of_kind(records[end:], Sample)}
    assert later == {2}


def test_the_budget_holds_to_within_a_pair_of_batches() -> None:
    start = time.monotonic()
    records = list(sample_pairs(duel_of(busy, longer, sizes="1..6", budget=0.4)))
    assert time.monotonic() - start < 0.4 + 1.0
    assert {closed.status for closed in of_kind(records, Closed)} == {"budget"}
    assert len(of_kind(records, Closed)) == 12


def test_slow_targets_do_not_outrun_the_budget_while_they_warm_up() -> None:
    start = time.monotonic()
    list(sample_pairs(duel_of(lambda size: time.sleep(0.2), lambda size: time.sleep(0.2), sizes="1..8", budget=0.5)))
    assert time.monotonic() - start < 0.5 + 1.0


def test_runs_of_a_hundredth_of_the_budget_still_make_enough_blocks_for_an_interval() -> None:
    records = list(sample_pairs(duel_of(lambda: time.sleep(0.01), lambda: time.sleep(0.02), budget=1.0)))
    assert len(of_kind(records, Block)) >= 5


def test_batches_fit_the_budget_and_are_whole_runs() -> None:
    samples = of_kind(list(sample_pairs(duel_of(busy, lambda size: sum(range(600)), size=1, budget=1.0))), Sample)
    by_round: dict[int, set[int]] = {}
    for sample in samples:
        by_round.setdefault(sample.round, set()).add(sample.loops)
    assert all(len(loops) == 1 for loops in by_round.values())  # they take about as long, and so both have as many runs
    assert min(sample.loops for sample in samples) > 1
    assert all(sample.items == sample.loops for sample in samples)
    assert all(0 < sample.wall_s < 1.0 for sample in samples)


def test_what_both_threads_waited_is_told_for_every_block() -> None:
    records = list(sample_pairs(duel_of(busy, lambda size: time.sleep(0.002), size=1, budget=1.0)))

    def total(target: str, name: str) -> float:
        return sum(getattr(waits, name) for waits in of_kind(records, Waits) if waits.point.target == target)

    rounds = len(of_kind(records, Sample)) // 2
    assert (total("a", "batches"), total("b", "batches")) == (rounds, rounds)
    assert total("b", "switches") >= rounds
    assert total("b", "cpu_s") < 0.5 * total("b", "wall_s")
    assert total("a", "cpu_s") > 0.5 * total("a", "wall_s")
    assert total("a", "wall_s") == pytest.approx(sum(s.wall_s for s in of_kind(records, Sample) if s.point.target == "a"))
    blocks = [place for place, record in enumerate(records) if isinstance(record, Block)]
    assert any(isinstance(record, Waits) for record in records[blocks[0] : blocks[1]]), "an interrupted one is told, too"


def test_a_side_that_fails_ends_its_pair_and_the_others_go_on() -> None:
    def picky(size: int) -> int:
        if size == 2:
            raise LookupError("not two")
        return sum(range(500))

    def fussy(size: int) -> int:
        if size == 3:
            raise LookupError("not three")
        return sum(range(500))

    records = list(sample_pairs(duel_of(picky, fussy, sizes="1..4")))
    failed = {("a", 2): "LookupError: not two", ("b", 3): "LookupError: not three"}
    assert [(failure.point.target, failure.point.size) for failure in of_kind(records, Failure)] == list(failed)
    rows = [(s.point.target, s.point.size, s.error) for s in of_kind(records, Sample) if s.error]
    assert rows == [(*point, error) for point, error in failed.items()]
    assert {s.point.size for s in of_kind(records, Sample) if not s.error} == {1, 4}
    status = {(c.point.target, c.point.size): c.status for c in of_kind(records, Closed)}
    assert {status[point] for point in failed} == {"failed"}
    assert {status[name, size] for name in "ab" for size in (1, 4)} <= {"budget", "done"}


def test_a_side_that_fails_late_keeps_its_earlier_rounds() -> None:
    end = time.monotonic() + 1.0

    def tired(size: int) -> int:
        if time.monotonic() > end:
            raise TimeoutError("enough")
        return sum(range(500))

    samples = of_kind(list(sample_pairs(duel_of(busy, tired, size=1, budget=10.0))), Sample)
    assert sum(sample.error is None for sample in samples) > 20
    assert samples[-1].error == "TimeoutError: enough"


def test_a_target_that_exits_fails_its_pair() -> None:
    (failure,) = of_kind(list(sample_pairs(duel_of(busy, lambda size: exit(3), size=1))), Failure)
    assert failure.point.target == "b"
    assert "SystemExit" in failure.chain[0][1]


def test_inputs_are_not_built_inside_the_clock() -> None:
    def make(size: int) -> int:
        time.sleep(0.05)
        return size

    samples = of_kind(list(sample_pairs(duel_of(busy, busy, make, sizes="1,2", budget=0.6))), Sample)
    assert len(samples) > 20
    assert all(sample.wall_s / sample.loops < 0.02 for sample in samples)


def test_both_sides_get_the_same_input() -> None:
    seen: dict[str, set[float]] = {"a": set(), "b": set()}
    dice = random.Random()
    list(
        sample_pairs(
            duel_of(
                lambda value: seen["a"].add(value),
                lambda value: seen["b"].add(value),
                lambda size: dice.random(),
                size=1,
                budget=0.2,
            )
        )
    )
    assert seen["a"] == seen["b"]


def test_a_side_that_alters_its_input_does_not_alter_that_of_the_other() -> None:
    lengths: set[int] = set()
    given = [3, 2, 1]

    def look(values: list[int]) -> None:
        lengths.add(len(values))
        time.sleep(0.001)

    def grow(values: list[int]) -> None:
        values.append(0)
        time.sleep(0.001)

    list(sample_pairs(duel_of(look, grow, given, budget=0.2)))
    assert lengths == {3}


def test_an_input_that_fails_fails_its_pair_alone() -> None:
    def make(size: int) -> int:
        if size == 2:
            raise LookupError("no data")
        return size

    records = list(sample_pairs(duel_of(busy, busy, make, sizes="1,2", budget=0.2)))
    assert {s.point.size for s in of_kind(records, Sample) if not s.error} == {1}


def test_a_target_that_seeds_random_does_not_fix_the_order_of_the_sides() -> None:
    def seeded(size: int) -> int:
        random.seed(1)
        return sum(range(500))

    state = random.getstate()
    samples = of_kind(list(sample_pairs(duel_of(seeded, seeded, size=1))), Sample)
    random.setstate(state)
    assert {sample.point.target for sample in samples[::2]} == {"a", "b"}


def test_an_iterator_of_items_lasts_for_all_blocks() -> None:
    paired = duel_of(busy, busy, lambda size: iter(range(size)), size=5, drive="map", executors="serial", budget=0.2)
    assert not of_kind(list(sample_pairs(paired)), Failure)


def test_runs_of_graphs_get_a_fresh_store_each() -> None:
    seen = set()

    def post(store: Store, value: int, prepared: int, result: int) -> tuple[int, str]:
        seen.add(store.get("runs", 0))
        store.set("runs", store.get("runs", 0) + 1)
        return result, "default"

    graph = Graph(Node("count", exec=lambda value: value, post=post))
    list(sample_pairs(duel_of(graph, graph, size=1, budget=0.2)))
    assert seen == {0}


@pytest.mark.parametrize(("executor", "budget_s"), [("threads", 1.0), ("processes", 2.0)])  # the workers start in the budget
def test_sides_with_other_worker_counts_share_one_pool(executor: str, budget_s: float) -> None:
    @node
    def nap(value: int) -> int:
        time.sleep(0.01)
        return value

    graph = Graph(fan_out(nap))
    one, four = (
        plan_job(graph, lambda size: list(range(size)), parse_sweep(size=4, workers=count, executor=executor), name)
        for count, name in ((1, "a"), (4, "b"))
    )
    samples = of_kind(list(sample_pairs(PairedJob(one, four, 1e-9, budget_s))), Sample)
    sides = {name: sorted(s.wall_s / s.loops for s in samples if s.point.target == name) for name in "ab"}
    assert len(sides["a"]) > 5
    middle = {name: walls[len(walls) // 2] for name, walls in sides.items()}
    assert middle["a"] >= 0.04
    assert middle["b"] < 0.75 * middle["a"]


def test_where_it_was_measured_is_told_once_at_the_start(one_pair: list[Record]) -> None:
    assert isinstance(one_pair[0], Environment)
    assert len(of_kind(one_pair, Environment)) == 1
