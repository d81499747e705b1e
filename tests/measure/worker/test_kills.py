"""kill -9 at random moments, once for each victim; tests/benchmarks/kills.py does it two hundred times."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the processes in /proc")
@pytest.mark.parametrize("victim", range(6))
def test_a_kill_loses_nothing_and_leaves_nothing(victim: int) -> None:
    command = [sys.executable, str(ROOT / "tests/benchmarks/kills.py"), "--kills", "1", "--only", str(victim)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 kills lose nothing and leave nothing" in done.stdout


@pytest.mark.parametrize("moment", ["while the group ends", "before the folder is removed"])
def test_a_kill_while_the_measuring_process_is_ended_leaves_no_folder(tmp_path: Path, moment: str) -> None:
    """The watchdog outlives the group that it watches, until the folder is removed."""
    victim = "_Child, '_wait_for_group'" if moment == "while the group ends" else "shutil, 'rmtree'"
    program = f"""
import os, shutil, signal, pocket_lab
from pocket_lab.measure.worker.process import _Child
from pocket_lab.records.samples import Sample
setattr({victim}, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
def stop(record):
    if isinstance(record, Sample):
        raise KeyboardInterrupt
pocket_lab.bench(sum, input=[1], watch=stop)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "POCKET_LAB_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    end = time.monotonic() + 10
    while (left := list(tmp_path.glob("pocket-lab-scratch-*"))) and time.monotonic() < end:
        time.sleep(0.01)
    assert not left
