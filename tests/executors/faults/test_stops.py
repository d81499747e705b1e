"""Stop, a few times at random moments; tests/benchmarks/stops.py does it a hundred times for each executor and in a kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("place", ["serial", "threads", "processes", "asyncio", "kernel"])
def test_a_stop_never_hangs_leaves_nothing_and_shows_no_frame_of_ours(place: str) -> None:
    command = [sys.executable, str(ROOT / "tests/benchmarks/stops.py"), "--stops", "6", "--only", place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{place}: 6 of 6 stops as they should be" in done.stdout
