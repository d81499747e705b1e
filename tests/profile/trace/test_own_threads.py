"""What a node consumes in threads of its own is consumed by the node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.observers import as_worker, thread_name
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.trace.instrument import profile_spans
from pocket_lab.profile.trace.self_time import self_times
from pocket_lab.records.spans import Span


def read(count: int) -> Iterator[int]:
    for number in range(count):
        time.sleep(0.03)
        yield number


def by_pool(items: Any) -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(sum, items).result()


def by_thread(items: Any) -> int:
    found: list[int] = []
    thread = threading.Thread(target=found.extend, args=(items,))
    thread.start()
    thread.join()
    return sum(found)


@pytest.mark.parametrize("consume", [by_pool, by_thread])
@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_the_time_of_a_generator_is_taken_from_the_node_that_consumes_it(consume: Callable[[Any], int], executor: str) -> None:
    graph = Graph(Node("read", exec=read) >> Node("consume", exec=consume))
    items = Input.ABSENT if executor == "serial" else lambda size: [size] * 2
    sweep = parse_sweep(size=5, executor=executor, workers=1, drive="run" if executor == "serial" else "map")
    submit, start = ThreadPoolExecutor.submit, threading.Thread.start
    spans = [record for record in profile_spans(plan_job(graph, items, sweep, None)) if isinstance(record, Span)]
    assert (ThreadPoolExecutor.submit, threading.Thread.start) == (submit, start)
    consumers = {span.id: span for span in spans if span.node == "consume"}
    yields = [span for span in spans if span.phase == "yield"]
    assert len(yields) == len(consumers) > 0
    own_s = self_times(spans)
    for span in yields:
        assert span.parent in consumers
        assert span.worker == consumers[span.parent].worker
        assert span.busy_s is not None
        assert span.busy_s >= 0.15
        assert own_s[span.parent] < own_s[span.id] / 2


def test_a_worker_of_a_pool_of_ours_keeps_its_own_name() -> None:
    assert as_worker("another", thread_name) == "another"
    assert thread_name() == threading.current_thread().name
    names = []
    thread = threading.Thread(target=lambda: names.append(as_worker("another", thread_name)), name="pocket-lab-worker_0")
    thread.start()
    thread.join()
    assert names == ["pocket-lab-worker_0"]
