"""The scheduler of these tests, with a worker that crashes: one failure, and all other tests run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

_CONFTEST = """
from pathlib import Path

import pytest
from scheduling import TimingLast, in_order, write_timing

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    items[:] = in_order(items, on_worker=hasattr(config, "workerinput"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session):
    if hasattr(session.config, "workerinput"):
        write_timing(session.items, FOLDER / f"timing-{session.config.workerinput['workerid']}")


def pytest_xdist_make_scheduler(config, log):
    return TimingLast(config, log, FOLDER)
"""
_ONE = "def test_one(): pass\n"
_CRASH = "import os\n\n\ndef test_crash(): os._exit(3)\n"
_THREE = "def test_before(): pass\n\n\n" + _CRASH + "\n\ndef test_after(): pass\n"
_TIMING = "import pytest\n\npytestmark = pytest.mark.timing\n\n\ndef test_one(): pass\n\n\ndef test_two(): pass\n"


def test_workers_that_crash_early_and_late_are_a_failure_each_and_every_other_test_runs(tmp_path: Path) -> None:
    crashes = {"00": _CRASH, "15": _THREE, "29": _CRASH}
    for module in (f"{number:02}" for number in range(30)):
        (tmp_path / f"test_{module}.py").write_text(crashes.get(module, _ONE))
    (tmp_path / "test_a_timing.py").write_text(_TIMING)
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = timing\n")
    shutil.copy(Path(__file__).with_name("scheduling.py"), tmp_path)

    command = [sys.executable, "-m", "pytest", "-n2", "--dist=loadscope", "-q", "-rA", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)

    assert ran.returncode == 1, ran.stdout + ran.stderr
    passed = [line for line in ran.stdout.splitlines() if line.startswith("PASSED ")]
    assert len(passed) == len(set(passed)) == 27 + 2 + 2  # modules, beside a crash, and those that are timed
    failed = {line.split(" - ")[0].split("::")[0] for line in ran.stdout.splitlines() if line.startswith("FAILED ")}
    assert failed == {f"FAILED test_{module}.py" for module in crashes}
