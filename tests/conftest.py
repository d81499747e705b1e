"""What holds for every test: its order, nothing is left behind, and where CI is set nothing is skipped."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import ForeignCluster, SharedCluster
from hypothesis import settings
from scheduling import TimingLast, in_order, write_timing
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from pocket_lab.executors import registry

# No profile has a deadline: how long an example takes depends on the machine.
settings.register_profile("people", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=150, database=None)
settings.register_profile("nightly", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "people")  # --hypothesis-profile=nightly overrides it

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell makes the jobs in its background ignore Ctrl-C

_PATIENCE_S = 3.0


def pytest_configure(config: pytest.Config) -> None:
    """Give each process of this session a folder for temporary files, so that only its own files are found in it."""
    folder = tempfile.mkdtemp(prefix="lab-tests-")
    os.chmod(folder, 0o711)  # tests that give up their rights have a folder of their own in it
    before, os.environ["TMPDIR"], tempfile.tempdir = os.environ.get("TMPDIR"), folder, None

    def restore() -> None:
        os.environ.pop("TMPDIR") if before is None else os.environ.update(TMPDIR=before)
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(restore)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that bound wall time come last."""
    items[:] = in_order(items, on_worker=hasattr(config, "workerinput"))


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reports the end of the collection
def pytest_collection_finish(session: pytest.Session) -> None:
    """Each worker reports which tests bound wall time."""
    if hasattr(session.config, "workerinput"):
        write_timing(session.items, Path(session.config.workerinput["timing"]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """The workers know where to write."""
    node.workerinput["timing"] = f"{tempfile.gettempdir()}/timing-{node.gateway.id}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TimingLast:
    """Tests that bound wall time run alone, also with several workers."""
    return TimingLast(config, log, Path(tempfile.gettempdir()))


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """No thread, process, descriptor, tracer, profiler, monitoring tool or temporary file outlives the test that made it."""
    drivers = {f"thread asyncio_{n}" for n in range(32)} if request.node.get_closest_marker("browser") else set()
    before = _traces() | drivers  # the browser's driver keeps threads for as long as it lives
    yield
    end = time.monotonic() + _PATIENCE_S
    while (left := _traces() - before - _shared()) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.02)
    assert not left, f"left behind: {sorted(left)}"
    assert sys.gettrace() is None or _is_measuring_coverage()
    assert sys.getprofile() is None
    assert threading.getprofile() is None, "a Tracker of memray, or another profiler of all threads, is still there"


def _traces() -> set[str]:
    return _threads() | _children() | _files() | _descriptors() | _monitoring_tools()


def _shared() -> set[str]:
    """What the shared cluster has instead of workers that a test has killed."""
    names = {name for cluster in SharedCluster.living for name in cluster.traces()}
    return {trace for trace in _children() | _descriptors() if names & set(trace.split())}


def _threads() -> set[str]:
    """Those that run: `threading` keeps an entry for each thread that it was asked for in its very last moment."""
    running = sys._current_frames()
    return {f"thread {thread.name}" for thread in threading.enumerate() if thread.is_alive() and thread.ident in running}


def _children() -> set[str]:
    """Child processes, except the resource trackers that loky and multiprocessing keep for the life of a process."""
    children = _children_in_proc() if Path("/proc/self/task", str(os.getpid()), "children").exists() else _children_by_ps()
    return {f"process {child}" for child in children if "resource_track" not in child}


def _children_in_proc() -> list[str]:
    """As `_children_by_ps`, but a hundred times faster."""
    pids = _child_pids()
    while (again := _child_pids()) != pids:  # the kernel may skip a child while another one exits
        pids = again
    children = []
    for pid in pids:
        try:
            state = Path("/proc", pid, "stat").read_text().rpartition(") ")[2][0]
            command = Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has gone
            continue
        children.append(f"{pid} {'(defunct) ' if state == 'Z' else ''}{command}")
    return children


def _child_pids() -> set[str]:
    pids: set[str] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            pids.update(Path("/proc/self/task", task, "children").read_text().split())
        except OSError:  # the thread has ended
            continue
    return pids


def _children_by_ps() -> list[str]:
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    children = []
    for line in listing.stdout.splitlines():
        pid, parent, state, command = line.split(None, 3)
        if int(parent) == os.getpid() and not command.startswith("ps -A -ww"):
            children.append(f"{pid} {'(defunct) ' if state.startswith('Z') else ''}{command}")
    return children


def _files() -> set[str]:
    return {str(path) for path in Path(tempfile.gettempdir()).glob("pocket-lab-*")}


def _descriptors() -> set[str]:
    """Pipes and sockets of this process by their identity; the other descriptors belong to the test runner."""
    found = set()
    for entry in Path("/proc/self/fd").glob("*") if Path("/proc/self/fd").exists() else []:
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("pipe:"):
            found.add(f"descriptor {target}")
    return found


@pytest.fixture(scope="session", autouse=True)
def _history_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests keep their runs in a history of their own, not in the developer's."""
    before = os.environ.get("POCKET_LAB_HOME")
    os.environ["POCKET_LAB_HOME"] = str(tmp_path_factory.mktemp("history"))
    yield
    if before is None:
        del os.environ["POCKET_LAB_HOME"]
    else:
        os.environ["POCKET_LAB_HOME"] = before


@pytest.fixture(scope="session")
def cluster(_resource_tracker: None) -> Iterator[SharedCluster]:
    """The cluster of three workers of this session, for all tests that do not end it."""
    shared = SharedCluster(3)
    yield shared
    shared.end()


@pytest.fixture(scope="session")
def foreign() -> Iterator[ForeignCluster]:
    """A cluster that others have started: two workers of two threads each."""
    with ForeignCluster(2, 2) as started:
        yield started


@pytest.fixture
def one_cluster(cluster: SharedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process the executor "cluster" means the cluster of the session."""
    monkeypatch.setitem(registry._TABLE, "cluster", registry._Executor(cluster.pool, is_remote=True))


@pytest.fixture(scope="session", autouse=True)
def _resource_tracker() -> None:
    """Start the resource trackers, which live as long as this process, before the first test counts descriptors."""
    from multiprocessing import resource_tracker

    from loky.backend import resource_tracker as loky_tracker

    resource_tracker.ensure_running()
    loky_tracker.ensure_running()


@pytest.fixture(scope="session", autouse=True)
def _pipe_of_memray(tmp_path_factory: pytest.TempPathFactory) -> None:
    """memray's first Tracker opens a pipe, which it keeps for the life of the process."""
    from memray import Tracker

    with Tracker(tmp_path_factory.mktemp("memray") / "first.bin"):
        pass


def _monitoring_tools() -> set[str]:
    if sys.version_info < (3, 12) or _is_measuring_coverage():
        return set()
    return {f"monitoring tool {tool}" for number in range(6) if (tool := sys.monitoring.get_tool(number))}


def _is_measuring_coverage() -> bool:
    coverage = sys.modules.get("coverage")  # pytest-cov imports it, whether or not it measures
    return coverage is not None and coverage.Coverage.current() is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where CI is set a missing real part is a failure, not a skip."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = (
            f"skipped although CI is set: {report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr}"
        )
    return report
