"""The heap of a measuring process: what a run frees is there for the next run, without the kernel."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
from pocket_lab.measure.timing.heap import keep_freed_memory

def faults(build):
    for _ in range(3):
        build()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        build()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 5

def small_objects():
    return [str(number) for number in range(60_000)]

def large_blocks():
    return [bytearray(1 << 20) for _ in range(4)]

builders = small_objects, large_blocks
before = [faults(build) for build in builders]
kept = keep_freed_memory()
print(*before, *(faults(build) for build in builders))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have thresholds of their own")
def test_runs_fetch_no_memory_from_the_kernel_after_the_first_ones() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    arenas, blocks, kept_arenas, kept_blocks = map(float, done.stdout.split())
    assert arenas > 256  # two arenas of 1 MiB or more were returned by each run, 256 pages each
    assert blocks > 256
    assert kept_arenas < 1
    assert kept_blocks < 1
