"""The seconds of nodes are charged where they begin and end, and the samples agree with them."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.runtime.markers import CHARGES, inherited, marked
from pocket_lab.profile.cpu import node_ledger
from pocket_lab.profile.cpu.node_ledger import NodeLedger
from pocket_lab.profile.cpu.stack_sampler import StackSampler
from pocket_lab.profile.inheritance import Inheritance
from pocket_lab.profile.lazy_results import Marks


def spin(cpu_s: float) -> None:
    begun = time.thread_time()
    while time.thread_time() - begun < cpu_s:
        pass


def charged(function: Any) -> dict[str, float]:
    ledger, inheritance = NodeLedger(lambda thread: True), Inheritance().start()
    ledger.start()
    try:
        function()
    finally:
        ledger.stop()
        inheritance.close()
    assert not CHARGES
    return ledger.seconds([])


def test_nodes_inside_each_other_and_threads_are_charged_apart() -> None:
    def outer() -> None:
        spin(0.02)
        marked(lambda: spin(0.03), "inner")()
        spin(0.01)
        thread = threading.Thread(target=spin, args=(0.04,))
        thread.start()
        thread.join()

    def run() -> None:
        spin(0.02)
        marked(outer, "outer")()
        spin(0.02)

    assert charged(run) == pytest.approx({"outer": 0.07, "inner": 0.03}, abs=0.004)


def test_tasks_that_take_turns_are_charged_apart() -> None:
    def visit(cpu_s: float) -> Any:
        async def child() -> None:
            await asyncio.sleep(0)
            spin(cpu_s)

        async def function(value: int) -> int:
            for _ in range(5):
                await asyncio.sleep(0)
                spin(cpu_s)
            await asyncio.create_task(child())
            return value

        return function

    graph = Graph(Node("first", exec=visit(0.004)) >> Node("second", exec=visit(0.008))).observed(Marks())
    found = charged(lambda: graph.map([1, 2, 3], workers=3, executor="asyncio"))
    assert found == pytest.approx({"first": 3 * 0.024, "second": 3 * 0.048}, rel=0.1)


def test_the_stacks_of_a_node_add_up_to_its_charge_also_of_a_thread_that_goes_on() -> None:
    go_on, stop = threading.Event(), threading.Event()

    def endless() -> None:
        spin(0.05)
        go_on.set()
        stop.wait()

    sampler = StackSampler(0.001).start()
    try:
        for _ in range(40):
            marked(spin, "short")(0.002)
        thread = threading.Thread(target=inherited("starts"), args=(endless,))
        thread.start()
        go_on.wait()
    finally:
        stacks = sampler.stop()
        stop.set()
        thread.join()
    seconds: dict[str, float] = {}
    for _, frames, times in stacks:
        for name in ("short", "starts"):
            if any(file == f"<node:{name}>" for _, file, _ in frames):
                seconds[name] = seconds.get(name, 0.0) + times.cpu_s
    assert seconds["short"] == pytest.approx(0.08, rel=0.05)
    assert seconds["starts"] == pytest.approx(0.05, rel=0.1)


def test_a_node_that_works_between_sleeping_ones_has_its_time_and_they_have_not() -> None:
    """The sampler gets the interpreter lock where a node sleeps, and would count the work before it there."""
    sampler = StackSampler(0.001).start()
    worked_s = 0.0
    try:
        for _ in range(40):
            begun = time.perf_counter()
            marked(spin, "works")(0.0018)
            worked_s += time.perf_counter() - begun
            marked(time.sleep, "sleeps")(0.004)
    finally:
        stacks = sampler.stop()
    of_node = {
        name: [times for _, frames, times in stacks if any(file == f"<node:{name}>" for _, file, _ in frames)]
        for name in ("works", "sleeps")
    }
    walls = {name: sum(times.wall_s for times in found) for name, found in of_node.items()}
    cpus = {name: sum(times.cpu_s for times in found) for name, found in of_node.items()}
    assert cpus["works"] == pytest.approx(40 * 0.0018, rel=0.05)
    assert cpus["sleeps"] < 0.02
    assert walls["works"] == pytest.approx(worked_s, rel=0.05)
    assert walls["sleeps"] >= 0.16


def test_a_starved_sampler_gives_a_node_no_more_than_its_threads_have_used() -> None:
    """It looks twice in all: what is divided among the stacks of a node is what the node was charged, not what it has seen."""
    sampler = StackSampler(60.0).start()
    begun = time.thread_time()
    try:
        spin(0.02)
        marked(spin, "works")(0.03)
        spin(0.02)
        used_s = time.thread_time() - begun
    finally:
        stacks = sampler.stop()
    found = sum(times.cpu_s for _, frames, times in stacks if any(file == "<node:works>" for _, file, _ in frames))
    assert 0.03 <= found <= used_s - 0.04


def test_an_identity_that_is_used_again_adds_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is seen at the end may have ended by then, and another one may have its identity and a younger clock."""
    clocks: dict[int, float] = {}
    monkeypatch.setattr(node_ledger, "thread_time", lambda: clocks[threading.get_native_id()])
    ledger = NodeLedger(lambda thread: False)
    seen: list[tuple[int, int]] = []

    def work(begun_s: float, ended_s: float) -> None:
        seen.append((threading.get_ident(), native_id := threading.get_native_id()))
        clocks[native_id] = begun_s
        ledger.charge(None)
        clocks[native_id] = ended_s
        ledger.charge("works")

    for times in ((1.0, 5.0), (0.0, 0.5)):
        thread = threading.Thread(target=work, args=times)
        thread.start()
        thread.join()
    (first_ident, first), (second_ident, second) = seen
    assert ledger.seconds([(first, "works", 5.0)]) == {"works": 4.5}, (first_ident, second_ident)
    assert ledger.seconds([(second, "works", 0.75)]) == {"works": 4.75}
