"""What holds for every test: nothing is left behind, and where CI is set nothing is skipped."""

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
from hypothesis import settings

settings.register_profile("house", deadline=None)  # how long an example takes is the machine's business
settings.load_profile("house")

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in its background deaf to Ctrl-C

_PATIENCE_S = 3.0


def pytest_configure(config: pytest.Config) -> None:
    """Temporary files go into a folder of this session, so that those of other measurements on the machine are not blamed."""
    folder = tempfile.mkdtemp(prefix="lab-tests-")
    os.chmod(folder, 0o711)  # tests that give up their rights have a folder of their own in it
    before, os.environ["TMPDIR"], tempfile.tempdir = os.environ.get("TMPDIR"), folder, None

    def restore() -> None:
        os.environ.pop("TMPDIR") if before is None else os.environ.update(TMPDIR=before)
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(restore)


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """No thread, process, descriptor, tracer, profiler, monitoring tool or temporary file outlives the test that made it."""
    drivers = {f"thread asyncio_{n}" for n in range(32)} if request.node.get_closest_marker("browser") else set()
    before = _traces() | drivers  # the browser's driver keeps threads for as long as it lives
    yield
    end = time.monotonic() + _PATIENCE_S
    while (left := _traces() - before) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.02)
    assert not left, f"left behind: {sorted(left)}"
    assert sys.gettrace() is None or _is_measuring_coverage()
    assert sys.getprofile() is None
    assert threading.getprofile() is None, "a Tracker of memray, or another profiler of all threads, is still there"


def _traces() -> set[str]:
    return _threads() | _children() | _files() | _descriptors() | _monitoring_tools()


def _threads() -> set[str]:
    return {f"thread {thread.name}" for thread in threading.enumerate() if thread.is_alive()}


def _children() -> set[str]:
    """Child processes, but for the resource trackers that loky and multiprocessing keep for the life of a process."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    children = set()
    for line in listing.stdout.splitlines():
        pid, parent, state, command = line.split(None, 3)
        if int(parent) == os.getpid() and "resource_track" not in command and not command.startswith("ps -A -ww"):
            children.add(f"process {pid} {'(defunct) ' if state.startswith('Z') else ''}{command}")
    return children


def _files() -> set[str]:
    return {str(path) for path in Path(tempfile.gettempdir()).glob("pocket-lab-*")}


def _descriptors() -> set[str]:
    """Pipes and sockets of this process by their identity; other descriptors are the test runner's business."""
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
    return "coverage" in sys.modules


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
