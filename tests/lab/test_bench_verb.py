"""bench from end to end, through a real measuring process."""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import matplotlib.figure
import pytest
from targets import count_all, long_naps, many, nap_longer, uses_cache

import pocket_lab
from pocket_lab import Context, Graph, Node, NodeError, UsageError, bench, fan_out, node
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample

COLUMNS = [
    "target",
    "size",
    "workers",
    "executor",
    "drive",
    "rate",
    "rounds",
    "wall_s",
    "wall_low_s",
    "wall_high_s",
    "cpu_s",
    "cpu_low_s",
    "cpu_high_s",
    "first_run_s",
    "p95_s",
    "p99_s",
    "throughput_per_s",
    "speedup",
    "speedup_low",
    "speedup_high",
    "efficiency",
    "peak_bytes",
    "allocated_bytes",
    "allocations",
    "errors",
    "basis",
    "waits",
    "queued",
    "status",
]


def test_the_frame_has_the_columns_of_the_contract_in_order() -> None:
    result = bench(long_naps, sizes="2,4", workers="1,2", executors="threads", input=many, budget=0.8)
    assert list(result.frame.columns) == COLUMNS
    assert set(zip(result.frame["size"], result.frame["workers"], strict=True)) == {(2, 1), (2, 2), (4, 1), (4, 2)}
    samples = "size workers executor drive rate round loops wall_s cpu_s items error target run_s cpu_run_s kind"
    assert list(result.samples.columns) == samples.split()


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_known_waits_are_timed_and_two_workers_halve_them(executor: str) -> None:
    def wait(value: float) -> float:  # sent by value: a worker that had to import this module would compute, not wait
        time.sleep(0.02)
        return value

    result = bench(Graph(fan_out(Node("wait", exec=wait))), size=8, workers="1,2", executor=executor, input=many, budget=8)
    one, two = result.frame.to_dict("records")
    assert 8 * 0.02 <= one["wall_s"] < 1.4 * 8 * 0.02
    assert two["speedup"] == pytest.approx(2.0, rel=0.3)
    assert two["efficiency"] == pytest.approx(two["speedup"] / 2)
    assert one["cpu_s"] < 0.4 * one["wall_s"]
    assert one["throughput_per_s"] == pytest.approx(1 / one["wall_s"])
    assert result.advice is not None
    assert result.advice.workers == 2
    assert two["speedup_low"] > 1
    assert any(text.startswith("Advice: 2 workers") and "one worker waits" in text for text in result.findings)


def test_map_runs_each_item_and_counts_items_a_second() -> None:
    result = bench(nap_longer, size=8, workers="1,4", drive="map", budget=6)
    one, four = result.frame.to_dict("records")
    assert 35 < one["throughput_per_s"] <= 50
    assert four["speedup"] == pytest.approx(4.0, rel=0.35)


def test_growth_is_named_from_six_sizes() -> None:
    result = bench(lambda size: time.sleep(size / 2e4), sizes="2^6..2^12", precision="10%", budget=8)  # late by a part only
    assert result.growth is not None
    assert result.growth.law == "n"
    assert any("grows like n " in text for text in result.findings)


def test_an_error_is_a_row_with_its_own_traceback_and_the_others_go_on() -> None:
    @node
    def picky(value: int) -> float:
        return 1 / (value - 2)

    result = bench(picky, sizes=[1, 2, 3], budget=0.3)
    assert list(result.frame["status"] == "failed") == [False, True, False]
    assert list(result.frame["errors"]) == [0, 1, 0]
    assert math.isnan(result.frame["wall_s"][1])
    assert isinstance(result.error, NodeError)
    assert isinstance(result.error.__cause__, ZeroDivisionError)
    assert (result.error.node, result.error.phase) == ("picky", "exec")
    assert result.failures == [
        'size 2, serial x 1: NodeError: node "picky" failed in exec: ZeroDivisionError: division by zero'
    ]
    assert "Failed" in result.to_html()


def test_a_result_shows_itself_as_text_and_html_and_draws_on_given_axes() -> None:
    result = bench(lambda: sum(range(100)), budget=0.2, name="sum <of> 100")
    bundle = result._repr_mimebundle_()
    assert "sum <of> 100" in bundle["text/plain"]
    assert "sum &lt;of&gt; 100" in bundle["text/html"]
    assert "<svg" in bundle["text/html"]
    figure = matplotlib.figure.Figure()
    ax = figure.add_subplot()
    assert result.plot(ax=ax) is figure
    assert ax.lines
    assert isinstance(result.plot(), matplotlib.figure.Figure)


def test_a_report_is_one_file_that_needs_no_network(tmp_path: Path) -> None:
    path = bench(lambda: None, budget=0.1).save_html(tmp_path / "report.html")
    text = path.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "src=" not in text.replace("data:", "")
    assert 'href="http' not in text


def test_the_watcher_sees_every_record_as_it_is_made() -> None:
    seen: list[Record] = []
    result = bench(lambda: time.sleep(0.01), budget=0.3, watch=seen.append)
    assert sum(isinstance(record, Sample) for record in seen) == len(result.samples) > 5


def test_what_the_target_prints_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def target() -> None:
        print("hello from the target")
        print("and its errors", file=sys.stderr)
        time.sleep(0.1)

    bench(target, budget=0.15)
    out, err = capfd.readouterr()
    assert "hello from the target" in out
    assert "and its errors" in err


def test_a_flood_of_prints_is_cut_with_a_caveat(capfd: pytest.CaptureFixture[str]) -> None:
    result = bench(lambda: print("x" * 1000), budget=0.1)
    assert len(capfd.readouterr().out) == 10_000
    assert any("characters were left out" in caveat.message for caveat in result.caveats)


def test_the_last_result_is_kept_and_a_refused_question_does_not_replace_it() -> None:
    result = bench(lambda: None, budget=0.1)
    assert pocket_lab.last() is result
    lock = threading.Lock()
    with pytest.raises(UsageError, match="lock"):
        bench(lambda: lock.locked())
    assert pocket_lab.last() is result


def test_a_measurement_ends_soon_after_its_budget() -> None:
    bench(lambda: None, budget=0.1)
    start = time.monotonic()
    bench(lambda: None, budget=0.1)
    assert time.monotonic() - start < 1.5


def test_an_error_without_a_printable_text_fails_its_point() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def target(size: int) -> None:
        if size == 2:
            raise Mute

    result = bench(target, sizes=[1, 2], budget=0.1)
    assert list(result.frame["status"] == "failed") == [False, True]
    assert result.failures == ["size 2, serial x 1: Mute: (an error without a printable text)"]


def test_a_crash_after_the_last_point_is_a_caveat() -> None:
    def target(size: int) -> int:
        import atexit

        atexit.register(os._exit, 3)
        return size

    result = bench(target, sizes=[1, 2], budget=0.1)
    assert "failed" not in set(result.frame["status"])
    assert any("exit code 3" in caveat.message for caveat in result.caveats)


def test_interrupted_it_keeps_what_was_measured_and_raises_again() -> None:
    script = """
import json, time, sys, pocket_lab
def watch(record):
    if type(record).__name__ == "Sample" and record.round == 3:
        print("ready", flush=True)
try:
    pocket_lab.bench(lambda size: time.sleep(0.02 * size), sizes=[1, 2], budget=60, watch=watch, precision=1e-9)
except KeyboardInterrupt:
    frame = pocket_lab.last().frame
    print(json.dumps([list(frame["status"]), [int(n) for n in frame["rounds"]]]))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == "ready\n"
        start = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        status, rounds = json.loads(next(line for line in out if line.startswith("[")))
    assert process.wait(5) == 0
    assert time.monotonic() - start < 3
    assert status == ["cancelled", "cancelled"]
    assert min(rounds) >= 2


@pytest.mark.parametrize(
    ("options", "words"),
    [({"sizes": -1}, "sizes: -1"), ({"executors": "gpu"}, "gpu"), ({"input": 5, "sizes": 3}, "input is a int")],
)
def test_bad_options_start_nothing(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        bench(long_naps, **options)


def test_a_module_that_fails_to_import_in_the_child_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fragile.py").write_text("def f(n): return n\n")
    monkeypatch.syspath_prepend(tmp_path)
    import fragile  # type: ignore[import-not-found]

    (tmp_path / "fragile.py").write_text("raise OSError('the data disk is gone')\n")
    with pytest.raises(OSError, match="the data disk is gone"):
        bench(fragile.f, size=1, budget=0.5)


CONCURRENT = ("threads", "processes", "asyncio")


def waiting(executor: str, nap_s: float) -> Any:
    """A target that waits: plain, or async where the workers are tasks."""

    def wait(value: Any) -> None:
        time.sleep(nap_s)

    async def wait_later(value: Any) -> None:
        await asyncio.sleep(nap_s)

    return wait_later if executor == "asyncio" else wait


@pytest.mark.parametrize("executor", CONCURRENT)
def test_under_load_two_clients_that_wait_serve_twice_as_many(executor: str) -> None:
    budget = 3.5 if executor == "processes" else 2.5  # on a busy machine processes take long to start
    result = bench(waiting(executor, 0.01), size=1, workers="1,2", executor=executor, drive="load", budget=budget)
    one, two = result.frame.to_dict("records")
    assert list(result.frame.columns) == COLUMNS
    for row in (one, two):
        assert 0.0099 <= row["wall_s"] < 0.02, "the latency, whatever the number of clients"
        assert row["wall_s"] * 0.99 <= row["p95_s"]
        assert row["errors"] == 0
    assert two["speedup"] == pytest.approx(2.0, rel=0.3)
    assert two["throughput_per_s"] == pytest.approx(two["speedup"] * one["throughput_per_s"], rel=0.2)


def test_under_load_errors_are_counted_and_the_point_goes_on() -> None:
    def picky(value: int) -> None:
        time.sleep(0.002)
        if random.random() < 0.25:
            raise ValueError("one in four")

    result = bench(picky, size=1, drive="load", budget=0.5)
    (row,) = result.frame.to_dict("records")
    assert row["status"] in ("done", "budget")
    answered = int(result.samples.loc[result.samples["round"] > 0, "loops"].sum())
    assert row["errors"] / (row["errors"] + answered) == pytest.approx(0.25, abs=0.15)
    assert 0.0019 <= row["wall_s"] < 0.01
    assert result.failures == []
    assert any("runs failed, the first with ValueError: one in four" in caveat.message for caveat in result.caveats)


def test_requests_at_a_rate_have_latencies_and_no_speedup() -> None:
    result = bench(waiting("threads", 0.002), size=1, workers="1,2", drive="load", rate=100, budget=1.2)
    assert list(result.frame["throughput_per_s"]) == [pytest.approx(100, rel=0.2)] * 2
    assert result.frame[["speedup", "efficiency"]].isna().all(axis=None)
    assert result.advice is None
    assert not any("when their window ended" in caveat.message for caveat in result.caveats)


def test_a_rate_beyond_what_the_target_serves_is_a_caveat() -> None:
    result = bench(waiting("threads", 0.02), size=1, drive="load", rate=100, budget=1)
    assert any(
        "of the requests at 100 a second had not begun when their window ended" in caveat.message for caveat in result.caveats
    )
    assert result.frame["wall_s"][0] > 0.025, "most of them waited for their turn"


@pytest.mark.parametrize(
    ("drive", "executors"),
    [("run", ("serial", "threads", "processes")), ("run", ("asyncio",)), ("load", ("threads", "processes"))],
)
def test_what_the_nodes_report_becomes_metrics_under_their_names(drive: str, executors: tuple[str, ...]) -> None:
    def tell(value: int, ctx: Context) -> int:
        ctx.report("seen", value, "B")
        return value

    async def tell_later(value: int, ctx: Context) -> int:
        return tell(value, ctx)

    teller = Node("teller", exec=tell_later if executors == ("asyncio",) else tell)
    counter = Node("counter", exec=count_all)
    graph = Graph(fan_out(teller) >> counter, name="told")
    result = bench(graph, size=3, workers=2, executors=executors, input=many, drive=drive, budget=1)
    assert result.failures == []
    rows = result.metrics.set_index(["executor", "node", "name"])
    assert set(rows.index.droplevel("executor")) == {("teller", "seen"), ("counter", "items")}
    assert len(rows) == 2 * len(executors)
    for executor in executors:
        seen, items = rows.loc[(executor, "teller", "seen")], rows.loc[(executor, "counter", "items")]
        assert (seen["value"], seen["unit"], seen["reports_per_run"]) == (1.0, "B", 3.0)
        assert (items["value"], items["reports_per_run"]) == (3.0, 1.0)
        assert (seen["drive"], seen["size"]) == (drive, 3)
    assert any("seen of teller 1 B" in text for text in result.findings)


def test_a_callable_reports_under_its_own_name() -> None:
    def plain(value: int, ctx: Context) -> None:
        ctx.report("double", 2 * value)

    metrics = bench(plain, sizes="3,5", budget=0.2).metrics
    assert list(zip(metrics["size"], metrics["node"], metrics["value"], strict=True)) == [(3, "plain", 6.0), (5, "plain", 10.0)]
    assert bench(lambda: None, isolation="kernel", budget=0.05).metrics.empty


@pytest.mark.parametrize(
    ("drive", "executors", "value"),
    [("run", "serial", 3), ("map", "threads,processes", [3] * 4), ("load", "threads", 3)],
)
def test_the_context_may_come_first(drive: str, executors: str, value: Any) -> None:
    def first(ctx: Context, given: int) -> None:
        ctx.check()
        assert given == 3

    result = bench(first, input=value, drive=drive, executors=executors, budget=0.2)
    assert result.failures == []


def test_each_run_can_have_an_input_of_its_own() -> None:
    def empty(value: list[int]) -> None:
        time.sleep(0.001)
        assert value, "another run was here before"
        value.clear()

    shared = bench(empty, size=5, input=many, isolation="kernel", budget=0.1)
    assert list(shared.frame["status"]) == ["failed"]
    assert bench(empty, size=5, input=many, fresh_input=True, budget=0.2).failures == []
    load = bench(empty, size=5, input=many, fresh_input=True, drive="load", isolation="kernel", budget=0.2)
    assert load.frame["errors"][0] == 0


def test_a_target_that_changes_its_input_is_said() -> None:
    def grow(value: list[int]) -> None:
        time.sleep(0.001)
        value.append(1)

    (caveat,) = [c.message for c in bench(grow, size=5, input=many, budget=0.1).caveats if "changes its input" in c.message]
    assert "fresh_input=True" in caveat
    fresh = bench(grow, size=5, input=many, fresh_input=True, isolation="kernel", budget=0.1).caveats
    assert "input-changed" not in [caveat.code for caveat in fresh]


def test_runs_of_a_point_can_share_a_store() -> None:
    def post(store: Any, value: int, prepared: int, result: int, ctx: Context) -> tuple[int, str]:
        store.set("runs", store.get("runs", 0) + 1)
        ctx.report("runs", store.get("runs"))
        return result, "default"

    graph = Graph(Node("n", exec=lambda value: time.sleep(0.001), post=post))
    assert bench(graph, size=1, isolation="kernel", budget=0.1).metrics["value"][0] == 1.0
    assert bench(graph, size=1, budget=0.2, store="shared").metrics["value"][0] > 5.0


def test_the_runs_of_a_graph_begin_with_the_contents_of_its_store() -> None:
    def report(store: Any, value: int, ctx: Context) -> int:
        ctx.report("seen", len(store.get("seen")))
        store.get("seen").append(value)
        return value

    graph = Graph(Node("n", prep=report)).with_store({"seen": [1, 2, 3]})
    assert set(bench(graph, size=1, isolation="kernel", budget=0.1).metrics["value"]) == {3.0}


@pytest.mark.parametrize(("how", "words"), [("cold", "cleared before each run"), ("warm", "kept warm")])
def test_caches_are_cold_in_every_run_or_kept_warm_and_the_result_says_which(how: str, words: str) -> None:
    result = bench(uses_cache, size=3, caches=how, budget=0.2)
    runs = result.samples["wall_s"] / result.samples["loops"]
    assert (runs[1:] >= 0.01).all() if how == "cold" else (runs[1:] < 0.01).all()
    assert any(f"1 cache of the target was {words}" in caveat.message for caveat in result.caveats)


def test_a_batch_that_hangs_in_c_or_printing_is_ended_and_the_other_points_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    def target(size: int) -> None:
        if size == 2:
            sum(range(10**13))
        while size == 3:
            print("still here")
            time.sleep(0.01)
        time.sleep(0.001)

    start = time.monotonic()
    result = bench(target, sizes="1,2,3,4", budget=14, point_timeout="1.5s", precision="50%")
    assert time.monotonic() - start < 17
    assert list(result.frame["status"] == "failed") == [False, True, True, False]
    assert result.frame["wall_s"].notna().tolist() == [True, False, False, True]
    ended = "ProcessDied: a batch took longer than point_timeout=1.50 s and was ended"
    assert result.failures == [f"size {size}, serial x 1: {ended}" for size in (2, 3)]
    assert "still here" in capfd.readouterr().out


def test_measured_in_place_a_target_keeps_what_it_holds_and_the_result_says_so() -> None:
    lock, runs = threading.Lock(), []

    def target(value: int) -> None:
        with lock:
            runs.append(os.getpid())
            time.sleep(0.001)

    for drive in ("run", "map", "load"):
        runs.clear()
        result = bench(target, size=2, drive=drive, isolation="kernel", budget=0.15)
        assert result.failures == []
        assert set(runs) == {os.getpid()}
        assert any("measured inside this process" in caveat.message for caveat in result.caveats)
    assert gc.get_freeze_count() == 0, "nothing stays frozen in the kernel"
