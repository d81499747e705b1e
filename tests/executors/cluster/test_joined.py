"""A cluster that others have started: its slots are used, its deaths survived, and it is left as it was."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import ForeignCluster, Relay

from pocket_lab.errors import Cancelled, ProcessDied
from pocket_lab.executors.cluster import joined
from pocket_lab.executors.cluster.joined import JoinedCluster
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import open_pool


@pytest.fixture
def pool(foreign: ForeignCluster) -> Iterator[Pool]:
    with open_pool(foreign.address, 4) as opened:
        yield opened


def killed_at(victim: int) -> Callable[[int], int]:
    """A function that kills its worker at one item."""

    def work(item: int) -> int:
        time.sleep(0.01)
        if item == victim:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    return work


def results(pool: Pool, function: Any, items: Any, workers: int | None = None) -> list[Any]:
    return [outcome.get() for outcome in pool.imap(function, items, workers)]


@pytest.mark.parametrize("source", [list, iter])
def test_results_come_in_order_from_all_workers(pool: Pool, source: Any) -> None:
    found = results(pool, lambda item: (time.sleep(0.02), item, os.getpid())[1:], source(range(40)))
    assert [item for item, _ in found] == list(range(40))
    assert len({pid for _, pid in found}) == 2


def test_a_slot_is_a_thread_of_a_worker_and_a_smaller_count_uses_a_part_of_them(pool: Pool, tmp_path: Path) -> None:
    """The first tasks wait for each other, however slow the machine is."""

    def meet(item: int, most: int) -> tuple[float, float]:
        start_s = time.monotonic()
        (tmp_path / f"{most}-{item}").touch()
        while item < most and len(list(tmp_path.glob(f"{most}-*"))) < most and time.monotonic() < start_s + 20:
            time.sleep(0.001)
        time.sleep(0.01)
        return start_s, time.monotonic()

    for most in (4, 2, 1):
        spans = results(pool, lambda item, most=most: meet(item, most), iter(range(12)), most)
        assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) == most


def test_a_function_is_called_once_in_each_worker_process(pool: Pool) -> None:
    pids = pool.everywhere(os.getpid)
    assert len(set(pids)) == len(pids) == 2


def test_cpu_seconds_are_those_of_the_tasks(pool: Pool) -> None:
    def burn(item: int) -> float:
        start_s = time.thread_time()
        while (burnt_s := time.thread_time() - start_s) < 0.03:
            pass
        return burnt_s

    before_s = pool.cpu_s
    burnt_s = sum(results(pool, burn, range(8)))
    assert burnt_s <= pool.cpu_s - before_s < burnt_s + 1.0


def test_a_worker_that_is_killed_is_process_died_and_the_next_call_has_the_others(pool: Pool) -> None:
    with pytest.raises(ProcessDied, match=r"a worker process died: it has left the cluster, or was killed \(it was at tcp://"):
        results(pool, lambda item: os.kill(os.getpid(), signal.SIGKILL) if item == 5 else item, range(20))
    assert results(pool, abs, range(-20, 0)) == list(range(20, 0, -1))


def test_no_item_is_lost_or_comes_twice_where_one_kills_its_worker(pool: Pool) -> None:
    def work(item: int) -> int:
        if item == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    outcomes = list(pool.imap_collect(work, range(30)))
    assert [outcome.index for outcome in outcomes] == list(range(30))
    assert [outcome.value for outcome in outcomes if outcome.error is None] == [item for item in range(30) if item != 7]
    error = outcomes[7].error
    assert isinstance(error, ProcessDied)
    assert error.item == 7


def test_a_new_worker_that_cannot_be_asked_at_once_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    refuse = JoinedCluster._refuse_other_environments

    async def slow(cluster: JoinedCluster, workers: dict[str, int]) -> None:
        asked.extend(workers)
        if 2 < len(asked) < 5:
            raise TimeoutError
        await refuse(cluster, workers)

    monkeypatch.setattr(JoinedCluster, "_refuse_other_environments", slow)
    with ForeignCluster(2, 1) as started, open_pool(started.address, 2) as pool:
        for victim in (3, 5):
            assert len(pool.everywhere(os.getpid)) == 2
            outcomes = list(pool.imap_collect(killed_at(victim), range(20)))
            assert [outcome.index for outcome in outcomes if outcome.error is not None] == [victim]
        assert len(set(pool.everywhere(os.getpid))) == 2
    assert len(asked) > 5


def test_fewer_workers_than_a_call_needs_are_said_where_none_comes_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "_WORKERS_S", 0.5)

    async def never(cluster: JoinedCluster, address: str, threads: int) -> None:
        """Nobody is welcome."""

    with ForeignCluster(2, 1) as started, open_pool(started.address, 2) as pool:
        assert len(pool.everywhere(os.getpid)) == 2
        monkeypatch.setattr(JoinedCluster, "_welcome", never)
        assert len(list(pool.imap_collect(killed_at(0), range(8)))) == 8
        with pytest.raises(ProcessDied, match="has lost workers: 1 slot of 2 is left, so start workers again or use fewer"):
            pool.everywhere(os.getpid)


def test_a_connection_that_is_cut_is_made_again_and_nothing_is_lost_or_runs_twice(tmp_path: Path) -> None:
    def work(item: int) -> int:
        with (tmp_path / "runs").open("a") as lines:
            lines.write(f"{item}\n")
        time.sleep(0.02)
        return item

    with (
        ForeignCluster(2, 1) as started,
        Relay(int(started.address.rpartition(":")[2])) as relay,
        open_pool(relay.address, 2) as pool,
    ):
        found = []
        for value in (outcome.get() for outcome in pool.imap(work, range(60))):
            found.append(value)
            if value % 20 == 9:
                relay.cut()
        relay.cut()  # between two calls nobody misses it
        assert len(list(pool.imap_collect(killed_at(3), range(8)))) == 8
        assert len(pool.everywhere(os.getpid)) == 2
    assert found == list(range(60))
    assert sorted((tmp_path / "runs").read_text().split(), key=int) == [str(item) for item in range(60)]


def test_where_the_connection_stays_cut_the_error_says_what_may_go_on_and_nothing_runs_beside_it(tmp_path: Path) -> None:
    def work(item: int) -> int:
        (tmp_path / f"{item}-{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(0.5)
        return item

    with (
        ForeignCluster(1, 1) as started,
        Relay(int(started.address.rpartition(":")[2])) as relay,
        open_pool(relay.address, 1) as pool,
    ):
        outcomes = pool.imap_collect(work, range(8))
        next(outcomes)
        relay.is_open = False
        relay.cut()
        with pytest.raises(ProcessDied, match=r"cannot be reached any more at tcp://.*; it may go on with item"):
            list(outcomes)
        runs = [int(path.name.partition("-")[0]) for path in tmp_path.iterdir()]
        assert len(runs) == len(set(runs))
        relay.is_open = True
        assert results(pool, abs, [-1, -2]) == [1, 2]


def test_a_cancel_does_not_wait_for_the_items_that_run_and_starts_no_others(pool: Pool, tmp_path: Path) -> None:
    def work(item: int) -> None:
        (tmp_path / str(item)).touch()
        time.sleep(1.0)

    def check() -> None:
        if len(list(tmp_path.iterdir())) == 4:
            cancelled_s.append(time.monotonic())
            raise Cancelled("now")

    cancelled_s: list[float] = []
    with pytest.raises(Cancelled):
        list(pool.imap(work, range(40), check=check))
    assert time.monotonic() - cancelled_s[0] < 0.9
    assert results(pool, abs, [-1] * 4) == [1] * 4
    assert len(list(tmp_path.iterdir())) == 4


def test_the_scheduler_that_ends_is_process_died_within_seconds_and_so_is_the_next_call() -> None:
    with ForeignCluster(1, 2) as doomed, open_pool(doomed.address, 2) as pool:
        assert results(pool, abs, [-1]) == [1]
        doomed.kill()
        for _ in range(2):
            begun_s = time.monotonic()
            with pytest.raises(ProcessDied):
                results(pool, abs, range(4))
            assert time.monotonic() - begun_s < 20.0
