"""Whatever runs because of a node counts for the node: random programs of known bytes and CPU seconds, and built ones."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from random_programs import ITEMS, MIB, Body, Load, are_exact, executors, in_thread, random_program

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, node
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.cpu.instrument import profile_cpu
from pocket_lab.profile.leaks.instrument import find_leaks
from pocket_lab.profile.lines.instrument import profile_lines
from pocket_lab.profile.lines.traced_functions import Helper
from pocket_lab.profile.memory.instrument import profile_memory
from pocket_lab.profile.node_code import OUTSIDE
from pocket_lab.profile.trace.instrument import profile_spans
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.memory import LineMemory, NodeMemory
from pocket_lab.records.record import Record
from pocket_lab.records.sources import LineCost, Stack


def job_of(target: Any, scratch: Path, input: Any = Input.ABSENT, **sweep: Any) -> Job:
    return replace(plan_job(target, input, parse_sweep(**sweep)), scratch=str(scratch))


def bytes_by_node(records: list[Record]) -> dict[str, int]:
    return {record.node: record.allocated_bytes for record in records if isinstance(record, NodeMemory)}


def cpu_by_node(records: list[Record]) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for record in records:
        if isinstance(record, Stack) and record.unit == "cpu_s":
            seconds[record.node] = seconds.get(record.node, 0.0) + record.weight
    return seconds


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_the_bytes_of_random_programs_are_exact(seed: int, is_async: bool, tmp_path: Path) -> None:
    program = random_program(seed, is_async, megabytes=4, seconds=0.0)
    for executor in executors(is_async)[: 3 if seed == 0 else 2]:
        sweep = {"size": ITEMS, "executor": executor, "workers": 1 if executor == "serial" else 2, "drive": "map"}
        found = bytes_by_node(list(profile_memory(job_of(program.graph, tmp_path, range, **sweep))))
        for name, size in program.sizes.items():
            assert are_exact(found[name] - ITEMS * size), (executor, name, found[name], ITEMS * size)


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_the_cpu_seconds_of_a_random_program_are_right(is_async: bool, tmp_path: Path) -> None:
    program = random_program(1, is_async, megabytes=0, seconds=0.1, reports=tmp_path)
    executor = executors(is_async)[0]
    job = job_of(program.graph, tmp_path, range, size=ITEMS, executor=executor, drive="map")
    found = cpu_by_node(list(profile_cpu(job)))
    for name, seconds in program.seconds.items():
        used_s = program.used(name)
        assert used_s >= ITEMS * seconds
        assert found[name] == pytest.approx(used_s, rel=0.1)


def test_nodes_of_one_function_are_apart_and_a_node_called_as_a_function_is_itself(tmp_path: Path) -> None:
    first, second = (
        Node(name, exec=Body([(in_thread, size, 0.0)]).run) for name, size in (("first", MIB), ("second", 3 * MIB))
    )
    records = list(profile_memory(job_of(Graph(first >> second >> calls_another), tmp_path, 0)))
    found = bytes_by_node(records)
    assert found["first"] == pytest.approx(MIB, rel=0.1)
    assert found["second"] == pytest.approx(3 * MIB, rel=0.1)
    assert found["calls_another"] == pytest.approx(7 * MIB, rel=0.1)
    assert not [record for record in records if isinstance(record, Caveat) and record.code == "shared-source"]
    also = Graph(calls_another >> Node("plain_one", exec=keep_five))
    found = bytes_by_node(list(profile_memory(job_of(also, tmp_path, 0))))
    assert found["plain_one"] == pytest.approx(10 * MIB, rel=0.1)
    assert found["calls_another"] == pytest.approx(2 * MIB, rel=0.1)


def keep_five(value: Any) -> Any:
    return len(bytearray(5 * MIB)) and value


@node
def calls_another(value: Any) -> Any:
    kept = bytearray(2 * MIB)
    return keep_five(value) and kept


def test_lines_of_a_decorator_and_of_made_code_are_the_places_of_the_node(tmp_path: Path) -> None:
    def decorated(value: int) -> int:
        kept = bytearray(2 * MIB)
        return value + bool(kept)

    names: dict[str, Any] = {}
    exec("def made(value):\n    kept = bytearray(3 << 20)\n    return value\n", names)

    def outer(value: int) -> int:
        kept = bytearray(MIB)
        return decorated(value) if kept else 0

    outer.__wrapped__ = decorated  # type: ignore[attr-defined]
    graph = Graph(Node("decorated", exec=outer) >> Node("made", exec=names["made"]))
    lines = [record for record in profile_memory(job_of(graph, tmp_path, 0)) if isinstance(record, LineMemory)]
    first = decorated.__code__.co_firstlineno
    found = {(line.node, line.line): line.allocated_bytes / MIB for line in lines if line.allocated_bytes > MIB / 2}
    assert found == pytest.approx({("decorated", first + 1): 2, ("decorated", first + 8): 1, ("made", 2): 3}, rel=0.01)
    assert [line.file for line in lines if line.node == "made" and line.line == 2] == ["<string>"]


def test_what_no_node_has_started_is_outside_the_nodes_with_a_reason(tmp_path: Path) -> None:
    def busy() -> None:
        while not stop.is_set():
            pass

    def waits(value: int) -> int:
        started.wait()
        time.sleep(0.2)
        return value

    stop, started = threading.Event(), threading.Event()
    thread = threading.Thread(target=busy)
    thread.start()
    started.set()
    try:
        records = list(profile_cpu(job_of(Graph(Node("waits", exec=waits)), tmp_path, 0)))
    finally:
        stop.set()
        thread.join()
    outside = [record for record in records if isinstance(record, Stack) and record.node == OUTSIDE and record.unit == "cpu_s"]
    reasons = {record.frames[0][0]: record.weight for record in outside}
    assert reasons.get("[threads that no node has started]", 0.0) > 0.03, reasons
    assert cpu_by_node(records).get("waits", 0.0) < 0.1


SERVED: queue.SimpleQueue[Any] = queue.SimpleQueue()


def serve() -> None:
    """A thread of its own, which may be there before a run: calls what it is given."""
    while (job := SERVED.get()) is not None:
        function, done = job
        function()
        done.set()


def busy_100_ms() -> None:
    end = time.thread_time() + 0.1
    while time.thread_time() < end:
        pass


def gives_to_the_server(value: int) -> int:
    done = threading.Event()
    SERVED.put((busy_100_ms, done))
    done.wait()
    return value


def test_what_an_older_thread_does_for_a_node_is_said_to_be_no_nodes(tmp_path: Path) -> None:
    """It cannot be known for whom it works: `cpu` has a row with a reason, `lines` hits or a caveat."""
    helper = Helper(busy_100_ms, "busy_100_ms()", "", False, busy_100_ms)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        graph = Graph(Node("gives", exec=gives_to_the_server))
        stacks = [record for record in profile_cpu(job_of(graph, tmp_path, 0)) if isinstance(record, Stack)]
        lines = list(profile_lines(job_of(graph, tmp_path, 0), (helper,)))
    finally:
        SERVED.put(None)
        thread.join()
    reasons = {stack.frames[0][0]: stack.weight for stack in stacks if stack.node == OUTSIDE and stack.unit == "cpu_s"}
    assert reasons["[threads that no node has started]"] == pytest.approx(0.1, abs=0.05)
    hits = sum(line.hits for line in lines if isinstance(line, LineCost) and line.node == "busy_100_ms()")
    (caveat,) = [one for one in lines if isinstance(one, Caveat) and one.code == "line-threads"] or [None]
    assert hits > 100 if sys.version_info >= (3, 12) else hits == 0
    assert (caveat is None) == (sys.version_info >= (3, 12))
    assert caveat is None or "ms of CPU time: Python code that they ran has no hits" in caveat.message


def start_two(value: int) -> int:
    for _ in range(2):
        subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.05: pass"], check=True)
    return value


def start_in_thread(value: int) -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(os.system, "true").result() + value


def fork_one(value: int) -> int:
    if pid := os.fork():
        os.waitpid(pid, 0)
        return value
    os._exit(0)


@pytest.mark.parametrize(
    ("profile", "what"),
    [
        (profile_memory, "their memory is in no figure"),
        (profile_cpu, "their time is in no figure"),
        (profile_lines, "their time is in no figure"),
        (profile_spans, "their work, apart from the wait for it, is in no figure"),
        (partial(find_leaks, runs=1), "their memory is in no figure"),
    ],
)
def test_processes_that_nodes_start_are_named(profile: Callable[[Job], Any], what: str, tmp_path: Path) -> None:
    graph = Graph(Node("starts", exec=start_two) >> Node("forks", exec=fork_one) >> Node("gives", exec=start_in_thread))
    (caveat,) = [r for r in profile(job_of(graph, tmp_path, 0)) if isinstance(r, Caveat) and r.code == "own-processes"]
    runs = 4 if "memory" in what and profile is not profile_memory else 1
    parts = f'({2 * runs} by node "starts", {runs} by node "forks", {runs} by node "gives")'
    assert f"{4 * runs} processes were started {parts} and not followed: {what}" in caveat.message


def test_a_thread_that_waits_beside_its_node_adds_no_wall_time(tmp_path: Path) -> None:
    def waits(value: int) -> int:
        threads = [threading.Thread(target=time.sleep, args=(0.3,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        in_thread(Load(0, 0.1))
        return value

    begun = time.perf_counter()
    records = list(profile_cpu(job_of(Graph(Node("waits", exec=waits)), tmp_path, 0)))
    took_s = time.perf_counter() - begun
    wall_s = sum(r.weight for r in records if isinstance(r, Stack) and r.node == "waits" and r.unit == "s")
    cpu_s = cpu_by_node(records)["waits"]
    assert cpu_s == pytest.approx(0.1, abs=0.04)
    assert 0.35 < wall_s < took_s + cpu_s
