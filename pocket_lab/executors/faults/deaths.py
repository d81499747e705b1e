"""How processes have ended, in words, and on what the worker processes were at work."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.faults.work_board import WorkBoard

CUT_OFF = 213
"""The exit code of a process that can no longer send what it has found."""


@dataclass(frozen=True, slots=True)
class Death:
    """A worker process that ended by itself: its exit code, and the chunk and item that it worked on, if any."""

    exit_code: int
    chunk: int | None = None
    item: int | None = None


@dataclass(slots=True)
class Deaths:
    """The worker processes of one executor that ended by themselves, and not because it ended them."""

    board: WorkBoard
    found: list[Death] | None = field(default=None)

    def look(self, processes: Mapping[int, Any]) -> None:
        """Find them, once: before the executor ends the others."""
        if self.found is None:
            ended = {pid: process.exitcode for pid, process in list(processes.items())}
            self.found = [Death(code, *(self.board.work_of(pid) or ())) for pid, code in ended.items() if code is not None]

    @property
    def have_reason(self) -> bool:
        """Whether an item accounts for them."""
        return any(death.item is not None for death in self.found or ())

    def of_chunk(self, chunk: int) -> Death | None:
        """The death of the worker that had this chunk, and worked on one of its items."""
        return next((death for death in self.found or () if death.chunk == chunk and death.item is not None), None)

    def error(self, reason: str) -> ProcessDied:
        """The error of the first of them; `reason` says what is known where none was found."""
        known = sorted(self.found or (), key=lambda death: death.item is None)
        return error_of(known[0]) if known else ProcessDied(f"a worker process died: {reason}")


def error_of(death: Death) -> ProcessDied:
    """The error of a dead worker, which names its exit code and its item."""
    doing = "while it had no item" if death.item is None else f"while it ran item {death.item}"
    return ProcessDied(f"a worker process died: it {describe_exit(death.exit_code)} {doing}", death.item)


def describe_exit(exit_code: int) -> str:
    """What a process did, for a sentence that begins with it: negative codes are signals, as `subprocess` has them."""
    if exit_code == CUT_OFF:
        return f"was cut off: the target has closed file descriptors that it had not opened, or exits with {CUT_OFF} itself"
    if exit_code >= 0:
        return f"ended early with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    hint = " (killed from outside, or out of memory)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"
