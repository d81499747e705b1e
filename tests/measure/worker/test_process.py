"""The measuring process: real processes, real signals, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pocket_lab.errors import ProcessDied, TargetAborted, UsageError
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.supervisor import measure
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.worker.process import stream
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.progress import Closed, Failure, Heartbeat, Output, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample


def job_of(target: Any, **options: Any) -> Job:
    given = Input.ABSENT if "sizes" in options else None
    return plan_job(target, given, parse_sweep(**{"budget": 0.5, **options}))


def report_place(job: Job) -> Iterator[Record]:
    yield Caveat("place", f"{os.getpid()} {os.getcwd()} {os.getsid(0)}")


def run_target(job: Job) -> Iterator[Record]:
    job.target(None)
    yield Caveat("ran", "")


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition: Any, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def test_the_task_runs_in_another_process_of_its_own_session_in_the_same_folder() -> None:
    (record,) = [r for r in stream(report_place, job_of(len)) if isinstance(r, Caveat)]
    pid, folder, session = record.message.split()
    assert int(pid) != os.getpid()
    assert folder == str(Path.cwd())
    assert int(session) == int(pid) != os.getsid(0)


def test_a_module_of_the_working_folder_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside_the_notebook.py").write_text("def triple(n):\n    return 3 * n\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    import beside_the_notebook  # type: ignore[import-not-found]

    records = list(measure(job_of(beside_the_notebook.triple, sizes=2), sample))
    assert any(isinstance(record, Sample) and record.error is None for record in records)


def test_output_of_the_target_is_shown_apart_from_the_records() -> None:
    def target(_: Any) -> None:
        print("to out")
        os.write(1, b"raw \xff bytes\n")
        print("to err", file=sys.stderr)
        subprocess.run(["echo", "from a child"], check=True)

    records = list(stream(run_target, job_of(target)))
    out = "".join(r.text for r in records if isinstance(r, Output) and r.stream == "stdout")
    err = "".join(r.text for r in records if isinstance(r, Output) and r.stream == "stderr")
    assert out == "to out\nraw � bytes\nfrom a child\n"
    assert err == "to err\n"
    assert any(isinstance(r, Caveat) and r.code == "ran" for r in records)


def test_a_flood_of_output_neither_blocks_nor_breaks_the_records() -> None:
    def target(_: Any) -> None:
        print("x" * 1_000_000)

    records = list(stream(run_target, job_of(target)))
    assert sum(len(r.text) for r in records if isinstance(r, Output)) == 1_000_001
    assert any(isinstance(r, Caveat) and r.code == "ran" for r in records)


def test_time_passes_in_heartbeats_while_nothing_happens() -> None:
    beats = [r for r in stream(run_target, job_of(lambda _: time.sleep(0.6))) if isinstance(r, Heartbeat)]
    assert len(beats) >= 3
    assert beats[-1].elapsed_s > beats[0].elapsed_s


@pytest.mark.parametrize("reopens", [False, True])
def test_a_target_that_closes_what_is_not_its_own_is_told_so_and_writes_nothing_of_ours(reopens: bool, tmp_path: Path) -> None:
    file = tmp_path / "own"

    def close(_: Any) -> None:
        os.closerange(3, 100)
        for _ in range(20 if reopens else 0):
            os.open(file, os.O_CREAT | os.O_WRONLY)

    with pytest.raises(ProcessDied, match="was cut off: the target has closed file descriptors that it had not opened"):
        list(stream(run_target, job_of(close)))
    assert not reopens or file.read_bytes() == b""


def test_a_process_that_dies_says_by_which_signal() -> None:
    with pytest.raises(ProcessDied, match="SIGSEGV"):
        list(stream(run_target, job_of(lambda _: os.kill(os.getpid(), signal.SIGSEGV))))
    with pytest.raises(ProcessDied, match="exit code 7"):
        list(stream(run_target, job_of(lambda _: os._exit(7))))


@pytest.mark.parametrize("leave", [lambda _: os._exit(0), lambda _: os.execv("/bin/true", ["true"])], ids=["_exit", "exec"])
def test_a_process_that_leaves_with_success_before_its_work_is_done_has_died(leave: Any) -> None:
    with pytest.raises(ProcessDied, match="the measuring process ended early with exit code 0"):
        list(stream(run_target, job_of(leave)))


def test_a_target_that_leaves_with_success_has_failed_and_the_others_go_on() -> None:
    records = list(measure(job_of(lambda size: os._exit(0) if size == 2 else size, sizes="1,2,3", budget=1.5), sample))
    status = {r.point.size: r.status for r in records if isinstance(r, Closed)}
    assert {size for size, end in status.items() if end == "failed"} == {2}
    assert set(status) == {1, 2, 3}


def test_a_module_that_leaves_while_it_is_loaded_is_an_error() -> None:
    class Leaves:
        def __call__(self, _: Any) -> None:
            pass

        def __reduce__(self) -> Any:
            return exit, (0,)

    with pytest.raises(TargetAborted, match="SystemExit: 0"):
        list(stream(run_target, job_of(Leaves())))


def test_a_sweep_goes_on_in_a_new_process_after_one_died() -> None:
    def target(size: int) -> None:
        if size == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.001)

    records = list(measure(job_of(target, sizes="1,2,3", budget=2.0), sample))
    status = {r.point.size: r.status for r in records if isinstance(r, Closed)}
    assert {size for size, end in status.items() if end == "failed"} == {2}
    assert set(status) == {1, 2, 3}
    (failure,) = [r for r in records if isinstance(r, Failure)]
    assert failure.point is not None
    assert failure.point.size == 2
    assert "SIGKILL" in failure.chain[0][1]
    assert sum(isinstance(r, Planned) for r in records) == 1


def test_closing_the_stream_ends_the_whole_group_at_once(tmp_path: Path) -> None:
    note = tmp_path / "pids"

    def target(_: Any) -> None:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        note.write_text(f"{os.getpid()} {child.pid}")
        time.sleep(60)

    with closing(stream(run_target, job_of(target))) as records:
        assert any(note.exists() for _ in records)
        wait_until(lambda: note.read_text().count(" ") == 1)
        start = time.monotonic()
    assert time.monotonic() - start < 2.0
    assert not any(is_alive(int(pid)) for pid in note.read_text().split())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads process states from /proc")
@pytest.mark.parametrize("target", ["time.sleep(600)", "sum(range(10**12))"], ids=["asleep", "in a C call with the lock"])
def test_it_leaves_with_a_parent_that_is_killed(tmp_path: Path, target: str) -> None:
    note = tmp_path / "pid"
    script = f"""
import os, time, pathlib, pocket_lab
def target():
    pathlib.Path({str(note)!r}).write_text(str(os.getpid()))
    {target}
pocket_lab.bench(target)
"""
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        assert wait_until(lambda: note.exists() and note.read_text(), 20)
        child = int(note.read_text())
        assert is_alive(child)
        parent.kill()
        parent.wait()
        assert wait_until(lambda: not is_alive(child)), "the measuring process outlived its parent"
    finally:
        parent.kill()
        parent.wait()


def test_what_cannot_be_sent_is_named_with_the_way_out() -> None:
    lock = threading.Lock()

    def target(size: int) -> int:
        with lock:
            return size

    with pytest.raises(UsageError) as refused:
        list(measure(job_of(target, sizes=1), sample))
    assert 'variable "lock"' in str(refused.value)
    assert 'isolation="kernel"' in str(refused.value)
    records = list(measure(job_of(target, sizes=1, isolation="kernel", budget=0.1), sample))
    assert any(isinstance(r, Sample) for r in records)
    assert [r.code for r in records if isinstance(r, Caveat)] == ["in-place"]


class ExitsInPickle:
    def __reduce__(self) -> Any:
        raise SystemExit(4)


class NotRebuilt:
    def __reduce__(self) -> Any:
        return int, ("x",)


class NoState:
    def __getstate__(self) -> Any:
        return 1

    def __setstate__(self, state: Any) -> None:
        raise ValueError("invalid")


def test_an_object_that_exits_where_it_is_pickled_is_named() -> None:
    odd = ExitsInPickle()
    with pytest.raises(
        UsageError, match=r'variable "odd" cannot be sent to the measuring process \(SystemExit: 4\); build it inside'
    ):
        list(stream(run_target, job_of(lambda _: odd)))


@pytest.mark.parametrize("kind", [NotRebuilt, NoState])
def test_an_object_that_can_be_pickled_and_not_be_rebuilt_keeps_its_error_and_says_what_to_do(kind: Any) -> None:
    odd = kind()
    with pytest.raises(ValueError, match="invalid") as caught:
        list(stream(run_target, job_of(lambda _: odd)))
    (note,) = caught.value.__notes__
    assert note.startswith("an object that the target uses cannot be rebuilt in the measuring process: build it inside")
    assert note.endswith('measure in place with isolation="kernel"')


def test_the_sampler_itself_runs_through_the_pipe() -> None:
    records = list(stream(sample, job_of(lambda size: "x" * size, sizes="1,2", budget=0.3)))
    assert {r.point.size for r in records if isinstance(r, Sample)} == {1, 2}
