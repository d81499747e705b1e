"""compare from end to end, through a real measuring process."""

from __future__ import annotations

import functools
import html
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import matplotlib.figure
import pytest
from targets import locked, many, nap, naps, plain, sleepy, slower

import pocket_lab
from pocket_lab import NodeError, UsageError, bench, compare, node
from pocket_lab.analysis.compare.columns import COMPARISON_COLUMNS
from pocket_lab.analysis.compare.means import geometric_mean
from pocket_lab.analysis.compare.pairs import compare_pairs
from pocket_lab.analysis.compare.stored import STORED_REASONS
from pocket_lab.frames.pairs import sides_frame
from pocket_lab.lab.bench import Bench
from pocket_lab.lab.compare import Comparison, Variant
from pocket_lab.records.environment import Environment
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.view.change import format_both


def only_row(result: Comparison) -> dict[str, Any]:
    (row,) = result.frame.to_dict("records")
    return dict(row)


@dataclass(frozen=True)
class Watched:
    """A comparison, and the records that its watcher saw."""

    result: Comparison
    seen: list[Record]


@pytest.fixture(scope="module")
def slow_down() -> Watched:
    """A function against one that takes a third longer."""
    seen: list[Record] = []
    return Watched(compare(plain, slower, size=1, budget=5, name="kept", watch=seen.append), seen)


@pytest.fixture(scope="module")
def three_pairs() -> Comparison:
    """The same at three sizes, with a name that HTML and matplotlib have a meaning for."""
    return compare(plain, Variant(slower, name="<b> & $x$"), sizes="1..3", budget=7)


def test_a_slow_down_of_a_third_is_slower_on_cpu_time(slow_down: Watched) -> None:
    result = slow_down.result
    row = only_row(result)
    assert (row["verdict"], row["basis"]) == ("slower", "cpu")
    assert 1.1 < row["ratio_low"] < row["ratio"] < row["ratio_high"] < 1.6
    assert row["ratio"] == row["cpu_ratio"]
    assert row["wall_ratio"] == pytest.approx(row["cpu_ratio"], rel=0.1)
    assert result.verdict == "slower"
    times = " → ".join(format_both(row["a_s"], row["b_s"]))
    assert result.findings[0].startswith(f"slower is slower: {times}, +")
    assert result.findings[1].startswith("On CPU time, since both sides keep one core busy (")
    assert row["b_s"] / row["a_s"] == pytest.approx(row["ratio"])
    assert row["a_low_s"] < row["a_s"] < row["a_high_s"]
    assert row["a_s"] == pytest.approx(result.samples["cpu_a_s"].median(), rel=0.1)
    assert math.isnan(row["seconds_needed"])
    assert len(result.table.rows) == 1


def test_the_other_way_round_it_is_faster_and_an_added_sleep_is_judged_on_wall_time_and_never_the_same() -> None:
    def first(size: int) -> int:
        return (slower, plain, sleepy)[size - 1](size)

    def second(size: int) -> int:
        return (plain, sleepy, plain)[size - 1](size)

    frame = compare(first, second, sizes="1..3", budget=7).frame.set_index("size")
    assert list(frame["verdict"]) == ["faster", "slower", "faster"]
    assert 0.6 < frame["ratio"][1] < 0.9
    assert list(frame["basis"][1:]) == ["wall", "wall"]
    assert frame["ratio"][2] == frame["wall_ratio"][2] > 1.5


def test_a_function_against_itself_is_hardly_ever_called_changed() -> None:
    result = compare(plain, plain, sizes="1..5", budget=7)
    sides = sides_frame(result.records)
    verdicts = [compare_pairs(result.samples, sides.iloc[[row]])["verdict"].item() for row in range(5)]  # each judged alone
    assert sum(verdict in ("slower", "faster") for verdict in verdicts) <= 1
    assert set(verdicts) <= {"same", "cannot tell", "slower", "faster"}


def test_the_frame_has_the_columns_of_the_contract_in_order(three_pairs: Comparison) -> None:
    result = three_pairs
    assert list(result.frame.columns) == [name for name in COMPARISON_COLUMNS if name != "params"]
    assert list(result.frame["size"]) == [1, 2, 3]
    assert set(result.frame["status"]) <= {"done", "budget"}
    assert set(result.samples["pair"]) == {0, 1, 2}
    assert (result.frame["rounds"] == result.samples.groupby("pair").size()).all()


def test_many_pairs_are_counted_and_have_a_geometric_mean(three_pairs: Comparison) -> None:
    result = three_pairs
    assert result.verdict == "slower"
    assert result.findings[0] == "3 of 3 pairs: slower."
    assert result.findings[1].startswith("Geometric mean of the ratios: 1.")
    assert len(result.table.rows) == 4
    assert result.table.rows[-1][0] == "geomean"
    assert 1 + float(result.table.rows[-1][5].split()[0]) / 100 == pytest.approx(geometric_mean(result.frame), abs=0.001)


def test_where_and_how_both_sides_were_measured_is_reported(slow_down: Watched) -> None:
    result = slow_down.result
    assert result.environment is not None
    assert "collected before each block" in result.environment.gc
    page = result.to_html()
    assert f"{result.environment.cores} cores" in page
    assert "garbage collection on" in page
    assert f'run {result.run} of the history, "kept"' in html.unescape(page)


def test_the_watcher_sees_every_record_as_it_is_made(slow_down: Watched) -> None:
    result, seen = slow_down.result, slow_down.seen
    assert sum(isinstance(record, Sample) for record in seen) >= 2 * len(result.samples) > 20


def test_a_comparison_shows_itself_as_text_and_html_and_draws_on_given_axes(three_pairs: Comparison) -> None:
    result = three_pairs
    bundle = result._repr_mimebundle_()
    assert "Comparison: <b> & $x$ against plain" in bundle["text/plain"]
    assert "&lt;b&gt; &amp;" in bundle["text/html"]
    assert "<svg" in bundle["text/html"]
    figure = matplotlib.figure.Figure()
    ax = figure.add_subplot()
    assert result.plot(ax=ax) is figure
    assert ax.lines
    assert isinstance(result.plot(), matplotlib.figure.Figure)


def test_variants_of_one_graph_with_other_workers() -> None:
    one, two = (Variant(naps, workers=count, executor="threads") for count in (1, 2))
    result = compare(one, two, size=4, input=many, budget=4)
    row = only_row(result)
    assert (row["verdict"], row["basis"]) == ("faster", "wall")
    assert row["ratio"] == pytest.approx(0.5, rel=0.25)
    assert (row["workers"], row["executor"]) == ("1 | 2", "threads")
    assert (row["target_a"], row["target_b"]) == ("naps (a)", "naps (b)")


def test_serial_against_process_workers_and_names_of_the_sides() -> None:
    serial, processes = Variant(naps, executor="serial", name="serial"), Variant(naps, 4, "processes", "four")
    row = only_row(compare(serial, processes, size=4, input=many, budget=5))
    assert (row["workers"], row["executor"]) == ("1 | 4", "serial | processes")
    assert (row["target_a"], row["target_b"]) == ("serial", "four")
    assert row["wall_ratio"] < 0.8


def test_under_map_a_list_is_run_on_both_sides() -> None:
    row = only_row(compare(nap, nap, size=4, drive="map", workers=2, executor="threads", budget=3))
    assert (row["drive"], row["workers"]) == ("map", 2)
    assert row["wall_ratio"] == pytest.approx(1.0, abs=0.15)


def test_async_nodes_are_compared_on_their_loop() -> None:
    async def one(size: int) -> None:
        import asyncio

        await asyncio.sleep(0.002)

    async def two(size: int) -> None:
        import asyncio

        await asyncio.sleep(0.004)

    row = only_row(compare(one, two, size=1, budget=3))
    assert (row["verdict"], row["basis"], row["executor"]) == ("slower", "wall", "asyncio")


def test_functions_without_an_argument_and_builtins() -> None:
    row = only_row(compare(sorted, list, input=list(range(2000)), budget=3))
    assert row["verdict"] == "faster"
    assert (row["target_a"], row["target_b"]) == ("sorted", "list")
    assert only_row(compare(lambda: plain(1), lambda: slower(1), budget=3))["verdict"] == "slower"


def test_a_function_of_nanoseconds_is_compared_too() -> None:
    row = only_row(compare(lambda: None, lambda: [None, [], {}, (), [[]]], budget=4))
    assert row["verdict"] == "slower"
    assert row["rounds"] > 40


def test_a_failing_side_is_named_closes_its_pair_and_keeps_the_others() -> None:
    def picky(size: int) -> float:
        return sum(range(3000)) / (size - 2)

    def broken(size: int) -> int:
        if size == 3:
            raise ValueError("no")
        return plain(size)

    result = compare(picky, broken, sizes="1..4", budget=3)
    assert list(result.frame["rounds"] > 0) == [True, False, False, True]
    assert list(result.frame["status"] == "failed") == [False, True, True, False]
    assert list(result.frame["verdict"][1:3]) == ["cannot tell", "cannot tell"]
    assert isinstance(result.error, ZeroDivisionError)
    assert len(result.failures) == 2
    for text, side, size in zip(result.failures, ("picky", "broken"), (2, 3), strict=True):
        assert text.startswith(f"{side}, size {size}, ")
    assert "Failed" in result.to_html()


def test_a_doubt_names_its_side() -> None:
    def grows(values: list[int]) -> None:
        values.append(1)

    def keeps(values: list[int]) -> int:
        return sum(values)

    caveats = compare(keeps, grows, size=1, input=many, budget=0.4).caveats
    changed = [caveat.message.split(":")[0] for caveat in caveats if caveat.code == "input-changed"]
    assert changed == ["grows, size 1, serial x 1"]


def test_an_error_in_a_node_is_the_users_own() -> None:
    @node
    def picky(value: int) -> float:
        return 1 / (value - 1)

    error = compare(plain, picky, size=1, budget=2).error
    assert isinstance(error, NodeError)
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_a_side_that_kills_its_process_ends_its_pair_alone_with_the_exit_code() -> None:
    def deadly(size: int) -> int:
        if size == 2:
            os._exit(3)
        return plain(size)

    result = compare(plain, deadly, sizes="1,2,3", budget=3)
    assert list(result.frame["rounds"] > 0) == [True, False, True]
    assert "exit code 3" in result.failures[0]
    assert result.frame["verdict"][1] == "cannot tell"


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_side_that_cannot_be_sent_is_named_with_what_it_holds(side: str) -> None:
    lock = threading.Lock()

    def held(size: int) -> bool:
        return lock.locked()

    sides = (held, plain) if side == "a" else (plain, held)
    with pytest.raises(UsageError, match='target "held": variable "lock" cannot be sent'):
        compare(*sides, size=1)


def test_no_option_is_recommended_that_compare_does_not_have() -> None:
    lock = threading.Lock()
    with pytest.raises(UsageError) as raised:
        compare(plain, lambda size: lock.locked(), size=1)
    assert "isolation" not in str(raised.value)


def test_functions_of_a_module_with_a_lock_run_where_they_are() -> None:
    result = compare(locked, locked, size=1, budget=1.5)
    assert not result.failures
    assert only_row(result)["rounds"] > 0


def test_functions_of_a_module_with_a_lock_run_on_process_workers_as_under_bench() -> None:
    options: dict[str, Any] = {"size": 4, "drive": "map", "workers": 2, "executor": "processes"}
    assert not bench(locked, budget=0.3, **options).failures
    assert not compare(locked, locked, budget=0.3, **options).failures


def test_interrupted_it_keeps_what_was_measured_and_raises_again() -> None:
    script = """
import json, time, sys, pocket_lab
def watch(record):
    if type(record).__name__ == "Block" and record.number == 7:
        print("ready", flush=True)
try:
    pocket_lab.compare(lambda n: time.sleep(0.001), lambda n: time.sleep(0.003), size=1, budget=10, watch=watch, margin=1e-6)
except KeyboardInterrupt:
    result = pocket_lab.last()
    row = result.frame.to_dict("records")[0]
    print(json.dumps([row["status"], row["verdict"], row["blocks"], len(result.samples), "cancelled" in str(result)]))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == "ready\n"
        start = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        status, verdict, blocks, rounds, said = json.loads(next(line for line in out if line.startswith("[")))
    assert process.wait(5) == 0
    assert time.monotonic() - start < 3
    assert (status, verdict, said) == ("cancelled", "slower", True)
    assert blocks >= 6
    assert rounds >= 48


def test_the_last_result_is_kept_and_a_refused_question_does_not_replace_it() -> None:
    result = compare(plain, plain, size=1, budget=0.4)
    assert pocket_lab.last() is result
    with pytest.raises(UsageError):
        compare(plain, plain, sizes=-1)
    assert pocket_lab.last() is result


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sizes": -1}, "sizes: -1 is too small"),
        ({"sizes": "ten"}, "'ten' is not a count"),
        ({"size": 1, "sizes": 2}, "size= and sizes= mean the same"),
        ({"size": 1, "executors": "gpu"}, "executors: 'gpu' is not known; choose from serial"),
        ({"size": 1, "drive": "fly"}, "drive: 'fly' is not known"),
        ({"size": 1, "margin": "wide"}, "'wide' is not a fraction"),
        ({"size": 1, "margin": 0}, "margin=0 is not between 0 and 1"),
        ({"size": 1, "margin": "100%"}, "margin='100%' is not between 0 and 1"),
        ({"size": 1, "budget": 0}, "budget=0 leaves no time"),
        ({"size": 1, "budget": "soon"}, "'soon' is not a duration"),
        ({"size": 1, "input": 5}, "input is a int, so sizes have no effect"),
        ({}, "plain requires an argument: give sizes, or an input"),
    ],
)
def test_a_bad_option_is_one_clear_sentence_and_starts_nothing(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("(", r"\(")) as raised:
        compare(plain, slower, **options)
    assert "\n" not in str(raised.value)


def test_sides_of_different_numbers_of_points_are_refused() -> None:
    with pytest.raises(UsageError, match="different numbers of points"):
        compare(Variant(naps, workers="1,2"), Variant(naps, workers=4), size=2, input=many)


@pytest.mark.parametrize("side", ["a", "b"])
def test_what_is_no_target_is_refused(side: str) -> None:
    with pytest.raises(UsageError, match="25 cannot be measured"):
        compare(*((25, plain) if side == "a" else (plain, 25)), size=1)


@pytest.fixture(scope="module")
def stored() -> Bench:
    """A run of the history with two sizes."""
    return bench(plain, sizes="1,2", budget=4, name="stored")


@pytest.fixture(scope="module")
def here(stored: Bench) -> Bench:
    """The first of its sizes."""
    return of_size(stored, 1)


def test_a_result_against_a_function_is_refused(stored: Bench) -> None:
    with pytest.raises(UsageError, match=r"one side is a result of bench.*give two results"):
        compare(stored, plain, size=1)
    with pytest.raises(UsageError, match="one side is a result of bench"):
        compare(plain, "stored", size=1)


def test_two_results_of_bench_are_compared_with_a_caveat(stored: Bench) -> None:
    def nine_times(size: int) -> None:
        for _ in range(9):
            plain(size)

    result = compare(stored, bench(nine_times, sizes="1,2", budget=4), name="unpaired")  # far beyond the noise
    assert list(result.frame.columns) == [*(name for name in COMPARISON_COLUMNS if name != "params"), "machine_ratio"]
    assert list(result.frame["size"]) == [1, 2]
    assert set(result.frame["reason"]) <= set(STORED_REASONS)
    assert result.margin == 0.03
    assert result.verdict == "slower"
    assert any("not measured together" in caveat.message for caveat in result.caveats)
    assert result.samples.empty
    assert result.name == "unpaired"
    assert pocket_lab.last() is result
    assert compare(even(stored), even(stored)).verdict == "cannot tell"


def test_two_results_without_a_common_point_are_refused(stored: Bench) -> None:
    with pytest.raises(UsageError, match="no point in common"):
        compare(of_size(stored, 1), of_size(stored, 2))


def of_size(result: Bench, size: int) -> Bench:
    """The result without its other sizes."""
    kept = [record for record in result.records if getattr(getattr(record, "point", None), "size", size) == size]
    return Bench(result.name, kept)


def even(result: Bench) -> Bench:
    """The result as a machine would have given it on which every run takes as long."""
    evened = [
        replace(record, wall_s=record.loops * 1e-3) if isinstance(record, Sample) else record for record in result.records
    ]
    return Bench(result.name, evened)


def elsewhere(result: Bench, **changes: Any) -> Bench:
    """The result as another machine would have given it."""
    moved = [replace(record, **changes) if isinstance(record, Environment) else record for record in result.records]
    return Bench(result.name, moved)


def test_results_of_other_environments_are_refused_unless_forced(here: Bench) -> None:
    there = elsewhere(here, python="2.7.18", cores=1024)
    with pytest.raises(UsageError, match=r"differ in python, cores.*force=True"):
        compare(here, there)
    forced = compare(even(here), even(there), force=True)
    assert forced.verdict == "cannot tell"
    assert any("differ in python, cores" in caveat.message for caveat in forced.caveats)
    assert not any("differ in" in caveat.message for caveat in compare(here, elsewhere(here, load_1m=99.0)).caveats)
    with pytest.raises(UsageError, match="differ in cpu_quota, governor"):
        compare(here, elsewhere(here, cpu_quota=0.5, governor="powersave"))


def test_other_versions_of_packages_are_a_caveat(here: Bench) -> None:
    newer = elsewhere(here, packages={**(here.environment.packages if here.environment else {}), "loky": "99.0"})
    (told,) = [caveat.message for caveat in compare(here, newer).caveats if "packages" in caveat.message]
    assert told.startswith("the two runs had different versions of packages: loky ")
    assert told.endswith(" and 99.0")


def test_a_result_without_an_environment_is_refused_unless_forced(here: Bench) -> None:
    bare = Bench("bare", [record for record in here.records if not isinstance(record, Environment)])
    with pytest.raises(UsageError, match="one of them was not recorded"):
        compare(here, bare)
    assert len(compare(here, bare, force=True).frame) == 1


@pytest.mark.parametrize("margin", [0, "500%"])
def test_a_margin_for_stored_runs_is_checked_too(margin: Any, here: Bench) -> None:
    with pytest.raises(UsageError, match="margin"):
        compare(here, here, margin=margin)


def test_what_the_targets_print_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def talk(size: int) -> None:
        print("hello from b")
        time.sleep(0.05)

    compare(plain, talk, size=1, budget=0.4)
    assert "hello from b" in capfd.readouterr().out


def test_too_little_time_for_an_interval_is_said_with_what_it_would_take() -> None:
    result = compare(lambda: time.sleep(0.3), lambda: time.sleep(0.6), budget=4)
    assert result.verdict == "cannot tell"
    assert result.caveats
    assert result.frame["seconds_needed"].item() > 1, "more than the budget"


def test_it_ends_soon_after_its_budget() -> None:
    start = time.monotonic()
    compare(plain, plain, sizes="1..4", budget=3)
    assert time.monotonic() - start < 3 * 1.15 + 1.0


def test_two_results_are_compared_as_they_were_measured_and_other_options_are_refused(here: Bench) -> None:
    with pytest.raises(UsageError, match="leave sizes, input out"):
        compare(here, here, sizes="1,2", input=3)


def test_a_side_that_hangs_in_a_c_call_is_ended_and_the_other_pairs_go_on() -> None:
    def hangs(size: int) -> None:
        sum(range(10**13)) if size == 1 else time.sleep(0.001)

    def waits(size: int) -> None:
        time.sleep(0.001)

    start = time.monotonic()
    result = compare(waits, hangs, sizes="1,2", budget=7, point_timeout="2s")
    assert time.monotonic() - start < 12
    frame = result.frame.set_index("size")
    assert math.isnan(frame["ratio"][1])
    assert frame["ratio"][2] == pytest.approx(1.0, rel=0.3)
    words = "a batch took longer than point_timeout=2.00 s and was ended"
    assert result.failures == [f"hangs, size 1, serial x 1: ProcessDied: {words}"]


def test_first_calls_can_be_compared() -> None:
    @functools.cache
    def quick(value: int) -> int:
        time.sleep(0.002)
        return value

    @functools.cache
    def slow(value: int) -> int:
        time.sleep(0.006)
        return value

    cold = compare(quick, slow, size=1, caches="cold", budget=3)
    assert only_row(cold)["ratio"] == pytest.approx(3.0, rel=0.4)
    assert any("cleared before each run" in caveat.message for caveat in cold.caveats)


def test_a_cached_first_call_is_compared_with_single_calls_of_what_has_no_cache() -> None:
    def bare(size: int) -> int:
        return sum(range(size))

    cached = functools.cache(bare)
    cold = compare(bare, cached, size=3000, caches="cold", budget=1.5)
    assert {record.loops for record in cold.records if isinstance(record, Sample)} == {1}
    warm = compare(bare, cached, size=3000, budget=2)
    assert {record.loops > 1 for record in warm.records if isinstance(record, Sample)} == {True}
    assert warm.verdict == "faster"
    none = compare(bare, bare, size=3000, caches="cold", budget=1.5)
    assert {record.loops > 1 for record in none.records if isinstance(record, Sample)} == {True}
    assert any("no cache was found to clear" in caveat.message for caveat in none.caveats)
    assert not any("no cache" in caveat.message for caveat in cold.caveats)


def test_two_targets_are_compared_by_their_requests_a_second_under_load() -> None:
    def quick(value: int) -> None:
        time.sleep(0.002)

    def slow(value: int) -> None:
        time.sleep(0.006)

    result = compare(quick, slow, size=1, drive="load", budget=1.2)
    assert only_row(result)["ratio"] == pytest.approx(3.0, rel=0.4)
