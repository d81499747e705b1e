"""A child that is forked in a target ends where it leaves the target: our loops go on in the parent alone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocket_lab.executors.faults.forks import InParent
from pocket_lab.executors.registry import EXECUTORS, open_pool
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.supervisor import measure
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.timing.batch import Runs
from pocket_lab.records.progress import Closed
from pocket_lab.records.samples import Sample

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def returns() -> None:
    pass


def raises() -> None:
    raise ValueError("of the child")


def leaves() -> None:
    sys.exit(3)


class NoException(BaseException):
    """What passes every `except Exception`."""


def breaks() -> None:
    raise NoException


ENDS = pytest.mark.parametrize(("end", "code"), [(returns, 0), (raises, 1), (leaves, 3), (breaks, 1)])


def forking(end: Callable[[], None], notes: Path) -> Callable[[Any], int]:
    """A function that forks; its child leaves it by `end`, and the parent notes with what exit code, and that it goes on."""
    owner = os.getpid()

    def work(value: Any) -> int:
        if child := os.fork():
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            with notes.open("a") as lines:
                lines.write(f"{code} {os.getpid() == owner}\n")
            return code
        end()
        return -1

    notes.touch()
    return work


@ENDS
@pytest.mark.usefixtures("one_cluster")
@pytest.mark.parametrize("kind", EXECUTORS)
def test_on_every_executor_the_loop_goes_on_once(kind: str, end: Callable[[], None], code: int, tmp_path: Path) -> None:
    work = forking(end, tmp_path / "notes")

    async def later(value: Any) -> int:
        await asyncio.sleep(0)
        return work(value)

    graph = Graph(Node("fork", exec=later if kind == "asyncio" else work))
    assert graph.map(range(4), workers=2, executor=kind) == [code] * 4
    assert [line.split()[0] for line in (tmp_path / "notes").read_text().splitlines()] == [str(code)] * 4


@ENDS
@pytest.mark.parametrize("fresh", [None, lambda: (1,)], ids=["one input", "fresh inputs"])
def test_a_batch_runs_once_however_often_it_forks(end: Callable[[], None], code: int, fresh: Any, tmp_path: Path) -> None:
    work = forking(end, tmp_path / "notes")
    with open_pool("serial") as pool:
        runs = Runs(work, (1,), pool, fresh=fresh)
        assert runs.time(3).loops == 3
        runs.once()
    assert (tmp_path / "notes").read_text().splitlines() == [f"{code} True"] * 4


@pytest.mark.parametrize(("drive", "executor"), [("run", "serial"), ("load", "threads"), ("load", "asyncio")])
def test_a_sweep_has_the_records_of_one_process(drive: str, executor: str, tmp_path: Path) -> None:
    work = forking(leaves, tmp_path / "notes")

    async def later(value: Any) -> int:
        return work(value)

    target = Graph(Node("fork", exec=later if executor == "asyncio" else work))
    sweep = parse_sweep(sizes=1, budget=0.8, drive=drive, executors=executor, workers=2 if drive == "load" else 1)
    records = list(measure(plan_job(target, Input.ABSENT, sweep), sample))
    assert sum(isinstance(record, Closed) for record in records) == 1
    rounds = [record.round for record in records if isinstance(record, Sample)]
    assert len(rounds) == len(set(rounds)) > 0
    assert {line.split()[0] for line in (tmp_path / "notes").read_text().splitlines()} == {"3"}


def test_a_child_that_never_comes_back_is_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "note"
    with InParent() as parent:
        for _ in parent.batch(iter(range(2))):
            if not (child := os.fork()):
                note.write_text(f"{note.read_text() if note.exists() else ''}worked ")
                os._exit(5)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    assert note.read_text() == "worked worked "
