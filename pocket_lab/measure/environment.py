"""Where a measurement is made: interpreter, processor, usable cores, load."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
from pathlib import Path

from pocket_lab.records import Environment

_PACKAGES = ("pocket-lab", "loky", "cloudpickle")


def read_environment() -> Environment:
    """The machine and interpreter of this process, with nothing that names its owner."""
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=usable_cores(),
        load_1m=os.getloadavg()[0],
        packages={name: version for name in _PACKAGES if (version := _version(name))},
    )


def usable_cores() -> int:
    """The cores that this process may use: its affinity, cut by a container's CPU quota (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return cores if quota == "max" else max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
