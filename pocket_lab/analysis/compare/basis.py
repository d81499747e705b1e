"""The clock on which a pair is judged, and why: CPU time where both sides keep one core busy, wall time otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_WAITING, _MOST_HELP, _MOST_SWITCHES = 0.02, 0.05, 0.2

REASONS = {
    "busy": "both sides keep one core busy",
    "load": "under load a time is a latency",
    "workers": "several workers share the work",
    "apart": "the work runs on another worker, whose waits are not known",
    "unknown": "this system does not report how long a thread waits",
    "waits": "one side waits for something other than a core",
    "sleeps": "one side gives up its core in the middle of a run",
    "helpers": "one side keeps more than one core busy",
    "clocks": "CPU time and wall time contradict each other",
    "unpaired": "the sides were not measured together",
    "nothing": "nothing was measured",
}
"""What each reason means."""


@dataclass(frozen=True, slots=True)
class Basis:
    """ "cpu" or "wall", and its reason, one of REASONS."""

    clock: str
    reason: str


def basis_of(side: Mapping[Any, Any]) -> Basis:
    """From a row of `frames.sides_frame`: executor, workers and drive, and the waits and voluntary switches of both sides.

    Waits are the share of the time in which the threads neither ran nor stood in the run queue: below zero where several ran.
    """
    if side["drive"] == "load":
        return Basis("wall", "load")
    if side["workers"] != 1:
        return Basis("wall", "workers")
    if side["executor"] != "serial":
        return Basis("wall", "apart")
    waits, switches = ([side[f"{name}_{of}"] for of in "ab"] for name in ("waits", "switches"))
    if any(map(math.isnan, (*waits, *switches))):
        return Basis("wall", "unknown")
    if max(waits) > _MOST_WAITING:
        return Basis("wall", "waits")
    if min(waits) < -_MOST_HELP:
        return Basis("wall", "helpers")
    return Basis("wall", "sleeps") if max(switches) > _MOST_SWITCHES else Basis("cpu", "busy")
