"""Which instruments exclude each other: the one table, asked before a run.

memray, line_profiler, pyinstrument, cProfile and tracemalloc were tried beside each other on Python 3.11 and 3.13, in both
orders, on counts and bytes that were known: what is not in the table goes together. The sampler of `cpu` and the spans of
`trace` have no hook in the interpreter and go with all of them.
"""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pocket_lab.errors import UsageError


@dataclass(frozen=True, slots=True)
class Foreign:
    """An instrument that may run in a process already: how to see that, how to stop it, and whom it disturbs in which way."""

    is_running: Callable[[], bool]
    stop: str
    disturbs: Mapping[str, str]


def _memray_runs() -> bool:
    hook = threading.getprofile()
    return hook is not None and "memray" in sys.modules and getattr(hook, "__name__", "") == "start_thread_trace"


def _tool_runs(name: str) -> bool:
    """Whether a tool of this name has sys.monitoring, or is this thread's profile or trace function."""
    if sys.version_info >= (3, 12) and any(name in str(sys.monitoring.get_tool(number)).lower() for number in range(6)):
        return True
    return any(name in f"{type(hook).__module__} {hook!r}".lower() for hook in (sys.getprofile(), sys.gettrace()) if hook)


_MONITORING = sys.version_info >= (3, 12)
_TABLE = {
    "memray": Foreign(
        _memray_runs,
        "leave its Tracker, or end the magic that holds it",
        {"memray": "a process has one Tracker at a time"},
    ),
    "pyinstrument": Foreign(
        lambda: _tool_runs("pyinstrument"),
        "call stop() of its Profiler",
        {"memray": "memray cannot put back what it finds as the profile function"},
    ),
    "cProfile": Foreign(
        lambda: _tool_runs("cprofile") or _tool_runs("_lsprof"),
        "call its disable()",
        {"line_profiler": "both want the same slot of sys.monitoring"}
        if _MONITORING
        else {"memray": "memray cannot put back what it finds as the profile function"},
    ),
    "tracemalloc": Foreign(
        tracemalloc.is_tracing,
        "call tracemalloc.stop()",
        {"memray": "its own memory would count for the nodes", "leaks": "its own memory would look like a leak"},
    ),
}


def refuse_conflicts(name: str) -> None:
    """Raise a UsageError where an instrument runs in this process that does not go together with the one of this name."""
    for other, reason in excluded_by(name).items():
        if _TABLE[other].is_running():
            raise UsageError(
                f"{other} is running in this process, and {name} cannot run beside it ({reason}): "
                f'{_TABLE[other].stop}, or let the profile have a process of its own (isolation="process")'
            )


def excluded_by(name: str) -> dict[str, str]:
    """The instruments that exclude the one of this name, each with the reason."""
    return {other: foreign.disturbs[name] for other, foreign in _TABLE.items() if name in foreign.disturbs}
