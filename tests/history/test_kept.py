"""Nothing that was written is lost: real processes that write at once, are killed, or find the disk full."""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from pocket_lab.errors import HistoryError
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import BROKEN_OFF
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Sample

POINT = Point("graph", 10, 2, "threads", "run")
WRITE = """
import sys
from pathlib import Path
from pocket_lab.errors import HistoryError
from pocket_lab.history.archive import Archive
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Sample
path, name, most = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
points = [Point(name, size, 1, "serial", "run") for size in range(3)]
with Archive(path) as archive:
    session = archive.begin("bench", name, name, {})
    for number in range(1, most + 1):
        session.write(Sample(points[number % 3], number, 1, 0.5, 0.25, 1))
        print(number, flush=True)
    session.close("done")
"""


def start(path: Path, name: str, most: int, code: str = WRITE) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(path), name, str(most)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sample(number: int) -> Sample:
    return Sample(POINT, number, 1, 0.5, 0.25, 1)


def rounds(archive: Archive, name: str) -> list[int]:
    found: list[int] = archive.sample_columns(archive.find(name))["round"].tolist()
    return found


def test_processes_that_open_a_new_file_and_write_at_once_lose_nothing(path: Path) -> None:
    names = ["one", "two", "three", "four"]
    writers = [start(path, name, 2_000) for name in names]
    ends = [writer.communicate(timeout=120) for writer in writers]
    assert [(writer.returncode, end[1]) for writer, end in zip(writers, ends, strict=True)] == [(0, "")] * len(names)
    with Archive(path) as archive:
        assert {entry.name: (entry.status, entry.samples) for entry in archive.entries()} == dict.fromkeys(
            names, ("done", 2_000)
        )
        for name in names:
            assert rounds(archive, name) == list(range(1, 2_001))


@pytest.mark.parametrize("after", [1, 2, 700, 5_000], ids=lambda after: f"after {after}")
def test_a_killed_process_loses_nothing_that_was_written(path: Path, after: int) -> None:
    writer = start(path, "victim", 10**9)
    assert writer.stdout is not None
    assert writer.stderr is not None
    with writer.stdout, writer.stderr:
        for _ in range(after):
            writer.stdout.readline()
        writer.kill()
        said = [line for line in writer.stdout.read().split("\n")[:-1] if line]
        assert writer.wait() == -signal.SIGKILL
    last = int(said[-1]) if said else after
    with Archive(path) as archive:
        entry = archive.find("victim")
        assert (entry.status, entry.ended_at) == (BROKEN_OFF, None)
        assert entry.samples >= last >= after
        assert rounds(archive, "victim") == list(range(1, entry.samples + 1))
        session = archive.resume(entry)
        session.write(sample(0))
        session.close("done")
        assert rounds(archive, "victim")[-1] == 0


def test_a_full_file_keeps_what_it_has_and_goes_on_when_there_is_space(archive: Archive) -> None:
    session = archive.begin("bench", "large", "graph", {})
    connection = archive._database._connection
    assert connection is not None
    connection.execute("PRAGMA max_page_count = 40").fetchall()
    kept = 0
    with pytest.raises(HistoryError, match=r"the disk is full.*history\.db.*POCKET_LAB_HOME"):  # noqa: PT012
        for number in range(100_000):
            session.write(sample(number))
            kept += 1
    assert kept > 100
    with pytest.raises(HistoryError, match="the disk is full"):
        session.write(Caveat("long", "x" * 100_000))
    assert rounds(archive, "large") == list(range(kept))
    connection.execute("PRAGMA max_page_count = 4000").fetchall()
    session.write(sample(kept))
    session.close("done")
    assert rounds(archive, "large") == list(range(kept + 1))


FILL = """
import resource, sys
from itertools import count
from pathlib import Path
from pocket_lab.errors import HistoryError
from pocket_lab.history.archive import Archive
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Sample
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
with Archive(Path(sys.argv[1])) as archive:
    session = archive.begin("bench", "filler", "filler", {})
    try:
        for number in count():
            session.write(Sample(Point("filler", 1, 1, "serial", "run"), number, 1, 0.5, 0.25, 1))
            print(number, flush=True)
    except HistoryError as error:
        print(error)
        kept = archive.sample_columns(archive.find("filler"))["round"].tolist()
        sys.exit(3 if kept == list(range(number)) else 4)
"""


def test_a_file_that_the_system_lets_grow_no_more_is_an_error_and_stays_whole(path: Path) -> None:
    writer = start(path, "filler", 10**9, FILL)
    out, err = writer.communicate(timeout=120)
    assert (writer.returncode, err) == (3, "")
    *numbers, error = out.splitlines()
    assert str(path) in error
    assert "quota" in error
    assert len(numbers) > 10
    with Archive(path) as archive:
        assert rounds(archive, "filler") == [int(number) for number in numbers]
        assert archive.find("filler").status == BROKEN_OFF


@pytest.mark.parametrize("way", ["deleted", "moved", "replaced"])
def test_a_file_that_goes_away_is_noticed_at_the_next_record(path: Path, way: str) -> None:
    with Archive(path) as archive:
        session = archive.begin("bench", "a", "graph", {})
        session.write(sample(1))
        if way == "deleted":
            path.unlink()
        else:
            path.rename(path.with_name("elsewhere.db"))
        if way == "replaced":
            path.write_bytes(b"")
        with pytest.raises(HistoryError, match=r"history\.db was deleted or moved"):
            session.write(sample(2))


class Interrupt(BaseException):
    pass


def test_an_interrupt_in_the_midst_of_a_write_gives_no_number_twice(archive: Archive) -> None:
    session = archive.begin("bench", "a", "graph", {})
    said: list[int] = []
    numbers = count()
    moment = random.Random(3)

    def interrupt(*_: object) -> None:
        raise Interrupt

    before = signal.signal(signal.SIGVTALRM, interrupt)
    gc.disable()  # what is raised in a callback of the collector, such as hypothesis has, interrupts nothing
    try:
        for _ in range(100):
            with pytest.raises(Interrupt):  # noqa: PT012
                signal.setitimer(signal.ITIMER_VIRTUAL, moment.uniform(1e-5, 5e-3))
                for number in numbers:
                    session.write(Sample(Point("p", number, 1, "serial", "run"), number, 1, 0.5, 0.25, 1))
                    said.append(number)
    finally:
        gc.enable()
        signal.signal(signal.SIGVTALRM, before)
    columns = archive.sample_columns(archive.find("a"))
    found = columns["round"].tolist()
    assert len(said) > 100
    assert set(said) <= set(found)
    assert found == sorted(set(found))
    assert columns["size"].tolist() == found
