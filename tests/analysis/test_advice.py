"""The advice on workers: only where the data can tell, for a reason that was measured and that supports it."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeps import Row, sweep_of

from pocket_lab.analysis.advice import Advice, Undecided, advise_workers
from pocket_lab.analysis.reasons import Candidate, Kind
from pocket_lab.analysis.scaling import Throughputs, add_speedup, throughput_ratio
from pocket_lab.frames.points import point_of
from pocket_lab.records.point import Point
from pocket_lab.units import format_count, format_percent
from pocket_lab.view.findings.advice import advice_sentence
from pocket_lab.view.text.bench_table import format_speedup


def advised(*rows: Row, noise: float = 0.004, drift: float = 0.0, cores: int | None = None) -> Advice:
    advice = advise_workers(*sweep_of(*rows, noise=noise, drift=drift), cores)
    assert isinstance(advice, Advice)
    return advice


def kinds(advice: Advice) -> set[Kind]:
    return {reason.kind for reason in advice.reasons}


def test_cpu_bound_python_is_sent_to_processes_and_the_lock_is_named() -> None:
    rows = [
        Row("threads", 1, 1.0, 0.99),
        Row("threads", 2, 1.0, 0.99),
        Row("processes", 1, 1.1, 0.98),
        Row("processes", 2, 0.6, 1.8),
    ]
    advice = advised(*rows, drift=0.05)
    assert (advice.workers, advice.executor) == (2, "processes")
    assert advice.speedup == pytest.approx(1.1 / 0.6, rel=0.01)
    assert kinds(advice) == {Kind.CORES, Kind.LOCK, Kind.SLOWER}
    text = advice_sentence(advice)
    assert text.startswith("Advice: 2 workers on processes, 1.8")
    assert "one worker keeps a core 98 % busy, and 2 processes use more cores" in text
    assert "since they share the interpreter lock" in text


def test_waiting_work_is_explained_by_its_waits() -> None:
    advice = advised(Row("threads", 1, 1.0, 0.1, waits=0.88, queued=0.02), Row("threads", 8, 0.13, 0.7, waits=0.9))
    assert (advice.workers, advice.executor, kinds(advice)) == (8, "threads", {Kind.WAITS})
    assert "one worker waits 88 % of its time, in which others can run" in advice_sentence(advice)


@pytest.mark.parametrize("waits", [math.nan, 0.02])
def test_a_preempted_worker_does_not_wait(waits: float) -> None:
    """Its CPU time is 30 % of the wall time since other programs had the cores."""
    advice = advised(Row("threads", 1, 1.0, 0.3, waits=waits, queued=0.68), Row("threads", 4, 0.4, 0.7))
    assert advice.workers == 4
    assert Kind.WAITS not in kinds(advice)
    assert "waits 68" not in advice_sentence(advice)


def test_waits_of_several_threads_for_the_lock_are_not_waits_for_the_world() -> None:
    rows = [Row("threads", 1, 1.0, 0.99, waits=0.01, queued=0.0), Row("threads", 4, 1.0, 1.0, waits=0.75, queued=0.0)]
    advice = advised(*rows, Row("processes", 1, 1.01, 0.99), Row("processes", 4, 0.3, 3.5))
    assert (advice.executor, kinds(advice)) == ("processes", {Kind.CORES, Kind.LOCK, Kind.SLOWER})
    assert "75" not in advice_sentence(advice)


def test_the_smallest_count_near_the_best_is_enough() -> None:
    advice = advised(Row("threads", 1, 1.0), Row("threads", 4, 0.255), Row("threads", 16, 0.25))
    assert advice.workers == 4
    assert advice.reasons == ()
    assert advice_sentence(advice).startswith("Advice: 4 workers on threads, 3.9")
    assert "Why" not in advice_sentence(advice)


def test_one_worker_is_enough_where_more_gain_nothing() -> None:
    advice = advised(Row("threads", 1, 1.0, 0.1, waits=0.9), Row("threads", 2, 0.99, 0.1, waits=0.9))
    assert (advice.workers, kinds(advice)) == (1, {Kind.NO_GAIN})
    text = advice_sentence(advice)
    assert text.startswith("Advice: 1 worker on threads. Why: threads x 2 reaches 1.01x [")
    assert "wait" not in text
    assert "run" not in text


def test_workers_that_wait_for_a_core_are_the_reason_for_no_gain() -> None:
    advice = advised(Row("processes", 1, 1.0, 0.97, queued=0.02), Row("processes", 4, 1.0, 1.0, waits=0.0, queued=0.74))
    assert (advice.workers, kinds(advice)) == (1, {Kind.NO_GAIN, Kind.QUEUED})
    assert "the workers of processes x 4 wait for a core 74 % of the time" in advice_sentence(advice)


def test_threads_that_lack_cores_do_not_lack_the_lock() -> None:
    rows = [Row("threads", 1, 1.0, 0.97), Row("threads", 4, 1.0, 1.0, queued=0.7)]
    assert Kind.LOCK not in kinds(advised(*rows))
    unknown = [Row("threads", 1, 1.0, 0.97), Row("threads", 4, 1.0, 1.0)]
    assert Kind.LOCK not in kinds(advised(*unknown, cores=1))
    assert kinds(advised(*unknown, cores=2)) == {Kind.LOCK}


def test_without_processes_the_lock_is_certain_only_of_independent_runs() -> None:
    one_run = advised(Row("threads", 1, 1.0, 0.97), Row("threads", 4, 1.0, 1.0))
    assert "perhaps since they share the interpreter lock" in advice_sentence(one_run)
    many = advised(Row("threads", 1, 1.0, 0.97, drive="map"), Row("threads", 4, 1.0, 1.0, drive="map"))
    assert "), since they share the interpreter lock" in advice_sentence(many)


def test_the_lock_is_not_named_where_processes_gain_nothing_either() -> None:
    rows = [Row(executor, workers, 1.0, 0.97) for executor in ("threads", "processes") for workers in (1, 4)]
    advice = advised(*rows)
    assert advice.workers == 1
    assert Kind.LOCK not in kinds(advice)
    assert kinds(advice) & {Kind.SLOWER, Kind.NO_FASTER}


def test_a_gain_of_threads_that_may_be_worth_having_is_not_for_want_of_the_lock() -> None:
    rows = [
        Row("threads", 1, 1.0, 0.97),
        Row("threads", 2, 0.9, 1.0),
        Row("processes", 1, 1.0, 0.97),
        Row("processes", 2, 0.5, 1.9),
    ]
    assert Kind.LOCK not in kinds(advised(*rows))


def test_threads_that_use_more_cores_are_said_to() -> None:
    advice = advised(Row("threads", 1, 1.0, 0.97), Row("threads", 2, 0.52, 1.9))
    assert kinds(advice) == {Kind.CORES}
    assert "and 2 threads use more cores" in advice_sentence(advice)


def test_a_choice_between_executors_alone_is_one_by_their_throughput() -> None:
    advice = advised(Row("serial", 1, 1.0, 0.9), Row("processes", 1, 1.5, 0.9))
    assert (advice.workers, advice.executor, kinds(advice)) == (1, "serial", {Kind.SLOWER})
    assert re.fullmatch(
        r"Advice: 1 worker on serial\. Why: processes is slower \(0\.66\d a second at best, not (1|0\.99\d|1\.00)\)\.",
        advice_sentence(advice),
    )


def test_the_largest_size_with_a_choice_decides_and_is_named() -> None:
    rows = [Row("threads", workers, 1.0 / workers, size=size) for size in (10, 1000) for workers in (1, 4)]
    thin = [Row("threads", workers, 9.0, size=5000, rounds=3) for workers in (1, 4)]
    advice = advised(*rows, *thin)
    assert advice.size == 1000
    assert advice_sentence(advice).startswith("Advice at size 1000: 4 workers")


def test_the_fastest_combination_is_advised_and_no_point_is_compared_with_another_one() -> None:
    """With chunk 1 two workers are twice as fast; with chunk 8, which is faster in any case, they gain nothing."""
    slow, fast = (("chunk", "1"),), (("chunk", "8"),)
    rows = [
        Row("threads", 1, 4.0, params=slow),
        Row("threads", 2, 2.0, params=slow),
        Row("threads", 1, 1.0, params=fast),
        Row("threads", 2, 1.0, params=fast),
    ]
    advice = advised(*rows)
    assert (advice.workers, advice.params) == (1, "chunk=8")
    assert "chunk 8" in advice_sentence(advice).replace("=", " ")
    assert advised(*rows[:2]).params == "", "a single combination is not named"
    frame, _ = sweep_of(*rows)
    speedups = frame.set_index(["params", "workers"])["speedup"]
    assert speedups["chunk=1", 2] == pytest.approx(2.0, rel=0.01)
    assert speedups["chunk=8", 2] == pytest.approx(1.0, rel=0.01)


def test_points_without_an_interval_or_that_failed_are_no_choice() -> None:
    rows = [Row("threads", 1, 1.0), Row("threads", 2, math.nan, status="failed"), Row("threads", 4, 0.3)]
    assert advised(*rows).workers == 4
    slower = Row("processes", 2, 0.9, rounds=3)
    partial = advised(*rows, Row("threads", 8, 0.01, rounds=0), Row("processes", 1, 2.0), slower)
    assert (partial.workers, kinds(partial)) == (4, set())
    assert advice_sentence(partial).endswith("(of the points that have an interval).")
    assert advised(*rows, Row("threads", 8, 0.01, rounds=20, status="failed")).workers == 4
    assert advise_workers(*sweep_of(*rows[:2])) is None
    assert advise_workers(*sweep_of(*[Row("threads", n, 1.0 / n, rounds=5) for n in (1, 2, 4)])) is None
    assert advise_workers(*sweep_of(Row("threads", 1, 1.0))) is None


def test_a_point_that_seemed_faster_in_few_rounds_leaves_the_advice_open() -> None:
    rows = [Row("threads", 1, 1.0), Row("threads", 4, 0.3)]
    for rounds in (1, 5):
        found = advise_workers(*sweep_of(*rows, Row("processes", 8, 0.1, rounds=rounds)))
        assert isinstance(found, Undecided)
        assert "whether 4 workers on threads reach 95 % of the throughput of 8 workers on processes" in advice_sentence(found)
    assert isinstance(advise_workers(*sweep_of(*rows, Row("threads", 2, 0.33, rounds=5))), Undecided), "fewer may be enough"


def test_requests_at_a_rate_of_their_own_have_no_advice() -> None:
    assert advise_workers(*sweep_of(*[Row("threads", n, 0.02, drive="load", rate=50.0) for n in (1, 4)])) is None


def test_where_the_intervals_are_too_wide_it_says_so_and_what_would_tell() -> None:
    found = advise_workers(*sweep_of(Row("processes", 1, 1.1), Row("processes", 2, 1.0), noise=0.2))
    assert isinstance(found, Undecided)
    text = advice_sentence(found)
    assert text.startswith(
        "Advice: cannot tell whether 1 worker on processes reaches 95 % of the throughput of 2 workers on processes"
    )
    assert re.search(r"\(processes x 2 reaches 1\.\d\dx \[[01]\.\d\d, 1\.\d\d\] of it\)", text)
    assert text.endswith("; request a smaller precision, or measure on a quieter machine.")
    assert not re.search(r"\d s ", text), "no forecast"
    assert "10 %" not in text


def test_an_undecided_choice_within_ten_per_cent_is_said_to_be_one() -> None:
    for status, remedy in (("budget", "raise the budget"), ("cancelled", "let the run end")):
        rows = (Row("threads", 1, 1.05), Row("threads", 2, 1.0, status=status))
        found = advise_workers(*sweep_of(*rows, noise=0.03))
        assert isinstance(found, Undecided)
        assert f"; no other is over 10 % faster; {remedy}, or measure" in advice_sentence(found)


def test_points_without_common_rounds_are_not_compared() -> None:
    frame, throughputs = sweep_of(Row("threads", 1, 1.0), Row("processes", 1, 0.5))
    apart = {point: rounds.set_axis(rounds.index + 100 * number) for number, (point, rounds) in enumerate(throughputs.items())}
    assert isinstance(advise_workers(frame, apart), Undecided)


EXECUTORS = ("serial", "threads", "processes", "asyncio")
share = st.one_of(st.just(math.nan), st.floats(0, 1))
row = st.builds(
    Row,
    executor=st.sampled_from(EXECUTORS),
    workers=st.sampled_from([1, 1, 2, 3, 4, 8, 16]),
    wall_s=st.one_of(st.sampled_from([1.0, 0.5, 0.26, 0.98]), st.floats(1e-6, 1e3), st.just(math.nan)),
    busy=st.one_of(st.sampled_from([0.02, 0.5, 0.97]), st.floats(0, 4), st.just(math.nan)),
    waits=share,
    queued=share,
    size=st.sampled_from([1, 7, 7]),
    rounds=st.sampled_from([0, 1, 5, 6, 9, 20, 30]),
    status=st.sampled_from(["done", "done", "budget", "failed"]),
    drive=st.just("run"),
)
sweeps = st.builds(
    lambda rows, noise, drift, seed: sweep_of(*{row.point: row for row in rows}.values(), noise=noise, drift=drift, seed=seed),
    st.lists(row, min_size=1, max_size=6),
    st.sampled_from([0.0, 0.002, 0.01, 0.1]),
    st.sampled_from([0.0, 0.05]),
    st.integers(0, 9),
)


@given(sweeps, st.sampled_from([None, 1, 2, 8]))
def test_a_reason_never_argues_against_the_choice(sweep: tuple[pd.DataFrame, Throughputs], cores: int | None) -> None:
    frame, throughputs = sweep
    advice = advise_workers(frame, throughputs, cores)
    usable = frame[frame["wall_low_s"].notna() & (frame["status"] != "failed")]
    if advice is None:
        return
    sentence = advice_sentence(advice)
    assert not re.search(r"nan|inf|None|–|<", sentence)
    where = f" at size {advice.size}" if frame["size"].nunique() > 1 else ""
    assert sentence.startswith(f"Advice{where}: ")
    candidates = [
        Candidate.of(row) for row in usable[usable["size"] == (advice.size or usable["size"].max())].to_dict("records")
    ]
    assert len(candidates) > 1
    if isinstance(advice, Undecided):
        assert advice.candidate.point in {one.point for one in candidates}
        if advice.rival.point not in {one.point for one in candidates}:  # one of few rounds, in which it was not clearly slower
            assert advice.rival.point not in {Candidate.of(row).point for row in usable.to_dict("records")}
            assert advice.rival.throughput_per_s > 0.8 * advice.candidate.throughput_per_s
        assert_numbers(sentence, [*candidates, advice.rival], {"95", "10"}, advice.candidate.point.size)
        return
    chosen = advice.chosen
    assert chosen.point in {one.point for one in candidates}
    fewest = min(one.workers for one in candidates)
    more = [one for one in candidates if one.workers > chosen.workers]
    for other in candidates:
        if other.point != chosen.point:
            assert throughput_ratio(other.point, chosen.point, throughputs).high <= 1 / 0.95
    for reason in advice.reasons:
        last = reason.points[-1]
        if reason.kind.supports == "more":
            assert chosen.workers > fewest
            assert reason.points[0].workers == 1
            assert last.point == chosen.point
            assert throughput_ratio(chosen.point, reason.points[0].point, throughputs).low > 1
        elif reason.kind.supports == "no more":
            assert chosen.workers == fewest
            assert last.executor == chosen.executor
            assert last.workers > chosen.workers
            assert last.high <= 1 / 0.95
            assert more
        elif reason.kind.supports == "not threads":
            assert chosen.executor != "threads" or chosen.workers == fewest
            assert last.executor == "threads"
            assert last.high < 1 / 0.95
        else:
            assert reason.kind.supports == "this executor"
            assert last.executor != chosen.executor
    if chosen.workers == fewest:
        assert "in which others can run" not in sentence
        assert "use more cores" not in sentence
    if "waits" in sentence.replace("waits only", ""):
        assert any(one.workers == 1 and one.waits >= 0.2 for one in candidates)
    assert_numbers(sentence, candidates, {"5"}, chosen.point.size)


def assert_numbers(sentence: str, candidates: list[Candidate], constants: set[str], size: int | None) -> None:
    """Every number of the sentence is a figure of the candidates."""
    known = {*constants, str(size)}
    for one in candidates:
        texts = [str(one.workers), str(one.base_workers), format_count(one.throughput_per_s), f"{one.speedup:.2f}"]
        texts += [format_percent(part) for part in (one.busy, one.waits, one.queued)]
        texts += [format_speedup(one.speedup, one.low, one.high)] if one.has_gain else []
        known |= {number for text in texts for number in numbers(text)}
    assert set(numbers(sentence)) <= known


def numbers(text: str) -> list[str]:
    return re.findall(r"\d+(?:\.\d+)?", text)


def true_throughputs(random: np.random.Generator) -> dict[Point, float]:
    """A target that waits, is CPU-bound with or without the lock, or saturates; on two executors with up to four workers."""
    kind, cores = random.choice(["waits", "lock", "frees", "saturates"]), 4
    cost = random.uniform(1.0, 1.3)
    found = {}
    for workers in (1, 2, 4):
        threads = {"waits": workers, "lock": 1.0, "frees": min(workers, cores) ** 0.95, "saturates": min(workers, 2.05)}[
            str(kind)
        ]
        found[Point("t", 1, workers, "threads", "run")] = float(threads)
        found[Point("t", 1, workers, "processes", "run")] = workers**0.95 / cost
    return found


@pytest.mark.parametrize("rounds", [6, 12, 40])
def test_advice_contradicts_the_truth_in_at_most_one_per_cent(rounds: int) -> None:
    """Of noisy, drifting and two-speed sweeps: the chosen one is within 5 % of the best, and fewer workers are not."""
    random = np.random.default_rng(11)
    wrong = given_advice = 0
    trials = 100
    for _ in range(trials):
        truth = true_throughputs(random)
        noise = random.choice([0.01, 0.05, 0.2])
        shared = np.cumsum(random.normal(0, 0.04, rounds))
        logs = {}
        moments = np.cumsum(random.random(rounds * len(truth)) < 0.1) % 2 * random.choice([0.0, 0.5])
        order = random.permuted(np.tile(np.arange(len(truth)), (rounds, 1)), axis=1) + np.arange(rounds)[:, None] * len(truth)
        for number, (point, throughput) in enumerate(truth.items()):
            slowness = moments[order[:, number]] - shared + random.normal(0, noise, rounds)
            logs[point] = pd.Series(math.log(throughput) - slowness, index=range(1, rounds + 1))
        advice = advise_workers(frame_of(logs), logs)
        if isinstance(advice, Advice):
            given_advice += 1
            best = max(truth.values())
            chosen = truth[advice.chosen.point]
            fewer = max((value for point, value in truth.items() if point.workers < advice.workers), default=0.0)
            wrong += chosen < 0.95 * best or fewer >= 0.95 * best
    assert wrong <= 0.01 * trials
    assert given_advice > {6: 10, 12: 20, 40: 50}[rounds]


def frame_of(logs: Throughputs) -> pd.DataFrame:
    rows = []
    for point, rounds in logs.items():
        wall_s = math.exp(-rounds.median())
        point_figures = {name: getattr(point, name) for name in ("target", "size", "workers", "executor", "drive", "rate")}
        ends = {"wall_s": wall_s, "wall_low_s": wall_s * 0.9, "wall_high_s": wall_s * 1.1, "cpu_s": wall_s / 2}
        rows.append({**point_figures, **ends, "throughput_per_s": 1 / wall_s, "status": "done"})
    frame = add_speedup(pd.DataFrame(rows), logs)
    assert [point_of(row) for row in frame.to_dict("records")] == list(logs)
    return frame
