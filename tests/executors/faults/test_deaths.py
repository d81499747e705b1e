"""A worker that dies costs its own item: its exit code and item are named, and the other results are kept."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.faults.deaths import describe_exit
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import open_pool


@pytest.fixture
def pool() -> Iterator[Pool]:
    with open_pool("processes", 2) as opened:
        yield opened


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "ended early with exit code 0"),
        (7, "ended early with exit code 7"),
        (-11, "was ended by SIGSEGV"),
        (-9, "was ended by SIGKILL (killed from outside, or out of memory)"),
        (-99, "was ended by signal 99"),
    ],
)
def test_an_exit_code_in_words(code: int, text: str) -> None:
    assert describe_exit(code) == text


def deadly(item: int) -> int:
    if item == 5:
        os._exit(0)
    if item == 11:
        os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(0.002)
    return 2 * item


def test_each_item_has_its_result_or_the_death_of_its_own_worker(pool: Pool) -> None:
    outcomes = list(pool.imap_collect(deadly, iter(range(16))))
    assert [outcome.index for outcome in outcomes] == list(range(16))
    assert [outcome.value for outcome in outcomes] == [None if item in (5, 11) else 2 * item for item in range(16)]
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert [(type(error), error.item) for error in errors] == [(ProcessDied, 5), (ProcessDied, 11)]  # type: ignore[attr-defined]
    assert str(errors[0]) == "a worker process died: it ended early with exit code 0 while it ran item 5"
    assert str(errors[1]) == "a worker process died: it was ended by SIGSEGV while it ran item 11"


def test_a_call_that_does_not_collect_ends_with_the_exit_code_and_the_item(pool: Pool) -> None:
    with pytest.raises(
        ProcessDied, match=r"^a worker process died: it ended early with exit code 3 while it ran item 4$"
    ) as died:
        list(pool.imap(lambda item: os._exit(3) if item == 4 else item, range(9)))
    again = pickle.loads(pickle.dumps(died.value))
    assert (str(again), again.item) == (str(died.value), 4)


class Bomb:
    """Ends the process that loads it, or the one that sends it."""

    def __init__(self, on: str) -> None:
        self.on = on

    def __reduce__(self) -> Any:
        if self.on == "sending":
            os._exit(4)
        return os._exit, (6,)


def test_a_worker_that_dies_as_it_sends_a_result_dies_of_that_item(pool: Pool) -> None:
    outcomes = list(pool.imap_collect(lambda item: Bomb("sending") if item == 2 else item, range(4)))
    assert [outcome.value for outcome in outcomes] == [0, 1, None, 3]
    assert "exit code 4 while it ran item 2" in str(outcomes[2].error)


def test_workers_that_die_again_and_again_without_an_item_end_the_call(pool: Pool) -> None:
    with pytest.raises(ProcessDied, match="exit code 6 while it had no item"):
        list(pool.imap_collect(abs, [Bomb("loading")]))


def test_idle_workers_that_are_killed_cost_nothing(pool: Pool) -> None:
    for pid in pool.everywhere(os.getpid):
        os.kill(pid, signal.SIGKILL)
    assert [outcome.value for outcome in pool.imap_collect(abs, range(-6, 0))] == [6, 5, 4, 3, 2, 1]


class Leaving(BaseException):
    """What no pool knows."""


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_what_is_no_exception_ends_the_call_and_not_the_workers(kind: str) -> None:
    def leave(item: int) -> int:
        raise Leaving("now") if item else GeneratorExit

    with open_pool(kind, 1) as opened:
        pids = opened.everywhere(os.getpid)
        with pytest.raises(GeneratorExit):
            list(opened.imap(leave, [0]))
        with pytest.raises(Leaving, match="now"):
            list(opened.imap(leave, [1]))
        assert opened.everywhere(os.getpid) == pids
