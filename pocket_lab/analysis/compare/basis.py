"""The clock on which a pair is judged, and why: CPU time where both sides keep one core busy, wall time otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pocket_lab.stats.cpu_bound import MOST_SWITCHES, MOST_WAITING, is_cpu_bound

_MOST_CORES = 1.05

REASONS = {
    "busy": "both sides keep one core busy",
    "load": "under load a time is a latency",
    "workers": "several workers share the work",
    "unknown": "how long the workers waited is not known",
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
    """From a row of `frames.sides_frame`: executor, workers, drive, and waits, cores and voluntary switches of both sides.

    Waits are the share of the time in which the threads neither ran nor stood in the run queue. They are below zero where
    several did so at once, as the threads of a pool on a busy machine do; then the waits are not known.
    """
    if side["drive"] == "load":
        return Basis("wall", "load")
    if side["workers"] != 1:
        return Basis("wall", "workers")
    waits, switches = ([side[f"{name}_{of}"] for of in "ab"] for name in ("waits", "switches"))
    if max(side["cores_a"], side["cores_b"]) > _MOST_CORES:
        return Basis("wall", "helpers")
    if max(waits) > MOST_WAITING:
        return Basis("wall", "waits")
    executors = (str(side["executor"]).split(" | ") * 2)[:2]
    if all(map(_is_busy, executors, waits)):
        sleeps = any(
            executor == "serial" and count > MOST_SWITCHES for executor, count in zip(executors, switches, strict=True)
        )
        return Basis("wall", "sleeps") if sleeps else Basis("cpu", "busy")
    return Basis("wall", "unknown")


def _is_busy(executor: str, waits: float) -> bool:
    """Whether one worker of this executor did not wait; in the calling thread alone nothing else explains waits below zero."""
    return waits <= MOST_WAITING if executor == "serial" else is_cpu_bound(waits)
