"""The environment of a measurement: interpreter, processor, usable cores, load, container limits, versions."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pocket_lab.executors.worker_state import STATE
from pocket_lab.measure.worker.gil import GilWatch, is_gil_enabled
from pocket_lab.records.environment import Environment

_OWN_PACKAGES = ("pocket-lab", "loky", "cloudpickle")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_GIT_PATIENCE_S = 2.0


def read_environment() -> Environment:
    """The machine and interpreter of this process, with nothing that names its owner."""
    quota = cpu_quota()
    watch = STATE.get(GilWatch)
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=usable_cores(quota),
        load_1m=os.getloadavg()[0],
        packages=_packages(),
        governor=_read(_GOVERNOR) or None,
        cpu_quota=quota,
        memory_bytes=memory_bytes(),
        revision=_revision(),
        gil=is_gil_enabled(),
        gil_at_start=None if watch is None else watch.at_start,
        gil_enabled_by=None if watch is None else watch.enabled_by,
    )


def usable_cores(quota: float | None) -> int:
    """The cores that this process may use: its affinity, limited by a container's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cpu_quota() -> float | None:
    """The cores that a container (control group, version 1 or 2) grants at most; None where there is no limit."""
    quotas = []
    for group in _groups("cpu"):
        limit = _read(group / "cpu.max") or f"{_read(group / 'cpu.cfs_quota_us')} {_read(group / 'cpu.cfs_period_us')}"
        quota, _, period = limit.partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def memory_bytes() -> int | None:
    """The memory of the machine, or the limit of its container."""
    try:
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (OSError, ValueError):
        sizes = []
    for group in _groups("memory"):
        limit = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
        if limit.isdigit():
            sizes.append(int(limit))
    return min(sizes, default=None)


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's control group and of its parents, which may set a limit."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, inner = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = Path("/sys/fs/cgroup") / (controllers and controller)
        folder = root / inner.strip("/")
        yield folder
        yield from (parent for parent in folder.parents if parent.is_relative_to(root))


def _packages() -> dict[str, str]:
    """The versions of our own packages, and of every other imported package that has a `__version__`."""
    found = {name: version for name in _OWN_PACKAGES if (version := _version(name))}
    for name, module in list(sys.modules.items()):
        if "." not in name and name not in sys.stdlib_module_names and not name.startswith("_"):
            version = vars(module).get("__version__")
            if isinstance(version, str) and name.replace("_", "-") not in found:
                found[name] = version
    return found


def _revision() -> str | None:
    """The git commit of the working directory, with a "+" where its files have changed since; None where there is none."""
    command = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""


def _processor() -> str:
    lines = _read(Path("/proc/cpuinfo")).splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
