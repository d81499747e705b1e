"""An interrupt at a gate comes a moment later, once; nothing that is started uninterrupted gets one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from pocket_lab.executors.faults.interrupt_gate import InterruptGate, Uninterrupted


@pytest.fixture(autouse=True)
def _handler_of_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.signal(signal.SIGINT, before) is before


def press_stop() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_inside_is_raised_at_the_end_of_the_outermost() -> None:
    done: list[str] = []
    gate = InterruptGate()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with gate:
            with gate:
                press_stop()
                done.append("inner")
            done.append("outer")
        done.append("not reached")
    assert done == ["inner", "outer"]
    with gate:
        done.append("again")
    assert done[-1] == "again"


def test_an_error_inside_is_the_context_of_the_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt) as stopped, InterruptGate():  # noqa: PT012
        press_stop()
        raise ValueError("inside")
    assert repr(stopped.value.__context__) == "ValueError('inside')"


def test_another_handler_gets_the_interrupt_that_waits() -> None:
    seen: list[int] = []
    gate, before = InterruptGate(), signal.getsignal(signal.SIGINT)
    with gate:
        assert gate.raises_interrupts
        press_stop()
        assert gate.replace_handler(lambda number, frame: seen.append(number)) is before
    assert seen == [signal.SIGINT]
    with gate:
        assert not gate.raises_interrupts
        gate.replace_handler(before)


def test_in_other_threads_it_does_nothing() -> None:
    handlers: list[object] = []

    def enter() -> None:
        with InterruptGate() as gate:
            handlers.append(signal.getsignal(signal.SIGINT))
            assert not gate.raises_interrupts

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]


def test_a_process_that_starts_uninterrupted_survives_the_interrupt_of_its_group() -> None:
    with Uninterrupted():
        process = subprocess.Popen([sys.executable, "-c", "print('lives')"], stdout=subprocess.PIPE, process_group=0)
    os.killpg(process.pid, signal.SIGINT)  # while its interpreter starts
    assert process.communicate(timeout=20)[0] == b"lives\n"
    with pytest.raises(KeyboardInterrupt):
        press_stop()
