"""What the workers of a cluster have: the same versions as here, or a sentence that names those that differ."""

from __future__ import annotations

import builtins
import platform
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from pocket_lab.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

_NEEDED = ("dask", "distributed", "cloudpickle")
_COMPARED_IF_LOADED = ("numpy", "pandas", "scipy")
_MOST_NAMED = 3


class Machine(NamedTuple):
    """The machine of a process: its name, and what identifies it until it is started again."""

    name: str
    boot: str


def by_value(function: F) -> F:
    """The function as one that pickle cannot import, so that it goes to workers on which this package is not installed."""
    copy: Any = types.FunctionType(function.__code__, {"__builtins__": builtins, "__name__": "__main__"}, function.__name__)
    copy.__module__, copy.__qualname__ = "__main__", f"_{function.__name__}_by_value"
    return copy  # type: ignore[no-any-return]


def look() -> tuple[str | None, str, str]:
    """The version of this package, if it is installed, the name of the machine, and what identifies it; needs no imports."""
    import importlib
    import platform

    version: str | None
    try:
        version = importlib.import_module("pocket_lab").__version__
    except ImportError:
        version = None
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
    except OSError:
        boot = platform.node()
    return version, platform.node(), boot


def read_clock() -> float:
    """The clock of spans and deadlines."""
    import time

    return time.monotonic()


def compared_packages() -> list[str]:
    """The packages whose versions matter: those that carry what is sent, and those of numbers that are loaded here."""
    return [*_NEEDED, *(name for name in _COMPARED_IF_LOADED if name in sys.modules)]


def refuse_other_versions(address: str, versions: dict[str, Any]) -> None:
    """Raise a UsageError that names versions of Python or packages that differ; `versions` are those of `get_versions`."""
    here = versions["client"]["packages"]
    for worker, there in versions["workers"].items():
        python = ".".join(str(there["host"].get("python", "")).split(".")[:2])
        ours = ".".join(platform.python_version_tuple()[:2])
        if python != ours:
            raise UsageError(f"executor {address!r}: the worker {worker} has Python {python}, and here it is {ours}: {_SAME}")
        other = [
            f"{name} {there['packages'].get(name) or 'is missing'} (here {here.get(name)})"
            for name in compared_packages()
            if there["packages"].get(name) != here.get(name)
        ]
        if other:
            raise UsageError(f"executor {address!r}: the worker {worker} has {', '.join(other[:_MOST_NAMED])}: {_SAME}")


def refuse_other_package(address: str, worker: str, version: str | None) -> None:
    """Raise a UsageError where a worker has not this package, or not this version of it."""
    here = look()[0]
    if version != here:
        has = "has no pocket-lab" if version is None else f"has pocket-lab {version}"
        raise UsageError(f"executor {address!r}: the worker {worker} {has}, and here it is {here}: {_SAME}")


_SAME = "install the same on the workers"
