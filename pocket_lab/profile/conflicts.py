"""Which instruments exclude each other: a table that is checked before a run.

memray, line_profiler, pyinstrument, cProfile and tracemalloc were tried in pairs on Python 3.11 and 3.13, in both orders,
against known counts and bytes: pairs that are not in the table work together. The sampler of `cpu` and the spans of `trace`
have no hook in the interpreter, and work with all of them.
"""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pocket_lab.errors import UsageError


@dataclass(frozen=True, slots=True)
class OtherTool:
    """A tool that may run in a process: how to detect it, how to stop it, and the instruments it disturbs, with reasons."""

    is_running: Callable[[], bool]
    stop: str
    disturbs: Mapping[str, str]


def _memray_runs() -> bool:
    hook = threading.getprofile()
    return hook is not None and "memray" in sys.modules and getattr(hook, "__name__", "") == "start_thread_trace"


def _tool_runs(name: str) -> bool:
    """Whether a tool of this name uses sys.monitoring, or is the profile or trace function of this thread."""
    if sys.version_info >= (3, 12) and any(name in str(sys.monitoring.get_tool(number)).lower() for number in range(6)):
        return True
    return any(name in f"{type(hook).__module__} {hook!r}".lower() for hook in (sys.getprofile(), sys.gettrace()) if hook)


_MONITORING = sys.version_info >= (3, 12)
_TABLE = {
    "memray": OtherTool(
        _memray_runs,
        "leave its Tracker, or end the magic that uses it",
        {"memray": "a process can have one Tracker at a time"},
    ),
    "pyinstrument": OtherTool(
        lambda: _tool_runs("pyinstrument"),
        "call stop() of its Profiler",
        {"memray": "memray cannot restore the profile function that it finds"},
    ),
    "cProfile": OtherTool(
        lambda: _tool_runs("cprofile") or _tool_runs("_lsprof"),
        "call its disable()",
        {"line_profiler": "both need the same tool id of sys.monitoring"}
        if _MONITORING
        else {"memray": "memray cannot restore the profile function that it finds"},
    ),
    "tracemalloc": OtherTool(
        tracemalloc.is_tracing,
        "call tracemalloc.stop()",
        {"memray": "its own memory would be attributed to the nodes", "leaks": "its own memory would look like a leak"},
    ),
}


def refuse_conflicts(name: str) -> None:
    """Raise a UsageError if a tool runs in this process that conflicts with the instrument of this name."""
    for other, reason in excluded_by(name).items():
        if _TABLE[other].is_running():
            raise UsageError(
                f"{other} is running in this process, and {name} cannot run at the same time ({reason}): "
                f'{_TABLE[other].stop}, or profile in a separate process (isolation="process")'
            )


def excluded_by(name: str) -> dict[str, str]:
    """The tools that conflict with the instrument of this name, each with the reason."""
    return {other: tool.disturbs[name] for other, tool in _TABLE.items() if name in tool.disturbs}
