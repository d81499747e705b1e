"""kill -9 at random moments, once for each victim; tests/benchmarks/kills.py does it two hundred times."""

from __future__ import annotations

import subprocess
import sys
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
