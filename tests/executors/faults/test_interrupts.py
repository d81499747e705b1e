"""An interrupt that other code swallows still ends the measurement, and the handler of before is back afterwards."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

import pytest

import pocket_lab
from pocket_lab import bench, memory
from pocket_lab.executors.faults.frames import hide_own_frames, is_machinery
from pocket_lab.executors.faults.interrupts import Interrupts
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.lab.bench import Bench
from pocket_lab.lab.runs.interruptible import interruptible
from pocket_lab.records.samples import Sample


@pytest.fixture(autouse=True)
def _handler_of_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is before


def press_stop() -> None:
    """Ctrl-C, delivered at once."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)


class Finalised:
    def __del__(self) -> None:
        press_stop()


def swallow_by_catching() -> None:
    with suppress(BaseException):
        press_stop()


def swallow_in_a_finaliser() -> None:
    finalised = Finalised()
    del finalised


@pytest.mark.parametrize("isolation", ["process", "kernel"])
@pytest.mark.parametrize("swallow", [swallow_by_catching, swallow_in_a_finaliser])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_a_watcher_swallows_ends_the_sweep_and_keeps_what_was_measured(swallow: Any, isolation: str) -> None:
    stopped: list[float] = []

    def watch(record: object) -> None:
        if isinstance(record, Sample) and record.round == 3 and not stopped:
            stopped.append(time.monotonic())
            swallow()

    with pytest.raises(KeyboardInterrupt):
        bench(lambda: time.sleep(0.002), budget=30, precision=1e-9, watch=watch, isolation=isolation)
    assert time.monotonic() - stopped[0] < 5
    result = pocket_lab.last()
    assert isinstance(result, Bench)
    assert list(result.frame["status"]) == ["cancelled"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_a_target_swallows_in_this_process_ends_the_sweep() -> None:
    runs: list[int] = []

    def target() -> None:
        runs.append(1)
        time.sleep(0.002)
        if len(runs) == 50:
            swallow_in_a_finaliser()

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        bench(target, budget=30, precision=1e-9, isolation="kernel")
    assert time.monotonic() - start < 10


def test_a_stop_that_is_swallowed_before_the_first_record_or_after_the_last_is_raised() -> None:
    def build(size: int) -> int:
        swallow_by_catching()
        return size

    with pytest.raises(KeyboardInterrupt):
        memory(abs, size=1, input=build, isolation="kernel")


def test_entered_again_inside_itself_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupts, before = Interrupts(), signal.getsignal(signal.SIGINT)
    with interrupts:
        with interrupts:
            swallow_by_catching()
        assert signal.getsignal(signal.SIGINT) != before
        with pytest.raises(KeyboardInterrupt):
            interrupts.raise_swallowed()
        interrupts.raise_swallowed()
    assert signal.getsignal(signal.SIGINT) == before


def test_an_interrupt_that_was_seen_is_raised_once() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts():
        press_stop()
    time.sleep(0.01)


def test_what_is_raised_afterwards_is_not_of_an_earlier_interrupt() -> None:
    interrupts = Interrupts()
    with interrupts:
        interrupts.note()
    interrupts.pass_on(KeyboardInterrupt())


def test_an_interrupt_while_a_library_is_imported_for_us_shows_the_frames_of_the_user_alone() -> None:
    interrupt = KeyboardInterrupt()
    files = ["cell.py", is_machinery.__code__.co_filename, multiprocessing.__file__, "<frozen importlib._bootstrap>", "mine.py"]

    def call(rest: list[str]) -> None:
        if not rest:
            raise interrupt
        code = compile("call(rest)", rest[0], "exec")
        exec(code, {"call": call, "rest": rest[1:]})

    with pytest.raises(KeyboardInterrupt):
        call(files)
    interrupt.__traceback__ = _only(interrupt.__traceback__, files)
    hide_own_frames(interrupt)
    shown = [line.strip() for line in interrupt._render_traceback_() if line.startswith("  File")]  # type: ignore[attr-defined]
    assert shown == ['File "cell.py", line 1, in <module>', 'File "mine.py", line 1, in <module>']


def _only(trace: TracebackType | None, files: list[str]) -> TracebackType | None:
    if trace is None:
        return None
    rest = _only(trace.tb_next, files)
    is_named = trace.tb_frame.f_code.co_filename in files
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno) if is_named else rest


def test_without_an_interrupt_nothing_is_raised() -> None:
    with Interrupts() as interrupts:
        interrupts.raise_swallowed()


def test_a_handler_of_the_users_own_keeps_its_meaning() -> None:
    seen: list[int] = []

    def own(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = signal.signal(signal.SIGINT, own)
    try:
        with Interrupts() as interrupts:
            press_stop()
            interrupts.raise_swallowed()
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]


def test_a_handler_that_was_installed_meanwhile_stays() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with Interrupts():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_where_interrupts_are_ignored_and_in_other_threads_nothing_is_installed() -> None:
    handlers: list[object] = []

    def enter() -> None:
        with Interrupts():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        enter()
    finally:
        signal.signal(signal.SIGINT, before)
    assert handlers == [before, signal.SIG_IGN]


def interrupts_the_main_thread(value: int) -> int:
    os.kill(os.getpid(), signal.SIGINT)
    ended.wait(0.5)
    return value


async def is_interrupted(value: int) -> int:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        await asyncio.sleep(0.01)
    return value


ended = threading.Event()


@pytest.mark.parametrize(
    "run",
    [
        lambda graph: graph.run(1),
        lambda graph: graph.map([1, 2]),
        lambda graph: graph.map([1, 2], workers=2, executor="threads"),
        lambda graph: list(graph.imap([1, 2], workers=1, executor="threads")),
        lambda graph: Graph(Node("waits", exec=is_interrupted)).run(1),
        lambda graph: Graph(Node("waits", exec=is_interrupted)).map([1, 2], executor="asyncio"),
        lambda graph: interruptible(graph.run)(1),
    ],
    ids=["run", "map", "threads", "imap", "async", "asyncio", "verb"],
)
def test_the_traceback_of_an_interrupt_in_a_script_has_no_frame_of_ours(run: Any) -> None:
    """A script shows the traceback itself, and knows nothing of `_render_traceback_`."""
    ended.clear()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            run(Graph(Node("waits", exec=interrupts_the_main_thread)))
    finally:
        ended.set()
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert files[0] == __file__
    assert not [file for file in files if is_machinery(file)]
