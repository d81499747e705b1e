"""One contract for every pool: serial, threads, processes, asyncio and cluster behave alike."""

from __future__ import annotations

import itertools
import linecache
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import SharedCluster

from pocket_lab.errors import ProcessDied, UsageError
from pocket_lab.executors.outcome import chain, user_frames
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import EXECUTORS, open_pool

CONCURRENT = ("threads", "processes", "cluster")


Opener = Callable[[str, int], Pool]


@pytest.fixture
def opened(cluster: SharedCluster) -> Opener:
    """`open_pool`, except that all pools on a cluster share one."""
    return lambda kind, size: cluster.pool(size) if kind == "cluster" else open_pool(kind, size)


@pytest.fixture(params=EXECUTORS)
def pool(request: pytest.FixtureRequest, opened: Opener) -> Iterator[Pool]:
    with opened(request.param, 3) as pool:
        yield pool


@pytest.fixture(params=["processes", "cluster"])
def remote(request: pytest.FixtureRequest, opened: Opener) -> Iterator[Pool]:
    with opened(request.param, 2) as pool:
        yield pool


def values(pool: Pool, function: Callable[[Any], Any], items: Iterable[Any], workers: int | None = None) -> list[Any]:
    """The results, or the names of the errors."""
    outcomes = list(pool.imap(function, items, workers))
    assert [outcome.index for outcome in outcomes] == list(range(len(outcomes)))
    return [outcome.value if outcome.error is None else type(outcome.error).__name__ for outcome in outcomes]


def noting(file: Path, nap_s: float) -> Callable[[int], int]:
    """A function that sleeps and then writes a line, so that the file shows items that still run after a call has ended."""

    def note(item: int) -> int:
        time.sleep(nap_s)
        with open(file, "a") as lines:
            lines.write(f"{item}\n")
        return item

    file.touch()
    return note


def assert_quiet(file: Path, fewer_than: int) -> None:
    seen = file.read_text()
    time.sleep(0.2)
    assert file.read_text() == seen
    assert len(seen.split()) < fewer_than


@pytest.mark.parametrize("source", [list, iter], ids=["of known length", "of unknown length"])
def test_results_keep_the_order_of_the_items_whatever_each_takes(pool: Pool, source: Callable[[Any], Any]) -> None:
    naps_s = [0.08, 0.0, 0.04, 0.0, 0.02, 0.0, 0.0, 0.01, *([0.0] * 92)]
    items = [(number, nap_s) for number, nap_s in enumerate(naps_s)]
    assert values(pool, lambda item: (time.sleep(item[1]), item[0])[1], source(items)) == list(range(100))


@pytest.mark.parametrize("empty", [[], iter(()), range(0)], ids=["list", "iterator", "range"])
def test_no_items_give_no_outcomes(pool: Pool, empty: Iterable[int]) -> None:
    assert values(pool, lambda item: item, empty) == []


def test_closures_and_lambdas_and_builtins_work_one_after_the_other_on_one_pool(pool: Pool) -> None:
    factor = 3
    assert values(pool, lambda item: item * factor, range(10)) == list(range(0, 30, 3))
    assert values(pool, abs, [-1, -2]) == [1, 2]
    assert [values(pool, lambda item, plus=plus: item + plus, [1]) for plus in range(4)] == [[1], [2], [3], [4]]


def test_a_function_is_used_in_its_present_state_at_each_call(pool: Pool) -> None:
    box = [1]

    def plus_box(item: int) -> int:
        return item + box[0]

    assert values(pool, plus_box, [0, 10]) == [1, 11]
    box[0] = 5
    assert values(pool, plus_box, [0, 10]) == [5, 15]


def test_an_error_is_the_outcome_of_its_item_and_the_others_go_on(pool: Pool) -> None:
    outcomes = list(pool.imap(lambda item: 12 // item, [3, 0, 4, 0, 6]))
    assert [outcome.value for outcome in outcomes] == [4, None, 3, None, 2]
    assert [(o.index, repr(o.error)) for o in outcomes if o.error] == [
        (index, "ZeroDivisionError('integer division or modulo by zero')") for index in (1, 3)
    ]


def test_an_error_carries_the_frames_of_the_users_code_and_no_others(pool: Pool) -> None:
    def inner(item: int) -> int:
        raise LookupError(f"no {item}")

    def outer(item: int) -> int:
        return inner(item)

    (outcome,) = pool.imap(outer, [7])
    assert outcome.error is not None
    frames = user_frames(outcome.error)
    assert [(file, function) for file, _, function in frames] == [(__file__, "outer"), (__file__, "inner")]
    assert linecache.getline(__file__, frames[-1][1]).strip() == 'raise LookupError(f"no {item}")'


def test_an_error_with_a_cause_carries_the_frames_of_both(pool: Pool) -> None:
    def inner() -> None:
        raise ValueError("the cause")

    def outer(item: int) -> None:
        try:
            inner()
        except ValueError as error:
            raise KeyError("the error") from error

    (outcome,) = pool.imap(outer, [1])
    assert outcome.error is not None
    links = list(chain(outcome.error))
    assert [repr(link) for link in links] == ["KeyError('the error')", "ValueError('the cause')"]
    assert [[function for _, _, function in user_frames(link)] for link in links] == [["outer"], ["outer", "inner"]]


def test_an_error_that_cannot_be_printed_is_an_outcome_like_any_other(pool: Pool) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            return self.args[0]

    def work(item: int) -> int:
        if item == 1:
            raise Mute(item)
        return item

    assert values(pool, work, range(3)) == [0, "Mute", 2]


def test_a_task_that_leaves_python_leaves_the_call_and_not_the_pool(pool: Pool) -> None:
    with pytest.raises(SystemExit, match="3"):
        list(pool.imap(lambda item: exit(3), [1]))
    assert values(pool, abs, [-1]) == [1]


@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.parametrize(("size", "workers", "most"), [(3, 2, 2), (2, None, 2), (2, 9, 2), (2, 1, 1)])
def test_as_many_tasks_are_in_flight_as_there_are_workers_and_never_more(
    opened: Opener, kind: str, size: int, workers: int | None, most: int, tmp_path: Path
) -> None:
    """The first tasks wait for each other, so that all of them are in flight at once however slow the machine is."""
    most = 1 if kind in ("serial", "asyncio") else most  # a plain function runs in place on an event loop

    def nap(item: int) -> tuple[float, float]:
        start_s = time.monotonic()
        (tmp_path / str(item)).touch()
        while item < most and len(list(tmp_path.iterdir())) < most and time.monotonic() < start_s + 20:
            time.sleep(0.001)
        time.sleep(0.005)
        return start_s, time.monotonic()

    with opened(kind, size) as pool:
        spans = values(pool, nap, iter(range(24)), workers)
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) == most


@pytest.mark.parametrize("kind", CONCURRENT)
def test_an_error_that_ends_a_call_does_not_wait_for_long_chunks(opened: Opener, kind: str) -> None:
    def work(item: int) -> None:
        time.sleep(0.05)
        if item == 0:
            raise ValueError("no")

    with opened(kind, 2) as pool:
        pool.start()
        start = time.monotonic()
        outcomes = pool.imap(work, range(400))
        assert isinstance(next(outcomes).error, ValueError)
        outcomes.close()  # type: ignore[attr-defined]
        assert time.monotonic() - start < 2.0


@pytest.mark.parametrize(("kind", "size"), [(kind, size) for kind in (*CONCURRENT, "asyncio") for size in (0, -1)])
def test_less_than_one_worker_is_a_usage_error(kind: str, size: int) -> None:
    with pytest.raises(UsageError, match=f"{kind}: {size} workers make no pool"):
        open_pool(kind, size)


@pytest.mark.parametrize("kind", CONCURRENT)
def test_a_call_with_less_than_one_worker_is_a_usage_error(opened: Opener, kind: str) -> None:
    with opened(kind, 2) as pool, pytest.raises(UsageError, match="-1"):
        list(pool.imap(abs, [1, 2], -1))


def test_an_unknown_kind_is_a_usage_error_that_lists_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match="executor 'gpu' is not known; choose from serial, threads, processes, asyncio, cluster"
    ):
        open_pool("gpu")


def test_an_endless_input_is_read_only_as_far_as_needed(pool: Pool) -> None:
    read: list[int] = []
    endless = (read.append(item) or item for item in itertools.count())  # type: ignore[func-returns-value]
    slow_first = pool.imap(lambda item: (time.sleep(0 if item else 0.3), item)[1], endless)
    first = [outcome.value for outcome in itertools.islice(slow_first, 5)]
    assert first == [0, 1, 2, 3, 4]
    assert len(read) <= 5 + 20 * pool.size * (256 if pool.name == "cluster" else 64)  # chunks of a millisecond are 64 at most


def test_an_input_that_fails_on_the_way_raises_its_own_error(pool: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        list(pool.imap(abs, (1 // item for item in (1, 1, 0, 1))))
    assert values(pool, abs, [-1]) == [1]


def test_closing_an_iterator_early_leaves_nothing_running(pool: Pool, tmp_path: Path) -> None:
    for outcome in pool.imap(noting(tmp_path / "notes", 0.02), iter(range(40))):
        if outcome.index == 2:
            break
    del outcome
    assert_quiet(tmp_path / "notes", fewer_than=40)
    assert values(pool, abs, [-1, -2]) == [1, 2]


def test_an_interrupt_in_the_consumer_leaves_nothing_behind(pool: Pool, tmp_path: Path) -> None:
    def consume() -> None:
        for _ in pool.imap(noting(tmp_path / "notes", 0.02), iter(range(40))):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    pool.close()
    assert_quiet(tmp_path / "notes", fewer_than=40)


@pytest.mark.parametrize(("kind", "nap_s"), [("serial", 60.0), ("threads", 1.0), ("processes", 60.0), ("cluster", 60.0)])
def test_ctrl_c_ends_a_call_that_waits(opened: Opener, kind: str, nap_s: float) -> None:
    """A thread cannot be stopped from outside: the call waits for the tasks in flight, and starts no other."""
    main = threading.get_ident()
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT))
    start_s = time.monotonic()
    with opened(kind, 2) as pool:
        assert values(pool, abs, [-1]) == [1]
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            list(pool.imap(time.sleep, [nap_s] * 8))
    assert time.monotonic() - start_s < 30.0
    timer.join()


@pytest.mark.parametrize("known", [list, iter], ids=["of known length", "of unknown length"])
def test_a_worker_that_is_killed_is_process_died_and_the_pool_goes_on(remote: Pool, known: Callable[[Any], Any]) -> None:
    with pytest.raises(ProcessDied, match="a worker process died: "):
        list(remote.imap(lambda item: os.kill(os.getpid(), 9) if item == 5 else item, known(range(20))))
    assert values(remote, abs, [-1, -2]) == [1, 2]


def test_a_worker_that_was_killed_between_two_calls_is_process_died_at_most_once(remote: Pool) -> None:
    for pid in set(values(remote, lambda item: (time.sleep(0.05), os.getpid())[1], range(4))):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    try:
        assert values(remote, abs, [-1]) == [1]
    except ProcessDied:
        assert values(remote, abs, [-1]) == [1]


def test_a_result_that_cannot_be_sent_back_is_the_error_of_its_item(remote: Pool) -> None:
    outcomes = list(remote.imap(lambda item: threading.Lock() if item == 2 else item, range(4)))
    assert [outcome.value for outcome in outcomes] == [0, 1, None, 3]
    assert isinstance(outcomes[2].error, TypeError)
    assert str(outcomes[2].error).startswith("the result of item 2 cannot be sent back from its process (it is of type lock, ")


def test_a_result_that_cannot_be_rebuilt_here_is_the_error_of_its_item(remote: Pool) -> None:
    class Picky(Exception):
        def __init__(self, one: str, two: str) -> None:
            super().__init__(one)

    assert values(remote, lambda item: Picky("a", "b") if item == 2 else item, range(4)) == [0, 1, "TypeError", 3]


class Unloadable:
    """Can be pickled, and cannot be rebuilt: the error of that cannot be rebuilt either."""

    def __reduce__(self) -> Any:
        class Picky(Exception):
            def __init__(self, one: str, two: str) -> None:
                super().__init__(one)

        def fail() -> None:
            raise Picky("no", "no")

        return fail, ()


@pytest.mark.parametrize(("bad", "way"), [(threading.Lock(), "sent to another process"), (Unloadable(), "rebuilt")])
def test_an_item_that_does_not_arrive_is_the_error_of_this_item_alone(remote: Pool, bad: Any, way: str) -> None:
    for _ in range(2):  # in chunks of one item, and in longer ones
        items = [*range(20), bad, *range(20, 40)]
        outcomes = list(remote.imap(abs, items))
        assert [outcome.value for outcome in outcomes if outcome.error is None] == list(range(40))
        (lost,) = [outcome for outcome in outcomes if outcome.error is not None]
        assert isinstance(lost.error, UsageError)
        assert f"item 20 cannot be {way}" in str(lost.error)


def test_a_function_that_cannot_be_rebuilt_in_a_worker_is_its_error_and_the_pool_goes_on(remote: Pool) -> None:
    unloadable = Unloadable()
    with pytest.raises(RuntimeError, match="Picky: no"):
        values(remote, lambda item: (unloadable, item), range(4))
    assert values(remote, abs, [-1]) == [1]


def test_a_function_that_cannot_be_sent_is_an_error_that_says_why(remote: Pool) -> None:
    lock = threading.Lock()
    with pytest.raises((TypeError, UsageError), match="lock"):
        values(remote, lambda item: (lock, item), range(4))
    assert values(remote, abs, [-1]) == [1]


def test_a_function_is_pickled_once_and_not_with_each_chunk(remote: Pool) -> None:
    pickled: list[int] = []

    class Plus:
        def __init__(self, plus: int) -> None:
            self.plus = plus

        def __getstate__(self) -> dict[str, int]:
            pickled.append(1)
            return {"plus": self.plus}

        def __call__(self, item: int) -> int:
            return item + self.plus

    assert values(remote, Plus(1), iter(range(50))) == list(range(1, 51))
    assert len(pickled) == 1


def burn(item: int) -> float:
    """Use a core for a while; returns the CPU seconds."""
    start_s = time.process_time()
    while (burnt_s := time.process_time() - start_s) < 0.03:
        pass
    return burnt_s


@pytest.mark.parametrize("kind", ["processes", "cluster"])
def test_cpu_seconds_of_workers_are_counted_once_each(opened: Opener, kind: str) -> None:
    with opened(kind, 1) as pool:
        total_s = 0.0
        for _ in range(3):
            before_s = pool.cpu_s
            burnt_s = sum(values(pool, burn, iter(range(8))))
            assert burnt_s <= pool.cpu_s - before_s < burnt_s + 1.5
            total_s += burnt_s
    assert total_s >= 3 * 8 * 0.03


@pytest.mark.parametrize("kind", ["serial", "threads", "asyncio"])
def test_cpu_seconds_of_the_callers_own_process_are_not_counted(opened: Opener, kind: str) -> None:
    with opened(kind, 2) as pool:
        assert sum(values(pool, burn, range(4))) > 0.1
        assert pool.cpu_s == 0.0


def test_every_worker_calls_the_function_once_and_the_caller_does_not(pool: Pool) -> None:
    here = os.getpid(), threading.get_ident()
    for _ in range(3):
        found = pool.everywhere(lambda: (os.getpid(), threading.get_ident()))
        assert len(set(found)) == len(found) == (pool.size if pool.name in CONCURRENT else 0)
        assert here not in found
    assert {pid == here[0] for pid, _ in found} <= {pool.name == "threads"}


@pytest.mark.parametrize("name", CONCURRENT)
def test_what_fails_everywhere_is_raised_and_the_pool_lives_on(opened: Opener, name: str) -> None:
    with opened(name, 2) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.everywhere(lambda: 1 // 0)
        assert values(pool, abs, [-1, -2]) == [1, 2]


def test_a_worker_that_dies_during_a_call_everywhere_is_process_died(remote: Pool) -> None:
    with pytest.raises(ProcessDied, match="a worker process died"):
        remote.everywhere(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert values(remote, abs, [-3]) == [3]
