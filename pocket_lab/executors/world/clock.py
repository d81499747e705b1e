"""The clock of a worker on another machine, against that of the process that measures."""

from __future__ import annotations

from contextvars import ContextVar

AHEAD_S: ContextVar[float] = ContextVar("pocket_lab_clock_ahead_s", default=0.0)
"""In a task of a worker: how many seconds its clock is ahead of the caller's; 0 on the same machine."""
